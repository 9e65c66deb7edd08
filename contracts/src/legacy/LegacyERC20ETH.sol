// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { OptimismMintableERC20 } from "../universal/OptimismMintableERC20.sol";
import { Predeploys } from "../libraries/Predeploys.sol";

/// @title LegacyERC20ETH
/// @notice ETH as a token, as it was kept before Bedrock. It still tells balances and moves nothing.
/// @dev spec: predeploys.md#legacyerc20eth
contract LegacyERC20ETH is OptimismMintableERC20 {
    constructor() OptimismMintableERC20(Predeploys.L2_STANDARD_BRIDGE, address(0), "Ether", "ETH", 18) { }

    function mint(address, uint256) external pure override {
        revert("LegacyERC20ETH: mint is disabled");
    }

    function burn(address, uint256) external pure override {
        revert("LegacyERC20ETH: burn is disabled");
    }

    function balanceOf(address _who) public view override returns (uint256) {
        return _who.balance;
    }

    function transfer(address, uint256) public pure override returns (bool) {
        revert("LegacyERC20ETH: transfer is disabled");
    }

    function approve(address, uint256) public pure override returns (bool) {
        revert("LegacyERC20ETH: approve is disabled");
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        revert("LegacyERC20ETH: transferFrom is disabled");
    }

    function increaseAllowance(address, uint256) public pure override returns (bool) {
        revert("LegacyERC20ETH: increaseAllowance is disabled");
    }

    function decreaseAllowance(address, uint256) public pure override returns (bool) {
        revert("LegacyERC20ETH: decreaseAllowance is disabled");
    }
}
