//! A tiny OP chain and a tiny L1, without contracts, and someone who drives them.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::{eip2718::Encodable2718, eip7002, eip7251};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B64, B256, Bytes, TxKind, U256, address, keccak256};
use alloy_rpc_types_engine::{ForkchoiceState, PayloadAttributes, PayloadId};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_consensus::TxDeposit;
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_engine::{ChainConfig, Engine, EngineConfig};
use opal_execution::{ChainKind, OptimismRules, Transaction};
use opal_protocol::{Fork, ForkTimes};
use opal_rpc::EngineApi;
use std::sync::Arc;

pub(crate) const CHAIN_ID: u64 = 901;
pub(crate) const GENESIS_TIME: u64 = 1_700_000_000;
pub(crate) const BLOCK_TIME: u64 = 2;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
const DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");

/// One of ten accounts that genesis makes rich.
pub(crate) fn user(i: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(i + 1)).unwrap()
}

pub(crate) fn op_chain(fork: Fork) -> ChainConfig {
    let rules = OptimismRules {
        forks: ForkTimes::at_genesis(fork),
        eip1559: Default::default(),
    };
    ChainConfig {
        chain_id: CHAIN_ID,
        kind: ChainKind::Optimism(rules),
    }
}

pub(crate) fn genesis(chain: &ChainConfig) -> Genesis {
    let rich = GenesisAccount::default().with_balance(U256::from(1_000 * ETHER));
    let mut extra_data = Bytes::new();
    if chain.is_op_active(Fork::Jovian, GENESIS_TIME) {
        extra_data = Bytes::from_static(&[1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
    } else if chain.is_op_active(Fork::Holocene, GENESIS_TIME) {
        extra_data = Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6]);
    }
    let mut genesis = Genesis {
        timestamp: GENESIS_TIME,
        gas_limit: 30_000_000,
        extra_data,
        base_fee_per_gas: Some(1_000_000_000),
        alloc: (0..10).map(|i| (user(i).address(), rich.clone())).collect(),
        ..Genesis::default()
    };
    if !chain.is_optimism() {
        genesis.alloc.extend(request_contracts());
    }
    genesis.config.chain_id = chain.chain_id;
    genesis
}

/// The contracts that a block of Ethereum needs since Prague. spec: EIP-7002, EIP-7251
fn request_contracts() -> [(Address, GenesisAccount); 2] {
    [
        (
            eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE,
        ),
        (
            eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            &eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE,
        ),
    ]
    .map(|(address, code)| {
        let contract = GenesisAccount::default().with_nonce(Some(1));
        (address, contract.with_code(Some(code.clone())))
    })
}

pub(crate) fn config(fork: Fork) -> EngineConfig {
    let chain = op_chain(fork);
    let genesis = genesis(&chain);
    EngineConfig::new(chain, genesis)
}

/// A transfer of some wei, as a wallet would send it.
pub(crate) fn transfer(from: &PrivateKeySigner, nonce: u64, to: Address, tip: u128) -> Bytes {
    transfer_on(CHAIN_ID, from, nonce, to, tip)
}

pub(crate) fn transfer_on(
    chain_id: u64,
    from: &PrivateKeySigner,
    nonce: u64,
    to: Address,
    tip: u128,
) -> Bytes {
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 20_000_000_000 + tip,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(to),
        value: U256::from(7),
        ..TxEip1559::default()
    };
    let signature = from.sign_hash_sync(&tx.signature_hash()).unwrap();
    Transaction::Eip1559(tx.into_signed(signature)).encode()
}

/// A call without data.
pub(crate) fn call(from: &PrivateKeySigner, nonce: u64, to: Address) -> Bytes {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        ..TxEip1559::default()
    };
    let signature = from.sign_hash_sync(&tx.signature_hash()).unwrap();
    Transaction::Eip1559(tx.into_signed(signature)).encode()
}

/// The deposit that opens every block.
pub(crate) fn l1_info(number: u64) -> Bytes {
    let deposit = TxDeposit {
        source_hash: keccak256(number.to_be_bytes()),
        from: DEPOSITOR,
        to: TxKind::Call(L1_BLOCK),
        mint: 0,
        value: U256::ZERO,
        gas_limit: 1_000_000,
        is_system_transaction: false,
        input: Bytes::new(),
    };
    deposit.encoded_2718().into()
}

