//! The derivation pipeline: one owner of all stages, driven by `step`.
//!
//! In: L1 blocks, blobs, and now and then safe L2 blocks, each only when asked for; the engine's
//! verdict on what was derived. Out: [`Step`]. Invariants: L1 blocks are read in an unbroken
//! chain; attributes always build on the safe head; at most one set of attributes is out.

mod hand_out;
mod input;

use crate::{
    batch_stage::{BatchStage, Pull, empty_batch},
    channel_stage::{ChannelStage, CompleteChannel},
    checks::Surroundings,
    frame_stage::FrameStage,
    retrieval::{Retrieval, Retrieved},
    step::{CriticalReason, L1Request, ResetReason, Start, Step},
    sync_start::{self, Reach},
    trace::{ChannelDropped, DataIgnored, Trace, TraceLog},
    window::EpochWindow,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::{B256, Bytes};
use hand_out::Outstanding;
use opal_protocol::{
    ChannelRules, Fork, Frame, L1ChainConfig, L1Id, L1Ref, L2Ref, RollupConfig, SpanContext,
    SystemConfig, Upgrades,
    frame::{FrameError, parse_frames},
};

/// Derives the safe chain from L1. See the crate's documentation for how to drive it.
#[derive(Clone, Debug)]
pub struct Derivation {
    cfg: Arc<RollupConfig>,
    l1_chain: L1ChainConfig,
    upgrades: Arc<Upgrades>,
    /// The end of the last batch that became blocks as a whole.
    safe: Head,
    /// What the next attributes build on: the safe head, or a block of the span batch that is
    /// becoming blocks. From Holocene on every block stands for itself, and both are one.
    pending: Head,
    /// The L1 block being read; before the first one arrives, the one to start from.
    origin: L1Ref,
    /// Whether `origin` was read, or is still to come.
    origin_is_read: bool,
    /// The configuration in force at `origin`: decides whose data counts. Not the one of the
    /// attributes, which follow the safe head's epoch.
    origin_config: SystemConfig,
    /// The L1 block at whose end the start's safe head was the safe head.
    derived_from: Option<L1Id>,
    window: EpochWindow,
    /// Blob base fee of the L1 block of this hash, the origin of the latest attributes.
    blob_base_fee: Option<(B256, u128)>,
    retrieval: Retrieval,
    frames: FrameStage,
    channels: ChannelStage,
    batches: BatchStage,
    /// The start, if channels may be open at it: it is a short one, and no first frame has been seen.
    short_start: Option<u64>,
    /// What the last step asked of L1.
    wanted: Option<L1Request>,
    outstanding: Option<Outstanding>,
    halted: Option<Halt>,
    trace: TraceLog,
}

/// A block with the configuration that reads back from it.
#[derive(Clone, Copy, Debug)]
struct Head {
    block: L2Ref,
    config: SystemConfig,
}

#[derive(Clone, Copy, Debug)]
enum Halt {
    Reset(ResetReason),
    Critical(CriticalReason),
}

impl Derivation {
    /// A pipeline that derives the blocks after `start.safe_head`.
    ///
    /// # Panics
    /// If `start.l1_base` lies behind the safe head's L1 origin.
    pub fn new(
        cfg: Arc<RollupConfig>,
        l1_chain: L1ChainConfig,
        upgrades: Arc<Upgrades>,
        start: Start,
    ) -> Self {
        assert!(
            start.l1_base.number <= start.safe_head.l1_origin.number,
            "traversal must start at or before the safe head's L1 origin"
        );
        let (base, safe) = (start.l1_base, &start.safe_head);
        let full = sync_start::traversal_start(&cfg, safe, base.time, Reach::Full);
        let is_short = base.number > full && cfg.is_active(Fork::Holocene, base.time);
        let short_start = is_short.then_some(base.number);
        let head = Head {
            block: start.safe_head,
            config: start.system_config,
        };
        Self {
            cfg,
            l1_chain,
            upgrades,
            safe: head,
            pending: head,
            origin: start.l1_base,
            origin_is_read: false,
            origin_config: start.l1_base_config,
            derived_from: start.derived_from,
            window: EpochWindow::default(),
            blob_base_fee: None,
            retrieval: Retrieval::default(),
            frames: FrameStage::fifo(),
            channels: ChannelStage::bank(),
            batches: BatchStage::queue(),
            short_start,
            wanted: None,
            outstanding: None,
            halted: None,
            trace: TraceLog::default(),
        }
    }

    /// Forgets everything and starts anew. Trace events that nobody drained are kept.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn reset(&mut self, start: Start) {
        let trace = core::mem::take(&mut self.trace);
        let (cfg, upgrades) = (self.cfg.clone(), self.upgrades.clone());
        *self = Self::new(cfg, self.l1_chain.clone(), upgrades, start);
        self.trace = trace;
    }

    /// The L1 block being read (`current_l1`).
    pub const fn origin(&self) -> L1Ref {
        self.origin
    }

    /// The last block that stays whatever the engine says of blocks to come.
    pub const fn safe_head(&self) -> L2Ref {
        self.safe.block
    }

    /// The block that the next attributes build on. Before Holocene it runs ahead of the safe
    /// head while the blocks of a span batch are handed out: one that turns out invalid takes
    /// back those before it. spec: protocol/derivation.md#engine-queue
    pub const fn pending_safe_head(&self) -> L2Ref {
        self.pending.block
    }

    /// Takes the events since the last call.
    pub fn drain_trace(&mut self) -> Vec<Trace> {
        self.trace.drain()
    }

    /// Works until something is needed or derived. Calling it again without answering gives the
    /// same answer.
    pub fn step(&mut self) -> Step {
        loop {
            match self.halted {
                Some(Halt::Reset(reason)) => return Step::Reset(reason),
                Some(Halt::Critical(reason)) => return Step::Critical(reason),
                None if self.outstanding.is_some() => return Step::Idle,
                None => {}
            }
            if let Some(step) = self.advance() {
                if let Step::NeedL1(request) = &step {
                    self.wanted = Some(request.clone());
                }
                return step;
            }
        }
    }

    /// Moves the pipeline by one piece, from its end to its beginning: what is nearest to a block
    /// first. `None` means that something was consumed.
    fn advance(&mut self) -> Option<Step> {
        if !self.origin_is_read {
            return Some(need_l1_block(self.origin.number));
        }
        let around = surroundings(&self.cfg, &self.pending.block, &self.window, &self.origin);
        let is_judging = self.is_judging();
        if let Some(around) = &around {
            let (window, trace) = (&self.window, &mut self.trace);
            match self.batches.pull(is_judging, around, window, trace) {
                Pull::Batch {
                    batch,
                    is_last_in_span,
                } => {
                    let (timestamp, epoch) = (batch.timestamp, batch.epoch_num);
                    let transactions = batch.transactions.len() as u64;
                    self.trace.push(Trace::BatchAccepted {
                        timestamp,
                        epoch,
                        transactions,
                    });
                    return self.hand_out(batch, is_last_in_span);
                }
                Pull::NeedL2 { from, to } => return Some(Step::NeedL2 { from, to }),
                Pull::Critical(reason) => {
                    self.halted = Some(Halt::Critical(reason));
                    return None;
                }
                Pull::Progress => return None,
                Pull::Dry => {}
            }
        }
        let (channels, trace) = (&mut self.channels, &mut self.trace);
        let (origin, cfg) = (&self.origin, &*self.cfg);
        if let Some(complete) = channels.read(origin, cfg, trace) {
            self.open_channel(complete);
            return None;
        }
        if let Some(frame) = self.frames.pop() {
            if let Err(reason) = check_start(&mut self.short_start, &frame, origin, cfg) {
                self.halted = Some(Halt::Reset(reason));
                return None;
            }
            let complete = channels.ingest(frame, origin, cfg, trace)?;
            self.open_channel(complete);
            return None;
        }
        match self.retrieval.next() {
            Retrieved::Data(data) => {
                self.load_frames(&data);
                return None;
            }
            Retrieved::NeedBlobs(hashes) => {
                let request = L1Request::Blobs {
                    block: self.origin,
                    hashes,
                };
                return Some(Step::NeedL1(request));
            }
            Retrieved::Dry => {}
        }
        // Only once all of the L1 block is read may its end of a window count.
        let around = around.filter(|_| is_judging);
        if let Some(batch) = around.as_ref().and_then(empty_batch) {
            let (epoch, timestamp) = (batch.epoch_num, batch.timestamp);
            self.trace.push(Trace::WindowExpired { epoch, timestamp });
            return self.hand_out(batch, true);
        }
        Some(need_l1_block(self.origin.number.saturating_add(1)))
    }

    /// Whether the L1 block being read is one that nobody judged before this pipeline started. Up
    /// to the end of the block that the start's safe head was derived from, batches were judged
    /// when the safe head was an older one.
    fn is_judging(&self) -> bool {
        self.derived_from
            .is_none_or(|judged| self.origin.number > judged.number)
    }

    /// Starts on a complete channel. Up to the next block's parent's L1 origin it cannot hold
    /// anything that counts, because a batch is included after its origin.
    fn open_channel(&mut self, complete: CompleteChannel) {
        if self.origin.number <= self.pending.block.l1_origin.number {
            let (channel, reason) = (complete.id, ChannelDropped::Past);
            return self.trace.push(Trace::ChannelDropped { channel, reason });
        }
        let is_judging = self.is_judging();
        let rules = ChannelRules::at(&self.cfg, self.origin.time);
        let context = SpanContext::from(&*self.cfg);
        self.batches
            .open(complete, is_judging, rules, context, &mut self.trace);
    }

    fn load_frames(&mut self, data: &Bytes) {
        match parse_frames(data) {
            Ok(frames) => self.frames.load(frames, &mut self.trace),
            Err(error) => {
                let reason = match error {
                    FrameError::Empty => DataIgnored::Empty,
                    FrameError::Version(version) => DataIgnored::UnknownVersion(version),
                    _ => DataIgnored::MalformedFrames,
                };
                self.trace.push(Trace::DataIgnored {
                    block: self.origin,
                    reason,
                });
            }
        }
    }
}

