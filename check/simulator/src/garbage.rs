//! What strangers, and a batcher gone mad, post to the inbox.

mod forge;
mod frames;

pub use forge::{forge, l2_transaction};

use crate::{l1::L1, random::Random};
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes};
use frames::{broken_frames, in_pieces, meddle, open_channel, whole_channel};
use opal_protocol::{Compression, Frame, InboxTx, blob, channel, frame::encode_frames};

/// Nobody in particular.
pub const STRANGER: Address = Address::repeat_byte(0x57);
/// Unfinished channels of a flood, and the bytes in each: more than a bank holds before Fjord.
const FLOOD: (usize, u64) = (102, 990_000);

/// Data for the inbox, and how many L1 slots from now it is sent.
pub type Later = (u64, InboxTx);

/// Transactions that nobody needs. `earlier` are transactions of the batcher that were posted
/// before, on whatever fork; `forged` is a channel of batches that are almost right.
pub fn garbage(
    l1: &mut L1,
    earlier: &[InboxTx],
    forged: Option<Vec<u8>>,
    random: &mut Random,
) -> Vec<Later> {
    let from = if random.percent(30) {
        STRANGER
    } else {
        l1.batcher()
    };
    let tx = |data: Vec<u8>| InboxTx {
        from,
        tx_type: 2,
        data: data.into(),
        blob_hashes: vec![],
    };
    let now = |data: Vec<u8>| vec![(0, tx(data))];
    match random.between(0, 16) {
        0 => {
            let len = random.between(0, 300);
            now(random.bytes(len))
        }
        1 => {
            let len = random.between(0, 300);
            let version = random.between(0, 1) as u8;
            now([vec![version], random.bytes(len)].concat())
        }
        2 => {
            let len = random.between(1, 200);
            now(whole_channel(random.bytes(len), random))
        }
        3 => now(open_channel(random)),
        4 => now(whole_channel(bomb(random), random)),
        5 if !earlier.is_empty() => {
            let again = random.pick(earlier).clone();
            vec![(0, InboxTx { from, ..again })]
        }
        6 => vec![(0, bad_blob(l1, from, random))],
        7 => now(broken_frames(random)),
        8 | 9 if !earlier.is_empty() => {
            let data = random.pick(earlier).data.clone();
            meddle(&data, random).map_or_else(Vec::new, now)
        }
        10 => match forged {
            Some(channel) => vec![(0, odd_type(l1, from, channel, random))],
            None => now(open_channel(random)),
        },
        kind => match forged {
            Some(channel) if kind < 14 => in_pieces(channel, random)
                .into_iter()
                .map(|(slots, data)| (slots, tx(data)))
                .collect(),
            Some(channel) => now(whole_channel(channel, random)),
            None => now(open_channel(random)),
        },
    }
}

/// A channel that is opened now, to be completed by [`complete`] some slots later.
pub fn open(random: &mut Random) -> (Frame, Vec<u8>) {
    let opener = frames::opener(random.percent(50), random);
    let data = encode_frames(core::slice::from_ref(&opener));
    (opener, data)
}

/// What completes a channel that was opened some slots ago, with the content of today.
pub fn complete(opener: &Frame, forged: Vec<u8>) -> Vec<u8> {
    frames::answer(opener, forged)
}

/// Unfinished channels, too many of them for any bank.
pub fn flood(from: Address, random: &mut Random) -> Vec<InboxTx> {
    let (channels, bytes) = FLOOD;
    let data = vec![random.bits() as u8; bytes as usize];
    let tx = |_| InboxTx {
        from,
        tx_type: 2,
        data: encode_frames(&[frames::first_frame(data.clone(), random)]).into(),
        blob_hashes: vec![],
    };
    (0..channels).map(tx).collect()
}

/// Many bytes out of few.
fn bomb(random: &mut Random) -> Vec<u8> {
    let compression = *random.pick(&[Compression::Brotli, Compression::Zlib]);
    channel::compress(&vec![0; random.between(1, 50_000) as usize], compression, 1)
}

fn bad_blob(l1: &mut L1, from: Address, random: &mut Random) -> InboxTx {
    let hash = l1.add_blob(Box::new(Blob::repeat_byte(random.bits() as u8 | 0x40)));
    InboxTx {
        from,
        tx_type: 3,
        data: Bytes::new(),
        blob_hashes: vec![hash],
    }
}

/// A channel in a transaction of whatever type. One with blobs also has calldata: a channel that
/// counts until Ecotone only, beside blobs that count from Ecotone on.
fn odd_type(l1: &mut L1, from: Address, channel: Vec<u8>, random: &mut Random) -> InboxTx {
    let tx_type = *random.pick(&[0, 1, 3, 3, 4, 5, 0x7e]);
    let data = whole_channel(channel, random);
    let mut blob_hashes = vec![];
    if tx_type == 3 {
        let in_blob = if random.percent(50) {
            data.clone()
        } else {
            open_channel(random)
        };
        if let Ok(blob) = blob::encode(&in_blob) {
            blob_hashes.push(l1.add_blob(blob));
        }
    }
    InboxTx {
        from,
        tx_type,
        data: data.into(),
        blob_hashes,
    }
}
