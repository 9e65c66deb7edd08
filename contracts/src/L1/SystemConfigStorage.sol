// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { OwnableWithGaps } from "../universal/OwnableWithGaps.sol";
import { ResourceMetering } from "./ResourceMetering.sol";
import { ISuperchainConfig } from "../interfaces/ISuperchainConfig.sol";

/// @title SystemConfigStorage
/// @notice What SystemConfig keeps, in the order that existing chains have it: from slot 101 on.
abstract contract SystemConfigStorage is OwnableWithGaps {
    /// @notice Fee overhead in L1 gas; unused since Ecotone.
    uint256 public overhead;
    /// @notice Fee scalar: a plain number before Ecotone, versioned and packed since.
    uint256 public scalar;
    /// @notice Who may post batches: version byte 0, address in the low 20 bytes.
    bytes32 public batcherHash;
    /// @notice Gas limit of L2 blocks.
    uint64 public gasLimit;
    /// @notice Weight of the L1 base fee in the L1 fee, scaled by 1e6.
    uint32 public basefeeScalar;
    /// @notice Weight of the L1 blob base fee in the L1 fee, scaled by 1e6.
    uint32 public blobbasefeeScalar;
    ResourceMetering.ResourceConfig internal _resources;
    /// @notice EIP-1559 denominator of L2; 0 means the chain's constant.
    uint32 public eip1559Denominator;
    /// @notice EIP-1559 elasticity of L2; 0 means the chain's constant.
    uint32 public eip1559Elasticity;
    /// @notice Operator fee per L2 gas, scaled.
    uint32 public operatorFeeScalar;
    /// @notice Operator fee per L2 transaction, in wei.
    uint64 public operatorFeeConstant;
    uint256 public l2ChainId;
    ISuperchainConfig internal _superchainConfig;
    /// @notice Lower bound of the L2 base fee, in wei.
    uint64 public minBaseFee;
    /// @notice Which optional features this chain has switched on.
    mapping(bytes32 => bool) public isFeatureEnabled;
    /// @notice DA footprint per compressed byte, in gas; 0 means 400.
    uint16 public daFootprintGasScalar;
}
