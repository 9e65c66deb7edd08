//! The beacon endpoints of the development L1: what a rollup node asks of a consensus client.
//!
//! Inputs: HTTP. Outputs: the JSON of the Beacon API. A block id is `head`, `genesis`, a slot, or a
//! beacon block root.

use super::{
    blobs::BlobStore,
    slots::{SlotBlock, Slots, beacon_root},
};
use alloy_eips::eip4844::{Blob, kzg_to_versioned_hash};
use alloy_primitives::{B256, hex};
use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use c_kzg::Bytes48;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Table size of the KZG library: none, since the devnet commits to few blobs and memory counts.
const KZG_PRECOMPUTE: u64 = 0;

/// What the endpoints read.
#[derive(Debug)]
pub(crate) struct Beacon {
    /// The canonical chain.
    pub(crate) slots: Slots,
    /// The blobs.
    pub(crate) blobs: BlobStore,
    /// Tests hold blobs back with this: while set, no blob is served.
    pub(crate) withhold_blobs: AtomicBool,
}

/// The routes, ready to serve.
pub(crate) fn routes(beacon: Arc<Beacon>) -> Router {
    Router::new()
        .route("/eth/v1/config/spec", get(spec))
        .route("/eth/v1/beacon/genesis", get(genesis))
        .route("/eth/v1/beacon/headers", get(head_header))
        .route("/eth/v1/beacon/headers/{id}", get(header))
        .route("/eth/v1/beacon/blobs/{id}", get(blobs))
        .route("/eth/v1/beacon/blob_sidecars/{id}", get(blob_sidecars))
        .route("/eth/v1/node/version", get(version))
        .route("/eth/v1/node/syncing", get(syncing))
        .with_state(beacon)
}

/// A refusal in the form of the Beacon API.
pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (
            self.0,
            Json(json!({ "code": self.0.as_u16(), "message": self.1 })),
        )
            .into_response()
    }
}

pub(crate) type Answer = Result<Json<Value>, Refusal>;

async fn spec(State(beacon): State<Arc<Beacon>>) -> Json<Value> {
    let seconds = beacon.slots.seconds_per_slot;
    Json(json!({ "data": {
        "CONFIG_NAME": "opal-devnet",
        "PRESET_BASE": "mainnet",
        "SECONDS_PER_SLOT": seconds.to_string(),
        "SLOT_DURATION_MS": seconds.saturating_mul(1000).to_string(),
        "SLOTS_PER_EPOCH": "32",
        "MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS": "4096",
    }}))
}

async fn genesis(State(beacon): State<Arc<Beacon>>) -> Json<Value> {
    Json(json!({ "data": {
        "genesis_time": beacon.slots.genesis_time.to_string(),
        "genesis_validators_root": B256::ZERO,
        "genesis_fork_version": "0x00000000",
    }}))
}

async fn version() -> Json<Value> {
    Json(json!({ "data": { "version": concat!("opal-devnet/", env!("CARGO_PKG_VERSION")) } }))
}

async fn syncing(State(beacon): State<Arc<Beacon>>) -> Json<Value> {
    let head = beacon.slots.head().map_or(0, |(slot, _)| slot);
    Json(json!({ "data": {
        "head_slot": head.to_string(), "sync_distance": "0",
        "is_syncing": false, "is_optimistic": false, "el_offline": false,
    }}))
}

async fn head_header(State(beacon): State<Arc<Beacon>>, RawQuery(query): RawQuery) -> Answer {
    let slot = parameters(query.as_deref(), "slot").next();
    let id = slot.unwrap_or_else(|| "head".into());
    let (slot, block) = find(&beacon, &id)?;
    Ok(Json(json!({
        "execution_optimistic": false, "finalized": false, "data": [header_json(slot, &block)],
    })))
}

async fn header(State(beacon): State<Arc<Beacon>>, Path(id): Path<String>) -> Answer {
    let (slot, block) = find(&beacon, &id)?;
    Ok(Json(json!({
        "execution_optimistic": false, "finalized": false, "data": header_json(slot, &block),
    })))
}

async fn blobs(
    State(beacon): State<Arc<Beacon>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let stored = load_blobs(&beacon, &id)?.1;
    let wanted: Vec<String> = parameters(query.as_deref(), "versioned_hashes").collect();
    let mut data = Vec::new();
    for blob in &stored {
        if wanted.is_empty() || wanted.contains(&versioned_hash(blob)?.to_string()) {
            data.push(Value::from(hex::encode_prefixed(blob.as_slice())));
        }
    }
    Ok(Json(
        json!({ "execution_optimistic": false, "finalized": false, "data": data }),
    ))
}

