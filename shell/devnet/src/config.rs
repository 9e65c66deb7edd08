//! What a devnet is asked to be.

use crate::genesis::roles;
use alloy_signer_local::PrivateKeySigner;
use opal_protocol::{Fork, ForkTimes};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

/// Everything a devnet can be told. Times are in seconds.
#[derive(Clone, Debug)]
pub struct DevnetConfig {
    /// Where the chains, the keys and `devnet.json` live.
    pub datadir: PathBuf,
    /// Keep the chains in memory; only `devnet.json` and the keys go to `datadir`.
    pub ephemeral: bool,
    /// Seconds between L2 blocks.
    pub block_time: u64,
    /// Seconds between L1 blocks (built-in L1 only).
    pub l1_block_time: u64,
    /// L1 blocks within which batches of an epoch must be included.
    pub seq_window_size: u64,
    /// Which forks are active, and since when.
    pub forks: Vec<ForkRequest>,
    /// Another L1 instead of the built-in one.
    pub external_l1: Option<ExternalL1>,
    /// A rollup whose contracts are on that L1 already, instead of one that is deployed there.
    pub rollup: Option<ExistingRollup>,
    /// How batches reach L1.
    pub da: DataAvailability,
    /// Stop with success once the verifier's safe head is at this height and equals the
    /// sequencer's block.
    pub until_safe: Option<u64>,
    /// Give up after this long.
    pub timeout: Option<Duration>,
    /// Where the figures of the run are written.
    pub report: Option<PathBuf>,
    /// Address all servers listen on.
    pub host: IpAddr,
    /// Ports of the servers; 0 picks a free one.
    pub ports: Ports,
}

impl DevnetConfig {
    /// A devnet in memory, on free ports, with one-second blocks.
    pub fn ephemeral(datadir: PathBuf) -> Self {
        Self {
            datadir,
            ephemeral: true,
            block_time: 1,
            l1_block_time: 1,
            seq_window_size: 3600,
            forks: Vec::new(),
            external_l1: None,
            rollup: None,
            da: DataAvailability::Blobs,
            until_safe: None,
            timeout: None,
            report: None,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports::default(),
        }
    }

    /// Where `devnet.json` lies.
    pub fn descriptor_path(&self) -> PathBuf {
        self.datadir.join("devnet.json")
    }

    /// Where the secret of the engines lies.
    pub(crate) fn jwt_path(&self) -> PathBuf {
        self.datadir.join("jwt.hex")
    }

    /// Key of the batcher.
    pub(crate) fn batcher(&self) -> PrivateKeySigner {
        let given = self.rollup.as_ref().map(|rollup| rollup.batcher.clone());
        given.unwrap_or_else(|| roles().batcher)
    }

    /// Key of the proposer, if there is to be one.
    pub(crate) fn proposer(&self) -> Option<PrivateKeySigner> {
        match &self.rollup {
            Some(rollup) => rollup.proposer.clone(),
            None => Some(roles().proposer),
        }
    }
}

/// An L1 that somebody else runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalL1 {
    /// JSON-RPC endpoint.
    pub rpc: String,
    /// Beacon API endpoint.
    pub beacon: String,
    /// Do not check transaction roots; some development chains compute them wrong.
    pub trust_rpc: bool,
}

/// A rollup whose contracts are on L1 already: what it starts from, and whose keys run it.
#[derive(Clone, Debug)]
pub struct ExistingRollup {
    /// `rollup.json`, in op-node's format.
    pub config: PathBuf,
    /// The first block of L2, in geth's format.
    pub genesis: PathBuf,
    /// The key whose batches count, as the SystemConfig contract says.
    pub batcher: PrivateKeySigner,
    /// The key that may propose; without it nothing is proposed.
    pub proposer: Option<PrivateKeySigner>,
}

/// How the batcher posts its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataAvailability {
    /// In blobs.
    #[default]
    Blobs,
    /// In calldata.
    Calldata,
}

/// Ports of the servers; 0 picks a free one.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Ports {
    pub l1_rpc: u16,
    pub l1_beacon: u16,
    pub l1_control: u16,
    pub sequencer_rpc: u16,
    pub sequencer_engine: u16,
    pub sequencer_node: u16,
    pub verifier_rpc: u16,
    pub verifier_engine: u16,
    pub verifier_node: u16,
    pub batcher: u16,
    pub batcher_metrics: u16,
    pub proposer: u16,
}

