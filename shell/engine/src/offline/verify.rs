//! Whether a data directory is what it should be, from scratch.
//!
//! In: a data directory. Out: every [`Damage`] found. Checked are: the state root, recomputed from
//! the sorted flat tables by another implementation than the one that wrote it; the trie tables,
//! node by node from the root; that no code is missing; the canonical chain from the head to its
//! first block, each hash recomputed, with bodies, receipts and the index of transactions; and that
//! the reverse diffs reach from the head down without a gap. Nothing is changed.

use super::Progress;
use crate::{
    store::{DbSnapshot, Store, StoreError},
    view::DbNodes,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::root::ordered_trie_root_with_encoder;
use opal_trie::{check_stored, rebuild_state_root, rebuild_storage_root};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fmt,
    path::Path,
    time::{Duration, Instant},
};

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Damages that are described; more are counted.
const DAMAGES_MAX: usize = 20;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it is: a table, a block, an account.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// What was checked, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// The block whose state was checked, and its height.
    pub head: (B256, u64),
    /// Its state root, which the flat tables must give.
    pub state_root: B256,
    /// Accounts that were hashed.
    pub accounts: u64,
    /// Slots that were hashed.
    pub slots: u64,
    /// Trie nodes that were read.
    pub nodes: u64,
    /// Blocks that were checked.
    pub blocks: u64,
    /// The first damages, in words.
    pub damages: Vec<Damage>,
    /// All damages.
    pub damages_total: u64,
}

/// Checks everything in the directory. An error means that it could not be read to its end.
pub fn verify(datadir: &Path, progress: impl FnMut(Progress)) -> Result<VerifyReport, StoreError> {
    let (store, identity) = Store::open_existing(datadir)?;
    let db = store.snapshot()?;
    let mut check = Check {
        db: &db,
        report: VerifyReport::default(),
        teller: Teller {
            tell: progress,
            told: Instant::now(),
        },
    };
    let Some(heads) = db.heads() else {
        check.damaged(
            "head pointers",
            "are missing: the directory was never initialised",
        );
        return Ok(check.report);
    };
    check.report.head = (heads.head, heads.head_number);
    let Some(head) = db.header(&heads.head)? else {
        check.damaged("head", format!("block {} is missing", heads.head));
        return Ok(check.report);
    };
    check.report.state_root = head.state_root;
    check.state(&head)?;
    check.trie(&head)?;
    check.blocks(identity.genesis)?;
    check.reverse_diffs()?;
    for (name, hash) in [
        ("safe head", heads.safe),
        ("finalized head", heads.finalized),
    ] {
        let number = db.header(&hash)?.map(|h| h.number);
        let canonical = match number {
            Some(number) => db.canonical_hash(number)? == Some(hash),
            None => hash.is_zero(),
        };
        if !canonical {
            check.damaged(name, format!("block {hash} is not on the chain"));
        }
    }
    Ok(check.report)
}

struct Teller<F> {
    tell: F,
    told: Instant,
}

impl<F: FnMut(Progress)> Teller<F> {
    fn tell(&mut self, what: &'static str, done: u64, total: u64, block: u64) {
        if self.told.elapsed() >= PROGRESS_INTERVAL || done == total {
            self.told = Instant::now();
            (self.tell)(Progress {
                what,
                done,
                total,
                block,
                ..Progress::default()
            });
        }
    }
}

struct Check<'a, F> {
    db: &'a DbSnapshot,
    report: VerifyReport,
    teller: Teller<F>,
}

