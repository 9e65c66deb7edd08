// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { ResourceMetering } from "./ResourceMetering.sol";
import { ISystemConfig } from "../interfaces/ISystemConfig.sol";
import { IAnchorStateRegistry } from "../interfaces/IAnchorStateRegistry.sol";
import { AddressAlias } from "../libraries/AddressAlias.sol";

/// @title OptimismPortal
/// @notice The door from L1 to L2: every deposit is an event of this contract, which the rollup derives.
/// @dev spec: deposits.md#deposit-contract, fault-proof/stage-one/optimism-portal.md. This is the deposit
///      half; the storage of withdrawals is laid out already.
contract OptimismPortal is ResourceMetering, ProxyAdminOwned {
    /// @dev A withdrawal that somebody has proven.
    struct ProvenWithdrawal {
        address disputeGameProxy;
        uint64 timestamp;
    }

    /// @dev The only version of `opaqueData`.
    uint256 internal constant DEPOSIT_VERSION = 0;
    /// @dev L2 gas of a deposit that is a plain transfer to this contract.
    uint64 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;
    /// @dev Longest calldata of a deposit, in bytes; a larger one would not fit into a p2p message.
    uint256 internal constant MAX_CALLDATA_BYTES = 120_000;
    /// @dev What `l2Sender` holds while no withdrawal runs.
    address internal constant DEFAULT_L2_SENDER = 0x000000000000000000000000000000000000dEaD;
    /// @dev Version of the storage layout's initialisation.
    uint8 internal constant INIT_VERSION = 1;

    uint256 internal immutable PROOF_MATURITY_DELAY_SECONDS;

    /// @notice Who sent the withdrawal that is being finalized.
    address public l2Sender;
    mapping(bytes32 => bool) public finalizedWithdrawals;
    uint256[3] private _reserved52;
    ISystemConfig public systemConfig;
    uint256 private _reserved56;
    mapping(bytes32 => mapping(address => ProvenWithdrawal)) public provenWithdrawals;
    uint256[2] private _reserved58;
    mapping(bytes32 => address[]) public proofSubmitters;
    uint256 private _reserved61;
    IAnchorStateRegistry public anchorStateRegistry;
    address private _ethLockbox;

    /// @notice A deposit, to be derived by the rollup node.
    event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData);

    error OptimismPortal_BadTarget();
    error OptimismPortal_GasLimitTooLow();
    error OptimismPortal_CalldataTooLarge();

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
        if (l2Sender == address(0)) l2Sender = DEFAULT_L2_SENDER;
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

    function paused() external view returns (bool) {
        return systemConfig.paused();
    }

    function guardian() external view returns (address) {
        return systemConfig.guardian();
    }

    function superchainConfig() external view returns (address) {
        return systemConfig.superchainConfig();
    }

    /// @notice The factory of the registry; zero while the chain has no fault proofs.
    function disputeGameFactory() external view returns (address) {
        if (address(anchorStateRegistry) == address(0)) return address(0);
        return anchorStateRegistry.disputeGameFactory();
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

    function _resourceConfig() internal view override returns (ResourceConfig memory) {
        return systemConfig.resourceConfig();
    }
}
