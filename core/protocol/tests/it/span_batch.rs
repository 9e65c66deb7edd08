//! Span batches: round trips against an independent encoder of transactions, the traps of the
//! format, and hostile bytes.

use crate::common::{CONTEXT, any_hash, any_transaction, any_u64};
use alloy_primitives::{B256, Bytes, FixedBytes};
use opal_protocol::{
    Batch, BatchError, SingularBatch, SpanBatch, SpanBlock, SpanContext,
    batch::{SPAN_BATCH_TYPE, SpanBatchBuilder},
};
use proptest::{collection::vec, prelude::*};

fn any_span() -> impl Strategy<Value = SpanBatch> {
    (
        any::<[u8; 20]>(),
        any::<[u8; 20]>(),
        0u64..1 << 32,
        0u64..1 << 40,
        vec((any::<bool>(), vec(any_transaction(), 0..4)), 1..20),
    )
        .prop_map(
            |(parent_check, origin_check, first_block, first_epoch, blocks)| {
                let mut epoch_num = first_epoch;
                let first_starts_epoch = blocks[0].0;
                let blocks = blocks
                    .into_iter()
                    .enumerate()
                    .map(|(index, (starts_epoch, transactions))| {
                        epoch_num += u64::from(index > 0 && starts_epoch);
                        let timestamp = CONTEXT.genesis_time
                            + CONTEXT.block_time * (first_block + index as u64);
                        SpanBlock {
                            epoch_num,
                            timestamp,
                            transactions,
                        }
                    })
                    .collect();
                SpanBatch {
                    parent_check: FixedBytes(parent_check),
                    l1_origin_check: FixedBytes(origin_check),
                    first_starts_epoch,
                    blocks,
                }
            },
        )
}

fn part_of(result: Result<SpanBatch, BatchError>) -> &'static str {
    match result.unwrap_err() {
        BatchError::Span { part, .. } => part,
        other => panic!("{other}"),
    }
}

