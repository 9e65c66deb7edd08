//! What the end-to-end tests share: a running devnet, wallets, and patience.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{BlockId, BlockNumberOrTag, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use opal_devnet::{Descriptor, Devnet, DevnetConfig};
use opal_rpc::{EthClient, RollupClient};
use serde_json::{Value, json};
use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. Generous: nothing here measures speed.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A devnet with clients of all its servers.
pub(crate) struct Ring {
    devnet: Devnet,
    pub(crate) about: Descriptor,
    pub(crate) l1: EthClient,
    pub(crate) control: EthClient,
    pub(crate) sequencer: EthClient,
    pub(crate) verifier: EthClient,
    pub(crate) sequencer_node: RollupClient,
    pub(crate) verifier_node: RollupClient,
    pub(crate) batcher: EthClient,
    pub(crate) config: DevnetConfig,
    _folder: Option<tempfile::TempDir>,
}

impl Ring {
    /// A fresh devnet in memory, with one-second blocks, changed by `change`.
    pub(crate) async fn start(change: impl FnOnce(&mut DevnetConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = DevnetConfig::ephemeral(folder.path().to_owned());
        change(&mut config);
        let mut ring = Self::resume(config).await;
        ring._folder = Some(folder);
        ring
    }

    /// A devnet in a data directory of one's own.
    pub(crate) async fn resume(config: DevnetConfig) -> Self {
        // Whichever test comes first sets up the log; RUST_LOG asks for it.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let devnet = Devnet::launch(&config).await.unwrap();
        let about = devnet.descriptor().clone();
        let client = |url: &str| EthClient::new(url).unwrap();
        Self {
            l1: client(&about.l1.rpc),
            control: client(about.l1.control.as_deref().unwrap_or(&about.l1.rpc)),
            sequencer: client(&about.l2.sequencer.rpc),
            verifier: client(&about.l2.verifier.rpc),
            sequencer_node: RollupClient::new(&about.l2.sequencer.node).unwrap(),
            verifier_node: RollupClient::new(&about.l2.verifier.node).unwrap(),
            batcher: client(&about.l2.batcher),
            devnet,
            about,
            config,
            _folder: None,
        }
    }

    pub(crate) async fn stop(self) {
        self.devnet.shutdown().await;
    }

    /// A wallet of the n-th funded account.
    pub(crate) fn wallet(&self, n: usize) -> Wallet {
        Wallet::new(self.about.accounts[n].private_key)
    }

    pub(crate) fn contract(&self, name: &str) -> Address {
        self.about.contracts[name]
    }

    /// An order to the L1.
    pub(crate) async fn order(&self, method: &str, params: Value) -> Value {
        self.control.request_once(method, params).await.unwrap()
    }

    /// Replaces the newest `depth` L1 blocks, once there are that many.
    pub(crate) async fn reorg(&self, depth: u64, drop_transactions: bool) {
        eventually("L1 is long enough for the reorg", async || {
            let head = self.l1.block_number().await.unwrap();
            if head > depth { Ok(()) } else { Err(head) }
        })
        .await;
        let head = self.l1.block_number().await.unwrap();
        let old = block_hash(&self.l1, head + 2 - depth).await;
        self.order("dev_reorg", json!([depth, drop_transactions]))
            .await;
        assert_ne!(
            block_hash(&self.l1, head + 2 - depth).await,
            old,
            "the L1 was not reorged"
        );
    }

    pub(crate) async fn safe(&self) -> u64 {
        self.verifier_node
            .sync_status()
            .await
            .unwrap()
            .safe_l2
            .number
    }

    /// Waits until the verifier's safe head is `more` blocks past where it is now.
    pub(crate) async fn wait_for_safe(&self, more: u64) -> u64 {
        let goal = self.safe().await + more;
        eventually("the verifier's safe head moves on", async || {
            let safe = self.safe().await;
            if safe >= goal {
                Ok(safe)
            } else {
                Err(format!("safe {safe}, want {goal}"))
            }
        })
        .await
    }

    /// Waits until both engines have the same block at `number`, and returns its hash.
    pub(crate) async fn same_block(&self, number: u64) -> B256 {
        eventually("both engines have the same block", async || {
            let ours = block_hash(&self.sequencer, number).await;
            let theirs = block_hash(&self.verifier, number).await;
            match (ours, theirs) {
                (Some(a), Some(b)) if a == b => Ok(a),
                other => Err(format!("block {number}: {other:?}")),
            }
        })
        .await
    }

    /// Both nodes agree on the verifier's safe head, now and after `more` further blocks.
    pub(crate) async fn assert_in_step(&self, more: u64) {
        let safe = self.wait_for_safe(more).await;
        self.same_block(safe).await;
    }
}

pub(crate) async fn block_hash(client: &EthClient, number: u64) -> Option<B256> {
    let id = BlockId::Number(BlockNumberOrTag::Number(number));
    client.header(id).await.unwrap().map(|block| block.hash)
}

/// Repeats `look` until it gives a value; panics with the last complaint when patience ends.
pub(crate) async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(why) if started.elapsed() > PATIENCE => panic!("{what}: {why:?}"),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// A key that signs and sends.
pub(crate) struct Wallet {
    pub(crate) key: PrivateKeySigner,
}

impl Wallet {
    pub(crate) fn new(key: B256) -> Self {
        Self {
            key: PrivateKeySigner::from_bytes(&key).unwrap(),
        }
    }

