// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Erc1967
/// @notice The two storage slots of a proxy, as EIP-1967 names them.
library Erc1967 {
    /// @dev keccak256("eip1967.proxy.implementation") - 1
    bytes32 internal constant IMPLEMENTATION_SLOT =
        0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    /// @dev keccak256("eip1967.proxy.admin") - 1
    bytes32 internal constant ADMIN_SLOT = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    function implementation() internal view returns (address value_) {
        assembly {
            value_ := sload(IMPLEMENTATION_SLOT)
        }
    }

    function setImplementation(address _value) internal {
        assembly {
            sstore(IMPLEMENTATION_SLOT, _value)
        }
    }

    function admin() internal view returns (address value_) {
        assembly {
            value_ := sload(ADMIN_SLOT)
        }
    }

    function setAdmin(address _value) internal {
        assembly {
            sstore(ADMIN_SLOT, _value)
        }
    }
}
