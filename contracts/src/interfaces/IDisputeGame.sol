// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { GameStatus } from "../libraries/DisputeTypes.sol";

/// @notice What every dispute game tells.
/// @dev spec: fault-proof/stage-one/dispute-game-interface.md
interface IDisputeGame {
    function initialize() external payable;
    function createdAt() external view returns (uint64);
    function resolvedAt() external view returns (uint64);
    function status() external view returns (GameStatus);
    function gameType() external view returns (uint32);
    function gameCreator() external view returns (address);
    function rootClaim() external view returns (bytes32);
    function l1Head() external view returns (bytes32);
    function l2SequenceNumber() external view returns (uint256);
    function extraData() external view returns (bytes memory);
    function gameData() external view returns (uint32 gameType_, bytes32 rootClaim_, bytes memory extraData_);
    function wasRespectedGameTypeWhenCreated() external view returns (bool);
    function anchorStateRegistry() external view returns (address);
    function resolve() external returns (GameStatus);
}
