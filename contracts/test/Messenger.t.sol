// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { Receiver } from "./support/Helpers.sol";
import { CrossDomainMessenger } from "../src/universal/CrossDomainMessenger.sol";
import { AddressAlias } from "../src/libraries/AddressAlias.sol";
import { Hashing } from "../src/libraries/Hashing.sol";
import { Predeploys } from "../src/libraries/Predeploys.sol";
import { Types } from "../src/libraries/Types.sol";

/// @notice Messages between the chains: they arrive with their sender, their value and their gas, none is
///         ever lost, and a failed one may be tried again.
contract MessengerTest is World {
    address private alice = account("alice");
    Receiver private target;

    event SentMessage(address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit);
    event SentMessageExtension1(address indexed sender, uint256 value);
    event RelayedMessage(bytes32 indexed msgHash);
    event FailedRelayedMessage(bytes32 indexed msgHash);

    function setUp() public override {
        super.setUp();
        target = new Receiver();
        vm.deal(alice, 1_000 ether);
    }

    function note() private pure returns (bytes memory) {
        return abi.encodeCall(Receiver.note, ());
    }

    function toL2(uint256 _value, uint32 _minGas, bytes memory _data) private returns (bytes32 hash_, bool relayed_) {
        hash_ = Hashing.hashMessageV1(l1Messenger.messageNonce(), alice, address(target), _value, _minGas, _data);
        vm.recordLogs();
        vm.prank(alice, alice);
        l1Messenger.sendMessage{ value: _value }(address(target), _data, _minGas);
        (uint256 succeeded,) = relayDeposits(vm.getRecordedLogs());
        relayed_ = succeeded == 1;
    }

    function toL1(uint256 _value, uint32 _minGas, bytes memory _data) private returns (bytes32 hash_) {
        hash_ = Hashing.hashMessageV1(l2Messenger.messageNonce(), alice, address(target), _value, _minGas, _data);
        vm.recordLogs();
        vm.prank(alice, alice);
        l2Messenger.sendMessage{ value: _value }(address(target), _data, _minGas);
        Types.WithdrawalTransaction memory withdrawal = withdrawalsIn(vm.getRecordedLogs())[0];
        vm.deal(address(portal), address(portal).balance + _value);
        check(complete(withdrawal), "the messenger never fails");
    }

    // ---- the way through

    function test_aMessageReachesL2() public {
        uint256 nonce = l1Messenger.messageNonce();
        equal(nonce, uint256(1) << 240, "version 1");
        vm.expectEmit(true, true, true, true, address(l1Messenger));
        emit SentMessage(address(target), alice, note(), nonce, 100_000);
        vm.expectEmit(true, true, true, true, address(l1Messenger));
        emit SentMessageExtension1(alice, 2 ether);
        (bytes32 hash, bool relayed) = toL2(2 ether, 100_000, note());
        check(relayed && l2Messenger.successfulMessages(hash), "relayed");
        check(!l2Messenger.failedMessages(hash), "never failed");
        equal(l1Messenger.messageNonce(), nonce + 1, "next nonce");
        equal(target.sender(), alice, "sender");
        equal(target.received(), 2 ether, "value");
        check(target.gasSeen() >= 100_000, "gas");
        equal(address(portal).balance, 2 ether, "locked");
    }

    function test_aMessageReachesL1() public {
        bytes32 hash = toL1(2 ether, 100_000, note());
        check(l1Messenger.successfulMessages(hash), "relayed");
        equal(target.sender(), alice, "sender");
        equal(target.received(), 2 ether, "value");
        check(target.gasSeen() >= 100_000, "gas");
        equal(address(l1Messenger).balance, 0, "nothing stays");
    }

    function test_theHashIsThatOfTheCall() public pure {
        bytes memory call_ = abi.encodeCall(CrossDomainMessenger.relayMessage, (1, address(2), address(3), 4, 5, hex"06"));
        equal(Hashing.hashMessageV1(1, address(2), address(3), 4, 5, hex"06"), keccak256(call_), "version 1");
        call_ = abi.encodeWithSelector(0xcbd4ece9, address(3), address(2), bytes(hex"06"), 1);
        equal(Hashing.hashMessageV0(address(3), address(2), hex"06", 1), keccak256(call_), "version 0");
    }

    // ---- gas

    function test_baseGas() public view {
        // 21,000 + 200,000 + 40,000 + 40,000 + 5,000 + 16 * 260
        equal(l1Messenger.baseGas("", 0), 310_160, "empty");
        equal(l1Messenger.baseGas(new bytes(100), 6_300), 310_160 + 1_600 + 6_400, "short");
        // From some length on calldata costs more than all the rest (EIP-7623).
        equal(l1Messenger.baseGas(new bytes(20_000), 0), 21_000 + 40 * 20_260, "floor");
        equal(l2Messenger.baseGas(new bytes(100), 6_300), l1Messenger.baseGas(new bytes(100), 6_300), "alike");
    }

    /// @dev However much the target burns, and whatever minimum was asked for: the message is known
    ///      afterwards. If the target is content with the minimum, it has run.
    function testFuzz_noMessageIsLostOnL2(uint32 _minGas, uint32 _burn, uint16 _length, uint256 _value) public {
        _minGas = uint32(between(_minGas, 0, 10_000_000));
        target.setBurn(between(_burn, 0, 10_000_000));
        bytes memory data = abi.encodePacked(note(), new bytes(_length % 5_000));
        (bytes32 hash, bool relayed) = toL2(_value % 1 ether, _minGas, data);
        check(relayed, "the deposit itself does not fail");
        check(l2Messenger.successfulMessages(hash) != l2Messenger.failedMessages(hash), "known");
        if (_minGas >= target.toBurn() + 150_000) check(l2Messenger.successfulMessages(hash), "enough gas");
        if (target.calls() > 0) check(target.gasSeen() + 500 >= _minGas, "at least the minimum");
    }

    function testFuzz_noMessageIsLostOnL1(uint32 _minGas, uint32 _burn, uint16 _length) public {
        _minGas = uint32(between(_minGas, 0, 5_000_000));
        target.setBurn(between(_burn, 0, 5_000_000));
        bytes memory data = abi.encodePacked(note(), new bytes(_length % 3_000));
        bytes32 hash = toL1(1 ether, _minGas, data);
        check(l1Messenger.successfulMessages(hash) != l1Messenger.failedMessages(hash), "known");
        if (_minGas >= target.toBurn() + 150_000) check(l1Messenger.successfulMessages(hash), "enough gas");
        equal(target.received() + address(l1Messenger).balance, 1 ether, "the value is there or here");
    }

    /// @dev With less gas than `baseGas` the relay may fail as a whole, but it never burns a message: it
    ///      has run, or is marked for another try, or nothing has happened.
    function testFuzz_anyGasAtAllOnRelay(uint256 _gas, uint32 _minGas) public {
        // Around the edge at which the call is tried.
        _minGas = uint32(between(_minGas, 100_000, 1_000_000));
        _gas = uint256(_minGas) * 64 / 63 + between(_gas, 0, 250_000);
        bytes32 hash = Hashing.hashMessageV1(nonce1(), alice, address(target), 1 ether, _minGas, note());
        bytes memory call_ = abi.encodeCall(
            CrossDomainMessenger.relayMessage, (nonce1(), alice, address(target), 1 ether, _minGas, note())
        );
        address sender = AddressAlias.apply_(address(l1Messenger));
        vm.deal(sender, 1 ether);
        vm.prank(sender, sender);
        (bool success,) = address(l2Messenger).call{ value: 1 ether, gas: _gas }(call_);
        bool known = l2Messenger.successfulMessages(hash) != l2Messenger.failedMessages(hash);
        check(known == success, "known exactly if the call succeeded");
        equal(target.calls(), l2Messenger.successfulMessages(hash) ? 1 : 0, "ran exactly if recorded");
        if (target.calls() == 1) check(target.gasSeen() + 500 >= _minGas, "at least the minimum");
        if (l2Messenger.failedMessages(hash)) {
            l2Messenger.relayMessage(nonce1(), alice, address(target), 1 ether, _minGas, note());
            equal(target.received(), 1 ether, "nothing is lost");
        }
    }

    /// @dev Gas in small steps over the edge at which the call is tried: it is tried with the minimum or not
    ///      at all, and is recorded either way.
    function test_theEdge() public {
        uint256 minGas = 150_000;
        bytes memory call_ = abi.encodeCall(
            CrossDomainMessenger.relayMessage, (nonce1(), alice, address(target), 0, minGas, note())
        );
        address sender = AddressAlias.apply_(address(l1Messenger));
        bytes32 hash = keccak256(call_);
        uint256 ran;
        for (uint256 gas_ = 180_000; gas_ < 300_000; gas_ += 400) {
            uint256 state = vm.snapshotState();
            vm.prank(sender, sender);
            (bool success,) = address(l2Messenger).call{ gas: gas_ }(call_);
            check(success, "recorded");
            check(l2Messenger.successfulMessages(hash) != l2Messenger.failedMessages(hash), "one or the other");
            if (target.calls() == 1) check(target.gasSeen() + 300 >= minGas, "at least the minimum");
            equal(target.calls(), l2Messenger.successfulMessages(hash) ? 1 : 0, "with the minimum it runs");
            ran += target.calls();
            vm.revertToState(state);
        }
        check(ran > 0 && ran < 300, "both sides of the edge");
    }

    function nonce1() private pure returns (uint256) {
        return uint256(1) << 240;
    }

    // ---- failure and replay

    function test_aFailedMessageIsReplayedByAnybody() public {
        target.setFails(true);
        (bytes32 hash, bool relayed) = toL2(2 ether, 100_000, note());
        check(relayed && l2Messenger.failedMessages(hash), "failed");
        equal(address(l2Messenger).balance, 2 ether, "the value waits");
        // It fails again.
        l2Messenger.relayMessage(nonce1(), alice, address(target), 2 ether, 100_000, note());
        check(l2Messenger.failedMessages(hash) && !l2Messenger.successfulMessages(hash), "failed again");
        target.setFails(false);
        vm.expectEmit(true, true, true, true, address(l2Messenger));
        emit RelayedMessage(hash);
        l2Messenger.relayMessage(nonce1(), alice, address(target), 2 ether, 100_000, note());
        equal(target.received(), 2 ether, "paid");
        equal(target.sender(), alice, "the first sender");
        expectText("CrossDomainMessenger: message has already been relayed");
        l2Messenger.relayMessage(nonce1(), alice, address(target), 2 ether, 100_000, note());
    }

    function test_aFailedMessageIsReplayedOnL1() public {
        target.setFails(true);
        bytes32 hash = toL1(2 ether, 100_000, note());
        check(l1Messenger.failedMessages(hash), "failed");
        equal(address(l1Messenger).balance, 2 ether, "the value waits");
        target.setFails(false);
        l1Messenger.relayMessage(nonce1(), alice, address(target), 2 ether, 100_000, note());
        check(l1Messenger.successfulMessages(hash), "relayed");
        equal(target.received(), 2 ether, "paid");
    }

    function testFuzz_noChangedMessageIsReplayed(uint8 _field, uint128 _change) public {
        vm.assume(_change != 0);
        target.setFails(true);
        toL2(2 ether, 100_000, note());
        _field %= 6;
        uint256 nonce = nonce1() ^ (_field == 0 ? _change : 0);
        address sender = _field == 1 ? address(uint160(uint256(keccak256(abi.encode(_change))))) : alice;
        address to = _field == 2 ? address(uint160(uint256(keccak256(abi.encode(_change))))) : address(target);
        uint256 value = 2 ether ^ (_field == 3 ? _change : 0);
        uint256 minGas = 100_000 ^ (_field == 4 ? uint256(_change) : 0);
        bytes memory data = _field == 5 ? abi.encodePacked(note(), _change) : note();
        expectText("CrossDomainMessenger: message cannot be replayed");
        l2Messenger.relayMessage(nonce, sender, to, value, minGas, data);
    }

    function test_aReplayBringsNoValue() public {
        target.setFails(true);
        toL2(2 ether, 100_000, note());
        vm.deal(address(this), 1);
        expectText("CrossDomainMessenger: value must be zero unless message is from a system address");
        l2Messenger.relayMessage{ value: 1 }(nonce1(), alice, address(target), 2 ether, 100_000, note());
    }

    function test_nobodyBringsAMessageThatWasNotSent() public {
        expectText("CrossDomainMessenger: message cannot be replayed");
        l1Messenger.relayMessage(nonce1(), alice, address(target), 0, 0, note());
        // Nor does the portal for a sender on L2 that is not the messenger.
        bytes memory call_ =
            abi.encodeCall(CrossDomainMessenger.relayMessage, (nonce1(), alice, address(target), 0, 0, note()));
        check(!complete(withdraw(alice, address(l1Messenger), 0, 500_000, call_)), "refused");
        equal(target.calls(), 0, "not run");
        // Nor the messenger of L1 at its own address, which on L2 is anybody's.
        expectText("CrossDomainMessenger: message cannot be replayed");
        vm.prank(address(l1Messenger));
        l2Messenger.relayMessage(nonce1(), alice, address(target), 0, 0, note());
    }

    function test_theOtherHalfMustBringTheValue() public {
        address sender = AddressAlias.apply_(address(l1Messenger));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 1));
        vm.prank(sender);
        l2Messenger.relayMessage(nonce1(), alice, address(target), 1, 0, note());
    }

    function test_messagesDoNotNest() public {
        // A failed message is replayed from within another: it stays failed, and is replayed later.
        Receiver second = new Receiver();
        second.setFails(true);
        vm.recordLogs();
        vm.prank(alice, alice);
        l1Messenger.sendMessage(address(second), note(), 100_000);
        relayDeposits(vm.getRecordedLogs());
        second.setFails(false);
        target.setAgain(
            abi.encodeCall(CrossDomainMessenger.relayMessage, (nonce1(), alice, address(second), 0, 100_000, note()))
        );
        (bytes32 hash,) = toL2(0, 1_000_000, note());
        check(l2Messenger.successfulMessages(hash), "the outer one");
        equal(target.sender(), alice, "sender of the outer one");
        equal(second.calls(), 0, "the inner one has not run");
        l2Messenger.relayMessage(nonce1(), alice, address(second), 0, 100_000, note());
        equal(second.calls(), 1, "it runs later");
    }

    function test_aMessageDoesNotReplayItself() public {
        target.setFails(true);
        toL2(1 ether, 100_000, note());
        target.setFails(false);
        bytes memory again =
            abi.encodeCall(CrossDomainMessenger.relayMessage, (nonce1(), alice, address(target), 1 ether, 100_000, note()));
        target.setAgain(again);
        l2Messenger.relayMessage(nonce1(), alice, address(target), 1 ether, 100_000, note());
        equal(target.calls(), 1, "once");
        equal(target.received(), 1 ether, "paid once");
        expectText("CrossDomainMessenger: message has already been relayed");
        l2Messenger.relayMessage(nonce1(), alice, address(target), 1 ether, 100_000, note());
    }

    // ---- refusals

    function fromL1(uint256 _nonce, address _target) private {
        vm.prank(AddressAlias.apply_(address(l1Messenger)));
        l2Messenger.relayMessage(_nonce, alice, _target, 0, 0, note());
    }

    function test_unsafeTargets() public {
        string memory text = "CrossDomainMessenger: cannot send message to blocked system address";
        expectText(text);
        fromL1(nonce1(), address(l2Messenger));
        expectText(text);
        fromL1(nonce1(), Predeploys.L2_TO_L1_MESSAGE_PASSER);
        vm.store(address(portal), bytes32(uint256(50)), bytes32(uint256(uint160(address(l2Messenger)))));
        for (uint256 i; i < 2; ++i) {
            expectText(text);
            vm.prank(address(portal));
            l1Messenger.relayMessage(nonce1(), alice, i == 0 ? address(portal) : address(l1Messenger), 0, 0, note());
        }
    }

    function test_versions() public {
        expectText("CrossDomainMessenger: only version 0 or 1 messages are supported at this time");
        fromL1(uint256(2) << 240, address(target));
        fromL1(7, address(target));
        equal(target.calls(), 1, "version 0 runs");
        bytes32 old = Hashing.hashMessageV0(address(target), alice, note(), 8);
        vm.store(address(l2Messenger), keccak256(abi.encode(old, uint256(203))), bytes32(uint256(1)));
        expectText("CrossDomainMessenger: legacy withdrawal already relayed");
        fromL1(8, address(target));
    }

    function test_pauseStopsL1Only() public {
        pause(address(portal));
        check(l1Messenger.paused() && !l2Messenger.paused(), "paused");
        expectText("CrossDomainMessenger: paused");
        l1Messenger.relayMessage(nonce1(), alice, address(target), 0, 0, note());
        (bytes32 hash,) = toL2(1 ether, 100_000, note());
        check(l2Messenger.successfulMessages(hash), "deposits go on");
    }

    function test_noSenderOutsideOfMessages() public {
        expectText("CrossDomainMessenger: xDomainMessageSender is not set");
        l1Messenger.xDomainMessageSender();
    }

    function test_estimationFailsWhereTheMessageFails() public {
        target.setFails(true);
        toL2(0, 100_000, note());
        expectText("CrossDomainMessenger: failed to relay message");
        vm.prank(address(1), address(1));
        l2Messenger.relayMessage(nonce1(), alice, address(target), 0, 100_000, note());
    }

    function test_getters() public view {
        equal(address(l1Messenger.portal()), address(portal), "portal");
        equal(address(l1Messenger.PORTAL()), address(portal), "PORTAL");
        equal(address(l1Messenger.otherMessenger()), address(l2Messenger), "other");
        equal(address(l2Messenger.OTHER_MESSENGER()), address(l1Messenger), "OTHER");
        equal(address(l2Messenger.l1CrossDomainMessenger()), address(l1Messenger), "older name");
        equal(l1Messenger.superchainConfig(), address(superchain), "superchain");
    }
}
