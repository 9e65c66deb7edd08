// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Erc1967 } from "../libraries/Erc1967.sol";

/// @title Proxy
/// @notice Transparent proxy: the admin manages it, everybody else talks to the implementation.
/// @dev address(0) may use the admin functions as well. No transaction can be signed by it, so this
///      serves `eth_call` and the upgrade transactions that the protocol itself inserts into L2 blocks.
contract Proxy {
    event Upgraded(address indexed implementation);
    event AdminChanged(address previousAdmin, address newAdmin);

    /// @dev Runs the function for the admin, and hands the call to the implementation for all others.
    modifier adminOrForward() {
        if (msg.sender == Erc1967.admin() || msg.sender == address(0)) {
            _;
        } else {
            _forward();
        }
    }

    constructor(address _admin) {
        _setAdmin(_admin);
    }

    receive() external payable {
        _forward();
    }

    fallback() external payable {
        _forward();
    }

    function upgradeTo(address _implementation) external adminOrForward {
        _setImplementation(_implementation);
    }

    /// @notice Upgrades and calls the new implementation in the proxy's context, all or nothing.
    function upgradeToAndCall(
        address _implementation,
        bytes calldata _data
    )
        external
        payable
        adminOrForward
        returns (bytes memory)
    {
        _setImplementation(_implementation);
        (bool success, bytes memory returned) = _implementation.delegatecall(_data);
        require(success, "Proxy: delegatecall to new implementation contract failed");
        return returned;
    }

    function changeAdmin(address _admin) external adminOrForward {
        _setAdmin(_admin);
    }

    function admin() external adminOrForward returns (address) {
        return Erc1967.admin();
    }

    function implementation() external adminOrForward returns (address) {
        return Erc1967.implementation();
    }

    function _setAdmin(address _admin) private {
        emit AdminChanged(Erc1967.admin(), _admin);
        Erc1967.setAdmin(_admin);
    }

    function _setImplementation(address _implementation) private {
        Erc1967.setImplementation(_implementation);
        emit Upgraded(_implementation);
    }

    /// @dev Ends the call: returns or reverts with what the implementation answered. Every call of every
    ///      user comes this way, so it is as short as can be.
    function _forward() private {
        bytes32 slot = Erc1967.IMPLEMENTATION_SLOT;
        assembly {
            let target := sload(slot)
            if target {
                calldatacopy(0, 0, calldatasize())
                let success := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
                returndatacopy(0, 0, returndatasize())
                if success { return(0, returndatasize()) }
                revert(0, returndatasize())
            }
        }
        revert("Proxy: implementation not initialized");
    }
}
