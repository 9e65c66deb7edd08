//! A development L1 without consensus: slots, forks, a pool of transactions, blobs.
//!
//! Every block ever mined stays known by its hash. The canonical chain is a list of hashes; a
//! reorganisation cuts it and returns its transactions to the pool, unless they are lost.

use crate::random::Random;
use alloy_consensus::Header;
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use op_alloy_consensus::TxDeposit;
use opal_protocol::{
    ConfigUpdate, DepositSource, InboxTx, L1Block, L1ChainConfig, L1Id, L1Ref,
    deposit::encode_deposit,
};
use std::{collections::BTreeMap, sync::Arc};

/// A transaction that somebody sent to L1.
#[derive(Clone, Debug)]
pub struct L1Tx {
    /// Names it for as long as the simulation lasts.
    pub id: u64,
    /// What it does.
    pub action: Action,
    /// Not mined before this L1 time in seconds.
    pub ready_at: u64,
}

/// What an L1 transaction does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Data for the batch inbox. Those of one sender are mined in the order they were sent.
    Inbox(InboxTx),
    /// A deposit of this value.
    Deposit(u64),
    /// A change of the system configuration.
    Config(ConfigUpdate),
}

/// The chain and its pool.
#[derive(Debug)]
pub struct L1 {
    chain: L1ChainConfig,
    blocks: BTreeMap<B256, Arc<L1Block>>,
    contents: BTreeMap<B256, Vec<L1Tx>>,
    canonical: Vec<B256>,
    /// Blocks after which a block is final.
    finality_depth: usize,
    /// Height of the newest final block.
    finalized: usize,
    /// Tip of the fork that an abandoned block was on.
    fork_tips: BTreeMap<B256, B256>,
    pool: Vec<L1Tx>,
    blobs: BTreeMap<B256, Box<Blob>>,
    /// Canonical block of each mined transaction.
    mined_in: BTreeMap<u64, L1Id>,
    batcher: BTreeMap<B256, Address>,
    next_id: u64,
}

impl L1 {
    /// A chain with a genesis block, where a block is final under `finality_depth` others.
    pub fn new(chain: L1ChainConfig, time: u64, batcher: Address, finality_depth: u64) -> Self {
        let mut l1 = Self {
            chain,
            blocks: BTreeMap::new(),
            contents: BTreeMap::new(),
            canonical: vec![],
            finality_depth: finality_depth as usize,
            finalized: 0,
            fork_tips: BTreeMap::new(),
            pool: vec![],
            blobs: BTreeMap::new(),
            mined_in: BTreeMap::new(),
            batcher: BTreeMap::new(),
            next_id: 0,
        };
        l1.append(
            Header {
                timestamp: time,
                ..Default::default()
            },
            vec![],
            batcher,
        );
        l1
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<L1Block> {
        &self.blocks[self.canonical.last().expect("genesis is never cut")]
    }

    /// The canonical block at a height.
    pub fn at(&self, number: u64) -> Option<&Arc<L1Block>> {
        self.canonical
            .get(number as usize)
            .map(|hash| &self.blocks[hash])
    }

    /// A block by hash, canonical or not.
    pub fn block(&self, hash: B256) -> Option<&Arc<L1Block>> {
        self.blocks.get(&hash)
    }

    /// Whether the block is part of the canonical chain.
    pub fn is_canonical(&self, id: L1Id) -> bool {
        self.canonical.get(id.number as usize) == Some(&id.hash)
    }

    /// The tip of the chain that the block is on: the head, or where its fork was abandoned.
    pub fn tip_through(&self, id: L1Id) -> B256 {
        if self.is_canonical(id) {
            return self.head().hash;
        }
        self.fork_tips.get(&id.hash).copied().unwrap_or(id.hash)
    }

    /// The newest block that no reorganisation reaches.
    pub fn finalized(&self) -> L1Ref {
        self.blocks[&self.canonical[self.finalized]]
            .as_ref()
            .as_ref()
    }

    /// The canonical block that holds a transaction.
    pub fn mined_in(&self, id: u64) -> Option<L1Id> {
        self.mined_in.get(&id).copied()
    }

    /// Whether a transaction waits to be mined.
    pub fn is_pending(&self, id: u64) -> bool {
        self.pool.iter().any(|tx| tx.id == id)
    }

    /// Whose batches count after the newest block.
    pub fn batcher(&self) -> Address {
        self.batcher[&self.head().hash]
    }

    /// All blobs by their names.
    pub const fn blobs(&self) -> &BTreeMap<B256, Box<Blob>> {
        &self.blobs
    }

    /// A blob by its name.
    pub fn blob(&self, hash: B256) -> Option<Box<Blob>> {
        self.blobs.get(&hash).cloned()
    }

    /// Keeps a blob and gives its name.
    pub fn add_blob(&mut self, blob: Box<Blob>) -> B256 {
        // Any name will do that nobody else has; hashing all of a blob takes most of a run.
        let hash = keccak256((self.blobs.len() as u64).to_be_bytes());
        self.blobs.insert(hash, blob);
        hash
    }

    /// Sends a transaction.
    pub fn send(&mut self, action: Action, ready_at: u64) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.pool.push(L1Tx {
            id,
            action,
            ready_at,
        });
        id
    }

