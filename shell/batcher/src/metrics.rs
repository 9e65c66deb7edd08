//! The page of metrics, under op-batcher's names: those that have a counterpart here. Channels are
//! made at once when they are closed, so no other stage of them is counted; whether a channel counts
//! on L1, the rollup node's safe head tells.

use crate::service::BatcherStatus;
use opal_txmgr::{TxManagerStatus, serve::Page};

/// Namespace and process name, as op-batcher has them.
const PREFIX: &str = "op_batcher_default";

/// The page.
pub(crate) fn page(status: &BatcherStatus, sending: &TxManagerStatus) -> String {
    let mut page = Page::new(PREFIX, status.balance);
    let latest = "layer=\"l1\",type=\"latest\"";
    page.head("refs_number", "Numbers of blocks", "gauge");
    page.line("refs_number", latest, status.l1_head.number);
    page.head("refs_time", "Times of blocks", "gauge");
    page.line("refs_time", latest, status.l1_head.time);
    let closed = [("closed", status.channels_closed)];
    let help = "Channels by what became of them";
    page.stages("channel_total", help, "counter", &closed);
    let stages = [
        ("submitted", status.txs_submitted),
        ("success", status.txs_confirmed),
        ("failed", status.txs_failed),
    ];
    let help = "Batcher transactions by what became of them";
    page.stages("batcher_tx_total", help, "counter", &stages);
    let pending = [("added", status.blocks_pending as u64)];
    let help = "L2 blocks that are loaded and in no closed channel";
    page.stages("pending_blocks_count", help, "gauge", &pending);
    page.gauge(
        "pending_blocks_bytes_current",
        "Bytes of the transactions of unsafe blocks that are loaded",
        status.backlog_bytes,
    );
    let [input, output] = status.channel_bytes;
    let help = "Bytes of the last closed channel before compression";
    page.stages("input_bytes", help, "gauge", &[("closed", input as u64)]);
    page.gauge(
        "output_bytes",
        "Bytes of the last closed channel after compression",
        output,
    );
    let [input, output] = status.channel_bytes_total;
    page.counter(
        "input_bytes_total",
        "Bytes of all channels before compression",
        input,
    );
    page.counter(
        "output_bytes_total",
        "Bytes of all channels after compression",
        output,
    );
    page.sending(sending);
    page.finish()
}
