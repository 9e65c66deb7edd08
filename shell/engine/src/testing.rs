//! What the unit tests of several modules share.

use crate::{config::EngineConfig, engine::open, engine_api::Api};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use opal_execution::{ChainConfig, ChainKind, OptimismRules, Transaction};
use opal_protocol::{Fork, ForkTimes};

pub(crate) const CHAIN_ID: u64 = 901;
pub(crate) const BALANCE: u64 = 10_000_000_000_000_000;

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

/// An engine's parts in memory, without servers.
pub(crate) fn parts(change: impl FnOnce(&mut EngineConfig)) -> Api {
    let account = GenesisAccount::default().with_balance(U256::from(BALANCE));
    let genesis = Genesis {
        timestamp: 1_000,
        gas_limit: 30_000_000,
        extra_data: Bytes::from_static(&[1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]),
        alloc: (0..10)
            .map(|i| (user(i).address(), account.clone()))
            .collect(),
        ..Genesis::default()
    };
    let mut config = EngineConfig::new(op_chain(Fork::Karst), genesis);
    change(&mut config);
    open(config).unwrap().0
}

pub(crate) struct Fees {
    pub(crate) tip: u128,
    pub(crate) cap: u128,
}

pub(crate) fn unsigned(nonce: u64, fees: &Fees) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fees.cap,
        max_priority_fee_per_gas: fees.tip,
        to: TxKind::Call(Address::repeat_byte(0xee)),
        ..TxEip1559::default()
    }
}

pub(crate) fn sign(from: &PrivateKeySigner, tx: TxEip1559) -> Bytes {
    let signature = from.sign_hash_sync(&tx.signature_hash()).unwrap();
    Transaction::Eip1559(tx.into_signed(signature)).encode()
}

/// A small reproducible generator.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
