//! The two layers of a chain: reads, and transactions that are waited for.

use super::Place;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use alloy_sol_types::{SolCall, sol};
use eyre::WrapErr;
use opal_rpc::{EthClient, RpcError};
use opal_txmgr::{QueueConfig, TxCandidate, TxManager, TxManagerConfig};
use std::time::Duration;

sol! {
    interface ISystemConfig {
        function optimismPortal() external view returns (address);
        function l1StandardBridge() external view returns (address);
    }

    interface IErc20 {
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
    }

    interface IL1Bridge {
        function depositERC20To(
            address l1Token, address l2Token, address to, uint256 amount, uint32 gas, bytes calldata data
        ) external;
    }

    interface IL2Bridge {
        function withdrawTo(
            address l2Token, address to, uint256 amount, uint32 gas, bytes calldata data
        ) external payable;
    }

    interface IMessagePasser {
        event MessagePassed(
            uint256 indexed nonce, address indexed sender, address indexed target,
            uint256 value, uint256 gasLimit, bytes data, bytes32 withdrawalHash
        );
        function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data) external payable;
    }

    struct Withdrawal {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    struct OutputRootProof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }

    interface IPortal {
        function depositTransaction(
            address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data
        ) external payable;
        function disputeGameFactory() external view returns (address);
        function respectedGameType() external view returns (uint32);
        function proofMaturityDelaySeconds() external view returns (uint256);
        function disputeGameFinalityDelaySeconds() external view returns (uint256);
        function provenWithdrawals(bytes32 hash, address by) external view returns (address game, uint64 timestamp);
        function finalizedWithdrawals(bytes32 hash) external view returns (bool);
        function proveWithdrawalTransaction(
            Withdrawal calldata withdrawal, uint256 gameIndex, OutputRootProof calldata output, bytes[] calldata proof
        ) external;
        function finalizeWithdrawalTransaction(Withdrawal calldata withdrawal) external;
    }

    struct FoundGame {
        uint256 index;
        bytes32 metadata;
        uint64 timestamp;
        bytes32 rootClaim;
        bytes extraData;
    }

    interface IFactory {
        function gameCount() external view returns (uint256);
        function findLatestGames(uint32 gameType, uint256 start, uint256 count)
            external view returns (FoundGame[] memory games);
    }

    interface IGame {
        function status() external view returns (uint8);
        function resolvedAt() external view returns (uint64);
        function createdAt() external view returns (uint64);
        function maxClockDuration() external view returns (uint64);
        function resolve() external returns (uint8);
        function resolveClaim(uint256 claimIndex, uint256 numToResolve) external;
    }
}

/// One layer of a chain.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) rpc: EthClient,
    sender: TxManager,
}

/// A chain and the account that acts.
pub(super) struct Chain {
    pub(super) l1: Layer,
    pub(super) l2: Layer,
    pub(super) portal: Address,
    pub(super) l1_bridge: Address,
}

impl Chain {
    /// Connects to both layers and finds the contracts.
    pub(super) async fn connect(place: Place) -> eyre::Result<Self> {
        let l1 = Layer::connect("L1", &place.l1, &place).await?;
        let l2 = Layer::connect("L2", &place.l2, &place).await?;
        let config = place.system_config;
        let code = l1.rpc.code(config, latest()).await?;
        if code.is_empty() {
            eyre::bail!(
                "{config} on L1 ({}) is no SystemConfig: there is no contract",
                l1.rpc.endpoint()
            );
        }
        let portal = l1.read(config, ISystemConfig::optimismPortalCall {}).await;
        let portal = portal.wrap_err_with(|| format!("{config} on L1 is no SystemConfig"))?;
        let l1_bridge = l1
            .read(config, ISystemConfig::l1StandardBridgeCall {})
            .await?;
        Ok(Self {
            l1,
            l2,
            portal,
            l1_bridge,
        })
    }

    /// The account that acts.
    pub(super) fn account(&self) -> Address {
        self.l1.sender.address()
    }

