// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Predeploys
/// @notice Addresses on L2 that the protocol fixes.
/// @dev spec: predeploys.md
library Predeploys {
    address internal constant L1_BLOCK = 0x4200000000000000000000000000000000000015;
    address internal constant L2_TO_L1_MESSAGE_PASSER = 0x4200000000000000000000000000000000000016;
    address internal constant BASE_FEE_VAULT = 0x4200000000000000000000000000000000000019;
    /// @dev Sends the L1 attributes and switches forks on; nobody has its key.
    address internal constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
}
