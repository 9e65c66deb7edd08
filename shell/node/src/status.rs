//! What the node tells the world of itself: sync status and health.

use opal_l1::L1Heads;
use opal_protocol::{L1Ref, L2Id, L2Ref};
use opal_rollup::Heads;
use opal_rpc::SyncStatus;
use tokio::sync::watch;

/// Whether the node can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It can, or is on its way.
    Good,
    /// It cannot, until a person acts.
    Broken(String),
}

/// The publishing ends of status and health.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) status: watch::Sender<SyncStatus>,
    pub(crate) health: watch::Sender<Health>,
}

impl Published {
    pub(crate) fn new() -> Self {
        Self {
            status: watch::Sender::new(SyncStatus::default()),
            health: watch::Sender::new(Health::Good),
        }
    }

    pub(crate) fn health(&self, health: Health) {
        self.health.send_if_modified(|known| replace(known, health));
    }

    pub(crate) fn update(
        &self,
        l2: &Heads,
        l1: &L1Heads,
        current_l1: &L1Ref,
        queued: Option<L2Id>,
    ) {
        let finalized_l1 = l1.finalized.unwrap_or_default();
        let queued = queued.map(|id| L2Ref {
            hash: id.hash,
            number: id.number,
            ..L2Ref::default()
        });
        let status = SyncStatus {
            current_l1: *current_l1,
            current_l1_finalized: finalized_l1,
            head_l1: l1.head,
            safe_l1: l1.safe.unwrap_or_default(),
            finalized_l1,
            unsafe_l2: l2.unsafe_head,
            safe_l2: l2.safe,
            finalized_l2: l2.finalized,
            pending_safe_l2: l2.pending_safe,
            cross_unsafe_l2: l2.unsafe_head,
            local_safe_l2: l2.safe,
            queued_unsafe_l2: queued.unwrap_or_default(),
        };
        self.status.send_if_modified(|known| replace(known, status));
    }
}

fn replace<T: PartialEq>(known: &mut T, new: T) -> bool {
    let is_new = *known != new;
    *known = new;
    is_new
}
