//! The source itself: what a rollup node asks of L1.

use crate::{
    ahead::Memory,
    blobs::Blobs,
    error::L1Error,
    fetch::Fetcher,
    heads::{self, L1Heads},
    verify::Wanted,
};
use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use futures::FutureExt;
use opal_protocol::{L1Block, L1Ref, RollupConfig};
use opal_rpc::{BeaconClient, EthClient};
use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::watch;

/// How L1 is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Options {
    /// Take the node's word for the list of transactions (its root is not checked). Headers and
    /// receipts are checked all the same.
    pub trust_rpc: bool,
    /// Time between looks at L1's head.
    pub poll_interval: Duration,
    /// Blocks kept by hash.
    pub cache_blocks_max: usize,
    /// Blocks fetched ahead of the last one asked for; 0 means none.
    pub prefetch_blocks_max: u64,
    /// Seconds per slot, where the beacon node's answer is not to be asked for.
    pub seconds_per_slot: Option<u64>,
}

impl Default for L1Options {
    fn default() -> Self {
        Self {
            trust_rpc: false,
            poll_interval: Duration::from_secs(4),
            cache_blocks_max: 900,
            prefetch_blocks_max: 16,
            seconds_per_slot: None,
        }
    }
}

/// L1 as a rollup node reads it; cheap to clone.
#[derive(Clone, Debug)]
pub struct L1Source {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    fetcher: Fetcher,
    blobs: Blobs,
    options: L1Options,
    memory: Mutex<Memory>,
    heads: OnceLock<watch::Receiver<L1Heads>>,
}

impl L1Source {
    /// A source over one execution node and, for blobs, beacon nodes (none on an L1 whose batches
    /// are known to be in calldata).
    pub fn new(
        eth: EthClient,
        beacon: impl Into<Option<BeaconClient>>,
        config: Arc<RollupConfig>,
        options: L1Options,
    ) -> Self {
        let fetcher = Fetcher {
            eth,
            config,
            trust_rpc: options.trust_rpc,
        };
        let blobs = Blobs::new(beacon.into(), options.seconds_per_slot);
        let (memory, heads) = (Mutex::default(), OnceLock::new());
        Self {
            inner: Arc::new(Inner {
                fetcher,
                blobs,
                options,
                memory,
                heads,
            }),
        }
    }

    /// Checks what cannot change while running: the chain id, that the node has the block the
    /// rollup starts from, and, if there is a beacon node, that it tells its slot times. Call once
    /// at start.
    pub async fn check(&self) -> Result<(), L1Error> {
        let fetcher = &self.inner.fetcher;
        fetcher
            .eth
            .expect_chain_id(fetcher.config.l1_chain_id)
            .await?;
        let expected = fetcher.config.genesis.l1;
        let found = self.ref_by_number(expected.number).await?;
        if found.map(|block| block.hash) != Some(expected.hash) {
            let found = found.map_or_else(|| "no block".to_owned(), |block| block.hash.to_string());
            let endpoint = fetcher.eth.endpoint().to_owned();
            return Err(L1Error::ForeignChain {
                endpoint,
                expected,
                found,
            });
        }
        self.inner.blobs.check().await
    }

    /// How this source reads L1.
    pub fn options(&self) -> &L1Options {
        &self.inner.options
    }

    /// Newest, safe and finalized block, in one request.
    pub async fn heads(&self) -> Result<L1Heads, L1Error> {
        let heads = heads::look(&self.inner.fetcher.eth).await?;
        let former = self.memory().head();
        let canonical = self.extends(former, heads.head).await?;
        self.memory().saw_head(heads.head, canonical);
        Ok(heads)
    }

    /// The newest block.
    pub async fn head(&self) -> Result<L1Ref, L1Error> {
        Ok(self.heads().await?.head)
    }

    /// The newest safe block, if there is one yet.
    pub async fn safe(&self) -> Result<Option<L1Ref>, L1Error> {
        Ok(self.heads().await?.safe)
    }

    /// The newest finalized block, if there is one yet.
    pub async fn finalized(&self) -> Result<Option<L1Ref>, L1Error> {
        Ok(self.heads().await?.finalized)
    }

    /// Identity of the canonical block at height `number`; `None` if L1 is not there yet.
    pub async fn ref_by_number(&self, number: u64) -> Result<Option<L1Ref>, L1Error> {
        self.inner.fetcher.reference(Wanted::Number(number)).await
    }

    /// Identity of the block `hash`; `None` if the node does not know it (any more).
    pub async fn ref_by_hash(&self, hash: B256) -> Result<Option<L1Ref>, L1Error> {
        self.inner.fetcher.reference(Wanted::Hash(hash)).await
    }

