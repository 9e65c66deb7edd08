//! Metrics in Prometheus' text format, under op-proposer's names.

use crate::service::{Proposed, ProposerStatus};
use alloy_primitives::B256;
use opal_txmgr::{TxManagerStatus, serve::Page};
use std::time::{SystemTime, UNIX_EPOCH};

/// Namespace and process name, as op-proposer has them.
const PREFIX: &str = "op_proposer_default";

/// The page.
pub(crate) fn page(status: &ProposerStatus, sending: &TxManagerStatus) -> String {
    let mut page = Page::new(PREFIX, status.balance);
    if let Some(proposed) = &status.last {
        refs(&mut page, proposed);
    }
    page.sending(sending);
    page.finish()
}

/// The last proposed block, as op-service describes block references.
fn refs(page: &mut Page, proposed: &Proposed) {
    let l2 = &proposed.l2;
    let labels = |layer: &str| format!("layer=\"{layer}\",type=\"proposed\"");
    page.head("refs_number", "Numbers of blocks", "gauge");
    page.line("refs_number", &labels("l2"), l2.number);
    page.line("refs_number", &labels("l1_origin"), l2.l1_origin.number);
    page.head("refs_time", "Times of blocks", "gauge");
    page.line("refs_time", &labels("l2"), l2.time);
    page.head("refs_hash", "First eight bytes of block hashes", "gauge");
    page.line("refs_hash", &labels("l2"), start_of(l2.hash));
    page.line(
        "refs_hash",
        &labels("l1_origin"),
        start_of(l2.l1_origin.hash),
    );
    page.head("refs_seqnr", "Sequence numbers of L2 blocks", "gauge");
    page.line("refs_seqnr", "type=\"proposed\"", l2.seq_num);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let latency = l2.time as f64 - now.unwrap_or_default().as_secs_f64();
    page.head(
        "refs_latency",
        "Times of blocks minus the present time, in seconds",
        "gauge",
    );
    page.line("refs_latency", &labels("l2"), latency);
}

/// Little-endian, as op-service shows hashes.
fn start_of(hash: B256) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

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
