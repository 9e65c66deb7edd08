//! From the head to the block to be: its parent's configuration, its origin, its attributes.

use super::{NEXT_ORIGIN_PATIENCE_MS, Plan, Request, Sequencer, State, Wait};
use crate::{
    answer::Failure,
    event::{Command, L1Query, L2Query, Lane, Note, ResetCause},
    origin::{self, OriginChoice},
    outbox::Outbox,
};
use alloc::{boxed::Box, string::ToString, sync::Arc};
use opal_derivation::{AttributesError, attributes};
use opal_protocol::{L1Block, L2Ref, SystemConfig};

impl Sequencer {
    pub(super) fn get_parent(
        &mut self,
        parent: L2Ref,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        match &self.parent_config {
            Some((hash, config)) if *hash == parent.hash => {
                let config = *config;
                self.get_current(parent, config, now_ms, out)
            }
            _ => {
                let (ticket, query) = (out.ticket(), L2Query::Hash(parent.hash));
                self.state = State::GettingParent(parent, ticket);
                out.push(Command::GetL2Block {
                    ticket,
                    lane: Lane::Sequencer,
                    query,
                });
                None
            }
        }
    }

    pub(super) fn get_current(
        &mut self,
        parent: L2Ref,
        config: SystemConfig,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        match self.current.clone() {
            Some(current) if current.hash == parent.l1_origin.hash => {
                self.get_next(parent, config, &current, now_ms, out)
            }
            _ => {
                let (ticket, query) = (out.ticket(), L1Query::Hash(parent.l1_origin.hash));
                self.state = State::GettingCurrent(parent, ticket);
                out.push(Command::GetL1Block { ticket, query });
                None
            }
        }
    }

    /// Asks for the next origin if it has the confirmations asked for; else it counts as unknown.
    fn get_next(
        &mut self,
        parent: L2Ref,
        config: SystemConfig,
        current: &Arc<L1Block>,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        let number = parent.l1_origin.number.saturating_add(1);
        let confirmed = number.saturating_add(self.options.l1_confs);
        if self.l1_head.is_none_or(|head| confirmed > head.number) {
            return self.plan(parent, &config, current, None, now_ms, out);
        }
        self.next = self
            .next
            .take()
            .filter(|b| b.header.parent_hash == current.hash);
        if let Some(next) = self.next.clone() {
            return self.plan(parent, &config, current, Some(next), now_ms, out);
        }
        if self.asking.is_some_and(|(_, asked)| asked == number) {
            // The answer is late: this block does not wait for it again.
            self.state = State::GettingNext(parent, now_ms);
            return self.plan_without_next(parent, now_ms, out);
        }
        let (ticket, query) = (out.ticket(), L1Query::Number(number));
        self.asking = Some((ticket, number));
        self.state = State::GettingNext(parent, now_ms.saturating_add(NEXT_ORIGIN_PATIENCE_MS));
        out.push(Command::GetL1Block { ticket, query });
        None
    }

    /// The next origin does not come in time: stay on the current one, if the drift allows it.
    pub(super) fn plan_without_next(
        &mut self,
        parent: L2Ref,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        let (Some(current), Some((_, config))) = (self.current.clone(), self.parent_config) else {
            self.state = State::Idle;
            return None;
        };
        let time = parent.time.saturating_add(self.cfg.block_time);
        if origin::is_past_drift(&self.cfg, &current.as_ref().as_ref(), time) {
            // Only the answer can help.
            self.state = State::GettingNext(parent, u64::MAX);
            return None;
        }
        self.plan(parent, &config, &current, None, now_ms, out)
    }

    /// The answer about the next origin, in time or late.
    pub(super) fn answer_next(
        &mut self,
        result: Result<Option<Arc<L1Block>>, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        self.asking = None;
        let waiting = match self.state {
            State::GettingNext(parent, _) => Some(parent),
            _ => None,
        };
        match (result, waiting, self.current.clone(), self.parent_config) {
            (Ok(next), Some(parent), Some(current), Some((_, config))) => {
                self.next.clone_from(&next);
                self.plan(parent, &config, &current, next, now_ms, out)
            }
            (Ok(next), ..) => {
                self.next = next;
                None
            }
            (Err(failure), Some(parent), ..) => {
                let former = self.backoff;
                self.trouble("getL1Block", failure, now_ms, out);
                self.state = State::GettingNext(parent, now_ms);
                let request = self.plan_without_next(parent, now_ms, out);
                if request.is_some() {
                    // The block goes on without; there is nothing to pause for.
                    self.backoff = former;
                } else {
                    self.state = State::Idle;
                }
                request
            }
            (Err(_), None, ..) => None,
        }
    }

    /// All is known: choose the origin and let the engine start.
    pub(super) fn plan(
        &mut self,
        parent: L2Ref,
        config: &SystemConfig,
        current: &Arc<L1Block>,
        next: Option<Arc<L1Block>>,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        self.state = State::Idle;
        let next_ref = next.as_ref().map(|b| b.as_ref().as_ref());
        let current_ref = current.as_ref().as_ref();
        let choice = origin::select_origin(&self.cfg, &parent, &current_ref, next_ref.as_ref());
        let epoch = match (choice, next) {
            (OriginChoice::Current, _) => current.clone(),
            (OriginChoice::Next, Some(next)) => next,
            (OriginChoice::AwaitL1, _) => {
                self.wait(Wait::L1Stalled(current.id()), out);
                return None;
            }
            (OriginChoice::Orphaned | OriginChoice::Next, _) => {
                out.reset(ResetCause::UnsafeOrphaned(parent));
                return None;
            }
        };
        let time = parent.time.saturating_add(self.cfg.block_time);
        let (cfg, l1) = (&self.cfg, &self.l1_chain);
        match attributes::build(cfg, l1, &self.upgrades, &parent, config, &epoch, time) {
            Ok((mut attributes, _)) => {
                attributes.no_tx_pool = Some(self.must_be_empty(&parent, &epoch, time));
                let is_new_epoch = epoch.id() != parent.l1_origin;
                let seq_num = if is_new_epoch {
                    0
                } else {
                    parent.seq_num.saturating_add(1)
                };
                self.state = State::Starting(Plan {
                    parent,
                    time,
                    l1_origin: epoch.id(),
                    seq_num,
                });
                self.current = Some(epoch);
                if self.waiting.take().is_some() {
                    out.note(Note::SequencerResumes);
                }
                Some(Request::Build {
                    parent,
                    attributes: Box::new(attributes),
                })
            }
            Err(AttributesError::Origin { .. }) => {
                out.reset(ResetCause::UnsafeOrphaned(parent));
                None
            }
            Err(error) => {
                self.trouble(
                    "attributes",
                    Failure::Unavailable(error.to_string()),
                    now_ms,
                    out,
                );
                None
            }
        }
    }

    fn must_be_empty(&self, parent: &L2Ref, epoch: &L1Block, time: u64) -> bool {
        let confirmed = self
            .l1_head
            .map_or(0, |h| h.number.saturating_sub(self.options.l1_confs));
        self.is_next_empty
            || origin::is_past_drift(&self.cfg, &epoch.as_ref(), time)
            || origin::is_empty_activation(&self.cfg, time)
            || origin::is_lagging(&self.cfg, parent, confirmed)
    }
}
