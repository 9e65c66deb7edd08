// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Base } from "./support/Base.sol";
import { Rlp } from "./support/TrieBuilder.sol";
import {
    RlpReader,
    ContentLengthMismatch,
    EmptyItem,
    InvalidDataRemainder,
    InvalidHeader,
    UnexpectedString
} from "../src/libraries/RlpReader.sol";

/// @notice RLP: what is canonical is read, all else has its error.
contract RlpReaderTest is Base {
    function read(bytes memory _data) external pure returns (bool isList_, bytes memory payload_) {
        RlpReader.Item memory item = RlpReader.whole(_data);
        payload_ = new bytes(item.length);
        uint256 from = item.payload;
        for (uint256 i; i < item.length; ++i) {
            uint256 word;
            assembly {
                word := mload(add(from, i))
            }
            payload_[i] = bytes1(uint8(word >> 248));
        }
        return (item.isList, payload_);
    }

    function count(bytes memory _data) external pure returns (uint256 count_) {
        (, count_) = RlpReader.pick(RlpReader.whole(_data), 0, 17);
    }

    function testFuzz_stringsAreRead(bytes memory _data) public view {
        (bool isList, bytes memory payload) = this.read(Rlp.str(_data));
        check(!isList, "a string");
        equal(keccak256(payload), keccak256(_data), "payload");
    }

    function testFuzz_listsAreRead(bytes memory _data, uint8 _count) public view {
        uint256 items = between(_count, 0, 17);
        bytes memory payload;
        for (uint256 i; i < items; ++i) payload = abi.encodePacked(payload, Rlp.str(_data));
        (bool isList,) = this.read(Rlp.list(payload));
        check(isList, "a list");
        equal(this.count(Rlp.list(payload)), items, "items");
    }

    /// @dev Whatever is accepted is what a writer would have written.
    function testFuzz_onlyCanonicalBytesAreRead(bytes memory _data) public view {
        try this.read(_data) returns (bool isList, bytes memory payload) {
            bytes memory again = isList ? Rlp.list(payload) : Rlp.str(payload);
            equal(keccak256(again), keccak256(_data), "one encoding");
        } catch { }
    }

    function refused(bytes4 _error, bytes memory _data) private {
        vm.expectRevert(_error);
        this.read(_data);
    }

    function test_refusals() public {
        refused(EmptyItem.selector, "");
        refused(InvalidHeader.selector, hex"8101");
        refused(InvalidHeader.selector, hex"817f");
        refused(InvalidHeader.selector, hex"b80100");
        refused(InvalidHeader.selector, abi.encodePacked(hex"b90038", new bytes(56)));
        refused(InvalidHeader.selector, abi.encodePacked(hex"f837", new bytes(55)));
        refused(ContentLengthMismatch.selector, hex"8200");
        refused(ContentLengthMismatch.selector, hex"b8");
        refused(ContentLengthMismatch.selector, hex"b838");
        refused(ContentLengthMismatch.selector, hex"bfffffffffffffffff");
        refused(ContentLengthMismatch.selector, hex"c201");
        refused(InvalidDataRemainder.selector, hex"0102");
        refused(InvalidDataRemainder.selector, hex"c0c0");
        vm.expectRevert(UnexpectedString.selector);
        this.count(hex"820102");
        vm.expectRevert(InvalidDataRemainder.selector);
        this.count(Rlp.list(new bytes(18)));
        vm.expectRevert(ContentLengthMismatch.selector);
        this.count(hex"c282ff");
    }
}
