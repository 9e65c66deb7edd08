// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IL1Block } from "../interfaces/IL1Block.sol";
import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L1BlockNumber
/// @notice Answers every call, whatever its data, with the number of the L1 block that L2 knows.
/// @dev spec: predeploys.md#l1blocknumber. L1Block tells more.
contract L1BlockNumber {
    receive() external payable {
        _answer();
    }

    fallback() external payable {
        _answer();
    }

    function version() external pure returns (string memory) {
        return "1.1.2+opal.1";
    }

    function getL1BlockNumber() public view returns (uint256) {
        return IL1Block(Predeploys.L1_BLOCK).number();
    }

    /// @dev Ends the call.
    function _answer() private view {
        uint256 answer = getL1BlockNumber();
        assembly {
            mstore(0, answer)
            return(0, 32)
        }
    }
}