/// `NAME` (active at genesis, with all older forks) or `NAME@SECONDS` (that long after genesis).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkRequest {
    /// The fork.
    pub fork: Fork,
    /// Seconds after genesis; `None` is at genesis.
    pub after: Option<u64>,
}

impl FromStr for ForkRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, after) = match text.split_once('@') {
            None => (text, None),
            Some((name, seconds)) => {
                let seconds = seconds
                    .parse()
                    .map_err(|_| format!("`{seconds}` is no number of seconds after genesis"))?;
                (name, Some(seconds))
            }
        };
        let fork = name.parse::<Fork>().map_err(|e| format!("`{name}`: {e}"))?;
        Ok(Self { fork, after })
    }
}

/// The fork times a devnet that starts at `genesis_time` has for these requests.
///
/// Without requests everything is active at genesis. Forks older than the oldest request are
/// active at genesis; forks newer than the newest one never are; an unnamed fork in between
/// activates together with the next newer named one.
pub fn fork_times(requests: &[ForkRequest], genesis_time: u64) -> Result<ForkTimes, String> {
    if requests.is_empty() {
        return Ok(ForkTimes::at_genesis(Fork::Karst));
    }
    let mut sorted = requests.to_vec();
    sorted.sort_by_key(|request| request.fork);
    let oldest = sorted[0].fork;
    let mut times = ForkTimes::default();
    for fork in Fork::ALL {
        let named = sorted.iter().find(|request| request.fork >= fork);
        let time = match named {
            None => continue,
            Some(_) if fork < oldest => 0,
            Some(request) => request
                .after
                .map_or(0, |after| genesis_time.saturating_add(after)),
        };
        times.set(fork, Some(time));
    }
    for pair in sorted.windows(2) {
        let (earlier, later) = (pair[0], pair[1]);
        if earlier.fork == later.fork {
            return Err(format!("--fork {} is given twice", later.fork));
        }
        if later.after.unwrap_or(0) < earlier.after.unwrap_or(0) {
            return Err(format!(
                "--fork: {} would come before {}",
                later.fork, earlier.fork
            ));
        }
    }
    if !times.is_active(Fork::Holocene, genesis_time) {
        return Err("--fork: forks up to holocene must be active at genesis".into());
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(requests: &[&str]) -> Result<[Option<u64>; 4], String> {
        let requests: Vec<_> = requests.iter().map(|r| r.parse().unwrap()).collect();
        let times = fork_times(&requests, 1000)?;
        Ok([
            times.holocene_time,
            times.isthmus_time,
            times.jovian_time,
            times.karst_time,
        ])
    }

    #[test]
    fn requests_become_times() {
        let cases: [(&[&str], [Option<u64>; 4]); 6] = [
            (&[], [Some(0), Some(0), Some(0), Some(0)]),
            (&["holocene"], [Some(0), None, None, None]),
            (&["jovian@30"], [Some(0), Some(0), Some(1030), None]),
            (&["karst@30"], [Some(0), Some(0), Some(0), Some(1030)]),
            (
                &["isthmus", "karst@30"],
                [Some(0), Some(0), Some(1030), Some(1030)],
            ),
            (
                &["isthmus@5", "jovian@9"],
                [Some(0), Some(1005), Some(1009), None],
            ),
        ];
        for (requests, expected) in cases {
            assert_eq!(times(requests).unwrap(), expected, "{requests:?}");
        }
    }

    #[test]
    fn impossible_requests_are_refused() {
        assert!(
            times(&["isthmus@9", "jovian@5"])
                .unwrap_err()
                .contains("before")
        );
        assert!(
            times(&["isthmus@9", "isthmus"])
                .unwrap_err()
                .contains("twice")
        );
        assert!(times(&["granite"]).unwrap_err().contains("holocene"));
        assert!(
            "jovian@soon"
                .parse::<ForkRequest>()
                .unwrap_err()
                .contains("seconds")
        );
        assert!(
            "tokyo"
                .parse::<ForkRequest>()
                .unwrap_err()
                .contains("tokyo")
        );
    }
}
