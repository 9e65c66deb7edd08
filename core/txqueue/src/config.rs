//! How patient and how generous the queue is.

/// Wei in one gwei.
pub(crate) const GWEI: u128 = 1_000_000_000;

/// Settings of a queue. Times are in milliseconds, fees in wei per gas. Names follow the flags of
/// op-batcher's transaction manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// L1 blocks, counting the one that holds the transaction, after which it is settled.
    pub num_confirmations: u64,
    /// L1 heads that must show our nonce used, without a receipt of ours, before we believe that
    /// somebody else used it.
    pub safe_abort_nonce_too_low_count: u32,
    /// A raised fee may not exceed this multiple of what the market asks.
    pub fee_limit_multiplier: u128,
    /// Below this fee the multiplier does not apply.
    pub fee_limit_threshold_wei: u128,
    /// The base fee is taken to be at least this.
    pub min_base_fee_wei: u128,
    /// The tip is at least this.
    pub min_tip_cap_wei: u128,
    /// How long the next transaction in line may stay unmined before its fees are raised.
    pub resubmission_timeout_ms: u64,
    /// How long a published transaction may stay unmined before it is sent again as it is.
    pub not_in_mempool_timeout_ms: u64,
    /// How long a candidate may take in all before it is cancelled; 0 means for ever.
    pub send_timeout_ms: u64,
    /// Transactions that may be unmined at once.
    pub max_pending: usize,
}

impl Default for QueueConfig {
    /// The defaults of op-batcher, except that a send never times out: a batcher gains nothing by
    /// giving up, and a transaction that waits is repriced in its place.
    fn default() -> Self {
        Self {
            num_confirmations: 10,
            safe_abort_nonce_too_low_count: 3,
            fee_limit_multiplier: 5,
            fee_limit_threshold_wei: 100 * GWEI,
            min_base_fee_wei: GWEI,
            min_tip_cap_wei: GWEI,
            resubmission_timeout_ms: 48_000,
            not_in_mempool_timeout_ms: 120_000,
            send_timeout_ms: 0,
            max_pending: 1,
        }
    }
}
