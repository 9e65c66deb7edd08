// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface IL2ToL1MessagePasser {
    function initiateWithdrawal(address _target, uint256 _gasLimit, bytes memory _data) external payable;
}
