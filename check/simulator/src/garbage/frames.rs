//! Frames in every disorder that a batcher can bring about.

use crate::random::Random;
use alloy_primitives::{Bytes, FixedBytes};
use opal_protocol::{
    ChannelId, Frame,
    frame::{encode_frames, parse_frames},
};

/// Longest time in L1 slots between two pieces of a channel, of one in a hurry and of one without.
const PAUSE_SLOTS_MAX: [u64; 2] = [4, 14];

fn fresh_id(random: &mut Random) -> ChannelId {
    FixedBytes::from_slice(&random.bytes(16))
}

/// The only frame of a channel, at times with a bit flipped.
pub(super) fn whole_channel(mut data: Vec<u8>, random: &mut Random) -> Vec<u8> {
    if random.percent(15) && !data.is_empty() {
        let at = random.bits() as usize % data.len();
        data[at] ^= 1 << random.between(0, 7);
    }
    encode_frames(&[Frame {
        is_last: true,
        ..first_frame(data, random)
    }])
}

/// A channel in two frames: one without data that opens it, and the other with all of it, whose
/// content can wait until the moment that it is sent. The first to come is frame 0, or the closing
/// frame, which counts until Holocene only.
pub(super) fn opener(closer_first: bool, random: &mut Random) -> Frame {
    Frame {
        number: u16::from(closer_first),
        is_last: closer_first,
        ..first_frame(vec![], random)
    }
}

/// The other frame of an opener's channel.
pub(super) fn answer(opener: &Frame, data: Vec<u8>) -> Vec<u8> {
    encode_frames(&[Frame {
        id: opener.id,
        number: u16::from(opener.number == 0),
        data: data.into(),
        is_last: !opener.is_last,
    }])
}

/// The first frame of a channel that nobody knows.
pub(super) fn first_frame(data: Vec<u8>, random: &mut Random) -> Frame {
    Frame {
        id: fresh_id(random),
        number: 0,
        data: data.into(),
        is_last: false,
    }
}

/// A first frame without a second, or a second without a first: since Holocene the one takes the
/// place of a channel that is being posted; before, both wait in the bank.
pub(super) fn open_channel(random: &mut Random) -> Vec<u8> {
    let data = random.bytes(20);
    encode_frames(&[Frame {
        number: random.between(0, 1) as u16,
        ..first_frame(data, random)
    }])
}

/// A good frame with one behind it that voids them both: too long, too short, or with an end that
/// is neither yes nor no.
pub(super) fn broken_frames(random: &mut Random) -> Vec<u8> {
    let data = random.bytes(20);
    let good = Frame {
        is_last: random.percent(50),
        ..first_frame(data, random)
    };
    let mut data = encode_frames(&[good.clone(), good]);
    let second = 1 + (data.len() - 1) / 2;
    match random.between(0, 2) {
        0 => data[second + 18..second + 22].copy_from_slice(&1_000_001u32.to_be_bytes()),
        1 => data.truncate(data.len() - random.between(1, 20) as usize),
        _ => *data.last_mut().expect("not empty") = 2,
    }
    data
}

/// A transaction of the batcher once more, with its frames changed: what comes first counts, so
/// that nothing should come of it if the true one came first, and nothing good if it did not.
pub(super) fn meddle(data: &Bytes, random: &mut Random) -> Option<Vec<u8>> {
    let mut frames = parse_frames(data).ok()?;
    let index = random.bits() as usize % frames.len().max(1);
    let frame = frames.get_mut(index)?;
    match random.between(0, 3) {
        0 => frame.data = random.bytes(30).into(),
        1 => frame.is_last = !frame.is_last,
        2 => frame.number = frame.number.wrapping_add(random.between(1, 3) as u16),
        _ => {
            frame.number = 0;
            frame.is_last = true;
        }
    }
    Some(encode_frames(&frames))
}

/// A channel in several frames, most often in disorder, in one transaction or several, at once or
/// over some L1 slots.
pub(super) fn in_pieces(data: Vec<u8>, random: &mut Random) -> Vec<(u64, Vec<u8>)> {
    let frames = disorder(cut(data, random), random);
    match random.between(0, 3) {
        0 => vec![(0, encode_frames(&frames))],
        1 => {
            let tx = |frame| (0, encode_frames(core::slice::from_ref(frame)));
            frames.iter().map(tx).collect()
        }
        _ => {
            let mut slot = 0;
            let longest = *random.pick(&PAUSE_SLOTS_MAX);
            let mut tx = |frame| {
                slot += random.between(0, longest);
                (slot, encode_frames(core::slice::from_ref(frame)))
            };
            frames.iter().map(&mut tx).collect()
        }
    }
}

fn cut(data: Vec<u8>, random: &mut Random) -> Vec<Frame> {
    let id = fresh_id(random);
    let data = Bytes::from(data);
    let count = (random.between(2, 5) as usize).min(data.len().max(1));
    let size = data.len().div_ceil(count).max(1);
    (0..count)
        .map(|index| Frame {
            id,
            number: index as u16,
            data: data.slice((index * size).min(data.len())..data.len().min((index + 1) * size)),
            is_last: index + 1 == count,
        })
        .collect()
}

fn disorder(mut frames: Vec<Frame>, random: &mut Random) -> Vec<Frame> {
    let at = random.bits() as usize % frames.len();
    let anywhere = random.bits() as usize % (frames.len() + 1);
    let last = frames.len() as u16 - 1;
    let stranger = Frame {
        data: random.bytes(25).into(),
        ..frames[at].clone()
    };
    match random.between(0, 10) {
        0 => frames.reverse(),
        1 => {
            for index in (1..frames.len()).rev() {
                frames.swap(index, random.bits() as usize % (index + 1));
            }
        }
        // A frame twice, with other content the one time.
        2 => frames.insert(anywhere, stranger),
        // A second closer.
        3 => frames.insert(
            anywhere,
            Frame {
                is_last: true,
                ..stranger
            },
        ),
        // A frame beyond the closer, to be pruned or refused; it may be a closer itself.
        4 => frames.insert(
            anywhere,
            Frame {
                number: last + random.between(1, 2) as u16,
                is_last: random.percent(30),
                ..stranger
            },
        ),
        // Never complete.
        5 => drop(frames.remove(at)),
        // Another channel in between, which may be complete.
        6 | 7 => {
            let data = random.bytes(40);
            let mut other = cut(data, random);
            other.truncate(random.between(1, 5) as usize);
            let mut position = 0;
            for frame in other {
                position = (position + random.between(0, 2) as usize).min(frames.len());
                frames.insert(position, frame);
            }
        }
        // Closed at once, and then all the rest.
        8 => frames.insert(
            0,
            Frame {
                number: last,
                is_last: true,
                ..stranger
            },
        ),
        // The closer first, then one beyond it.
        9 => {
            frames.rotate_right(1);
            frames.insert(
                1,
                Frame {
                    number: last + 1,
                    is_last: false,
                    ..stranger
                },
            );
        }
        _ => {}
    }
    frames
}
