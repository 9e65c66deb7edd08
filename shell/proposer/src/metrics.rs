//! Metrics in Prometheus' text format, under op-proposer's names.

use crate::{
    config::ProposerError,
    service::{Proposed, ProposerStatus},
};
use alloy_primitives::{B256, U256};
use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use opal_txmgr::TxManagerStatus;
use std::{
    fmt::{Display, Write},
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// Namespace and process name, as op-proposer has them.
const PREFIX: &str = "op_proposer_default";

/// What the page is made of.
pub(crate) type Figures = (
    watch::Receiver<ProposerStatus>,
    watch::Receiver<TxManagerStatus>,
);

/// Serves the page at `address` until `stop`.
pub(crate) async fn serve(
    address: SocketAddr,
    figures: Figures,
    mut stop: watch::Receiver<bool>,
) -> Result<SocketAddr, ProposerError> {
    let listen = |e: std::io::Error| ProposerError::Listen {
        address,
        problem: e.to_string(),
    };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let page = move || {
        let text = page(&figures.0.borrow(), &figures.1.borrow());
        async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
    };
    let router = Router::new()
        .route("/", get(page.clone()))
        .route("/metrics", get(page));
    tokio::spawn(async move {
        let signal = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        // An error ends a connection, never the server.
        let _ = axum::serve(listener, router)
            .with_graceful_shutdown(signal)
            .await;
    });
    Ok(bound)
}

/// The page.
fn page(status: &ProposerStatus, sending: &TxManagerStatus) -> String {
    let mut page = Page::default();
    let version = concat!("version=\"v", env!("CARGO_PKG_VERSION"), "-opal\"");
    page.head("info", "Version of the proposer", "gauge");
    page.line("info", version, 1);
    page.gauge("up", "1 once the proposer has started", 1);
    let balance = ether(status.balance);
    page.gauge("balance", "Ether of the proposer's account", balance);
    if let Some(proposed) = &status.last {
        page.refs(proposed);
    }
    page.gauge(
        "txmgr_current_nonce",
        "Mined transactions of the account",
        sending.nonce,
    );
    let pending = sending.queue.waiting + sending.queue.unmined + sending.queue.unconfirmed;
    page.gauge(
        "txmgr_pending_txs",
        "Transactions without their confirmations",
        pending,
    );
    let market = &sending.market;
    page.gauge(
        "txmgr_basefee_wei",
        "Base fee of L1 in wei",
        market.base_fee,
    );
    page.gauge(
        "txmgr_blob_basefee_wei",
        "Blob base fee of L1 in wei",
        market.blob_base_fee,
    );
    page.gauge(
        "txmgr_tipcap_wei",
        "Tip that L1 suggests, in wei",
        market.tip,
    );
    let published = "Transactions that L1 took, raised versions among them";
    page.counter("txmgr_publish_total", published, sending.published);
    page.head("txmgr_confirm_total", "Transactions confirmed", "counter");
    let succeeded = sending.confirmed.saturating_sub(sending.reverted);
    page.line("txmgr_confirm_total", "status=\"success\"", succeeded);
    page.line("txmgr_confirm_total", "status=\"failed\"", sending.reverted);
    let cost = &sending.last_cost;
    let gwei = cost.gas_fee as f64 / 1e9;
    let of_last = "of the last confirmed transaction";
    page.gauge(
        "txmgr_tx_fee_gwei",
        &format!("What the gas {of_last} cost"),
        gwei,
    );
    page.gauge(
        "txmgr_tx_gas_bump",
        &format!("Raises of the fees {of_last}"),
        cost.raises,
    );
    let latency = cost.latency.as_millis();
    let help = format!("From publication to receipt {of_last}");
    page.gauge("txmgr_tx_confirmed_latency_ms", &help, latency);
    let refused = "Publications that no node took, by the kind of refusal";
    page.head("txmgr_tx_publish_error_count", refused, "counter");
    for (kind, count) in &sending.refused {
        page.line(
            "txmgr_tx_publish_error_count",
            &format!("error=\"{kind}\""),
            count,
        );
    }
    page.counter(
        "txmgr_rpc_error_count",
        "Looks at L1 that failed",
        sending.rpc_errors,
    );
    page.0
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail; the same below.
        let _ = writeln!(
            self.0,
            "# HELP {PREFIX}_{name} {help}.\n# TYPE {PREFIX}_{name} {kind}"
        );
    }

    /// One figure; `labels` as they stand between the braces.
    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{PREFIX}_{name} {value}"),
            labels => writeln!(self.0, "{PREFIX}_{name}{{{labels}}} {value}"),
        };
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        self.line(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        self.line(name, "", value);
    }

    /// The last proposed block, as op-service describes block references.
    fn refs(&mut self, proposed: &Proposed) {
        let l2 = &proposed.l2;
        let labels = |layer: &str| format!("layer=\"{layer}\",type=\"proposed\"");
        self.head("refs_number", "Numbers of blocks", "gauge");
        self.line("refs_number", &labels("l2"), l2.number);
        self.line("refs_number", &labels("l1_origin"), l2.l1_origin.number);
        self.head("refs_time", "Times of blocks", "gauge");
        self.line("refs_time", &labels("l2"), l2.time);
        self.head("refs_hash", "First eight bytes of block hashes", "gauge");
        self.line("refs_hash", &labels("l2"), start_of(l2.hash));
        self.line(
            "refs_hash",
            &labels("l1_origin"),
            start_of(l2.l1_origin.hash),
        );
        self.head("refs_seqnr", "Sequence numbers of L2 blocks", "gauge");
        self.line("refs_seqnr", "type=\"proposed\"", l2.seq_num);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let latency = l2.time as f64 - now.unwrap_or_default().as_secs_f64();
        self.head(
            "refs_latency",
            "Times of blocks minus the present time, in seconds",
            "gauge",
        );
        self.line("refs_latency", &labels("l2"), latency);
    }
}

