//! An update in independent pieces, which may be worked on at once.
//!
//! In: tries with sorted changes. Out: the same tries, changed and hashed, with notes about their
//! stored nodes. A large change of one trie is cut at the children of its root.

use crate::{
    changes::{NodeRows, merged},
    child::Child,
    edit::{Edit, Item},
    error::TrieError,
    hash::hash,
    node::Node,
    reader::NodeReader,
    source::Source,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::B256;
use alloy_trie::Nibbles;

/// Changes of one trie from which on it is cut.
const CUT_MIN: usize = 64;
/// Bytes of new nodes to expect for each key that changes.
const RLP_BYTES: usize = 700;

/// Whether anything changed, and how the stored nodes change.
type Outcome = (bool, NodeRows);

/// A subtrie and what changes in it.
#[derive(Debug)]
pub struct Task<'a, R> {
    source: Source<'a, R>,
    path: Nibbles,
    child: Child,
    items: Vec<Item>,
    outcome: Option<Result<Outcome, TrieError>>,
}

impl<'a, R: NodeReader> Task<'a, R> {
    fn new(source: Source<'a, R>, path: Nibbles, child: Child, items: Vec<Item>) -> Self {
        Self {
            source,
            path,
            child,
            items,
            outcome: None,
        }
    }

    /// Does the work.
    pub fn run(&mut self) {
        let mut edit = Edit::new(self.source);
        let applied = edit.apply(&mut self.child, &self.path, &mut self.items);
        self.outcome = Some(applied.map(|changed| {
            edit.notes
                .rlp
                .reserve(self.items.len().saturating_mul(RLP_BYTES));
            hash(&mut self.child, &self.path, &mut edit.notes);
            (changed, edit.notes.into_rows())
        }));
        self.items = Vec::new();
    }

    /// What came of it. A task that nobody ran is run now.
    fn outcome(&mut self) -> Result<Outcome, TrieError> {
        if self.outcome.is_none() {
            self.run();
        }
        match self.outcome.take() {
            Some(outcome) => outcome,
            None => Ok((false, NodeRows::new())),
        }
    }
}

/// The change of one trie.
pub(crate) struct Job<'a, R> {
    source: Source<'a, R>,
    /// The branch whose children are in the tasks, or nothing if there is one task for all.
    root: Option<Child>,
    tasks: Vec<Task<'a, R>>,
}

/// A trie that has changed.
pub(crate) struct Done {
    pub(crate) owner: Option<B256>,
    pub(crate) root: Child,
    pub(crate) rows: NodeRows,
}

impl<'a, R: NodeReader> Job<'a, R> {
    pub(crate) fn new(
        source: Source<'a, R>,
        mut root: Child,
        items: Vec<Item>,
    ) -> Result<Self, TrieError> {
        let whole = Nibbles::new();
        if items.len() < CUT_MIN || !Edit::new(source).is_branch(&mut root, &whole)? {
            return Ok(Self {
                source,
                root: None,
                tasks: Vec::from([Task::new(source, whole, root, items)]),
            });
        }
        let mut tasks: Vec<Task<'a, R>> = Vec::with_capacity(16);
        for item in items {
            let path = item.key.slice(..1);
            match tasks.last_mut() {
                Some(task) if task.path == path => task.items.push(item),
                _ => {
                    let child = exchange(&mut root, &path, Child::EMPTY);
                    tasks.push(Task::new(source, path, child, Vec::from([item])));
                }
            }
        }
        Ok(Self {
            source,
            root: Some(root),
            tasks,
        })
    }

    fn finish(self) -> Result<Done, TrieError> {
        let owner = self.source.owner;
        let mut edit = Edit::new(self.source);
        let mut whole = None;
        let mut root = self.root;
        let mut any = false;
        let mut rows = NodeRows::new();
        for mut task in self.tasks {
            let (changed, more) = task.outcome()?;
            any |= changed;
            rows.extend(more);
            match &mut root {
                Some(root) => {
                    exchange(root, &task.path, task.child);
                }
                None => whole = Some(task.child),
            }
        }
        let root = match (root, whole) {
            (Some(mut root), _) => {
                if any {
                    edit.close_branch(&mut root, &Nibbles::new())?;
                    hash(&mut root, &Nibbles::new(), &mut edit.notes);
                }
                root
            }
            (None, whole) => whole.unwrap_or(Child::EMPTY),
        };
        // What closing the root makes of a child counts, not what its task made of it.
        let closing = edit.notes.into_rows();
        if !closing.is_empty() {
            rows.extend(closing);
            rows = merged(rows);
        }
        Ok(Done { owner, root, rows })
    }
}

/// Runs all jobs, one task beside the other.
pub(crate) fn run_jobs<'a, R: NodeReader>(
    mut jobs: Vec<Job<'a, R>>,
    run_all: &impl Fn(&mut [Task<'a, R>]),
) -> Result<Vec<Done>, TrieError> {
    let mut tasks = Vec::new();
    let counts: Vec<usize> = jobs
        .iter_mut()
        .map(|job| {
            let count = job.tasks.len();
            tasks.append(&mut job.tasks);
            count
        })
        .collect();
    run_all(&mut tasks);
    let mut tasks = tasks.into_iter();
    jobs.into_iter()
        .zip(counts)
        .map(|(mut job, count)| {
            job.tasks.extend(tasks.by_ref().take(count));
            job.finish()
        })
        .collect()
}

/// Puts a child below a branch and answers with the one that was there.
fn exchange(root: &mut Child, path: &Nibbles, child: Child) -> Child {
    if let Some(nibble) = path.first()
        && let Some(node) = &mut root.node
        && let Node::Branch(branch) = Arc::make_mut(node)
    {
        let old = branch.take(nibble);
        branch.set(nibble, child);
        return old;
    }
    child
}
