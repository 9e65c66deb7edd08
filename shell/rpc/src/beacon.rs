//! The beacon node's REST API, as far as a rollup node reads it: slot times and blobs.

use crate::{error::RpcError, eth::EthOptions};
use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;

/// What we read of `/eth/v1/config/spec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeaconSpec {
    /// Seconds per slot.
    pub seconds_per_slot: u64,
}

/// What we read of `/eth/v1/beacon/genesis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeaconGenesis {
    /// Unix time of slot 0 in seconds.
    pub genesis_time: u64,
}

/// A beacon node, and others to ask for blobs that it does not have.
#[derive(Clone, Debug)]
pub struct BeaconClient {}

impl BeaconClient {
    /// A client with default limits; `fallbacks` are asked for blobs only, in order.
    pub fn new(url: &str, fallbacks: &[String]) -> Result<Self, RpcError> {
        Self::with_options(url, fallbacks, EthOptions::default())
    }

    /// A client with limits of one's own.
    pub fn with_options(
        _url: &str,
        _fallbacks: &[String],
        _options: EthOptions,
    ) -> Result<Self, RpcError> {
        unimplemented!()
    }

    /// `/eth/v1/config/spec`.
    pub async fn spec(&self) -> Result<BeaconSpec, RpcError> {
        unimplemented!()
    }

    /// `/eth/v1/beacon/genesis`.
    pub async fn genesis(&self) -> Result<BeaconGenesis, RpcError> {
        unimplemented!()
    }

    /// Slot of the head, by `/eth/v1/beacon/headers/head`.
    pub async fn head_slot(&self) -> Result<u64, RpcError> {
        unimplemented!()
    }

    /// Scheme, host and port of each node, in the order in which they are asked for blobs.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = &str> {
        std::iter::empty()
    }

    /// Blobs of `slot` from the `endpoint`-th node (see [`Self::endpoints`]). May lack some of
    /// `hashes`, may hold others: whoever asks checks commitments.
    pub async fn blobs(
        &self,
        _endpoint: usize,
        _slot: u64,
        _hashes: &[B256],
    ) -> Result<Vec<Box<Blob>>, RpcError> {
        unimplemented!()
    }
}
