// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Eoa
/// @notice Whether the caller is an account with a key.
library Eoa {
    /// @notice True for the transaction's origin, and for an account that delegates to code by EIP-7702.
    ///         False for every contract, also one under construction.
    function isSender() internal view returns (bool) {
        return msg.sender == tx.origin || _isDelegated(msg.sender);
    }

    /// @dev Code of 23 bytes that starts with 0xef0100 is a delegation designator.
    function _isDelegated(address _account) private view returns (bool delegated_) {
        assembly {
            if eq(extcodesize(_account), 23) {
                extcodecopy(_account, 0, 0, 32)
                delegated_ := eq(shr(232, mload(0)), 0xef0100)
            }
        }
    }
}
