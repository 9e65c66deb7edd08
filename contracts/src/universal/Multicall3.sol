// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Multicall3
/// @notice Many calls in one, with the interface that wallets and client libraries expect at the
///         address of the contract of this name.
contract Multicall3 {
    struct Call {
        address target;
        bytes callData;
    }

    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Call3Value {
        address target;
        bool allowFailure;
        uint256 value;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    function aggregate(Call[] calldata _calls) external payable returns (uint256, bytes[] memory data_) {
        data_ = new bytes[](_calls.length);
        for (uint256 i; i < _calls.length; ++i) {
            Result memory result;
            _call(result, _calls[i].target, 0, _calls[i].callData, false);
            data_[i] = result.returnData;
        }
        return (block.number, data_);
    }

    function tryAggregate(
        bool _requireSuccess,
        Call[] calldata _calls
    )
        public
        payable
        returns (Result[] memory results_)
    {
        results_ = new Result[](_calls.length);
        for (uint256 i; i < _calls.length; ++i) {
            _call(results_[i], _calls[i].target, 0, _calls[i].callData, !_requireSuccess);
        }
    }

    function tryBlockAndAggregate(
        bool _requireSuccess,
        Call[] calldata _calls
    )
        public
        payable
        returns (uint256, bytes32, Result[] memory)
    {
        return (block.number, blockhash(block.number), tryAggregate(_requireSuccess, _calls));
    }

    function blockAndAggregate(Call[] calldata _calls)
        external
        payable
        returns (uint256, bytes32, Result[] memory)
    {
        return tryBlockAndAggregate(true, _calls);
    }

    function aggregate3(Call3[] calldata _calls) external payable returns (Result[] memory results_) {
        results_ = new Result[](_calls.length);
        for (uint256 i; i < _calls.length; ++i) {
            Call3 calldata call_ = _calls[i];
            Result memory result = results_[i];
            (result.success, result.returnData) = call_.target.call(call_.callData);
            if (!result.success) require(call_.allowFailure, "Multicall3: call failed");
        }
    }

    function aggregate3Value(Call3Value[] calldata _calls) external payable returns (Result[] memory results_) {
        uint256 total;
        results_ = new Result[](_calls.length);
        for (uint256 i; i < _calls.length; ++i) {
            Call3Value calldata call_ = _calls[i];
            total += call_.value;
            _call(results_[i], call_.target, call_.value, call_.callData, call_.allowFailure);
        }
        require(msg.value == total, "Multicall3: value mismatch");
    }

    function getBlockHash(uint256 _number) external view returns (bytes32) {
        return blockhash(_number);
    }

    function getBlockNumber() external view returns (uint256) {
        return block.number;
    }

    function getCurrentBlockCoinbase() external view returns (address) {
        return block.coinbase;
    }

    function getCurrentBlockDifficulty() external view returns (uint256) {
        return block.difficulty;
    }

    function getCurrentBlockGasLimit() external view returns (uint256) {
        return block.gaslimit;
    }

    function getCurrentBlockTimestamp() external view returns (uint256) {
        return block.timestamp;
    }

    function getEthBalance(address _account) external view returns (uint256) {
        return _account.balance;
    }

    function getLastBlockHash() external view returns (bytes32) {
        unchecked {
            return blockhash(block.number - 1);
        }
    }

    function getBasefee() external view returns (uint256) {
        return block.basefee;
    }

    function getChainId() external view returns (uint256) {
        return block.chainid;
    }

    function _call(
        Result memory _result,
        address _target,
        uint256 _value,
        bytes calldata _data,
        bool _allowFailure
    )
        private
    {
        (_result.success, _result.returnData) = _target.call{ value: _value }(_data);
        require(_result.success || _allowFailure, "Multicall3: call failed");
    }
}
