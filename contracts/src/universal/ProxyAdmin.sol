// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Ownable } from "./Ownable.sol";
import { IProxy } from "../interfaces/IProxy.sol";

/// @title ProxyAdmin
/// @notice Administers EIP-1967 proxies on behalf of one owner.
/// @dev Storage matches the contract of the same name on existing chains: owner in slot 0. The proxy
///      types of before Bedrock are not known here; their slots stay reserved.
contract ProxyAdmin is Ownable {
    /// @dev Proxy types, implementation names, and address manager with upgrade flag.
    uint256[3] private _reserved;

    constructor(address _owner) {
        _transferOwnership(_owner);
    }

    function getProxyImplementation(address _proxy) external view returns (address) {
        return IProxy(_proxy).implementation();
    }

    function getProxyAdmin(address _proxy) external view returns (address) {
        return IProxy(_proxy).admin();
    }

    function changeProxyAdmin(address _proxy, address _newAdmin) external onlyOwner {
        IProxy(_proxy).changeAdmin(_newAdmin);
    }

    function upgrade(address _proxy, address _implementation) external onlyOwner {
        IProxy(_proxy).upgradeTo(_implementation);
    }

    function upgradeAndCall(
        address _proxy,
        address _implementation,
        bytes calldata _data
    )
        external
        payable
        onlyOwner
    {
        IProxy(_proxy).upgradeToAndCall{ value: msg.value }(_implementation, _data);
    }
}
