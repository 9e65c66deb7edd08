//! An Ethereum JSON-RPC node, L1 or L2.
//!
//! Every call is typed, retried by one policy ([`RetryPolicy`]) and bounded in time, size and
//! concurrency ([`EthOptions`]). What comes back is the server's claim: verify hashes where it
//! matters.

use crate::{error::RpcError, jsonrpc::JsonRpc, jwt::JwtSecret, op_tx::OpTx, retry::RetryPolicy};
use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256, hex};
use alloy_rpc_types_eth::{
    EIP1186AccountProofResponse, FeeHistory, TransactionReceipt, TransactionRequest,
};
use op_alloy_consensus::OpTxEnvelope;
use op_alloy_rpc_types::OpTransactionReceipt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

/// Limits of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthOptions {
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// When and how often to ask again.
    pub retry: RetryPolicy,
    /// Longest answer, in bytes.
    pub response_bytes_max: usize,
    /// Most calls in one batch; longer batches are cut.
    pub batch_calls_max: usize,
    /// Most HTTP requests under way at once.
    pub concurrency_max: usize,
}

impl Default for EthOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            response_bytes_max: 64 << 20,
            batch_calls_max: 20,
            concurrency_max: 10,
        }
    }
}

/// One call of a batch: method and parameters.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method name.
    pub method: &'static str,
    /// Parameters, already JSON.
    pub params: Box<RawValue>,
}

/// A block as an RPC server gives it. `hash` is the server's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcBlock<T> {
    /// Hash that the server claims.
    pub hash: B256,
    /// The header.
    pub header: Header,
    /// Transactions in block order.
    pub transactions: Vec<T>,
}

/// A client of one node; cheap to clone.
#[derive(Clone, Debug)]
pub struct EthClient {
    rpc: Arc<JsonRpc>,
}

impl EthClient {
    /// A client with default limits.
    pub fn new(url: &str) -> Result<Self, RpcError> {
        Self::with_options(url, EthOptions::default())
    }

    /// A client with limits of one's own.
    pub fn with_options(url: &str, options: EthOptions) -> Result<Self, RpcError> {
        Self::connect("the JSON-RPC node", url, options, None)
    }

    pub(crate) fn connect(
        what: &'static str,
        url: &str,
        options: EthOptions,
        jwt: Option<JwtSecret>,
    ) -> Result<Self, RpcError> {
        Ok(Self {
            rpc: Arc::new(JsonRpc::new(what, url, options, jwt)?),
        })
    }

    /// Where the node is: scheme, host and port.
    pub fn endpoint(&self) -> &str {
        self.rpc.endpoint()
    }

    /// Fails with [`RpcError::WrongChain`] unless the node is on chain `expected`.
    pub async fn expect_chain_id(&self, expected: u64) -> Result<(), RpcError> {
        let actual = self.chain_id().await?;
        if actual == expected {
            return Ok(());
        }
        Err(RpcError::WrongChain {
            endpoint: self.endpoint().to_owned(),
            expected,
            actual,
        })
    }

    /// Any method, retried.
    pub async fn request<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, RpcError> {
        let params = self.rpc.params(method, &params)?;
        self.parse(method, &self.rpc.call(method, &params).await?)
    }

    /// Any method, sent once: for calls that must not be repeated.
    pub async fn request_once<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, RpcError> {
        let params = self.rpc.params(method, &params)?;
        self.parse(method, &self.rpc.call_once(method, &params).await?)
    }

    /// Many calls at once; answers come in the order of the calls. The outer error means that no
    /// call was answered.
    pub async fn batch(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        self.rpc.batch(calls).await
    }

    /// One call for [`Self::batch`].
    pub fn prepare(&self, method: &'static str, params: impl Serialize) -> Result<Call, RpcError> {
        Ok(Call {
            method,
            params: self.rpc.params(method, &params)?,
        })
    }

    /// Reads an answer of [`Self::batch`].
    pub fn parse<R: DeserializeOwned>(
        &self,
        method: &str,
        answer: &RawValue,
    ) -> Result<R, RpcError> {
        serde_json::from_str(answer.get()).map_err(|e| self.rpc.malformed(method, e))
    }

    /// Reads a block out of an answer of [`Self::batch`]; `null` is no block.
    pub fn parse_block<T: DeserializeOwned>(
        &self,
        method: &str,
        answer: &RawValue,
    ) -> Result<Option<RpcBlock<T>>, RpcError> {
        if answer.get() == "null" {
            return Ok(None);
        }
        // Two passes: flattening the header into one struct would buffer the whole block.
        let body: BlockBody<T> = self.parse(method, answer)?;
        let header = self.parse(method, answer)?;
        Ok(Some(RpcBlock {
            hash: body.hash,
            header,
            transactions: body.transactions,
        }))
    }

    /// `eth_chainId`.
    pub async fn chain_id(&self) -> Result<u64, RpcError> {
        self.quantity("eth_chainId").await
    }

