//! The chain of the benchmark: an OP chain at Karst with so many holders, and those who send.

use crate::contracts::{
    ADDER, HASHER, POOLS, TOKEN_A, TOKEN_B, WRITER, adder, balance_slot, hasher, pool,
    pool_address, token, writer,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use alloy_rpc_types_engine::PayloadAttributes;
use op_alloy_consensus::TxDeposit;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_execution::{ChainConfig, ChainKind, OptimismRules, Transaction};
use opal_protocol::{Fork, ForkTimes};
use rayon::prelude::*;
use secp256k1::{Message, SECP256K1, SecretKey};
use std::collections::BTreeMap;

pub const CHAIN_ID: u64 = 901;
pub const GENESIS_TIME: u64 = 1_700_000_000;
/// Holders with keys.
pub const USERS: u64 = 40_000;
pub const BLOCK_TIME: u64 = 2;
pub const GAS_LIMIT: u64 = 30_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;
const DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
pub const FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");

/// Somebody with a key.
#[derive(Clone, Debug)]
pub struct User {
    key: SecretKey,
    pub address: Address,
}

impl User {
    fn new(i: u64) -> Self {
        let key = keccak256([b"sender".as_slice(), &i.to_be_bytes()].concat());
        let key = SecretKey::from_byte_array(key.0).expect("a hash is a key");
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        let address = Address::from_slice(&keccak256(&public[1..])[12..]);
        Self { key, address }
    }

    /// Signs a call.
    pub fn call(&self, nonce: u64, gas_limit: u64, to: Address, input: Bytes) -> Bytes {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            input,
            ..TxEip1559::default()
        };
        let message = Message::from_digest(tx.signature_hash().0);
        let (id, rs) = SECP256K1
            .sign_ecdsa_recoverable(message, &self.key)
            .serialize_compact();
        let signature = Signature::from_bytes_and_parity(&rs, i32::from(id) == 1);
        Transaction::Eip1559(tx.into_signed(signature)).encode()
    }
}

/// Who and what there is at genesis.
#[derive(Debug)]
pub struct World {
    /// Accounts with ether and both tokens: those with keys first.
    pub holders: u64,
    pub users: Vec<User>,
}

impl World {
    pub fn new(holders: u64, users: u64) -> Self {
        let users = (0..users).into_par_iter().map(User::new).collect();
        Self { holders, users }
    }

    /// Address of a holder; only the first ones have keys.
    pub fn holder(&self, i: u64) -> Address {
        match self.users.get(i as usize) {
            Some(user) => user.address,
            None => {
                let hash = keccak256([b"holder".as_slice(), &i.to_be_bytes()].concat());
                Address::from_slice(&hash[12..])
            }
        }
    }

    pub fn chain() -> ChainConfig {
        let rules = OptimismRules {
            forks: ForkTimes::at_genesis(Fork::Karst),
            eip1559: Default::default(),
        };
        ChainConfig {
            chain_id: CHAIN_ID,
            kind: ChainKind::Optimism(rules),
        }
    }

    pub fn genesis(&self) -> Genesis {
        let holders: Vec<Address> = (0..self.holders).map(|i| self.holder(i)).collect();
        let rich = B256::from(U256::from(1_000_000 * ETHER));
        let mut balances: BTreeMap<B256, B256> = holders
            .par_iter()
            .map(|holder| (B256::from(balance_slot(*holder)), rich))
            .collect();
        for i in 0..POOLS {
            let reserve = B256::from(U256::from(u128::MAX / 4));
            balances.insert(balance_slot(pool_address(i)).into(), reserve);
        }
        let contract = |code: Bytes, storage: Option<BTreeMap<B256, B256>>| {
            GenesisAccount::default()
                .with_code(Some(code))
                .with_storage(storage)
        };
        let mut alloc: BTreeMap<Address, GenesisAccount> = holders
            .into_iter()
            .map(|a| {
                (
                    a,
                    GenesisAccount::default().with_balance(U256::from(1_000 * ETHER)),
                )
            })
            .collect();
        for i in 0..POOLS {
            let reserve = B256::from(U256::from(1_000_000_000 * ETHER));
            let one = B256::with_last_byte(1);
            let reserves = BTreeMap::from([(B256::ZERO, reserve), (one, reserve)]);
            alloc.insert(pool_address(i), contract(pool(), Some(reserves)));
        }
        alloc.insert(TOKEN_B, contract(token(), Some(balances.clone())));
        alloc.insert(TOKEN_A, contract(token(), Some(balances)));
        alloc.insert(WRITER, contract(writer(), None));
        alloc.insert(ADDER, contract(adder(), None));
        alloc.insert(HASHER, contract(hasher(), None));
        alloc.insert(L1_BLOCK, contract(vec![0].into(), Some(l1_fees())));
        let mut genesis = Genesis {
            timestamp: GENESIS_TIME,
            gas_limit: GAS_LIMIT,
            extra_data: vec![1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0].into(),
            base_fee_per_gas: Some(1_000_000_000),
            alloc,
            ..Genesis::default()
        };
        genesis.config.chain_id = CHAIN_ID;
        genesis
    }
}

/// Fees as on a live chain, so that nobody is spared their computation. The DA footprint is cheap:
/// gas, not bytes, is to fill the blocks. spec: jovian/exec-engine.md
fn l1_fees() -> BTreeMap<B256, B256> {
    let slot = |n: u8| B256::with_last_byte(n);
    let mut scalars = [0; 32];
    scalars[16..20].copy_from_slice(&5_227u32.to_be_bytes());
    scalars[20..24].copy_from_slice(&1_014_213u32.to_be_bytes());
    let mut operator = [0; 32];
    operator[18..20].copy_from_slice(&1u16.to_be_bytes());
    operator[20..24].copy_from_slice(&1_000u32.to_be_bytes());
    operator[24..32].copy_from_slice(&7u64.to_be_bytes());
    BTreeMap::from([
        (slot(1), B256::from(U256::from(1_000_000_000u64))),
        (slot(3), B256::from(scalars)),
        (slot(7), B256::from(U256::from(10_000_000u64))),
        (slot(8), B256::from(operator)),
    ])
}

/// The deposit that opens every block.
pub fn l1_info(number: u64) -> Bytes {
    let deposit = TxDeposit {
        source_hash: keccak256(number.to_be_bytes()),
        from: DEPOSITOR,
        to: TxKind::Call(L1_BLOCK),
        mint: 0,
        value: U256::ZERO,
        gas_limit: 1_000_000,
        is_system_transaction: false,
        input: Bytes::from(vec![0xff; 176]),
    };
    deposit.encoded_2718().into()
}

/// Attributes of the block at `number` with these transactions after the deposit.
pub fn attributes(number: u64, transactions: &[Bytes], no_tx_pool: bool) -> OpPayloadAttributes {
    let transactions = std::iter::once(l1_info(number)).chain(transactions.iter().cloned());
    OpPayloadAttributes {
        payload_attributes: PayloadAttributes {
            timestamp: GENESIS_TIME + number * BLOCK_TIME,
            prev_randao: B256::repeat_byte(3),
            suggested_fee_recipient: FEE_VAULT,
            withdrawals: Some(Vec::new()),
            parent_beacon_block_root: Some(B256::repeat_byte(4)),
            ..PayloadAttributes::default()
        },
        transactions: Some(transactions.collect()),
        no_tx_pool: Some(no_tx_pool),
        gas_limit: Some(GAS_LIMIT),
        eip_1559_params: Some(B64::ZERO),
        min_base_fee: Some(0),
    }
}
