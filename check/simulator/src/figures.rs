//! What runs came to: counts of everything that makes a run worth having.

use opal_derivation::{SpanDropReason, Trace};
use opal_submission::{CloseReason, RequeueReason, Trace as BatcherTrace};
use std::{collections::BTreeMap, fmt};

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that happened.
    pub events: u64,
    /// L1 blocks, abandoned ones included.
    pub l1_blocks: u64,
    /// L1 reorganisations.
    pub reorgs: u64,
    /// Crashes of nodes and batcher.
    pub crashes: u64,
    /// Blocks of the safe chain in the end.
    pub safe_blocks: u64,
    /// Of those, blocks with batch transactions.
    pub full_blocks: u64,
    /// Comparisons of a node's heads with the derivation from genesis.
    pub checks: u64,
    /// L1 blocks after which the naive derivation was held beside the fast one.
    pub naive_checks: u64,
    /// How often each rule had its occasion, by name.
    pub rules: BTreeMap<String, u64>,
}

impl Figures {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.l1_blocks += other.l1_blocks;
        self.reorgs += other.reorgs;
        self.crashes += other.crashes;
        self.safe_blocks += other.safe_blocks;
        self.full_blocks += other.full_blocks;
        self.checks += other.checks;
        self.naive_checks += other.naive_checks;
        for (name, count) in &other.rules {
            *self.rules.entry(name.clone()).or_default() += count;
        }
    }

    /// Something happened once more.
    pub fn count(&mut self, name: impl Into<String>) {
        *self.rules.entry(name.into()).or_default() += 1;
    }

    /// How often something happened.
    pub fn of(&self, name: &str) -> u64 {
        self.rules.get(name).copied().unwrap_or_default()
    }

    /// Counts an event of derivation, if it is one that tells of a rule.
    pub(crate) fn count_trace(&mut self, trace: &Trace) {
        let name = match trace {
            Trace::DataIgnored { reason, .. } => format!("data ignored: {}", first_word(reason)),
            Trace::FrameDropped { reason, .. } => format!("frame dropped: {}", first_word(reason)),
            Trace::ChannelDropped { reason, .. } => {
                format!("channel dropped: {}", first_word(reason))
            }
            Trace::BatchDropped { reason, .. } => format!("batch dropped: {}", first_word(reason)),
            Trace::SpanDropped { reason, .. } => match reason {
                SpanDropReason::Block(reason) => {
                    format!("span dropped for a block: {}", first_word(reason))
                }
                reason => format!("span dropped: {}", first_word(reason)),
            },
            Trace::ChannelDecoded { .. } => "channel decoded".to_string(),
            Trace::BatchPast { .. } => "batch past".to_string(),
            Trace::BatchDeferred { .. } => "batch deferred".to_string(),
            Trace::BatchUndecided { .. } => "batch undecided".to_string(),
            Trace::WindowExpired { .. } => "empty batch, window expired".to_string(),
            Trace::PayloadReplaced { .. } => "payload replaced by deposits".to_string(),
            Trace::BatchRejected { taken_back: 0, .. } => "batch rejected".to_string(),
            Trace::BatchRejected { .. } => "batch rejected, blocks taken back".to_string(),
            Trace::BatchAccepted { .. }
            | Trace::OriginAdvanced(_)
            | Trace::ChannelOpened { .. }
            | Trace::Lost { .. } => return,
        };
        self.count(name);
    }

    /// Counts an event of the batcher.
    pub(crate) fn count_batcher(&mut self, trace: &BatcherTrace) {
        self.count(match trace {
            BatcherTrace::ChannelClosed { reason, .. } => match reason {
                CloseReason::Full => "batcher: channel full",
                CloseReason::Deadline => "batcher: channel due",
                CloseReason::Flushed | CloseReason::Unfit => "batcher: channel cut short",
            },
            BatcherTrace::ChannelLanded { .. } => "batcher: channel landed",
            BatcherTrace::Requeued { reason, .. } => match reason {
                RequeueReason::TxFailed => "batcher: sent again, transaction lost",
                RequeueReason::ChannelTimeout => "batcher: sent again, channel timed out",
                RequeueReason::NotDerived { .. } => "batcher: sent again, not derived",
            },
        });
    }
}

/// The name of an enum's variant.
fn first_word(variant: &impl fmt::Debug) -> String {
    let text = format!("{variant:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_string()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = [
            ("events", self.events),
            ("L1 blocks", self.l1_blocks),
            ("L1 reorganisations", self.reorgs),
            ("crashes", self.crashes),
            ("safe blocks", self.safe_blocks),
            ("safe blocks with batch transactions", self.full_blocks),
            ("checks of a node's heads", self.checks),
            ("checks beside the naive derivation", self.naive_checks),
        ];
        let rules = self.rules.iter().map(|(name, count)| (&**name, *count));
        for (name, count) in totals.into_iter().chain(rules) {
            writeln!(f, "{count:>12}  {name}")?;
        }
        Ok(())
    }
}
