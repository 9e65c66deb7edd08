// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Initializable
/// @notice Initialisation of a contract behind a proxy, once per version. Takes two bytes of slot 0.
abstract contract Initializable {
    uint8 private _initialized;
    bool private _initializing;

    event Initialized(uint8 version);

    /// @dev The body runs if `_version` is newer than the one initialised last, and never inside itself.
    modifier reinitializer(uint8 _version) {
        require(
            !_initializing && _initialized < _version, "Initializable: contract is already initialized"
        );
        _initialized = _version;
        _initializing = true;
        _;
        _initializing = false;
        emit Initialized(_version);
    }

    /// @dev For constructors of implementations: nobody shall ever initialise the bare contract.
    function _disableInitializers() internal {
        _initialized = type(uint8).max;
        emit Initialized(type(uint8).max);
    }
}
