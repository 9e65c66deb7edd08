//! An Ethereum JSON-RPC node, L1 or L2.
//!
//! Every call is typed, retried by one policy ([`RetryPolicy`]) and bounded in time, size and
//! concurrency ([`EthOptions`]). What comes back is the server's claim: verify hashes where it
//! matters.

use crate::{error::RpcError, retry::RetryPolicy};
use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::{
    EIP1186AccountProofResponse, FeeHistory, TransactionReceipt, TransactionRequest,
};
use op_alloy_consensus::OpTxEnvelope;
use op_alloy_rpc_types::OpTransactionReceipt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::time::Duration;

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
pub struct EthClient {}

#[allow(missing_docs, clippy::unused_async, unused_variables)]
impl EthClient {
    pub fn new(url: &str) -> Result<Self, RpcError> {
        Self::with_options(url, EthOptions::default())
    }
    pub fn with_options(_url: &str, _options: EthOptions) -> Result<Self, RpcError> {
        unimplemented!()
    }
    /// Scheme, host and port.
    pub fn endpoint(&self) -> &str {
        unimplemented!()
    }
    /// Fails with [`RpcError::WrongChain`] unless the node is on chain `expected`.
    pub async fn expect_chain_id(&self, expected: u64) -> Result<(), RpcError> {
        unimplemented!()
    }
    /// Any method, retried.
    pub async fn request<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, RpcError> {
        unimplemented!()
    }
    /// Any method, sent once: for calls that must not be repeated.
    pub async fn request_once<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, RpcError> {
        unimplemented!()
    }
    /// Many calls at once, answers in order of the calls.
    pub async fn batch(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        unimplemented!()
    }
    pub async fn chain_id(&self) -> Result<u64, RpcError> {
        unimplemented!()
    }
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        unimplemented!()
    }
    /// A block with full transactions of type `T`: [`TxEnvelope`] or [`OpTxEnvelope`].
    pub async fn block<T: DeserializeOwned>(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<RpcBlock<T>>, RpcError> {
        unimplemented!()
    }
    pub async fn eth_block(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<RpcBlock<TxEnvelope>>, RpcError> {
        self.block(id).await
    }
    pub async fn op_block(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<RpcBlock<OpTxEnvelope>>, RpcError> {
        self.block(id).await
    }
    /// A header with the hashes of the block's transactions.
    pub async fn header(&self, id: impl Into<BlockId>) -> Result<Option<RpcBlock<B256>>, RpcError> {
        unimplemented!()
    }
    /// Receipts of a block, as `R`.
    pub async fn block_receipts<R: DeserializeOwned>(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<Option<Vec<R>>, RpcError> {
        unimplemented!()
    }
    pub async fn transaction_receipt(
        &self,
        hash: B256,
    ) -> Result<Option<TransactionReceipt>, RpcError> {
        unimplemented!()
    }
    pub async fn op_transaction_receipt(
        &self,
        hash: B256,
    ) -> Result<Option<OpTransactionReceipt>, RpcError> {
        unimplemented!()
    }
    pub async fn transaction_count(
        &self,
        address: Address,
        at: impl Into<BlockId>,
    ) -> Result<u64, RpcError> {
        unimplemented!()
    }
    pub async fn balance(
        &self,
        address: Address,
        at: impl Into<BlockId>,
    ) -> Result<U256, RpcError> {
        unimplemented!()
    }
    pub async fn code(&self, address: Address, at: impl Into<BlockId>) -> Result<Bytes, RpcError> {
        unimplemented!()
    }
    pub async fn storage_at(
        &self,
        address: Address,
        slot: U256,
        at: impl Into<BlockId>,
    ) -> Result<B256, RpcError> {
        unimplemented!()
    }
    pub async fn call(
        &self,
        request: &TransactionRequest,
        at: impl Into<BlockId>,
    ) -> Result<Bytes, RpcError> {
        unimplemented!()
    }
    pub async fn estimate_gas(&self, request: &TransactionRequest) -> Result<u64, RpcError> {
        unimplemented!()
    }
    pub async fn send_raw_transaction(&self, raw: &[u8]) -> Result<B256, RpcError> {
        unimplemented!()
    }
    pub async fn fee_history(
        &self,
        blocks: u64,
        newest: BlockNumberOrTag,
        percentiles: &[f64],
    ) -> Result<FeeHistory, RpcError> {
        unimplemented!()
    }
    pub async fn gas_price(&self) -> Result<u128, RpcError> {
        unimplemented!()
    }
    pub async fn max_priority_fee_per_gas(&self) -> Result<u128, RpcError> {
        unimplemented!()
    }
    pub async fn blob_base_fee(&self) -> Result<u128, RpcError> {
        unimplemented!()
    }
    pub async fn proof(
        &self,
        address: Address,
        slots: &[B256],
        at: impl Into<BlockId>,
    ) -> Result<EIP1186AccountProofResponse, RpcError> {
        unimplemented!()
    }
}