    /// The canonical block at height `number`; `None` if L1 is not there yet. Starts fetching the
    /// blocks after it.
    pub async fn block_by_number(&self, number: u64) -> Result<Option<Arc<L1Block>>, L1Error> {
        if self.memory().head().is_none() {
            // Without a head nothing is fetched ahead; what goes wrong here, goes wrong below.
            let _ = self.heads().await;
        }
        let coming = self.memory().take_ahead(number);
        let ahead = match coming {
            Some(coming) => coming.await.ok().flatten(),
            None => None,
        };
        let block = match ahead.filter(|block| self.memory().continues(block)) {
            Some(block) => block,
            None => match self.fetch_number(number).await? {
                Some(block) => block,
                None => return Ok(None),
            },
        };
        let mut memory = self.memory();
        memory.keep(&block, self.inner.options.cache_blocks_max);
        memory.handed_out(&block);
        let wanted = memory.wanted_ahead(number, self.inner.options.prefetch_blocks_max);
        for number in wanted {
            let task = tokio::spawn(self.clone().fetch_ahead(number));
            let coming = async move {
                let block = number.to_string();
                task.await.unwrap_or(Err(L1Error::Cancelled { block }))
            };
            memory.put_ahead(number, coming.boxed().shared());
        }
        drop(memory);
        Ok(Some(block))
    }

    /// The block `hash`; `None` if the node does not know it (any more).
    pub async fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<L1Block>>, L1Error> {
        if let Some(block) = self.memory().block(hash) {
            return Ok(Some(block));
        }
        let block = self.inner.fetcher.by_hash(hash).await?;
        if let Some(block) = &block {
            self.memory()
                .keep(block, self.inner.options.cache_blocks_max);
        }
        Ok(block)
    }

    /// The blobs of `block` that have these versioned hashes, in this order.
    pub async fn blobs(&self, block: &L1Ref, hashes: &[B256]) -> Result<Vec<Box<Blob>>, L1Error> {
        self.inner.blobs.get(block, hashes).await
    }

    /// Heads of L1, looked at every poll interval; all zeros until the first look succeeds. One
    /// task serves all receivers and ends with the source.
    pub fn watch(&self) -> watch::Receiver<L1Heads> {
        let start = || {
            let (sender, receiver) = watch::channel(L1Heads::default());
            tokio::spawn(heads::follow(self.clone(), sender));
            receiver
        };
        self.inner.heads.get_or_init(start).clone()
    }

    pub(crate) fn downgrade(&self) -> WeakSource {
        WeakSource(Arc::downgrade(&self.inner))
    }

    /// The canonical block at a height. Where a block is kept for it, its header is asked for only.
    async fn fetch_number(&self, number: u64) -> Result<Option<Arc<L1Block>>, L1Error> {
        let kept = self.memory().block_at(number);
        if let Some(kept) = kept {
            match self.ref_by_number(number).await? {
                Some(canonical) if canonical.hash == kept.hash => return Ok(Some(kept)),
                Some(canonical) => return self.block_by_hash(canonical.hash).await,
                None => return Ok(None),
            }
        }
        self.inner.fetcher.by_number(number).await
    }

    /// Fetches a block, and the blobs it names, before anybody asks. Blobs land in memory; if they
    /// are missing now, whoever needs them asks again and gets the reason.
    async fn fetch_ahead(self, number: u64) -> Result<Option<Arc<L1Block>>, L1Error> {
        let block = self.fetch_number(number).await?;
        if let Some(block) = &block
            && self.inner.blobs.is_available()
        {
            let hashes: Vec<B256> = block
                .inbox
                .iter()
                .flat_map(|tx| tx.blob_hashes.iter().copied())
                .collect();
            if let Err(error) = self
                .inner
                .blobs
                .fetch(&L1Block::as_ref(block), &hashes)
                .await
            {
                tracing::debug!(%error, number, "no blobs ahead of time");
            }
        }
        Ok(block)
    }

    /// Whether `head` has `former` among its ancestors, as far as one question tells.
    async fn extends(&self, former: Option<L1Ref>, head: L1Ref) -> Result<bool, L1Error> {
        let Some(former) = former else {
            return Ok(true);
        };
        if head.hash == former.hash {
            return Ok(true);
        }
        if head.number <= former.number {
            return Ok(false);
        }
        if former.number.checked_add(1) == Some(head.number) {
            return Ok(head.parent_hash == former.hash);
        }
        let there = self.ref_by_number(former.number).await?;
        Ok(there.is_some_and(|block| block.hash == former.hash))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // No code panics while it holds this lock; and what it guards is only a cache.
        self.inner
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source that may be gone.
pub(crate) struct WeakSource(Weak<Inner>);

impl WeakSource {
    pub(crate) fn upgrade(&self) -> Option<L1Source> {
        self.0.upgrade().map(|inner| L1Source { inner })
    }
}
