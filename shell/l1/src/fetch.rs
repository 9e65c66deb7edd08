//! One block, fetched and verified.
//!
//! In: a height or a hash. Out: the verified block, or `None` if the node has no such block. Block
//! and receipts come in one batch; where a node lacks a method, others stand in.

use crate::{
    error::L1Error,
    verify::{
        BlockTx, OpenBlock, Problem, TypedReceipt, Wanted, check_header, check_transactions,
        for_derivation, open_block, raw_receipts, receipts,
    },
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, Bytes};
use opal_protocol::{L1Block, L1Id, L1Ref, RollupConfig};
use opal_rpc::{Call, EthClient, RpcError};
use serde_json::value::RawValue;
use std::sync::Arc;

/// JSON-RPC code for a method that the node does not have.
const METHOD_NOT_FOUND: i64 = -32601;

/// Fetches blocks of one node.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    pub(crate) eth: EthClient,
    pub(crate) config: Arc<RollupConfig>,
    pub(crate) trust_rpc: bool,
}

impl Fetcher {
    /// The canonical block at height `number`.
    pub(crate) async fn by_number(&self, number: u64) -> Result<Option<Arc<L1Block>>, L1Error> {
        let wanted = Wanted::Number(number);
        match self.block(wanted).await {
            // L1 may have reorged between the two answers: by hash there is only one block.
            Err(L1Error::Unverified { .. }) => match self.reference(wanted).await? {
                Some(block) => self.by_hash(block.hash).await,
                None => Ok(None),
            },
            outcome => outcome,
        }
    }

    /// The block `hash`.
    pub(crate) async fn by_hash(&self, hash: B256) -> Result<Option<Arc<L1Block>>, L1Error> {
        self.block(Wanted::Hash(hash)).await
    }

    /// Identity of a block, header verified.
    pub(crate) async fn reference(&self, wanted: Wanted) -> Result<Option<L1Ref>, L1Error> {
        let block = match wanted {
            Wanted::Number(number) => self.eth.header(number).await?,
            Wanted::Hash(hash) => self.eth.header(hash).await?,
        };
        let Some(block) = block else { return Ok(None) };
        check_header(wanted, block.hash, &block.header).map_err(|e| self.unverified(wanted, e))?;
        Ok(Some(L1Ref {
            hash: block.hash,
            number: block.header.number,
            parent_hash: block.header.parent_hash,
            time: block.header.timestamp,
        }))
    }

    async fn block(&self, wanted: Wanted) -> Result<Option<Arc<L1Block>>, L1Error> {
        let calls = self.calls(wanted)?;
        let mut answers = self.eth.batch(&calls).await?.into_iter();
        let (Some(block), Some(receipts)) = (answers.next(), answers.next()) else {
            return Err(self.unverified(wanted, "no answer".to_owned()));
        };
        let block = block?;
        let open = blocking(wanted, move || open_block(wanted, &block)).await?;
        let Some(open) = open.map_err(|e| self.unverified(wanted, e))? else {
            return Ok(None);
        };
        let receipts = match receipts {
            Ok(json) => json,
            Err(RpcError::Response {
                code: METHOD_NOT_FOUND,
                ..
            }) => self.receipts_one_by_one(&open).await?,
            Err(e) => return Err(e.into()),
        };
        self.close(wanted, open, receipts)
            .await
            .map(|block| Some(Arc::new(block)))
    }

    fn calls(&self, wanted: Wanted) -> Result<[Call; 2], RpcError> {
        Ok(match wanted {
            Wanted::Number(number) => {
                let number = BlockNumberOrTag::Number(number);
                [
                    self.eth.prepare("eth_getBlockByNumber", (number, true))?,
                    self.eth.prepare("eth_getBlockReceipts", (number,))?,
                ]
            }
            Wanted::Hash(hash) => [
                self.eth.prepare("eth_getBlockByHash", (hash, true))?,
                self.eth.prepare("eth_getBlockReceipts", (hash,))?,
            ],
        })
    }

