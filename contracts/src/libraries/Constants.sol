// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Constants
/// @notice Addresses with a meaning of their own.
library Constants {
    /// @dev What a contract holds as the sender on the other chain while no message runs.
    address internal constant DEFAULT_L2_SENDER = 0x000000000000000000000000000000000000dEaD;
    /// @dev Origin of gas estimations. For it a failing message reverts, so that an estimate cannot
    ///      settle for an amount of gas with which the message merely fails.
    address internal constant ESTIMATION_ADDRESS = address(1);
}
