//! Whatever form batches take and however L1 arrives, the same attributes come out, to the byte.
//!
//! Random chains of several eras are posted in every form that the era knows: singular and span
//! batches, calldata and blobs, zlib and brotli, channels cut into few or many frames, frames and
//! channels spread over transactions and blocks, before Holocene in any order.

use super::kit::{
    BATCHER, Block, L1_BLOCK_TIME, Mine, Stop, World, calldata_tx, channel_id, config, data_of,
    l2_tx, singulars,
};
use crate::DerivedAttributes;
use alloy_primitives::Bytes;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{
    Compression, ConfigUpdate, Fork, Frame, InboxTx, L1Id, batch::append_to_stream, channel,
};
use std::{vec, vec::Vec};

/// L1 blocks that L2 blocks build on, and those that follow with the batches.
const EPOCHS: u64 = 5;
const INCLUSION_BLOCKS: usize = 4;

/// A small generator: the tests' own, so that a seed means the same everywhere.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// How batches are posted.
#[derive(Clone, Copy, Debug)]
struct Form {
    spans: bool,
    blobs: bool,
    brotli: bool,
    /// Bytes in a frame at most.
    frame_bytes: usize,
    /// Channels at most.
    channels: u64,
    shuffles: bool,
}

impl Form {
    fn draw(era: Fork, random: &mut Random) -> Self {
        Self {
            spans: era >= Fork::Delta && random.percent(60),
            blobs: era >= Fork::Ecotone && random.percent(50),
            brotli: era >= Fork::Fjord && random.percent(50),
            frame_bytes: [40, 200, 1_000, 100_000][random.below(4) as usize],
            channels: 1 + random.below(5),
            shuffles: era < Fork::Holocene && random.percent(70),
        }
    }
}

/// What must not depend on the form.
type Output = Vec<(OpPayloadAttributes, L1Id, u64)>;

fn output(derived: &[DerivedAttributes]) -> Output {
    derived
        .iter()
        .map(|d| (d.attributes.clone(), d.l1_origin, d.seq_num))
        .collect()
}

/// L1 blocks with deposits, updates and odd times; and L2 blocks on them.
fn draw_chain(era: Fork, random: &mut Random) -> (World, Vec<Block>) {
    let mut cfg = config(era);
    cfg.seq_window_size = 20;
    if random.percent(50) && era < Fork::Karst {
        // The next fork comes on the way.
        let next = Fork::ALL.into_iter().find(|f| *f > era).expect("Karst");
        // Holocene counts by inclusion, and would change what forms are allowed.
        let time = if next == Fork::Holocene {
            100_000
        } else {
            2 * random.below(40)
        };
        cfg.forks.set(next, Some(cfg.genesis.l2_time + time));
    }
    let mut world = World::new(cfg);
    for number in 1..=EPOCHS {
        let deposits = (0..random.below(3)).map(|i| vec![0x7e, number as u8, i as u8].into());
        let mut updates = vec![];
        if random.percent(30) {
            updates.push(ConfigUpdate::GasLimit(20_000_000 + number));
        }
        let time = world.l1.last().expect("genesis").header.timestamp;
        world.mine(Mine {
            deposits: deposits.collect(),
            updates,
            time: Some(time + L1_BLOCK_TIME + random.below(6)),
            ..Default::default()
        });
    }
    let mut blocks: Vec<Block> = vec![];
    for number in 0..20 + random.below(15) {
        let parent = blocks.last().unwrap_or(&world.l2[0]);
        let mut epoch = parent.block.l1_origin.number as usize;
        let time = parent.block.time + world.cfg.block_time;
        let next = world.l1.get(epoch + 1);
        if next.is_some_and(|next| next.header.timestamp <= time) && random.percent(60) {
            epoch += 1;
        }
        let upgrades = Fork::ALL
            .into_iter()
            .any(|f| world.cfg.is_activation_block(f, time));
        let txs = if upgrades { 0 } else { random.below(4) };
        let txs = (0..txs).map(|i| l2_tx(number * 100 + i)).collect();
        let block = world.build(parent, &world.l1[epoch], txs);
        blocks.push(block);
    }
    (world, blocks)
}