    /// Verifies transactions and receipts and reduces the block to what derivation reads.
    async fn close(
        &self,
        wanted: Wanted,
        open: OpenBlock,
        receipts_json: Box<RawValue>,
    ) -> Result<L1Block, L1Error> {
        if receipts_json.get() == "null" {
            return Err(self.unverified(wanted, "the node has no receipts for it yet".to_owned()));
        }
        let types: Vec<u8> = open.txs.iter().map(BlockTx::tx_type).collect();
        let has_future = open
            .txs
            .iter()
            .any(|tx| matches!(tx, BlockTx::Future { .. }));
        let encoded = self.encoded(wanted, &open).await?;
        let (trust_rpc, header) = (self.trust_rpc, open.header.clone());
        let checked = blocking(wanted, move || {
            if !trust_rpc {
                check_transactions(&header, &encoded)?;
            }
            Ok::<_, Problem>((encoded, receipts(&header, &receipts_json)))
        })
        .await?;
        let (encoded, receipts) = checked.map_err(|e| self.unverified(wanted, e))?;
        let receipts = match receipts {
            // A future type may have receipts that JSON does not show in full.
            Err(_) if has_future => self.receipts_raw(wanted, &open).await?,
            outcome => outcome.map_err(|e| self.unverified(wanted, e))?,
        };
        let receipts = for_derivation(receipts, &types).map_err(|e| self.unverified(wanted, e))?;
        let block = L1Id {
            hash: open.hash,
            number: open.header.number,
        };
        let config = self.config.clone();
        let reduced = blocking(wanted, move || {
            L1Block::new(&config, open.hash, open.header, &encoded, &receipts)
        });
        reduced
            .await?
            .map_err(|source| L1Error::Deposit { block, source })
    }

    /// The encodings of the transactions. Those of future types are asked for one by one; under
    /// `trust_rpc` they are left out, for nobody reads them.
    async fn encoded(&self, wanted: Wanted, open: &OpenBlock) -> Result<Vec<Bytes>, L1Error> {
        let method = "eth_getRawTransactionByHash";
        let mut encoded = Vec::with_capacity(open.txs.len());
        for tx in &open.txs {
            match tx {
                BlockTx::Encoded(bytes) => encoded.push(bytes.clone()),
                BlockTx::Future { .. } if self.trust_rpc => {}
                BlockTx::Future { tx_type, hash } => {
                    let raw: Option<Bytes> = self.eth.request(method, (hash,)).await?;
                    encoded.push(raw.ok_or_else(|| {
                        let problem = format!("no encoding of {hash} (type {tx_type})");
                        self.unverified(wanted, problem)
                    })?);
                }
            }
        }
        Ok(encoded)
    }

    async fn receipts_raw(
        &self,
        wanted: Wanted,
        open: &OpenBlock,
    ) -> Result<Vec<TypedReceipt>, L1Error> {
        let raw: Vec<Bytes> = self
            .eth
            .request("debug_getRawReceipts", (open.hash,))
            .await?;
        raw_receipts(&open.header, &raw).map_err(|e| self.unverified(wanted, e))
    }

    /// The receipts of a block as one JSON list, from a node without `eth_getBlockReceipts`.
    async fn receipts_one_by_one(&self, open: &OpenBlock) -> Result<Box<RawValue>, L1Error> {
        let method = "eth_getTransactionReceipt";
        let calls = open
            .tx_hashes
            .iter()
            .map(|hash| self.eth.prepare(method, (hash,)))
            .collect::<Result<Vec<_>, _>>()?;
        let answers = self.eth.batch(&calls).await?;
        let receipts = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let wanted = Wanted::Hash(open.hash);
        serde_json::value::to_raw_value(&receipts)
            .map_err(|e| self.unverified(wanted, e.to_string()))
    }

    fn unverified(&self, wanted: Wanted, problem: Problem) -> L1Error {
        L1Error::Unverified {
            endpoint: self.eth.endpoint().to_owned(),
            block: wanted.to_string(),
            problem,
        }
    }
}

/// Runs hashing and parsing where it blocks nobody's sockets.
async fn blocking<T: Send + 'static>(
    wanted: Wanted,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, L1Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| L1Error::Cancelled {
            block: wanted.to_string(),
        })
}
