// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { CWIA } from "solady/src/utils/legacy/CWIA.sol";
import { IAnchorStateRegistry } from "../interfaces/IAnchorStateRegistry.sol";
import { IDelayedWETH } from "../interfaces/IDelayedWETH.sol";
import { IDisputeGame } from "../interfaces/IDisputeGame.sol";
import { BondDistributionMode, GameStatus, Proposal } from "../libraries/DisputeTypes.sol";

/// @title QuickDisputeGame
/// @notice A dispute decided by two known parties: the proposer claims an output root, and the challenger
///         may contest it while a short clock runs. Contested, the claim is lost; left alone, it is won.
/// @dev spec: fault-proof/stage-one/dispute-game-interface.md, fault-proof/stage-one/bond-incentives.md.
///      It has no proof system: who trusts its outcome trusts the challenger. It stands where chains have
///      their permissioned fault dispute game, with the same functions as far as it has a use for them.
///      The clone's arguments, after those that the factory puts first: type at byte 84, L2 block number
///      at 88, then what `gameArgs` of a permissioned game holds: prestate (32 bytes), VM (20), registry
///      (20), WETH (20), L2 chain id (32), proposer (20), challenger (20).
contract QuickDisputeGame is CWIA {
    uint256 private constant ROOT_CLAIM_AT = 20;
    uint256 private constant L1_HEAD_AT = 52;
    uint256 private constant GAME_TYPE_AT = 84;
    uint256 private constant EXTRA_DATA_AT = 88;
    uint256 private constant PRESTATE_AT = 120;
    uint256 private constant VM_AT = 152;
    uint256 private constant REGISTRY_AT = 172;
    uint256 private constant WETH_AT = 192;
    uint256 private constant CHAIN_ID_AT = 212;
    uint256 private constant PROPOSER_AT = 244;
    uint256 private constant CHALLENGER_AT = 264;
    /// @dev All arguments, between a selector and the two bytes that tell their length.
    uint256 private constant INITIALIZE_CALLDATA = 4 + 284 + 2;

    /// @dev Position of the root claim, and of a claim that attacks it, in the tree of claims.
    uint128 private constant ROOT_POSITION = 1;
    uint128 private constant ATTACK_POSITION = 2;

    uint64 internal immutable MAX_CLOCK_DURATION;

    /// @notice When the game began, unix seconds.
    uint64 public createdAt;
    /// @notice When it was decided, unix seconds; 0 before.
    uint64 public resolvedAt;
    GameStatus public status;
    bool public wasRespectedGameTypeWhenCreated;
    BondDistributionMode public bondDistributionMode;
    /// @notice When the challenger contested the claim, unix seconds; 0 if not.
    uint64 public contestedAt;
    /// @notice What the challenger claims instead.
    bytes32 public counterClaim;
    /// @notice The anchor at the start: the output that is believed, and its block.
    Proposal public startingOutputRoot;
    /// @notice What an account gets out of a game that counts, in wei.
    mapping(address => uint256) public normalModeCredit;
    /// @notice What an account gets out of one that does not, in wei.
    mapping(address => uint256) public refundModeCredit;
    /// @notice Whether an account's credit has been asked for.
    mapping(address => bool) public hasUnlockedCredit;

    event Resolved(GameStatus indexed status);
    event Move(uint256 indexed parentIndex, bytes32 indexed claim, address indexed claimant);
    event GameClosed(BondDistributionMode bondDistributionMode);

    error AlreadyInitialized();
    error AnchorRootNotFound();
    error BadAuth();
    error BadExtraData();
    error BondTransferFailed();
    error ClaimAlreadyExists();
    error ClockNotExpired();
    error ClockTimeExceeded();
    error GameNotFinalized();
    error GameNotInProgress();
    error GameNotResolved();
    error GamePaused();
    error IncorrectBondAmount();
    error InvalidDisputedClaimIndex();
    error NoCreditToClaim();
    error UnexpectedRootClaim(bytes32 rootClaim);

    /// @param _maxClockDuration Seconds in which the challenger can contest.
    constructor(uint64 _maxClockDuration) {
        MAX_CLOCK_DURATION = _maxClockDuration;
    }

    // ---- the course of the game

    /// @notice Begins the game. The factory calls it in the transaction of the proposer, with the bond.
    function initialize() external payable {
        if (createdAt != 0) revert AlreadyInitialized();
        // More or less extra data would shift the arguments, and make two games about one claim.
        if (msg.data.length != INITIALIZE_CALLDATA) revert BadExtraData();
        if (tx.origin != proposer()) revert BadAuth();
        (bytes32 root, uint256 number) = anchorStateRegistry().getAnchorRoot();
        if (root == 0) revert AnchorRootNotFound();
        if (l2SequenceNumber() <= number) revert UnexpectedRootClaim(rootClaim());

        startingOutputRoot = Proposal({ root: root, l2SequenceNumber: number });
        createdAt = uint64(block.timestamp);
        wasRespectedGameTypeWhenCreated = anchorStateRegistry().respectedGameType() == gameType();
        refundModeCredit[gameCreator()] = msg.value;
        weth().deposit{ value: msg.value }();
    }

    /// @notice Contests the root claim. Only the challenger may, once, without a bond.
    /// @param _disputed    The root claim.
    /// @param _parentIndex Its index: zero.
    /// @param _claim       What the challenger holds to be true.
    function attack(bytes32 _disputed, uint256 _parentIndex, bytes32 _claim) external payable {
        if (msg.sender != challenger()) revert BadAuth();
        if (status != GameStatus.IN_PROGRESS) revert GameNotInProgress();
        if (_parentIndex != 0 || _disputed != rootClaim()) revert InvalidDisputedClaimIndex();
        if (msg.value != 0) revert IncorrectBondAmount();
        if (contestedAt != 0) revert ClaimAlreadyExists();
        if (_clockHasRun()) revert ClockTimeExceeded();
        contestedAt = uint64(block.timestamp);
        counterClaim = _claim;
        emit Move(_parentIndex, _claim, msg.sender);
    }

    /// @notice Decides the game: at once when contested, else after the clock. Anybody may ask for it.
    function resolve() external returns (GameStatus) {
        if (status != GameStatus.IN_PROGRESS) revert GameNotInProgress();
        bool contested = contestedAt != 0;
        if (!contested && !_clockHasRun()) revert ClockNotExpired();
        status = contested ? GameStatus.CHALLENGER_WINS : GameStatus.DEFENDER_WINS;
        resolvedAt = uint64(block.timestamp);
        normalModeCredit[contested ? challenger() : gameCreator()] = refundModeCredit[gameCreator()];
        emit Resolved(status);
        return status;
    }

    /// @notice Pays a credit out: the first call asks for it, a second one, after WETH's delay, gets it.
    function claimCredit(address _recipient) external {
        closeGame();
        if (!hasUnlockedCredit[_recipient]) {
            hasUnlockedCredit[_recipient] = true;
            weth().unlock(_recipient, credit(_recipient));
            return;
        }
        (uint256 amount,) = weth().withdrawals(address(this), _recipient);
        if (amount == 0) revert NoCreditToClaim();
        refundModeCredit[_recipient] = 0;
        normalModeCredit[_recipient] = 0;
        weth().withdraw(_recipient, amount);
        (bool sent,) = _recipient.call{ value: amount }("");
        if (!sent) revert BondTransferFailed();
    }

    /// @notice Fixes who gets the bond, once the game is final, and offers it as the new anchor.
    function closeGame() public {
        if (bondDistributionMode != BondDistributionMode.UNDECIDED) return;
        IAnchorStateRegistry registry = anchorStateRegistry();
        // While paused no game is proper, which would take the bond from the winner.
        if (registry.paused()) revert GamePaused();
        if (resolvedAt == 0) revert GameNotResolved();
        IDisputeGame self = IDisputeGame(address(this));
        if (!registry.isGameFinalized(self)) revert GameNotFinalized();
        // Fails if there is a newer anchor, or the claim is lost.
        try registry.setAnchorState(self) { } catch { }
        bondDistributionMode = registry.isGameProper(self) ? BondDistributionMode.NORMAL : BondDistributionMode.REFUND;
        emit GameClosed(bondDistributionMode);
    }

    // ---- what the game is about

    function gameCreator() public pure returns (address) {
        return _getArgAddress(0);
    }

    function rootClaim() public pure returns (bytes32) {
        return _getArgBytes32(ROOT_CLAIM_AT);
    }

    /// @notice Hash of the L1 block before the one in which the game began.
    function l1Head() external pure returns (bytes32) {
        return _getArgBytes32(L1_HEAD_AT);
    }

    function gameType() public pure returns (uint32) {
        return _getArgUint32(GAME_TYPE_AT);
    }

    /// @notice The L2 block that the claim is about.
    function l2SequenceNumber() public pure returns (uint256) {
        return _getArgUint256(EXTRA_DATA_AT);
    }

    /// @notice Older name of `l2SequenceNumber`.
    function l2BlockNumber() external pure returns (uint256) {
        return l2SequenceNumber();
    }

    function extraData() public pure returns (bytes memory) {
        return _getArgBytes(EXTRA_DATA_AT, 32);
    }

    function gameData() external pure returns (uint32, bytes32, bytes memory) {
        return (gameType(), rootClaim(), extraData());
    }

    // ---- what it goes by

    function anchorStateRegistry() public pure returns (IAnchorStateRegistry) {
        return IAnchorStateRegistry(_getArgAddress(REGISTRY_AT));
    }

    function weth() public pure returns (IDelayedWETH) {
        return IDelayedWETH(_getArgAddress(WETH_AT));
    }

    function proposer() public pure returns (address) {
        return _getArgAddress(PROPOSER_AT);
    }

    function challenger() public pure returns (address) {
        return _getArgAddress(CHALLENGER_AT);
    }

    function l2ChainId() external pure returns (uint256) {
        return _getArgUint256(CHAIN_ID_AT);
    }

    /// @notice The start of the program that a proof would run; no use is made of it.
    function absolutePrestate() external pure returns (bytes32) {
        return _getArgBytes32(PRESTATE_AT);
    }

    /// @notice The machine that a proof would run on; no use is made of it.
    function vm() external pure returns (address) {
        return _getArgAddress(VM_AT);
    }

    function maxClockDuration() external view returns (uint64) {
        return MAX_CLOCK_DURATION;
    }

    function startingBlockNumber() external view returns (uint256) {
        return startingOutputRoot.l2SequenceNumber;
    }

    function startingRootHash() external view returns (bytes32) {
        return startingOutputRoot.root;
    }

    function version() external pure returns (string memory) {
        return "2.2.0+opal.1";
    }

    // ---- how it stands

    /// @notice What an account gets, as far as that is fixed.
    function credit(address _recipient) public view returns (uint256) {
        return bondDistributionMode == BondDistributionMode.REFUND
            ? refundModeCredit[_recipient]
            : normalModeCredit[_recipient];
    }

    /// @notice Bond of a claim that attacks: none.
    function getRequiredBond(uint128) external pure returns (uint256) {
        return 0;
    }

    /// @notice How many claims there are: the root claim, and the challenger's.
    function claimDataLen() external view returns (uint256) {
        return contestedAt == 0 ? 1 : 2;
    }

    /// @notice A claim as fault dispute games tell it. The clock is the time used in the upper and the start
    ///         in the lower 64 bits.
    function claimData(uint256 _index)
        external
        view
        returns (
            uint32 parentIndex_,
            address counteredBy_,
            address claimant_,
            uint128 bond_,
            bytes32 claim_,
            uint128 position_,
            uint128 clock_
        )
    {
        bool contested = contestedAt != 0;
        if (_index == 0) {
            uint128 bond = uint128(refundModeCredit[gameCreator()]);
            address by = contested ? challenger() : address(0);
            return (type(uint32).max, by, gameCreator(), bond, rootClaim(), ROOT_POSITION, createdAt);
        }
        if (_index > 1 || !contested) revert InvalidDisputedClaimIndex();
        clock_ = uint128(contestedAt - createdAt) << 64 | contestedAt;
        return (0, address(0), challenger(), 0, counterClaim, ATTACK_POSITION, clock_);
    }

    function _clockHasRun() private view returns (bool) {
        return block.timestamp - createdAt >= MAX_CLOCK_DURATION;
    }
}
