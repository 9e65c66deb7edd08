// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Predeploys } from "../libraries/Predeploys.sol";
import { FastLz } from "../libraries/FastLz.sol";
import { IL1Block } from "../interfaces/IL1Block.sol";

/// @title GasPriceOracle
/// @notice Tells wallets what a transaction will pay beyond its gas: the L1 fee and the operator fee.
/// @dev spec: exec-engine.md#l1-cost-fees, fjord/, isthmus/ and jovian/exec-engine.md. The engine charges
///      by its own computation over the signed transaction; here the signature is estimated as 68 bytes.
contract GasPriceOracle {
    IL1Block private constant L1_BLOCK = IL1Block(Predeploys.L1_BLOCK);
    /// @dev Bytes that a signature adds to a transaction.
    uint256 private constant SIGNATURE_BYTES = 68;

    /// @notice Decimals of the fee scalars.
    uint256 public constant DECIMALS = 6;
    /// @dev What a scalar of one is.
    uint256 private constant ONE = 1e6;

    bool public isEcotone;
    bool public isFjord;
    bool public isIsthmus;
    bool public isJovian;

    // ---- switches of the forks, each thrown once by an upgrade transaction

    function setEcotone() external {
        require(
            msg.sender == Predeploys.DEPOSITOR_ACCOUNT,
            "GasPriceOracle: only the depositor account can set isEcotone flag"
        );
        require(!isEcotone, "GasPriceOracle: Ecotone already active");
        isEcotone = true;
    }

    function setFjord() external {
        require(
            msg.sender == Predeploys.DEPOSITOR_ACCOUNT,
            "GasPriceOracle: only the depositor account can set isFjord flag"
        );
        require(isEcotone, "GasPriceOracle: Fjord can only be activated after Ecotone");
        require(!isFjord, "GasPriceOracle: Fjord already active");
        isFjord = true;
    }

    function setIsthmus() external {
        require(
            msg.sender == Predeploys.DEPOSITOR_ACCOUNT,
            "GasPriceOracle: only the depositor account can set isIsthmus flag"
        );
        require(isFjord, "GasPriceOracle: Isthmus can only be activated after Fjord");
        require(!isIsthmus, "GasPriceOracle: Isthmus already active");
        isIsthmus = true;
    }

    function setJovian() external {
        require(
            msg.sender == Predeploys.DEPOSITOR_ACCOUNT,
            "GasPriceOracle: only the depositor account can set isJovian flag"
        );
        require(isIsthmus, "GasPriceOracle: Jovian can only be activated after Isthmus");
        require(!isJovian, "GasPriceOracle: Jovian already active");
        isJovian = true;
    }

    // ---- fees

    /// @notice L1 fee in wei of an unsigned transaction, RLP-encoded.
    function getL1Fee(bytes memory _data) external view returns (uint256) {
        if (isFjord) return _fjordFee(FastLz.compressedLength(_data) + SIGNATURE_BYTES);
        uint256 gasUsed = _calldataGas(_data);
        if (isEcotone) return gasUsed * _weightedFees() / (16 * ONE);
        return (gasUsed + L1_BLOCK.l1FeeOverhead()) * L1_BLOCK.basefee() * L1_BLOCK.l1FeeScalar() / ONE;
    }

    /// @notice L1 fee in wei that a transaction of this many unsigned bytes hardly ever exceeds.
    function getL1FeeUpperBound(uint256 _unsignedTxSize) external view returns (uint256) {
        require(isFjord, "GasPriceOracle: getL1FeeUpperBound only supports Fjord");
        uint256 size = _unsignedTxSize + SIGNATURE_BYTES;
        return _fjordFee(size + size / 255 + 16);
    }

    /// @notice L1 gas that the transaction's data takes. Says little since Fjord.
    function getL1GasUsed(bytes memory _data) external view returns (uint256) {
        if (isFjord) {
            return _fjordSize(FastLz.compressedLength(_data) + SIGNATURE_BYTES) * 16 / ONE;
        }
        uint256 gasUsed = _calldataGas(_data);
        return isEcotone ? gasUsed : gasUsed + L1_BLOCK.l1FeeOverhead();
    }

    /// @notice Operator fee in wei of a transaction that uses this much gas.
    function getOperatorFee(uint256 _gasUsed) external view returns (uint256) {
        if (!isIsthmus) return 0;
        uint256 perGas = L1_BLOCK.operatorFeeScalar();
        uint256 constant_ = L1_BLOCK.operatorFeeConstant();
        if (isJovian) return _gasUsed * perGas * 100 + constant_;
        unchecked {
            // Saturates.
            uint256 scaled = _gasUsed * perGas;
            if (perGas != 0 && scaled / perGas != _gasUsed) scaled = type(uint256).max;
            uint256 fee = scaled / ONE + constant_;
            return fee < constant_ ? type(uint256).max : fee;
        }
    }

    // ---- what the fees are made of

    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    function overhead() external view returns (uint256) {
        require(!isEcotone, "GasPriceOracle: overhead() is deprecated");
        return L1_BLOCK.l1FeeOverhead();
    }

    function scalar() external view returns (uint256) {
        require(!isEcotone, "GasPriceOracle: scalar() is deprecated");
        return L1_BLOCK.l1FeeScalar();
    }

    function l1BaseFee() external view returns (uint256) {
        return L1_BLOCK.basefee();
    }

    function blobBaseFee() external view returns (uint256) {
        return L1_BLOCK.blobBaseFee();
    }

    function baseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.baseFeeScalar();
    }

    function blobBaseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.blobBaseFeeScalar();
    }

    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }

    function version() external pure returns (string memory) {
        return "1.5.0+opal.1";
    }

    // ---- helpers

    /// @dev Price in wei of 16 gas of L1 data, weighted and scaled.
    function _weightedFees() private view returns (uint256) {
        return 16 * uint256(L1_BLOCK.baseFeeScalar()) * L1_BLOCK.basefee()
            + uint256(L1_BLOCK.blobBaseFeeScalar()) * L1_BLOCK.blobBaseFee();
    }

    function _fjordFee(uint256 _fastLzSize) private view returns (uint256) {
        return _fjordSize(_fastLzSize) * _weightedFees() / (ONE * ONE);
    }

    /// @dev Estimated size in a batch, in millionths of a byte; at least 100 bytes.
    function _fjordSize(uint256 _fastLzSize) private pure returns (uint256) {
        uint256 size = 836_500 * _fastLzSize;
        return size < 142_585_600 ? 100_000_000 : size - 42_585_600;
    }

    /// @dev L1 gas of the data as calldata, with 68 non-zero bytes of signature.
    function _calldataGas(bytes memory _data) private pure returns (uint256 gas_) {
        unchecked {
            gas_ = 16 * (_data.length + SIGNATURE_BYTES);
            for (uint256 i; i < _data.length; ++i) {
                if (_data[i] == 0) gas_ -= 12;
            }
        }
    }
}
