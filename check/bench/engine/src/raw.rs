//! The peer: op-revm as it comes, over a state in memory that holds the same accounts.

use crate::world::{CHAIN_ID, FEE_VAULT};
use alloy_consensus::Header;
use alloy_evm::FromTxWithEncoded;
use alloy_genesis::Genesis;
use alloy_op_evm::OpTx;
use alloy_primitives::{Address, Bytes, U256};
use op_revm::{DefaultOp, L1BlockInfo, OpBuilder, OpContext, OpSpecId, OpTransaction};
use opal_execution::{Transaction, VerifiedTx};
use revm::{
    Context, ExecuteCommitEvm,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    database::{CacheDB, EmptyDB},
    state::{AccountInfo, Bytecode},
};
use std::time::{Duration, Instant};

type Memory = CacheDB<EmptyDB>;

/// A state in memory.
#[derive(Debug)]
pub struct Raw {
    db: Option<Memory>,
}

/// What a block took.
#[derive(Clone, Copy, Debug)]
pub struct RawTimes {
    /// Decoding and recovery of senders.
    pub senders: Duration,
    /// Execution alone.
    pub execution: Duration,
    pub gas_used: u64,
}

impl RawTimes {
    pub fn total(&self) -> Duration {
        self.senders + self.execution
    }
}

impl Raw {
    pub fn new(genesis: &Genesis) -> Self {
        let mut db = Memory::new(EmptyDB::default());
        for (address, account) in &genesis.alloc {
            let code = account.code.clone().map(Bytecode::new_raw);
            let mut info = AccountInfo::from_balance(account.balance);
            if let Some(code) = code {
                info = info.with_code(code);
            }
            db.insert_account_info(*address, info);
            for (slot, value) in account.storage.iter().flatten() {
                db.insert_account_storage(*address, (*slot).into(), (*value).into())
                    .expect("memory");
            }
        }
        Self { db: Some(db) }
    }

    /// Decodes, recovers and executes a block's transactions, one after the other.
    pub fn run(&mut self, header: &Header, transactions: &[Bytes]) -> RawTimes {
        let start = Instant::now();
        let verified: Vec<VerifiedTx> = transactions
            .iter()
            .map(|tx| VerifiedTx::decode(tx.clone()).expect("our own transaction"))
            .collect();
        let senders = start.elapsed();
        let start = Instant::now();
        let gas_used = self.execute(header, &verified);
        RawTimes {
            senders,
            execution: start.elapsed(),
            gas_used,
        }
    }

    /// Executes transactions whose senders are known; answers with the gas used.
    pub fn execute(&mut self, header: &Header, transactions: &[VerifiedTx]) -> u64 {
        let block = BlockEnv {
            number: U256::from(header.number),
            beneficiary: FEE_VAULT,
            timestamp: U256::from(header.timestamp),
            gas_limit: header.gas_limit,
            basefee: header.base_fee_per_gas.expect("base fee"),
            difficulty: U256::ZERO,
            prevrandao: Some(header.mix_hash),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            slot_num: 0,
        };
        let cfg = CfgEnv::new_with_spec(OpSpecId::KARST).with_chain_id(CHAIN_ID);
        let context: OpContext<EmptyDB> = Context::op();
        let db = self.db.take().expect("put back");
        let mut evm = context
            .with_db(db)
            .with_cfg(cfg)
            .with_block(block)
            .with_chain(L1BlockInfo::default())
            .build_op();
        let mut gas_used = 0;
        for tx in transactions {
            let result = evm.transact_commit(environment(tx)).expect("valid");
            assert!(result.is_success(), "{result:?}");
            gas_used += result.tx_gas_used();
        }
        self.db = Some(evm.0.ctx.journaled_state.database);
        gas_used
    }

    /// Balance of an account, to compare the states.
    pub fn balance(&self, address: Address) -> U256 {
        let accounts = &self.db.as_ref().expect("put back").cache.accounts;
        accounts
            .get(&address)
            .map_or(U256::ZERO, |a| a.info.balance)
    }
}

fn environment(tx: &VerifiedTx) -> OpTransaction<TxEnv> {
    let (sender, encoded) = (tx.sender, tx.encoded.clone());
    let env = match &tx.tx {
        Transaction::Eip1559(t) => OpTx::from_encoded_tx(t, sender, encoded),
        Transaction::Deposit(t) => OpTx::from_encoded_tx(t.inner(), sender, encoded),
        other => panic!("no transaction of a mix: {other:?}"),
    };
    env.0
}
