// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Slot
/// @notice Reads and writes of storage at slots that have a name instead of a position.
library Slot {
    function getAddress(bytes32 _slot) internal view returns (address value_) {
        assembly {
            value_ := sload(_slot)
        }
    }

    function setAddress(bytes32 _slot, address _value) internal {
        assembly {
            sstore(_slot, _value)
        }
    }

    function getUint(bytes32 _slot) internal view returns (uint256 value_) {
        assembly {
            value_ := sload(_slot)
        }
    }

    function setUint(bytes32 _slot, uint256 _value) internal {
        assembly {
            sstore(_slot, _value)
        }
    }
}
