// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L1Block
/// @notice What L2 knows of L1: the block that the current L2 block builds on, and the fee parameters.
///         The first transaction of every L2 block writes it.
/// @dev spec: deposits.md#l1-attributes-predeployed-contract and the l1-attributes page of each fork.
///      The execution engine reads these slots directly to charge fees: their layout is consensus.
///      Understands every format from Bedrock to Jovian.
contract L1Block {
    /// @notice Number of the L1 block.
    uint64 public number;
    /// @notice Time of the L1 block, unix seconds.
    uint64 public timestamp;
    /// @notice L1 base fee, in wei.
    uint256 public basefee;
    /// @notice Hash of the L1 block.
    bytes32 public hash;
    /// @notice Position of the L2 block among those with this L1 block.
    uint64 public sequenceNumber;
    /// @notice Weight of the blob base fee in the L1 fee, scaled by 1e6 (Ecotone).
    uint32 public blobBaseFeeScalar;
    /// @notice Weight of the base fee in the L1 fee, scaled by 1e6 (Ecotone).
    uint32 public baseFeeScalar;
    /// @notice Who may post batches, versioned.
    bytes32 public batcherHash;
    /// @notice Fee overhead (before Ecotone).
    uint256 public l1FeeOverhead;
    /// @notice Fee scalar (before Ecotone).
    uint256 public l1FeeScalar;
    /// @notice L1 blob base fee, in wei (Ecotone).
    uint256 public blobBaseFee;
    /// @notice Operator fee per transaction, in wei (Isthmus).
    uint64 public operatorFeeConstant;
    /// @notice Operator fee per gas, scaled (Isthmus).
    uint32 public operatorFeeScalar;
    /// @notice DA footprint per compressed byte, in gas (Jovian).
    uint16 public daFootprintGasScalar;

    error NotDepositor();

    function DEPOSITOR_ACCOUNT() external pure returns (address) {
        return Predeploys.DEPOSITOR_ACCOUNT;
    }

    function version() external pure returns (string memory) {
        return "1.7.0+opal.1";
    }

    function gasPayingToken() external pure returns (address, uint8) {
        return (0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, 18);
    }

    function gasPayingTokenName() external pure returns (string memory) {
        return "Ether";
    }

    function gasPayingTokenSymbol() external pure returns (string memory) {
        return "ETH";
    }

    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    /// @notice Bedrock's format.
    function setL1BlockValues(
        uint64 _number,
        uint64 _timestamp,
        uint256 _basefee,
        bytes32 _hash,
        uint64 _sequenceNumber,
        bytes32 _batcherHash,
        uint256 _l1FeeOverhead,
        uint256 _l1FeeScalar
    )
        external
    {
        require(
            msg.sender == Predeploys.DEPOSITOR_ACCOUNT,
            "L1Block: only the depositor account can set L1 block values"
        );
        number = _number;
        timestamp = _timestamp;
        basefee = _basefee;
        hash = _hash;
        sequenceNumber = _sequenceNumber;
        batcherHash = _batcherHash;
        l1FeeOverhead = _l1FeeOverhead;
        l1FeeScalar = _l1FeeScalar;
    }

    /// @notice Ecotone's format: 164 bytes, packed.
    function setL1BlockValuesEcotone() external {
        _setPacked();
    }

    /// @notice Isthmus' format: Ecotone's and 12 bytes of operator fee.
    function setL1BlockValuesIsthmus() external {
        _setPacked();
        assembly {
            // scalar u32 @164, constant u64 @168
            sstore(operatorFeeConstant.slot, shr(160, calldataload(164)))
        }
    }

    /// @notice Jovian's format: Isthmus' and 2 bytes of DA footprint scalar.
    function setL1BlockValuesJovian() external {
        _setPacked();
        assembly {
            // DA scalar u16 @176, above the 12 bytes of operator fee @164
            sstore(
                operatorFeeConstant.slot,
                or(shl(96, shr(240, calldataload(176))), shr(160, calldataload(164)))
            )
        }
    }

    function _setPacked() private {
        if (msg.sender != Predeploys.DEPOSITOR_ACCOUNT) revert NotDepositor();
        assembly {
            // base fee scalar u32 @4, blob base fee scalar u32 @8, sequence number u64 @12
            sstore(sequenceNumber.slot, shr(128, calldataload(4)))
            // time u64 @20, number u64 @28
            sstore(number.slot, shr(128, calldataload(20)))
            sstore(basefee.slot, calldataload(36))
            sstore(blobBaseFee.slot, calldataload(68))
            sstore(hash.slot, calldataload(100))
            sstore(batcherHash.slot, calldataload(132))
        }
    }
}