impl<F: FnMut(Progress)> Check<'_, F> {
    fn damaged(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.report.damages_total = self.report.damages_total.saturating_add(1);
        if self.report.damages.len() < DAMAGES_MAX {
            self.report.damages.push(Damage {
                place: place.into(),
                problem: problem.into(),
            });
        }
    }

    /// The state root from the flat tables alone.
    fn state(&mut self, head: &Header) -> Result<(), StoreError> {
        let flat = Flat::new(self.db)?;
        let total = self.db.account_rows()?;
        let mut codes = BTreeSet::new();
        let mut missing = Vec::new();
        let (mut accounts, teller) = (0u64, &mut self.teller);
        let root = rebuild_state_root(flat.accounts(|address, code| {
            accounts = accounts.saturating_add(1);
            teller.tell("state root", accounts, total, head.number);
            if code != KECCAK256_EMPTY && codes.insert(code) {
                let right = self.db.code(&code)?.is_some_and(|c| keccak256(c) == code);
                if !right {
                    missing.push((address, code));
                }
            }
            Ok(())
        })?);
        (self.report.accounts, self.report.slots) = (accounts, flat.slots_seen.get());
        for (address, code) in missing {
            let place = format!("account {address} (hashed address)");
            self.damaged(place, format!("its code {code} is missing or damaged"));
        }
        for address in flat.orphans.take() {
            let place = format!("table storage, hashed address {address}");
            self.damaged(place, "slots of an account that does not exist");
        }
        if let Some(error) = flat.failed.take() {
            self.damaged("flat tables", error.to_string());
        } else if root != head.state_root {
            let problem = format!(
                "accounts and slots give the root {root}, block {} has {}",
                head.number, head.state_root
            );
            self.damaged("flat tables", problem);
        }
        Ok(())
    }

    /// The stored trie, from the root of the head down.
    fn trie(&mut self, head: &Header) -> Result<(), StoreError> {
        let total = self.report.accounts;
        let teller = &mut self.teller;
        let walked = check_stored(&DbNodes(self.db), head.state_root, |so_far| {
            teller.tell("trie", so_far.accounts, total, head.number);
        });
        match walked {
            Err(error) => self.damaged("table nodes", error.to_string()),
            Ok(found) => {
                self.report.nodes = found.nodes;
                let rows = self.db.node_rows()?;
                if rows != found.nodes {
                    let problem = format!(
                        "{rows} rows, but the trie of block {} has {} nodes",
                        head.number, found.nodes
                    );
                    self.damaged("table nodes", problem);
                }
            }
        }
        Ok(())
    }

    /// The canonical chain, from its first block to the head.
    fn blocks(&mut self, genesis: B256) -> Result<(), StoreError> {
        let (_, head) = self.report.head;
        let Some((first, last)) = self.db.canonical_range()? else {
            self.damaged("table canonical", "is empty");
            return Ok(());
        };
        if last != head {
            self.damaged(
                "table canonical",
                format!("ends at block {last}, the head is {head}"),
            );
        }
        let mut parent: Option<B256> = None;
        let mut receipts_begun = false;
        for number in first..=last {
            let place = format!("block {number}");
            let Some(hash) = self.db.canonical_hash(number)? else {
                self.damaged(place, "has no canonical hash");
                parent = None;
                continue;
            };
            if number == first && hash != genesis {
                self.damaged(&place, format!("is {hash}, genesis is {genesis}"));
            }
            if number == head && hash != self.report.head.0 {
                let problem = format!("is {hash}, the head pointer says {}", self.report.head.0);
                self.damaged(&place, problem);
            }
            match self.block(number, hash, parent, &mut receipts_begun) {
                Ok(None) => {}
                Ok(Some(problem)) => self.damaged(place, problem),
                Err(StoreError::Codec(e)) => self.damaged(place, e.to_string()),
                Err(other) => return Err(other),
            }
            parent = Some(hash);
            self.report.blocks = self.report.blocks.saturating_add(1);
            let total = last.saturating_sub(first).saturating_add(1);
            self.teller
                .tell("blocks", self.report.blocks, total, number);
        }
        Ok(())
    }

    /// What is wrong with a canonical block.
    fn block(
        &self,
        number: u64,
        hash: B256,
        parent: Option<B256>,
        receipts_begun: &mut bool,
    ) -> Result<Option<String>, StoreError> {
        let Some(header) = self.db.header(&hash)? else {
            return Ok(Some(format!("the header of {hash} is missing")));
        };
        let found = header.hash_slow();
        if found != hash || header.number != number {
            let what = format!("the header is that of block {} ({found})", header.number);
            return Ok(Some(format!("{what}, wanted is {hash}")));
        }
        if parent.is_some_and(|parent| parent != header.parent_hash) {
            let what = format!("its parent is {}", header.parent_hash);
            return Ok(Some(format!("{what}, which is not the block below")));
        }
        let Some(body) = self.db.body(&hash)? else {
            return Ok(Some(format!("the body of {hash} is missing")));
        };
        let root = ordered_trie_root_with_encoder(&body.transactions, |tx, out| {
            out.extend_from_slice(tx);
        });
        if root != header.transactions_root {
            let wanted = header.transactions_root;
            return Ok(Some(format!(
                "its transactions have root {root}, not {wanted}"
            )));
        }
        for tx in &body.transactions {
            if self.db.transaction(&keccak256(tx))?.is_none() {
                let tx = keccak256(tx);
                return Ok(Some(format!(
                    "transaction {tx} is missing in table tx_index"
                )));
            }
        }
        match self.db.receipts(&hash)? {
            Some(receipts) if receipts.len() != body.transactions.len() => Ok(Some(format!(
                "{} receipts for {} transactions",
                receipts.len(),
                body.transactions.len()
            ))),
            Some(_) => {
                // Genesis has an empty list, whatever is pruned.
                *receipts_begun |= !body.transactions.is_empty();
                Ok(None)
            }
            // Pruning takes the oldest receipts, so there is none missing above one that is there.
            None if *receipts_begun => Ok(Some("its receipts are missing".into())),
            None => Ok(None),
        }
    }

    fn reverse_diffs(&mut self) -> Result<(), StoreError> {
        let (_, head) = self.report.head;
        let Some((first, last, rows)) = self.db.reverse_range()? else {
            return Ok(());
        };
        if last != head || rows != last.saturating_sub(first).saturating_add(1) {
            let problem = format!("{rows} rows from block {first} to {last}, the head is {head}");
            self.damaged("table reverse_diffs", problem);
        }
        let total = last.saturating_sub(first);
        for number in first..=last {
            if let Err(e) = self.db.check_reverse(number) {
                self.damaged(format!("reverse diff of block {number}"), e.to_string());
            }
            self.teller
                .tell("reverse diffs", number.saturating_sub(first), total, number);
        }
        Ok(())
    }
}

