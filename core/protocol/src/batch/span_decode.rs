//! Decoding span batches: one pass that checks the columns, one that writes the transactions.
//!
//! All transactions of a span are written into one allocation and handed out as slices of it.

use super::{
    BatchError, MAX_SPAN_BATCH_ELEMENT_COUNT, SpanBatch, SpanBlock, SpanContext,
    bits::{BitList, split_uvarint},
    span_tx::{SpanTx, TxData},
};
use alloc::vec::Vec;
use alloy_primitives::{Bytes, FixedBytes};

/// Bytes that a transaction gains on its way out of the columns, at most about this many: the
/// list header, chain id and the headers of the signature. A guess for the reservation, no limit.
const TX_GROWTH_BYTES: usize = 24;

pub(super) fn decode(body: &[u8], context: SpanContext) -> Result<SpanBatch, BatchError> {
    let mut rest = body;
    let rel_timestamp = uvarint(&mut rest, "rel_timestamp")?;
    let last_epoch_num = uvarint(&mut rest, "l1_origin_num")?;
    let parent_check = FixedBytes::from(*chunk::<20>(&mut rest, "parent_check")?);
    let l1_origin_check = FixedBytes::from(*chunk::<20>(&mut rest, "l1_origin_check")?);

    let block_count = count(uvarint(&mut rest, "block_count")?, "block_count")?;
    if block_count == 0 {
        return Err(BatchError::Span {
            part: "block_count",
            problem: "is 0",
        });
    }
    let origin_bits = bit_list(&mut rest, block_count, "origin_bits")?;
    let (tx_counts, tx_total) = tx_counts(&mut rest, block_count)?;
    let mut transactions = transactions(&mut rest, tx_total, context.chain_id)?;

    let epochs_before_first = (origin_bits.count_ones() - usize::from(origin_bits.get(0))) as u64;
    // Hostile numbers wrap, as in every deployed implementation: where such a span begins then
    // decides whether it is passed over or dropped (docs/decisions/broken-channels.md).
    let mut epoch_num = last_epoch_num.wrapping_sub(epochs_before_first);
    let mut timestamp = context.genesis_time.wrapping_add(rel_timestamp);

    let mut blocks = Vec::with_capacity(block_count);
    for (index, &tx_count) in tx_counts.iter().enumerate() {
        if index > 0 {
            epoch_num = epoch_num.wrapping_add(u64::from(origin_bits.get(index)));
            timestamp = timestamp.wrapping_add(context.block_time);
        }
        let transactions = transactions.by_ref().take(tx_count as usize).collect();
        blocks.push(SpanBlock {
            epoch_num,
            timestamp,
            transactions,
        });
    }
    debug_assert!(transactions.next().is_none() && epoch_num == last_epoch_num);
    let first_starts_epoch = origin_bits.get(0);
    Ok(SpanBatch {
        parent_check,
        l1_origin_check,
        first_starts_epoch,
        blocks,
    })
}

/// `block_tx_counts` and their sum.
fn tx_counts(rest: &mut &[u8], block_count: usize) -> Result<(Vec<u32>, usize), BatchError> {
    const PART: &str = "block_tx_counts";
    if block_count > rest.len() {
        return Err(truncated(PART));
    }
    let mut counts = Vec::with_capacity(block_count);
    let mut total = 0u64;
    for _ in 0..block_count {
        let tx_count = count(uvarint(rest, PART)?, PART)?;
        total += tx_count as u64;
        counts.push(tx_count as u32);
    }
    Ok((counts, count(total, PART)?))
}

