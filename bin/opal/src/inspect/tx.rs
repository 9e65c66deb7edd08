//! A batcher transaction, fetched from L1 with its blobs.

use super::{ChainArgs, OutputArgs, frames, table::Table};
use alloy_primitives::{Address, B256, Bytes, U64};
use clap::Args;
use eyre::{OptionExt, Result, WrapErr, bail, eyre};
use opal_l1::{L1Options, L1Source};
use opal_protocol::{Frame, L1Ref, blob, frame::parse_frames};
use opal_rpc::{BeaconClient, EthClient};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Arguments of `opal inspect tx`.
#[derive(Args)]
pub(super) struct TxArgs {
    /// Hash of the L1 transaction.
    hash: B256,
    /// JSON-RPC of L1.
    #[arg(long = "l1.rpc", env = "OPAL_L1_RPC", value_name = "URL")]
    l1_rpc: String,
    /// Beacon API of L1; needed for blobs.
    #[arg(long = "l1.beacon", env = "OPAL_L1_BEACON", value_name = "URL")]
    l1_beacon: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

/// The fields of `eth_getTransactionByHash` that matter here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcTx {
    block_hash: Option<B256>,
    from: Address,
    to: Option<Address>,
    #[serde(rename = "type", default)]
    tx_type: U64,
    input: Bytes,
    #[serde(default)]
    blob_versioned_hashes: Option<Vec<B256>>,
}

/// A transaction, decoded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    hash: B256,
    block: Option<L1Ref>,
    from: Address,
    to: Option<Address>,
    #[serde(rename = "type")]
    tx_type: u64,
    /// The pieces of batcher data: the calldata, or each blob.
    pieces: Vec<Piece>,
    #[serde(flatten)]
    frames: frames::Report,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Piece {
    /// `calldata`, or the blob's versioned hash.
    source: String,
    data_bytes: usize,
    frame_count: usize,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs `opal inspect tx`.
pub(super) fn run(args: TxArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(report(&args))?;
    args.output.print(&report)
}

async fn report(args: &TxArgs) -> Result<Report> {
    let cfg = args.chain.config()?;
    let eth = EthClient::new(&args.l1_rpc)?;
    let tx: Option<RpcTx> = eth
        .request("eth_getTransactionByHash", (args.hash,))
        .await?;
    let tx = tx.ok_or_else(|| eyre!("{} knows no transaction {}", eth.endpoint(), args.hash))?;
    let hashes = tx.blob_versioned_hashes.unwrap_or_default();
    let beacon = args
        .l1_beacon
        .as_deref()
        .map(|url| BeaconClient::new(url, &[]))
        .transpose()?;
    if !hashes.is_empty() && beacon.is_none() {
        bail!(
            "the transaction carries {} blobs; name a beacon node with --l1.beacon",
            hashes.len()
        );
    }
    let l1 = L1Source::new(eth, beacon, Arc::new(cfg.clone()), L1Options::default());
    let block = match tx.block_hash {
        Some(hash) => l1.ref_by_hash(hash).await?,
        None => None,
    };
    let sources = if hashes.is_empty() {
        vec![("calldata".to_owned(), Ok(tx.input))]
    } else {
        let block =
            block.ok_or_eyre("the transaction is not in a block yet; its blobs come later")?;
        let blobs = l1
            .blobs(&block, &hashes)
            .await
            .wrap_err("cannot get the blobs")?;
        let decoded = blobs
            .iter()
            .map(|blob| blob::decode(blob).map_err(|e| e.to_string()));
        hashes.iter().map(B256::to_string).zip(decoded).collect()
    };
    let mut frames = Vec::new();
    let pieces: Vec<_> = sources
        .into_iter()
        .map(|(source, data)| Piece::of(source, data, &mut frames))
        .collect();
    let bytes = pieces.iter().map(|piece| piece.data_bytes).sum();
    Ok(Report {
        hash: args.hash,
        block,
        from: tx.from,
        to: tx.to,
        tx_type: tx.tx_type.to(),
        pieces,
        frames: frames::Report::of_frames(bytes, &frames, &cfg),
    })
}

impl Piece {
    /// Parses one piece of batcher data and adds its frames to those of the transaction.
    fn of(source: String, data: Result<Bytes, String>, frames: &mut Vec<Frame>) -> Self {
        let data_bytes = data.as_ref().map_or(0, |data| data.len());
        let parsed = data.and_then(|data| parse_frames(&data).map_err(|e| e.to_string()));
        let (mut frame_count, mut error) = (0, None);
        match parsed {
            Ok(mut parsed) => {
                frame_count = parsed.len();
                frames.append(&mut parsed);
            }
            Err(problem) => error = Some(problem),
        }
        Self {
            source,
            data_bytes,
            frame_count,
            error,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Transaction {} (type {})", self.hash, self.tx_type)?;
        let to = self.to.map_or_else(
            || "nobody (creates a contract)".to_owned(),
            |to| to.to_string(),
        );
        writeln!(f, "  from {} to {to}", self.from)?;
        match &self.block {
            Some(block) => writeln!(f, "  in L1 block {block}, time {}", block.time)?,
            None => writeln!(f, "  not in a block yet")?,
        }
        let mut table = Table::new(&["data in", "bytes", "frames", "problem"]);
        for piece in &self.pieces {
            let problem = piece.error.as_deref().unwrap_or_default();
            table.row([
                &piece.source,
                &piece.data_bytes,
                &piece.frame_count,
                &problem,
            ]);
        }
        write!(f, "{table}\n{}", self.frames)
    }
}
