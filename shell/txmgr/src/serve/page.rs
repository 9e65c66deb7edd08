//! A page of metrics in Prometheus' text format, under op-service's names.

use crate::manager::TxManagerStatus;
use alloy_primitives::U256;
use std::fmt::{Display, Write};

/// A page that is being written. Names are given without the prefix of the service.
#[derive(Debug)]
pub struct Page {
    prefix: &'static str,
    text: String,
}

impl Page {
    /// A page that begins with what every service shows; `prefix` is namespace and process name, as
    /// in `op_proposer_default`, `balance` that of the account, in wei.
    pub fn new(prefix: &'static str, balance: U256) -> Self {
        let mut page = Self {
            prefix,
            text: String::new(),
        };
        let version = concat!("version=\"v", env!("CARGO_PKG_VERSION"), "-opal\"");
        page.head("info", "Version of the service", "gauge");
        page.line("info", version, 1);
        page.gauge("up", "1 once the service has started", 1);
        let ether = f64::from(balance) / 1e18;
        page.gauge("balance", "Ether of the account", ether);
        page
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    /// What the lines that follow are about; `kind` is Prometheus' type.
    pub fn head(&mut self, name: &str, help: &str, kind: &str) {
        let prefix = self.prefix;
        // Writing to a string cannot fail; the same below.
        let _ = writeln!(
            self.text,
            "# HELP {prefix}_{name} {help}.\n# TYPE {prefix}_{name} {kind}"
        );
    }

    /// One figure; `labels` as they stand between the braces.
    pub fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let prefix = self.prefix;
        let _ = match labels {
            "" => writeln!(self.text, "{prefix}_{name} {value}"),
            labels => writeln!(self.text, "{prefix}_{name}{{{labels}}} {value}"),
        };
    }

    /// A figure that rises and falls.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        self.line(name, "", value);
    }

    /// A figure that only rises.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        self.line(name, "", value);
    }

    /// Figures of one name, by the stage that they count.
    pub fn stages(&mut self, name: &str, help: &str, kind: &str, stages: &[(&str, u64)]) {
        self.head(name, help, kind);
        for (stage, count) in stages {
            self.line(name, &format!("stage=\"{stage}\""), count);
        }
    }

    /// What the transaction manager has to say.
    pub fn sending(&mut self, sending: &TxManagerStatus) {
        self.gauge(
            "txmgr_current_nonce",
            "Mined transactions of the account",
            sending.nonce,
        );
        let pending = sending.queue.waiting + sending.queue.unmined + sending.queue.unconfirmed;
        self.gauge(
            "txmgr_pending_txs",
            "Transactions without their confirmations",
            pending,
        );
        let market = &sending.market;
        self.gauge(
            "txmgr_basefee_wei",
            "Base fee of L1 in wei",
            market.base_fee,
        );
        self.gauge(
            "txmgr_blob_basefee_wei",
            "Blob base fee of L1 in wei",
            market.blob_base_fee,
        );
        self.gauge(
            "txmgr_tipcap_wei",
            "Tip that L1 suggests, in wei",
            market.tip,
        );
        let published = "Transactions that L1 took, raised versions among them";
        self.counter("txmgr_publish_total", published, sending.published);
        self.head("txmgr_confirm_total", "Transactions confirmed", "counter");
        let succeeded = sending.confirmed.saturating_sub(sending.reverted);
        self.line("txmgr_confirm_total", "status=\"success\"", succeeded);
        self.line("txmgr_confirm_total", "status=\"failed\"", sending.reverted);
        let cost = &sending.last_cost;
        let gwei = cost.gas_fee as f64 / 1e9;
        let of_last = "of the last confirmed transaction";
        self.gauge(
            "txmgr_tx_fee_gwei",
            &format!("What the gas {of_last} cost"),
            gwei,
        );
        self.gauge(
            "txmgr_tx_gas_bump",
            &format!("Raises of the fees {of_last}"),
            cost.raises,
        );
        let latency = cost.latency.as_millis();
        let help = format!("From publication to receipt {of_last}");
        self.gauge("txmgr_tx_confirmed_latency_ms", &help, latency);
        let refused = "Publications that no node took, by the kind of refusal";
        self.head("txmgr_tx_publish_error_count", refused, "counter");
        for (kind, count) in &sending.refused {
            self.line(
                "txmgr_tx_publish_error_count",
                &format!("error=\"{kind}\""),
                count,
            );
        }
        self.counter(
            "txmgr_rpc_error_count",
            "Looks at L1 that failed",
            sending.rpc_errors,
        );
    }
}
