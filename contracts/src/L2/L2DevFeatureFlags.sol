// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L2DevFeatureFlags
/// @notice Which features under development a chain tries out, one bit each. On chains in production: none.
/// @dev A predeploy since Karst. Upgrades read it; the protocol does not.
contract L2DevFeatureFlags {
    /// @dev keccak256("l2devfeatureflags.bitmap") - 1
    bytes32 private constant BITMAP_SLOT = 0xc8bc8f9195cfb2d040744aac63412d02ffc186ea9bd519039edc4666ee9032bc;

    error L2DevFeatureFlags_Unauthorized();

    function version() external pure returns (string memory) {
        return "1.0.0+opal.1";
    }

    function setDevFeatureBitmap(bytes32 _bitmap) external {
        if (msg.sender != Predeploys.DEPOSITOR_ACCOUNT) revert L2DevFeatureFlags_Unauthorized();
        assembly {
            sstore(BITMAP_SLOT, _bitmap)
        }
    }

    function devFeatureBitmap() public view returns (bytes32 bitmap_) {
        assembly {
            bitmap_ := sload(BITMAP_SLOT)
        }
    }

    /// @notice Whether all bits of a feature are set; a feature without bits is off.
    function isDevFeatureEnabled(bytes32 _feature) external view returns (bool) {
        return _feature != 0 && devFeatureBitmap() & _feature == _feature;
    }
}