async fn blob_sidecars(
    State(beacon): State<Arc<Beacon>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let ((slot, block), stored) = load_blobs(&beacon, &id)?;
    let wanted: Vec<String> = parameters(query.as_deref(), "indices").collect();
    let mut data = Vec::new();
    for (index, blob) in stored.iter().enumerate() {
        if !wanted.is_empty() && !wanted.contains(&index.to_string()) {
            continue;
        }
        let (commitment, proof) = prove(blob)?;
        data.push(json!({
            "index": index.to_string(),
            "blob": hex::encode_prefixed(blob.as_slice()),
            "kzg_commitment": hex::encode_prefixed(commitment.as_slice()),
            "kzg_proof": hex::encode_prefixed(proof.as_slice()),
            "signed_block_header": header_json(slot, &block)["header"],
            "kzg_commitment_inclusion_proof": vec![B256::ZERO; 17],
        }));
    }
    Ok(Json(json!({ "data": data })))
}

/// The block an id names, or 404.
fn find(beacon: &Beacon, id: &str) -> Result<(u64, SlotBlock), Refusal> {
    let found = match id {
        "head" => beacon.slots.head(),
        "genesis" => beacon.slots.block(0),
        _ if id.starts_with("0x") => {
            let root = id.parse().map_err(|_| bad_request(id))?;
            beacon.slots.block_by_root(root)
        }
        _ => beacon.slots.block(id.parse().map_err(|_| bad_request(id))?),
    };
    found.ok_or_else(|| Refusal(StatusCode::NOT_FOUND, format!("no block for id {id}")))
}

type Stored = ((u64, SlotBlock), Vec<Box<Blob>>);

fn load_blobs(beacon: &Beacon, id: &str) -> Result<Stored, Refusal> {
    let found = find(beacon, id)?;
    if beacon.withhold_blobs.load(Ordering::Relaxed) {
        let held_back = format!("blobs of slot {} are held back", found.0);
        return Err(Refusal(StatusCode::NOT_FOUND, held_back));
    }
    let blobs = beacon.blobs.get(found.1.hash).map_err(internal)?;
    Ok((found, blobs))
}

fn header_json(slot: u64, block: &SlotBlock) -> Value {
    json!({
        "root": beacon_root(block.hash),
        "canonical": true,
        "header": {
            "message": {
                "slot": slot.to_string(),
                "proposer_index": "0",
                "parent_root": beacon_root(block.parent),
                "state_root": block.state_root,
                "body_root": block.hash,
            },
            "signature": hex::encode_prefixed([0u8; 96]),
        },
    })
}

/// Values of `key` in a query, whether repeated or separated by commas.
pub(crate) fn parameters<'a>(
    query: Option<&'a str>,
    key: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let pairs = query
        .unwrap_or("")
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let values = pairs
        .filter(move |(name, _)| *name == key)
        .map(|(_, value)| value);
    values
        .flat_map(|value| value.split(','))
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
}

pub(crate) fn versioned_hash(blob: &Blob) -> Result<B256, Refusal> {
    let blob = c_kzg::Blob::from_bytes(blob.as_slice()).map_err(internal)?;
    let settings = c_kzg::ethereum_kzg_settings(KZG_PRECOMPUTE);
    let commitment = settings.blob_to_kzg_commitment(&blob).map_err(internal)?;
    Ok(kzg_to_versioned_hash(commitment.to_bytes().as_slice()))
}

/// Commitment and blob proof.
pub(crate) fn prove(blob: &Blob) -> Result<(Bytes48, Bytes48), Refusal> {
    let blob = c_kzg::Blob::from_bytes(blob.as_slice()).map_err(internal)?;
    let settings = c_kzg::ethereum_kzg_settings(KZG_PRECOMPUTE);
    let commitment = settings
        .blob_to_kzg_commitment(&blob)
        .map_err(internal)?
        .to_bytes();
    let proof = settings
        .compute_blob_kzg_proof(&blob, &commitment)
        .map_err(internal)?;
    Ok((commitment, proof.to_bytes()))
}

pub(crate) fn bad_request(id: &str) -> Refusal {
    let message = format!("{id} is no block id: expected head, genesis, a slot or a root");
    Refusal(StatusCode::BAD_REQUEST, message)
}

fn internal(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
