// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title SafeCall
/// @notice Calls whose returned data nobody reads, so that it cannot be used to exhaust the caller's
///         gas, and calls that get at least the gas they were promised.
/// @dev spec: withdrawals.md#security-considerations, messengers.md
library SafeCall {
    /// @dev Most gas that a CALL itself may take before anything is left for the callee: a cold account,
    ///      a value, a new account.
    uint256 private constant CALL_OVERHEAD = 40_000;

    /// @notice Calls with everything that the 63/64 rule lets through, up to `_gas`.
    function call(address _target, uint256 _gas, uint256 _value, bytes memory _data) internal returns (bool success_) {
        assembly {
            success_ := call(_gas, _target, _value, add(_data, 0x20), mload(_data), 0, 0)
        }
    }

    /// @notice Whether a call made now would reach its target with `_minGas`, and `_reserved` gas would
    ///         remain here for afterwards.
    /// @dev A call passes on at most 63/64 of what is left: gas * 63 >= minGas * 64 + 63 * (overhead +
    ///      reserved). Amounts that no block could hold wrap around, as on existing chains: some of these
    ///      senseless withdrawals can be finalized there, and so can they be here.
    function hasMinGas(uint256 _minGas, uint256 _reserved) internal view returns (bool) {
        unchecked {
            return gasleft() * 63 >= _minGas * 64 + 63 * (CALL_OVERHEAD + _reserved);
        }
    }

    /// @notice Calls with at least `_minGas`, or reverts and leaves everything as it was.
    function callWithMinGas(
        address _target,
        uint256 _minGas,
        uint256 _value,
        bytes memory _data
    )
        internal
        returns (bool)
    {
        require(hasMinGas(_minGas, 0), "SafeCall: Not enough gas");
        return call(_target, gasleft(), _value, _data);
    }
}
