// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "../universal/Initializable.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { IDisputeGame } from "../interfaces/IDisputeGame.sol";
import { IDisputeGameFactory } from "../interfaces/IDisputeGameFactory.sol";
import { ISystemConfig } from "../interfaces/ISystemConfig.sol";
import { GameStatus, Proposal } from "../libraries/DisputeTypes.sol";

/// @title AnchorStateRegistry
/// @notice Judges dispute games: which of them count, and when the claim of one may be believed. Holds the
///         anchor, the newest claim believed, from which new games start.
/// @dev spec: fault-proof/stage-one/anchor-state-registry.md. The guardian can take a game (blacklist), all
///      games so far (retirement) or a whole type (respected type) out of the count.
contract AnchorStateRegistry is Initializable, ProxyAdminOwned {
    uint8 internal constant INIT_VERSION = 1;

    uint256 internal immutable DISPUTE_GAME_FINALITY_DELAY_SECONDS;

    ISystemConfig public systemConfig;
    IDisputeGameFactory public disputeGameFactory;
    /// @notice The game whose claim is the anchor; zero while the starting anchor is.
    IDisputeGame public anchorGame;
    Proposal internal startingAnchorRoot;
    /// @notice Games that do not count, whatever they say.
    mapping(IDisputeGame => bool) public disputeGameBlacklist;
    /// @notice The type of game by which withdrawals go.
    uint32 public respectedGameType;
    /// @notice Games created at this time or before do not count, unix seconds.
    uint64 public retirementTimestamp;

    event AnchorUpdated(IDisputeGame indexed game);
    event RespectedGameTypeSet(uint32 gameType);
    event RetirementTimestampSet(uint256 timestamp);
    event DisputeGameBlacklisted(IDisputeGame indexed disputeGame);

    error AnchorStateRegistry_InvalidAnchorGame();
    error AnchorStateRegistry_Unauthorized();

    modifier onlyGuardian() {
        if (msg.sender != systemConfig.guardian()) revert AnchorStateRegistry_Unauthorized();
        _;
    }

    /// @param _disputeGameFinalityDelaySeconds Time between a game's resolution and belief in its claim, in
    ///                                         which the guardian can step in.
    constructor(uint256 _disputeGameFinalityDelaySeconds) {
        DISPUTE_GAME_FINALITY_DELAY_SECONDS = _disputeGameFinalityDelaySeconds;
        _disableInitializers();
    }

    function initialize(
        ISystemConfig _systemConfig,
        IDisputeGameFactory _disputeGameFactory,
        Proposal memory _startingAnchorRoot,
        uint32 _startingRespectedGameType
    )
        external
        reinitializer(INIT_VERSION)
    {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        systemConfig = _systemConfig;
        disputeGameFactory = _disputeGameFactory;
        startingAnchorRoot = _startingAnchorRoot;
        respectedGameType = _startingRespectedGameType;
        // Games of before were judged by other rules.
        if (retirementTimestamp == 0) retirementTimestamp = uint64(block.timestamp);
    }

    // ---- the guardian

    function setRespectedGameType(uint32 _gameType) external onlyGuardian {
        respectedGameType = _gameType;
        emit RespectedGameTypeSet(_gameType);
    }

    function updateRetirementTimestamp() external onlyGuardian {
        retirementTimestamp = uint64(block.timestamp);
        emit RetirementTimestampSet(block.timestamp);
    }

    function blacklistDisputeGame(IDisputeGame _disputeGame) external onlyGuardian {
        disputeGameBlacklist[_disputeGame] = true;
        emit DisputeGameBlacklisted(_disputeGame);
    }

    // ---- everybody

    /// @notice Moves the anchor to a game with a valid claim that is newer.
    function setAnchorState(IDisputeGame _game) external {
        (, uint256 anchor) = getAnchorRoot();
        if (!isGameClaimValid(_game) || _game.l2SequenceNumber() <= anchor) {
            revert AnchorStateRegistry_InvalidAnchorGame();
        }
        anchorGame = _game;
        emit AnchorUpdated(_game);
    }

    // ---- getters

    function version() external pure returns (string memory) {
        return "3.7.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    function disputeGameFinalityDelaySeconds() external view returns (uint256) {
        return DISPUTE_GAME_FINALITY_DELAY_SECONDS;
    }

    function superchainConfig() external view returns (address) {
        return systemConfig.superchainConfig();
    }

    function getStartingAnchorRoot() external view returns (Proposal memory) {
        return startingAnchorRoot;
    }

    /// @notice Older name of `getAnchorRoot`, of when each type of game had an anchor of its own.
    function anchors(uint32) external view returns (bytes32, uint256) {
        return getAnchorRoot();
    }

    function paused() public view returns (bool) {
        return systemConfig.paused();
    }

    function getAnchorRoot() public view returns (bytes32, uint256) {
        if (address(anchorGame) == address(0)) return (startingAnchorRoot.root, startingAnchorRoot.l2SequenceNumber);
        return (anchorGame.rootClaim(), anchorGame.l2SequenceNumber());
    }

    // ---- judgements

    /// @notice Whether the factory made this game, for this registry.
    function isGameRegistered(IDisputeGame _game) public view returns (bool) {
        (uint32 gameType, bytes32 rootClaim, bytes memory extraData) = _game.gameData();
        (IDisputeGame registered,) = disputeGameFactory.games(gameType, rootClaim, extraData);
        return registered == _game && _game.anchorStateRegistry() == address(this);
    }

    /// @notice Whether the game is of the type that was respected when it began.
    function isGameRespected(IDisputeGame _game) public view returns (bool) {
        return _game.wasRespectedGameTypeWhenCreated();
    }

    function isGameBlacklisted(IDisputeGame _game) public view returns (bool) {
        return disputeGameBlacklist[_game];
    }

    /// @notice Whether the game is too old to count. That takes in games of the very block of retirement.
    function isGameRetired(IDisputeGame _game) public view returns (bool) {
        return _game.createdAt() <= retirementTimestamp;
    }

    function isGameResolved(IDisputeGame _game) public view returns (bool) {
        return _game.resolvedAt() != 0 && _game.status() != GameStatus.IN_PROGRESS;
    }

    /// @notice Whether the game counts. It says nothing about who is right in it.
    function isGameProper(IDisputeGame _game) public view returns (bool) {
        return isGameRegistered(_game) && !isGameBlacklisted(_game) && !isGameRetired(_game) && !paused();
    }

    /// @notice Whether the game has been resolved for longer than the delay.
    function isGameFinalized(IDisputeGame _game) public view returns (bool) {
        return _isFinal(_game.resolvedAt()) && _game.status() != GameStatus.IN_PROGRESS;
    }

    /// @notice Whether the game's claim may be believed.
    function isGameClaimValid(IDisputeGame _game) public view returns (bool) {
        // A game that was won is no longer in progress.
        return isGameProper(_game) && isGameRespected(_game) && _isFinal(_game.resolvedAt())
            && _game.status() == GameStatus.DEFENDER_WINS;
    }

    /// @dev Whether the delay after a resolution at this time, unix seconds, is over; 0 if there was none.
    function _isFinal(uint64 _resolvedAt) private view returns (bool) {
        return _resolvedAt != 0 && block.timestamp - _resolvedAt > DISPUTE_GAME_FINALITY_DELAY_SECONDS;
    }
}
