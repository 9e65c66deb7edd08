// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface IOptimismPortal {
    function ethLockbox() external view returns (address);
    function disputeGameFactory() external view returns (address);
    function l2Sender() external view returns (address);
    function depositTransaction(
        address _to,
        uint256 _value,
        uint64 _gasLimit,
        bool _isCreation,
        bytes memory _data
    )
        external
        payable;
}
