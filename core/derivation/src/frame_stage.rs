//! The frame queue: holds the frames of one piece of batcher data until the channel stage takes
//! them.
//!
//! In: the frames of one transaction or blob, whenever the queue is empty. Out: frames, one by one.
//! Before Holocene it is a plain queue. Invariant (Holocene): per channel the queued frames are
//! contiguous and in order, and a first frame is either the first of the queue or follows a closing
//! frame.
//!
//! spec: protocol/derivation.md#frame-queue, holocene/derivation.md#frame-queue

use crate::trace::{FrameDropped, Trace, TraceLog};
use alloc::{collections::VecDeque, vec::Vec};
use opal_protocol::Frame;

/// The frame queue, by era.
#[derive(Clone, Debug)]
pub(crate) enum FrameStage {
    /// Before Holocene: whatever comes, as it comes.
    Fifo(VecDeque<Frame>),
    /// Holocene and later: order is enforced here.
    Holocene(VecDeque<Frame>),
}

impl FrameStage {
    /// An empty queue under the rules before Holocene.
    pub(crate) const fn fifo() -> Self {
        Self::Fifo(VecDeque::new())
    }

    /// An empty queue under Holocene's rules.
    pub(crate) const fn holocene() -> Self {
        Self::Holocene(VecDeque::new())
    }

    /// Queues the frames of one piece of batcher data.
    pub(crate) fn load(&mut self, frames: Vec<Frame>, trace: &mut TraceLog) {
        match self {
            Self::Fifo(queue) => queue.extend(frames),
            Self::Holocene(queue) => {
                for frame in frames {
                    push_in_order(queue, frame, trace);
                }
            }
        }
    }

    /// The next frame.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        match self {
            Self::Fifo(queue) | Self::Holocene(queue) => queue.pop_front(),
        }
    }
}

/// Queues `next` if Holocene's rules allow it behind what is queued already.
fn push_in_order(queue: &mut VecDeque<Frame>, next: Frame, trace: &mut TraceLog) {
    while let Some(last) = queue.back() {
        let continues = if last.id == next.id {
            // The number wraps, as in every deployed implementation.
            !last.is_last && next.number == last.number.wrapping_add(1)
        } else {
            next.number == 0
        };
        if !continues {
            trace.push(dropped(&next, FrameDropped::OutOfOrder));
            return;
        }
        if last.id == next.id || last.is_last {
            break;
        }
        // A new channel begins while the one before it is open: that one is void.
        if let Some(void) = queue.pop_back() {
            trace.push(dropped(&void, FrameDropped::Superseded));
        }
    }
    queue.push_back(next);
}

fn dropped(frame: &Frame, reason: FrameDropped) -> Trace {
    Trace::FrameDropped {
        channel: frame.id,
        frame: frame.number,
        reason,
    }
}
