// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ConditionalDeployer
/// @notice Deploys code at the address that follows from it and a salt, unless it is there already. Upgrade
///         transactions call it, so that what an earlier upgrade or anybody else has deployed is no obstacle.
/// @dev spec: l2-upgrades-1-execution.md. A predeploy since Karst. The deployer in between is the one that has
///      the same address on all chains, so the addresses do not depend on who asks.
contract ConditionalDeployer {
    address private constant DEPLOYER = 0x4e59b44847b379578588920cA78FbF26c0B4956C;

    event ImplementationDeployed(address indexed implementation, bytes32 salt);
    event ImplementationExists(address indexed implementation);

    error ConditionalDeployer_DeploymentFailed(bytes data);

    function version() external pure returns (string memory) {
        return "1.0.0+opal.1";
    }

    function deterministicDeploymentProxy() external pure returns (address payable) {
        return payable(DEPLOYER);
    }

    /// @param _code Init code, which gets no value.
    function deploy(bytes32 _salt, bytes calldata _code) external returns (address implementation_) {
        // spec: EIP-1014
        implementation_ = address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", DEPLOYER, _salt, keccak256(_code))))));
        if (implementation_.code.length > 0) {
            emit ImplementationExists(implementation_);
            return implementation_;
        }
        // It answers with the 20 bytes of the address, or with nothing if it failed.
        (bool success, bytes memory answer) = DEPLOYER.call(abi.encodePacked(_salt, _code));
        if (!success || address(bytes20(answer)) != implementation_) {
            revert ConditionalDeployer_DeploymentFailed(answer);
        }
        emit ImplementationDeployed(implementation_, _salt);
    }
}
