//! What L1 shows: head, nonces, prices, receipts.

use alloy_eips::{BlockNumHash, BlockNumberOrTag};
use alloy_primitives::{Address, B256, U64, U128};
use opal_rpc::{EthClient, RpcError};
use opal_txqueue::{L1View, Market, Receipt};
use serde::Deserialize;

/// The part of a receipt that matters here; any kind of transaction and chain has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcReceipt {
    transaction_hash: B256,
    block_number: Option<U64>,
    block_hash: Option<B256>,
    status: Option<U64>,
    #[serde(default)]
    gas_used: U64,
    #[serde(default)]
    effective_gas_price: U128,
}

/// A receipt, and what the gas of its transaction cost, in wei.
pub(crate) type Paid = (Receipt, u128);

/// Reads the head, then nonces and prices.
pub(crate) async fn view(
    l1: &EthClient,
    account: Address,
    before: Option<&L1View>,
) -> Result<L1View, RpcError> {
    let head = l1
        .header(BlockNumberOrTag::Latest)
        .await?
        .ok_or_else(|| no_head(l1))?;
    let count = "eth_getTransactionCount";
    let calls = [
        l1.prepare(count, (account, "latest"))?,
        l1.prepare(count, (account, "pending"))?,
        l1.prepare("eth_maxPriorityFeePerGas", ())?,
        l1.prepare("eth_blobBaseFee", ())?,
    ];
    let mut answers = l1.batch(&calls).await?.into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Err(no_head(l1)));
    let nonce_latest: U64 = l1.parse(count, &next()?)?;
    let nonce_pending: U64 = l1.parse(count, &next()?)?;
    // Not every node has these two methods; the queue's minimum serves as well.
    let tip = next()
        .and_then(|a| l1.parse::<U128>("eth_maxPriorityFeePerGas", &a))
        .ok();
    let blob_fee = next()
        .and_then(|a| l1.parse::<U128>("eth_blobBaseFee", &a))
        .ok();
    let market = before.map(|view| view.market).unwrap_or_default();
    Ok(L1View {
        head_number: head.header.number,
        head_hash: head.hash,
        nonce_latest: nonce_latest.to(),
        nonce_pending: nonce_pending.to(),
        market: Market {
            base_fee: head.header.base_fee_per_gas.unwrap_or_default().into(),
            tip: tip.map_or(market.tip, |tip| tip.to()),
            blob_base_fee: blob_fee.map_or(market.blob_base_fee, |fee| fee.to()),
        },
    })
}

/// The receipts that exist of `hashes`. Fails unless L1 answered for every one: a receipt that is
/// missing means that a reorg undid the transaction.
pub(crate) async fn receipts(l1: &EthClient, hashes: &[B256]) -> Result<Vec<Paid>, RpcError> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let method = "eth_getTransactionReceipt";
    let calls = hashes
        .iter()
        .map(|hash| l1.prepare(method, (hash,)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for answer in l1.batch(&calls).await? {
        let receipt: Option<RpcReceipt> = l1.parse(method, &answer?)?;
        if let Some(receipt) = receipt
            && let (Some(number), Some(block_hash)) = (receipt.block_number, receipt.block_hash)
        {
            let price: u128 = receipt.effective_gas_price.to();
            let paid = price.saturating_mul(receipt.gas_used.to());
            let receipt = Receipt {
                tx_hash: receipt.transaction_hash,
                block_number: number.to(),
                block_hash,
                success: receipt.status.is_some_and(|status| status == U64::from(1)),
            };
            found.push((receipt, paid));
        }
    }
    Ok(found)
}

/// Whether L1 has a block that somebody counts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// It has.
    Holds,
    /// It has another one in its place.
    Gone,
    /// It has none of that number: it lags behind, or was reorganised to a lower head.
    Unknown,
}

/// Looks whether L1 has `block`.
pub(crate) async fn ground(l1: &EthClient, block: BlockNumHash) -> Result<Ground, RpcError> {
    let found = l1.header(BlockNumberOrTag::Number(block.number)).await?;
    Ok(match found {
        Some(found) if found.hash == block.hash => Ground::Holds,
        Some(_) => Ground::Gone,
        None => Ground::Unknown,
    })
}

fn no_head(l1: &EthClient) -> RpcError {
    RpcError::Malformed {
        endpoint: l1.endpoint().to_owned(),
        method: "eth_getBlockByNumber".to_owned(),
        problem: "no latest block, or an incomplete batch".to_owned(),
    }
}
