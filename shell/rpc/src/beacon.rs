//! The beacon node's REST API, as far as a rollup node reads it: slot times and blobs.
//!
//! In: slots and versioned hashes. Out: candidate blobs; whoever asked checks their commitments,
//! so nothing here is trusted.

use crate::{error::RpcError, eth::EthOptions, http::Http, retry::RetryPolicy};
use alloy_eips::eip4844::{Blob, kzg_to_versioned_hash};
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::sync::Arc;

/// Most blobs taken from one answer, far above what an L1 block can hold.
const BLOBS_PER_ANSWER_MAX: usize = 256;

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

/// A beacon node, and others to ask for blobs that it does not have; cheap to clone.
#[derive(Clone, Debug)]
pub struct BeaconClient {
    /// The beacon node, then the fallbacks.
    nodes: Arc<[Http]>,
    retry: RetryPolicy,
}

impl BeaconClient {
    /// A client with default limits; `fallbacks` are asked for blobs only, in order.
    pub fn new(url: &str, fallbacks: &[String]) -> Result<Self, RpcError> {
        Self::with_options(url, fallbacks, EthOptions::default())
    }

    /// A client with limits of one's own.
    pub fn with_options(
        url: &str,
        fallbacks: &[String],
        options: EthOptions,
    ) -> Result<Self, RpcError> {
        let node =
            |what, url: &str| Http::new(what, url, options.timeout, options.response_bytes_max);
        let mut nodes = vec![node("the beacon node", url)?];
        for url in fallbacks {
            nodes.push(node("a fallback beacon node", url)?);
        }
        Ok(Self {
            nodes: nodes.into(),
            retry: options.retry,
        })
    }

    /// `/eth/v1/config/spec`.
    pub async fn spec(&self) -> Result<BeaconSpec, RpcError> {
        let path = "/eth/v1/config/spec";
        let spec: SpecData = self.first(path).await?;
        let seconds = match (spec.seconds_per_slot, spec.slot_duration_ms) {
            (Some(seconds), _) => Some(seconds),
            (None, Some(ms)) if ms % 1000 == 0 => Some(ms / 1000),
            _ => None,
        };
        match seconds {
            Some(seconds_per_slot) if seconds_per_slot > 0 => Ok(BeaconSpec { seconds_per_slot }),
            _ => Err(self.node(0)?.malformed(path, "no usable SECONDS_PER_SLOT")),
        }
    }

    /// `/eth/v1/beacon/genesis`.
    pub async fn genesis(&self) -> Result<BeaconGenesis, RpcError> {
        let data: GenesisData = self.first("/eth/v1/beacon/genesis").await?;
        Ok(BeaconGenesis {
            genesis_time: data.genesis_time,
        })
    }

    /// Slot of the head, by `/eth/v1/beacon/headers/head`.
    pub async fn head_slot(&self) -> Result<u64, RpcError> {
        let data: HeaderData = self.first("/eth/v1/beacon/headers/head").await?;
        Ok(data.header.message.slot)
    }

