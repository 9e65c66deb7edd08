//! The tree of calls that `callTracer` prints.

use super::Message;
use crate::evm::Outcome;
use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use alloy_primitives::{TxKind, U256};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame};
use revm_inspectors::tracing::{TracingInspector, types::CallTraceNode};

/// The root frame with all calls under it. Takes time and memory in proportion to their number.
pub(super) fn call_frame(
    mut inspector: TracingInspector,
    config: CallConfig,
    outcome: &Outcome,
    message: &Message,
) -> CallFrame {
    inspector.set_transaction_gas_limit(message.gas);
    inspector.set_transaction_caller(message.from);
    let nodes = inspector.into_traces().into_nodes();
    let with_log = config.with_log.unwrap_or_default();
    let mut root = match roll_up(&nodes, config.only_top_call.unwrap_or_default(), with_log) {
        Some(root) => root,
        None => unexecuted(outcome, message),
    };
    root.gas_used = U256::from(outcome.gas_used);
    if !outcome.success {
        // A deposit whose execution failed may have no failed frame.
        root.logs.clear();
        root.error.get_or_insert_with(|| reason(outcome));
    }
    root
}

/// Puts every frame under its parent. Parents come before their children in `nodes`.
fn roll_up(nodes: &[CallTraceNode], only_top: bool, with_log: bool) -> Option<CallFrame> {
    let mut failed = vec![false; nodes.len()];
    let mut frames: Vec<Option<CallFrame>> = Vec::with_capacity(nodes.len());
    let count = if only_top {
        nodes.len().min(1)
    } else {
        nodes.len()
    };
    for (index, node) in nodes.iter().take(count).enumerate() {
        let above = node.parent.and_then(|parent| failed.get(parent).copied());
        let lost = above.unwrap_or(false) || !node.trace.success;
        if let Some(slot) = failed.get_mut(index) {
            *slot = lost;
        }
        let mut frame = node.geth_empty_call_frame(with_log && !lost);
        frame.calls.extend(node.geth_selfdestruct_call_trace());
        frames.push(Some(frame));
    }
    // From the last to the first, so that each frame is complete when it moves; children of one
    // parent arrive in reverse.
    for index in (1..frames.len()).rev() {
        let Some(mut frame) = frames.get_mut(index).and_then(Option::take) else {
            continue;
        };
        // A selfdestruct ends its frame, so it was put there first and comes last.
        frame.calls.reverse();
        let parent = nodes.get(index).and_then(|node| node.parent);
        if let Some(Some(parent)) = parent.and_then(|parent| frames.get_mut(parent)) {
            parent.calls.push(frame);
        }
    }
    let mut root = frames.first_mut().and_then(Option::take)?;
    root.calls.reverse();
    Some(root)
}

/// The frame of a transaction that never ran: a deposit that could not even start.
fn unexecuted(outcome: &Outcome, message: &Message) -> CallFrame {
    CallFrame {
        typ: match message.to {
            TxKind::Call(_) => "CALL",
            TxKind::Create => "CREATE",
        }
        .to_string(),
        from: message.from,
        to: message.to.to().copied(),
        value: Some(message.value),
        gas: U256::from(message.gas),
        input: message.input.clone(),
        error: (!outcome.success).then(|| reason(outcome)),
        ..CallFrame::default()
    }
}

fn reason(outcome: &Outcome) -> String {
    match &outcome.halt {
        Some(halt) => halt.clone(),
        None => "execution reverted".to_string(),
    }
}
