//! How a node performs its jobs: work of derivation, calls to engine and L1, the search for heads.

use super::{Input, Job, Node, Outside, Sabotage};
use crate::engine::Store;
use alloy_primitives::B256;
use opal_derivation::{
    Derivation, DerivedAttributes, L1Request, L2BlockInput, Rejection, Start, Step,
};
use opal_protocol::{Fork, L1Block, L1Ref};
use opal_rollup::{
    Answer, Command, Event, Failure, Found, L1Query, L2Block, L2Query, Query, ResetCause,
    SyncPoint, SyncStart, SyncStep,
};
use std::sync::Arc;

impl Node {
    /// Feeds derivation and lets it step.
    pub(super) fn work(&mut self, out: &mut Outside<'_>) {
        self.is_work_due = false;
        let mut rejection = None;
        while let Some(input) = self.inputs.pop_front() {
            if let Input::Reset(start) = input {
                self.derivation = Some(self.new_derivation(*start));
                continue;
            }
            let Some(derivation) = &mut self.derivation else {
                return;
            };
            let pushed = match input {
                Input::L1(block) => derivation.push_l1(*block),
                Input::Blobs(block, blobs) => derivation.push_blobs(block, blobs),
                Input::L2(blocks) => derivation.push_l2(blocks),
                Input::Confirm(block) => {
                    derivation.confirm(block);
                    Ok(())
                }
                Input::Reject => {
                    rejection = Some(derivation.reject());
                    Ok(())
                }
                Input::Reset(_) => Ok(()),
            };
            if let Err(error) = pushed {
                self.broken = Some(format!("derivation refused its input: {error}"));
            }
        }
        let Some(derivation) = &mut self.derivation else {
            return;
        };
        let (step, origin) = (derivation.step(), derivation.origin());
        let trace = derivation.drain_trace();
        if out.keep_notes {
            self.notes
                .extend(trace.iter().map(|event| format!("{event:?}")));
        }
        match rejection {
            Some(Rejection::Replace(replacement)) => self.derived(replacement, out),
            Some(Rejection::Rewind { to }) => {
                self.counted.push("node: rewound");
                self.feed(Event::Rewound(to), out);
            }
            // Whatever is critical is in the step.
            Some(Rejection::Critical(_) | Rejection::NothingOut) | None => {}
        }
        self.stepped(step, origin, out);
    }

    fn new_derivation(&self, start: Start) -> Derivation {
        let (cfg, l1_chain) = match self.sabotage {
            Some(Sabotage::Believe(lie)) => (
                Arc::new(lie.config(&self.cfg)),
                lie.l1_chain(&self.l1_chain),
            ),
            _ => (self.cfg.clone(), self.l1_chain.clone()),
        };
        Derivation::new(cfg, l1_chain, self.upgrades.clone(), start)
    }

    fn derived(&mut self, mut derived: Box<DerivedAttributes>, out: &mut Outside<'_>) {
        if let Some(Sabotage::Believe(lie)) = self.sabotage {
            lie.amend(&self.cfg, &mut derived);
        }
        self.feed(Event::Derived(derived), out);
    }

    fn stepped(&mut self, step: Step, origin: L1Ref, out: &mut Outside<'_>) {
        let generation = self.generation;
        match step {
            Step::Attributes(derived) => self.derived(derived, out),
            Step::NeedL1(request) => {
                if let L1Request::Block { number } = request {
                    // Asked for the next block, derivation has read the last one to its end.
                    if number > origin.number {
                        self.current_l1 = origin;
                        self.feed(Event::L1Read(origin), out);
                    }
                    if number > self.l1_head.number {
                        self.awaited_l1 = Some(number);
                        self.caught_up = Some(origin);
                        self.searched_at = None;
                        return self.feed(Event::CaughtUp(origin), out);
                    }
                }
                self.jobs.push(Job::FetchL1 {
                    generation,
                    request,
                });
            }
            Step::NeedL2 { from, to } => self.jobs.push(Job::FetchL2 {
                generation,
                from,
                to,
            }),
            Step::Reset(reason) => {
                self.feed(Event::Reset(ResetCause::Derivation(reason)), out);
            }
            Step::Critical(reason) => self.broken = Some(format!("derivation: {reason}")),
            Step::Idle => {}
        }
    }