    pub(crate) fn address(&self) -> Address {
        self.key.address()
    }

    /// Signs an EIP-1559 transaction with the next nonce.
    pub(crate) async fn sign(
        &self,
        on: &EthClient,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> Bytes {
        let gas = gas_for(&data);
        self.sign_with_gas(on, to, value, data, gas).await
    }

    /// As [`Self::sign`], with a gas limit of one's own; may create a contract.
    pub(crate) async fn sign_with_gas(
        &self,
        on: &EthClient,
        to: impl Into<TxKind>,
        value: U256,
        data: Bytes,
        gas: u64,
    ) -> Bytes {
        let pending = BlockId::Number(BlockNumberOrTag::Pending);
        let tx = TxEip1559 {
            chain_id: on.chain_id().await.unwrap(),
            nonce: on.transaction_count(self.address(), pending).await.unwrap(),
            gas_limit: gas,
            max_fee_per_gas: 20_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: to.into(),
            value,
            access_list: Default::default(),
            input: data,
        };
        let signature = self.key.sign_hash_sync(&tx.signature_hash()).unwrap();
        TxEnvelope::from(tx.into_signed(signature))
            .encoded_2718()
            .into()
    }

    /// Sends a transaction and waits until it is in a block; returns its receipt as JSON.
    pub(crate) async fn send(
        &self,
        on: &EthClient,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> Value {
        let gas = gas_for(&data);
        self.send_with_gas(on, to, value, data, gas).await
    }

    /// As [`Self::send`], with a gas limit of one's own.
    pub(crate) async fn send_with_gas(
        &self,
        on: &EthClient,
        to: Address,
        value: U256,
        data: Bytes,
        gas: u64,
    ) -> Value {
        let raw = self.sign_with_gas(on, to, value, data, gas).await;
        let hash = on.send_raw_transaction(&raw).await.unwrap();
        let receipt = receipt(on, hash).await;
        assert_eq!(receipt["status"], "0x1", "transaction failed: {receipt}");
        receipt
    }
}

/// Gas enough for most calls with this much data.
fn gas_for(data: &Bytes) -> u64 {
    500_000 + 60 * data.len() as u64
}

/// Waits for the receipt of a transaction.
pub(crate) async fn receipt(on: &EthClient, hash: B256) -> Value {
    eventually("a transaction is mined", async || {
        let receipt: Option<Value> = on
            .request("eth_getTransactionReceipt", (hash,))
            .await
            .unwrap();
        receipt.ok_or(hash)
    })
    .await
}

/// A quantity of a JSON answer.
pub(crate) fn number(value: &Value) -> u64 {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no quantity"));
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

pub(crate) fn ether(n: u64) -> U256 {
    U256::from(n) * U256::from(10).pow(U256::from(18))
}

pub(crate) const LATEST: BlockId = BlockId::Number(BlockNumberOrTag::Latest);
