//! What gas costs, and what it cost lately.

use super::{
    Args, Eth, Module, Registered, RpcResult, convert,
    error::{internal, invalid_params, unknown_block},
    method, quick, quick_if,
};
use crate::{block::ChainBlock, build::blob_fee_after, view::ChainView};
use alloy_consensus::Transaction as _;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U64;
use opal_execution::header::next_base_fee;
use serde_json::{Value, json};

/// Suggested priority fee on an OP chain, wei: what op-geth suggests while blocks have room.
const OP_TIP: u128 = 1_000_000;
/// Suggested priority fee on Ethereum, wei.
const ETH_TIP: u128 = 1_000_000_000;
/// Highest suggestion, wei.
const SUGGESTED_TIP_MAX: u128 = 500_000_000_000;
/// Blocks that one fee history may cover.
const HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles that one fee history may ask for.
const PERCENTILES_MAX: usize = 100;
/// Seconds after which the next block is assumed.
const NEXT_BLOCK_SECONDS: u64 = 1;

pub(super) fn register(module: &mut Module) -> Registered {
    quick_if(module, "eth_gasPrice", tip_is_known, |eth, _| {
        let view = eth.view();
        let header = view.header(&view.head.hash).map_err(internal)?;
        let base_fee = header.and_then(|h| h.base_fee_per_gas).unwrap_or_default();
        Ok(convert::quantity(
            suggested_tip(eth, &view)?.saturating_add(u128::from(base_fee)),
        ))
    })?;
    quick_if(
        module,
        "eth_maxPriorityFeePerGas",
        tip_is_known,
        |eth, _| Ok(convert::quantity(suggested_tip(eth, &eth.view())?)),
    )?;
    quick(module, "eth_blobBaseFee", |eth, _| {
        let view = eth.view();
        let header = view
            .header(&view.head.hash)
            .map_err(internal)?
            .unwrap_or_default();
        let next_time = header.timestamp.saturating_add(NEXT_BLOCK_SECONDS);
        Ok(convert::quantity(
            blob_fee_after(&eth.api.chain, &header, next_time).unwrap_or(1),
        ))
    })?;
    method(module, "eth_feeHistory", fee_history)
}

/// Whether the head was looked at before.
fn tip_is_known(eth: &Eth, _: &mut Args<'_>) -> bool {
    !eth.api.chain.is_optimism() || eth.tip.lock().0 == eth.view().head.hash
}

/// The priority fee that should suffice for the next block, wei. An OP chain with room in its
/// blocks asks for little; when the last block was full, for more than half of its transactions
/// paid.
fn suggested_tip(eth: &Eth, view: &ChainView) -> RpcResult<u128> {
    if !eth.api.chain.is_optimism() {
        return Ok(eth.least_tip.map_or(ETH_TIP, u128::from));
    }
    let (head, cached) = *eth.tip.lock();
    if head == view.head.hash {
        return Ok(cached);
    }
    let block = view.block(&view.head.hash).map_err(internal)?;
    let least = eth.least_tip.map_or(OP_TIP, u128::from);
    let tip = block.map_or(least, |block| tip_after(&block, least));
    *eth.tip.lock() = (view.head.hash, tip);
    Ok(tip)
}

/// See [`suggested_tip`].
pub(super) fn tip_after(block: &ChainBlock, least: u128) -> u128 {
    let header = &block.header;
    let largest = (0..block.receipts.len())
        .map(|index| block.gas_used(index))
        .max()
        .unwrap_or_default();
    // Since Jovian the data of a block may fill it before its gas does.
    let used = header
        .gas_used
        .max(header.blob_gas_used.unwrap_or_default());
    if used.saturating_add(largest) <= header.gas_limit {
        return least;
    }
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let mut tips: Vec<u128> = block
        .transactions()
        .iter()
        .filter(|tx| !tx.tx.is_deposit())
        .map(|tx| tx.tx.effective_tip_per_gas(base_fee).unwrap_or_default())
        .collect();
    tips.sort_unstable();
    let median = tips.get(tips.len() / 2).copied().unwrap_or_default();
    median
        .saturating_add(median / 10)
        .clamp(least, SUGGESTED_TIP_MAX.max(least))
}

