// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { World } from "./support/World.sol";
import { QuickDisputeGame } from "../src/dispute/QuickDisputeGame.sol";
import { DelayedWETH } from "../src/dispute/DelayedWETH.sol";
import { IDisputeGame } from "../src/interfaces/IDisputeGame.sol";
import { BondDistributionMode, GameStatus } from "../src/libraries/DisputeTypes.sol";

/// @notice The course of the game between proposer and challenger, and where the bond goes.
contract QuickDisputeGameTest is World {
    bytes32 private constant CLAIM = keccak256("claim");
    QuickDisputeGame private game;

    event Resolved(GameStatus indexed status);
    event Move(uint256 indexed parentIndex, bytes32 indexed claim, address indexed claimant);
    event GameClosed(BondDistributionMode bondDistributionMode);

    function setUp() public override {
        super.setUp();
        factory.setInitBond(GAME_TYPE, 1 ether);
        game = propose(CLAIM);
    }

    // ---- beginning

    function test_whatAGameTells() public view {
        equal(game.gameType(), GAME_TYPE, "type");
        equal(game.gameCreator(), proposer, "creator");
        equal(game.rootClaim(), CLAIM, "claim");
        equal(game.l1Head(), blockhash(block.number - 1), "L1 head");
        equal(game.l2SequenceNumber(), l2Block, "block");
        equal(game.l2BlockNumber(), l2Block, "older name");
        equal(keccak256(game.extraData()), keccak256(abi.encode(l2Block)), "extra data");
        (uint32 kind, bytes32 claim, bytes memory extra) = game.gameData();
        check(kind == GAME_TYPE && claim == CLAIM && keccak256(extra) == keccak256(abi.encode(l2Block)), "data");
        equal(game.createdAt(), block.timestamp, "created");
        equal(game.resolvedAt(), 0, "not resolved");
        check(game.status() == GameStatus.IN_PROGRESS && game.wasRespectedGameTypeWhenCreated(), "status");
        equal(address(game.anchorStateRegistry()), address(registry), "registry");
        equal(address(game.weth()), address(weth), "weth");
        equal(game.proposer(), proposer, "proposer");
        equal(game.challenger(), challenger, "challenger");
        equal(game.l2ChainId(), L2_CHAIN_ID, "chain");
        equal(game.absolutePrestate(), 0, "prestate");
        equal(game.vm(), address(0), "vm");
        equal(game.maxClockDuration(), CLOCK, "clock");
        equal(game.startingBlockNumber(), 0, "anchor");
        equal(game.startingRootHash(), GENESIS_OUTPUT, "anchor");
        equal(weth.balanceOf(address(game)), 1 ether, "bond");
        equal(game.refundModeCredit(proposer), 1 ether, "bond");
        equal(game.claimDataLen(), 1, "claims");
        equal(game.getRequiredBond(2), 0, "bond of a challenge");
    }

    function create(address _who, address _origin, bytes32 _claim, bytes memory _extra, bytes memory _error) private {
        vm.deal(_who, 1 ether);
        vm.expectRevert(_error);
        vm.prank(_who, _origin);
        factory.create{ value: 1 ether }(GAME_TYPE, _claim, _extra);
    }

    function test_refusalsToBegin() public {
        bytes memory badAuth = abi.encodeWithSelector(QuickDisputeGame.BadAuth.selector);
        create(challenger, challenger, "x", abi.encode(500), badAuth);
        create(proposer, challenger, "x", abi.encode(500), badAuth);
        bytes memory badData = abi.encodeWithSelector(QuickDisputeGame.BadExtraData.selector);
        create(proposer, proposer, "x", abi.encodePacked(uint256(500), uint8(0)), badData);
        create(proposer, proposer, "x", abi.encodePacked(uint248(500)), badData);
        create(proposer, proposer, "x", "", badData);
        create(
            proposer, proposer, "x", abi.encode(0), abi.encodeWithSelector(QuickDisputeGame.UnexpectedRootClaim.selector, bytes32("x"))
        );
        vm.expectRevert(QuickDisputeGame.AlreadyInitialized.selector);
        game.initialize();
        vm.mockCall(address(registry), abi.encodeCall(registry.getAnchorRoot, ()), abi.encode(bytes32(0), uint256(0)));
        create(proposer, proposer, "x", abi.encode(500), abi.encodeWithSelector(QuickDisputeGame.AnchorRootNotFound.selector));
    }

    // ---- decision

    function test_theDefenderWinsByTime() public {
        skip(CLOCK - 1);
        vm.expectRevert(QuickDisputeGame.ClockNotExpired.selector);
        game.resolve();
        skip(1);
        vm.expectEmit(true, true, true, true, address(game));
        emit Resolved(GameStatus.DEFENDER_WINS);
        check(game.resolve() == GameStatus.DEFENDER_WINS, "won");
        equal(game.resolvedAt(), block.timestamp, "time");
        vm.expectRevert(QuickDisputeGame.GameNotInProgress.selector);
        game.resolve();
    }

    function test_theChallengerWins() public {
        skip(10);
        vm.expectEmit(true, true, true, true, address(game));
        emit Move(0, "truth", challenger);
        vm.prank(challenger);
        game.attack(CLAIM, 0, "truth");
        equal(game.claimDataLen(), 2, "claims");
        (uint32 parent, address by, address claimant,, bytes32 claim, uint128 position, uint128 clock) = game.claimData(0);
        check(parent == type(uint32).max && by == challenger && claimant == proposer && claim == CLAIM, "root");
        check(position == 1 && clock == game.createdAt(), "root");
        (parent, by, claimant,, claim, position, clock) = game.claimData(1);
        check(parent == 0 && by == address(0) && claimant == challenger && claim == "truth", "counter");
        check(position == 2 && clock == uint128(10) << 64 | uint128(block.timestamp), "counter");
        check(game.resolve() == GameStatus.CHALLENGER_WINS, "at once");
    }

    function attack(address _who, bytes32 _disputed, uint256 _index, uint256 _value, bytes4 _error) private {
        vm.deal(_who, _value);
        vm.expectRevert(_error);
        vm.prank(_who);
        game.attack{ value: _value }(_disputed, _index, "truth");
    }

    function test_refusalsToContest() public {
        attack(proposer, CLAIM, 0, 0, QuickDisputeGame.BadAuth.selector);
        attack(challenger, "x", 0, 0, QuickDisputeGame.InvalidDisputedClaimIndex.selector);
        attack(challenger, CLAIM, 1, 0, QuickDisputeGame.InvalidDisputedClaimIndex.selector);
        attack(challenger, CLAIM, 0, 1, QuickDisputeGame.IncorrectBondAmount.selector);
        vm.expectRevert(QuickDisputeGame.InvalidDisputedClaimIndex.selector);
        game.claimData(1);
        uint256 state = vm.snapshotState();
        vm.prank(challenger);
        game.attack(CLAIM, 0, "truth");
        attack(challenger, CLAIM, 0, 0, QuickDisputeGame.ClaimAlreadyExists.selector);
        vm.revertToState(state);
        skip(CLOCK);
        attack(challenger, CLAIM, 0, 0, QuickDisputeGame.ClockTimeExceeded.selector);
        game.resolve();
        attack(challenger, CLAIM, 0, 0, QuickDisputeGame.GameNotInProgress.selector);
    }

    // ---- bond

    function decide(bool _contested) private {
        if (_contested) {
            vm.prank(challenger);
            game.attack(CLAIM, 0, "truth");
        } else {
            skip(CLOCK);
        }
        game.resolve();
        skip(FINALITY + 1);
    }

    function collect(address _who) private {
        game.claimCredit(_who);
        check(game.hasUnlockedCredit(_who), "asked for");
        expectText("DelayedWETH: withdrawal delay not met");
        game.claimCredit(_who);
        skip(WETH_DELAY);
        game.claimCredit(_who);
        equal(_who.balance, 1 ether, "paid");
        vm.expectRevert(QuickDisputeGame.NoCreditToClaim.selector);
        game.claimCredit(_who);
        equal(weth.balanceOf(address(game)), 0, "nothing left");
    }

    function test_theWinnerGetsTheBond() public {
        vm.deal(proposer, 0);
        decide(false);
        vm.expectEmit(true, true, true, true, address(game));
        emit GameClosed(BondDistributionMode.NORMAL);
        game.closeGame();
        equal(address(registry.anchorGame()), address(game), "the new anchor");
        equal(game.credit(proposer), 1 ether, "credit");
        collect(proposer);
    }

    function test_theChallengerGetsTheBond() public {
        decide(true);
        collect(challenger);
        equal(address(registry.anchorGame()), address(0), "no anchor");
        game.claimCredit(proposer);
        vm.expectRevert(QuickDisputeGame.NoCreditToClaim.selector);
        game.claimCredit(proposer);
    }

    function test_theBondGoesBackIfTheGameDoesNotCount() public {
        vm.deal(proposer, 0);
        decide(true);
        vm.prank(guardian);
        registry.blacklistDisputeGame(IDisputeGame(address(game)));
        collect(proposer);
        check(game.bondDistributionMode() == BondDistributionMode.REFUND, "refund");
        equal(game.credit(challenger), 0, "nothing for the challenger");
    }

    function test_closingWaits() public {
        vm.expectRevert(QuickDisputeGame.GameNotResolved.selector);
        game.closeGame();
        skip(CLOCK);
        game.resolve();
        vm.expectRevert(QuickDisputeGame.GameNotFinalized.selector);
        game.closeGame();
        skip(FINALITY + 1);
        pause(address(portal));
        vm.expectRevert(QuickDisputeGame.GamePaused.selector);
        game.claimCredit(proposer);
        vm.prank(guardian);
        superchain.unpause(address(portal));
        game.closeGame();
        // What is fixed stays so.
        vm.prank(guardian);
        registry.blacklistDisputeGame(IDisputeGame(address(game)));
        game.closeGame();
        check(game.bondDistributionMode() == BondDistributionMode.NORMAL, "fixed");
    }

    function test_anOlderGameCloses() public {
        QuickDisputeGame newer = propose(keccak256("newer"));
        skip(CLOCK);
        game.resolve();
        newer.resolve();
        skip(FINALITY + 1);
        newer.closeGame();
        game.closeGame();
        equal(address(registry.anchorGame()), address(newer), "the newer one");
    }
}

