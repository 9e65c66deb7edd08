// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Predeploys } from "../libraries/Predeploys.sol";
import { SafeCall } from "../libraries/SafeCall.sol";
import { Types } from "../libraries/Types.sol";
import { IL2ToL1MessagePasser } from "../interfaces/IL2ToL1MessagePasser.sol";
import { IProxyAdmin } from "../interfaces/IProxyAdmin.sol";

/// @title FeeVault
/// @notice Collects one kind of fee. Anybody may send the content on to the one recipient, on L1 or L2.
/// @dev spec: experimental/contracts/L2/fee-vault.md, revshare/predeploys.md. A vault of before Karst has its
///      settings in its code; one of Karst has them in slots 1 and 2, where the owner of the proxy admin may
///      change them. Here the code's settings hold until the vault has been initialised or changed.
abstract contract FeeVault {
    /// @dev L1 gas of a withdrawal to L1.
    uint256 internal constant WITHDRAWAL_MIN_GAS = 400_000;
    /// @dev keccak256(keccak256("openzeppelin.storage.Initializable") - 1), last byte cleared (ERC-7201).
    bytes32 internal constant INITIALIZED_SLOT = 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00;

    uint256 internal immutable INITIAL_MIN_WITHDRAWAL_AMOUNT;
    address internal immutable INITIAL_RECIPIENT;
    Types.WithdrawalNetwork internal immutable INITIAL_WITHDRAWAL_NETWORK;

    /// @notice Wei paid out so far.
    uint256 public totalProcessed;
    uint256 private _minWithdrawalAmount;
    address private _recipient;
    Types.WithdrawalNetwork private _withdrawalNetwork;

    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, Types.WithdrawalNetwork withdrawalNetwork);
    event MinWithdrawalAmountUpdated(uint256 oldWithdrawalAmount, uint256 newWithdrawalAmount);
    event RecipientUpdated(address oldRecipient, address newRecipient);
    event WithdrawalNetworkUpdated(
        Types.WithdrawalNetwork oldWithdrawalNetwork, Types.WithdrawalNetwork newWithdrawalNetwork
    );
    event Initialized(uint64 version);

    error FeeVault_OnlyProxyAdminOwner();
    error InvalidInitialization();

    modifier onlyProxyAdminOwner() {
        if (msg.sender != IProxyAdmin(Predeploys.PROXY_ADMIN).owner()) revert FeeVault_OnlyProxyAdminOwner();
        _;
    }

    constructor(
        address _initialRecipient,
        uint256 _initialMinWithdrawalAmount,
        Types.WithdrawalNetwork _initialWithdrawalNetwork
    ) {
        INITIAL_RECIPIENT = _initialRecipient;
        INITIAL_MIN_WITHDRAWAL_AMOUNT = _initialMinWithdrawalAmount;
        INITIAL_WITHDRAWAL_NETWORK = _initialWithdrawalNetwork;
    }

    receive() external payable { }

    /// @notice Gives the vault its settings, once. Those in the code are forgotten.
    function initialize(
        address _newRecipient,
        uint256 _newMinWithdrawalAmount,
        Types.WithdrawalNetwork _newWithdrawalNetwork
    )
        external
        onlyProxyAdminOwner
    {
        if (_initializedVersion() != 0) revert InvalidInitialization();
        _store(_newRecipient, _newMinWithdrawalAmount, _newWithdrawalNetwork);
    }

    // ---- changes by the owner of the proxy admin

    function setMinWithdrawalAmount(uint256 _newMinWithdrawalAmount) external onlyProxyAdminOwner {
        emit MinWithdrawalAmountUpdated(minWithdrawalAmount(), _newMinWithdrawalAmount);
        _store(recipient(), _newMinWithdrawalAmount, withdrawalNetwork());
    }

    function setRecipient(address _newRecipient) external onlyProxyAdminOwner {
        emit RecipientUpdated(recipient(), _newRecipient);
        _store(_newRecipient, minWithdrawalAmount(), withdrawalNetwork());
    }

    function setWithdrawalNetwork(Types.WithdrawalNetwork _newWithdrawalNetwork) external onlyProxyAdminOwner {
        emit WithdrawalNetworkUpdated(withdrawalNetwork(), _newWithdrawalNetwork);
        _store(recipient(), minWithdrawalAmount(), _newWithdrawalNetwork);
    }

    // ---- everybody

    /// @notice Sends everything to the recipient, and tells how much that was.
    function withdraw() external returns (uint256 value_) {
        value_ = address(this).balance;
        require(
            value_ >= minWithdrawalAmount(),
            "FeeVault: withdrawal amount must be greater than minimum withdrawal amount"
        );
        address to = recipient();
        Types.WithdrawalNetwork network = withdrawalNetwork();
        totalProcessed += value_;
        emit Withdrawal(value_, to, msg.sender);
        emit Withdrawal(value_, to, msg.sender, network);

        if (network == Types.WithdrawalNetwork.L2) {
            require(
                SafeCall.call(to, gasleft(), value_, bytes("")), "FeeVault: failed to send ETH to L2 fee recipient"
            );
        } else {
            IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal{ value: value_ }(
                to, WITHDRAWAL_MIN_GAS, bytes("")
            );
        }
    }

    function version() external pure virtual returns (string memory) {
        return "1.6.0+opal.1";
    }

    /// @notice Below this balance, in wei, the vault does not pay out.
    function minWithdrawalAmount() public view returns (uint256) {
        return _initializedVersion() == 0 ? INITIAL_MIN_WITHDRAWAL_AMOUNT : _minWithdrawalAmount;
    }

    function recipient() public view returns (address) {
        return _initializedVersion() == 0 ? INITIAL_RECIPIENT : _recipient;
    }

    /// @notice Where the recipient lives.
    function withdrawalNetwork() public view returns (Types.WithdrawalNetwork) {
        return _initializedVersion() == 0 ? INITIAL_WITHDRAWAL_NETWORK : _withdrawalNetwork;
    }

    // ---- older names

    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256) {
        return minWithdrawalAmount();
    }

    function RECIPIENT() external view returns (address) {
        return recipient();
    }

    function WITHDRAWAL_NETWORK() external view returns (Types.WithdrawalNetwork) {
        return withdrawalNetwork();
    }

    // ---- helpers

    function _store(address _to, uint256 _minimum, Types.WithdrawalNetwork _network) private {
        _recipient = _to;
        _minWithdrawalAmount = _minimum;
        _withdrawalNetwork = _network;
        if (_initializedVersion() == 0) {
            assembly {
                sstore(INITIALIZED_SLOT, 1)
            }
            emit Initialized(1);
        }
    }

    function _initializedVersion() private view returns (uint64 version_) {
        assembly {
            version_ := and(sload(INITIALIZED_SLOT), 0xffffffffffffffff)
        }
    }
}
