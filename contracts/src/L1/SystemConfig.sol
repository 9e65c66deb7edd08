// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { ResourceMetering } from "./ResourceMetering.sol";
import { SystemConfigStorage } from "./SystemConfigStorage.sol";
import { ISuperchainConfig } from "../interfaces/ISuperchainConfig.sol";
import { IOptimismPortal } from "../interfaces/IOptimismPortal.sol";
import { Slot } from "../libraries/Slot.sol";

/// @title SystemConfig
/// @notice The parameters of the L2 chain that its owner may change while it runs. Each change is an
///         event, which the rollup derives.
/// @dev spec: system-config.md, holocene/, isthmus/ and jovian/system-config.md
contract SystemConfig is SystemConfigStorage, ProxyAdminOwned {
    /// @dev What a ConfigUpdate event is about; the number is the event's second topic.
    enum UpdateType {
        BATCHER,
        FEE_SCALARS,
        GAS_LIMIT,
        UNSAFE_BLOCK_SIGNER,
        EIP_1559_PARAMS,
        OPERATOR_FEE_PARAMS,
        MIN_BASE_FEE,
        DA_FOOTPRINT_GAS_SCALAR
    }

    /// @notice The L1 contracts of the chain.
    struct Addresses {
        address l1CrossDomainMessenger;
        address l1ERC721Bridge;
        address l1StandardBridge;
        address optimismPortal;
        address optimismMintableERC20Factory;
    }

    uint256 public constant VERSION = 0;
    bytes32 public constant UNSAFE_BLOCK_SIGNER_SLOT = keccak256("systemconfig.unsafeblocksigner");
    bytes32 public constant L1_CROSS_DOMAIN_MESSENGER_SLOT =
        bytes32(uint256(keccak256("systemconfig.l1crossdomainmessenger")) - 1);
    bytes32 public constant L1_ERC_721_BRIDGE_SLOT = bytes32(uint256(keccak256("systemconfig.l1erc721bridge")) - 1);
    bytes32 public constant L1_STANDARD_BRIDGE_SLOT = bytes32(uint256(keccak256("systemconfig.l1standardbridge")) - 1);
    bytes32 public constant OPTIMISM_PORTAL_SLOT = bytes32(uint256(keccak256("systemconfig.optimismportal")) - 1);
    bytes32 public constant OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT =
        bytes32(uint256(keccak256("systemconfig.optimismmintableerc20factory")) - 1);
    bytes32 public constant BATCH_INBOX_SLOT = bytes32(uint256(keccak256("systemconfig.batchinbox")) - 1);
    bytes32 public constant START_BLOCK_SLOT = bytes32(uint256(keccak256("systemconfig.startBlock")) - 1);

    /// @dev Highest gas limit of an L2 block; above it a block could not be proven.
    uint64 internal constant MAX_GAS_LIMIT = 500_000_000;
    bytes32 internal constant FEATURE_ETH_LOCKBOX = "ETH_LOCKBOX";
    /// @dev Version of the storage layout's initialisation.
    uint8 internal constant INIT_VERSION = 1;

    event ConfigUpdate(uint256 indexed version, UpdateType indexed updateType, bytes data);
    event FeatureSet(bytes32 indexed feature, bool indexed enabled);

    error SystemConfig_InvalidFeatureState();

    constructor() {
        _setStartBlockNever();
        _disableInitializers();
    }

    function initialize(
        address _owner,
        uint32 _basefeeScalar,
        uint32 _blobbasefeeScalar,
        bytes32 _batcherHash,
        uint64 _gasLimit,
        address _unsafeBlockSigner,
        ResourceMetering.ResourceConfig memory _config,
        address _batchInbox,
        Addresses memory _addresses,
        uint256 _l2ChainId,
        ISuperchainConfig _superchain
    )
        external
        reinitializer(INIT_VERSION)
    {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        _transferOwnership(_owner);
        _setBatcherHash(_batcherHash);
        _setGasConfigEcotone(_basefeeScalar, _blobbasefeeScalar);
        _resources = _config;
        _setGasLimit(_gasLimit);
        _setUnsafeBlockSigner(_unsafeBlockSigner);
        Slot.setAddress(BATCH_INBOX_SLOT, _batchInbox);
        Slot.setAddress(L1_CROSS_DOMAIN_MESSENGER_SLOT, _addresses.l1CrossDomainMessenger);
        Slot.setAddress(L1_ERC_721_BRIDGE_SLOT, _addresses.l1ERC721Bridge);
        Slot.setAddress(L1_STANDARD_BRIDGE_SLOT, _addresses.l1StandardBridge);
        Slot.setAddress(OPTIMISM_PORTAL_SLOT, _addresses.optimismPortal);
        Slot.setAddress(OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT, _addresses.optimismMintableERC20Factory);
        if (Slot.getUint(START_BLOCK_SLOT) == 0) Slot.setUint(START_BLOCK_SLOT, block.number);
        l2ChainId = _l2ChainId;
        _superchainConfig = _superchain;
        _checkResourceConfig(_config);
    }

    // ---- setters of the owner, one per kind of update

    function setUnsafeBlockSigner(address _unsafeBlockSigner) external onlyOwner {
        _setUnsafeBlockSigner(_unsafeBlockSigner);
    }

    function setBatcherHash(bytes32 _batcherHash) external onlyOwner {
        _setBatcherHash(_batcherHash);
    }

    function setBatcherHash(address _batcher) external onlyOwner {
        _setBatcherHash(bytes32(uint256(uint160(_batcher))));
    }

    /// @notice Fee parameters of before Ecotone.
    function setGasConfig(uint256 _overhead, uint256 _scalar) external onlyOwner {
        require(_scalar >> 248 == 0, "SystemConfig: scalar exceeds max.");
        overhead = _overhead;
        scalar = _scalar;
        _update(UpdateType.FEE_SCALARS, abi.encode(_overhead, _scalar));
    }

    function setGasConfigEcotone(uint32 _basefeeScalar, uint32 _blobbasefeeScalar) external onlyOwner {
        _setGasConfigEcotone(_basefeeScalar, _blobbasefeeScalar);
    }

    function setGasLimit(uint64 _gasLimit) external onlyOwner {
        _setGasLimit(_gasLimit);
    }

    function setEIP1559Params(uint32 _denominator, uint32 _elasticity) external onlyOwner {
        require(_denominator >= 1, "SystemConfig: denominator must be >= 1");
        require(_elasticity >= 1, "SystemConfig: elasticity must be >= 1");
        eip1559Denominator = _denominator;
        eip1559Elasticity = _elasticity;
        _update(UpdateType.EIP_1559_PARAMS, abi.encode(uint256(_denominator) << 32 | _elasticity));
    }

    function setOperatorFeeScalars(uint32 _operatorFeeScalar, uint64 _operatorFeeConstant) external onlyOwner {
        operatorFeeScalar = _operatorFeeScalar;
        operatorFeeConstant = _operatorFeeConstant;
        _update(UpdateType.OPERATOR_FEE_PARAMS, abi.encode(uint256(_operatorFeeScalar) << 64 | _operatorFeeConstant));
    }

    function setMinBaseFee(uint64 _minBaseFee) external onlyOwner {
        minBaseFee = _minBaseFee;
        _update(UpdateType.MIN_BASE_FEE, abi.encode(_minBaseFee));
    }

    function setDAFootprintGasScalar(uint16 _daFootprintGasScalar) external onlyOwner {
        daFootprintGasScalar = _daFootprintGasScalar;
        _update(UpdateType.DA_FOOTPRINT_GAS_SCALAR, abi.encode(_daFootprintGasScalar));
    }

    function setFeatureEnabled(bytes32 _feature, bool _enabled) external {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        if (isFeatureEnabled[_feature] == _enabled) revert SystemConfig_InvalidFeatureState();
        isFeatureEnabled[_feature] = _enabled;
        emit FeatureSet(_feature, _enabled);
    }

    // ---- getters

    function version() external pure returns (string memory) {
        return "3.9.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    /// @notice The least gas limit of L2 with which every deposit of an L1 block finds room.
    function minimumGasLimit() public view returns (uint64) {
        return uint64(_resources.maxResourceLimit) + uint64(_resources.systemTxMaxGas);
    }

    function maximumGasLimit() public pure returns (uint64) {
        return MAX_GAS_LIMIT;
    }

    function unsafeBlockSigner() external view returns (address) {
        return Slot.getAddress(UNSAFE_BLOCK_SIGNER_SLOT);
    }

    function l1CrossDomainMessenger() external view returns (address) {
        return Slot.getAddress(L1_CROSS_DOMAIN_MESSENGER_SLOT);
    }

    function l1ERC721Bridge() external view returns (address) {
        return Slot.getAddress(L1_ERC_721_BRIDGE_SLOT);
    }

    function l1StandardBridge() external view returns (address) {
        return Slot.getAddress(L1_STANDARD_BRIDGE_SLOT);
    }

    function optimismMintableERC20Factory() external view returns (address) {
        return Slot.getAddress(OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT);
    }

    function optimismPortal() public view returns (address) {
        return Slot.getAddress(OPTIMISM_PORTAL_SLOT);
    }

    function disputeGameFactory() external view returns (address) {
        return IOptimismPortal(optimismPortal()).disputeGameFactory();
    }

    function getAddresses() external view returns (Addresses memory) {
        return Addresses({
            l1CrossDomainMessenger: Slot.getAddress(L1_CROSS_DOMAIN_MESSENGER_SLOT),
            l1ERC721Bridge: Slot.getAddress(L1_ERC_721_BRIDGE_SLOT),
            l1StandardBridge: Slot.getAddress(L1_STANDARD_BRIDGE_SLOT),
            optimismPortal: optimismPortal(),
            optimismMintableERC20Factory: Slot.getAddress(OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT)
        });
    }

    function batchInbox() external view returns (address) {
        return Slot.getAddress(BATCH_INBOX_SLOT);
    }

    /// @notice The L1 block since which this contract announces updates.
    function startBlock() external view returns (uint256) {
        return Slot.getUint(START_BLOCK_SLOT);
    }

    function resourceConfig() external view returns (ResourceMetering.ResourceConfig memory) {
        return _resources;
    }

    function superchainConfig() external view returns (ISuperchainConfig) {
        return _superchainConfig;
    }

    /// @notice Whether withdrawals are halted, for this chain or for all.
    function paused() external view returns (bool) {
        ISuperchainConfig superchain = _superchainConfig;
        if (address(superchain) == address(0)) return false;
        address portal = optimismPortal();
        address identifier = isFeatureEnabled[FEATURE_ETH_LOCKBOX] ? IOptimismPortal(portal).ethLockbox() : portal;
        return superchain.paused(identifier) || superchain.paused(address(0));
    }

    /// @notice Who may pause; zero while no superchain configuration is set.
    function guardian() external view returns (address) {
        ISuperchainConfig superchain = _superchainConfig;
        return address(superchain) == address(0) ? address(0) : superchain.guardian();
    }

    // ---- helpers

    function _update(UpdateType _type, bytes memory _data) private {
        emit ConfigUpdate(VERSION, _type, _data);
    }

    function _setUnsafeBlockSigner(address _unsafeBlockSigner) private {
        Slot.setAddress(UNSAFE_BLOCK_SIGNER_SLOT, _unsafeBlockSigner);
        _update(UpdateType.UNSAFE_BLOCK_SIGNER, abi.encode(_unsafeBlockSigner));
    }

    function _setBatcherHash(bytes32 _batcherHash) private {
        batcherHash = _batcherHash;
        _update(UpdateType.BATCHER, abi.encode(_batcherHash));
    }

    function _setGasConfigEcotone(uint32 _basefeeScalar, uint32 _blobbasefeeScalar) private {
        basefeeScalar = _basefeeScalar;
        blobbasefeeScalar = _blobbasefeeScalar;
        scalar = uint256(1) << 248 | uint256(_blobbasefeeScalar) << 32 | _basefeeScalar;
        _update(UpdateType.FEE_SCALARS, abi.encode(overhead, scalar));
    }

    function _setGasLimit(uint64 _gasLimit) private {
        require(_gasLimit >= minimumGasLimit(), "SystemConfig: gas limit too low");
        require(_gasLimit <= maximumGasLimit(), "SystemConfig: gas limit too high");
        gasLimit = _gasLimit;
        _update(UpdateType.GAS_LIMIT, abi.encode(_gasLimit));
    }

    function _checkResourceConfig(ResourceMetering.ResourceConfig memory _config) private view {
        require(
            _config.minimumBaseFee <= _config.maximumBaseFee, "SystemConfig: min base fee must be less than max base"
        );
        require(_config.baseFeeMaxChangeDenominator > 1, "SystemConfig: denominator must be larger than 1");
        require(
            uint256(_config.maxResourceLimit) + _config.systemTxMaxGas <= gasLimit, "SystemConfig: gas limit too low"
        );
        require(_config.elasticityMultiplier > 0, "SystemConfig: elasticity multiplier cannot be 0");
        require(
            _config.maxResourceLimit % _config.elasticityMultiplier == 0,
            "SystemConfig: precision loss with target resource limit"
        );
    }

    /// @dev The bare implementation announces nothing, ever.
    function _setStartBlockNever() private {
        Slot.setUint(START_BLOCK_SLOT, type(uint256).max);
    }
}
