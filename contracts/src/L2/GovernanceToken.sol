// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { ERC20Burnable } from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import { ERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import { ERC20Votes } from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

/// @title GovernanceToken
/// @notice The token of a chain's governance: it can be delegated, and its owner mints it.
/// @dev spec: predeploys.md#governancetoken. Stands without a proxy, on chains that want it.
contract GovernanceToken is ERC20Burnable, ERC20Votes, Ownable {
    constructor() ERC20("Optimism", "OP") ERC20Permit("Optimism") { }

    /// @notice Makes tokens. Only the owner can.
    function mint(address _account, uint256 _amount) external onlyOwner {
        _mint(_account, _amount);
    }

    function _afterTokenTransfer(address _from, address _to, uint256 _amount) internal override(ERC20, ERC20Votes) {
        super._afterTokenTransfer(_from, _to, _amount);
    }

    function _mint(address _to, uint256 _amount) internal override(ERC20, ERC20Votes) {
        super._mint(_to, _amount);
    }

    function _burn(address _account, uint256 _amount) internal override(ERC20, ERC20Votes) {
        super._burn(_account, _amount);
    }
}
