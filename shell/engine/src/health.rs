//! Whether the engine is worth sending users to.
//!
//! In: the newest view, the clock and what the storage last said. Out: nothing, or a reason.

use crate::tree::TreeHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Knows whether the engine is healthy.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    tree: TreeHandle,
    max_age: Option<Duration>,
}

impl Health {
    /// An engine is not healthy when its newest block is older than `max_age`.
    pub(crate) const fn new(tree: TreeHandle, max_age: Option<Duration>) -> Self {
        Self { tree, max_age }
    }

    /// What is wrong, if anything is: the newest block is too old, or nothing can be written.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(trouble) = self.tree.published.trouble() {
            return Some(format!("the database cannot be written: {trouble}"));
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let head = self.tree.view().head;
        let age = now.saturating_sub(head.timestamp);
        let max = self.max_age?.as_secs();
        (age > max).then(|| {
            format!(
                "the newest block, {}, is {age} s old; at most {max} s are allowed",
                head.number
            )
        })
    }
}