fn fee_history(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Value> {
    let (count, newest): (U64, BlockNumberOrTag) = (args.next()?, args.next()?);
    let percentiles: Vec<f64> = args.optional()?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let (chain, view) = (&eth.api.chain, eth.view());
    let last = eth
        .block(&view, newest.into())?
        .ok_or_else(|| unknown_block(newest))?;
    let available = last.header.number.saturating_add(1);
    let count = count.to::<u64>().min(HISTORY_BLOCKS_MAX).min(available);
    if count == 0 {
        return Ok(json!({ "oldestBlock": "0x0", "gasUsedRatio": [] }));
    }
    let oldest = available.saturating_sub(count);
    let (mut base_fees, mut gas_ratios) = (Vec::new(), Vec::new());
    let (mut blob_fees, mut blob_ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    for number in oldest..available {
        let hash = view
            .canonical_hash(number)
            .map_err(internal)?
            .unwrap_or_default();
        let block = view
            .block(&hash)
            .map_err(internal)?
            .ok_or_else(|| unknown_block(number))?;
        let header = &block.header;
        base_fees.push(convert::quantity(
            header.base_fee_per_gas.unwrap_or_default(),
        ));
        gas_ratios.push(ratio(header.gas_used, header.gas_limit));
        let params = chain.blob_params(header.timestamp);
        let excess = header.excess_blob_gas.unwrap_or_default();
        let blob_fee = match params {
            Some(params) if !chain.is_optimism() => params.calc_blob_fee(excess),
            _ => u128::from(header.excess_blob_gas.is_some()),
        };
        blob_fees.push(convert::quantity(blob_fee));
        let blob_max = match params {
            Some(params) if !chain.is_optimism() => params.max_blob_gas_per_block(),
            _ => header.gas_limit,
        };
        blob_ratios.push(ratio(header.blob_gas_used.unwrap_or_default(), blob_max));
        rewards.push(rewards_of(&block, &percentiles));
    }
    let next_time = last.header.timestamp.saturating_add(NEXT_BLOCK_SECONDS);
    base_fees.push(convert::quantity(next_base_fee(
        chain,
        &last.header,
        next_time,
    )));
    let next_blob_fee = blob_fee_after(chain, &last.header, next_time);
    blob_fees.push(convert::quantity(
        next_blob_fee.unwrap_or_else(|| u128::from(last.header.excess_blob_gas.is_some())),
    ));
    let mut history = json!({
        "oldestBlock": convert::quantity(oldest),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": gas_ratios,
        "baseFeePerBlobGas": blob_fees,
        "blobGasUsedRatio": blob_ratios,
    });
    if !percentiles.is_empty() {
        history["reward"] = json!(rewards);
    }
    Ok(history)
}

fn check_percentiles(percentiles: &[f64]) -> RpcResult<()> {
    if percentiles.len() > PERCENTILES_MAX {
        return Err(invalid_params(format!(
            "at most {PERCENTILES_MAX} percentiles"
        )));
    }
    let in_range = percentiles.iter().all(|p| (0.0..=100.0).contains(p));
    let ascending = percentiles.windows(2).all(|pair| pair[0] <= pair[1]);
    if in_range && ascending {
        return Ok(());
    }
    Err(invalid_params("percentiles must ascend between 0 and 100"))
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Priority fees at the given percentiles of the block's gas.
fn rewards_of(block: &ChainBlock, percentiles: &[f64]) -> Vec<Value> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let mut tips: Vec<(u128, u64)> = block
        .transactions()
        .iter()
        .enumerate()
        .filter(|(_, tx)| !tx.tx.is_deposit())
        .map(|(i, tx)| {
            (
                tx.tx.effective_tip_per_gas(base_fee).unwrap_or_default(),
                block.gas_used(i),
            )
        })
        .collect();
    tips.sort_unstable();
    let total: u64 = tips
        .iter()
        .map(|(_, gas)| *gas)
        .fold(0, u64::saturating_add);
    let at = |percentile: f64| {
        let threshold = (total as f64 * percentile / 100.0) as u64;
        let mut passed: u64 = 0;
        for (tip, gas) in &tips {
            passed = passed.saturating_add(*gas);
            if passed >= threshold {
                return *tip;
            }
        }
        0
    };
    percentiles
        .iter()
        .map(|p| convert::quantity(at(*p)))
        .collect()
}