type Slots<'a> = Box<dyn Iterator<Item = Result<(B256, B256, U256), StoreError>> + 'a>;

/// The flat tables, read side by side. A row that does not decode ends both.
struct Flat<'a> {
    db: &'a DbSnapshot,
    slots: RefCell<std::iter::Peekable<Slots<'a>>>,
    slots_seen: Cell<u64>,
    /// Owners of slots without an account.
    orphans: RefCell<BTreeSet<B256>>,
    failed: RefCell<Option<StoreError>>,
}

impl<'a> Flat<'a> {
    fn new(db: &'a DbSnapshot) -> Result<Self, StoreError> {
        let slots: Slots<'a> = Box::new(db.slots()?);
        Ok(Self {
            db,
            slots: RefCell::new(slots.peekable()),
            slots_seen: Cell::new(0),
            orphans: RefCell::default(),
            failed: RefCell::default(),
        })
    }

    /// Accounts with their storage roots, by hashed address; `each` sees address and code hash.
    fn accounts<'b>(
        &'b self,
        mut each: impl FnMut(B256, B256) -> Result<(), StoreError> + 'b,
    ) -> Result<impl Iterator<Item = (B256, opal_trie::Account, B256)> + 'b, StoreError> {
        let mut rows = self.db.accounts()?;
        Ok(std::iter::from_fn(move || {
            let next = rows.next().map(|row| {
                let (address, account) = row?;
                each(address, account.code_hash)?;
                Ok((address, account, self.storage_root(address)))
            });
            match next {
                None => {
                    self.skip_below(None);
                    None
                }
                Some(Ok(row)) if self.failed.borrow().is_none() => Some(row),
                Some(Ok(_)) => None,
                Some(Err(error)) => {
                    self.failed.borrow_mut().get_or_insert(error);
                    None
                }
            }
        }))
    }

    fn storage_root(&self, address: B256) -> B256 {
        self.skip_below(Some(address));
        rebuild_storage_root(std::iter::from_fn(|| {
            let mut slots = self.slots.borrow_mut();
            match slots
                .next_if(|row| row.as_ref().map_or(true, |(owner, _, _)| *owner == address))?
            {
                Ok((_, slot, value)) => {
                    self.slots_seen.set(self.slots_seen.get().saturating_add(1));
                    Some((slot, value))
                }
                Err(error) => {
                    self.failed.borrow_mut().get_or_insert(error);
                    None
                }
            }
        }))
    }

    /// Skips slots that belong to accounts before `address` (`None`: all that are left).
    fn skip_below(&self, address: Option<B256>) {
        let mut slots = self.slots.borrow_mut();
        let below = |row: &Result<(B256, B256, U256), StoreError>| {
            row.as_ref()
                .is_ok_and(|(owner, _, _)| address.is_none_or(|address| *owner < address))
        };
        while let Some(Ok((owner, _, _))) = slots.next_if(below) {
            self.orphans.borrow_mut().insert(owner);
        }
    }
}