    /// `eth_blockNumber`.
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        self.quantity("eth_blockNumber").await
    }

    /// A block with full transactions, each read as a `T`.
    pub async fn block<T: DeserializeOwned>(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<RpcBlock<T>>, RpcError> {
        self.block_as(id.into(), true).await
    }

    /// A block of Ethereum transactions.
    pub async fn eth_block(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<RpcBlock<TxEnvelope>>, RpcError> {
        self.block(id).await
    }

    /// A block of OP transactions, deposits among them.
    pub async fn op_block(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<RpcBlock<OpTxEnvelope>>, RpcError> {
        let block = self.block::<OpTx>(id).await?;
        Ok(block.map(|block| RpcBlock {
            hash: block.hash,
            header: block.header,
            transactions: block.transactions.into_iter().map(|tx| tx.0).collect(),
        }))
    }

    /// A header with the hashes of the block's transactions.
    pub async fn header(&self, id: impl Into<BlockId>) -> Result<Option<RpcBlock<B256>>, RpcError> {
        self.block_as(id.into(), false).await
    }

    /// `eth_getBlockReceipts`, receipts of type `R`.
    pub async fn block_receipts<R: DeserializeOwned>(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<Vec<R>>, RpcError> {
        let method = "eth_getBlockReceipts";
        match id.into() {
            BlockId::Hash(id) => self.request(method, (id.block_hash,)).await,
            BlockId::Number(id) => self.request(method, (id,)).await,
        }
    }

    /// `eth_getTransactionReceipt` on an Ethereum chain.
    pub async fn transaction_receipt(
        &self,
        hash: B256,
    ) -> Result<Option<TransactionReceipt>, RpcError> {
        self.request("eth_getTransactionReceipt", (hash,)).await
    }

    /// `eth_getTransactionReceipt` on an OP chain.
    pub async fn op_transaction_receipt(
        &self,
        hash: B256,
    ) -> Result<Option<OpTransactionReceipt>, RpcError> {
        self.request("eth_getTransactionReceipt", (hash,)).await
    }

    /// `eth_getTransactionCount`.
    pub async fn transaction_count(
        &self,
        address: Address,
        at: impl Into<BlockId>,
    ) -> Result<u64, RpcError> {
        let count: U64 = self
            .request("eth_getTransactionCount", (address, at.into()))
            .await?;
        Ok(count.to())
    }

    /// `eth_getBalance`, in wei.
    pub async fn balance(
        &self,
        address: Address,
        at: impl Into<BlockId>,
    ) -> Result<U256, RpcError> {
        self.request("eth_getBalance", (address, at.into())).await
    }

    /// `eth_getCode`.
    pub async fn code(&self, address: Address, at: impl Into<BlockId>) -> Result<Bytes, RpcError> {
        self.request("eth_getCode", (address, at.into())).await
    }

    /// `eth_getStorageAt`.
    pub async fn storage_at(
        &self,
        address: Address,
        slot: U256,
        at: impl Into<BlockId>,
    ) -> Result<B256, RpcError> {
        self.request("eth_getStorageAt", (address, slot, at.into()))
            .await
    }

    /// `eth_call`.
    pub async fn call(
        &self,
        request: &TransactionRequest,
        at: impl Into<BlockId>,
    ) -> Result<Bytes, RpcError> {
        self.request("eth_call", (request, at.into())).await
    }

    /// `eth_estimateGas` on top of the newest block.
    pub async fn estimate_gas(&self, request: &TransactionRequest) -> Result<u64, RpcError> {
        let gas: U64 = self.request("eth_estimateGas", (request,)).await?;
        Ok(gas.to())
    }

    /// `eth_sendRawTransaction`. A repetition after a lost answer is harmless: the node then says
    /// that it knows the transaction.
    pub async fn send_raw_transaction(&self, raw: &[u8]) -> Result<B256, RpcError> {
        self.request("eth_sendRawTransaction", (hex::encode_prefixed(raw),))
            .await
    }

    /// `eth_feeHistory` of the `blocks` blocks up to `newest`.
    pub async fn fee_history(
        &self,
        blocks: u64,
        newest: BlockNumberOrTag,
        percentiles: &[f64],
    ) -> Result<FeeHistory, RpcError> {
        self.request("eth_feeHistory", (U64::from(blocks), newest, percentiles))
            .await
    }

    /// `eth_gasPrice`, in wei.
    pub async fn gas_price(&self) -> Result<u128, RpcError> {
        self.wei("eth_gasPrice").await
    }

    /// `eth_maxPriorityFeePerGas`, in wei.
    pub async fn max_priority_fee_per_gas(&self) -> Result<u128, RpcError> {
        self.wei("eth_maxPriorityFeePerGas").await
    }

    /// `eth_blobBaseFee`, in wei.
    pub async fn blob_base_fee(&self) -> Result<u128, RpcError> {
        self.wei("eth_blobBaseFee").await
    }

    /// `eth_getProof`.
    pub async fn proof(
        &self,
        address: Address,
        slots: &[B256],
        at: impl Into<BlockId>,
    ) -> Result<EIP1186AccountProofResponse, RpcError> {
        self.request("eth_getProof", (address, slots, at.into()))
            .await
    }

    async fn block_as<T: DeserializeOwned>(
        &self,
        id: BlockId,
        full: bool,
    ) -> Result<Option<RpcBlock<T>>, RpcError> {
        let (method, params) = match id {
            BlockId::Hash(id) => {
                let method = "eth_getBlockByHash";
                (method, self.rpc.params(method, &(id.block_hash, full))?)
            }
            BlockId::Number(id) => {
                let method = "eth_getBlockByNumber";
                (method, self.rpc.params(method, &(id, full))?)
            }
        };
        self.parse_block(method, &self.rpc.call(method, &params).await?)
    }

    async fn quantity(&self, method: &str) -> Result<u64, RpcError> {
        let value: U64 = self.request(method, ()).await?;
        Ok(value.to())
    }

    async fn wei(&self, method: &str) -> Result<u128, RpcError> {
        let value: U128 = self.request(method, ()).await?;
        Ok(value.to())
    }
}

#[derive(Deserialize)]
struct BlockBody<T> {
    hash: B256,
    transactions: Vec<T>,
}
