// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title FastLz
/// @notice How long data would be after compression with FastLZ, level 1. Nothing is compressed: only
///         the length is wanted, as an estimate of what a transaction adds to a batch.
/// @dev spec: fjord/exec-engine.md#fjord-l1-cost-fee-changes-fastlz-estimator. The engine computes the
///      same length, so every step must agree with it.
library FastLz {
    /// @dev A match reaches back less than this many bytes; also the number of hash table entries.
    uint256 private constant WINDOW = 8192;
    /// @dev The last bytes are always literals.
    uint256 private constant TAIL = 13;

    function compressedLength(bytes memory _data) internal pure returns (uint256 size_) {
        unchecked {
            uint256 length = _data.length;
            uint256 limit = length < TAIL ? 0 : length - TAIL;
            uint256 anchor;
            uint256 table = _newTable();

            for (uint256 at = 2; at < limit;) {
                uint256 from;
                bool found;
                (at, from, found) = _findMatch(_data, table, at, limit);
                if (!found) break;
                if (at > anchor) size_ += _literals(at - anchor);
                uint256 matched = _matchLength(_data, from + 3, at + 3, limit + 9);
                size_ += _copyLength(matched);
                at += matched;
                _remember(table, _hash(_three(_data, at)), at);
                ++at;
                _remember(table, _hash(_three(_data, at)), at);
                ++at;
                anchor = at;
            }
            size_ += _literals(length - anchor);
        }
    }

    /// @dev Walks on from `_at` until three bytes have been seen before within the window. Every position
    ///      on the way is remembered.
    function _findMatch(
        bytes memory _data,
        uint256 _table,
        uint256 _at,
        uint256 _limit
    )
        private
        pure
        returns (uint256 at_, uint256 from_, bool found_)
    {
        assembly ("memory-safe") {
            let base := add(_data, 32)
            for { at_ := _at } lt(at_, _limit) { at_ := add(at_, 1) } {
                let word := mload(add(base, at_))
                let triple := or(byte(0, word), or(shl(8, byte(1, word)), shl(16, byte(2, word))))
                // The place of the hash in the table, four bytes per entry.
                let place := add(_table, and(shr(17, mul(triple, 2654435769)), 0x7ffc))
                let entry := mload(place)
                from_ := shr(224, entry)
                mstore(place, xor(entry, shl(224, xor(at_, from_))))
                // Three equal bytes, less than a window away.
                if iszero(or(shr(232, xor(word, mload(add(base, from_)))), shr(13, sub(at_, from_)))) {
                    // A match in the very last position before the limit does not count.
                    found_ := lt(add(at_, 1), _limit)
                    break
                }
            }
        }
    }

    /// @dev Bytes that agree from `_p` and `_q` on, plus one for the first that differs, up to `_end`.
    function _matchLength(
        bytes memory _data,
        uint256 _p,
        uint256 _q,
        uint256 _end
    )
        private
        pure
        returns (uint256 length_)
    {
        assembly ("memory-safe") {
            let p := add(add(_data, 32), _p)
            let q := add(add(_data, 32), _q)
            let most := sub(_end, _q)
            for { } lt(length_, most) { } {
                let differs := byte(0, xor(mload(add(p, length_)), mload(add(q, length_))))
                length_ := add(length_, 1)
                if differs { break }
            }
        }
    }

    /// @dev Length of a run of literals: each 32 bytes take one more.
    function _literals(uint256 _count) private pure returns (uint256) {
        unchecked {
            return _count + (_count + 31) / 32;
        }
    }

    /// @dev Length of a back-reference.
    function _copyLength(uint256 _matched) private pure returns (uint256) {
        unchecked {
            uint256 rest = _matched - 1;
            return 3 * (rest / 262) + (rest % 262 >= 6 ? 3 : 2);
        }
    }

    /// @dev The three bytes at `_at`, little-endian.
    function _three(bytes memory _data, uint256 _at) private pure returns (uint256 value_) {
        assembly ("memory-safe") {
            let word := mload(add(add(_data, 32), _at))
            value_ := or(byte(0, word), or(shl(8, byte(1, word)), shl(16, byte(2, word))))
        }
    }

    function _hash(uint256 _triple) private pure returns (uint256) {
        unchecked {
            return (_triple * 2654435769 >> 19) & (WINDOW - 1);
        }
    }

    /// @dev A table of 4-byte entries, all zero, with a word to spare since entries are accessed by whole
    ///      words. Fresh memory above the free pointer may be dirty, hence the copy of nothing.
    function _newTable() private pure returns (uint256 table_) {
        assembly ("memory-safe") {
            table_ := mload(0x40)
            calldatacopy(table_, calldatasize(), 0x8020)
            mstore(0x40, add(table_, 0x8020))
        }
    }

    function _remember(uint256 _table, uint256 _entry, uint256 _value) private pure {
        assembly ("memory-safe") {
            let at := add(_table, shl(2, _entry))
            let word := mload(at)
            mstore(at, xor(word, shl(224, xor(_value, shr(224, word)))))
        }
    }
}
