//! Blocks as RLP: what `debug_getRawBlock` answers, what exported chains and test vectors hold.
//!
//! In: any bytes. Out: a block of sound form, or what is wrong with it. Whether the block is valid
//! is not decided here. Invariant: the header's hash is the hash of the bytes that held it.

use crate::engine_api::DecodedPayload;
use alloy_consensus::{Header, proofs::ordered_trie_root_with_encoder};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, Header as RlpHeader, PayloadView};

/// Highest first byte of a typed transaction. spec: EIP-2718
const TYPE_MAX: u8 = 0x7f;

/// Bytes that are no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRlpError {
    /// A part is not RLP as it must be.
    #[error("block RLP: {part}: {problem}")]
    Part {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// It has other parts than header, transactions, ommers and withdrawals.
    #[error("block RLP: it has {0} parts, must have 3, or 4 with withdrawals")]
    Parts(usize),
    /// Bytes follow the block.
    #[error("block RLP: {0} bytes follow the block")]
    TrailingBytes(usize),
    /// Its transactions are not those of its header.
    #[error("header field transactionsRoot: is {header}, the body's is {body}")]
    Transactions {
        /// The root in the header.
        header: B256,
        /// The root of the transactions that came with it.
        body: B256,
    },
    /// It has ommers, which ended with the Merge. spec: EIP-3675
    #[error("block RLP: it has {0} ommers, must have none")]
    Ommers(usize),
}

/// A block of sound form.
#[derive(Clone, Debug)]
pub(crate) struct RawBlock {
    pub(crate) hash: B256,
    pub(crate) block: DecodedPayload,
}

/// Takes the RLP of one block apart.
pub(crate) fn decode_block(rlp: &[u8]) -> Result<RawBlock, BlockRlpError> {
    let mut rest = rlp;
    let parts = list("block", &mut rest)?;
    if !rest.is_empty() {
        return Err(BlockRlpError::TrailingBytes(rest.len()));
    }
    let (header, transactions, ommers, withdrawals) = match parts.as_slice() {
        [header, transactions, ommers] => (*header, *transactions, *ommers, None),
        [header, transactions, ommers, withdrawals] => {
            (*header, *transactions, *ommers, Some(*withdrawals))
        }
        other => return Err(BlockRlpError::Parts(other.len())),
    };
    let hash = keccak256(header);
    let header: Header = whole("header", header)?;
    if header.hash_slow() != hash {
        return Err(part("header", "it is not in canonical form"));
    }
    let ommers = list("ommers", &mut &*ommers)?;
    if !ommers.is_empty() {
        return Err(BlockRlpError::Ommers(ommers.len()));
    }
    let transactions = list("transactions", &mut &*transactions)?;
    let transactions = transactions.into_iter().map(transaction);
    let transactions: Vec<Bytes> = transactions.collect::<Result<_, _>>()?;
    let body = ordered_trie_root_with_encoder(&transactions, |tx, out| out.extend_from_slice(tx));
    if body != header.transactions_root {
        let header = header.transactions_root;
        return Err(BlockRlpError::Transactions { header, body });
    }
    let withdrawals = withdrawals.map(|bytes| whole("withdrawals", bytes));
    Ok(RawBlock {
        hash,
        block: DecodedPayload {
            header,
            transactions,
            withdrawals: withdrawals.transpose()?.map(Withdrawals::new),
            blob_hashes: None,
        },
    })
}

/// The canonical bytes of a transaction: in a block a typed one is wrapped into a string.
fn transaction(item: &[u8]) -> Result<Bytes, BlockRlpError> {
    let bad = |problem: &str| part("transaction", problem);
    match RlpHeader::decode_raw(&mut &*item) {
        Ok(PayloadView::List(_)) => Ok(Bytes::copy_from_slice(item)),
        Ok(PayloadView::String(inner)) => match inner.first() {
            Some(first) if *first <= TYPE_MAX => Ok(Bytes::copy_from_slice(inner)),
            Some(_) => Err(bad("a string that holds no typed transaction")),
            None => Err(bad("it is empty")),
        },
        Err(error) => Err(bad(&error.to_string())),
    }
}

fn list<'a>(name: &'static str, bytes: &mut &'a [u8]) -> Result<Vec<&'a [u8]>, BlockRlpError> {
    match RlpHeader::decode_raw(bytes) {
        Ok(PayloadView::List(items)) => Ok(items),
        Ok(PayloadView::String(_)) => Err(part(name, "it is no list")),
        Err(error) => Err(part(name, error)),
    }
}

fn whole<T: Decodable>(name: &'static str, bytes: &[u8]) -> Result<T, BlockRlpError> {
    let mut rest = bytes;
    let value = T::decode(&mut rest).map_err(|error| part(name, error))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(part(name, "bytes follow it"))
    }
}

fn part(part: &'static str, problem: impl ToString) -> BlockRlpError {
    let problem = problem.to_string();
    BlockRlpError::Part { part, problem }
}