/// The frames of all channels, channel by channel.
fn draw_channels(
    world: &World,
    blocks: &[Block],
    form: Form,
    random: &mut Random,
) -> Vec<Vec<Frame>> {
    let mut channels = vec![];
    let mut rest = blocks;
    for id in 0..form.channels {
        let is_last = id + 1 == form.channels;
        let count = if is_last {
            rest.len()
        } else {
            random.below(rest.len() as u64 + 1) as usize
        };
        let (part, tail) = rest.split_at(count);
        rest = tail;
        let mut stream = vec![];
        let mut left = part;
        while !left.is_empty() {
            let (some, others) = left.split_at(1 + random.below(left.len() as u64) as usize);
            left = others;
            let batches = if form.spans {
                vec![world.span(some)]
            } else {
                singulars(some)
            };
            for batch in batches {
                append_to_stream(&batch, &mut stream);
            }
        }
        let (compression, level) = match form.brotli {
            true => (Compression::Brotli, 5),
            false => (Compression::Zlib, 6),
        };
        let bytes = channel::compress(&stream, compression, level);
        let pieces: Vec<_> = bytes.chunks(form.frame_bytes).collect();
        let last = pieces.len() - 1;
        let frame = |(number, data): (usize, &&[u8])| Frame {
            id: channel_id(id as u8),
            number: number as u16,
            data: Bytes::copy_from_slice(data),
            is_last: number == last,
        };
        channels.push(pieces.iter().enumerate().map(frame).collect());
    }
    channels
}

/// Puts frames into transactions, and those into L1 blocks.
fn post(world: &mut World, mut channels: Vec<Vec<Frame>>, form: Form, random: &mut Random) {
    if form.shuffles {
        random.shuffle(&mut channels);
    }
    let mut frames = channels.concat();
    if form.shuffles {
        random.shuffle(&mut frames);
    }
    let mut blocks: Vec<Vec<InboxTx>> = vec![vec![]; INCLUSION_BLOCKS];
    let mut at = 0;
    let mut rest = &frames[..];
    while !rest.is_empty() {
        let (some, others) = rest.split_at(1 + random.below(rest.len().min(9) as u64) as usize);
        rest = others;
        if at + 1 < INCLUSION_BLOCKS && random.percent(30) {
            at += 1;
        }
        let data = data_of(some);
        let tx = if form.blobs {
            let junk = random.percent(20).then_some(None);
            world.blob_tx([Some(Some(data)), junk].into_iter().flatten().collect())
        } else {
            calldata_tx(data)
        };
        blocks[at].push(tx);
        if random.percent(20) {
            let noise = InboxTx {
                from: BATCHER,
                data: Bytes::from_static(&[9, 9]),
                ..Default::default()
            };
            blocks[at].push(noise);
        }
    }
    for inbox in blocks {
        world.mine(Mine {
            inbox,
            ..Default::default()
        });
    }
}

/// Derives with L1 all there, or block by block with blobs that come late.
fn derive(mut world: World, in_pieces: bool) -> Output {
    if in_pieces {
        let all = core::mem::take(&mut world.l1);
        let blobs = core::mem::take(&mut world.blobs);
        for block in all {
            world.l1.push(block);
            loop {
                match world.run() {
                    Stop::EndOfL1 => break,
                    Stop::MissingBlob(hash) => {
                        assert_eq!(world.run(), Stop::MissingBlob(hash), "asks again");
                        world.blobs.insert(hash, blobs[&hash].clone());
                    }
                    stop => panic!("{stop:?}"),
                }
            }
        }
    } else {
        assert_eq!(world.run(), Stop::EndOfL1);
    }
    output(&world.derived)
}

#[test]
fn output_does_not_depend_on_the_form_of_batches_or_the_arrival_of_l1() {
    const ERAS: [Fork; 9] = [
        Fork::Bedrock,
        Fork::Canyon,
        Fork::Delta,
        Fork::Ecotone,
        Fork::Fjord,
        Fork::Granite,
        Fork::Holocene,
        Fork::Jovian,
        Fork::Karst,
    ];
    for era in ERAS {
        for seed in 0..6 {
            let mut random = Random(seed * 1_000 + era as u64);
            let (chain, blocks) = draw_chain(era, &mut random);
            let expected: Vec<_> = blocks.iter().map(|b| b.attributes.clone()).collect();
            for attempt in 0..8 {
                let form = Form::draw(era, &mut random);
                let mut world = chain.clone();
                let channels = draw_channels(&world, &blocks, form, &mut random);
                post(&mut world, channels, form, &mut random);
                for in_pieces in [false, true] {
                    let derived = derive(world.clone(), in_pieces);
                    let name = std::format!("{era} {seed} {attempt} {form:?} {in_pieces}");
                    let attributes: Vec<_> = derived.iter().map(|d| d.0.clone()).collect();
                    assert_eq!(attributes, expected, "{name}");
                    let places = derived.iter().map(|d| (d.1, d.2));
                    let wanted = blocks.iter().map(|b| (b.block.l1_origin, b.block.seq_num));
                    assert!(places.eq(wanted), "{name}");
                }
            }
        }
    }
}
