// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { OwnableWithGaps } from "../universal/OwnableWithGaps.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { Slot } from "../libraries/Slot.sol";

/// @title ProtocolVersions
/// @notice Tells nodes which version of the protocol they must and should support.
/// @dev spec: superchain-upgrades.md#protocolversions-l1-contract
contract ProtocolVersions is OwnableWithGaps, ProxyAdminOwned {
    /// @dev What a ConfigUpdate event is about; the number is the event's second topic.
    enum UpdateType {
        REQUIRED_PROTOCOL_VERSION,
        RECOMMENDED_PROTOCOL_VERSION
    }

    uint256 public constant VERSION = 0;
    bytes32 public constant REQUIRED_SLOT = bytes32(uint256(keccak256("protocolversion.required")) - 1);
    bytes32 public constant RECOMMENDED_SLOT = bytes32(uint256(keccak256("protocolversion.recommended")) - 1);

    event ConfigUpdate(uint256 indexed version, UpdateType indexed updateType, bytes data);

    constructor() {
        _disableInitializers();
    }

    function initialize(address _owner, uint256 _required, uint256 _recommended) external reinitializer(1) {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        _transferOwnership(_owner);
        _set(UpdateType.REQUIRED_PROTOCOL_VERSION, REQUIRED_SLOT, _required);
        _set(UpdateType.RECOMMENDED_PROTOCOL_VERSION, RECOMMENDED_SLOT, _recommended);
    }

    function setRequired(uint256 _required) external onlyOwner {
        _set(UpdateType.REQUIRED_PROTOCOL_VERSION, REQUIRED_SLOT, _required);
    }

    function setRecommended(uint256 _recommended) external onlyOwner {
        _set(UpdateType.RECOMMENDED_PROTOCOL_VERSION, RECOMMENDED_SLOT, _recommended);
    }

    function required() external view returns (uint256) {
        return Slot.getUint(REQUIRED_SLOT);
    }

    function recommended() external view returns (uint256) {
        return Slot.getUint(RECOMMENDED_SLOT);
    }

    function version() external pure returns (string memory) {
        return "1.1.0+opal.1";
    }

    function _set(UpdateType _type, bytes32 _slot, uint256 _value) private {
        Slot.setUint(_slot, _value);
        emit ConfigUpdate(VERSION, _type, abi.encode(_value));
    }
}
