// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title DeployerWhitelist
/// @notice Who may deploy contracts on L2: anybody, since nobody reads this list any more.
/// @dev spec: predeploys.md#deployerwhitelist
contract DeployerWhitelist {
    address public owner;
    mapping(address => bool) public whitelist;

    event OwnerChanged(address oldOwner, address newOwner);
    event WhitelistStatusChanged(address deployer, bool whitelisted);
    event WhitelistDisabled(address oldOwner);

    modifier onlyOwner() {
        require(msg.sender == owner, "DeployerWhitelist: function can only be called by the owner of this contract");
        _;
    }

    function setWhitelistedDeployer(address _deployer, bool _isWhitelisted) external onlyOwner {
        whitelist[_deployer] = _isWhitelisted;
        emit WhitelistStatusChanged(_deployer, _isWhitelisted);
    }

    function setOwner(address _owner) external onlyOwner {
        require(_owner != address(0), "DeployerWhitelist: can only be disabled via enableArbitraryContractDeployment");
        emit OwnerChanged(owner, _owner);
        owner = _owner;
    }

    function enableArbitraryContractDeployment() external onlyOwner {
        emit WhitelistDisabled(owner);
        owner = address(0);
    }

    function isDeployerAllowed(address _deployer) external view returns (bool) {
        return owner == address(0) || whitelist[_deployer];
    }

    function version() external pure returns (string memory) {
        return "1.1.2+opal.1";
    }
}
