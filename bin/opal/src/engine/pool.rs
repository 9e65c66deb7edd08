//! Limits of the transaction pool.

use clap::Args;
use opal_engine::EngineConfig;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Flags of the pool.
#[derive(Args)]
#[command(next_help_heading = "Transaction pool")]
pub(crate) struct PoolArgs {
    /// Transactions in the pool.
    #[arg(
        long = "txpool.globalslots",
        alias = "txpool.pending-max-count",
        default_value_t = 20_000,
        value_name = "COUNT"
    )]
    slots: usize,
    /// Size of all transactions, MiB.
    #[arg(
        long = "txpool.pending-max-size",
        default_value_t = 64,
        value_name = "MIB"
    )]
    size_mib: usize,
    /// Transactions of one sender.
    #[arg(
        long = "txpool.accountslots",
        alias = "txpool.max-account-slots",
        default_value_t = 1_024,
        value_name = "COUNT"
    )]
    account_slots: usize,
    /// Transactions that wait for an earlier one, of all senders.
    #[arg(
        long = "txpool.globalqueue",
        alias = "txpool.queued-max-count",
        default_value_t = 5_000,
        value_name = "COUNT"
    )]
    queue: usize,
    /// Transactions that wait for an earlier one, of one sender.
    #[arg(
        long = "txpool.accountqueue",
        default_value_t = 64,
        value_name = "COUNT"
    )]
    account_queue: usize,
    /// How long they wait, as `3h`, `1h30m` or seconds.
    #[arg(long = "txpool.lifetime", default_value = "3h", value_name = "TIME", value_parser = time)]
    lifetime: Duration,
    /// Percent by which the fees of a replacement must rise.
    #[arg(
        long = "txpool.pricebump",
        default_value_t = 10,
        value_name = "PERCENT"
    )]
    price_bump: u32,
    /// The same for blob transactions.
    #[arg(
        long = "blobpool.pricebump",
        default_value_t = 100,
        value_name = "PERCENT"
    )]
    blob_price_bump: u32,
    /// Least priority fee of a transaction, wei per gas.
    #[arg(
        long = "txpool.pricelimit",
        visible_alias = "miner.gasprice",
        alias = "txpool.minimum-priority-fee",
        default_value_t = 0,
        value_name = "WEI"
    )]
    min_tip: u128,
    /// Gas of one transaction, below what the chain allows.
    #[arg(long = "txpool.max-tx-gas", value_name = "GAS")]
    gas_max: Option<u64>,
    /// Size of one transaction, bytes.
    #[arg(long = "txpool.max-tx-input-bytes", default_value_t = 128 << 10, value_name = "BYTES")]
    transaction_bytes: usize,
    /// File that keeps the pool over a restart. Default: transactions.rlp in --datadir.
    #[arg(long = "txpool.journal", value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Forget the pool when the engine stops.
    #[arg(
        long = "txpool.nojournal",
        visible_alias = "txpool.disable-transactions-backup"
    )]
    no_journal: bool,
}

impl PoolArgs {
    /// Writes the flags into the configuration.
    pub(crate) fn apply(&self, config: &mut EngineConfig, datadir: &Path) {
        let pool = &mut config.pool;
        pool.transactions_max = self.slots;
        pool.bytes_max = self.size_mib.saturating_mul(1 << 20);
        pool.per_sender_max = self.account_slots;
        pool.queued_max = self.queue;
        pool.queued_per_sender_max = self.account_queue;
        pool.queued_lifetime = self.lifetime;
        pool.price_bump_percent = self.price_bump;
        pool.blob_price_bump_percent = self.blob_price_bump;
        pool.min_tip = self.min_tip;
        pool.gas_max = self.gas_max;
        pool.transaction_bytes_max = self.transaction_bytes;
        // geth resolves a relative name within the data directory.
        let name = self
            .journal
            .clone()
            .unwrap_or_else(|| "transactions.rlp".into());
        config.pool_journal = (!self.no_journal).then(|| datadir.join(name));
    }
}

/// A time as geth writes it (`3h0m0s`, `200ms`), or plain seconds, as reth does.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write `1h30m`, `90s`, `200ms` or seconds");
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(60 * 60),
            "d" => Duration::from_secs(24 * 60 * 60),
            _ => return Err(wrong()),
        };
        let number: u32 = number.parse().map_err(|_| wrong())?;
        total = unit
            .checked_mul(number)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = tail;
    }
    match text.is_empty() {
        true => Err(wrong()),
        false => Ok(total),
    }
}
