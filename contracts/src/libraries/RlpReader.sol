// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Data where an item should be is empty.
error EmptyItem();
/// @notice An item's header is not the shortest one for its length.
error InvalidHeader();
/// @notice An item claims more bytes than there are.
error ContentLengthMismatch();
/// @notice Bytes follow where the data should end.
error InvalidDataRemainder();
/// @notice A list where a string should be.
error UnexpectedList();
/// @notice A string where a list should be.
error UnexpectedString();

/// @title RlpReader
/// @notice Reads RLP in place, without copying. Only the canonical encoding of a value is accepted, so
///         every value has one encoding.
library RlpReader {
    /// @notice An item within memory.
    /// @custom:field start   First byte of the item, header included.
    /// @custom:field payload First byte after the header.
    /// @custom:field length  Bytes of the payload.
    /// @custom:field isList  Whether it is a list.
    struct Item {
        uint256 start;
        uint256 payload;
        uint256 length;
        bool isList;
    }

    /// @notice The one item that makes up all of `_data`.
    function whole(bytes memory _data) internal pure returns (Item memory item_) {
        uint256 start;
        assembly {
            start := add(_data, 0x20)
        }
        item_ = at(start, start + _data.length);
        if (end(item_) != start + _data.length) revert InvalidDataRemainder();
    }

    /// @notice The item that starts at `_start`, and ends no later than `_end`.
    function at(uint256 _start, uint256 _end) internal pure returns (Item memory item_) {
        item_.start = _start;
        (item_.payload, item_.length, item_.isList) = _header(_start, _end);
    }

    /// @notice The first byte after an item.
    function end(Item memory _item) internal pure returns (uint256) {
        return _item.payload + _item.length;
    }

    /// @notice The item at `_index` of a list, if there is one, and how many items the list has: at most
    ///         `_max`. All of them are looked at.
    function pick(
        Item memory _list,
        uint256 _index,
        uint256 _max
    )
        internal
        pure
        returns (Item memory found_, uint256 count_)
    {
        if (!_list.isList) revert UnexpectedString();
        uint256 next = _list.payload;
        uint256 stop = end(_list);
        while (next < stop) {
            if (count_ == _max) revert InvalidDataRemainder();
            (uint256 payload, uint256 length, bool isList) = _header(next, stop);
            if (count_ == _index) found_ = Item({ start: next, payload: payload, length: length, isList: isList });
            next = payload + length;
            ++count_;
        }
    }

    /// @dev Where the payload of the item at `_start` begins, how long it is, and whether it is a list.
    function _header(
        uint256 _start,
        uint256 _end
    )
        private
        pure
        returns (uint256 payload_, uint256 length_, bool isList_)
    {
        if (_start >= _end) revert EmptyItem();
        unchecked {
            // Lengths are below 2^64, places in memory below 2^32: nothing overflows.
            uint256 available = _end - _start;
            uint256 word = _word(_start);
            uint256 first = word >> 248;
            // A byte that stands for itself.
            if (first < 0x80) return (_start, 1, false);
            isList_ = first >= 0xc0;
            length_ = first - (isList_ ? 0xc0 : 0x80);
            uint256 header = 1;
            if (length_ > 55) {
                uint256 lengthBytes = length_ - 55;
                header += lengthBytes;
                if (header > available) revert ContentLengthMismatch();
                length_ = word << 8 >> (256 - 8 * lengthBytes);
                // No leading zeros, and no long form for what fits into the short one.
                if (length_ <= 55 || length_ >> (8 * (lengthBytes - 1)) == 0) revert InvalidHeader();
            }
            if (length_ > available - header) revert ContentLengthMismatch();
            payload_ = _start + header;
            // A single small byte must stand for itself.
            if (!isList_ && length_ == 1 && word << 8 >> 248 < 0x80) revert InvalidHeader();
        }
    }

    /// @dev 32 bytes of memory. Bytes beyond the data count for nothing: callers shift them out or have
    ///      checked the length.
    function _word(uint256 _at) private pure returns (uint256 word_) {
        assembly {
            word_ := mload(_at)
        }
    }
}
