// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { RlpReader, UnexpectedList } from "./RlpReader.sol";

/// @title MerkleTrie
/// @notice Whether a Merkle-Patricia trie holds a value, proven by the nodes on the way to it.
/// @dev Ethereum's trie (yellow paper, appendix D), with keys of 32 bytes. A node of under 32 bytes
///      stands inside its parent. `eth_getProof` leaves such nodes out of the list; other provers
///      repeat them, and both forms are accepted.
library MerkleTrie {
    using RlpReader for RlpReader.Item;

    uint256 private constant BRANCH_ITEMS = 17;
    uint256 private constant SHORT_ITEMS = 2;
    uint256 private constant KEY_NIBBLES = 64;

    /// @notice Where a descent stands.
    /// @custom:field key   The key.
    /// @custom:field depth Nibbles of it that have been used.
    /// @custom:field next  Index of the next unread proof element.
    struct Cursor {
        bytes32 key;
        uint256 depth;
        uint256 next;
    }

    /// @notice Whether the trie with root `_root` maps `_key` to `_value`, by `_proof`, of which nothing
    ///         may be left over. Malformed nodes revert with the errors of RlpReader.
    /// @param _value What the trie holds, which in Ethereum's tries is RLP in its turn.
    function includes(
        bytes32 _root,
        bytes32 _key,
        bytes memory _value,
        bytes[] memory _proof
    )
        internal
        pure
        returns (bool)
    {
        if (_proof.length == 0 || keccak256(_proof[0]) != _root) return false;
        Cursor memory cursor = Cursor({ key: _key, depth: 0, next: 1 });
        RlpReader.Item memory node = RlpReader.whole(_proof[0]);
        while (true) {
            // With the key used up the node must be a leaf, and no branch is looked into.
            uint256 nibble = cursor.depth == KEY_NIBBLES ? 0 : _nibble(_key, cursor.depth);
            (RlpReader.Item memory found, uint256 count) = node.pick(nibble, BRANCH_ITEMS);
            if (count == BRANCH_ITEMS) {
                // All keys have the same length, so none ends at a branch.
                if (cursor.depth == KEY_NIBBLES) return false;
                ++cursor.depth;
            } else if (count == SHORT_ITEMS) {
                (RlpReader.Item memory path,) = node.pick(0, SHORT_ITEMS);
                (found,) = node.pick(1, SHORT_ITEMS);
                (bool matches, bool isLeaf) = _follow(cursor, path);
                if (!matches) return false;
                if (isLeaf) return cursor.next == _proof.length && _equals(found, _value);
                // An extension does not end the key.
                if (cursor.depth == KEY_NIBBLES) return false;
            } else {
                return false;
            }
            bool ok;
            (ok, node) = _child(cursor, found, _proof);
            if (!ok) return false;
        }
        return false;
    }

    /// @dev Uses up the nibbles of a leaf's or extension's path, if the key has them.
    function _follow(
        Cursor memory _cursor,
        RlpReader.Item memory _path
    )
        private
        pure
        returns (bool matches_, bool isLeaf_)
    {
        if (_path.isList) revert UnexpectedList();
        if (_path.length == 0) return (false, false);
        // The first nibble: bit 1 says leaf, bit 0 says that the path has an odd number of nibbles.
        uint256 prefix = _byte(_path, 0) >> 4;
        if (prefix > 3) return (false, false);
        isLeaf_ = prefix & 2 != 0;
        uint256 skip = 2 - (prefix & 1);
        // The nibble that pads an even path is zero.
        if (skip == 2 && _byte(_path, 0) & 0x0f != 0) return (false, false);
        uint256 total = 2 * _path.length;
        uint256 left = KEY_NIBBLES - _cursor.depth;
        if (total - skip > left) return (false, false);
        if (isLeaf_ ? total - skip != left : total == skip) return (false, false);
        // Both sides moved to the left end of a word.
        uint256 at = _path.payload + skip / 2;
        uint256 nibbles;
        assembly {
            nibbles := mload(at)
        }
        if (skip == 1) nibbles <<= 4;
        uint256 key = uint256(_cursor.key) << (4 * _cursor.depth);
        matches_ = (nibbles ^ key) >> (256 - 4 * (total - skip)) == 0;
        _cursor.depth += total - skip;
    }

    /// @dev The node that a branch or an extension points to: the next proof element by its hash, or what
    ///      stands in place.
    function _child(
        Cursor memory _cursor,
        RlpReader.Item memory _reference,
        bytes[] memory _proof
    )
        private
        pure
        returns (bool ok_, RlpReader.Item memory node_)
    {
        if (_reference.isList) {
            if (_reference.end() - _reference.start >= 32) return (false, node_);
            if (_cursor.next < _proof.length && _repeats(_proof[_cursor.next], _reference)) ++_cursor.next;
            return (true, _reference);
        }
        if (_reference.length != 32 || _cursor.next == _proof.length) return (false, node_);
        bytes memory encoded = _proof[_cursor.next];
        uint256 at = _reference.payload;
        bytes32 hash;
        assembly {
            hash := mload(at)
        }
        if (keccak256(encoded) != hash) return (false, node_);
        ++_cursor.next;
        return (true, RlpReader.whole(encoded));
    }

    function _equals(RlpReader.Item memory _item, bytes memory _value) private pure returns (bool) {
        if (_item.isList) revert UnexpectedList();
        return _hash(_item.payload, _item.length) == keccak256(_value);
    }

    function _repeats(bytes memory _element, RlpReader.Item memory _item) private pure returns (bool) {
        return keccak256(_element) == _hash(_item.start, _item.end() - _item.start);
    }

    function _hash(uint256 _at, uint256 _length) private pure returns (bytes32 hash_) {
        assembly {
            hash_ := keccak256(_at, _length)
        }
    }

    function _byte(RlpReader.Item memory _item, uint256 _index) private pure returns (uint256 byte_) {
        uint256 at = _item.payload + _index;
        assembly {
            byte_ := byte(0, mload(at))
        }
    }

    function _nibble(bytes32 _key, uint256 _index) private pure returns (uint256) {
        return uint256(_key) >> (252 - 4 * _index) & 0x0f;
    }
}