    /// Scheme, host and port of each node, in the order in which they are asked for blobs.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.nodes.iter().map(Http::endpoint)
    }

    /// Blobs of `slot` from the `endpoint`-th node (see [`Self::endpoints`]). May lack some of
    /// `hashes`, may hold others: whoever asks checks commitments. A node that knows no
    /// `/blobs/{slot}`, or has nothing there, is asked for `/blob_sidecars/{slot}`.
    pub async fn blobs(
        &self,
        endpoint: usize,
        slot: u64,
        hashes: &[B256],
    ) -> Result<Vec<Box<Blob>>, RpcError> {
        let node = self.node(endpoint)?;
        let path = format!("/eth/v1/beacon/blobs/{slot}");
        let query: Vec<_> = hashes
            .iter()
            .map(|hash| ("versioned_hashes", hash.to_string()))
            .collect();
        let mut first = self.get::<Vec<Bytes>>(node, &path, &query).await;
        // Some servers heed only one of several hashes: then all of the slot is asked for.
        if let Ok(some) = &first
            && some.len() < hashes.len()
            && hashes.len() > 1
            && let Ok(all) = self.get::<Vec<Bytes>>(node, &path, &[]).await
            && all.len() > some.len()
        {
            first = Ok(all);
        }
        match first {
            Ok(blobs) if !blobs.is_empty() => {
                return blobs
                    .iter()
                    .take(BLOBS_PER_ANSWER_MAX)
                    .map(|bytes| blob(bytes).ok_or_else(|| not_a_blob(node, &path, bytes)))
                    .collect();
            }
            Err(e) if e.is_retryable() => return Err(e),
            _ => {}
        }
        let sidecars = self.sidecars(node, slot, hashes).await;
        match (sidecars, first) {
            (Ok(blobs), _) => Ok(blobs),
            // The old path may be gone; then the new one's answer is the one to tell.
            (Err(RpcError::Http { .. }), Err(e)) => Err(e),
            (Err(RpcError::Http { .. }), Ok(_)) => Ok(Vec::new()),
            (Err(e), _) => Err(e),
        }
    }

    async fn sidecars(
        &self,
        node: &Http,
        slot: u64,
        hashes: &[B256],
    ) -> Result<Vec<Box<Blob>>, RpcError> {
        let path = format!("/eth/v1/beacon/blob_sidecars/{slot}");
        let sidecars: Vec<SidecarData> = self.get(node, &path, &[]).await?;
        sidecars
            .iter()
            .take(BLOBS_PER_ANSWER_MAX)
            .filter(|sidecar| hashes.contains(&kzg_to_versioned_hash(&sidecar.kzg_commitment)))
            .map(|sidecar| {
                blob(&sidecar.blob).ok_or_else(|| not_a_blob(node, &path, &sidecar.blob))
            })
            .collect()
    }

    async fn first<T: DeserializeOwned>(&self, path: &str) -> Result<T, RpcError> {
        self.get(self.node(0)?, path, &[]).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        node: &Http,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, RpcError> {
        let body = self.retry.run(|| node.get(path, path, query)).await?;
        let answer: Answer<T> =
            serde_json::from_slice(&body).map_err(|e| node.malformed(path, e))?;
        Ok(answer.data)
    }

    fn node(&self, index: usize) -> Result<&Http, RpcError> {
        self.nodes.get(index).ok_or_else(|| RpcError::Url {
            what: "a beacon node",
            problem: format!("there is no endpoint number {index}"),
        })
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct SpecData {
    #[serde(
        rename = "SECONDS_PER_SLOT",
        default,
        deserialize_with = "optional_decimal"
    )]
    seconds_per_slot: Option<u64>,
    /// Newer name, in milliseconds.
    #[serde(
        rename = "SLOT_DURATION_MS",
        default,
        deserialize_with = "optional_decimal"
    )]
    slot_duration_ms: Option<u64>,
}

#[derive(Deserialize)]
struct GenesisData {
    #[serde(deserialize_with = "decimal")]
    genesis_time: u64,
}

#[derive(Deserialize)]
struct HeaderData {
    header: SignedHeader,
}

#[derive(Deserialize)]
struct SignedHeader {
    message: HeaderMessage,
}

#[derive(Deserialize)]
struct HeaderMessage {
    #[serde(deserialize_with = "decimal")]
    slot: u64,
}

#[derive(Deserialize)]
struct SidecarData {
    blob: Bytes,
    kzg_commitment: Bytes,
}

/// The beacon API writes integers as decimal strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Decimal {
    Text(String),
    Number(u64),
}

fn decimal<'de, D: Deserializer<'de>>(json: D) -> Result<u64, D::Error> {
    match Decimal::deserialize(json)? {
        Decimal::Number(number) => Ok(number),
        Decimal::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn optional_decimal<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u64>, D::Error> {
    decimal(json).map(Some)
}

fn blob(bytes: &[u8]) -> Option<Box<Blob>> {
    let mut blob = Box::new(Blob::ZERO);
    if bytes.len() != blob.len() {
        return None;
    }
    blob.copy_from_slice(bytes);
    Some(blob)
}

fn not_a_blob(node: &Http, path: &str, bytes: &[u8]) -> RpcError {
    node.malformed(path, format!("a blob of {} bytes", bytes.len()))
}