    pub(super) fn fetch_l1(&mut self, request: L1Request, out: &mut Outside<'_>) {
        let generation = self.generation;
        let fails = out.random.percent(out.failed_call);
        match &request {
            L1Request::Block { number } => {
                if let Some(block) = out.l1.at(*number).filter(|_| !fails) {
                    let block = self.tamper((**block).clone(), out);
                    return self.push(Input::L1(Box::new(block)));
                }
            }
            L1Request::Blobs { block, hashes } => {
                if !fails && !out.random.percent(out.missing_blobs) {
                    let blob = |hash: &B256| out.l1.blob(*hash);
                    let blobs: Option<Vec<_>> = hashes.iter().map(blob).collect();
                    return self.push(Input::Blobs(block.hash, blobs.unwrap_or_default()));
                }
            }
        }
        self.jobs.push(Job::FetchL1 {
            generation,
            request,
        });
    }

    /// Breaks a rule, if this node is meant to.
    fn tamper(&self, mut block: L1Block, out: &mut Outside<'_>) -> L1Block {
        match self.sabotage {
            Some(Sabotage::DropBatch) if out.random.percent(20) => block.inbox.clear(),
            Some(Sabotage::DropDeposit) => block.deposits.clear(),
            Some(Sabotage::DropConfigUpdate) => block.config_updates.clear(),
            Some(Sabotage::KeepAcrossHolocene) => self.read_again(&mut block, out),
            _ => {}
        }
        block
    }

    /// Puts what the blocks before Holocene held in front of what its first block holds.
    fn read_again(&self, block: &mut L1Block, out: &Outside<'_>) {
        let is_holocene = |b: &L1Block| self.cfg.is_active(Fork::Holocene, b.header.timestamp);
        let mut before = out.l1.block(block.header.parent_hash);
        if !is_holocene(block) || before.is_none_or(|before| is_holocene(before)) {
            return;
        }
        for _ in 0..self.cfg.channel_timeout {
            let Some(earlier) = before else { return };
            block.inbox.splice(0..0, earlier.inbox.iter().cloned());
            before = out.l1.block(earlier.header.parent_hash);
        }
    }

    pub(super) fn fetch_l2(&mut self, from: u64, to: u64, out: &mut Outside<'_>) {
        let input = |number| {
            let block = &out.store[&self.engine.at(number)?];
            let transactions = block.transactions.clone();
            Some(L2BlockInput {
                block: block.l2_ref(&self.cfg).ok()?,
                transactions,
            })
        };
        let blocks: Option<Vec<_>> = (from..=to).map(input).collect();
        match blocks {
            Some(blocks) if !out.random.percent(out.failed_call) => self.push(Input::L2(blocks)),
            _ => self.jobs.push(Job::FetchL2 {
                generation: self.generation,
                from,
                to,
            }),
        }
    }

    pub(super) fn call(&mut self, command: Command, out: &mut Outside<'_>) {
        let fails = out.random.percent(out.failed_call);
        // A failed call may have had its effect.
        if fails && out.random.percent(50) {
            return self.answer(command, None, out);
        }
        let answer = self.effect(&command, out);
        self.answer(command, answer.filter(|_| !fails), out);
    }

    fn answer(&mut self, command: Command, answer: Option<Answer>, out: &mut Outside<'_>) {
        let failure = || Failure::Unavailable("simulated".to_string());
        let (ticket, failed) = match command {
            Command::Forkchoice { ticket, .. } => (ticket, Answer::Forkchoice(Err(failure()))),
            Command::GetPayload { ticket, .. } => (ticket, Answer::Payload(Err(failure()))),
            Command::NewPayload { ticket, .. } => (ticket, Answer::NewPayload(Err(failure()))),
            Command::GetL2Block { ticket, .. } => (ticket, Answer::L2Block(Err(failure()))),
            Command::GetL1Block { ticket, .. } => (ticket, Answer::L1Block(Err(failure()))),
            Command::GetL1Ref { ticket, .. } => (ticket, Answer::L1Ref(Err(failure()))),
            _ => return,
        };
        let answer = answer.unwrap_or(failed);
        self.feed(Event::Answer { ticket, answer }, out);
    }

