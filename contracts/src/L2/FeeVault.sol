// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Predeploys } from "../libraries/Predeploys.sol";
import { SafeCall } from "../libraries/SafeCall.sol";
import { Types } from "../libraries/Types.sol";
import { IL2ToL1MessagePasser } from "../interfaces/IL2ToL1MessagePasser.sol";

/// @title FeeVault
/// @notice Collects one kind of fee. Anybody may send the content on to the one recipient, on L1 or L2.
/// @dev spec: experimental/contracts/L2/fee-vault.md. Here the settings are in the code, as before Karst.
abstract contract FeeVault {
    /// @dev L1 gas of a withdrawal to L1.
    uint256 internal constant WITHDRAWAL_MIN_GAS = 400_000;

    uint256 internal immutable INITIAL_MIN_WITHDRAWAL_AMOUNT;
    address internal immutable INITIAL_RECIPIENT;
    Types.WithdrawalNetwork internal immutable INITIAL_WITHDRAWAL_NETWORK;

    /// @notice Wei paid out so far.
    uint256 public totalProcessed;

    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, Types.WithdrawalNetwork withdrawalNetwork);

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

    /// @notice Sends everything to the recipient, and tells how much that was.
    function withdraw() external returns (uint256 value_) {
        value_ = address(this).balance;
        (uint256 minimum, address to, Types.WithdrawalNetwork network) = _settings();
        require(value_ >= minimum, "FeeVault: withdrawal amount must be greater than minimum withdrawal amount");
        unchecked {
            // All ether there is does not come near the limit.
            totalProcessed += value_;
        }
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
        return "1.5.1+opal.1";
    }

    /// @notice Below this balance, in wei, the vault does not pay out.
    function minWithdrawalAmount() public view returns (uint256 minimum_) {
        (minimum_,,) = _settings();
    }

    function recipient() public view returns (address to_) {
        (, to_,) = _settings();
    }

    /// @notice Where the recipient lives.
    function withdrawalNetwork() public view returns (Types.WithdrawalNetwork network_) {
        (,, network_) = _settings();
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

    /// @dev Minimum in wei, recipient, and where the recipient lives.
    function _settings() internal view virtual returns (uint256, address, Types.WithdrawalNetwork) {
        return (INITIAL_MIN_WITHDRAWAL_AMOUNT, INITIAL_RECIPIENT, INITIAL_WITHDRAWAL_NETWORK);
    }
}
