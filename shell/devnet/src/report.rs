//! `--report`: the figures of a run, as JSON.

use serde::Serialize;
use std::{io, path::Path};

/// What a run measured. Times are milliseconds since the process started the devnet.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Until the first L2 block was built (or, when resuming, the first new one).
    pub(crate) first_block_ms: Option<u64>,
    /// Until the verifier derived its first (new) safe block.
    pub(crate) first_safe_ms: Option<u64>,
    /// Until the goal of `--until-safe` was reached.
    pub(crate) goal_ms: Option<u64>,
    /// Length of the run.
    pub(crate) total_ms: u64,
    /// Resident memory of the process at the end.
    pub(crate) memory_bytes: Option<u64>,
    /// The most resident memory it ever had.
    pub(crate) memory_peak_bytes: Option<u64>,
    /// Heights at the end.
    pub(crate) l1_head: u64,
    pub(crate) sequencer_unsafe: u64,
    pub(crate) verifier_safe: u64,
    pub(crate) verifier_finalized: u64,
    /// Proposals on L1 while it ran, and the L2 block of the last one.
    pub(crate) proposals: u64,
    pub(crate) proposed_block: Option<u64>,
    /// L2 transactions without deposits, and gas, while it ran.
    pub(crate) transactions: u64,
    pub(crate) gas: u64,
}

impl Report {
    /// Adds the memory figures and writes the file.
    pub(crate) fn write(mut self, path: &Path) -> io::Result<()> {
        self.memory_bytes = memory("VmRSS:");
        self.memory_peak_bytes = memory("VmHWM:");
        std::fs::write(path, serde_json::to_string_pretty(&self)? + "\n")
    }
}

/// A field of the process's own status, in bytes; absent where the system does not tell.
fn memory(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_json() {
        let file = tempfile::NamedTempFile::new().unwrap();
        Report {
            first_block_ms: Some(7),
            ..Report::default()
        }
        .write(file.path())
        .unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["firstBlockMs"], 7);
    }
}