/// Whether the first frame behind a short start shows that the start was far enough back. It does
/// if it is a first frame, because that ends whatever channel is open, or if any channel from before
/// the start is over by now.
///
/// spec: holocene/derivation.md#sync-start
fn check_start(
    short_start: &mut Option<u64>,
    frame: &Frame,
    origin: &L1Ref,
    cfg: &RollupConfig,
) -> Result<(), ResetReason> {
    let Some(start) = short_start.take() else {
        return Ok(());
    };
    let is_over = start.saturating_add(cfg.channel_timeout_at(origin.time)) <= origin.number;
    if frame.number == 0 || is_over {
        return Ok(());
    }
    let (channel, block) = (frame.id, origin.id());
    Err(ResetReason::FrameWithoutStart { channel, block })
}

const fn need_l1_block(number: u64) -> Step {
    Step::NeedL1(L1Request::Block { number })
}

/// What batches are judged against while `origin` is read; `None` while no batch can count: up to
/// and including the parent's L1 origin, because a batch is included after its origin.
fn surroundings<'a>(
    cfg: &'a RollupConfig,
    parent: &'a L2Ref,
    window: &EpochWindow,
    origin: &L1Ref,
) -> Option<Surroundings<'a>> {
    let epoch = parent.l1_origin.number;
    if origin.number <= epoch {
        return None;
    }
    Some(Surroundings {
        cfg,
        safe_head: parent,
        epoch: window.ref_at(epoch)?,
        next_epoch: window.ref_at(epoch.checked_add(1)?)?,
        inclusion: *origin,
    })
}
