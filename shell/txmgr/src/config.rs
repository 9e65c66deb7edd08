//! Settings of the transaction manager.

use opal_txqueue::QueueConfig;
use std::time::Duration;

/// Which proofs travel with blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidecarVersion {
    /// Try what was accepted last, cell proofs at first, and fall back to the other.
    #[default]
    Auto,
    /// One proof per blob (EIP-4844): L1 before Osaka.
    V0,
    /// Cell proofs (EIP-7594): L1 from Osaka on.
    V1,
}

/// Settings of a [`TxManager`](crate::TxManager).
#[derive(Clone, Copy, Debug)]
pub struct TxManagerConfig {
    /// Nonces, fees, patience.
    pub queue: QueueConfig,
    /// Chain id of L1; `None` asks the node.
    pub chain_id: Option<u64>,
    /// How often L1's head and the receipts are looked at.
    pub receipt_query_interval: Duration,
    /// Which proofs travel with blobs.
    pub sidecar: SidecarVersion,
}

impl Default for TxManagerConfig {
    /// The defaults of op-batcher's transaction manager.
    fn default() -> Self {
        Self {
            queue: QueueConfig::default(),
            chain_id: None,
            receipt_query_interval: Duration::from_secs(12),
            sidecar: SidecarVersion::Auto,
        }
    }
}

impl TxManagerConfig {
    /// Settings for an L1 on the same machine with blocks every few seconds.
    pub fn devnet() -> Self {
        Self {
            queue: QueueConfig {
                num_confirmations: 1,
                resubmission_timeout_ms: 12_000,
                not_in_mempool_timeout_ms: 12_000,
                max_pending: 4,
                ..QueueConfig::default()
            },
            receipt_query_interval: Duration::from_millis(250),
            ..Self::default()
        }
    }
}
