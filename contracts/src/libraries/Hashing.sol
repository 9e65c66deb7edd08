// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Types } from "./Types.sol";

/// @title Hashing
/// @notice The hashes by which the two chains name messages and states.
library Hashing {
    /// @notice The name of a withdrawal.
    /// @dev spec: withdrawals.md#l2tol1messagepasser-interface
    function hashWithdrawal(Types.WithdrawalTransaction memory _tx) internal pure returns (bytes32) {
        return keccak256(abi.encode(_tx.nonce, _tx.sender, _tx.target, _tx.value, _tx.gasLimit, _tx.data));
    }

    /// @notice What the name of a withdrawal is the hash of.
    function encodeWithdrawal(Types.WithdrawalTransaction calldata _tx) internal pure returns (bytes memory) {
        return abi.encode(_tx.nonce, _tx.sender, _tx.target, _tx.value, _tx.gasLimit, _tx.data);
    }

    /// @notice The data of a withdrawal as it lies within its encoding, which thus need not be copied.
    /// @dev It follows six words.
    function dataWithin(bytes memory _encoded) internal pure returns (bytes memory data_) {
        assembly {
            data_ := add(_encoded, 0xe0)
        }
    }

    /// @notice The output root that the proof is the preimage of.
    /// @dev spec: proposals.md#l2-output-commitment-construction
    function hashOutputRootProof(Types.OutputRootProof memory _proof) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(_proof.version, _proof.stateRoot, _proof.messagePasserStorageRoot, _proof.latestBlockhash)
        );
    }

    /// @notice The name of a cross-domain message of before Bedrock.
    /// @dev spec: messengers.md#message-versioning
    function hashMessageV0(
        address _target,
        address _sender,
        bytes memory _data,
        uint256 _nonce
    )
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encodeWithSignature("relayMessage(address,address,bytes,uint256)", _target, _sender, _data, _nonce)
        );
    }

    /// @notice The name of a cross-domain message: the hash of the call that relays it.
    /// @dev spec: messengers.md#message-versioning
    function hashMessageV1(
        uint256 _nonce,
        address _sender,
        address _target,
        uint256 _value,
        uint256 _gasLimit,
        bytes memory _data
    )
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encodeWithSignature(
                "relayMessage(uint256,address,address,uint256,uint256,bytes)",
                _nonce,
                _sender,
                _target,
                _value,
                _gasLimit,
                _data
            )
        );
    }
}
