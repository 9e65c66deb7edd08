//! Span batches: what decodes is a range of consecutive blocks with transactions that another
//! implementation can read, and encodes to bytes that decode to the same range.

use crate::{input::Input, transactions};
use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::B256;
use opal_protocol::{Batch, SingularBatch, SpanBatch, SpanContext, batch::SpanBatchBuilder};

/// Chain ids of one byte, of several, and of as many as leave `v` in 64 bits.
const CHAIN_IDS: [u64; 4] = [1, 10, 901, (1 << 63) - 19];

fn context(input: &mut Input<'_>) -> SpanContext {
    SpanContext {
        chain_id: input.pick(&CHAIN_IDS),
        genesis_time: input.pick(&[0, 1_000, u64::MAX - 1_000]),
        block_time: input.pick(&[1, 2, 12]),
    }
}

/// The chain, then the body of a span batch.
pub fn span(data: &[u8]) {
    let mut input = Input::new(data);
    let context = context(&mut input);
    let body = input.rest();
    let Ok(span) = SpanBatch::decode(body, context) else {
        return;
    };
    check_blocks(&span, context, body.len());
    if wraps(&span, context) {
        // Read as deployed, but no builder makes such a span.
        return;
    }
    let encoded = span.encode(context).expect("it was decoded");
    let again = SpanBatch::decode(&encoded[1..], context);
    assert_eq!(again.as_ref(), Ok(&span), "decoding reverses encoding");
}

/// Whether times or origins run over the end of their 64 bits.
pub(crate) fn wraps(span: &SpanBatch, context: SpanContext) -> bool {
    let last = span.blocks.last().map_or(0, |block| block.timestamp);
    span.first_timestamp() < context.genesis_time
        || last < span.first_timestamp()
        || span.end_epoch_num() < span.blocks.first().map_or(0, |block| block.epoch_num)
}

fn check_blocks(span: &SpanBatch, context: SpanContext, body_len: usize) {
    assert!(!span.blocks.is_empty());
    for pair in span.blocks.windows(2) {
        let elapsed = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert_eq!(elapsed, context.block_time);
        let advance = pair[1].epoch_num.wrapping_sub(pair[0].epoch_num);
        assert!(advance <= 1, "origins move one by one");
    }
    let transactions = || span.blocks.iter().flat_map(|block| &block.transactions);
    // Each transaction leaves at least signature, data, nonce and gas behind.
    assert!(transactions().count() <= body_len / 64);
    for encoded in transactions() {
        let transaction = TxEnvelope::decode_2718_exact(encoded)
            .unwrap_or_else(|e| panic!("{e}: nobody can read {encoded}"));
        assert_eq!(transaction.encoded_2718(), encoded[..]);
        let id = alloy_consensus::Transaction::chain_id(&transaction);
        assert!(id.is_none_or(|id| id == context.chain_id));
    }
}

/// The chain, then blocks to put into a span batch one by one.
pub fn span_build(data: &[u8]) {
    let mut input = Input::new(data);
    let context = context(&mut input);
    let mut builder = SpanBatchBuilder::new(context);
    let mut pushed: Vec<SingularBatch> = Vec::new();
    let mut starts_epoch = false;
    let mut next = SingularBatch {
        parent_hash: B256::repeat_byte(1),
        epoch_num: u64::from(input.u16()),
        epoch_hash: B256::repeat_byte(2),
        timestamp: context.genesis_time.saturating_add(u64::from(input.u8())),
        transactions: Vec::new(),
    };
    while !input.is_empty() && pushed.len() < 64 {
        let opens = input.flag();
        let mut block = next.clone();
        block.epoch_num = block.epoch_num.saturating_add(u64::from(opens));
        // Now and then a block that does not fit.
        match input.u8() {
            255 => block.timestamp = block.timestamp.wrapping_add(input.u64()),
            254 => block.epoch_num = block.epoch_num.wrapping_add(input.u64()),
            _ => {}
        }
        let count = input.below(4);
        block.transactions = (0..count)
            .map(|_| transactions::any(&mut input, context.chain_id))
            .collect();
        let before = builder.encode();
        let seq_num = u64::from(!opens);
        if builder.push(&block, seq_num).is_err() {
            assert_eq!(builder.encode(), before, "a refused block leaves no trace");
            continue;
        }
        if pushed.is_empty() {
            starts_epoch = opens;
        }
        next.epoch_num = block.epoch_num;
        let following = block.timestamp.checked_add(context.block_time);
        pushed.push(block);
        let Some(timestamp) = following else {
            break;
        };
        next.timestamp = timestamp;
    }
    check_built(&builder, &pushed, starts_epoch, context);
}

fn check_built(
    builder: &SpanBatchBuilder,
    pushed: &[SingularBatch],
    starts_epoch: bool,
    context: SpanContext,
) {
    let Some(encoded) = builder.encode() else {
        return assert!(pushed.is_empty());
    };
    assert_eq!(encoded.len(), builder.encoded_len());
    assert_eq!(builder.block_count(), pushed.len() as u64);
    let span = match Batch::decode(&encoded.clone().into(), context) {
        Ok(Batch::Span(span)) => span,
        other => panic!("not the span that was built: {other:?}"),
    };
    assert_eq!(span.blocks.len(), pushed.len());
    assert_eq!(span.first_starts_epoch, starts_epoch);
    for (block, pushed) in span.blocks.iter().zip(pushed) {
        assert_eq!(block.epoch_num, pushed.epoch_num);
        assert_eq!(block.timestamp, pushed.timestamp);
        assert_eq!(block.transactions, pushed.transactions);
    }
    check_blocks(&span, context, encoded.len());
    assert_eq!(span.encode(context).as_deref(), Ok(&encoded[..]));
}
