// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Predeploys } from "../libraries/Predeploys.sol";
import { IL2ToL1MessagePasser } from "../interfaces/IL2ToL1MessagePasser.sol";

/// @title FeeVault
/// @notice Collects one kind of fee. Anybody may send the content on to the one recipient.
abstract contract FeeVault {
    /// @notice Where the recipient lives.
    enum WithdrawalNetwork {
        L1,
        L2
    }

    /// @dev L1 gas of a withdrawal to L1.
    uint256 internal constant WITHDRAWAL_MIN_GAS = 400_000;

    /// @notice Below this balance, in wei, the vault does not pay out.
    uint256 public immutable MIN_WITHDRAWAL_AMOUNT;
    address public immutable RECIPIENT;
    WithdrawalNetwork public immutable WITHDRAWAL_NETWORK;

    /// @notice Wei paid out so far.
    uint256 public totalProcessed;

    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);

    constructor(address _recipient, uint256 _minWithdrawalAmount, WithdrawalNetwork _withdrawalNetwork) {
        RECIPIENT = _recipient;
        MIN_WITHDRAWAL_AMOUNT = _minWithdrawalAmount;
        WITHDRAWAL_NETWORK = _withdrawalNetwork;
    }

    receive() external payable { }

    function version() external pure virtual returns (string memory) {
        return "1.5.0+opal.1";
    }

    function minWithdrawalAmount() external view returns (uint256) {
        return MIN_WITHDRAWAL_AMOUNT;
    }

    function recipient() external view returns (address) {
        return RECIPIENT;
    }

    function withdrawalNetwork() external view returns (WithdrawalNetwork) {
        return WITHDRAWAL_NETWORK;
    }

    /// @notice Sends everything to the recipient.
    function withdraw() external {
        uint256 value = address(this).balance;
        require(
            value >= MIN_WITHDRAWAL_AMOUNT,
            "FeeVault: withdrawal amount must be greater than minimum withdrawal amount"
        );
        totalProcessed += value;
        emit Withdrawal(value, RECIPIENT, msg.sender);
        emit Withdrawal(value, RECIPIENT, msg.sender, WITHDRAWAL_NETWORK);

        if (WITHDRAWAL_NETWORK == WithdrawalNetwork.L2) {
            (bool sent,) = RECIPIENT.call{ value: value }("");
            require(sent, "FeeVault: failed to send ETH to L2 fee recipient");
        } else {
            IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal{ value: value }(
                RECIPIENT, WITHDRAWAL_MIN_GAS, bytes("")
            );
        }
    }
}