/// Someone who drives one OP engine.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) api: Arc<dyn EngineApi>,
    pub(crate) head: B256,
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) fork: Fork,
}

impl Driver {
    pub(crate) async fn start(config: EngineConfig, fork: Fork) -> Self {
        let engine = Engine::start(config).await.unwrap();
        let head = *engine.head().borrow();
        let api = engine.api();
        let (number, time) = (head.number, head.timestamp);
        Self {
            engine,
            api,
            head: head.hash,
            number,
            time,
            fork,
        }
    }

    pub(crate) async fn karst() -> Self {
        Self::start(config(Fork::Karst), Fork::Karst).await
    }

    pub(crate) fn attributes(&self, no_tx_pool: bool) -> OpPayloadAttributes {
        attributes(
            self.fork,
            self.number + 1,
            self.time + BLOCK_TIME,
            no_tx_pool,
        )
    }

    /// Builds a block from the pool on the head and makes it head.
    pub(crate) async fn build(&mut self) -> OpExecutionPayloadEnvelope {
        let attributes = self.attributes(false);
        self.build_with(attributes).await
    }

    pub(crate) async fn build_with(
        &mut self,
        attributes: OpPayloadAttributes,
    ) -> OpExecutionPayloadEnvelope {
        let timestamp = attributes.payload_attributes.timestamp;
        let id = self.start_build(attributes).await;
        let payload = self.api.get_payload(id, timestamp).await.unwrap();
        self.insert(&payload).await;
        payload
    }

    pub(crate) async fn start_build(&self, attributes: OpPayloadAttributes) -> PayloadId {
        let updated = self
            .api
            .forkchoice_updated(self.state(self.head), Some(attributes))
            .await
            .unwrap();
        assert!(updated.payload_status.is_valid(), "{updated:?}");
        updated.payload_id.unwrap()
    }

    /// Sends a payload and makes it head.
    pub(crate) async fn insert(&mut self, payload: &OpExecutionPayloadEnvelope) {
        let status = self.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_valid(), "{status:?}");
        self.set_head(payload.execution_payload.block_hash()).await;
    }

    pub(crate) async fn set_head(&mut self, hash: B256) {
        let updated = self
            .api
            .forkchoice_updated(self.state(hash), None)
            .await
            .unwrap();
        assert!(updated.payload_status.is_valid(), "{updated:?}");
        let head = *self.engine.head().borrow();
        assert_eq!(head.hash, hash);
        (self.head, self.number, self.time) = (hash, head.number, head.timestamp);
    }

    pub(crate) fn state(&self, head: B256) -> ForkchoiceState {
        ForkchoiceState {
            head_block_hash: head,
            safe_block_hash: B256::ZERO,
            finalized_block_hash: B256::ZERO,
        }
    }

    pub(crate) async fn send(&self, tx: Bytes) -> B256 {
        self.engine.send_raw_transaction(tx).await.unwrap()
    }
}

pub(crate) fn attributes(
    fork: Fork,
    number: u64,
    timestamp: u64,
    no_tx_pool: bool,
) -> OpPayloadAttributes {
    OpPayloadAttributes {
        payload_attributes: PayloadAttributes {
            timestamp,
            prev_randao: B256::repeat_byte(3),
            suggested_fee_recipient: address!("4200000000000000000000000000000000000011"),
            withdrawals: (fork >= Fork::Canyon).then(Vec::new),
            parent_beacon_block_root: (fork >= Fork::Ecotone).then_some(B256::repeat_byte(4)),
            ..PayloadAttributes::default()
        },
        transactions: Some(vec![l1_info(number)]),
        no_tx_pool: Some(no_tx_pool),
        gas_limit: Some(30_000_000),
        eip_1559_params: (fork >= Fork::Holocene).then_some(B64::ZERO),
        min_base_fee: (fork >= Fork::Jovian).then_some(0),
    }
}