/// Little-endian, as op-service shows hashes.
fn start_of(hash: B256) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn ether(wei: U256) -> f64 {
    f64::from(wei) / 1e18
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_op_proposers_names() {
        let mut status = ProposerStatus {
            balance: U256::from(1_500_000_000_000_000_000u64),
            ..ProposerStatus::default()
        };
        let l2 = opal_protocol::L2Ref {
            number: 77,
            ..opal_protocol::L2Ref::default()
        };
        status.last = Some(Proposed {
            l2,
            output_root: B256::ZERO,
            tx: opal_txmgr::SentTx {
                hash: B256::ZERO,
                block_number: 5,
                block_hash: B256::ZERO,
                success: true,
            },
        });
        let sending = TxManagerStatus {
            nonce: 9,
            confirmed: 3,
            reverted: 1,
            last_cost: opal_txmgr::Cost {
                gas_fee: 2_500_000_000,
                raises: 2,
                latency: std::time::Duration::from_millis(1500),
            },
            refused: [("underpriced", 4)].into(),
            ..TxManagerStatus::default()
        };
        let page = page(&status, &sending);
        for line in [
            "op_proposer_default_up 1",
            "op_proposer_default_balance 1.5",
            "op_proposer_default_refs_number{layer=\"l2\",type=\"proposed\"} 77",
            "op_proposer_default_refs_seqnr{type=\"proposed\"} 0",
            "op_proposer_default_txmgr_current_nonce 9",
            "op_proposer_default_txmgr_confirm_total{status=\"success\"} 2",
            "op_proposer_default_txmgr_confirm_total{status=\"failed\"} 1",
            "op_proposer_default_txmgr_tx_fee_gwei 2.5",
            "op_proposer_default_txmgr_tx_gas_bump 2",
            "op_proposer_default_txmgr_tx_confirmed_latency_ms 1500",
            "op_proposer_default_txmgr_tx_publish_error_count{error=\"underpriced\"} 4",
        ] {
            assert!(
                page.lines().any(|l| l == line),
                "{line} is missing in\n{page}"
            );
        }
        assert!(page.contains("op_proposer_default_info{version=\"v"));
    }
}