    /// Drops every waiting inbox transaction of `sender` from `id` on: nonces behind a gap.
    pub fn forget_from(&mut self, id: u64, sender: Address) {
        self.pool.retain(|tx| {
            let of_sender = matches!(&tx.action, Action::Inbox(inbox) if inbox.from == sender);
            !(of_sender && tx.id >= id)
        });
    }

    /// Mines the next block at `time`.
    pub fn mine(&mut self, time: u64, random: &mut Random) {
        let parent = self.head().clone();
        let has_blobs = self.chain.blob_params_at(time).is_some();
        let excess_blob_gas = random.between(0, 40_000_000);
        let header = Header {
            number: parent.header.number + 1,
            parent_hash: parent.hash,
            timestamp: time,
            mix_hash: keccak256(random.bits().to_be_bytes()),
            base_fee_per_gas: Some(random.between(7, 1_000_000)),
            excess_blob_gas: has_blobs.then_some(excess_blob_gas),
            parent_beacon_block_root: has_blobs.then(|| keccak256(time.to_be_bytes())),
            ..Default::default()
        };
        let content = self.take_ready(time);
        let batcher = self.batcher();
        self.append(header, content, batcher);
    }

    /// Cuts the newest `depth` blocks, but none that is final; each of their transactions returns to the pool or, in
    /// `lost_percent` of a hundred cases, is lost.
    pub fn cut(&mut self, depth: u64, lost_percent: u64, random: &mut Random) {
        let tip = self.head().hash;
        let mut returned = vec![];
        for _ in 0..depth {
            if self.canonical.len() <= self.finalized + 1 {
                break;
            }
            let Some(hash) = self.canonical.pop() else {
                break;
            };
            self.fork_tips.insert(hash, tip);
            let content = self.contents.get(&hash).cloned().unwrap_or_default();
            returned.splice(0..0, content);
        }
        for tx in &returned {
            self.mined_in.remove(&tx.id);
        }
        let mut gaps: Vec<Address> = vec![];
        returned.retain(|tx| match &tx.action {
            Action::Inbox(inbox) if gaps.contains(&inbox.from) => false,
            Action::Inbox(inbox) if random.percent(lost_percent) => {
                gaps.push(inbox.from);
                false
            }
            Action::Inbox(_) => true,
            _ => !random.percent(lost_percent),
        });
        self.pool
            .retain(|tx| !matches!(&tx.action, Action::Inbox(inbox) if gaps.contains(&inbox.from)));
        self.pool.splice(0..0, returned);
    }

    /// Takes what can be mined at `time`; inbox transactions of one sender stay in order.
    fn take_ready(&mut self, time: u64) -> Vec<L1Tx> {
        let mut waiting: Vec<Address> = vec![];
        let (mut ready, mut rest) = (vec![], vec![]);
        for tx in self.pool.drain(..) {
            let blocked = match &tx.action {
                Action::Inbox(inbox) => waiting.contains(&inbox.from) || tx.ready_at > time,
                _ => tx.ready_at > time,
            };
            if !blocked {
                ready.push(tx);
                continue;
            }
            if let Action::Inbox(inbox) = &tx.action {
                waiting.push(inbox.from);
            }
            rest.push(tx);
        }
        self.pool = rest;
        ready
    }

    fn append(&mut self, header: Header, content: Vec<L1Tx>, mut batcher: Address) {
        let hash = header.hash_slow();
        let mut block = L1Block {
            hash,
            header,
            ..Default::default()
        };
        for (index, tx) in content.iter().enumerate() {
            match &tx.action {
                Action::Inbox(inbox) => block.inbox.push(inbox.clone()),
                Action::Deposit(value) => {
                    block
                        .deposits
                        .push(user_deposit(hash, index as u64, *value));
                }
                Action::Config(update) => {
                    if let ConfigUpdate::Batcher(address) = update {
                        batcher = *address;
                    }
                    block.config_updates.push(*update);
                }
            }
            self.mined_in.insert(tx.id, block.id());
        }
        self.batcher.insert(hash, batcher);
        self.contents.insert(hash, content);
        self.blocks.insert(hash, Arc::new(block));
        self.canonical.push(hash);
        let settled = (self.canonical.len() - 1).saturating_sub(self.finality_depth);
        self.finalized = self.finalized.max(settled);
    }
}

fn user_deposit(l1_block_hash: B256, log_index: u64, value: u64) -> Bytes {
    let source = DepositSource::User {
        l1_block_hash,
        log_index,
    };
    encode_deposit(&TxDeposit {
        source_hash: source.hash(),
        from: Address::repeat_byte(0xdd),
        to: TxKind::Call(Address::repeat_byte(0xee)),
        mint: u128::from(value),
        value: U256::from(value),
        gas_limit: 21_000,
        is_system_transaction: false,
        input: Bytes::new(),
    })
}
