//! Workload 2: the whole derivation in memory, L1 blocks in, payload attributes out.

use crate::{
    bare,
    fixture::Channel,
    meter::{race, usage},
    ours,
    peer::Provider,
    report::{Goal, Row},
    world::{Batching, Channels, L1_BLOCKS, World},
};
use alloy_primitives::{Address, B64, B256, Bytes, U256, keccak256};
use opal_protocol::Fork;
use std::any::Any;

const ROUNDS: usize = 3;
const GROWTH_ROUNDS: usize = 3;
const HOW: &str = "2,000 L1 blocks in memory, blobs and calldata by turns, 20 foreign transactions \
     and receipts in each; ours starts from raw transactions and receipts, the peer from decoded ones";

/// Runs the workload.
pub fn run(channel: &Channel) -> Vec<Row> {
    let mut rows = Vec::new();
    for batching in [Batching::Span, Batching::Singular, Batching::SparseSpan] {
        let channels = Channels::new(channel, batching);
        for (name, last, deposits) in variants(batching) {
            let world = World::new(channel, &channels, last, deposits);
            rows.extend(compare(name, &world));
            if last >= Fork::Holocene {
                rows.extend(over_floor(name, &world, &channels));
            }
            if batching == Batching::Span && last >= Fork::Holocene {
                rows.push(growth(&world));
            }
        }
    }
    rows
}

/// `(name, newest fork, user deposits in each L1 block)`
fn variants(batching: Batching) -> Vec<(&'static str, Fork, usize)> {
    match batching {
        Batching::Span => vec![
            ("derivation, span, Holocene", Fork::Isthmus, 1),
            ("derivation, span, before Holocene", Fork::Granite, 1),
        ],
        Batching::Singular => vec![
            ("derivation, singular, Holocene", Fork::Isthmus, 1),
            ("derivation, singular, before Holocene", Fork::Granite, 1),
        ],
        Batching::SparseSpan => vec![("derivation, deposit-heavy, Holocene", Fork::Isthmus, 100)],
    }
}

fn compare(name: &str, world: &World) -> Vec<Row> {
    let peer = Provider::new(world);
    let count = world.l2_blocks(L1_BLOCKS);
    assert_equal(name, world, &peer, count);
    let [our_time, peer_time] = race(
        ROUNDS,
        [
            &mut || {
                ours::derive(world, count, |a| drop(std::hint::black_box(a)));
                Box::new(()) as Box<dyn Any>
            },
            &mut || {
                peer.derive(count, |a| drop(std::hint::black_box(a)));
                Box::new(()) as Box<dyn Any>
            },
        ],
    );
    let our_use = usage(|| ours::derive(world, count, |a| drop(std::hint::black_box(a))));
    let peer_use = usage(|| peer.derive(count, |a| drop(std::hint::black_box(a))));
    let mut speed = Row::faster(name, [&our_time, &peer_time], 5.0, HOW);
    let per_second = |ms: f64| count as f64 / ms * 1e3;
    (speed.ours, speed.peer) = (
        per_second(our_time.median()),
        per_second(peer_time.median()),
    );
    speed.unit = "L2 blocks/s";
    speed.method = speed.method.replacen("peer/ours", "ours/peer", 1);
    let per_block = |n: u64| n as f64 / count as f64;
    vec![
        speed,
        Row::less(
            format!("{name}: allocations"),
            "allocations/L2 block",
            [
                per_block(our_use.allocations),
                per_block(peer_use.allocations),
            ],
            Goal::None,
            "one counted run",
        ),
        Row::less(
            format!("{name}: peak memory"),
            "bytes",
            [our_use.peak_bytes as f64, peer_use.peak_bytes as f64],
            Goal::None,
            "one counted run, beyond the world itself",
        ),
    ]
}

