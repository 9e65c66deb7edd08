//! Settings of the batcher, under op-batcher's names and with its defaults.

use alloy_signer_local::PrivateKeySigner;
use opal_protocol::Compression;
use opal_rpc::RpcError;
use opal_submission::{BatchForm, ConfigError, DataForm, MAX_BLOBS_PER_TX, SubmissionConfig};
use opal_txmgr::TxManagerConfig;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// Where batch data goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataAvailability {
    /// Into blobs.
    #[default]
    Blobs,
    /// Into calldata.
    Calldata,
}

/// Settings of the batcher.
#[derive(Clone, Debug)]
pub struct BatcherConfig {
    /// The key whose address is the chain's batcher.
    pub signer: PrivateKeySigner,
    /// Where batch data goes (`data-availability-type`).
    pub data_availability: DataAvailability,
    /// How often the rollup node is asked for its status (`poll-interval`).
    pub poll_interval: Duration,
    /// L1 blocks after which a channel is closed although it is not full; 0 never
    /// (`max-channel-duration`).
    pub max_channel_duration: u64,
    /// L1 blocks by which a channel is closed ahead of the end of a window (`sub-safety-margin`).
    pub sub_safety_margin: u64,
    /// Frames, and with blobs also blobs per transaction, that a channel aims at
    /// (`target-num-frames`).
    pub target_num_frames: usize,
    /// Most bytes of calldata in one transaction (`max-l1-tx-size-bytes`).
    pub max_l1_tx_size_bytes: usize,
    /// Most blocks in one span batch; 0 is no limit (`max-blocks-per-span-batch`).
    pub max_blocks_per_span_batch: u64,
    /// Whether blocks travel in span batches (`batch-type` 1) or one by one (0).
    pub span_batches: bool,
    /// How channels are compressed (`compression-algo`).
    pub compression: Compression,
    /// Compression level: 9 to 11 for brotli, 0 to 9 for zlib.
    pub compression_level: u8,
    /// At the start, wait until the rollup node has read L1 up to so many blocks below its head, so
    /// that nothing is posted twice (`wait-node-sync`).
    pub wait_node_sync: Option<u64>,
    /// Start idle, until `admin_startBatcher` (`stopped`).
    pub stopped: bool,
    /// Address of the RPC server.
    pub rpc_addr: SocketAddr,
    /// Whether the RPC server offers `admin_*` (`rpc.enable-admin`).
    pub enable_admin: bool,
    /// Where metrics are served, if anywhere (`metrics.enabled`).
    pub metrics_addr: Option<SocketAddr>,
    /// Sending (`num-confirmations`, `fee-limit-multiplier`, `max-pending-tx`, …).
    pub tx_manager: TxManagerConfig,
}

impl BatcherConfig {
    /// The defaults of op-batcher, with blobs, span batches and brotli chosen, and six frames per
    /// channel so that a backlog fills its transactions.
    pub fn new(signer: PrivateKeySigner) -> Self {
        Self {
            signer,
            data_availability: DataAvailability::Blobs,
            poll_interval: Duration::from_secs(6),
            max_channel_duration: 0,
            sub_safety_margin: 10,
            target_num_frames: MAX_BLOBS_PER_TX,
            max_l1_tx_size_bytes: 120_000,
            max_blocks_per_span_batch: 0,
            span_batches: true,
            compression: Compression::Brotli,
            compression_level: 10,
            wait_node_sync: None,
            stopped: false,
            rpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8548)),
            enable_admin: false,
            metrics_addr: None,
            tx_manager: TxManagerConfig::default(),
        }
    }

    /// Settings for a rollup on one machine whose L1 makes a block every few seconds: everything
    /// is posted within an L1 block or two.
    pub fn devnet(signer: PrivateKeySigner) -> Self {
        Self {
            poll_interval: Duration::from_millis(500),
            max_channel_duration: 1,
            // Level 10 takes twenty times as long for two per cent, and the sequencer is on the
            // same machine.
            compression_level: 9,
            wait_node_sync: Some(4),
            rpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            enable_admin: true,
            tx_manager: TxManagerConfig::devnet(),
            ..Self::new(signer)
        }
    }

    /// What concerns the building of channels.
    pub(crate) fn submission(&self) -> SubmissionConfig {
        SubmissionConfig {
            batch: if self.span_batches {
                BatchForm::Span
            } else {
                BatchForm::Singular
            },
            compression: self.compression,
            compression_level: self.compression_level,
            data: match self.data_availability {
                DataAvailability::Blobs => DataForm::Blobs {
                    max_per_tx: self.target_num_frames.clamp(1, MAX_BLOBS_PER_TX),
                },
                DataAvailability::Calldata => DataForm::Calldata {
                    max_bytes: self.max_l1_tx_size_bytes,
                },
            },
            target_num_frames: self.target_num_frames,
            max_channel_duration: self.max_channel_duration,
            sub_safety_margin: self.sub_safety_margin,
            max_blocks_per_span_batch: self.max_blocks_per_span_batch,
            wait_node_sync: self.wait_node_sync,
        }
    }
}

/// Why the batcher cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// A setting is out of range.
    #[error("batcher: {0}")]
    Setting(#[from] ConfigError),
    /// A node did not answer, or is on another chain.
    #[error("batcher: {0}")]
    Rpc(#[from] RpcError),
    /// The transaction manager cannot start.
    #[error("batcher: {0}")]
    TxManager(#[from] opal_txmgr::StartError),
    /// A server cannot listen.
    #[error("batcher: {0}")]
    Listen(#[from] opal_txmgr::serve::ListenError),
}
