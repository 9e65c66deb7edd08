// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface ISuperchainConfig {
    function guardian() external view returns (address);
    function paused(address _identifier) external view returns (bool);
}
