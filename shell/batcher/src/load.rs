//! Loading L2 blocks.

use alloy_consensus::proofs::calculate_transaction_root;
use alloy_eips::{BlockNumberOrTag, eip2718::Encodable2718};
use alloy_primitives::Bytes;
use futures::{Stream, StreamExt, stream};
use opal_protocol::{L2BlockError, L2Ref, RollupConfig};
use opal_rpc::{EthClient, RpcError};
use opal_submission::Block;
use std::ops::RangeInclusive;

/// Requests under way at once.
const CONCURRENCY: usize = 8;

/// Why a block could not be loaded. All of these may pass with time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Rpc(#[from] RpcError),
    #[error("the L2 node at {endpoint} does not have block {number} yet")]
    Missing { endpoint: String, number: u64 },
    #[error(
        "the L2 node at {endpoint} gave block {number} with other transactions than its header commits to"
    )]
    Transactions { endpoint: String, number: u64 },
    #[error("{0}")]
    Block(#[from] L2BlockError),
}

/// The blocks of `range`, in order.
pub(crate) fn blocks<'a>(
    l2: &'a EthClient,
    chain: &'a RollupConfig,
    range: RangeInclusive<u64>,
) -> impl Stream<Item = Result<Block, LoadError>> + 'a {
    stream::iter(range)
        .map(move |number| block(l2, chain, number))
        .buffered(CONCURRENCY)
}

async fn block(l2: &EthClient, chain: &RollupConfig, number: u64) -> Result<Block, LoadError> {
    let endpoint = || l2.endpoint().to_owned();
    let block = l2
        .op_block(BlockNumberOrTag::Number(number))
        .await?
        .ok_or_else(|| LoadError::Missing {
            endpoint: endpoint(),
            number,
        })?;
    if calculate_transaction_root(&block.transactions) != block.header.transactions_root {
        return Err(LoadError::Transactions {
            endpoint: endpoint(),
            number,
        });
    }
    let encoded: Vec<Bytes> = block
        .transactions
        .iter()
        .map(|tx| tx.encoded_2718().into())
        .collect();
    let first = encoded.first().cloned().unwrap_or_default();
    let l2_ref = L2Ref::from_block(chain, &block.header, block.hash, &first)?;
    Ok(Block::new(l2_ref, encoded))
}
