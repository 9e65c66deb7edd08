//! Batches: the stream of a channel, and singular batches against another RLP implementation.

use crate::span;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable};
use opal_protocol::{
    Batch, BatchReader, SingularBatch, SpanContext,
    batch::{SINGULAR_BATCH_TYPE, append_to_stream},
};

/// The chain whose batches are read.
const CONTEXT: SpanContext = SpanContext {
    chain_id: 10,
    genesis_time: 1_000,
    block_time: 2,
};

/// The same fields, decoded by a derive macro.
#[derive(Debug, RlpDecodable)]
struct Reference {
    parent_hash: B256,
    epoch_num: u64,
    epoch_hash: B256,
    timestamp: u64,
    transactions: Vec<Bytes>,
}

/// `data` as the decompressed bytes of a channel, and as the body of a singular batch.
pub fn batch(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    stream(&data);
    singular(&data);
}

/// Reads all batches, and writes those that are well-formed.
fn stream(data: &Bytes) {
    let mut read = Vec::new();
    let mut reader = BatchReader::new(data.clone(), CONTEXT);
    while let Some(Ok(batch)) = reader.next_batch() {
        // Spans beyond 64 bits are read as deployed, but no builder makes them.
        if !matches!(&batch, Batch::Span(span) if span::wraps(span, CONTEXT)) {
            read.push(batch);
        }
    }
    assert!(reader.next_batch().is_none(), "nothing follows an error");
    let mut again = Vec::new();
    for batch in &read {
        let encoded = match batch {
            Batch::Singular(batch) => batch.encode(),
            Batch::Span(batch) => batch.encode(CONTEXT).expect("it was decoded"),
        };
        append_to_stream(&encoded, &mut again);
    }
    assert!(again.len() <= data.len().saturating_mul(2) + 1_024);
    let again: Result<Vec<_>, _> = BatchReader::new(again.into(), CONTEXT).collect();
    assert_eq!(again.as_ref(), Ok(&read), "decoding reverses encoding");
}

fn singular(body: &Bytes) {
    let expected = Reference::decode(&mut &body[..]);
    let batch = match SingularBatch::decode(body) {
        Ok(batch) => batch,
        Err(error) => {
            assert!(expected.is_err(), "{error}: refused {expected:?}");
            return;
        }
    };
    let expected = expected.unwrap_or_else(|e| panic!("{e}: accepted {batch:?}"));
    assert_eq!(batch.parent_hash, expected.parent_hash);
    assert_eq!(batch.epoch_num, expected.epoch_num);
    assert_eq!(batch.epoch_hash, expected.epoch_hash);
    assert_eq!(batch.timestamp, expected.timestamp);
    assert_eq!(batch.transactions, expected.transactions);

    let encoded = batch.encode();
    assert_eq!(encoded.first(), Some(&SINGULAR_BATCH_TYPE));
    // RLP is canonical: but for what follows the list, the same bytes come out.
    assert_eq!(encoded[1..], body[..encoded.len() - 1]);
    assert!(
        batch
            .transactions
            .iter()
            .map(Encodable::length)
            .sum::<usize>()
            < encoded.len()
    );
}
