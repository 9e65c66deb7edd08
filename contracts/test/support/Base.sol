// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The cheat codes of forge that the tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address _sender) external;
    function prank(address _sender, address _origin) external;
    function startPrank(address _sender, address _origin) external;
    function stopPrank() external;
    function deal(address _who, uint256 _balance) external;
    function etch(address _who, bytes calldata _code) external;
    function store(address _who, bytes32 _slot, bytes32 _value) external;
    function load(address _who, bytes32 _slot) external view returns (bytes32);
    function warp(uint256 _timestamp) external;
    function roll(uint256 _number) external;
    function fee(uint256 _basefee) external;
    function assume(bool _condition) external pure;
    function expectRevert(bytes4 _selector) external;
    function expectRevert(bytes calldata _data) external;
    function expectEmit(bool _1, bool _2, bool _3, bool _data, address _emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function mockCall(address _who, bytes calldata _data, bytes calldata _answer) external;
    function clearMockedCalls() external;
    function snapshotState() external returns (uint256);
    function revertToState(uint256 _id) external returns (bool);
    function sign(uint256 _key, bytes32 _digest) external pure returns (uint8 v_, bytes32 r_, bytes32 s_);
    function addr(uint256 _key) external pure returns (address);
    function assertTrue(bool _condition, string calldata _what) external pure;
    function assertEq(uint256 _a, uint256 _b, string calldata _what) external pure;
    function assertEq(address _a, address _b, string calldata _what) external pure;
    function assertEq(bytes32 _a, bytes32 _b, string calldata _what) external pure;
    function assertEq(bytes calldata _a, bytes calldata _b, string calldata _what) external pure;
    function assertEq(string calldata _a, string calldata _b, string calldata _what) external pure;
}

/// @notice What every test starts from.
abstract contract Base {
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    /// @dev forge asks for this.
    bool public constant IS_TEST = true;

    function check(bool _condition, string memory _what) internal pure {
        vm.assertTrue(_condition, _what);
    }

    function equal(uint256 _a, uint256 _b, string memory _what) internal pure {
        vm.assertEq(_a, _b, _what);
    }

    function equal(address _a, address _b, string memory _what) internal pure {
        vm.assertEq(_a, _b, _what);
    }

    function equal(bytes32 _a, bytes32 _b, string memory _what) internal pure {
        vm.assertEq(_a, _b, _what);
    }

    /// @dev The next call must revert with `Error(_text)`.
    function expectText(string memory _text) internal {
        vm.expectRevert(abi.encodeWithSignature("Error(string)", _text));
    }

    /// @dev A number from `_low` to `_high`, made of a random one.
    function between(uint256 _random, uint256 _low, uint256 _high) internal pure returns (uint256) {
        return _low + _random % (_high - _low + 1);
    }

    /// @dev An account by name, with nothing in it.
    function account(string memory _name) internal pure returns (address) {
        return address(uint160(uint256(keccak256(bytes(_name)))));
    }
}
