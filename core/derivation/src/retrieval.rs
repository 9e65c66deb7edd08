//! L1 retrieval: the batcher's data of one L1 block, in order.
//!
//! In: the inbox transactions of the block, the batcher's address at that block, then the blobs.
//! Out: pieces of data, one per calldata transaction and one per blob, in transaction order.
//! Invariant: at most one L1 block's data is held.
//!
//! spec: protocol/derivation.md#l1-retrieval, ecotone/derivation.md#ecotone-blob-retrieval

use crate::trace::{DataIgnored, Trace, TraceLog};
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes};
use opal_protocol::{InboxTx, L1Ref, blob};

/// Transaction types whose calldata or blobs may carry batches. Type 4 is not among them (trap 21);
/// 0x7e serves rollups whose L1 is a rollup itself.
const BATCHER_TX_TYPES: [u8; 5] = [0, 1, 2, 3, 0x7e];
/// Type byte of a transaction with blobs.
const BLOB_TX_TYPE: u8 = 3;

/// Data of the batcher that waits to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retrieval {
    queue: VecDeque<Source>,
}

/// Where a piece of data comes from. Alt-DA will be one more source: data of version byte 1 is a
/// commitment, whose content is asked for as blobs are. Until then it is ignored like every
/// unknown version.
#[derive(Clone, Debug)]
enum Source {
    Data(Bytes),
    Blob(B256),
}

/// The next piece of data.
#[derive(Clone, Debug)]
pub(crate) enum Retrieved {
    /// Calldata, or what a blob decodes to.
    Data(Bytes),
    /// These blobs must be fetched first.
    NeedBlobs(Vec<B256>),
    /// There is no more in this L1 block.
    Dry,
}

impl Retrieval {
    /// Starts on a new L1 block. Only transactions of `batcher` count. `reads_blobs` tells whether
    /// a transaction with blobs counts for those (Ecotone) or for its calldata.
    pub(crate) fn open(&mut self, inbox: Vec<InboxTx>, batcher: Address, reads_blobs: bool) {
        self.queue.clear();
        for tx in inbox {
            if tx.from != batcher || !BATCHER_TX_TYPES.contains(&tx.tx_type) {
                continue;
            }
            if tx.tx_type == BLOB_TX_TYPE && reads_blobs {
                self.queue
                    .extend(tx.blob_hashes.into_iter().map(Source::Blob));
            } else {
                self.queue.push_back(Source::Data(tx.data));
            }
        }
    }

    /// Takes the next piece of data.
    pub(crate) fn next(&mut self) -> Retrieved {
        match self.queue.pop_front() {
            None => Retrieved::Dry,
            Some(Source::Data(data)) => Retrieved::Data(data),
            Some(blob @ Source::Blob(_)) => {
                self.queue.push_front(blob);
                Retrieved::NeedBlobs(self.missing_blobs())
            }
        }
    }

    /// Hashes of all blobs still to be filled in.
    pub(crate) fn missing_blobs(&self) -> Vec<B256> {
        self.queue
            .iter()
            .filter_map(|source| match source {
                Source::Blob(hash) => Some(*hash),
                Source::Data(_) => None,
            })
            .collect()
    }

    /// Fills in the missing blobs, in the order of [`Self::missing_blobs`]. A malformed blob voids
    /// itself alone (trap 23).
    pub(crate) fn fill(&mut self, blobs: Vec<Box<Blob>>, block: &L1Ref, trace: &mut TraceLog) {
        let mut blobs = blobs.into_iter();
        self.queue = core::mem::take(&mut self.queue)
            .into_iter()
            .filter_map(|source| match source {
                Source::Data(data) => Some(Source::Data(data)),
                Source::Blob(_) => match blob::decode(&*blobs.next()?) {
                    Ok(data) => Some(Source::Data(data)),
                    Err(_) => {
                        let reason = DataIgnored::MalformedBlob;
                        trace.push(Trace::DataIgnored {
                            block: *block,
                            reason,
                        });
                        None
                    }
                },
            })
            .collect();
    }
}