/// The columns of the transactions, put together again, in order.
fn transactions(
    rest: &mut &[u8],
    total: usize,
    chain_id: u64,
) -> Result<impl Iterator<Item = Bytes> + use<>, BatchError> {
    let contract_creation_bits = bit_list(rest, total, "contract_creation_bits")?;
    let y_parity_bits = bit_list(rest, total, "y_parity_bits")?;
    let signatures = column::<64>(rest, total, "tx_sigs")?;
    let call_count = total - contract_creation_bits.count_ones();
    let mut tos = column::<20>(rest, call_count, "tx_tos")?.iter();

    let datas_start = rest.len();
    let mut datas = Vec::with_capacity(total);
    for _ in 0..total {
        let data = TxData::split(rest).map_err(|problem| BatchError::Span {
            part: "tx_datas",
            problem,
        })?;
        datas.push(data);
    }
    let datas_len = datas_start - rest.len();
    let nonces = uvarints(rest, total, "tx_nonces")?;
    let gases = uvarints(rest, total, "tx_gases")?;
    let legacy_count = datas.iter().filter(|data| data.is_legacy()).count();
    let protected_bits = bit_list(rest, legacy_count, "protected_bits")?;

    let mut encoded = Vec::with_capacity(datas_len + total * (64 + 20 + TX_GROWTH_BYTES));
    let mut ends = Vec::with_capacity(total);
    let mut legacy_index = 0;
    let numbers = nonces.iter().zip(&gases);
    for (index, ((data, signature), (&nonce, &gas))) in
        datas.iter().zip(signatures).zip(numbers).enumerate()
    {
        let to = if contract_creation_bits.get(index) {
            None
        } else {
            tos.next()
        };
        let is_protected = data.is_legacy() && protected_bits.get(legacy_index);
        legacy_index += usize::from(data.is_legacy());
        let y_parity = y_parity_bits.get(index);
        SpanTx {
            data,
            nonce,
            gas,
            to,
            signature,
            y_parity,
            is_protected,
        }
        .encode(chain_id, &mut encoded)
        .map_err(|problem| BatchError::Span {
            part: "tx_datas",
            problem,
        })?;
        ends.push(encoded.len());
    }
    let encoded = Bytes::from(encoded);
    let mut start = 0;
    Ok(ends.into_iter().map(move |end| {
        let transaction = encoded.slice(start..end);
        start = end;
        transaction
    }))
}

fn truncated(part: &'static str) -> BatchError {
    BatchError::Span {
        part,
        problem: "is cut short",
    }
}

/// A count of blocks or transactions within the limit.
fn count(value: u64, part: &'static str) -> Result<usize, BatchError> {
    if value > MAX_SPAN_BATCH_ELEMENT_COUNT {
        return Err(BatchError::Span {
            part,
            problem: "exceeds the limit of 10,000,000",
        });
    }
    Ok(value as usize)
}

fn uvarint(rest: &mut &[u8], part: &'static str) -> Result<u64, BatchError> {
    split_uvarint(rest).ok_or(BatchError::Span {
        part,
        problem: "is cut short or no 64-bit varint",
    })
}

fn uvarints(rest: &mut &[u8], len: usize, part: &'static str) -> Result<Vec<u64>, BatchError> {
    if len > rest.len() {
        return Err(truncated(part));
    }
    (0..len).map(|_| uvarint(rest, part)).collect()
}

fn bit_list<'a>(
    rest: &mut &'a [u8],
    len: usize,
    part: &'static str,
) -> Result<BitList<'a>, BatchError> {
    BitList::split(rest, len).ok_or(BatchError::Span {
        part,
        problem: "is cut short or has bits beyond its length",
    })
}

fn chunk<'a, const N: usize>(
    rest: &mut &'a [u8],
    part: &'static str,
) -> Result<&'a [u8; N], BatchError> {
    let (chunk, tail) = rest.split_first_chunk::<N>().ok_or(truncated(part))?;
    *rest = tail;
    Ok(chunk)
}

/// `len` values of `N` bytes each.
fn column<'a, const N: usize>(
    rest: &mut &'a [u8],
    len: usize,
    part: &'static str,
) -> Result<&'a [[u8; N]], BatchError> {
    let bytes = len.checked_mul(N).ok_or(truncated(part))?;
    let (column, tail) = rest.split_at_checked(bytes).ok_or(truncated(part))?;
    *rest = tail;
    Ok(column.as_chunks::<N>().0)
}
