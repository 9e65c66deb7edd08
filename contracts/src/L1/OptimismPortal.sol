// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { ResourceMetering } from "./ResourceMetering.sol";
import { ISystemConfig } from "../interfaces/ISystemConfig.sol";
import { IAnchorStateRegistry } from "../interfaces/IAnchorStateRegistry.sol";
import { IDisputeGame } from "../interfaces/IDisputeGame.sol";
import { IDisputeGameFactory } from "../interfaces/IDisputeGameFactory.sol";
import { AddressAlias } from "../libraries/AddressAlias.sol";
import { Constants } from "../libraries/Constants.sol";
import { GameStatus } from "../libraries/DisputeTypes.sol";
import { Hashing } from "../libraries/Hashing.sol";
import { MerkleTrie } from "../libraries/MerkleTrie.sol";
import { SafeCall } from "../libraries/SafeCall.sol";
import { Types } from "../libraries/Types.sol";

/// @title OptimismPortal
/// @notice The door between L1 and L2. Every deposit is an event of this contract, which the rollup derives.
///         Every withdrawal is first proven here against an output root that a dispute game is about, and
///         finalized when that root may be believed.
/// @dev spec: deposits.md#deposit-contract, withdrawals.md, fault-proof/stage-one/optimism-portal.md.
///      Whom to believe is the registry's business: this contract asks AnchorStateRegistry only.
contract OptimismPortal is ResourceMetering, ProxyAdminOwned {
    /// @notice A withdrawal that somebody has proven.
    /// @custom:field disputeGameProxy The game about the output root that it was proven with.
    /// @custom:field timestamp        When, unix seconds.
    struct ProvenWithdrawal {
        IDisputeGame disputeGameProxy;
        uint64 timestamp;
    }

    /// @dev The only version of `opaqueData`.
    uint256 internal constant DEPOSIT_VERSION = 0;
    /// @dev L2 gas of a deposit that is a plain transfer to this contract.
    uint64 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;
    /// @dev Longest calldata of a deposit, in bytes; a larger one would not fit into a p2p message.
    uint256 internal constant MAX_CALLDATA_BYTES = 120_000;
    /// @dev The slot of L2ToL1MessagePasser's mapping of withdrawals, and what it maps them to, in RLP.
    uint256 internal constant SENT_MESSAGES_SLOT = 0;
    bytes internal constant SENT = hex"01";
    /// @dev Version of the storage layout's initialisation.
    uint8 internal constant INIT_VERSION = 1;

    uint256 internal immutable PROOF_MATURITY_DELAY_SECONDS;

    /// @notice Who sent the withdrawal that is being finalized.
    address public l2Sender;
    /// @notice Withdrawals that have been tried, whether or not their call succeeded.
    mapping(bytes32 => bool) public finalizedWithdrawals;
    uint256[3] private _reserved52;
    ISystemConfig public systemConfig;
    uint256 private _reserved56;
    /// @notice Proofs, by withdrawal and by who brought them. Nobody can spoil somebody else's.
    mapping(bytes32 => mapping(address => ProvenWithdrawal)) public provenWithdrawals;
    uint256[2] private _reserved58;
    /// @notice Who has proven a withdrawal; once for each time.
    mapping(bytes32 => address[]) public proofSubmitters;
    uint256 private _reserved61;
    IAnchorStateRegistry public anchorStateRegistry;
    address private _ethLockbox;

    /// @notice A deposit, to be derived by the rollup node.
    event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData);
    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);
    /// @notice Follows each WithdrawalProven: who brought the proof.
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    error OptimismPortal_AlreadyFinalized();
    error OptimismPortal_BadTarget();
    error OptimismPortal_CallPaused();
    error OptimismPortal_CalldataTooLarge();
    error OptimismPortal_GasEstimation();
    error OptimismPortal_GasLimitTooLow();
    error OptimismPortal_ImproperDisputeGame();
    error OptimismPortal_InvalidDisputeGame();
    error OptimismPortal_InvalidMerkleProof();
    error OptimismPortal_InvalidOutputRootProof();
    error OptimismPortal_InvalidProofTimestamp();
    error OptimismPortal_InvalidRootClaim();
    error OptimismPortal_NoReentrancy();
    error OptimismPortal_ProofNotOldEnough();
    error OptimismPortal_Unproven();

    constructor(uint256 _proofMaturityDelaySeconds) {
        PROOF_MATURITY_DELAY_SECONDS = _proofMaturityDelaySeconds;
        _disableInitializers();
    }

    function initialize(
        ISystemConfig _systemConfig,
        IAnchorStateRegistry _anchorStateRegistry
    )
        external
        reinitializer(INIT_VERSION)
    {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        systemConfig = _systemConfig;
        anchorStateRegistry = _anchorStateRegistry;
        if (l2Sender == address(0)) l2Sender = Constants.DEFAULT_L2_SENDER;
        _initResourceMetering();
    }

    /// @notice Deposits the value sent, for the sender.
    receive() external payable {
        depositTransaction(msg.sender, msg.value, RECEIVE_DEFAULT_GAS_LIMIT, false, bytes(""));
    }

    /// @notice Takes ETH without a deposit.
    function donateETH() external payable { }

    function version() external pure virtual returns (string memory) {
        return "5.1.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    function proofMaturityDelaySeconds() external view returns (uint256) {
        return PROOF_MATURITY_DELAY_SECONDS;
    }

    function ethLockbox() external view returns (address) {
        return _ethLockbox;
    }

    function numProofSubmitters(bytes32 _withdrawalHash) external view returns (uint256) {
        return proofSubmitters[_withdrawalHash].length;
    }

    function paused() public view returns (bool) {
        return systemConfig.paused();
    }

    function guardian() external view returns (address) {
        return systemConfig.guardian();
    }

    function superchainConfig() external view returns (address) {
        return systemConfig.superchainConfig();
    }

    /// @notice The factory of the registry; zero while the chain has no fault proofs.
    function disputeGameFactory() public view returns (address) {
        if (address(anchorStateRegistry) == address(0)) return address(0);
        return anchorStateRegistry.disputeGameFactory();
    }

    function disputeGameFinalityDelaySeconds() external view returns (uint256) {
        return anchorStateRegistry.disputeGameFinalityDelaySeconds();
    }

    function respectedGameType() external view returns (uint32) {
        return anchorStateRegistry.respectedGameType();
    }

    /// @notice Older name of the registry's `retirementTimestamp`.
    function respectedGameTypeUpdatedAt() external view returns (uint64) {
        return anchorStateRegistry.retirementTimestamp();
    }

    function disputeGameBlacklist(IDisputeGame _disputeGame) external view returns (bool) {
        return anchorStateRegistry.disputeGameBlacklist(_disputeGame);
    }

    /// @notice The least L2 gas a deposit with `_byteCount` bytes of calldata must buy.
    function minimumGasLimit(uint64 _byteCount) public pure returns (uint64) {
        return _byteCount * 40 + 21_000;
    }

    /// @notice Deposits: mints the ETH sent to the sender on L2, then runs a transaction in its name.
    /// @param _to         Target on L2; zero for a creation.
    /// @param _value      Wei that the L2 transaction carries; may differ from what is minted.
    /// @param _gasLimit   L2 gas to buy.
    /// @param _isCreation Whether the transaction creates a contract.
    /// @param _data       Calldata or init code.
    function depositTransaction(
        address _to,
        uint256 _value,
        uint64 _gasLimit,
        bool _isCreation,
        bytes memory _data
    )
        public
        payable
        metered(_gasLimit)
    {
        if (_isCreation && _to != address(0)) revert OptimismPortal_BadTarget();
        if (_gasLimit < minimumGasLimit(uint64(_data.length))) revert OptimismPortal_GasLimitTooLow();
        if (_data.length > MAX_CALLDATA_BYTES) revert OptimismPortal_CalldataTooLarge();

        emit TransactionDeposited(
            AddressAlias.ofSender(),
            _to,
            DEPOSIT_VERSION,
            abi.encodePacked(msg.value, _value, _gasLimit, _isCreation, _data)
        );
    }

    /// @notice Proves that L2 sent a withdrawal. May be repeated, against another game as well: that begins
    ///         the wait anew, for this prover.
    /// @param _disputeGameIndex Index in the factory of a game about an L2 block with the withdrawal.
    /// @param _outputRootProof  Preimage of the game's root claim.
    /// @param _withdrawalProof  Nodes of the storage trie of L2ToL1MessagePasser that lead to the withdrawal.
    function proveWithdrawalTransaction(
        Types.WithdrawalTransaction calldata _tx,
        uint256 _disputeGameIndex,
        Types.OutputRootProof calldata _outputRootProof,
        bytes[] calldata _withdrawalProof
    )
        external
    {
        if (_isUnsafeTarget(_tx.target)) _refuse(OptimismPortal_BadTarget.selector);
        (,, IDisputeGame game) = IDisputeGameFactory(disputeGameFactory()).gameAtIndex(_disputeGameIndex);
        _assertProvableGame(game);
        if (Hashing.hashOutputRootProof(_outputRootProof) != game.rootClaim()) {
            revert OptimismPortal_InvalidOutputRootProof();
        }
        bytes32 withdrawalHash = keccak256(Hashing.encodeWithdrawal(_tx));
        bytes32 slot = keccak256(abi.encode(withdrawalHash, SENT_MESSAGES_SLOT));
        bytes32 key = keccak256(abi.encode(slot));
        if (!MerkleTrie.includes(_outputRootProof.messagePasserStorageRoot, key, SENT, _withdrawalProof)) {
            revert OptimismPortal_InvalidMerkleProof();
        }

        provenWithdrawals[withdrawalHash][msg.sender] =
            ProvenWithdrawal({ disputeGameProxy: game, timestamp: uint64(block.timestamp) });
        proofSubmitters[withdrawalHash].push(msg.sender);
        emit WithdrawalProven(withdrawalHash, _tx.sender, _tx.target);
        emit WithdrawalProvenExtension1(withdrawalHash, msg.sender);
    }

    /// @notice Runs a withdrawal that the caller has proven.
    function finalizeWithdrawalTransaction(Types.WithdrawalTransaction calldata _tx) external {
        _finalize(_tx, msg.sender);
    }

    /// @notice Runs a withdrawal that `_proofSubmitter` has proven. It runs once: if its call fails, this
    ///         contract never tries again. The messengers keep failed messages, so what goes through them
    ///         is not lost.
    function finalizeWithdrawalTransactionExternalProof(
        Types.WithdrawalTransaction calldata _tx,
        address _proofSubmitter
    )
        external
    {
        _finalize(_tx, _proofSubmitter);
    }

    /// @notice Reverts unless a withdrawal may be finalized with the proof of `_proofSubmitter`.
    function checkWithdrawal(bytes32 _withdrawalHash, address _proofSubmitter) external view {
        bytes4 reason = _reasonAgainst(_withdrawalHash, _proofSubmitter);
        if (reason != 0) _revert(reason);
    }

    function _resourceConfig() internal view override returns (ResourceConfig memory) {
        return systemConfig.resourceConfig();
    }

    function _finalize(Types.WithdrawalTransaction calldata _tx, address _proofSubmitter) private {
        address target = _tx.target;
        if (l2Sender != Constants.DEFAULT_L2_SENDER) _refuse(OptimismPortal_NoReentrancy.selector);
        if (_isUnsafeTarget(target)) _refuse(OptimismPortal_BadTarget.selector);
        bytes memory encoded = Hashing.encodeWithdrawal(_tx);
        bytes32 withdrawalHash = keccak256(encoded);
        bytes4 reason = _reasonAgainst(withdrawalHash, _proofSubmitter);
        if (reason != 0) _refuse(reason);

        finalizedWithdrawals[withdrawalHash] = true;
        l2Sender = _tx.sender;
        // Too little gas reverts, so nobody can finalize a withdrawal in such a way that it must fail.
        bool success = SafeCall.callWithMinGas(target, _tx.gasLimit, _tx.value, Hashing.dataWithin(encoded));
        l2Sender = Constants.DEFAULT_L2_SENDER;
        emit WithdrawalFinalized(withdrawalHash, success);
        if (!success && tx.origin == Constants.ESTIMATION_ADDRESS) revert OptimismPortal_GasEstimation();
    }

    /// @dev The error with which to refuse a withdrawal, or zero. While the chain is paused the registry
    ///      believes no game, so nothing passes then.
    function _reasonAgainst(bytes32 _withdrawalHash, address _proofSubmitter) private view returns (bytes4) {
        ProvenWithdrawal memory proven = provenWithdrawals[_withdrawalHash][_proofSubmitter];
        if (finalizedWithdrawals[_withdrawalHash]) return OptimismPortal_AlreadyFinalized.selector;
        if (proven.timestamp == 0) return OptimismPortal_Unproven.selector;
        if (proven.timestamp <= proven.disputeGameProxy.createdAt()) {
            return OptimismPortal_InvalidProofTimestamp.selector;
        }
        if (block.timestamp - proven.timestamp <= PROOF_MATURITY_DELAY_SECONDS) {
            return OptimismPortal_ProofNotOldEnough.selector;
        }
        if (!anchorStateRegistry.isGameClaimValid(proven.disputeGameProxy)) {
            return OptimismPortal_InvalidRootClaim.selector;
        }
        return 0;
    }

    /// @dev Reverts with an error, or while the chain is paused with that. The registry asks about the pause
    ///      whenever it judges a game, so only what is refused has to be asked about it here.
    function _refuse(bytes4 _error) private view {
        _revert(paused() ? OptimismPortal_CallPaused.selector : _error);
    }

    function _revert(bytes4 _error) private pure {
        assembly {
            mstore(0, _error)
            revert(0, 4)
        }
    }

    /// @dev The game must count, be of the respected type, not be lost, and not be of this very second: a
    ///      reorg of L1 could put another game into its place. While paused, none counts.
    function _assertProvableGame(IDisputeGame _game) private view {
        if (!anchorStateRegistry.isGameProper(_game)) _refuse(OptimismPortal_ImproperDisputeGame.selector);
        if (!anchorStateRegistry.isGameRespected(_game)) revert OptimismPortal_InvalidDisputeGame();
        if (_game.status() == GameStatus.CHALLENGER_WINS) revert OptimismPortal_InvalidDisputeGame();
        if (block.timestamp <= _game.createdAt()) revert OptimismPortal_InvalidProofTimestamp();
    }

    /// @dev A withdrawal that calls this contract could deposit in its name.
    function _isUnsafeTarget(address _target) private view returns (bool) {
        return _target == address(this);
    }
}
