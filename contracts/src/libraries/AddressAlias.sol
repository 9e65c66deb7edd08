// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title AddressAlias
/// @notice An L1 contract acts on L2 under another address, so that it cannot pose as the L2 contract
///         that happens to live at its own.
/// @dev spec: deposits.md#address-aliasing
library AddressAlias {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    function apply_(address _l1) internal pure returns (address) {
        unchecked {
            return address(uint160(_l1) + OFFSET);
        }
    }

    function undo(address _l2) internal pure returns (address) {
        unchecked {
            return address(uint160(_l2) - OFFSET);
        }
    }

    /// @notice The caller's address on L2. Accounts with a key keep theirs, also when they delegate to
    ///         code by EIP-7702.
    function ofSender() internal view returns (address) {
        if (msg.sender == tx.origin || _isDelegated(msg.sender)) return msg.sender;
        return apply_(msg.sender);
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
