// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Types
/// @notice What crosses between L2 and L1.
library Types {
    /// @notice A claim on the state of L2, as the legacy oracle keeps it.
    /// @custom:field outputRoot    Hash of the output.
    /// @custom:field timestamp     L1 time of the proposal, unix seconds.
    /// @custom:field l2BlockNumber The L2 block it is about.
    struct OutputProposal {
        bytes32 outputRoot;
        uint128 timestamp;
        uint128 l2BlockNumber;
    }

    /// @notice The preimage of an output root.
    /// @dev spec: proposals.md#l2-output-commitment-construction
    struct OutputRootProof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }

    /// @notice A message from L2 to L1, as L2ToL1MessagePasser announced it.
    /// @dev spec: withdrawals.md#l2tol1messagepasser-interface
    struct WithdrawalTransaction {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    /// @notice Where the recipient of fees lives.
    enum WithdrawalNetwork {
        L1,
        L2
    }
}
