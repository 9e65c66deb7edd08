// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IDisputeGame } from "./IDisputeGame.sol";

interface IAnchorStateRegistry {
    function disputeGameFactory() external view returns (address);
    function disputeGameFinalityDelaySeconds() external view returns (uint256);
    function disputeGameBlacklist(IDisputeGame _game) external view returns (bool);
    function respectedGameType() external view returns (uint32);
    function retirementTimestamp() external view returns (uint64);
    function paused() external view returns (bool);
    function getAnchorRoot() external view returns (bytes32 root_, uint256 l2SequenceNumber_);
    function isGameProper(IDisputeGame _game) external view returns (bool);
    function isGameRespected(IDisputeGame _game) external view returns (bool);
    function isGameFinalized(IDisputeGame _game) external view returns (bool);
    function isGameClaimValid(IDisputeGame _game) external view returns (bool);
    function setAnchorState(IDisputeGame _game) external;
}
