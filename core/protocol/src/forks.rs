//! The forks of the rollup and when they activate.
//!
//! A fork is active in every block whose timestamp is at or past its time. Which timestamp counts
//! (the L2 block's, its L1 origin's, or that of the L1 block that included the batch) is a matter
//! of each rule; see the four clocks in `docs/forks`.

use core::{fmt, str::FromStr};
use serde::{Deserialize, Serialize};

/// A fork of the rollup protocol, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Fork {
    Bedrock,
    Regolith,
    Canyon,
    Delta,
    Ecotone,
    Fjord,
    Granite,
    Holocene,
    Isthmus,
    Jovian,
    Karst,
}

impl Fork {
    /// Every fork, oldest first.
    pub const ALL: [Self; 11] = [
        Self::Bedrock,
        Self::Regolith,
        Self::Canyon,
        Self::Delta,
        Self::Ecotone,
        Self::Fjord,
        Self::Granite,
        Self::Holocene,
        Self::Isthmus,
        Self::Jovian,
        Self::Karst,
    ];

    /// The lower-case name used in flags and configuration keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bedrock => "bedrock",
            Self::Regolith => "regolith",
            Self::Canyon => "canyon",
            Self::Delta => "delta",
            Self::Ecotone => "ecotone",
            Self::Fjord => "fjord",
            Self::Granite => "granite",
            Self::Holocene => "holocene",
            Self::Isthmus => "isthmus",
            Self::Jovian => "jovian",
            Self::Karst => "karst",
        }
    }
}

impl Fork {
    /// The capitalized name that precedes the intents of the fork's upgrade transactions.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Bedrock => "Bedrock",
            Self::Regolith => "Regolith",
            Self::Canyon => "Canyon",
            Self::Delta => "Delta",
            Self::Ecotone => "Ecotone",
            Self::Fjord => "Fjord",
            Self::Granite => "Granite",
            Self::Holocene => "Holocene",
            Self::Isthmus => "Isthmus",
            Self::Jovian => "Jovian",
            Self::Karst => "Karst",
        }
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no fork of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown fork; known are bedrock, regolith, canyon, delta, ecotone, fjord, granite, holocene, isthmus, jovian, karst"
)]
pub struct UnknownFork;

impl FromStr for Fork {
    type Err = UnknownFork;

    fn from_str(s: &str) -> Result<Self, UnknownFork> {
        Self::ALL
            .into_iter()
            .find(|fork| fork.name().eq_ignore_ascii_case(s))
            .ok_or(UnknownFork)
    }
}

/// Activation times, unix seconds; `None` means never. Keys are those of `rollup.json`.
///
/// Bedrock has no time: a rollup starts with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ForkTimes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regolith_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canyon_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ecotone_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fjord_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granite_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holocene_time: Option<u64>,
    /// Optional exception: until this L1-origin time, Cancun's blob-fee fraction is kept in the L1
    /// attributes even though L1 runs Prague.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pectra_blob_schedule_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isthmus_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jovian_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub karst_time: Option<u64>,
}

impl ForkTimes {
    /// Every fork up to and including `last` active from genesis on.
    pub fn at_genesis(last: Fork) -> Self {
        let mut times = Self::default();
        for fork in Fork::ALL {
            if fork <= last {
                times.set(fork, Some(0));
            }
        }
        times
    }

    /// Activation time of `fork`, if it is scheduled. Bedrock is always active, from time 0.
    pub const fn time_of(&self, fork: Fork) -> Option<u64> {
        match fork {
            Fork::Bedrock => Some(0),
            Fork::Regolith => self.regolith_time,
            Fork::Canyon => self.canyon_time,
            Fork::Delta => self.delta_time,
            Fork::Ecotone => self.ecotone_time,
            Fork::Fjord => self.fjord_time,
            Fork::Granite => self.granite_time,
            Fork::Holocene => self.holocene_time,
            Fork::Isthmus => self.isthmus_time,
            Fork::Jovian => self.jovian_time,
            Fork::Karst => self.karst_time,
        }
    }

    /// Schedules `fork`; scheduling Bedrock has no effect.
    pub const fn set(&mut self, fork: Fork, time: Option<u64>) {
        match fork {
            Fork::Bedrock => {}
            Fork::Regolith => self.regolith_time = time,
            Fork::Canyon => self.canyon_time = time,
            Fork::Delta => self.delta_time = time,
            Fork::Ecotone => self.ecotone_time = time,
            Fork::Fjord => self.fjord_time = time,
            Fork::Granite => self.granite_time = time,
            Fork::Holocene => self.holocene_time = time,
            Fork::Isthmus => self.isthmus_time = time,
            Fork::Jovian => self.jovian_time = time,
            Fork::Karst => self.karst_time = time,
        }
    }

    /// Whether `fork` is active at `time`.
    pub const fn is_active(&self, fork: Fork, time: u64) -> bool {
        match self.time_of(fork) {
            Some(at) => time >= at,
            None => false,
        }
    }

    /// The newest fork active at `time`.
    pub fn newest_at(&self, time: u64) -> Fork {
        Fork::ALL
            .into_iter()
            .rev()
            .find(|f| self.is_active(*f, time))
            .unwrap_or(Fork::Bedrock)
    }
}
