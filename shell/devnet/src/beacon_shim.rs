//! A stand-in for the consensus client of an L1 that has none to speak of.
//!
//! Development chains such as anvil serve blobs under a beacon path, but by height instead of slot,
//! and say nothing of slots at all. The shim puts a slot grid of one second over such a chain: slot
//! = timestamp of the block − timestamp of block 0, whatever the pace of the chain and however its
//! clock jumps.
//!
//! In: the L1's two endpoints. Out: the URL of a beacon API that a rollup node can read; where the
//! L1 has one already, that is its own. Nothing served here is trusted by its readers: they check
//! blobs against the hashes that L1 commits to.

use crate::dev_l1::beacon::{Answer, Refusal, bad_request, parameters, prove, versioned_hash};
use alloy_eips::{BlockNumberOrTag, eip4844::Blob};
use alloy_primitives::{B256, hex};
use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    routing::get,
};
use opal_rpc::{BeaconClient, EthClient, RpcBlock, RpcError};
use serde_json::{Value, json};
use std::{io, net::Ipv4Addr, sync::Arc};

/// Seconds per slot: no two blocks of different times share a slot.
const SECONDS_PER_SLOT: u64 = 1;
/// Blocks looked at in one slot; chains that reorg may give the same time to several blocks.
const BLOCKS_PER_SLOT_MAX: u64 = 64;

/// Why there is no beacon API.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShimError {
    /// One of the L1's endpoints does not work.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The L1 has no block 0.
    #[error("the L1 at {0} has no block 0")]
    NoGenesis(String),
    /// No port to listen on.
    #[error("cannot open a port for the beacon stand-in: {0}")]
    Listen(#[from] io::Error),
}

/// The beacon URL to use for this L1: `l1_beacon` itself if it tells its slot times, else that of a
/// stand-in, which serves as long as the process runs.
pub(crate) async fn start(l1_rpc: &str, l1_beacon: &str) -> Result<String, ShimError> {
    let beacon = BeaconClient::new(l1_beacon, &[])?;
    match beacon.spec().await {
        Ok(_) => return Ok(l1_beacon.to_owned()),
        // It answers, if only to say that it does not know the path.
        Err(RpcError::Http { .. } | RpcError::Malformed { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let eth = EthClient::new(l1_rpc)?;
    let Some(genesis) = eth.header(0).await? else {
        return Err(ShimError::NoGenesis(eth.endpoint().to_owned()));
    };
    let shim = Arc::new(Shim {
        eth,
        beacon,
        genesis_time: genesis.header.timestamp,
    });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes(shim)).await });
    tracing::info!(
        url,
        "the L1 knows no slots; a stand-in serves its blobs by them"
    );
    Ok(url)
}

struct Shim {
    eth: EthClient,
    /// The L1's own beacon path, which takes heights for slots.
    beacon: BeaconClient,
    genesis_time: u64,
}

fn routes(shim: Arc<Shim>) -> Router {
    Router::new()
        .route("/eth/v1/config/spec", get(spec))
        .route("/eth/v1/beacon/genesis", get(genesis))
        .route("/eth/v1/beacon/headers/{id}", get(header))
        .route("/eth/v1/beacon/blobs/{id}", get(blobs))
        .route("/eth/v1/beacon/blob_sidecars/{id}", get(blob_sidecars))
        .with_state(shim)
}

async fn spec() -> Json<Value> {
    Json(json!({ "data": {
        "SECONDS_PER_SLOT": SECONDS_PER_SLOT.to_string(),
        "SLOT_DURATION_MS": (SECONDS_PER_SLOT * 1000).to_string(),
    }}))
}

async fn genesis(State(shim): State<Arc<Shim>>) -> Json<Value> {
    Json(json!({ "data": {
        "genesis_time": shim.genesis_time.to_string(),
        "genesis_validators_root": B256::ZERO,
        "genesis_fork_version": "0x00000000",
    }}))
}

async fn header(State(shim): State<Arc<Shim>>, Path(id): Path<String>) -> Answer {
    let block = match id.as_str() {
        "head" => shim.newest().await?,
        "genesis" => shim.block(0).await?.ok_or_else(|| nothing_at(&id))?,
        _ => shim
            .blocks_at(slot(&id)?)
            .await?
            .pop()
            .ok_or_else(|| nothing_at(&id))?,
    };
    Ok(Json(json!({
        "execution_optimistic": false, "finalized": false, "data": shim.header_json(&block),
    })))
}

