// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "./Initializable.sol";
import { Ownable } from "./Ownable.sol";

/// @dev Slots 1 to 50: reserved, as on existing chains.
abstract contract GapBeforeOwner is Initializable {
    uint256[50] private _gap;
}

/// @title OwnableWithGaps
/// @notice An owner in slot 51, as contracts behind proxies have it on existing chains. What they keep
///         themselves starts in slot 101.
abstract contract OwnableWithGaps is GapBeforeOwner, Ownable {
    uint256[49] private _gap;
}
