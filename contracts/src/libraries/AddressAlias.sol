// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Eoa } from "./Eoa.sol";

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
        return Eoa.isSender() ? msg.sender : apply_(msg.sender);
    }
}
