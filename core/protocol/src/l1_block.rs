//! An L1 block, reduced to what the rollup reads of it.

use crate::{
    config::RollupConfig,
    deposit::{
        DEPOSIT_TX_TYPE, DepositError, TRANSACTION_DEPOSITED_TOPIC, decode_deposit,
        parse_deposit_log,
    },
    refs::{L1Id, L1Ref},
    rlp,
    system_config::ConfigUpdate,
};
use alloc::vec::Vec;
use alloy_consensus::{Header, Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Log};
use op_alloy_consensus::TxDeposit;

/// A transaction to the batch inbox, sender recovered, still unjudged: derivation decides whether
/// the sender is the batcher of that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxTx {
    /// Recovered sender.
    pub from: Address,
    /// EIP-2718 type byte; 0 for legacy.
    pub tx_type: u8,
    /// Calldata. Ignored for type 3, whose data lies in blobs.
    pub data: Bytes,
    /// Versioned hashes of the blobs, in order; empty unless type 3.
    pub blob_hashes: Vec<B256>,
}

/// All that derivation reads of one L1 block. Built once, when the block arrives, by
/// [`L1Block::new`] from the header, the transactions and the receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Block {
    /// Hash of `header`.
    pub hash: B256,
    /// The header, verified against `hash` by whoever fetched it.
    pub header: Header,
    /// Transactions to the batch inbox in block order, from anybody.
    pub inbox: Vec<InboxTx>,
    /// User deposits of this block in log order, as encoded type-0x7e transactions.
    pub deposits: Vec<Bytes>,
    /// Updates that the SystemConfig contract announced in this block, in log order.
    pub config_updates: Vec<ConfigUpdate>,
}

/// A receipt of an L1 transaction, reduced to what the rollup reads of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Receipt {
    /// Whether the transaction succeeded.
    pub success: bool,
    /// Its logs.
    pub logs: Vec<Log>,
}

impl L1Block {
    /// Reduces a block to what the rollup reads of it. `txs` are the encoded (EIP-2718)
    /// transactions and `receipts` their receipts, both in block order and already verified
    /// against `header`, as `header` is against `hash`.
    pub fn new<T: AsRef<[u8]>>(
        cfg: &RollupConfig,
        hash: B256,
        header: Header,
        txs: &[T],
        receipts: &[L1Receipt],
    ) -> Result<Self, DepositError> {
        let inbox = txs
            .iter()
            .filter_map(|tx| parse_inbox_tx(cfg, tx.as_ref()))
            .collect();
        let mut deposits = DepositWriter::default();
        let mut config_updates = Vec::new();
        // The log index counts every log of the block, whatever emitted it.
        let mut log_index = 0;
        for receipt in receipts {
            for log in &receipt.logs {
                let topic = log.topics().first();
                let from = log.address;
                if !receipt.success {
                    // Failed transactions leave no logs; a receipt that has some is not believed.
                } else if from == cfg.deposit_contract_address
                    && topic == Some(&TRANSACTION_DEPOSITED_TOPIC)
                {
                    let deposit = parse_deposit_log(log, hash, log_index)?;
                    deposits.push(&deposit);
                } else if from == cfg.l1_system_config_address {
                    config_updates.extend(ConfigUpdate::parse(log));
                }
                log_index += 1;
            }
        }
        Ok(Self {
            hash,
            header,
            inbox,
            deposits: deposits.finish(),
            config_updates,
        })
    }

    /// Identity, parent and time.
    pub const fn as_ref(&self) -> L1Ref {
        L1Ref {
            hash: self.hash,
            number: self.header.number,
            parent_hash: self.header.parent_hash,
            time: self.header.timestamp,
        }
    }

    /// The name of this block.
    pub const fn id(&self) -> L1Id {
        L1Id {
            hash: self.hash,
            number: self.header.number,
        }
    }
}

/// Writes all deposits of a block into one allocation, of which they become slices: there may be
/// hundreds.
#[derive(Default)]
struct DepositWriter {
    encoded: Vec<u8>,
    ends: Vec<usize>,
}

impl DepositWriter {
    fn push(&mut self, deposit: &TxDeposit) {
        deposit.encode_2718(&mut self.encoded);
        self.ends.push(self.encoded.len());
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.encoded.shrink_to_fit();
        let encoded = Bytes::from(self.encoded);
        let mut start = 0;
        let slice = |end| {
            let deposit = encoded.slice(start..end);
            start = end;
            deposit
        };
        self.ends.into_iter().map(slice).collect()
    }
}

/// A transaction to the batch inbox, if that is what `tx` is. Transactions of types that can never
/// be a batcher's (4, and those unknown today) are none.
///
/// spec: protocol/derivation.md#l1-retrieval
fn parse_inbox_tx(cfg: &RollupConfig, tx: &[u8]) -> Option<InboxTx> {
    let tx_type = match *tx.first()? {
        0xc0.. => 0,
        tx_type @ (1..=3 | DEPOSIT_TX_TYPE) => tx_type,
        _ => return None,
    };
    // Only few transactions of a block go to the inbox: look for its address before decoding.
    let inbox = cfg.batch_inbox_address;
    if recipient(tx, tx_type)? != inbox {
        return None;
    }
    if tx_type == DEPOSIT_TX_TYPE {
        let deposit = decode_deposit(tx)?;
        return Some(InboxTx {
            from: deposit.from,
            tx_type,
            data: deposit.input,
            blob_hashes: Vec::new(),
        });
    }
    let tx = TxEnvelope::decode_2718_exact(tx).ok()?;
    Some(InboxTx {
        from: tx.recover_signer().ok()?,
        tx_type,
        data: tx.input().clone(),
        blob_hashes: tx.blob_versioned_hashes().unwrap_or_default().to_vec(),
    })
}

/// The recipient of an encoded transaction, read without decoding the rest.
fn recipient(tx: &[u8], tx_type: u8) -> Option<Address> {
    let mut rest = if tx_type == 0 { tx } else { tx.get(1..)? };
    let mut fields = rlp::split_list(&mut rest)?.payload;
    let fields_before = match tx_type {
        0 => 3,               // nonce, gas price, gas
        1 => 4,               // chain id, nonce, gas price, gas
        DEPOSIT_TX_TYPE => 2, // source hash, from
        _ => 5,               // chain id, nonce, tip, fee cap, gas
    };
    for _ in 0..fields_before {
        rlp::split(&mut fields)?;
    }
    rlp::split_fixed::<20>(&mut fields).map(Address::from)
}
