//! Random branches with contracts that write, die and come back, on two engines that flush at
//! different times: every block that one builds, the other one executes on its own state.

use crate::world::{self, Driver, attributes, user};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use opal_engine::EngineConfig;
use opal_execution::Transaction;
use opal_protocol::Fork;
use opal_rpc::BlockTag;
use std::time::Duration;

/// Stores word 1 at slot word 0; destroys itself if word 2 is not zero.
pub(crate) const STORER: [u8; 17] = hex!("60203560003555604035600e57005b33ff");
/// Creates a contract with the calldata as init code, at an address that depends on it alone.
const FACTORY: [u8; 15] = hex!("36600060003760003660006000f500");
pub(crate) const FACTORY_ADDRESS: Address = Address::repeat_byte(0xfa);

/// Init code that leaves [`STORER`].
pub(crate) fn init_code() -> Vec<u8> {
    // PUSH17 code, PUSH1 0, MSTORE; RETURN the 17 bytes that end the word.
    let mut code = vec![0x70];
    code.extend(STORER);
    code.extend(hex!("6000526011600ff3"));
    code
}

/// A small reproducible generator of numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[derive(Clone)]
struct Known {
    hash: B256,
    number: u64,
    time: u64,
    nonces: [u64; 3],
}

pub(crate) fn call(who: u8, nonce: u64, to: Address, input: Vec<u8>) -> Bytes {
    let tx = TxEip1559 {
        chain_id: world::CHAIN_ID,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        input: input.into(),
        ..TxEip1559::default()
    };
    let signature = user(who).sign_hash_sync(&tx.signature_hash()).unwrap();
    Transaction::Eip1559(tx.into_signed(signature)).encode()
}

fn random_call(random: &mut Random, who: u8, nonce: u64) -> Bytes {
    let storer = FACTORY_ADDRESS.create2(B256::ZERO, keccak256(init_code()));
    if random.below(3) == 0 {
        return call(who, nonce, FACTORY_ADDRESS, init_code());
    }
    let mut words = [
        U256::from(random.below(8)),
        U256::from(random.below(3)),
        U256::ZERO,
    ];
    if random.below(4) == 0 {
        words[2] = U256::from(1);
    }
    let input = words.iter().flat_map(|w| w.to_be_bytes::<32>()).collect();
    call(who, nonce, storer, input)
}

pub(crate) fn config(fork: Fork, flush_interval: Duration) -> EngineConfig {
    let mut config = EngineConfig {
        flush_interval,
        ..world::config(fork)
    };
    let factory = GenesisAccount::default().with_code(Some(Bytes::from_static(&FACTORY)));
    config.genesis.alloc.insert(FACTORY_ADDRESS, factory);
    config
}

async fn run(seed: u64, fork: Fork) {
    let mut random = Random(seed);
    let builder = Driver::start(config(fork, Duration::ZERO), fork).await;
    let slow = Duration::from_millis(random.below(60));
    let mut follower = Driver::start(config(fork, slow), fork).await;
    let mut known = vec![Known {
        hash: builder.head,
        number: 0,
        time: builder.time,
        nonces: [0; 3],
    }];
    for step in 0..60 {
        // Mostly go on with a recent block, sometimes with an old one.
        let reach = if random.below(5) == 0 { 20 } else { 3 };
        let back = random.below(reach).min(known.len() as u64 - 1) as usize;
        let mut parent = known[known.len() - 1 - back].clone();
        let mut attributes = attributes(fork, step, parent.time + 2, true);
        let transactions = attributes.transactions.as_mut().unwrap();
        for _ in 0..random.below(4) {
            let who = random.below(3) as u8;
            let nonce = &mut parent.nonces[who as usize];
            transactions.push(random_call(&mut random, who, *nonce));
            *nonce += 1;
        }
        let state = builder.state(parent.hash);
        let updated = builder
            .api
            .forkchoice_updated(state, Some(attributes))
            .await
            .unwrap();
        let id = updated.payload_id.unwrap_or_else(|| panic!("{updated:?}"));
        let payload = builder.api.get_payload(id, parent.time + 2).await.unwrap();
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_valid(), "seed {seed} step {step}: {status:?}");
        let hash = payload.execution_payload.block_hash();
        if random.below(2) == 0 {
            follower.set_head(hash).await;
        }
        if random.below(3) == 0 {
            tokio::time::sleep(Duration::from_millis(random.below(25))).await;
        }
        parent.hash = hash;
        parent.number += 1;
        parent.time += 2;
        known.push(parent);
    }
    let storer = FACTORY_ADDRESS.create2(B256::ZERO, keccak256(init_code()));
    for block in &known[known.len() - 10..] {
        let state = builder.state(block.hash);
        builder.api.forkchoice_updated(state, None).await.unwrap();
        follower.set_head(block.hash).await;
        assert_eq!(follower.number, block.number);
        let ours = builder.api.storage_root(storer, block.hash).await.unwrap();
        assert_eq!(
            ours,
            follower.api.storage_root(storer, block.hash).await.unwrap()
        );
        let tag = BlockTag::Number(block.number);
        assert_eq!(
            follower.api.block(tag).await.unwrap().unwrap().hash,
            block.hash
        );
    }
    builder.engine.shutdown().await;
    follower.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_branches_before_cancun() {
    for seed in 0..6 {
        run(seed, Fork::Canyon).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_branches_now() {
    for seed in 0..6 {
        run(seed, Fork::Karst).await;
    }
}
