// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface IAnchorStateRegistry {
    function disputeGameFactory() external view returns (address);
}
