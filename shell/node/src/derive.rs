//! The derivation's lane: it works on a thread of its own, and its owner is the node's loop.
//!
//! In: data from L1 and L2, verdicts of the engine, new starts. Out: one [`Stepped`] for each time
//! it was at work. While it is at work, input waits; a reset makes everything that waits, and
//! whatever the work comes to, void.

use crate::event::Event;
use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use opal_derivation::{Derivation, L2BlockInput, Rejection, Start, Step, Trace};
use opal_protocol::{L1Block, L1ChainConfig, L1Ref, L2Ref, RollupConfig, Upgrades};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::mpsc;

/// Counts resets; data fetched for an earlier run of derivation is recognised by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// Input of derivation.
#[derive(Debug)]
pub(crate) enum Input {
    Reset(Box<Start>),
    L1(Box<L1Block>),
    Blobs(B256, Vec<Box<Blob>>),
    L2(Vec<L2BlockInput>),
    Confirm(L2Ref),
    Reject,
}

/// Data that derivation asked for.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) generation: Generation,
    pub(crate) input: Input,
}

/// Derivation, back from work.
#[derive(Debug)]
pub(crate) struct Stepped {
    derivation: Derivation,
    generation: Generation,
    /// What becomes of attributes that were rejected.
    pub(crate) rejection: Option<Rejection>,
    pub(crate) step: Step,
    pub(crate) trace: Vec<Trace>,
    pub(crate) origin: L1Ref,
}

pub(crate) struct Lane {
    cfg: Arc<RollupConfig>,
    l1_chain: L1ChainConfig,
    upgrades: Arc<Upgrades>,
    events: mpsc::Sender<Event>,
    /// `None` while at work, or before the first start.
    home: Option<Derivation>,
    is_at_work: bool,
    inputs: VecDeque<Input>,
    generation: Generation,
}

impl Lane {
    pub(crate) fn new(
        cfg: Arc<RollupConfig>,
        l1_chain: L1ChainConfig,
        upgrades: Arc<Upgrades>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            cfg,
            l1_chain,
            upgrades,
            events,
            home: None,
            is_at_work: false,
            inputs: VecDeque::new(),
            generation: Generation::default(),
        }
    }

    pub(crate) const fn generation(&self) -> Generation {
        self.generation
    }

    /// Makes everything on its way void, until [`restart`](Self::restart).
    pub(crate) fn halt(&mut self) {
        self.generation.0 += 1;
        self.inputs.clear();
    }

    /// Begins anew.
    pub(crate) fn restart(&mut self, start: Start) {
        self.halt();
        if self.home.is_none() && !self.is_at_work {
            let (cfg, upgrades) = (self.cfg.clone(), self.upgrades.clone());
            self.home = Some(Derivation::new(cfg, self.l1_chain.clone(), upgrades, start));
        } else {
            self.inputs.push_back(Input::Reset(Box::new(start)));
        }
        self.work();
    }

    /// Takes in input and sets derivation to work.
    pub(crate) fn push(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.work();
    }

    /// Takes derivation back. `None` if a reset has made its work void; the work that the reset
    /// left behind goes on.
    pub(crate) fn take_back(&mut self, stepped: Stepped) -> Option<Outcome> {
        self.is_at_work = false;
        let Stepped {
            derivation,
            generation,
            rejection,
            step,
            trace,
            origin,
        } = stepped;
        self.home = Some(derivation);
        if generation != self.generation {
            if !self.inputs.is_empty() {
                self.work();
            }
            return None;
        }
        Some(Outcome {
            rejection,
            step,
            trace,
            origin,
        })
    }

    fn work(&mut self) {
        let Some(mut derivation) = self.home.take() else {
            return;
        };
        self.is_at_work = true;
        let inputs = std::mem::take(&mut self.inputs);
        let (generation, events) = (self.generation, self.events.clone());
        let work = tokio::task::spawn_blocking(move || {
            let rejection = inputs
                .into_iter()
                .filter_map(|i| apply(&mut derivation, i))
                .last();
            let step = derivation.step();
            let (trace, origin) = (derivation.drain_trace(), derivation.origin());
            Box::new(Stepped {
                derivation,
                generation,
                rejection,
                step,
                trace,
                origin,
            })
        });
        tokio::spawn(async move {
            let event = match work.await {
                Ok(stepped) => Event::Stepped(stepped),
                Err(error) => Event::DerivationDied(error.to_string()),
            };
            // The loop is gone when the node stops; then nobody misses this.
            let _ = events.send(event).await;
        });
    }
}

/// What a stretch of work came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) rejection: Option<Rejection>,
    pub(crate) step: Step,
    pub(crate) trace: Vec<Trace>,
    pub(crate) origin: L1Ref,
}

/// Feeds one input; says what becomes of attributes that it rejects.
fn apply(derivation: &mut Derivation, input: Input) -> Option<Rejection> {
    let pushed = match input {
        Input::Reset(start) => {
            derivation.reset(*start);
            Ok(())
        }
        Input::L1(block) => derivation.push_l1(*block),
        Input::Blobs(block, blobs) => derivation.push_blobs(block, blobs),
        Input::L2(blocks) => derivation.push_l2(blocks),
        Input::Confirm(block) => {
            derivation.confirm(block);
            Ok(())
        }
        Input::Reject => return Some(derivation.reject()),
    };
    if let Err(error) = pushed {
        // Derivation's state is unchanged, and its next step asks again.
        tracing::warn!(%error, "derivation refused its input");
    }
    None
}
