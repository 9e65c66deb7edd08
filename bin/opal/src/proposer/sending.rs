//! Keys and the sending of transactions: the flags of op-service's transaction manager.

use crate::engine::{time, usage};
use alloy_primitives::utils::{ParseUnits, parse_units};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use clap::Args;
use opal_txmgr::{QueueConfig, TxManagerConfig};
use std::time::Duration;

/// Path of the first account of a mnemonic.
const FIRST_ACCOUNT: &str = "m/44'/60'/0'/0/0";

/// Flags of the transaction manager.
#[derive(Args)]
#[command(next_help_heading = "Sending")]
pub(super) struct SendingArgs {
    /// Private key, in hex. Better set by environment: other users of the machine see flags.
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    private_key: Option<String>,
    /// Mnemonic that the key is derived from, instead of --private-key.
    #[arg(long, value_name = "WORDS", hide_env_values = true)]
    mnemonic: Option<String>,
    /// Which key of the mnemonic. Default: the first, m/44'/60'/0'/0/0.
    #[arg(long, alias = "l2-output-hd-path", value_name = "PATH")]
    hd_path: Option<String>,
    /// L1 blocks, counting the one that holds a transaction, after which it is settled.
    #[arg(long, default_value_t = 10, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..))]
    num_confirmations: u64,
    /// L1 heads that show our nonce used by a stranger before we believe it.
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    safe_abort_nonce_too_low_count: u32,
    /// A raised fee is at most this multiple of what the market asks.
    #[arg(long, alias = "txmgr.fee-limit-multiplier", default_value_t = 5, value_name = "FACTOR", value_parser = clap::value_parser!(u32).range(1..))]
    fee_limit_multiplier: u32,
    /// Below this fee that limit does not apply, in gwei.
    #[arg(long = "txmgr.fee-limit-threshold", default_value = "100", value_name = "GWEI", value_parser = gwei)]
    fee_limit_threshold: u128,
    /// The tip is at least this, in gwei.
    #[arg(long = "txmgr.min-tip-cap", default_value = "1", value_name = "GWEI", value_parser = gwei)]
    min_tip_cap: u128,
    /// The base fee is taken to be at least this, in gwei.
    #[arg(long = "txmgr.min-basefee", default_value = "1", value_name = "GWEI", value_parser = gwei)]
    min_basefee: u128,
    /// How long a transaction may stay unmined before its fees are raised.
    #[arg(long, default_value = "48s", value_name = "TIME", value_parser = time)]
    resubmission_timeout: Duration,
    /// Longest wait for an answer of a node.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = time)]
    pub(super) network_timeout: Duration,
    /// How long a transaction may take in all before it is given up; 0 is for ever.
    #[arg(
        long = "txmgr.send-timeout",
        alias = "txmgr.tx-send-timeout",
        default_value = "10m",
        value_name = "TIME",
        value_parser = time
    )]
    send_timeout: Duration,
    /// How long a transaction may stay unmined before it is sent again as it is.
    #[arg(
        long = "txmgr.not-in-mempool-timeout",
        alias = "txmgr.tx-not-in-mempool-timeout",
        default_value = "2m",
        value_name = "TIME",
        value_parser = time
    )]
    not_in_mempool_timeout: Duration,
    /// How often receipts are looked for.
    #[arg(long = "txmgr.receipt-query-interval", default_value = "12s", value_name = "TIME", value_parser = time)]
    receipt_query_interval: Duration,
}

impl SendingArgs {
    /// The key. Errors never show it.
    pub(super) fn signer(&self) -> eyre::Result<PrivateKeySigner> {
        match (&self.private_key, &self.mnemonic) {
            (None, None) => Err(usage("no key: give --private-key or --mnemonic")),
            (Some(_), Some(_)) => Err(usage("--private-key and --mnemonic exclude each other")),
            (Some(_), None) if self.hd_path.is_some() => Err(usage(
                "--hd-path goes with --mnemonic, not with --private-key",
            )),
            (Some(key), None) => key.trim().parse().map_err(|_| {
                usage("--private-key is no private key: 32 bytes in hex are expected")
            }),
            (None, Some(words)) => {
                let path = self.hd_path.as_deref().unwrap_or(FIRST_ACCOUNT);
                let builder = MnemonicBuilder::english()
                    .phrase(words.trim())
                    .derivation_path(path)
                    .map_err(|e| usage(format!("--hd-path `{path}`: {e}")))?;
                builder
                    .build()
                    .map_err(|_| usage("--mnemonic is no valid mnemonic in English"))
            }
        }
    }

    /// Settings of the transaction manager.
    pub(super) fn tx_manager(&self) -> eyre::Result<TxManagerConfig> {
        if self.min_basefee < self.min_tip_cap {
            return Err(usage(
                "--txmgr.min-basefee must not be less than --txmgr.min-tip-cap",
            ));
        }
        for (flag, time) in [
            ("resubmission-timeout", self.resubmission_timeout),
            ("network-timeout", self.network_timeout),
            ("txmgr.not-in-mempool-timeout", self.not_in_mempool_timeout),
            ("txmgr.receipt-query-interval", self.receipt_query_interval),
        ] {
            if time.is_zero() {
                return Err(usage(format!("--{flag} must not be 0")));
            }
        }
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(TxManagerConfig {
            queue: QueueConfig {
                num_confirmations: self.num_confirmations,
                safe_abort_nonce_too_low_count: self.safe_abort_nonce_too_low_count,
                fee_limit_multiplier: self.fee_limit_multiplier.into(),
                fee_limit_threshold_wei: self.fee_limit_threshold,
                min_base_fee_wei: self.min_basefee,
                min_tip_cap_wei: self.min_tip_cap,
                resubmission_timeout_ms: ms(self.resubmission_timeout),
                not_in_mempool_timeout_ms: ms(self.not_in_mempool_timeout),
                send_timeout_ms: ms(self.send_timeout),
                ..QueueConfig::default()
            },
            receipt_query_interval: self.receipt_query_interval,
            ..TxManagerConfig::default()
        })
    }
}

#[cfg(test)]
impl SendingArgs {
    /// A mnemonic has spaces, which the command lines of tests have not.
    pub(super) fn set_key(
        &mut self,
        mnemonic: Option<&str>,
        path: Option<&str>,
        key: Option<&str>,
    ) {
        self.mnemonic = mnemonic.map(Into::into);
        self.hd_path = path.map(Into::into);
        self.private_key = key.map(Into::into);
    }
}

/// A number of gwei, such as `1.5`, in wei.
fn gwei(text: &str) -> Result<u128, String> {
    let wrong = || format!("`{text}` is no amount of gwei, such as 100 or 0.5");
    match parse_units(text, "gwei") {
        Ok(ParseUnits::U256(wei)) => u128::try_from(wei).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
