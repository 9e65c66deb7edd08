// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Erc1967 } from "../libraries/Erc1967.sol";
import { IProxyAdmin } from "../interfaces/IProxyAdmin.sol";

/// @title ProxyAdminOwned
/// @notice For implementations: who administers the proxy that runs this code.
abstract contract ProxyAdminOwned {
    error ProxyAdminOwnedBase_ProxyAdminNotFound();
    error ProxyAdminOwnedBase_NotProxyAdminOwner();
    error ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner();

    function proxyAdmin() public view returns (IProxyAdmin) {
        address found = Erc1967.admin();
        if (found == address(0)) revert ProxyAdminOwnedBase_ProxyAdminNotFound();
        return IProxyAdmin(found);
    }

    function proxyAdminOwner() public view returns (address) {
        return proxyAdmin().owner();
    }

    function _assertOnlyProxyAdminOwner() internal view {
        if (msg.sender != proxyAdminOwner()) revert ProxyAdminOwnedBase_NotProxyAdminOwner();
    }

    function _assertOnlyProxyAdminOrProxyAdminOwner() internal view {
        if (msg.sender != address(proxyAdmin()) && msg.sender != proxyAdminOwner()) {
            revert ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner();
        }
    }
}