/// What no derivation can save: the bare decompressor over all channels, the signer of every
/// transaction to the inbox, and the source hash of every deposit, by the libraries that we use;
/// together, and each beside all that the peer takes.
fn over_floor(name: &str, world: &World, channels: &Channels) -> Vec<Row> {
    let count = world.l2_blocks(L1_BLOCKS);
    let peer = Provider::new(world);
    let inbox: Vec<_> = world.inbox().collect();
    let deposits = 2 * (world.deposits() + count);
    let inflate = || {
        for (data, len) in channels.iter() {
            drop(std::hint::black_box(bare::zlib(data, len)));
        }
        Box::new(()) as Box<dyn Any>
    };
    let recover = || {
        for transaction in &inbox {
            std::hint::black_box(sender(transaction));
        }
        Box::new(()) as Box<dyn Any>
    };
    let hash = || {
        for word in 0..deposits as u64 {
            let words = [B256::from(U256::from(word)).0, [1; 32]].concat();
            std::hint::black_box(keccak256(words));
        }
        Box::new(()) as Box<dyn Any>
    };
    let [our_time, peer_time, floor, inflating, recovering, hashing] = race(
        ROUNDS,
        [
            &mut || {
                ours::derive(world, count, |a| drop(std::hint::black_box(a)));
                Box::new(()) as Box<dyn Any>
            },
            &mut || {
                peer.derive(count, |a| drop(std::hint::black_box(a)));
                Box::new(()) as Box<dyn Any>
            },
            &mut || {
                drop((inflate(), recover()));
                hash()
            },
            &mut || inflate(),
            &mut || recover(),
            &mut || hash(),
        ],
    );
    let how = format!(
        "our bare decoder over all channels, keccak and recovery for each of {} inbox transactions, \
         two keccaks for each of {} deposits",
        inbox.len(),
        deposits / 2
    );
    let mut rows = vec![Row::cost(
        format!("{name}: over the libraries alone"),
        [&our_time, &floor],
        Goal::None,
        &how,
    )];
    for (part, time) in [
        ("the libraries", &floor),
        ("inflating", &inflating),
        ("senders", &recovering),
        ("deposit hashes", &hashing),
    ] {
        let name = format!("{name}: {part} alone beside all of the peer");
        let mut row = Row::faster(name, [time, &peer_time], 5.0, "shared work alone");
        row.goal = Goal::None;
        rows.push(row);
    }
    rows
}

/// Hashes as much as signing covers and recovers a signer.
fn sender(transaction: &[u8]) -> Address {
    let hash = keccak256(transaction);
    let signature = alloy_primitives::Signature::test_signature();
    let recovered = signature.recover_address_from_prehash(&hash);
    recovered.unwrap_or_default()
}

/// Ten times the L1 blocks.
fn growth(world: &World) -> Row {
    let (few, many) = (world.l2_blocks(L1_BLOCKS / 10), world.l2_blocks(L1_BLOCKS));
    let derive = |count| {
        ours::derive(world, count, |a| drop(std::hint::black_box(a)));
        Box::new(()) as Box<dyn Any>
    };
    let [short, long] = race(GROWTH_ROUNDS, [&mut || derive(few), &mut || derive(many)]);
    let mut row = Row::cost(
        "derivation, span, Holocene: growth at ten times the input",
        [&long, &short],
        Goal::AtMost(10.5),
        "ours alone: 2,000 L1 blocks beside the first 200, scaled to exactly ten times the L2 blocks",
    );
    // The first tenth of L1 does not hold exactly a tenth of the L2 blocks.
    row.ratio *= 10.0 * few as f64 / many as f64;
    row
}

/// The [`Parts`] of payload attributes: ours and the peer's have the same fields but not one type.
macro_rules! parts {
    ($attributes:expr) => {{
        let (outer, inner) = (&$attributes, &$attributes.payload_attributes);
        Parts {
            time: inner.timestamp,
            randao: inner.prev_randao,
            recipient: inner.suggested_fee_recipient,
            withdrawals: inner.withdrawals.as_ref().map(Vec::len),
            beacon_root: inner.parent_beacon_block_root,
            transactions: outer.transactions.as_deref().unwrap_or_default(),
            no_tx_pool: outer.no_tx_pool,
            gas_limit: outer.gas_limit,
            eip1559: outer.eip_1559_params,
        }
    }};
}

/// Derives with both and insists on equal bytes.
fn assert_equal(name: &str, world: &World, peer: &Provider, count: usize) {
    let mut found = Vec::with_capacity(count);
    ours::derive(world, count, |a| {
        found.push(digest(&parts!(a)));
    });
    let mut index = 0;
    peer.derive(count, |a| {
        let theirs = digest(&parts!(a));
        assert_eq!(
            found[index],
            theirs,
            "{name}: L2 block {} differs",
            index + 1
        );
        index += 1;
    });
    assert_eq!((found.len(), index), (count, count));
}

/// Payload attributes, whatever the version of the crate that declares them.
struct Parts<'a> {
    time: u64,
    randao: B256,
    recipient: Address,
    withdrawals: Option<usize>,
    beacon_root: Option<B256>,
    transactions: &'a [Bytes],
    no_tx_pool: Option<bool>,
    gas_limit: Option<u64>,
    eip1559: Option<B64>,
}

/// Hash of an unambiguous encoding of all parts.
fn digest(parts: &Parts<'_>) -> B256 {
    let mut out = format!(
        "{} {} {} {:?} {:?} {:?} {:?} {:?} ",
        parts.time,
        parts.randao,
        parts.recipient,
        parts.withdrawals,
        parts.beacon_root,
        parts.no_tx_pool,
        parts.gas_limit,
        parts.eip1559
    )
    .into_bytes();
    for transaction in parts.transactions {
        out.extend((transaction.len() as u64).to_be_bytes());
        out.extend_from_slice(transaction);
    }
    keccak256(out)
}
