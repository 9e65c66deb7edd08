// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ResourceMetering } from "../L1/ResourceMetering.sol";

interface ISystemConfig {
    function resourceConfig() external view returns (ResourceMetering.ResourceConfig memory);
    function paused() external view returns (bool);
    function guardian() external view returns (address);
    function superchainConfig() external view returns (address);
}
