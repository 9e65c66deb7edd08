// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Base } from "./support/Base.sol";
import { Rlp, TrieBuilder } from "./support/TrieBuilder.sol";
import { MerkleTrie } from "../src/libraries/MerkleTrie.sol";
import { RlpReader, UnexpectedString } from "../src/libraries/RlpReader.sol";

/// @notice Proofs of inclusion: every true one is accepted, and nothing else.
contract MerkleTrieTest is Base {
    TrieBuilder private builder = new TrieBuilder();

    function includes(
        bytes32 _root,
        bytes32 _key,
        bytes memory _value,
        bytes[] memory _proof
    )
        external
        pure
        returns (bool)
    {
        return MerkleTrie.includes(_root, _key, _value, _proof);
    }

    /// @dev A revert is a refusal as well.
    function accepted(bytes32 _root, bytes32 _key, bytes memory _value, bytes[] memory _proof) private view returns (bool) {
        try this.includes(_root, _key, _value, _proof) returns (bool yes) {
            return yes;
        } catch {
            return false;
        }
    }

    /// @dev Keys that share the first `_shared` nibbles.
    function keys(uint256 _seed, uint256 _count, uint256 _shared) private pure returns (bytes32[] memory keys_) {
        keys_ = new bytes32[](_count);
        uint256 mask = _shared == 0 ? 0 : type(uint256).max << (256 - 4 * _shared);
        uint256 prefix = uint256(keccak256(abi.encode(_seed))) & mask;
        for (uint256 i; i < _count; ++i) keys_[i] = bytes32(prefix | uint256(keccak256(abi.encode(_seed, i))) & ~mask);
    }

    function testFuzz_everyKeyIsProven(uint256 _seed, uint8 _count, uint8 _shared) public {
        bytes32[] memory all = keys(_seed, between(_count, 1, 40), between(_shared, 0, 12));
        bytes32 key = all[_seed % all.length];
        (bytes32 root, bytes[] memory proof) = builder.build(all, key, hex"01", false);
        check(accepted(root, key, hex"01", proof), "a true proof");
    }

    function testFuzz_shortNodesStandInTheirParents(uint256 _seed, uint8 _shared) public {
        // So long a common prefix that leaves take under 32 bytes.
        bytes32[] memory all = keys(_seed, 3, between(_shared, 12, 61));
        for (uint256 i; i < all.length; ++i) {
            for (uint256 j; j < i; ++j) vm.assume(all[i] != all[j]);
        }
        (bytes32 root, bytes[] memory proof) = builder.build(all, all[1], hex"01", false);
        check(accepted(root, all[1], hex"01", proof), "as eth_getProof lists it");
        (bytes32 same, bytes[] memory longer) = builder.build(all, all[1], hex"01", true);
        equal(root, same, "one trie");
        check(longer.length > proof.length, "short nodes are listed");
        check(accepted(root, all[1], hex"01", longer), "with short nodes repeated");
    }

    function testFuzz_otherKeysValuesAndRootsAreRefused(uint256 _seed, bytes32 _other, bytes memory _value) public {
        bytes32[] memory all = keys(_seed, 20, 2);
        (bytes32 root, bytes[] memory proof) = builder.build(all, all[3], hex"01", false);
        vm.assume(_other != all[3] && _other != root && keccak256(_value) != keccak256(hex"01"));
        check(!accepted(root, _other, hex"01", proof), "another key");
        check(!accepted(root, all[4], hex"01", proof), "a key that is elsewhere");
        check(!accepted(root, all[3], _value, proof), "another value");
        check(!accepted(_other, all[3], hex"01", proof), "another root");
    }

    function testFuzz_noFlippedBitPasses(uint256 _seed, uint16 _node, uint16 _byte, uint8 _bit) public {
        bytes32[] memory all = keys(_seed, 24, 0);
        (bytes32 root, bytes[] memory proof) = builder.build(all, all[7], hex"01", false);
        bytes memory node = proof[_node % proof.length];
        node[_byte % node.length] ^= bytes1(uint8(1 << (_bit & 7)));
        check(!accepted(root, all[7], hex"01", proof), "a flipped bit");
    }

    function testFuzz_randomBytesNeverPass(bytes32 _root, bytes32 _key, bytes[] memory _proof) public view {
        check(!accepted(_root, _key, hex"01", _proof), "random bytes");
        // Even when the hash of the first node is right.
        if (_proof.length > 0) check(!accepted(keccak256(_proof[0]), _key, hex"01", _proof), "random first node");
    }

    function testFuzz_elementsLeftOverOrMissingAreRefused(uint256 _seed, bytes memory _extra) public {
        bytes32[] memory all = keys(_seed, 24, 0);
        (bytes32 root, bytes[] memory proof) = builder.build(all, all[7], hex"01", false);
        bytes[] memory longer = new bytes[](proof.length + 1);
        for (uint256 i; i < proof.length; ++i) longer[i] = proof[i];
        longer[proof.length] = _extra;
        check(!accepted(root, all[7], hex"01", longer), "one too many");
        longer[proof.length] = proof[proof.length - 1];
        check(!accepted(root, all[7], hex"01", longer), "the last one twice");
        assembly {
            mstore(proof, sub(mload(proof), 1))
        }
        check(!accepted(root, all[7], hex"01", proof), "one too few");
    }

    function test_anEmptyProofIsRefused() public view {
        check(!accepted(keccak256(hex"80"), 0, hex"01", new bytes[](0)), "nothing");
    }

    function test_aNodeWithAnotherNumberOfItemsIsRefused() public view {
        for (uint256 count = 0; count < 20; ++count) {
            if (count == 2 || count == 17) continue;
            bytes memory payload;
            for (uint256 i; i < count; ++i) payload = abi.encodePacked(payload, hex"01");
            bytes[] memory proof = new bytes[](1);
            proof[0] = Rlp.list(payload);
            check(!accepted(keccak256(proof[0]), 0, hex"01", proof), "number of items");
        }
    }

    /// @dev A leaf alone, whose path is given as it stands in the node.
    function leaf(bytes memory _path) private pure returns (bytes32 root_, bytes[] memory proof_) {
        proof_ = new bytes[](1);
        proof_[0] = Rlp.list(abi.encodePacked(Rlp.str(_path), hex"01"));
        root_ = keccak256(proof_[0]);
    }

    function test_pathsHaveOneForm() public view {
        bytes32 key = keccak256("key");
        (bytes32 root, bytes[] memory proof) = leaf(abi.encodePacked(hex"20", key));
        check(accepted(root, key, hex"01", proof), "a leaf with the whole key");
        bytes[4] memory prefixes = [bytes(hex"21"), hex"00", hex"40", hex"a0"];
        for (uint256 i; i < prefixes.length; ++i) {
            (root, proof) = leaf(abi.encodePacked(prefixes[i], key));
            check(!accepted(root, key, hex"01", proof), "another prefix");
        }
        (root, proof) = leaf(abi.encodePacked(hex"20", key, hex"00"));
        check(!accepted(root, key, hex"01", proof), "a path beyond the key");
        (root, proof) = leaf("");
        check(!accepted(root, key, hex"01", proof), "no path");
    }

    function test_aRootThatIsAStringIsNamed() public {
        bytes[] memory proof = new bytes[](1);
        proof[0] = hex"83010203";
        vm.expectRevert(UnexpectedString.selector);
        this.includes(keccak256(proof[0]), 0, hex"01", proof);
    }

    function test_aLongNodeInPlaceIsRefused() public view {
        // A branch whose child takes 32 bytes or more must point to it by hash.
        bytes32 key = bytes32(uint256(0x0123456789));
        bytes memory child = Rlp.list(abi.encodePacked(Rlp.str(abi.encodePacked(uint8(0x30), uint248(uint256(key)))), hex"01"));
        check(child.length >= 32, "long");
        bytes memory payload = child;
        for (uint256 i; i < 16; ++i) payload = abi.encodePacked(payload, hex"80");
        bytes[] memory proof = new bytes[](1);
        proof[0] = Rlp.list(payload);
        check(!accepted(keccak256(proof[0]), key, hex"01", proof), "in place");
    }
}
