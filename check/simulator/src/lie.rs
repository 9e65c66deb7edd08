//! Wrong beliefs that a pipeline is made to hold, to prove that somebody notices.
//!
//! A lie concerns one rule: a pipeline is given a configuration in which that rule begins at
//! another time, or has another parameter; where the same time also decides what attributes look
//! like, they are set right again.

use opal_derivation::DerivedAttributes;
use opal_protocol::{Fork, L1ChainConfig, RollupConfig};

/// A wrong belief about one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The channel bank is read from its head alone, after Canyon too.
    HeadOnlyAfterCanyon,
    /// The channel bank is searched for any complete channel, before Canyon too.
    ScanBeforeCanyon,
    /// Span batches count before Delta.
    SpansBeforeDelta,
    /// An L2 block may be as far ahead of its L1 origin as since Fjord, before it too.
    ConstantDriftBeforeFjord,
    /// Since Granite, channels have as much time as before.
    LongTimeoutAfterGranite,
    /// Granite's channel timeout holds before Granite.
    GraniteTimeoutTooEarly,
    /// Holocene's order holds before Holocene: spans count in part, nothing waits, one channel at a
    /// time.
    StrictOrderBeforeHolocene,
    /// L1's blob parameters stay what they were at first.
    OldBlobSchedule,
    /// The exception about Prague's blob parameters is unknown.
    NoPectraException,
    /// The gas of Karst's upgrade transactions is treated as on the other kind of chain.
    OtherKarstGas,
}

impl Lie {
    /// The rollup as the pipeline believes it to be.
    pub(crate) fn config(self, truth: &RollupConfig) -> RollupConfig {
        let mut cfg = truth.clone();
        match self {
            Self::HeadOnlyAfterCanyon => cfg.forks.set(Fork::Canyon, None),
            Self::ScanBeforeCanyon => cfg.forks.set(Fork::Canyon, Some(0)),
            Self::SpansBeforeDelta => cfg.forks.set(Fork::Delta, Some(0)),
            Self::ConstantDriftBeforeFjord => {
                cfg.max_sequencer_drift = opal_protocol::config::FJORD_MAX_SEQUENCER_DRIFT;
            }
            Self::LongTimeoutAfterGranite => cfg.forks.set(Fork::Granite, None),
            Self::GraniteTimeoutTooEarly => cfg.forks.set(Fork::Granite, Some(0)),
            Self::StrictOrderBeforeHolocene => cfg.forks.set(Fork::Holocene, Some(0)),
            Self::NoPectraException => cfg.forks.pectra_blob_schedule_time = None,
            Self::OtherKarstGas => cfg.keep_karst_upgrade_gas = !cfg.keep_karst_upgrade_gas,
            Self::OldBlobSchedule => {}
        }
        cfg
    }

    /// L1 as the pipeline believes it to be.
    pub(crate) fn l1_chain(self, truth: &L1ChainConfig) -> L1ChainConfig {
        let mut chain = truth.clone();
        if self == Self::OldBlobSchedule {
            chain.blob_schedule.truncate(1);
        }
        chain
    }

    /// Sets right what the lie was not meant to change.
    pub(crate) fn amend(self, truth: &RollupConfig, derived: &mut DerivedAttributes) {
        let attributes = &mut derived.attributes;
        let time = attributes.payload_attributes.timestamp;
        match self {
            Self::HeadOnlyAfterCanyon | Self::ScanBeforeCanyon => {
                let withdrawals = truth.is_active(Fork::Canyon, time).then(Vec::new);
                attributes.payload_attributes.withdrawals = withdrawals;
            }
            Self::StrictOrderBeforeHolocene if !truth.is_active(Fork::Holocene, time) => {
                attributes.eip_1559_params = None;
            }
            _ => {}
        }
    }
}
