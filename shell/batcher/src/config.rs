//! Settings of the batcher, under op-batcher's names and with its defaults.

use alloy_signer_local::PrivateKeySigner;
use opal_rpc::RpcError;
use opal_txmgr::TxManagerConfig;
use std::{net::SocketAddr, time::Duration};

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
    pub compression: opal_protocol::Compression,
    /// Compression level: 9 to 11 for brotli, 0 to 9 for zlib.
    pub compression_level: u8,
    /// Start idle, until `admin_startBatcher` (`stopped`).
    pub stopped: bool,
    /// Address of the RPC server.
    pub rpc_addr: SocketAddr,
    /// Whether the RPC server offers `admin_*` (`rpc.enable-admin`).
    pub enable_admin: bool,
    /// Sending (`num-confirmations`, `fee-limit-multiplier`, `max-pending-tx`, …).
    pub tx_manager: TxManagerConfig,
}

/// Why the batcher cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// A setting is out of range.
    #[error("batcher: {setting} {problem}")]
    Setting {
        /// The flag.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A node did not answer, or is on another chain.
    #[error("batcher: {0}")]
    Rpc(#[from] RpcError),
    /// The transaction manager cannot start.
    #[error("batcher: {0}")]
    TxManager(#[from] opal_txmgr::StartError),
    /// The RPC server cannot listen.
    #[error(
        "batcher: cannot listen on {address}: {problem}; is another batcher running, or the port taken?"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        problem: String,
    },
}