/// @notice WETH that waits.
contract DelayedWETHTest is World {
    address private alice = account("alice");
    address private guy = account("beneficiary");

    function setUp() public override {
        super.setUp();
        vm.deal(alice, 10 ether);
        vm.prank(alice);
        weth.deposit{ value: 10 ether }();
    }

    function refused(address _guy, uint256 _wad, string memory _text) private {
        expectText(_text);
        vm.prank(alice);
        weth.withdraw(_guy, _wad);
    }

    function test_askAndWait() public {
        refused(guy, 1, "DelayedWETH: insufficient unlocked withdrawal");
        refused(guy, 0, "DelayedWETH: withdrawal not unlocked");
        vm.prank(alice);
        weth.unlock(guy, 3 ether);
        skip(WETH_DELAY - 1);
        refused(guy, 3 ether, "DelayedWETH: withdrawal delay not met");
        refused(guy, 3 ether + 1, "DelayedWETH: insufficient unlocked withdrawal");
        skip(1);
        vm.prank(alice);
        weth.withdraw(guy, 1 ether);
        equal(alice.balance, 1 ether, "paid to the holder");
        (uint256 amount, uint256 since) = weth.withdrawals(alice, guy);
        equal(amount, 2 ether, "left");
        equal(since, block.timestamp - WETH_DELAY, "since");
        pause(address(portal));
        refused(guy, 1, "DelayedWETH: contract is paused");
    }

    /// @dev The one-argument form asks in the holder's own name, and waits all the same.
    function test_theShortForm() public {
        expectText("DelayedWETH: insufficient unlocked withdrawal");
        vm.prank(alice);
        weth.withdraw(1);
        vm.prank(alice);
        weth.unlock(alice, 1);
        skip(WETH_DELAY);
        vm.prank(alice);
        weth.withdraw(1);
        equal(alice.balance, 1, "paid");
    }

    function test_askingForMoreThanThereIs() public {
        vm.prank(alice);
        weth.unlock(guy, 11 ether);
        skip(WETH_DELAY);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(alice);
        weth.withdraw(guy, 11 ether);
    }

    function test_theOwnerStepsIn() public {
        weth.hold(alice, 1 ether);
        equal(weth.balanceOf(address(this)), 1 ether, "held");
        weth.hold(alice);
        equal(weth.balanceOf(address(this)), 10 ether, "all");
        weth.recover(100 ether);
        equal(address(this).balance >= 10 ether ? 1 : 0, 1, "recovered");
        vm.startPrank(alice, alice);
        expectText("DelayedWETH: not owner");
        weth.hold(address(this));
        expectText("DelayedWETH: not owner");
        weth.hold(address(this), 1);
        expectText("DelayedWETH: not owner");
        weth.recover(1);
        vm.stopPrank();
        equal(weth.delay(), WETH_DELAY, "delay");
        equal(weth.config(), address(superchain), "config");
    }

    receive() external payable { }
}
