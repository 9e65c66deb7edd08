//! Frames, and from Holocene on their order.
//!
//! spec: protocol/derivation.md#frame-format, protocol/holocene/derivation.md#frame-queue

/// Bytes of data that a frame may have.
const MAX_FRAME_LEN: usize = 1_000_000;

/// A piece of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) channel_id: [u8; 16],
    pub(crate) number: u16,
    pub(crate) data: Vec<u8>,
    pub(crate) is_last: bool,
}

/// The frames in the data of a batcher transaction; none if any of them is malformed.
///
/// spec: protocol/derivation.md#batcher-transaction-format
pub(crate) fn parse_frames(data: &[u8]) -> Vec<Frame> {
    let Some((0, mut rest)) = data.split_first() else {
        return Vec::new();
    };
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let Some((frame, behind)) = parse_frame(rest) else {
            return Vec::new();
        };
        frames.push(frame);
        rest = behind;
    }
    frames
}

fn parse_frame(data: &[u8]) -> Option<(Frame, &[u8])> {
    let (channel_id, data) = data.split_first_chunk::<16>()?;
    let (number, data) = data.split_first_chunk::<2>()?;
    let (length, data) = data.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > MAX_FRAME_LEN {
        return None;
    }
    let (content, data) = data.split_at_checked(length)?;
    let (is_last, data) = data.split_first()?;
    let frame = Frame {
        channel_id: *channel_id,
        number: u16::from_be_bytes(*number),
        data: content.to_vec(),
        is_last: match is_last {
            0 => false,
            1 => true,
            _ => return None,
        },
    };
    Some((frame, data))
}

/// Drops frames that are out of order, as the frame queue does since Holocene: compares each frame
/// with the one before it, from the front, until no pair is out of order.
pub(crate) fn drop_out_of_order(frames: &mut Vec<Frame>) {
    let mut i = 0;
    while i + 1 < frames.len() {
        let (current, next) = (&frames[i], &frames[i + 1]);
        let is_same_channel = current.channel_id == next.channel_id;
        let is_next_number = next.number == current.number.wrapping_add(1);
        if is_same_channel && (current.is_last || !is_next_number) {
            // Not the frame that the channel goes on with.
            frames.remove(i + 1);
        } else if !is_same_channel && next.number == 0 && !current.is_last {
            // A new channel begins before the one in front of it is closed: that one goes, frame
            // by frame, from its newest to its oldest.
            frames.remove(i);
            i = i.saturating_sub(1);
        } else if !is_same_channel && next.number != 0 {
            // A channel that begins in its middle.
            frames.remove(i + 1);
        } else {
            i += 1;
        }
    }
}
