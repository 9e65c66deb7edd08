// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IDisputeGame } from "./IDisputeGame.sol";

interface IDisputeGameFactory {
    function games(
        uint32 _gameType,
        bytes32 _rootClaim,
        bytes memory _extraData
    )
        external
        view
        returns (IDisputeGame proxy_, uint64 timestamp_);
    function gameAtIndex(uint256 _index)
        external
        view
        returns (uint32 gameType_, uint64 timestamp_, IDisputeGame proxy_);
}
