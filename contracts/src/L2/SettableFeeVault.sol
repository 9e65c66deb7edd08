// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FeeVault } from "./FeeVault.sol";
import { Predeploys } from "../libraries/Predeploys.sol";
import { Types } from "../libraries/Types.sol";
import { IProxyAdmin } from "../interfaces/IProxyAdmin.sol";

/// @title SettableFeeVault
/// @notice A vault whose settings the owner of the proxy admin may change.
/// @dev spec: revshare/predeploys.md. Vaults of Karst have their settings in slots 1 and 2. Those in the code
///      hold until the vault has been initialised or changed.
abstract contract SettableFeeVault is FeeVault {
    /// @dev keccak256(keccak256("openzeppelin.storage.Initializable") - 1), last byte cleared (ERC-7201).
    bytes32 internal constant INITIALIZED_SLOT = 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00;

    uint256 private _minWithdrawalAmount;
    address private _recipient;
    Types.WithdrawalNetwork private _withdrawalNetwork;

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
    )
        FeeVault(_initialRecipient, _initialMinWithdrawalAmount, _initialWithdrawalNetwork)
    { }

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

    function version() external pure virtual override returns (string memory) {
        return "1.6.0+opal.1";
    }

    // ---- helpers

    function _settings() internal view override returns (uint256, address, Types.WithdrawalNetwork) {
        if (_initializedVersion() == 0) return super._settings();
        return (_minWithdrawalAmount, _recipient, _withdrawalNetwork);
    }

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
