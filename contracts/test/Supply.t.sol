// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { Receiver, TestToken } from "./support/Helpers.sol";
import { OptimismMintableERC20 } from "../src/universal/OptimismMintableERC20.sol";
import { QuickDisputeGame } from "../src/dispute/QuickDisputeGame.sol";
import { CrossDomainMessenger } from "../src/universal/CrossDomainMessenger.sol";
import { Types } from "../src/libraries/Types.sol";

/// @notice Whatever people do, in whatever order, with calls that fail, replays and lost games between:
///         ETH and tokens are conserved over both chains.
contract SupplyTest is World {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address private alice = account("alice on L1");
    address private bob = account("bob on L2");
    Receiver private fickle1;
    Receiver private fickle2;
    TestToken private token;
    OptimismMintableERC20 private image;

    /// @dev Deposits on their way to L2, and withdrawals on their way to L1.
    Vm.Log[] private deposits;
    Types.WithdrawalTransaction[] private withdrawals;
    /// @dev Relays that failed, as calls that anybody may repeat.
    bytes[] private replays;
    uint256 private depositedEth;
    uint256 private pendingEth;
    uint256 private pendingTokens;
    uint256 private failedTokens;
    uint256 private paidEth;

    function setUp() public override {
        super.setUp();
        token = new TestToken();
        image = OptimismMintableERC20(l2Factory.createOptimismMintableERC20(address(token), "Image", "IMG"));
        fickle1 = new Receiver();
        fickle2 = new Receiver();
        vm.deal(alice, 0);
        token.mint(alice, 1e12);
        vm.prank(alice);
        token.approve(address(l1Bridge), type(uint256).max);
    }

    function targetContracts() external view returns (address[] memory list_) {
        list_ = new address[](1);
        list_[0] = address(this);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list_) {
        list_ = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = this.actDepositEth.selector;
        selectors[1] = this.actDepositTokens.selector;
        selectors[2] = this.actRelay.selector;
        selectors[3] = this.actWithdrawEth.selector;
        selectors[4] = this.actWithdrawTokens.selector;
        selectors[5] = this.actFinalize.selector;
        selectors[6] = this.actReplay.selector;
        selectors[7] = this.actFlip.selector;
        selectors[8] = this.actFinalizeTwice.selector;
        list_[0] = FuzzSelector({ addr: address(this), selectors: selectors });
    }

    // ---- what people do

    function actDepositEth(uint256 _amount, bool _fickle, bool _direct) external {
        _amount = between(_amount, 0, 100 ether);
        vm.deal(alice, _amount);
        vm.roll(block.number + 1);
        vm.recordLogs();
        vm.prank(alice, alice);
        if (_direct) portal.depositTransaction{ value: _amount }(bob, _amount, 100_000, false, "");
        else l1Bridge.depositETHTo{ value: _amount }(_fickle ? address(fickle2) : bob, 200_000, "");
        queue();
        depositedEth += _amount;
        pendingEth += _amount;
    }

    function actDepositTokens(uint256 _amount) external {
        _amount = between(_amount, 0, token.balanceOf(alice));
        vm.roll(block.number + 1);
        vm.recordLogs();
        vm.prank(alice, alice);
        l1Bridge.depositERC20To(address(token), address(image), bob, _amount, 200_000, "");
        queue();
        pendingTokens += _amount;
    }

    function actRelay() external {
        if (deposits.length == 0) return;
        Vm.Log memory log = deposits[deposits.length - 1];
        deposits.pop();
        bytes memory opaque = abi.decode(log.data, (bytes));
        uint256 mint;
        assembly {
            mint := mload(add(opaque, 32))
        }
        uint256 supply = image.totalSupply();
        vm.recordLogs();
        relay(log);
        note(address(l2Messenger), opaque, 73);
        pendingEth -= mint;
        pendingTokens -= image.totalSupply() - supply;
    }

    function actWithdrawEth(uint256 _amount, bool _fickle) external {
        _amount = between(_amount, 0, bob.balance);
        vm.recordLogs();
        vm.prank(bob, bob);
        l2Bridge.bridgeETHTo{ value: _amount }(_fickle ? address(fickle1) : account("carol on L1"), 200_000, "");
        withdrawals.push(withdrawalsIn(vm.getRecordedLogs())[0]);
    }

    function actWithdrawTokens(uint256 _amount) external {
        _amount = between(_amount, 0, image.balanceOf(bob));
        vm.recordLogs();
        vm.prank(bob, bob);
        l2Bridge.withdrawTo(address(image), alice, _amount, 200_000, "");
        withdrawals.push(withdrawalsIn(vm.getRecordedLogs())[0]);
        pendingTokens += _amount;
    }

    function actFinalize(uint256 _which) external {
        if (withdrawals.length == 0) return;
        Types.WithdrawalTransaction memory withdrawal = withdrawals[_which % withdrawals.length];
        withdrawals[_which % withdrawals.length] = withdrawals[withdrawals.length - 1];
        withdrawals.pop();
        uint256 locked = token.balanceOf(address(l1Bridge));
        check(complete(withdrawal), "the messenger never fails");
        pendingTokens -= locked - token.balanceOf(address(l1Bridge));
        paidEth += withdrawal.value;
        if (l1Messenger.failedMessages(keccak256(withdrawal.data))) {
            replays.push(abi.encode(address(l1Messenger), withdrawal.data));
        }
        last = withdrawal;
    }

    Types.WithdrawalTransaction private last;

    function actFinalizeTwice() external {
        if (last.sender == address(0)) return;
        address prover = account("prover");
        vm.prank(prover, prover);
        (bool success,) = address(portal).call(abi.encodeCall(portal.finalizeWithdrawalTransaction, (last)));
        check(!success, "once only");
    }

    function actReplay(uint256 _which) external {
        if (replays.length == 0) return;
        (address messenger, bytes memory call_) = abi.decode(replays[_which % replays.length], (address, bytes));
        // Fails if it has run by now.
        (bool success,) = messenger.call(call_);
        bytes32 hash = keccak256(call_);
        check(success || CrossDomainMessenger(messenger).successfulMessages(hash), "only what has run is refused");
    }

    function actFlip() external {
        fickle1.setFails(!fickle1.fails());
        fickle2.setFails(!fickle2.fails());
    }

    function queue() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == TRANSACTION_DEPOSITED) deposits.push(logs[i]);
        }
    }

    /// @dev Keeps the call that a deposit made, if the messenger recorded it as failed.
    function note(address _messenger, bytes memory _opaque, uint256 _from) private {
        bytes memory call_ = new bytes(_opaque.length - _from);
        for (uint256 i; i < call_.length; ++i) call_[i] = _opaque[i + _from];
        if (CrossDomainMessenger(_messenger).failedMessages(keccak256(call_))) {
            replays.push(abi.encode(_messenger, call_));
        }
    }

    // ---- what holds

    function invariant_supplyIsConserved() external view {
        ethOnL2IsWhatCame();
        ethOnL1IsWhatStayed();
        tokensAreBacked();
    }

    /// @dev ETH on L2 was locked on L1 first.
    function ethOnL2IsWhatCame() private view {
        uint256 onL2 = bob.balance + address(fickle2).balance + address(l2Messenger).balance + address(passer).balance;
        equal(onL2 + pendingEth, depositedEth, "on L2");
    }

    /// @dev What has not been paid out is in the portal.
    function ethOnL1IsWhatStayed() private view {
        equal(address(portal).balance + paidEth, depositedEth, "in the portal");
        uint256 out = account("carol on L1").balance + address(fickle1).balance + address(l1Messenger).balance;
        equal(out, paidEth, "paid out");
        equal(address(l1Bridge).balance + address(l2Bridge).balance, 0, "nothing stays in bridges");
    }

    /// @dev Every image of a token has its token locked, but for those on their way.
    function tokensAreBacked() private view {
        uint256 locked = token.balanceOf(address(l1Bridge));
        equal(locked, l1Bridge.deposits(address(token), address(image)), "accounted for");
        equal(image.totalSupply() + pendingTokens, locked, "backed");
        equal(token.totalSupply(), 1e12, "conserved");
    }

    /// @dev The actions do what they say; else the invariants would hold of nothing.
    function test_theActionsWork() external {
        this.actDepositEth(5 ether, false, false);
        this.actDepositEth(5 ether, false, true);
        this.actFlip();
        this.actDepositEth(5 ether, true, false);
        this.actDepositTokens(100);
        for (uint256 i; i < 4; ++i) this.actRelay();
        equal(bob.balance, 10 ether, "arrived");
        equal(address(l2Messenger).balance, 5 ether, "failed");
        equal(image.balanceOf(bob), 100, "tokens");
        this.actWithdrawEth(2 ether, true);
        this.actWithdrawTokens(40);
        this.actFinalize(0);
        equal(address(l1Messenger).balance, 2 ether, "failed");
        this.actFinalize(0);
        equal(token.balanceOf(alice), 1e12 - 60, "tokens");
        this.actFlip();
        this.actReplay(0);
        this.actReplay(1);
        equal(address(fickle1).balance + address(fickle2).balance, 7 ether, "replayed");
        this.actFinalizeTwice();
        this.invariant_supplyIsConserved();
    }
}
