//! Sync start: which heads still stand on the canonical L1, and where must derivation begin?
//!
//! In: the engine's labels, L2 blocks by hash, canonical L1 blocks by height; missing data is an
//! answer. Out: heads and the start of derivation, or why there are none.
//!
//! The walk goes from the unsafe head back towards the finalized head and never past it. Blocks
//! whose L1 origin was reorganised away leave the unsafe chain. The safe head becomes
//! - the newest block that was derived, as the node remembers, from an L1 block which still is
//!   canonical (the caller hands in that history), else
//! - the parent of the first block of an epoch that is a whole sequencing window older than the
//!   newest block with a canonical origin, else
//! - the finalized head.
//!
//! From there it goes back one channel timeout further, to the L1 block from which on channels
//! must be read to know all that is open at the safe head; or not at all, where the caller tries a
//! short start.
//!
//! spec: protocol/derivation.md#finding-the-sync-starting-point

mod types;

pub use types::{Found, Query, SyncError, SyncPoint, SyncStep};

use crate::{
    block::{Heads, L2Block},
    finality::SafeAt,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::B256;
use opal_derivation::{
    Start,
    sync_start::{Reach, traversal_start},
};
use opal_protocol::{L1Ref, L2Ref, RollupConfig, config::FJORD_MAX_SEQUENCER_DRIFT};

/// The search, as a state machine.
#[derive(Clone, Debug)]
pub struct SyncStart {
    cfg: Arc<RollupConfig>,
    reach: Reach,
    /// History not yet looked at, newest last.
    history: Vec<SafeAt>,
    proven: Option<SafeAt>,
    phase: Phase,
    /// The engine's labels.
    finalized: L2Ref,
    safe_label: L2Ref,
    /// Newest block that can stay; what lies above was orphaned.
    unsafe_head: L2Ref,
    /// Newest block whose origin is known to be canonical.
    highest: Option<L2Ref>,
    /// The last answer of L1, valid for the height it was asked for.
    origin: Option<(u64, Option<L1Ref>)>,
    child: Option<L2Ref>,
}

#[derive(Clone, Debug)]
enum Phase {
    Finalized,
    Genesis,
    Safe,
    History,
    Latest,
    /// Judging this block on the way back to the safe head.
    Walk(Walked),
    /// Judging this block needs its origin.
    WalkOrigin(Walked),
    /// Fetching the parent of a block that has been judged.
    WalkParent(B256),
    /// The safe head is the parent of the block judged last.
    SafeParent(B256),
    /// On the way from the safe head to the base.
    Base(Box<Basing>),
    BaseParent(Box<Basing>, B256),
    BaseOrigin(Box<Basing>),
    Done(Box<SyncPoint>),
    Failed(SyncError),
}

#[derive(Clone, Debug)]
struct Walked {
    block: Box<L2Block>,
    at: L2Ref,
}

#[derive(Clone, Debug)]
struct Basing {
    safe: L2Ref,
    safe_block: Box<L2Block>,
    at: L2Ref,
    block: Box<L2Block>,
}

/// What one look at a block on the way back decided.
enum Verdict {
    AskOrigin,
    Safe,
    ParentIsSafe,
    GoOn,
}

impl SyncStart {
    /// A new search. `history` says which safe head was derived from which L1 block, newest first;
    /// empty if the node remembers nothing. The engine must have the blocks it names.
    pub fn new<'a>(cfg: Arc<RollupConfig>, history: impl IntoIterator<Item = &'a SafeAt>) -> Self {
        let mut history: Vec<SafeAt> = history.into_iter().copied().collect();
        history.reverse();
        let zero = L2Ref::default();
        Self {
            cfg,
            reach: Reach::Full,
            history,
            proven: None,
            phase: Phase::Finalized,
            finalized: zero,
            safe_label: zero,
            unsafe_head: zero,
            highest: None,
            origin: None,
            child: None,
        }
    }

    /// The same search, with derivation starting within `reach` of the safe head; the full reach if
    /// nobody says so.
    pub const fn within(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// The next move. Repeats itself until it is answered.
    pub fn step(&mut self) -> SyncStep {
        loop {
            let ask = match &self.phase {
                Phase::Finalized => Query::L2Finalized,
                Phase::Genesis => Query::L2Number(self.cfg.genesis.l2.number),
                Phase::Safe => Query::L2Safe,
                Phase::History => match self.history.last() {
                    Some(entry) => Query::L1Number(entry.derived_from.number),
                    None => {
                        self.phase = Phase::Latest;
                        continue;
                    }
                },
                Phase::Latest => Query::L2Latest,
                Phase::WalkOrigin(walked) => Query::L1Number(walked.at.l1_origin.number),
                Phase::WalkParent(hash) | Phase::SafeParent(hash) => Query::L2Hash(*hash),
                Phase::BaseParent(_, hash) => Query::L2Hash(*hash),
                Phase::BaseOrigin(base) => Query::L1Number(base.at.l1_origin.number),
                Phase::Done(point) => return SyncStep::Done(point.clone()),
                Phase::Failed(error) => return SyncStep::Failed(error.clone()),
                Phase::Walk(_) | Phase::Base(_) => {
                    self.advance();
                    continue;
                }
            };
            return SyncStep::Ask(ask);
        }
    }

    /// Answers the last [`SyncStep::Ask`].
    pub fn answer(&mut self, found: Found) {
        let result = match found {
            Found::L2(block) => self.answer_l2(block),
            Found::L1(block) => self.answer_l1(block),
        };
        if let Err(error) = result {
            self.phase = Phase::Failed(error);
        }
    }

    fn answer_l2(&mut self, block: Option<Box<L2Block>>) -> Result<(), SyncError> {
        let at = block.as_ref().map(|b| b.l2_ref(&self.cfg)).transpose()?;
        let found = block.zip(at).map(|(block, at)| Walked { block, at });
        let phase = core::mem::replace(&mut self.phase, Phase::Failed(SyncError::WrongAnswer));
        self.phase = match (phase, found) {
            (Phase::Finalized, None) => Phase::Genesis,
            (Phase::Finalized | Phase::Genesis, Some(walked)) => {
                self.finalized = walked.at;
                Phase::Safe
            }
            (Phase::Genesis | Phase::Latest, None) => return Err(SyncError::NoChain),
            (Phase::Safe, safe) => {
                let label = safe.map_or(self.finalized, |walked| walked.at);
                self.safe_label = if label.number < self.finalized.number {
                    self.finalized
                } else {
                    label
                };
                Phase::History
            }
            (Phase::Latest, Some(walked)) => {
                self.unsafe_head = walked.at;
                Phase::Walk(walked)
            }
            (Phase::WalkParent(_), Some(walked)) => Phase::Walk(walked),
            (Phase::SafeParent(_), Some(walked)) => self.base_from(walked),
            (Phase::BaseParent(base, _), Some(walked)) => Phase::Base(Box::new(Basing {
                at: walked.at,
                block: walked.block,
                ..*base
            })),
            (
                Phase::WalkParent(hash) | Phase::SafeParent(hash) | Phase::BaseParent(_, hash),
                None,
            ) => return Err(SyncError::MissingL2(hash)),
            _ => return Err(SyncError::WrongAnswer),
        };
        Ok(())
    }

    fn answer_l1(&mut self, block: Option<L1Ref>) -> Result<(), SyncError> {
        let phase = core::mem::replace(&mut self.phase, Phase::Failed(SyncError::WrongAnswer));
        self.phase = match phase {
            Phase::History => {
                let entry = self.history.pop();
                match entry {
                    Some(e) if block.is_some_and(|b| b.hash == e.derived_from.hash) => {
                        self.proven = Some(e);
                        Phase::Latest
                    }
                    _ => Phase::History,
                }
            }
            Phase::WalkOrigin(walked) => {
                self.origin = Some((walked.at.l1_origin.number, block));
                Phase::Walk(walked)
            }
            Phase::BaseOrigin(base) => match block {
                Some(l1_base) if l1_base.id() == base.at.l1_origin => {
                    Phase::Done(Box::new(self.finish(&base, l1_base)?))
                }
                _ => return Err(SyncError::BaseMoved(base.at.l1_origin)),
            },
            _ => return Err(SyncError::WrongAnswer),
        };
        Ok(())
    }

    /// Takes the moves that need no answer.
    fn advance(&mut self) {
        let phase = core::mem::replace(&mut self.phase, Phase::Failed(SyncError::WrongAnswer));
        self.phase = match phase {
            Phase::Walk(walked) => match self.judge(&walked.at) {
                Ok(Verdict::AskOrigin) => Phase::WalkOrigin(walked),
                Ok(Verdict::Safe) => self.base_from(walked),
                Ok(Verdict::ParentIsSafe) => Phase::SafeParent(walked.at.parent_hash),
                Ok(Verdict::GoOn) => {
                    self.child = Some(walked.at);
                    Phase::WalkParent(walked.at.parent_hash)
                }
                Err(error) => Phase::Failed(error),
            },
            Phase::Base(base) if self.is_base(&base) => Phase::BaseOrigin(base),
            Phase::Base(base) => {
                let parent = base.at.parent_hash;
                Phase::BaseParent(base, parent)
            }
            other => other,
        };
    }

    fn judge(&mut self, at: &L2Ref) -> Result<Verdict, SyncError> {
        let is_genesis = at.number <= self.cfg.genesis.l2.number;
        if let Some(child) = &self.child
            && !continues(at, child)
        {
            return Err(SyncError::Corrupt { child: child.id() });
        }
        if at.number == self.finalized.number && at.hash != self.finalized.hash {
            return Err(SyncError::FinalizedNotInChain {
                finalized: self.finalized.id(),
                found: at.hash,
            });
        }
        let known = match self.origin {
            Some((number, answer)) if number == at.l1_origin.number => answer,
            // Below the engine's safe head, blocks were derived: their origins form a chain, and
            // all of it is canonical if one member is.
            _ if self.highest.is_some() && at.number < self.safe_label.number => {
                return self.judge_canonical(at, is_genesis);
            }
            _ => return Ok(Verdict::AskOrigin),
        };
        match known {
            Some(l1) if l1.hash == at.l1_origin.hash => self.judge_canonical(at, is_genesis),
            // L1 (as this node sees it) is not there yet: plausible.
            None if !is_genesis && at.number > self.finalized.number => {
                if self.unsafe_head == L2Ref::default() {
                    self.unsafe_head = *at;
                }
                Ok(Verdict::GoOn)
            }
            _ if is_genesis => Err(SyncError::L1Genesis(at.l1_origin)),
            _ if at.number <= self.finalized.number => Err(SyncError::FinalityBroken {
                finalized: self.finalized.id(),
                origin: at.l1_origin,
            }),
            _ => {
                self.highest = None;
                // The parent is judged next and becomes the unsafe head if it can.
                self.unsafe_head = L2Ref::default();
                Ok(Verdict::GoOn)
            }
        }
    }

    fn judge_canonical(&mut self, at: &L2Ref, is_genesis: bool) -> Result<Verdict, SyncError> {
        if self.unsafe_head == L2Ref::default() {
            self.unsafe_head = *at;
        }
        let highest = *self.highest.get_or_insert(*at);
        let proven = self.proven.is_some_and(|e| e.l2.id() == at.id());
        if is_genesis || at.number <= self.finalized.number || proven {
            return Ok(Verdict::Safe);
        }
        let window_end = at.l1_origin.number.saturating_add(self.cfg.seq_window_size);
        if at.number <= self.safe_label.number
            && at.seq_num == 0
            && window_end < highest.l1_origin.number
        {
            return Ok(Verdict::ParentIsSafe);
        }
        Ok(Verdict::GoOn)
    }

    fn base_from(&self, walked: Walked) -> Phase {
        Phase::Base(Box::new(Basing {
            safe: walked.at,
            safe_block: walked.block.clone(),
            at: walked.at,
            block: walked.block,
        }))
    }

    /// Whether this block's origin is where traversal starts. The time of the safe head's origin is
    /// taken at its lower bound, which can only lengthen the way back.
    fn is_base(&self, base: &Basing) -> bool {
        let drift = self.cfg.max_sequencer_drift.max(FJORD_MAX_SEQUENCER_DRIFT);
        let origin_time = base.safe.time.saturating_sub(drift);
        let first = traversal_start(&self.cfg, &base.safe, origin_time, self.reach);
        base.at.l1_origin.number <= first || base.at.number <= self.cfg.genesis.l2.number
    }

    fn finish(&self, base: &Basing, l1_base: L1Ref) -> Result<SyncPoint, SyncError> {
        let heads = Heads {
            unsafe_head: self.unsafe_head,
            pending_safe: base.safe,
            safe: base.safe,
            finalized: self.finalized,
        };
        let proven = self.proven.filter(|e| e.l2.id() == base.safe.id());
        let start = Start {
            safe_head: base.safe,
            system_config: base.safe_block.system_config(&self.cfg)?,
            l1_base,
            l1_base_config: base.block.system_config(&self.cfg)?,
            derived_from: proven.map(|e| e.derived_from.id()),
        };
        Ok(SyncPoint {
            heads,
            start,
            proven: proven.map(|e| e.derived_from),
        })
    }
}

/// Whether `child` can follow `parent` by its origin and sequence number.
fn continues(parent: &L2Ref, child: &L2Ref) -> bool {
    if child.number.checked_sub(1) != Some(parent.number) {
        return false;
    }
    if child.l1_origin == parent.l1_origin {
        return child.seq_num.checked_sub(1) == Some(parent.seq_num);
    }
    child.seq_num == 0 && child.l1_origin.number.checked_sub(1) == Some(parent.l1_origin.number)
}
