//! The functions of the contracts that a deployment calls.
#![allow(
    clippy::too_many_arguments,
    reason = "the contracts have as many; the macro writes them out"
)]

use alloy_sol_types::sol;

sol! {
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    struct SystemConfigAddresses {
        address l1CrossDomainMessenger;
        address l1ERC721Bridge;
        address l1StandardBridge;
        address optimismPortal;
        address optimismMintableERC20Factory;
    }

    interface ISystemConfig {
        function initialize(
            address owner,
            uint32 basefeeScalar,
            uint32 blobbasefeeScalar,
            bytes32 batcherHash,
            uint64 gasLimit,
            address unsafeBlockSigner,
            ResourceConfig config,
            address batchInbox,
            SystemConfigAddresses addresses,
            uint256 l2ChainId,
            address superchainConfig
        );
    }

    interface ISuperchainConfig {
        function initialize(address guardian);
    }

    interface IProtocolVersions {
        function initialize(address owner, uint256 required, uint256 recommended);
    }

    interface IOptimismPortal {
        function initialize(address systemConfig, address anchorStateRegistry);
    }

    struct Proposal {
        bytes32 root;
        uint256 l2SequenceNumber;
    }

    interface IAnchorStateRegistry {
        function initialize(
            address systemConfig,
            address disputeGameFactory,
            Proposal startingAnchorRoot,
            uint32 startingRespectedGameType
        );
    }

    interface IDisputeGameFactory {
        function initialize(address owner);
        function setImplementation(uint32 gameType, address game, bytes args);
        function setInitBond(uint32 gameType, uint256 bond);
    }

    interface IDelayedWETH {
        function initialize(address systemConfig);
    }

    interface IL1CrossDomainMessenger {
        function initialize(address systemConfig, address portal);
    }

    /// L1StandardBridge and L1ERC721Bridge.
    interface IL1Bridge {
        function initialize(address messenger, address systemConfig);
    }

    interface IOptimismMintableERC20Factory {
        function initialize(address bridge);
        function createOptimismMintableERC20(address remoteToken, string name, string symbol)
            returns (address token);
    }

    interface IL2OutputOracle {
        function initialize(
            uint256 submissionInterval,
            uint256 l2BlockTime,
            uint256 startingBlockNumber,
            uint256 startingTimestamp,
            address proposer,
            address challenger,
            uint256 finalizationPeriodSeconds
        );
    }

    interface IProxyAdmin {
        function upgradeAndCall(address proxy, address implementation, bytes data);
        function transferOwnership(address newOwner);
    }
}
