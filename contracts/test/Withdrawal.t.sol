// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { Receiver } from "./support/Helpers.sol";
import { OptimismPortal } from "../src/L1/OptimismPortal.sol";
import { QuickDisputeGame } from "../src/dispute/QuickDisputeGame.sol";
import { IDisputeGame } from "../src/interfaces/IDisputeGame.sol";
import { Hashing } from "../src/libraries/Hashing.sol";
import { Types } from "../src/libraries/Types.sol";

/// @notice Withdrawals through the portal: proven, waited for, finalized; and every way in which they are
///         refused, by the name of its error.
contract WithdrawalTest is World {
    address private alice = account("alice on L2");
    address private prover = account("prover");
    Receiver private target;
    Types.WithdrawalTransaction private tx_;
    bytes32 private hash;

    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    function setUp() public override {
        super.setUp();
        target = new Receiver();
        vm.deal(address(portal), 1_000 ether);
        // Some other withdrawals, so that the trie has branches.
        for (uint256 i; i < 5; ++i) withdraw(alice, account("somebody"), i, 0, "");
        tx_ = withdraw(alice, address(target), 3 ether, 200_000, abi.encodeCall(Receiver.note, ()));
        hash = Hashing.hashWithdrawal(tx_);
    }

    // ---- the way through

    function test_aWithdrawalIsProvenAndFinalized() public {
        makeProof(hash);
        QuickDisputeGame game = propose(Hashing.hashOutputRootProof(output));
        skip(1);
        vm.expectEmit(true, true, true, true, address(portal));
        emit WithdrawalProven(hash, alice, address(target));
        vm.expectEmit(true, true, true, true, address(portal));
        emit WithdrawalProvenExtension1(hash, prover);
        vm.prank(prover);
        portal.proveWithdrawalTransaction(tx_, 0, output, proof);
        (IDisputeGame proven, uint64 since) = portal.provenWithdrawals(hash, prover);
        equal(address(proven), address(game), "game");
        equal(since, block.timestamp, "time");
        equal(portal.numProofSubmitters(hash), 1, "one proof");
        equal(portal.proofSubmitters(hash, 0), prover, "who");

        mature(game);
        portal.checkWithdrawal(hash, prover);
        vm.expectEmit(true, true, true, true, address(portal));
        emit WithdrawalFinalized(hash, true);
        vm.prank(prover);
        portal.finalizeWithdrawalTransaction(tx_);
        check(portal.finalizedWithdrawals(hash), "finalized");
        equal(address(target).balance, 3 ether, "paid");
        equal(address(portal).balance, 997 ether, "taken");
        check(target.gasSeen() >= 200_000 - 1_000, "the gas that was asked for");
        equal(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD, "nobody");
    }

    function test_somebodyElseFinalizesWithAProof() public {
        mature(prove(tx_, prover));
        vm.expectRevert(OptimismPortal.OptimismPortal_Unproven.selector);
        portal.finalizeWithdrawalTransaction(tx_);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
        check(portal.finalizedWithdrawals(hash), "finalized");
    }

    function test_theTargetSeesItsSender() public {
        Asker asker = new Asker(portal);
        tx_ = withdraw(alice, address(asker), 0, 100_000, abi.encodeCall(Asker.ask, ()));
        check(complete(tx_), "runs");
        equal(asker.seen(), alice, "sender on L2");
    }

    function test_aFailingCallFinalizesAndKeepsTheMoney() public {
        target.setFails(true);
        check(!complete(tx_), "the call fails");
        check(portal.finalizedWithdrawals(hash), "finalized all the same");
        equal(address(portal).balance, 1_000 ether, "nothing left");
        vm.expectRevert(OptimismPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
    }

    function test_aBombOfReturnedDataDoesNotHurt() public {
        tx_ = withdraw(alice, address(target), 0, 100_000, abi.encodeCall(Receiver.bomb, ()));
        check(!complete(tx_), "the call fails");
    }

    function testFuzz_anyWithdrawalIsProven(
        address _target,
        uint256 _value,
        uint64 _gasLimit,
        bytes memory _data,
        uint8 _others
    )
        public
    {
        vm.assume(_target != address(portal));
        for (uint256 i; i < _others % 20; ++i) withdraw(account("other"), account("somebody"), i, i, "");
        tx_ = withdraw(alice, _target, _value % 1e24, _gasLimit, _data);
        prove(tx_, prover);
        equal(portal.numProofSubmitters(Hashing.hashWithdrawal(tx_)), 1, "proven");
    }

    // ---- refusals to prove

    function proposed() private returns (QuickDisputeGame game_) {
        makeProof(hash);
        game_ = propose(Hashing.hashOutputRootProof(output));
        skip(1);
    }

    function refusedProof(bytes4 _error) private {
        uint256 index = factory.gameCount() - 1;
        vm.expectRevert(_error);
        portal.proveWithdrawalTransaction(tx_, index, output, proof);
    }

    function test_notWhilePaused() public {
        QuickDisputeGame game = prove(tx_, prover);
        for (uint256 i; i < 2; ++i) {
            address identifier = i == 0 ? address(0) : address(portal);
            pause(identifier);
            refusedProof(OptimismPortal.OptimismPortal_CallPaused.selector);
            vm.expectRevert(OptimismPortal.OptimismPortal_CallPaused.selector);
            portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
            vm.prank(guardian);
            superchain.unpause(identifier);
        }
        // The pause of another chain is none of ours.
        pause(account("another portal"));
        check(!portal.paused(), "not paused");
        mature(game);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
    }

    /// @dev The registry is asked about the pause where nothing else is wrong, the portal where something is.
    function test_thePauseIsTheFirstReason() public {
        QuickDisputeGame game = prove(tx_, prover);
        mature(game);
        portal.checkWithdrawal(hash, prover);
        uint256 index = factory.gameCount() - 1;
        bytes4 paused_ = OptimismPortal.OptimismPortal_CallPaused.selector;
        pause(address(0));
        // Nothing else is wrong with it.
        vm.expectRevert(OptimismPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(hash, prover);
        vm.expectRevert(paused_);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
        // Not proven by this one; a game that does not count; a target that is refused.
        vm.expectRevert(paused_);
        portal.finalizeWithdrawalTransaction(tx_);
        vm.prank(guardian);
        registry.blacklistDisputeGame(IDisputeGame(address(game)));
        refusedProof(paused_);
        vm.expectRevert(paused_);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
        tx_.target = address(portal);
        vm.expectRevert(paused_);
        portal.proveWithdrawalTransaction(tx_, index, output, proof);
        vm.expectRevert(paused_);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
        check(!portal.finalizedWithdrawals(hash), "nothing ran");
    }

    function test_depositsGoOnWhilePaused() public {
        pause(address(0));
        portal.depositTransaction(alice, 0, 100_000, false, "");
    }

    function test_theSameSecondAsTheGame() public {
        makeProof(hash);
        propose(Hashing.hashOutputRootProof(output));
        refusedProof(OptimismPortal.OptimismPortal_InvalidProofTimestamp.selector);
    }

    function test_aBlacklistedGame() public {
        QuickDisputeGame game = proposed();
        vm.prank(guardian);
        registry.blacklistDisputeGame(IDisputeGame(address(game)));
        check(portal.disputeGameBlacklist(IDisputeGame(address(game))), "listed");
        refusedProof(OptimismPortal.OptimismPortal_ImproperDisputeGame.selector);
    }

    function test_aRetiredGame() public {
        proposed();
        vm.prank(guardian);
        registry.updateRetirementTimestamp();
        equal(portal.respectedGameTypeUpdatedAt(), block.timestamp, "older name");
        refusedProof(OptimismPortal.OptimismPortal_ImproperDisputeGame.selector);
    }

    function test_aLostGame() public {
        QuickDisputeGame game = proposed();
        contest(game);
        game.resolve();
        refusedProof(OptimismPortal.OptimismPortal_InvalidDisputeGame.selector);
    }

    function test_aGameOfATypeNotRespected() public {
        vm.prank(guardian);
        registry.setRespectedGameType(7);
        equal(portal.respectedGameType(), 7, "type");
        proposed();
        refusedProof(OptimismPortal.OptimismPortal_InvalidDisputeGame.selector);
    }

    function test_aGameThatDoesNotExist() public {
        makeProof(hash);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x32));
        portal.proveWithdrawalTransaction(tx_, 0, output, proof);
    }

    function testFuzz_anotherOutput(uint8 _field, bytes32 _value) public {
        proposed();
        vm.assume(_value != 0 && _value != output.stateRoot && _value != output.messagePasserStorageRoot);
        vm.assume(_value != output.latestBlockhash);
        _field %= 4;
        if (_field == 0) output.version = _value;
        if (_field == 1) output.stateRoot = _value;
        if (_field == 2) output.messagePasserStorageRoot = _value;
        if (_field == 3) output.latestBlockhash = _value;
        refusedProof(OptimismPortal.OptimismPortal_InvalidOutputRootProof.selector);
    }

    function testFuzz_anotherWithdrawal(uint8 _field, uint256 _change) public {
        proposed();
        vm.assume(_change != 0);
        _field %= 6;
        address other = address(uint160(_change));
        if (_field == 0) tx_.nonce ^= _change;
        if (_field == 1) tx_.value ^= _change;
        if (_field == 2) tx_.gasLimit ^= _change;
        if (_field == 3) tx_.data = abi.encode(_change);
        if (_field == 4) tx_.sender = other;
        if (_field == 5) tx_.target = other;
        vm.assume(tx_.sender != alice || tx_.target != address(target) || _field < 4);
        vm.assume(other != address(portal));
        refusedProof(OptimismPortal.OptimismPortal_InvalidMerkleProof.selector);
    }

    function testFuzz_noOtherProofPasses(uint16 _node, uint16 _byte, uint8 _bit) public {
        proposed();
        bytes[] memory changed = proof;
        bytes memory node = changed[_node % changed.length];
        node[_byte % node.length] ^= bytes1(uint8(1 << (_bit & 7)));
        uint256 index = factory.gameCount() - 1;
        (bool success,) = address(portal).call(
            abi.encodeCall(OptimismPortal.proveWithdrawalTransaction, (tx_, index, output, changed))
        );
        check(!success, "a changed proof");
    }

    function test_unsafeTarget() public {
        proposed();
        tx_.target = address(portal);
        refusedProof(OptimismPortal.OptimismPortal_BadTarget.selector);
        vm.expectRevert(OptimismPortal.OptimismPortal_BadTarget.selector);
        portal.finalizeWithdrawalTransaction(tx_);
    }

    // ---- refusals to finalize

    function refused(bytes4 _error) private {
        vm.expectRevert(_error);
        portal.checkWithdrawal(hash, prover);
        vm.expectRevert(_error);
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
    }

    function contest(QuickDisputeGame _game) private {
        bytes32 claim = _game.rootClaim();
        vm.prank(challenger);
        _game.attack(claim, 0, keccak256("the truth"));
    }

    function test_unproven() public {
        refused(OptimismPortal.OptimismPortal_Unproven.selector);
    }

    function test_tooYoungAProof() public {
        QuickDisputeGame game = proposed();
        skip(CLOCK);
        game.resolve();
        skip(FINALITY + 1);
        vm.prank(prover);
        portal.proveWithdrawalTransaction(tx_, 0, output, proof);
        skip(MATURITY);
        refused(OptimismPortal.OptimismPortal_ProofNotOldEnough.selector);
        skip(1);
        portal.checkWithdrawal(hash, prover);
    }

    function test_anUnresolvedGame() public {
        prove(tx_, prover);
        skip(CLOCK + MATURITY + FINALITY + 1);
        refused(OptimismPortal.OptimismPortal_InvalidRootClaim.selector);
    }

    function test_aGameInTheAirgap() public {
        QuickDisputeGame game = prove(tx_, prover);
        skip(CLOCK + MATURITY);
        game.resolve();
        skip(FINALITY);
        refused(OptimismPortal.OptimismPortal_InvalidRootClaim.selector);
        skip(1);
        portal.checkWithdrawal(hash, prover);
    }

    function test_aGameLostAfterTheProof() public {
        QuickDisputeGame game = prove(tx_, prover);
        contest(game);
        mature(game);
        refused(OptimismPortal.OptimismPortal_InvalidRootClaim.selector);
    }

    function test_aGameBlacklistedAfterTheProof() public {
        QuickDisputeGame game = prove(tx_, prover);
        mature(game);
        vm.prank(guardian);
        registry.blacklistDisputeGame(IDisputeGame(address(game)));
        refused(OptimismPortal.OptimismPortal_InvalidRootClaim.selector);
    }

    function test_aGameRetiredAfterTheProof() public {
        mature(prove(tx_, prover));
        vm.prank(guardian);
        registry.updateRetirementTimestamp();
        refused(OptimismPortal.OptimismPortal_InvalidRootClaim.selector);
        // A newer game serves, after another proof and another wait.
        skip(1);
        mature(prove(tx_, prover));
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
    }

    function test_twice() public {
        check(complete(tx_), "once");
        refused(OptimismPortal.OptimismPortal_AlreadyFinalized.selector);
    }

    function test_provingAgainDelaysOnlyTheProver() public {
        address other = account("other prover");
        QuickDisputeGame game = prove(tx_, prover);
        mature(game);
        vm.prank(other);
        portal.proveWithdrawalTransaction(tx_, 0, output, proof);
        vm.expectRevert(OptimismPortal.OptimismPortal_ProofNotOldEnough.selector);
        portal.checkWithdrawal(hash, other);
        equal(portal.numProofSubmitters(hash), 2, "two");
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
    }

    function test_aProofOlderThanItsGameIsRefused() public {
        // It cannot come to be, so it is put there.
        QuickDisputeGame game = prove(tx_, prover);
        mature(game);
        bytes32 slot = keccak256(abi.encode(prover, keccak256(abi.encode(hash, uint256(57)))));
        vm.store(address(portal), slot, bytes32(uint256(game.createdAt()) << 160 | uint160(address(game))));
        refused(OptimismPortal.OptimismPortal_InvalidProofTimestamp.selector);
    }

    function test_withdrawalsDoNotNest() public {
        Types.WithdrawalTransaction memory inner = tx_;
        mature(prove(inner, prover));
        Nester nester = new Nester(portal, inner, prover);
        Types.WithdrawalTransaction memory outer =
            withdraw(alice, address(nester), 0, 2_000_000, abi.encodeCall(Nester.run, ()));
        check(complete(outer), "the outer one runs");
        equal(uint256(uint32(nester.error())), uint256(uint32(OptimismPortal.OptimismPortal_NoReentrancy.selector)), "nested");
        check(!portal.finalizedWithdrawals(hash), "the inner one waits");
    }

    // ---- gas

    function testFuzz_tooLittleGasNeverFinalizes(uint256 _gas, uint32 _gasLimit) public {
        _gasLimit = uint32(between(_gasLimit, 0, 3_000_000));
        tx_ = withdraw(alice, address(target), 1 ether, _gasLimit, abi.encodeCall(Receiver.note, ()));
        hash = Hashing.hashWithdrawal(tx_);
        mature(prove(tx_, prover));
        bytes memory call_ = abi.encodeCall(OptimismPortal.finalizeWithdrawalTransactionExternalProof, (tx_, prover));
        (bool success,) = address(portal).call{ gas: between(_gas, 50_000, 4_000_000) }(call_);
        check(success == portal.finalizedWithdrawals(hash), "all or nothing");
        if (success && target.calls() == 1) check(target.gasSeen() + 1_000 >= _gasLimit, "at least what was asked");
        // The call needs 140,000 at most; whoever asks for so much gets it.
        if (success && _gasLimit >= 140_000) equal(target.calls(), 1, "ran");
    }

    /// @dev As on existing chains: 64 times the limit wraps around, to nothing or to more than there is.
    function test_gasLimitsBeyondAllBlocks() public {
        tx_ = withdraw(alice, address(target), 0, 1 << 249, "");
        mature(prove(tx_, prover));
        expectText("SafeCall: Not enough gas");
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
        check(complete(withdraw(alice, address(target), 1 ether, 1 << 250, "")), "wraps to zero");
        equal(target.received(), 1 ether, "paid");
    }

    function test_estimationFailsWhereTheCallFails() public {
        target.setFails(true);
        mature(prove(tx_, prover));
        vm.expectRevert(OptimismPortal.OptimismPortal_GasEstimation.selector);
        vm.prank(address(1), address(1));
        portal.finalizeWithdrawalTransactionExternalProof(tx_, prover);
    }
}

/// @notice Notes who the portal says has sent a withdrawal.
contract Asker {
    OptimismPortal private immutable PORTAL;
    address public seen;

    constructor(OptimismPortal _portal) {
        PORTAL = _portal;
    }

    function ask() external {
        seen = PORTAL.l2Sender();
    }
}

/// @notice Tries to finalize a withdrawal from within another.
contract Nester {
    OptimismPortal private immutable PORTAL;
    bytes private inner;
    bytes4 public error;

    constructor(OptimismPortal _portal, Types.WithdrawalTransaction memory _inner, address _prover) {
        PORTAL = _portal;
        inner = abi.encodeCall(OptimismPortal.finalizeWithdrawalTransactionExternalProof, (_inner, _prover));
    }

    function run() external {
        (bool success, bytes memory answer) = address(PORTAL).call(inner);
        if (!success) error = bytes4(answer);
    }
}
