// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "../universal/Initializable.sol";

/// @title ResourceMetering
/// @notice The market for guaranteed L2 gas: what deposits buy is capped per L1 block and priced like
///         EIP-1559, and paid for by burning L1 gas.
/// @dev spec: guaranteed-gas-market.md. Storage: the state of the market in slot 1, 48 slots of gap.
abstract contract ResourceMetering is Initializable {
    /// @notice The state of the market, as of the last deposit.
    /// @custom:field prevBaseFee   Price in that block, wei per L2 gas.
    /// @custom:field prevBoughtGas L2 gas bought in that block so far.
    /// @custom:field prevBlockNum  That L1 block.
    struct ResourceParams {
        uint128 prevBaseFee;
        uint64 prevBoughtGas;
        uint64 prevBlockNum;
    }

    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    /// @notice More L2 gas was asked for than is left in this L1 block.
    error OutOfGas();

    ResourceParams public params;
    uint256[48] private _gap;

    uint256 private constant ONE = 1e27;

    /// @dev Meters after the body, so that the L1 gas the body took counts towards the price.
    modifier metered(uint64 _amount) {
        uint256 initialGas = gasleft();
        _;
        _meter(_amount, initialGas);
    }

    function _resourceConfig() internal view virtual returns (ResourceConfig memory);

    function _initResourceMetering() internal {
        if (params.prevBlockNum == 0) {
            params = ResourceParams({ prevBaseFee: 1 gwei, prevBoughtGas: 0, prevBlockNum: uint64(block.number) });
        }
    }

    function _meter(uint64 _amount, uint256 _initialGas) private {
        ResourceConfig memory config = _resourceConfig();
        ResourceParams memory now_ = params;
        // A genesis may hold the state that a later block left; until then no block has passed.
        uint256 blocks = block.number > now_.prevBlockNum ? block.number - now_.prevBlockNum : 0;
        if (blocks > 0) {
            now_.prevBaseFee = _nextBaseFee(config, now_.prevBaseFee, now_.prevBoughtGas, blocks);
            now_.prevBoughtGas = 0;
            now_.prevBlockNum = uint64(block.number);
        }
        now_.prevBoughtGas += _amount;
        if (now_.prevBoughtGas > config.maxResourceLimit) revert OutOfGas();
        params = now_;

        // An L1 base fee below 1 gwei would make the burn unboundedly large.
        uint256 price = block.basefee > 1 gwei ? block.basefee : 1 gwei;
        uint256 cost = uint256(_amount) * now_.prevBaseFee / price;
        uint256 used = _initialGas - gasleft();
        if (cost > used) _burnGas(cost - used);
    }

    /// @dev The base fee after a block that bought `_bought`, and `_blocks - 1` blocks that bought nothing.
    function _nextBaseFee(
        ResourceConfig memory _config,
        uint256 _baseFee,
        uint256 _bought,
        uint256 _blocks
    )
        private
        pure
        returns (uint128)
    {
        int256 target = int256(uint256(_config.maxResourceLimit / _config.elasticityMultiplier));
        int256 denominator = int256(uint256(_config.baseFeeMaxChangeDenominator));
        int256 delta = int256(_baseFee) * (int256(_bought) - target) / (target * denominator);
        uint256 fee = _clamp(_config, int256(_baseFee) + delta);
        if (_blocks > 1) {
            uint256 ratio = ONE - ONE / _config.baseFeeMaxChangeDenominator;
            fee = _clamp(_config, int256(fee * _pow(ratio, _blocks - 1) / ONE));
        }
        return uint128(fee);
    }

    function _clamp(ResourceConfig memory _config, int256 _value) private pure returns (uint256) {
        int256 low = int256(uint256(_config.minimumBaseFee));
        int256 high = int256(uint256(_config.maximumBaseFee));
        return uint256(_value < low ? low : _value > high ? high : _value);
    }

    /// @dev `_base ** _exponent` for a fixed-point base of at most 1.
    function _pow(uint256 _base, uint256 _exponent) private pure returns (uint256 result_) {
        result_ = ONE;
        while (_exponent != 0) {
            if (_exponent & 1 == 1) result_ = result_ * _base / ONE;
            _base = _base * _base / ONE;
            _exponent >>= 1;
        }
    }

    function _burnGas(uint256 _amount) private view {
        uint256 start = gasleft();
        uint256 i;
        while (start - gasleft() < _amount) {
            unchecked {
                ++i;
            }
        }
    }
}
