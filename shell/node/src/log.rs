//! The node's log: one readable line for each thing that matters to an operator.

use alloy_primitives::B256;
use opal_derivation::{ChannelDropped, Trace};
use opal_protocol::{L1Ref, L2Ref};
use opal_rollup::{Note, ResetCause, StartRefusal, SyncPoint};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// While derivation catches up, the safe head is reported this often.
const SAFE_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Journal {
    name: Arc<str>,
    safe: Option<SafeProgress>,
    last_safe: Option<Instant>,
}

/// Movement of the safe head that is not in the log yet.
struct SafeProgress {
    safe: L2Ref,
    derived_from: L1Ref,
    blocks: u64,
    built: u64,
}

impl Journal {
    pub(crate) const fn new(name: Arc<str>) -> Self {
        Self {
            name,
            safe: None,
            last_safe: None,
        }
    }

    pub(crate) fn note(&mut self, note: &Note) {
        let name = &self.name;
        match note {
            Note::BlockBuilt {
                block,
                transactions,
                gas_used,
            } => tracing::info!(
                %name,
                "block {} built: {transactions} transactions, {gas_used} gas, L1 origin {}, {}",
                block.number, block.l1_origin.number, block.hash
            ),
            Note::SafeAdvanced {
                safe,
                derived_from,
                blocks,
                built,
            } => {
                let known = self.safe.take();
                let (more, more_built) = known.map_or((0, 0), |p| (p.blocks, p.built));
                let (blocks, built) = (blocks + more, built + more_built);
                let (safe, derived_from) = (*safe, *derived_from);
                self.safe = Some(SafeProgress {
                    safe,
                    derived_from,
                    blocks,
                    built,
                });
            }
            Note::FinalizedAdvanced(block) => {
                tracing::info!(%name, "L2 finalized up to block {block}");
            }
            Note::UnsafeReorg { from, to, mismatch } => tracing::warn!(
                %name,
                "L2 reorg: blocks {} to {} contradict L1 and are given up ({mismatch}); going on from {to}",
                to.number + 1, from.number
            ),
            Note::UnsafeReplaced { from, to } => {
                tracing::warn!(%name, "L2 reorg: block {from} gives way to {to}, derived from L1");
            }
            Note::DerivedInvalid { number, reason } => tracing::warn!(
                %name,
                "the batch of block {number} is invalid to the engine: {reason}"
            ),
            Note::SequencedInvalid { number, reason } => tracing::error!(
                %name,
                "our own block {number} is invalid to the engine: {reason}; trying without transactions of the pool"
            ),
            Note::BuildAbandoned { parent } => {
                tracing::info!(%name, "block on {parent} given up, the head has moved");
            }
            Note::SequencerWaits(wait) => tracing::warn!(%name, "sequencer waits: {wait}"),
            Note::SequencerResumes => tracing::info!(%name, "sequencer resumes"),
            Note::UnsafeAdopted(block) => {
                tracing::info!(%name, "unsafe head is block {block}");
            }
            Note::UnsafeDropped { block, reason } => {
                tracing::warn!(%name, "unsafe block {block} dropped: {reason}");
            }
            Note::Trouble {
                lane,
                call,
                failure,
                retry_in_ms,
            } => tracing::warn!(
                %name,
                "{call} failed ({lane:?} lane), next attempt in {retry_in_ms} ms: {failure}"
            ),
        }
    }

    /// Writes what has been held back, once it is due.
    pub(crate) fn flush(&mut self) {
        if self
            .last_safe
            .is_none_or(|last| last.elapsed() >= SAFE_INTERVAL)
        {
            self.write_safe();
        }
    }

    /// Derivation has read all of L1: nothing is held back any longer.
    pub(crate) fn caught_up(&mut self) {
        self.write_safe();
    }

    fn write_safe(&mut self) {
        let Some(SafeProgress {
            safe,
            derived_from,
            blocks,
            built,
        }) = self.safe.take()
        else {
            return;
        };
        self.last_safe = Some(Instant::now());
        let name = &self.name;
        tracing::info!(
            %name,
            "safe head is block {} (+{blocks}, {built} of them built), derived from L1 block {}, {}",
            safe.number, derived_from.number, safe.hash
        );
    }

    /// What happened inside derivation. What is lost on L1 is a warning, the rest is detail.
    pub(crate) fn trace(&self, trace: &[Trace]) {
        let name = &self.name;
        for event in trace {
            match event {
                // Read again after a start or a reset; nothing is lost.
                Trace::ChannelDropped {
                    reason: ChannelDropped::Past,
                    ..
                } => {
                    tracing::debug!(%name, "derivation: {event:?}");
                }
                Trace::ChannelDropped { channel, reason } => {
                    tracing::warn!(%name, "channel {channel} on L1 is dropped: {reason:?}");
                }
                Trace::BatchDropped { timestamp, reason } => {
                    tracing::warn!(%name, "batch of the block at {timestamp} is dropped: {reason:?}");
                }
                Trace::SpanDropped { timestamp, reason } => {
                    tracing::warn!(%name, "span batch from {timestamp} on is dropped: {reason:?}");
                }
                Trace::PayloadReplaced { number, .. } => {
                    tracing::warn!(%name, "block {number} becomes a block with deposits only");
                }
                Trace::BatchRejected {
                    number, taken_back, ..
                } => {
                    tracing::warn!(%name, "batch of block {number} is dropped: the engine rejects it; {taken_back} blocks of it are taken back");
                }
                Trace::WindowExpired { epoch, timestamp } => tracing::warn!(
                    %name,
                    "sequencing window of L1 block {epoch} closed without a batch: empty block at {timestamp}"
                ),
                _ => tracing::debug!(%name, "derivation: {event:?}"),
            }
        }
    }

    pub(crate) fn reset(&mut self, cause: &ResetCause) {
        self.write_safe();
        let name = &self.name;
        if *cause == ResetCause::Start {
            tracing::debug!(%name, "looking for the heads to start from");
        } else {
            tracing::warn!(%name, "reset: {cause}");
        }
    }

    pub(crate) fn restarted(&self, point: &SyncPoint) {
        let (name, heads) = (&self.name, &point.heads);
        tracing::info!(
            %name,
            "going on from unsafe {}, safe {}, finalized {}; reading L1 from block {}",
            heads.unsafe_head.number,
            heads.safe.number,
            heads.finalized.number,
            point.start.l1_base.number
        );
    }

    pub(crate) fn sequencer_started(&self, result: &Result<(), StartRefusal>) {
        let name = &self.name;
        match result {
            Ok(()) => tracing::info!(%name, "sequencer started"),
            Err(refusal) => tracing::warn!(%name, "sequencer not started: {refusal}"),
        }
    }

    pub(crate) fn sequencer_stopped(&self, result: &Result<B256, StartRefusal>) {
        let name = &self.name;
        match result {
            Ok(head) => tracing::info!(%name, "sequencer stopped at block {head}"),
            Err(refusal) => tracing::warn!(%name, "sequencer not stopped: {refusal}"),
        }
    }

    pub(crate) fn stopped(&mut self) {
        self.write_safe();
        tracing::info!(name = %self.name, "rollup node stopped");
    }
}
