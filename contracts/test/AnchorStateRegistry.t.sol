// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { World } from "./support/World.sol";
import { AnchorStateRegistry } from "../src/dispute/AnchorStateRegistry.sol";
import { QuickDisputeGame } from "../src/dispute/QuickDisputeGame.sol";
import { IDisputeGame } from "../src/interfaces/IDisputeGame.sol";
import { GameStatus } from "../src/libraries/DisputeTypes.sol";

/// @notice The judgement of games: each condition by itself, and the anchor.
contract AnchorStateRegistryTest is World {
    QuickDisputeGame private quick;
    IDisputeGame private game;

    event AnchorUpdated(IDisputeGame indexed game);
    event RespectedGameTypeSet(uint32 gameType);
    event RetirementTimestampSet(uint256 timestamp);
    event DisputeGameBlacklisted(IDisputeGame indexed disputeGame);

    function setUp() public override {
        super.setUp();
        quick = propose(keccak256("claim"));
        game = IDisputeGame(address(quick));
    }

    function final_() private {
        skip(CLOCK);
        quick.resolve();
        skip(FINALITY + 1);
    }

    function test_aClaimBecomesValid() public {
        check(registry.isGameProper(game) && registry.isGameRespected(game) && registry.isGameRegistered(game), "counts");
        check(!registry.isGameResolved(game) && !registry.isGameFinalized(game), "undecided");
        skip(CLOCK);
        quick.resolve();
        check(registry.isGameResolved(game), "decided");
        skip(FINALITY);
        check(!registry.isGameFinalized(game) && !registry.isGameClaimValid(game), "in the airgap");
        skip(1);
        check(registry.isGameFinalized(game) && registry.isGameClaimValid(game), "valid");
        equal(registry.disputeGameFinalityDelaySeconds(), FINALITY, "delay");
    }

    function test_pausedNoGameIsProper() public {
        final_();
        pause(address(portal));
        check(registry.paused() && !registry.isGameProper(game) && !registry.isGameClaimValid(game), "paused");
        vm.warp(superchain.expiration(address(portal)));
        check(registry.isGameProper(game) && registry.isGameClaimValid(game), "the pause has ended");
    }

    function test_blacklisted() public {
        final_();
        vm.expectEmit(true, true, true, true, address(registry));
        emit DisputeGameBlacklisted(game);
        vm.prank(guardian);
        registry.blacklistDisputeGame(game);
        check(registry.isGameBlacklisted(game) && !registry.isGameProper(game), "improper");
        check(!registry.isGameClaimValid(game), "not valid");
    }

    function test_retired() public {
        vm.expectEmit(true, true, true, true, address(registry));
        emit RetirementTimestampSet(block.timestamp);
        vm.prank(guardian);
        registry.updateRetirementTimestamp();
        check(registry.isGameRetired(game), "a game of the same second too");
        final_();
        check(!registry.isGameProper(game) && !registry.isGameClaimValid(game), "improper");
        game = IDisputeGame(address(propose(keccak256("newer"))));
        check(!registry.isGameRetired(game) && registry.isGameProper(game), "newer games count");
    }

    function test_theTypeIsThatOfTheGamesBeginning() public {
        vm.expectEmit(true, true, true, true, address(registry));
        emit RespectedGameTypeSet(5);
        vm.prank(guardian);
        registry.setRespectedGameType(5);
        check(registry.isGameRespected(game), "respected when it began");
        IDisputeGame later = IDisputeGame(address(propose(keccak256("later"))));
        check(!registry.isGameRespected(later) && registry.isGameProper(later), "not respected, but proper");
        skip(CLOCK);
        later.resolve();
        skip(FINALITY + 1);
        check(!registry.isGameClaimValid(later), "not valid");
    }

    function test_aLostClaim() public {
        vm.prank(challenger);
        quick.attack(keccak256("claim"), 0, 0);
        quick.resolve();
        skip(FINALITY + 1);
        check(registry.isGameFinalized(game) && registry.isGameProper(game), "final and proper");
        check(!registry.isGameClaimValid(game), "but not valid");
    }

    function test_aGameThatTheFactoryDidNotMake() public {
        FalseGame false_ = new FalseGame(game, address(registry));
        check(!registry.isGameRegistered(IDisputeGame(address(false_))), "another address");
        check(!registry.isGameProper(IDisputeGame(address(false_))), "improper");
    }

    function test_aGameForAnotherRegistry() public {
        vm.mockCall(address(game), abi.encodeCall(IDisputeGame.anchorStateRegistry, ()), abi.encode(account("other")));
        check(!registry.isGameRegistered(game), "not ours");
    }

    // ---- anchor

    function test_theAnchorMovesForward() public {
        (bytes32 root, uint256 number) = registry.getAnchorRoot();
        check(root == GENESIS_OUTPUT && number == 0, "start");
        equal(registry.getStartingAnchorRoot().root, GENESIS_OUTPUT, "start");
        vm.expectRevert(AnchorStateRegistry.AnchorStateRegistry_InvalidAnchorGame.selector);
        registry.setAnchorState(game);
        final_();
        vm.expectEmit(true, true, true, true, address(registry));
        emit AnchorUpdated(game);
        registry.setAnchorState(game);
        (root, number) = registry.anchors(12345);
        check(root == keccak256("claim") && number == l2Block, "moved");
        equal(address(registry.anchorGame()), address(game), "game");
        vm.expectRevert(AnchorStateRegistry.AnchorStateRegistry_InvalidAnchorGame.selector);
        registry.setAnchorState(game);
    }

    function test_theAnchorDoesNotMoveBack() public {
        QuickDisputeGame newer = propose(keccak256("newer"));
        skip(CLOCK);
        quick.resolve();
        newer.resolve();
        skip(FINALITY + 1);
        registry.setAnchorState(IDisputeGame(address(newer)));
        vm.expectRevert(AnchorStateRegistry.AnchorStateRegistry_InvalidAnchorGame.selector);
        registry.setAnchorState(game);
    }

    // ---- guardian

    function test_onlyTheGuardian() public {
        vm.expectRevert(AnchorStateRegistry.AnchorStateRegistry_Unauthorized.selector);
        registry.setRespectedGameType(0);
        vm.expectRevert(AnchorStateRegistry.AnchorStateRegistry_Unauthorized.selector);
        registry.updateRetirementTimestamp();
        vm.expectRevert(AnchorStateRegistry.AnchorStateRegistry_Unauthorized.selector);
        registry.blacklistDisputeGame(game);
    }
}

/// @notice Tells everything as another game does.
contract FalseGame {
    IDisputeGame private immutable MODEL;
    address public immutable anchorStateRegistry;

    constructor(IDisputeGame _model, address _registry) {
        MODEL = _model;
        anchorStateRegistry = _registry;
    }

    function gameData() external view returns (uint32, bytes32, bytes memory) {
        return MODEL.gameData();
    }

    function createdAt() external view returns (uint64) {
        return MODEL.createdAt();
    }
}
