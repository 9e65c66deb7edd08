// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice How a dispute about an output stands.
enum GameStatus {
    IN_PROGRESS,
    CHALLENGER_WINS,
    DEFENDER_WINS
}

/// @notice Who gets the bonds of a game that is closed.
/// @custom:value UNDECIDED The game is not closed yet.
/// @custom:value NORMAL    The winner.
/// @custom:value REFUND    Whoever paid them: the game turned out to be improper.
enum BondDistributionMode {
    UNDECIDED,
    NORMAL,
    REFUND
}

/// @notice An output root and the block (or time) of L2 it is about.
struct Proposal {
    bytes32 root;
    uint256 l2SequenceNumber;
}
