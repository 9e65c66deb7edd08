//! L1 retrieval: the data of the batcher's transactions in one L1 block.
//!
//! spec: protocol/derivation.md#l1-retrieval

use crate::{
    blobs::decode_blob,
    chain::DeriveError,
    input::{Blobs, NaiveL1Block, NaiveL1Tx},
    params::is_active,
};
use alloy_primitives::{Address, Bytes};
use opal_protocol::{Fork, RollupConfig};
use std::collections::VecDeque;

/// EIP-2718 type of transactions with blobs.
const BLOB_TX_TYPE: u8 = 3;
/// Types that a batcher transaction may have: 0 to 3, and deposits on chains that settle on an L2.
const BATCHER_TX_TYPES: [u8; 5] = [0, 1, 2, BLOB_TX_TYPE, 0x7e];

/// The data of `block` in the order it is to be read: calldata or the content of a blob.
pub(crate) fn retrieve(
    cfg: &RollupConfig,
    block: &NaiveL1Block,
    batcher: Address,
    blobs: &Blobs,
) -> Result<VecDeque<Bytes>, DeriveError> {
    let reads_blobs = is_active(cfg, Fork::Ecotone, block.time());
    let mut data = VecDeque::new();
    for tx in &block.transactions {
        if !is_batcher_tx(cfg, tx, batcher) {
            continue;
        }
        // spec: protocol/ecotone/derivation.md#ecotone-blob-retrieval
        if !reads_blobs || tx.tx_type != BLOB_TX_TYPE {
            data.push_back(tx.data.clone());
            continue;
        }
        for hash in &tx.blob_hashes {
            let blob = blobs.get(hash).ok_or(DeriveError::MissingBlob {
                hash: *hash,
                l1_block: block.id(),
            })?;
            // A blob that is encoded wrongly is ignored, and only that one.
            data.extend(decode_blob(blob));
        }
    }
    Ok(data)
}

fn is_batcher_tx(cfg: &RollupConfig, tx: &NaiveL1Tx, batcher: Address) -> bool {
    tx.to == Some(cfg.batch_inbox_address)
        && BATCHER_TX_TYPES.contains(&tx.tx_type)
        && tx.from == batcher
}