    fn effect(&mut self, command: &Command, out: &mut Outside<'_>) -> Option<Answer> {
        let answer = match command {
            Command::Forkchoice {
                state, attributes, ..
            } => {
                let attributes = attributes.as_deref();
                let takes_pool = attributes.is_some_and(|a| a.no_tx_pool != Some(true));
                let pool = if takes_pool { out.pool() } else { vec![] };
                Answer::Forkchoice(self.engine.forkchoice(out.store, *state, attributes, &pool))
            }
            Command::GetPayload { id, .. } => Answer::Payload(self.engine.get_payload(*id)),
            Command::NewPayload { payload, .. } => {
                Answer::NewPayload(Ok(self.engine.new_payload(out.store, payload)))
            }
            Command::GetL2Block { query, .. } => {
                let hash = match query {
                    L2Query::Number(number) => self.engine.at(*number),
                    L2Query::Hash(hash) => Some(*hash),
                };
                Answer::L2Block(Ok(self.l2_block(hash, out.store)))
            }
            Command::GetL1Block { query, .. } => {
                let block = match query {
                    L1Query::Number(number) => out.l1.at(*number),
                    L1Query::Hash(hash) => out.l1.block(*hash),
                };
                Answer::L1Block(Ok(block.cloned()))
            }
            Command::GetL1Ref { number, .. } => {
                Answer::L1Ref(Ok(out.l1.at(*number).map(|b| b.as_ref().as_ref())))
            }
            _ => return None,
        };
        Some(answer)
    }

    fn l2_block(&self, hash: Option<B256>, store: &Store) -> Option<Box<L2Block>> {
        let hash = hash.filter(|hash| self.engine.knows(*hash))?;
        store.get(&hash).map(|block| Box::new((**block).clone()))
    }

    /// Looks for new heads, and goes on from them.
    pub(super) fn search(&mut self, out: &mut Outside<'_>) {
        let again = Job::Search {
            generation: self.generation,
        };
        if out.random.percent(out.failed_call) {
            return self.jobs.push(again);
        }
        // An entry helps only if the engine still has its block.
        let engine = &self.engine;
        self.memory
            .retain(|e| engine.at(e.l2.number) == Some(e.l2.hash));
        let mut search =
            SyncStart::new(self.cfg.clone(), self.memory.iter().rev()).within(self.reach);
        let point = loop {
            match search.step() {
                SyncStep::Ask(query) => search.answer(self.found(query, out)),
                SyncStep::Done(point) => break point,
                SyncStep::Failed(error) if error.is_temporary() => return self.jobs.push(again),
                SyncStep::Failed(error) => {
                    self.broken = Some(format!("no heads to go on from: {error}"));
                    return;
                }
            }
        };
        let mut point = point;
        self.keep_safe_head(&mut point, out);
        self.searched_at = Some(out.l1.head().hash);
        self.current_l1 = point.start.l1_base;
        let (heads, proven) = (Box::new(point.heads), point.proven);
        let proven_number = proven.map(|l1| l1.number);
        self.memory
            .retain(|e| Some(e.derived_from.number) <= proven_number);
        if out.keep_notes {
            let (safe, base) = (heads.safe, point.start.l1_base);
            self.notes
                .push(format!("goes on from safe {safe}, reads L1 from {base}"));
        }
        self.push(Input::Reset(Box::new(point.start)));
        self.feed(Event::Restarted { heads, proven }, out);
    }

    /// Breaks the rule of the search for heads, if this node is meant to.
    fn keep_safe_head(&self, point: &mut SyncPoint, out: &Outside<'_>) {
        let block = &out.store[&self.engine.safe()];
        let (Ok(safe), Ok(config)) = (block.l2_ref(&self.cfg), block.system_config(&self.cfg))
        else {
            return;
        };
        let trusts = self.sabotage == Some(Sabotage::TrustOrigin);
        if !trusts || !out.l1.is_canonical(safe.l1_origin) {
            return;
        }
        (point.heads.safe, point.heads.pending_safe) = (safe, safe);
        if point.heads.unsafe_head.number < safe.number {
            point.heads.unsafe_head = safe;
        }
        (point.start.safe_head, point.start.system_config) = (safe, config);
        point.start.derived_from = None;
    }

    fn found(&self, query: Query, out: &Outside<'_>) -> Found {
        let hash = match query {
            Query::L1Number(number) => {
                return Found::L1(out.l1.at(number).map(|b| b.as_ref().as_ref()));
            }
            Query::L2Latest => Some(self.engine.head()),
            Query::L2Safe => Some(self.engine.safe()),
            Query::L2Finalized => Some(self.engine.finalized()),
            Query::L2Hash(hash) => Some(hash),
            Query::L2Number(number) => self.engine.at(number),
        };
        Found::L2(self.l2_block(hash, out.store))
    }
}
