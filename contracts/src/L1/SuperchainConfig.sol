// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "../universal/Initializable.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";

/// @title SuperchainConfig
/// @notice The guardian, and the brake it may pull: for one chain, named by an identifier, or for all by
///         the identifier zero. A pause ends by itself, and has to be extended or lifted before that if
///         it shall be usable again.
/// @dev spec: superchain-config.md, stage-1.md#pause-mechanism
contract SuperchainConfig is Initializable, ProxyAdminOwned {
    /// @dev What a ConfigUpdate event is about.
    enum UpdateType {
        GUARDIAN
    }

    uint8 internal constant INIT_VERSION = 1;
    /// @dev About three months, in seconds.
    uint256 internal constant PAUSE_EXPIRY = 7_884_000;

    /// @notice Who may pause.
    address public guardian;
    /// @notice When the pause of an identifier began, unix seconds; 0 if there is none.
    mapping(address => uint256) public pauseTimestamps;

    event Paused(address identifier);
    event Unpaused(address identifier);
    event ConfigUpdate(UpdateType indexed updateType, bytes data);

    error SuperchainConfig_OnlyGuardian();
    error SuperchainConfig_AlreadyPaused(address identifier);
    error SuperchainConfig_NotAlreadyPaused(address identifier);

    modifier onlyGuardian() {
        if (msg.sender != guardian) revert SuperchainConfig_OnlyGuardian();
        _;
    }

    constructor() {
        _disableInitializers();
    }

    function initialize(address _guardian) external reinitializer(INIT_VERSION) {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        guardian = _guardian;
        emit ConfigUpdate(UpdateType.GUARDIAN, abi.encode(_guardian));
    }

    function version() external pure returns (string memory) {
        return "2.4.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    /// @notice Seconds after which a pause ends.
    function pauseExpiry() external pure returns (uint256) {
        return PAUSE_EXPIRY;
    }

    function pause(address _identifier) external onlyGuardian {
        if (!pausable(_identifier)) revert SuperchainConfig_AlreadyPaused(_identifier);
        _pause(_identifier);
    }

    /// @notice Lifts a pause, or makes an expired one usable again.
    function unpause(address _identifier) external onlyGuardian {
        pauseTimestamps[_identifier] = 0;
        emit Unpaused(_identifier);
    }

    /// @notice Starts the time of a pause anew, also of one that has ended.
    function extend(address _identifier) external onlyGuardian {
        if (pausable(_identifier)) revert SuperchainConfig_NotAlreadyPaused(_identifier);
        _pause(_identifier);
    }

    /// @notice Whether everything is paused.
    function paused() external view returns (bool) {
        return paused(address(0));
    }

    /// @notice Whether exactly this identifier is paused.
    function paused(address _identifier) public view returns (bool) {
        return block.timestamp < expiration(_identifier);
    }

    /// @notice Whether a pause may be begun: it has not been, or has been lifted.
    function pausable(address _identifier) public view returns (bool) {
        return pauseTimestamps[_identifier] == 0;
    }

    /// @notice When the pause ends, unix seconds; 0 if there is none.
    function expiration(address _identifier) public view returns (uint256) {
        uint256 since = pauseTimestamps[_identifier];
        return since == 0 ? 0 : since + PAUSE_EXPIRY;
    }

    function _pause(address _identifier) private {
        pauseTimestamps[_identifier] = block.timestamp;
        emit Paused(_identifier);
    }
}
