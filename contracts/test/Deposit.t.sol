// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { OptimismPortal } from "../src/L1/OptimismPortal.sol";
import { ResourceMetering } from "../src/L1/ResourceMetering.sol";
import { AddressAlias } from "../src/libraries/AddressAlias.sol";

/// @notice Deposits: what is announced, what is refused, and the market for their gas.
contract DepositTest is World {
    address private alice = account("alice");

    function testFuzz_whatIsAnnounced(address _to, uint256 _value, uint64 _gas, uint96 _mint, bytes memory _data) public {
        _gas = uint64(between(_gas, portal.minimumGasLimit(uint64(_data.length)), 20_000_000));
        vm.deal(alice, _mint);
        vm.recordLogs();
        vm.prank(alice, alice);
        portal.depositTransaction{ value: _mint }(_to, _value, _gas, false, _data);
        Vm.Log memory log = vm.getRecordedLogs()[0];
        equal(log.topics[1], bytes32(uint256(uint160(alice))), "from");
        equal(log.topics[2], bytes32(uint256(uint160(_to))), "to");
        equal(log.topics[3], 0, "version");
        bytes memory expected = abi.encodePacked(uint256(_mint), _value, _gas, false, _data);
        equal(keccak256(abi.decode(log.data, (bytes))), keccak256(expected), "opaque data");
    }

    function test_contractsGoByTheirAlias() public {
        vm.recordLogs();
        portal.depositTransaction(alice, 0, 100_000, false, "");
        bytes32 from = vm.getRecordedLogs()[0].topics[1];
        equal(address(uint160(uint256(from))), AddressAlias.apply_(address(this)), "alias");
        vm.etch(alice, abi.encodePacked(hex"ef0100", address(this)));
        vm.recordLogs();
        vm.prank(alice);
        portal.depositTransaction(alice, 0, 100_000, false, "");
        equal(vm.getRecordedLogs()[0].topics[1], bytes32(uint256(uint160(alice))), "a delegating account");
    }

    function testFuzz_aliasesAreUndone(address _who) public pure {
        equal(AddressAlias.undo(AddressAlias.apply_(_who)), _who, "there and back");
    }

    function test_refusals() public {
        vm.expectRevert(OptimismPortal.OptimismPortal_BadTarget.selector);
        portal.depositTransaction(alice, 0, 100_000, true, "");
        vm.expectRevert(OptimismPortal.OptimismPortal_GasLimitTooLow.selector);
        portal.depositTransaction(alice, 0, 21_000 + 39, false, hex"00");
        vm.expectRevert(OptimismPortal.OptimismPortal_CalldataTooLarge.selector);
        portal.depositTransaction(alice, 0, 20_000_000, false, new bytes(120_001));
        portal.depositTransaction(alice, 0, 20_000_000, false, new bytes(120_000));
    }

    // ---- the market for gas

    /// @dev However deposits are split, a block never sells more than the limit.
    function testFuzz_aBlockSellsNoMoreThanTheLimit(uint64[8] memory _amounts) public {
        // With a high L1 base fee little L1 gas has to be burnt.
        vm.fee(1_000 gwei);
        uint256 sold;
        for (uint256 i; i < _amounts.length; ++i) {
            uint64 amount = uint64(between(_amounts[i], 21_000, 8_000_000));
            if (sold + amount > 20_000_000) vm.expectRevert(ResourceMetering.OutOfGas.selector);
            else sold += amount;
            portal.depositTransaction(alice, 0, amount, false, "");
            (, uint64 bought, uint64 number) = portal.params();
            check(bought == sold && number == block.number, "counted");
        }
    }

    function test_thePriceFollowsTheDemand() public {
        vm.fee(1_000 gwei);
        (uint128 price,,) = portal.params();
        portal.depositTransaction(alice, 0, 20_000_000, false, "");
        (uint128 start,,) = portal.params();
        equal(start, 1 gwei, "the least");
        check(price == 1 gwei, "the least");
        vm.roll(block.number + 1);
        portal.depositTransaction(alice, 0, 2_000_000, false, "");
        (uint128 next,,) = portal.params();
        // Ten times the target: up by 9/8.
        equal(next, 1 gwei + 1 gwei * 9 / 8, "up");
        vm.roll(block.number + 1);
        portal.depositTransaction(alice, 0, 21_000, false, "");
        (uint128 same,,) = portal.params();
        equal(same, next, "at the target it stays");
        vm.roll(block.number + 1);
        portal.depositTransaction(alice, 0, 21_000, false, "");
        (uint128 lower,,) = portal.params();
        check(lower < same, "down");
        vm.roll(block.number + 1_000);
        portal.depositTransaction(alice, 0, 21_000, false, "");
        (uint128 least,,) = portal.params();
        equal(least, 1 gwei, "never below the least");
    }

    /// @dev What is bought is paid for in L1 gas: amount * price / L1 base fee.
    function testFuzz_gasIsPaidFor(uint64 _amount, uint64 _price, uint64 _baseFee) public {
        _amount = uint64(between(_amount, 21_000, 500_000));
        _price = uint64(between(_price, 1 gwei, 4 gwei));
        _baseFee = uint64(between(_baseFee, 0, 100 gwei));
        vm.fee(_baseFee);
        vm.store(
            address(portal), bytes32(uint256(1)), bytes32(uint256(block.number) << 192 | uint256(_price))
        );
        uint256 before = gasleft();
        portal.depositTransaction(alice, 0, _amount, false, "");
        uint256 used = before - gasleft();
        uint256 due = uint256(_amount) * _price / (_baseFee > 1 gwei ? _baseFee : 1 gwei);
        check(used >= due, "paid");
        check(used <= (due > 120_000 ? due : 120_000) + 60_000, "and no more");
    }
}