proptest! {
    #[test]
    fn decoding_reverses_encoding(span in any_span()) {
        let encoded = span.encode(CONTEXT).unwrap();
        prop_assert_eq!(encoded[0], SPAN_BATCH_TYPE);
        let decoded = SpanBatch::decode(&encoded[1..], CONTEXT).unwrap();
        prop_assert_eq!(&decoded, &span);
        let batch = Batch::decode(&encoded.clone().into(), CONTEXT).unwrap();
        prop_assert_eq!(batch, Batch::Span(span));
        prop_assert_eq!(decoded.encode(CONTEXT).unwrap(), encoded);
    }

    #[test]
    fn building_block_by_block_gives_the_same_bytes(
        span in any_span(),
        parent_hash in any_hash(),
        epoch_hash in any_hash(),
    ) {
        let mut span = span;
        span.parent_check = FixedBytes::from_slice(&parent_hash[..20]);
        span.l1_origin_check = FixedBytes::from_slice(&epoch_hash[..20]);
        let mut builder = SpanBatchBuilder::new(CONTEXT);
        prop_assert_eq!(builder.encode(), None);
        let mut previous_epoch = None;
        for block in &span.blocks {
            let starts_epoch = previous_epoch
                .map_or(span.first_starts_epoch, |epoch| epoch != block.epoch_num);
            previous_epoch = Some(block.epoch_num);
            let singular = SingularBatch {
                parent_hash,
                epoch_num: block.epoch_num,
                epoch_hash,
                timestamp: block.timestamp,
                transactions: block.transactions.clone(),
            };
            builder.push(&singular, u64::from(!starts_epoch)).unwrap();
        }
        let encoded = builder.encode().unwrap();
        prop_assert_eq!(encoded.len(), builder.encoded_len());
        prop_assert_eq!(encoded, span.encode(CONTEXT).unwrap());
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = SpanBatch::decode(&bytes, CONTEXT);
    }

    #[test]
    fn mutated_spans_never_panic(
        span in any_span(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = span.encode(CONTEXT).unwrap();
        for (index, value) in mutations {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Ok(decoded) = SpanBatch::decode(&bytes[1..], CONTEXT) {
            let encoded = decoded.encode(CONTEXT).unwrap();
            prop_assert_eq!(SpanBatch::decode(&encoded[1..], CONTEXT).unwrap(), decoded);
        }
        bytes.truncate(cut.index(bytes.len()));
        let _ = SpanBatch::decode(bytes.get(1..).unwrap_or_default(), CONTEXT);
    }

    #[test]
    fn every_prefix_of_a_span_is_an_error(span in any_span()) {
        let bytes = span.encode(CONTEXT).unwrap();
        for end in 1..bytes.len() {
            prop_assert!(SpanBatch::decode(&bytes[1..end], CONTEXT).is_err());
        }
    }

    #[test]
    fn extreme_contexts_never_panic(
        span in any_span(),
        chain_id in any_u64(),
        genesis_time in any::<u64>(),
        block_time in any::<u64>(),
    ) {
        let context = SpanContext { chain_id, genesis_time, block_time };
        let bytes = span.encode(CONTEXT).unwrap();
        let _ = SpanBatch::decode(&bytes[1..], context);
        let _ = span.encode(context);
    }
}

/// A span of empty blocks, byte by byte as the spec lays it out.
fn empty_blocks(block_count: &[u8], origin_bits: &[u8], tx_counts: &[u8]) -> Vec<u8> {
    let mut body = vec![0xac, 0x02, 100]; // rel_timestamp 300, l1_origin_num 100
    body.extend([0xaa; 20]);
    body.extend([0xbb; 20]);
    body.extend(block_count);
    body.extend(origin_bits);
    body.extend(tx_counts);
    body
}

#[test]
fn trap_30_span_bitlists_are_big_endian_integers() {
    // Ten blocks, bits 1 and 9 set: 0b10_0000_0010, so the first byte holds the high bits.
    let body = empty_blocks(&[10], &[0b10, 0b10], &[0; 10]);
    let span = SpanBatch::decode(&body, CONTEXT).unwrap();
    let epochs: Vec<_> = span.blocks.iter().map(|block| block.epoch_num).collect();
    assert_eq!(epochs, [98, 99, 99, 99, 99, 99, 99, 99, 99, 100]);
    assert!(!span.first_starts_epoch);
    assert_eq!(span.first_timestamp(), CONTEXT.genesis_time + 300);
    assert_eq!(span.last_timestamp(), CONTEXT.genesis_time + 318);
    // Bit 10 and above do not exist.
    let body = empty_blocks(&[10], &[0b100, 0], &[0; 10]);
    assert_eq!(part_of(SpanBatch::decode(&body, CONTEXT)), "origin_bits");
}

#[test]
fn trap_30_protected_bits_have_the_length_of_the_legacy_count() {
    // Nine transactions: eight of type 2, then one protected legacy. One byte of protected bits.
    let mut body = empty_blocks(&[1], &[1], &[9]);
    body.extend([0, 0, 0, 0]); // contract_creation_bits, y_parity_bits
    body.extend([1; 9 * 64]);
    body.extend([2; 9 * 20]);
    for _ in 0..8 {
        body.extend([0x02, 0xc5, 0x80, 0x80, 0x80, 0x80, 0xc0]);
    }
    body.extend([0xc3, 0x80, 0x80, 0x80]);
    body.extend([0; 18]); // nonces, gases
    body.push(1);
    let span = SpanBatch::decode(&body, CONTEXT).unwrap();
    assert_eq!(span.encode(CONTEXT).unwrap()[1..], body);
    // v = 2 * 901 + 35 = 1837
    let legacy: &[u8] = &span.blocks[0].transactions[8];
    assert!(legacy.windows(3).any(|window| window == [0x82, 0x07, 0x2d]));
    body.pop();
    assert_eq!(part_of(SpanBatch::decode(&body, CONTEXT)), "protected_bits");
}

#[test]
fn trap_30_uvarints_are_protobuf_varints() {
    // 300 is ac 02; superfluous zero groups are valid, more than 64 bits are not.
    let span = SpanBatch::decode(&empty_blocks(&[1], &[0], &[0]), CONTEXT).unwrap();
    assert_eq!(span.first_timestamp(), CONTEXT.genesis_time + 300);
    let long = SpanBatch::decode(&empty_blocks(&[0x81, 0x80, 0x00], &[0], &[0]), CONTEXT).unwrap();
    assert_eq!(long, span);
    let mut too_long = vec![0xff; 9];
    too_long.push(0x02);
    assert_eq!(
        part_of(SpanBatch::decode(
            &empty_blocks(&too_long, &[0], &[0]),
            CONTEXT
        )),
        "block_count"
    );
}

#[test]
fn counts_are_checked_before_anything_is_reserved() {
    let million = [0xc0, 0x84, 0x3d];
    let ten_million_and_one = [0x81, 0xad, 0xe2, 0x04];
    let part = |count: &[u8], bits: &[u8], txs: &[u8]| {
        part_of(SpanBatch::decode(&empty_blocks(count, bits, txs), CONTEXT))
    };
    assert_eq!(part(&[0], &[], &[]), "block_count");
    assert_eq!(part(&ten_million_and_one, &[], &[]), "block_count");
    assert_eq!(part(&million, &[], &[]), "origin_bits");
    assert_eq!(part(&million, &[0; 125_000], &[]), "block_tx_counts");
    assert_eq!(part(&[1], &[0], &ten_million_and_one), "block_tx_counts");
    let two_halves = [0x80, 0x97, 0xb1, 0x03, 0x80, 0x97, 0xb1, 0x03];
    assert_eq!(part(&[2], &[0], &two_halves), "block_tx_counts");
    assert_eq!(part(&[1], &[0], &million), "contract_creation_bits");
}

#[test]
fn origins_below_zero_and_times_beyond_64_bits_wrap() {
    let mut body = vec![0, 1];
    body.extend([0; 40]);
    body.extend([3, 0b110, 0, 0, 0]);
    let span = SpanBatch::decode(&body, CONTEXT).expect("decodes");
    let epochs: Vec<_> = span.blocks.iter().map(|block| block.epoch_num).collect();
    assert_eq!(epochs, [u64::MAX, 0, 1]);
    let mut body = vec![
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1,
    ];
    body.extend([0; 40]);
    body.extend([1, 0, 0]);
    let span = SpanBatch::decode(&body, CONTEXT).expect("decodes");
    assert_eq!(
        span.blocks[0].timestamp,
        CONTEXT.genesis_time.wrapping_sub(1)
    );
}

/// A span of one block with one transaction, whose `tx_datas` is `data`.
fn with_tx_data(data: &[u8], is_creation: bool) -> Result<SpanBatch, BatchError> {
    let mut body = empty_blocks(&[1], &[1], &[1]);
    body.extend([u8::from(is_creation), 0]);
    body.extend([1; 64]);
    if !is_creation {
        body.extend([2; 20]);
    }
    body.extend(data);
    body.extend([0, 0, 0]);
    SpanBatch::decode(&body, CONTEXT)
}

#[test]
fn transactions_that_no_client_could_decode_are_errors() {
    let good: &[&[u8]] = &[
        &[0xc3, 0x80, 0x80, 0x80],
        &[0x01, 0xc4, 0x80, 0x80, 0x80, 0xc0],
        &[0x02, 0xc5, 0x80, 0x80, 0x80, 0x80, 0xc0],
        &[0x04, 0xc6, 0x80, 0x80, 0x80, 0x80, 0xc0, 0xc0],
    ];
    for data in good {
        with_tx_data(data, false).unwrap();
    }
    let bad: &[(&[u8], &str)] = &[
        (&[0x00, 0xc3, 0x80, 0x80, 0x80], "type 0 in an envelope"),
        (
            &[0x03, 0xc5, 0x80, 0x80, 0x80, 0x80, 0xc0],
            "blob transaction",
        ),
        (&[0x7e, 0xc3, 0x80, 0x80, 0x80], "deposit"),
        (&[0x80], "string instead of list"),
        (&[0xc2, 0x80, 0x80], "too few fields"),
        (&[0xc4, 0x80, 0x80, 0x80, 0x80], "too many fields"),
        (&[0xc3, 0x00, 0x80, 0x80], "value with leading zero"),
        (&[0xc4, 0x81, 0x05, 0x80, 0x80], "value in long form"),
        (
            &[0x01, 0xc4, 0x80, 0x80, 0x80, 0x80],
            "access list is a string",
        ),
        (
            &[0x01, 0xc6, 0x80, 0x80, 0x80, 0xc2, 0xc1, 0x80],
            "malformed access list",
        ),
        (
            &[0x04, 0xc5, 0x80, 0x80, 0x80, 0x80, 0xc0],
            "no authorization list",
        ),
        (
            &[0x04, 0xc7, 0x80, 0x80, 0x80, 0x80, 0xc0, 0xc1, 0xc0],
            "malformed authorization",
        ),
    ];
    for (data, what) in bad {
        assert_eq!(part_of(with_tx_data(data, false)), "tx_datas", "{what}");
    }
    // A set-code transaction cannot create a contract.
    with_tx_data(&[0x02, 0xc5, 0x80, 0x80, 0x80, 0x80, 0xc0], true).unwrap();
    assert_eq!(
        part_of(with_tx_data(
            &[0x04, 0xc6, 0x80, 0x80, 0x80, 0x80, 0xc0, 0xc0],
            true
        )),
        "tx_datas"
    );
}

#[test]
fn amounts_beyond_what_clients_keep_are_errors() {
    let data = |value: &[u8], price: &[u8]| {
        let mut fields = Vec::new();
        for field in [value, price, &[]] {
            fields.push(0x80 + field.len() as u8);
            fields.extend(field);
        }
        let mut data = vec![0xf8, fields.len() as u8];
        data.extend(fields);
        if data[1] < 56 {
            data.remove(0);
            data[0] += 0xc0;
        }
        with_tx_data(&data, false)
    };
    data(&[0xff; 32], &[0xff; 16]).unwrap();
    assert!(data(&[0xff; 33], &[0xff; 16]).is_err());
    assert!(data(&[0xff; 32], &[0xff; 17]).is_err());
}

#[test]
fn the_builder_refuses_what_does_not_continue_the_span_and_stays_as_it_was() {
    let block = |epoch_num, blocks: u64| SingularBatch {
        epoch_num,
        timestamp: CONTEXT.genesis_time + 2 * blocks,
        parent_hash: B256::repeat_byte(1),
        epoch_hash: B256::repeat_byte(2),
        transactions: Vec::new(),
    };
    let mut builder = SpanBatchBuilder::new(CONTEXT);
    builder.push(&block(5, 10), 3).unwrap();
    let before = builder.encode();
    assert!(builder.push(&block(5, 10), 4).is_err(), "same time");
    assert!(builder.push(&block(5, 12), 4).is_err(), "gap in time");
    assert!(
        builder.push(&block(6, 11), 4).is_err(),
        "new origin inside an epoch"
    );
    assert!(
        builder.push(&block(5, 11), 0).is_err(),
        "old origin at the head of an epoch"
    );
    assert!(builder.push(&block(7, 11), 0).is_err(), "gap in origins");
    let mut foreign = block(5, 11);
    foreign.transactions = vec![Bytes::from_static(&[0x7e, 0xc0])];
    assert!(builder.push(&foreign, 4).is_err(), "deposit");
    foreign.transactions = vec![Bytes::new()];
    assert!(builder.push(&foreign, 4).is_err(), "empty transaction");
    assert_eq!(builder.encode(), before);
    builder.push(&block(6, 11), 0).unwrap();
    assert_eq!(builder.block_count(), 2);
}
