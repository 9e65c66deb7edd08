//! The batcher: the core `submission` between a sequencer's node and L1.

use crate::{
    engine::Store,
    l1::{Action, L1},
    node::Node,
    plan::Plan,
    random::Random,
};
use alloy_primitives::{Address, B256, keccak256};
use opal_protocol::{InboxTx, RollupConfig};
use opal_submission::{
    Block, PushError, RollupStatus, Submission, SubmissionStatus, Trace, TxData, TxId, Verdict,
};
use std::sync::Arc;

/// L2 blocks loaded at once.
const LOAD_MAX: u64 = 200;

/// A running batcher.
#[derive(Debug)]
pub struct Batcher {
    cfg: Arc<RollupConfig>,
    submission: Submission,
    /// Transactions that it waits for: its own name and that of L1.
    sent: Vec<(TxId, u64)>,
    confirmations: u64,
    in_flight_max: usize,
    /// Whose key it has; that of the moment if there is none.
    key: Option<Address>,
}

impl Batcher {
    /// A batcher that has just started, with the key of the moment or one of its own.
    pub fn new(
        plan: &Plan,
        cfg: Arc<RollupConfig>,
        key: Option<Address>,
        random: &mut Random,
    ) -> Self {
        let seed = keccak256(random.bits().to_be_bytes());
        let submission =
            Submission::new(plan.submission, cfg.clone(), seed).expect("plans hold valid settings");
        Self {
            cfg,
            submission,
            sent: vec![],
            confirmations: plan.batcher.confirmations,
            in_flight_max: plan.batcher.in_flight,
            key,
        }
    }

    /// Whether it goes on with a key of its own, whatever the system configuration says.
    pub const fn is_old(&self) -> bool {
        self.key.is_some()
    }

    /// Figures for the final check.
    pub fn status(&self) -> SubmissionStatus {
        self.submission.status()
    }

    /// Looks at L1 and at the node, loads blocks, sends transactions. Gives what was sent, and what
    /// happened inside.
    pub fn poll(
        &mut self,
        l1: &mut L1,
        node: &Node,
        store: &Store,
        random: &mut Random,
        notes: &mut Vec<String>,
    ) -> (Vec<InboxTx>, Vec<Trace>) {
        let head = l1.head().clone();
        self.submission
            .on_l1_head(head.header.number, head.header.timestamp);
        self.follow_sent(l1);
        let mut posted = vec![];
        if let Some(heads) = node.heads() {
            let status = RollupStatus {
                current_l1: node.current_l1().id(),
                head_l1: node.l1_head().id(),
                safe: heads.safe,
                unsafe_head: heads.unsafe_head.id(),
            };
            match self.submission.on_status(&status) {
                Verdict::InSync => self.load(node, store, &status),
                verdict => notes.push(format!("batcher: {verdict:?}")),
            }
            while self.sent.len() < self.in_flight_max
                && let Some(tx) = self.submission.next_tx()
            {
                posted.push(self.send(&tx, l1, random));
            }
        }
        (posted, self.submission.drain_trace())
    }

    fn follow_sent(&mut self, l1: &L1) {
        let head = l1.head().header.number;
        let submission = &mut self.submission;
        self.sent.retain(|(tx, id)| match l1.mined_in(*id) {
            Some(at) if at.number + self.confirmations <= head => {
                submission.on_confirmed(*tx, at);
                false
            }
            None if !l1.is_pending(*id) => {
                submission.on_failed(*tx);
                false
            }
            _ => true,
        });
    }

    fn load(&mut self, node: &Node, store: &Store, status: &RollupStatus) {
        let Some(range) = self.submission.wants(status.unsafe_head.number) else {
            return;
        };
        for number in range.take(LOAD_MAX as usize) {
            let Some(block) = node.engine.at(number).and_then(|hash| store.get(&hash)) else {
                return;
            };
            let l2 = block.l2_ref(&self.cfg).expect("well-formed");
            match self
                .submission
                .push_block(Block::new(l2, block.transactions.iter().cloned()))
            {
                Ok(()) => {}
                Err(PushError::Reorg { .. }) => return self.submission.reset(status.safe),
                Err(_) => return,
            }
        }
    }

    fn send(&mut self, tx: &TxData, l1: &mut L1, random: &mut Random) -> InboxTx {
        let hashes: Vec<B256> = tx
            .blobs()
            .into_iter()
            .map(|blob| l1.add_blob(blob))
            .collect();
        let inbox = InboxTx {
            from: self.key.unwrap_or_else(|| l1.batcher()),
            tx_type: if tx.in_blobs { 3 } else { 2 },
            data: tx.calldata(),
            blob_hashes: hashes,
        };
        let delay = if random.percent(20) {
            random.between(1, 20)
        } else {
            0
        };
        let ready_at = l1.head().header.timestamp + delay;
        let id = l1.send(Action::Inbox(inbox.clone()), ready_at);
        self.sent.push((tx.id, id));
        inbox
    }
}
