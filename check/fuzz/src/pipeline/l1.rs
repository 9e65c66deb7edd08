//! An L1 in the two shapes that the two derivations read.

use crate::rollup::{GENESIS_TIME, INBOX};
use alloy_consensus::Header;
use alloy_eips::eip4844::Blob;
use alloy_primitives::{B256, Bytes, Log, keccak256};
use opal_oracle::{Blobs, NaiveL1Block, NaiveL1Tx, NaiveReceipt};
use opal_protocol::{
    ConfigUpdate, InboxTx, L1Block, L1Id, L1Receipt, RollupConfig,
    deposit::{TRANSACTION_DEPOSITED_TOPIC, parse_deposit_log},
};
use std::sync::Arc;

/// Largest gas limit that the SystemConfig contract is made to announce.
const GAS_LIMIT_MAX: u64 = 1 << 40;

/// What the next L1 block holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) transactions: Vec<NaiveL1Tx>,
    pub(super) receipts: Vec<NaiveReceipt>,
}

/// The canonical chain by height.
#[derive(Clone, Debug, Default)]
pub(super) struct L1 {
    pub(super) blocks: Vec<L1Block>,
    pub(super) naive: Vec<Arc<NaiveL1Block>>,
    pub(super) blobs: Blobs,
}

/// What makes a header its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outline {
    /// Seconds after the parent.
    pub(super) gap: u64,
    /// Makes otherwise equal blocks different ones.
    pub(super) salt: u64,
    /// Whether the header has the fields of Cancun.
    pub(super) has_blobs: bool,
}

impl L1 {
    /// Appends a block.
    pub(super) fn mine(&mut self, cfg: &RollupConfig, content: Content, outline: Outline) {
        let parent = self.blocks.last();
        let number = self.blocks.len() as u64;
        let header = Header {
            number,
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            timestamp: parent.map_or(GENESIS_TIME, |p| p.header.timestamp + outline.gap),
            mix_hash: keccak256(number.to_be_bytes()),
            base_fee_per_gas: Some(7 + number),
            excess_blob_gas: outline.has_blobs.then_some(number << 20),
            parent_beacon_block_root: outline.has_blobs.then_some(B256::repeat_byte(0xbe)),
            nonce: outline.salt.to_be_bytes().into(),
            ..Header::default()
        };
        let hash = header.hash_slow();
        let receipts: Vec<L1Receipt> = content.receipts.iter().map(reduced).collect();
        let no_txs: [Bytes; 0] = [];
        let block = L1Block::new(cfg, hash, header.clone(), &no_txs, &receipts);
        let mut block = block.expect("only deposits of the portal");
        let to_inbox = content
            .transactions
            .iter()
            .filter(|tx| tx.to == Some(INBOX));
        block.inbox = to_inbox.map(inbox_tx).collect();
        self.blocks.push(block);
        self.naive.push(Arc::new(NaiveL1Block {
            hash,
            header,
            transactions: content.transactions,
            receipts: content.receipts,
            ..NaiveL1Block::default()
        }));
    }

    /// Drops the newest blocks; genesis stays.
    pub(super) fn unwind(&mut self, count: usize) {
        let left = self.blocks.len().saturating_sub(count).max(1);
        self.blocks.truncate(left);
        self.naive.truncate(left);
    }

    /// Whether `id` is canonical.
    pub(super) fn has(&self, id: L1Id) -> bool {
        let block = usize::try_from(id.number)
            .ok()
            .and_then(|n| self.blocks.get(n));
        block.is_some_and(|block| block.hash == id.hash)
    }

    /// The block at height `number`.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn at(&self, number: u64) -> &L1Block {
        &self.blocks[number as usize]
    }

    /// Stores a blob, under a hash that serves as its versioned hash.
    pub(super) fn store(&mut self, blob: Box<Blob>) -> B256 {
        let hash = keccak256(&blob[..]);
        self.blobs.insert(hash, blob);
        hash
    }
}

/// Whether the contracts on L1 could emit this log: deposits are well-formed, gas limits sane, and
/// EIP-1559 parameters never half zero.
pub(super) fn is_plausible(cfg: &RollupConfig, log: &Log) -> bool {
    let is_deposit = log.topics().first() == Some(&TRANSACTION_DEPOSITED_TOPIC);
    if log.address == cfg.deposit_contract_address && is_deposit {
        let data = &log.data.data;
        let is_padded = data.len().is_multiple_of(32) && data.len() == padded_len(data);
        return is_padded && parse_deposit_log(log, B256::ZERO, 0).is_ok();
    }
    match ConfigUpdate::parse(log) {
        Some(ConfigUpdate::GasLimit(limit)) => limit <= GAS_LIMIT_MAX,
        Some(ConfigUpdate::Eip1559 {
            denominator,
            elasticity,
        }) => (denominator == 0) == (elasticity == 0),
        _ => true,
    }
}

/// Bytes of `abi.encode(bytes)` for the length that its second word tells.
fn padded_len(data: &[u8]) -> usize {
    let length = data.get(56..64).and_then(|word| word.try_into().ok());
    let length = u64::from_be_bytes(length.unwrap_or_default());
    usize::try_from(length).map_or(0, |length| {
        (length.saturating_add(31) / 32 * 32).saturating_add(64)
    })
}

fn reduced(receipt: &NaiveReceipt) -> L1Receipt {
    L1Receipt {
        success: receipt.success,
        logs: receipt.logs.clone(),
    }
}

fn inbox_tx(tx: &NaiveL1Tx) -> InboxTx {
    InboxTx {
        from: tx.from,
        tx_type: tx.tx_type,
        data: tx.data.clone(),
        blob_hashes: tx.blob_hashes.clone(),
    }
}
