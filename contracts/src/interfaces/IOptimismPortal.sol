// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface IOptimismPortal {
    function ethLockbox() external view returns (address);
    function disputeGameFactory() external view returns (address);
}
