// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { CrossDomainMessenger } from "../universal/CrossDomainMessenger.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { ISystemConfig } from "../interfaces/ISystemConfig.sol";
import { IOptimismPortal } from "../interfaces/IOptimismPortal.sol";
import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L1CrossDomainMessenger
/// @notice The L1 half of the messengers: sends by deposits, receives by withdrawals.
/// @dev spec: messengers.md, experimental/contracts/L1/l1-cross-domain-messenger.md
contract L1CrossDomainMessenger is CrossDomainMessenger, ProxyAdminOwned {
    uint8 internal constant INIT_VERSION = 1;

    ISystemConfig public systemConfig;
    IOptimismPortal public portal;
    uint256 private _reserved253;

    constructor() {
        _disableInitializers();
    }

    function initialize(ISystemConfig _systemConfig, IOptimismPortal _portal) external reinitializer(INIT_VERSION) {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        systemConfig = _systemConfig;
        portal = _portal;
        _initMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    }

    function version() external pure returns (string memory) {
        return "2.11.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    /// @notice Older name of `portal`.
    function PORTAL() external view returns (IOptimismPortal) {
        return portal;
    }

    function superchainConfig() external view returns (address) {
        return systemConfig.superchainConfig();
    }

    function paused() public view override returns (bool) {
        return systemConfig.paused();
    }

    function _sendMessage(address _to, uint64 _gasLimit, uint256 _value, bytes memory _data) internal override {
        portal.depositTransaction{ value: _value }(_to, _value, _gasLimit, false, _data);
    }

    function _isOtherMessenger() internal view override returns (bool) {
        return msg.sender == address(portal) && portal.l2Sender() == address(otherMessenger);
    }

    function _isUnsafeTarget(address _target) internal view override returns (bool) {
        return _target == address(this) || _target == address(portal);
    }
}
