//! From the L1 block that `core/derivation` takes to the one read here.
//!
//! That block holds updates of the system configuration and deposits already parsed. The updates
//! are written back into logs, so that this crate parses them by its own rules; the deposits stay
//! encoded, because the index of their log cannot be had from them.

use crate::{
    input::{NaiveL1Block, NaiveL1Tx, NaiveReceipt},
    system_config::CONFIG_UPDATE_TOPIC,
};
use alloy_primitives::{Address, B256, Log, U256};
use opal_protocol::{ConfigUpdate, L1Block, RollupConfig};

impl NaiveL1Block {
    /// The block that `block` was made of, as far as it can be told.
    pub fn from_parsed(cfg: &RollupConfig, block: &L1Block) -> Self {
        let transactions = block.inbox.iter().map(|tx| NaiveL1Tx {
            from: tx.from,
            to: Some(cfg.batch_inbox_address),
            tx_type: tx.tx_type,
            data: tx.data.clone(),
            blob_hashes: tx.blob_hashes.clone(),
        });
        let updates = block.config_updates.iter();
        let logs = updates.map(|update| config_update_log(cfg.l1_system_config_address, update));
        Self {
            hash: block.hash,
            header: block.header.clone(),
            transactions: transactions.collect(),
            receipts: vec![NaiveReceipt {
                success: true,
                logs: logs.collect(),
            }],
            encoded_deposits: block.deposits.clone(),
        }
    }
}

/// The log by which the SystemConfig contract announces `update`.
fn config_update_log(contract: Address, update: &ConfigUpdate) -> Log {
    let (kind, words): (u64, Vec<U256>) = match *update {
        ConfigUpdate::Batcher(batcher) => (0, vec![batcher.into_word().into()]),
        ConfigUpdate::FeeScalars { overhead, scalar } => (1, vec![overhead, scalar]),
        ConfigUpdate::GasLimit(limit) => (2, vec![U256::from(limit)]),
        ConfigUpdate::UnsafeBlockSigner(signer) => (3, vec![signer.into_word().into()]),
        ConfigUpdate::Eip1559 {
            denominator,
            elasticity,
        } => {
            let packed = U256::from(denominator) << 32 | U256::from(elasticity);
            (4, vec![packed])
        }
        ConfigUpdate::OperatorFee { scalar, constant } => {
            let packed = U256::from(scalar) << 64 | U256::from(constant);
            (5, vec![packed])
        }
        ConfigUpdate::MinBaseFee(fee) => (6, vec![U256::from(fee)]),
        ConfigUpdate::DaFootprintGasScalar(scalar) => (7, vec![U256::from(scalar)]),
    };
    let mut data = Vec::new();
    data.extend(U256::from(32).to_be_bytes::<32>());
    data.extend(U256::from(32 * words.len()).to_be_bytes::<32>());
    for word in words {
        data.extend(word.to_be_bytes::<32>());
    }
    let kind = B256::from(U256::from(kind));
    let topics = vec![CONFIG_UPDATE_TOPIC, B256::ZERO, kind];
    Log::new_unchecked(contract, topics, data.into())
}
