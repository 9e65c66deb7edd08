//! What to bid, by how much to raise a bid, and when a raise is too much.
//!
//! A node replaces a pooled transaction only if *every* fee of the new one exceeds the old one's
//! by at least 10 %, or 100 % for blob transactions. A raise that lands exactly on that boundary is
//! refused by some nodes, so raises go one wei past it.

use crate::{config::QueueConfig, entry::TxKind};

/// Raise for ordinary transactions, in percent.
const BUMP_PERCENT: u128 = 10;
/// Raise for blob transactions, in percent.
const BLOB_BUMP_PERCENT: u128 = 100;
/// Lowest bid for blob gas, in wei per blob gas.
const MIN_BLOB_FEE_CAP: u128 = 1_000_000_000;

/// Fees of one transaction, in wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Most that is paid per gas, tip included.
    pub max_fee_per_gas: u128,
    /// Most that is paid to the block's builder per gas.
    pub max_priority_fee_per_gas: u128,
    /// Most that is paid per blob gas; 0 for transactions without blobs.
    pub max_fee_per_blob_gas: u128,
}

/// What L1 asks for at present, in wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Market {
    /// Base fee of the next block, or of the head.
    pub base_fee: u128,
    /// Tip that gets a transaction included soon.
    pub tip: u128,
    /// Base fee of blob gas.
    pub blob_base_fee: u128,
}

/// A raise would exceed the limit: the bid stays as it is until the market moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "fee limit reached: the raised bid of {raised} wei per gas exceeds {multiplier} times the \
     market's {market} wei; raise --fee-limit-multiplier to pay more"
)]
pub struct FeeLimitReached {
    /// The bid that was not made.
    pub raised: u128,
    /// What the market asks.
    pub market: u128,
    /// How many times the market's price we were allowed to bid.
    pub multiplier: u128,
}

impl Fees {
    /// The first bid: twice the base fee, so that the transaction survives several blocks of
    /// rising fees, plus the tip.
    pub fn initial(market: &Market, kind: TxKind, config: &QueueConfig) -> Self {
        let tip = market.tip.max(config.min_tip_cap_wei);
        let base_fee = market.base_fee.max(config.min_base_fee_wei);
        Self {
            max_fee_per_gas: tip.saturating_add(base_fee.saturating_mul(2)),
            max_priority_fee_per_gas: tip,
            max_fee_per_blob_gas: match kind {
                TxKind::Dynamic => 0,
                TxKind::Blob => market.blob_base_fee.saturating_mul(2).max(MIN_BLOB_FEE_CAP),
            },
        }
    }

    /// The next bid after this one: what the market asks, and enough to replace this bid.
    pub fn raised(
        &self,
        market: &Market,
        kind: TxKind,
        config: &QueueConfig,
    ) -> Result<Self, FeeLimitReached> {
        let fresh = Self::initial(market, kind, config);
        let percent = match kind {
            TxKind::Dynamic => BUMP_PERCENT,
            TxKind::Blob => BLOB_BUMP_PERCENT,
        };
        let raised = Self {
            max_fee_per_gas: past_boundary(self.max_fee_per_gas, percent)
                .max(fresh.max_fee_per_gas),
            max_priority_fee_per_gas: past_boundary(self.max_priority_fee_per_gas, percent)
                .max(fresh.max_priority_fee_per_gas),
            max_fee_per_blob_gas: match kind {
                TxKind::Dynamic => 0,
                TxKind::Blob => past_boundary(self.max_fee_per_blob_gas, percent)
                    .max(fresh.max_fee_per_blob_gas),
            },
        };
        let bids = [
            (raised.max_fee_per_gas, fresh.max_fee_per_gas),
            (
                raised.max_priority_fee_per_gas,
                fresh.max_priority_fee_per_gas,
            ),
            (raised.max_fee_per_blob_gas, fresh.max_fee_per_blob_gas),
        ];
        let multiplier = config.fee_limit_multiplier;
        for (bid, ask) in bids {
            if bid > config.fee_limit_threshold_wei && bid > ask.saturating_mul(multiplier) {
                return Err(FeeLimitReached {
                    raised: bid,
                    market: ask,
                    multiplier,
                });
            }
        }
        Ok(raised)
    }

    /// Whether a block with the market's base fees would take this bid.
    pub const fn covers(&self, market: &Market) -> bool {
        self.max_fee_per_gas >= market.base_fee
            && (self.max_fee_per_blob_gas == 0 || self.max_fee_per_blob_gas >= market.blob_base_fee)
    }
}

/// The least fee that no node can find too close to `fee`.
fn past_boundary(fee: u128, percent: u128) -> u128 {
    fee.saturating_mul(percent.saturating_add(100))
        .div_ceil(100)
        .saturating_add(1)
}