    /// Reads the portal.
    pub(super) async fn portal<C: SolCall>(&self, call: C) -> eyre::Result<C::Return> {
        self.l1.read(self.portal, call).await
    }
}

impl Layer {
    async fn connect(name: &'static str, url: &str, place: &Place) -> eyre::Result<Self> {
        let rpc = EthClient::new(url)?;
        let config = TxManagerConfig {
            queue: QueueConfig {
                num_confirmations: 1,
                min_base_fee_wei: 1,
                min_tip_cap_wei: 1,
                ..QueueConfig::default()
            },
            receipt_query_interval: Duration::from_millis(500),
            ..TxManagerConfig::default()
        };
        let sender = TxManager::start(config, rpc.clone(), place.key.clone()).await;
        Ok(Self {
            name,
            rpc,
            sender: sender.wrap_err_with(|| format!("{name} at {url}"))?,
        })
    }

    /// Calls a view.
    pub(super) async fn read<C: SolCall>(&self, to: Address, call: C) -> eyre::Result<C::Return> {
        let answer = self.rpc.call(&request(None, to, &call), latest()).await?;
        C::abi_decode_returns(&answer).wrap_err_with(|| {
            format!(
                "{to} on {} does not answer {} as it should",
                self.name,
                C::SIGNATURE
            )
        })
    }

    /// Whether a call would succeed now; in the node's words why not.
    pub(super) async fn rehearse<C: SolCall>(
        &self,
        to: Address,
        call: &C,
    ) -> eyre::Result<Result<(), String>> {
        let request = request(Some(self.sender.address()), to, call);
        match self.rpc.call(&request, latest()).await {
            Ok(_) => Ok(Ok(())),
            Err(RpcError::Response { message, data, .. }) => Ok(Err(format!("{message} {data}"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a call and waits until it is in a block; its hash.
    pub(super) async fn send<C: SolCall>(
        &self,
        what: &str,
        to: Address,
        value: U256,
        call: &C,
    ) -> eyre::Result<B256> {
        let balance = self.rpc.balance(self.sender.address(), latest()).await?;
        if balance <= value {
            eyre::bail!(
                "{} has {balance} wei on {}, which does not pay for {what}",
                self.sender.address(),
                self.name
            );
        }
        println!("{}: {what} …", self.name);
        let request = TransactionRequest {
            value: Some(value),
            ..request(Some(self.sender.address()), to, call)
        };
        let estimate = self.rpc.estimate_gas(&request).await;
        let estimate = estimate.wrap_err_with(|| format!("{what} on {}", self.name))?;
        let sent = self
            .sender
            .send(TxCandidate {
                to: Some(to),
                data: call.abi_encode().into(),
                value,
                gas_limit: ample(estimate),
                ..TxCandidate::default()
            })
            .await
            .wrap_err_with(|| format!("{what} on {}", self.name))?;
        if !sent.success {
            eyre::bail!("{what}: transaction {} on {} failed", sent.hash, self.name);
        }
        println!(
            "{}: {what} done in block {} ({})",
            self.name, sent.block_number, sent.hash
        );
        Ok(sent.hash)
    }

    /// Time of the newest block.
    pub(super) async fn time(&self) -> eyre::Result<u64> {
        let head = self.rpc.header(BlockNumberOrTag::Latest).await?;
        let head = head.ok_or_else(|| eyre::eyre!("{} has no blocks", self.name))?;
        Ok(head.header.timestamp)
    }
}

/// A gas limit from an estimate, with a fifth more. What a deposit burns depends on the L1 block and on
/// deposits before it, so that it may take more in the next block than in the estimated one.
const fn ample(estimate: u64) -> u64 {
    estimate.saturating_add(estimate / 5)
}

fn request<C: SolCall>(from: Option<Address>, to: Address, call: &C) -> TransactionRequest {
    TransactionRequest {
        from,
        to: Some(to.into()),
        input: TransactionInput::new(Bytes::from(call.abi_encode())),
        ..TransactionRequest::default()
    }
}

pub(super) fn latest() -> BlockId {
    BlockId::Number(BlockNumberOrTag::Latest)
}
