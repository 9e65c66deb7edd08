// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title DevToken
/// @notice A token without a purpose, for trying out the bridges of a development chain.
contract DevToken is ERC20 {
    /// @param _holders Who gets tokens.
    /// @param _amount  What each gets.
    constructor(
        string memory _name,
        string memory _symbol,
        address[] memory _holders,
        uint256 _amount
    )
        ERC20(_name, _symbol)
    {
        for (uint256 i = 0; i < _holders.length; ++i) {
            _mint(_holders[i], _amount);
        }
    }
}