async fn blobs(
    State(shim): State<Arc<Shim>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let wanted = hashes(query.as_deref())?;
    let (_, blobs) = shim.blobs_at(&id, &wanted).await?;
    let mut data = Vec::new();
    for blob in &blobs {
        // Not every upstream filters.
        if wanted.is_empty() || wanted.contains(&versioned_hash(blob)?) {
            data.push(hex::encode_prefixed(&blob[..]));
        }
    }
    Ok(Json(
        json!({ "execution_optimistic": false, "finalized": false, "data": data }),
    ))
}

async fn blob_sidecars(
    State(shim): State<Arc<Shim>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let wanted: Vec<String> = parameters(query.as_deref(), "indices").collect();
    let (block, blobs) = shim.blobs_at(&id, &[]).await?;
    let mut data = Vec::new();
    for (index, blob) in blobs.iter().enumerate() {
        if !wanted.is_empty() && !wanted.contains(&index.to_string()) {
            continue;
        }
        let (commitment, proof) = prove(blob)?;
        data.push(json!({
            "index": index.to_string(),
            "blob": hex::encode_prefixed(&blob[..]),
            "kzg_commitment": hex::encode_prefixed(commitment.as_slice()),
            "kzg_proof": hex::encode_prefixed(proof.as_slice()),
            "signed_block_header": shim.header_json(&block)["header"],
            "kzg_commitment_inclusion_proof": vec![B256::ZERO; 17],
        }));
    }
    Ok(Json(json!({ "data": data })))
}

type L1Header = RpcBlock<B256>;

impl Shim {
    /// The blobs of every block in a slot, and the last of these blocks.
    async fn blobs_at(
        &self,
        id: &str,
        wanted: &[B256],
    ) -> Result<(L1Header, Vec<Box<Blob>>), Refusal> {
        let blocks = match id {
            "head" => vec![self.newest().await?],
            _ => self.blocks_at(slot(id)?).await?,
        };
        let mut blobs = Vec::new();
        for block in &blocks {
            let of_block = self.beacon.blobs(0, block.header.number, wanted).await;
            blobs.extend(of_block.map_err(upstream)?);
        }
        let last = blocks
            .into_iter()
            .next_back()
            .ok_or_else(|| nothing_at(id))?;
        Ok((last, blobs))
    }

    /// The canonical blocks whose time falls into `slot`, in order.
    async fn blocks_at(&self, slot: u64) -> Result<Vec<L1Header>, Refusal> {
        let Some(time) = self
            .genesis_time
            .checked_add(slot.saturating_mul(SECONDS_PER_SLOT))
        else {
            return Ok(Vec::new());
        };
        // The first block that is not older, by halving: times never fall along a chain.
        let (mut low, mut high) = (0, self.newest().await?.header.number.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.block(middle).await? {
                Some(block) if block.header.timestamp < time => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        let mut blocks = Vec::new();
        for number in low..low.saturating_add(BLOCKS_PER_SLOT_MAX) {
            match self.block(number).await? {
                Some(block) if block.header.timestamp == time => blocks.push(block),
                _ => break,
            }
        }
        Ok(blocks)
    }

    async fn newest(&self) -> Result<L1Header, Refusal> {
        let newest = self
            .eth
            .header(BlockNumberOrTag::Latest)
            .await
            .map_err(upstream)?;
        newest.ok_or_else(|| nothing_at("head"))
    }

    async fn block(&self, number: u64) -> Result<Option<L1Header>, Refusal> {
        self.eth.header(number).await.map_err(upstream)
    }

    fn header_json(&self, block: &L1Header) -> Value {
        let slot = block.header.timestamp.saturating_sub(self.genesis_time) / SECONDS_PER_SLOT;
        json!({
            "root": block.hash,
            "canonical": true,
            "header": {
                "message": {
                    "slot": slot.to_string(),
                    "proposer_index": "0",
                    "parent_root": block.header.parent_hash,
                    "state_root": block.header.state_root,
                    "body_root": block.hash,
                },
                "signature": hex::encode_prefixed([0_u8; 96]),
            },
        })
    }
}

fn slot(id: &str) -> Result<u64, Refusal> {
    id.parse().map_err(|_| bad_request(id))
}

fn hashes(query: Option<&str>) -> Result<Vec<B256>, Refusal> {
    parameters(query, "versioned_hashes")
        .map(|text| text.parse().map_err(|_| bad_hash(&text)))
        .collect()
}

fn bad_hash(text: &str) -> Refusal {
    Refusal(
        StatusCode::BAD_REQUEST,
        format!("{text} is no versioned hash"),
    )
}

fn nothing_at(id: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("no block for id {id}"))
}

fn upstream(error: RpcError) -> Refusal {
    Refusal(StatusCode::BAD_GATEWAY, error.to_string())
}

#[cfg(test)]
mod tests;
