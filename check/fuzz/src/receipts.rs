//! Receipts of L1: both ways to get them from a node give the same, receipts of future types are
//! read as far as they can be, and what a known type says cannot be misread.

// The module is private to the shell, whose sockets no fuzz target needs: its source is compiled
// once more here.
#[allow(dead_code)]
#[path = "../../../shell/l1/src/verify.rs"]
mod verify;
// What it calls of `opal_rpc`, likewise; the root of this crate goes by that name, too.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../shell/rpc/src/op_tx.rs"]
mod op_tx;

pub(crate) use op_tx::read_deposit;

use crate::{input::Input, logs};
use alloy_consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bloom, Bytes, Log};
use alloy_rlp::Encodable;
use alloy_trie::root::ordered_trie_root_encoded;
use opal_protocol::L1Receipt;
use serde_json::{Value, json, value::to_raw_value};

/// Types that no fork of L1 knows yet.
const FUTURE_TYPES: core::ops::RangeInclusive<u8> = 0x05..=0x7d;

/// One receipt of the script.
struct Scripted {
    tx_type: u8,
    receipt: ReceiptWithBloom<Receipt<Log>>,
}

/// Receipts of a block, as JSON and encoded, then mutilated.
pub fn receipts(data: &[u8]) {
    let mut input = Input::new(data);
    if input.u8() == 255 {
        return text(input.rest());
    }
    let scripted: Vec<Scripted> = (0..input.below(5)).map(|_| receipt(&mut input)).collect();
    let mut raw: Vec<Bytes> = scripted.iter().map(Scripted::encoded).collect();
    let mut types: Vec<u8> = scripted.iter().map(|receipt| receipt.tx_type).collect();
    let expected: Vec<L1Receipt> = scripted.iter().map(Scripted::reduced).collect();

    let read = verify::raw_receipts(&header(&raw), &raw).expect("well-formed");
    let read = verify::for_derivation(read, &types).expect("as many as transactions");
    assert_eq!(read, expected);

    let json: Vec<Value> = scripted.iter().map(Scripted::json).collect();
    let json = to_raw_value(&json).expect("plain data");
    let read = verify::receipts(&header(&raw), &json).expect("well-formed");
    let read = verify::for_derivation(read, &types).expect("as many as transactions");
    assert_eq!(read, expected, "JSON says what the encoding says");
    let other = Header {
        receipts_root: B256::repeat_byte(9),
        ..Header::default()
    };
    verify::receipts(&other, &json).expect_err("of another block");

    mutilate(&mut input, &mut raw, &mut types);
    mutilated(&raw, &types);
}

/// Receipts of which some are not what they were.
fn mutilated(raw: &[Bytes], types: &[u8]) {
    let Ok(read) = verify::raw_receipts(&header(raw), raw) else {
        let is_unreadable = |raw: &Bytes| ReceiptEnvelope::decode_2718_exact(raw).is_err();
        assert!(raw.iter().any(is_unreadable));
        return;
    };
    let read = verify::for_derivation(read, types).expect("as many as transactions");
    for ((raw, tx_type), read) in raw.iter().zip(types).zip(read) {
        if let Ok(expected) = ReceiptEnvelope::<Log>::decode_2718_exact(raw) {
            let is_discarded = FUTURE_TYPES.contains(tx_type);
            assert!(is_discarded || read.logs == expected.logs());
            assert!(is_discarded || read.success == expected.status());
        }
        let claimed = raw.first().copied().unwrap_or_default();
        if FUTURE_TYPES.contains(tx_type) && claimed != *tx_type {
            assert_eq!(
                read,
                L1Receipt::default(),
                "of another type than its transaction"
            );
        }
    }
}

/// Any text for JSON: read or refused.
fn text(data: &[u8]) {
    let Ok(text) = String::from_utf8(data.to_vec()) else {
        return;
    };
    let Ok(json) = serde_json::value::RawValue::from_string(text) else {
        return;
    };
    let empty = header(&[]);
    if let Ok(read) = verify::receipts(&empty, &json) {
        assert!(read.is_empty(), "the header has none");
    }
    let _ = verify::open_block(verify::Wanted::Number(1), &json);
}

impl Scripted {
    fn encoded(&self) -> Bytes {
        let mut encoded = Vec::new();
        if self.tx_type != 0 {
            encoded.push(self.tx_type);
        }
        self.receipt.encode(&mut encoded);
        encoded.into()
    }

    fn reduced(&self) -> L1Receipt {
        L1Receipt {
            success: self.receipt.receipt.status.coerce_status(),
            logs: self.receipt.receipt.logs.clone(),
        }
    }

    fn json(&self) -> Value {
        let receipt = &self.receipt.receipt;
        let logs: Vec<Value> = receipt
            .logs
            .iter()
            .map(|log| json!({"address": log.address, "topics": log.topics(), "data": log.data.data}))
            .collect();
        let mut json = json!({
            "type": format!("{:#x}", self.tx_type),
            "cumulativeGasUsed": format!("{:#x}", receipt.cumulative_gas_used),
            "logsBloom": self.receipt.logs_bloom,
            "logs": logs,
        });
        match receipt.status {
            Eip658Value::Eip658(success) => {
                json["status"] = format!("{:#x}", u8::from(success)).into()
            }
            Eip658Value::PostState(root) => json["root"] = json!(root),
        }
        json
    }
}

/// A header that commits to these receipts.
fn header(raw: &[Bytes]) -> Header {
    Header {
        receipts_root: ordered_trie_root_encoded(raw),
        ..Header::default()
    }
}

fn receipt(input: &mut Input<'_>) -> Scripted {
    let log = |input: &mut Input<'_>| match input.below(3) {
        0 => logs::deposit(input),
        1 => logs::config_update(input),
        _ => logs::any(input),
    };
    let status = match input.u8() {
        255 => Eip658Value::PostState(B256::repeat_byte(5)),
        other => Eip658Value::Eip658(other & 1 == 1),
    };
    let receipt = Receipt {
        status,
        cumulative_gas_used: input.u64(),
        logs: (0..input.below(4)).map(|_| log(input)).collect(),
    };
    Scripted {
        tx_type: input.u8() % 0x80,
        receipt: ReceiptWithBloom {
            receipt,
            logs_bloom: Bloom::repeat_byte(input.u8()),
        },
    }
}

/// Changes one receipt or the type of its transaction.
fn mutilate(input: &mut Input<'_>, raw: &mut [Bytes], types: &mut [u8]) {
    if raw.is_empty() {
        return;
    }
    let at = input.below(raw.len());
    let mut bytes = raw[at].to_vec();
    match input.below(6) {
        0 => types[at] = input.u8() % 0x80,
        1 => bytes.truncate(usize::from(input.u16()) % (bytes.len() + 1)),
        2 => bytes.extend(input.short_bytes()),
        3 => bytes = input.long_bytes().to_vec(),
        _ => {
            let place = usize::from(input.u16()) % bytes.len();
            bytes[place] ^= input.u8();
        }
    }
    raw[at] = bytes.into();
}
