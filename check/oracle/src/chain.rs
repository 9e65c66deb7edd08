//! The derivation of the safe chain: one L1 block after the other, each read to its end.
//!
//! spec: protocol/derivation.md#l2-chain-derivation-pipeline

use crate::{
    attributes::{deposits_only, payload_attributes},
    batches::{Batch, SingularBatch, read_channel},
    block::{NaiveBlock, SafeBlock},
    channels::{ChannelBank, L1Place, StagingChannel},
    checks::{
        Context, Validity, check_singular_batch, check_span_batch, check_span_batch_holocene,
    },
    frames::{Frame, drop_out_of_order, parse_frames},
    input::{Blobs, Input, NaiveL1Block, Rollup},
    params::is_active,
    retrieval::retrieve,
    span::{SpanBatch, SpanBlock},
    system_config::apply_updates,
};
use alloy_primitives::{B256, Bytes};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{Fork, L1Id, SystemConfig};
use std::{collections::VecDeque, sync::Arc};

/// Why derivation cannot go on. No batch leads here: only L1 that contradicts itself, a rollup that
/// is configured incompletely, or an execution that refuses what it must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// L1 does not begin with the rollup's genesis, or a block does not follow the one before.
    #[error("L1 block {0} is out of place")]
    L1Order(L1Id),
    /// A batcher transaction names a blob that the input lacks.
    #[error("blob {hash}, named in L1 block {l1_block}, is missing")]
    MissingBlob {
        /// Its versioned hash.
        hash: B256,
        /// The block with the transaction.
        l1_block: L1Id,
    },
    /// The deposit contract emitted something that is no deposit.
    #[error("log {log_index} of L1 block {l1_block} is no deposit")]
    Deposit {
        /// The block.
        l1_block: L1Id,
        /// Index of the log in the block.
        log_index: u64,
    },
    /// The upgrade transactions of a fork that activates are unknown.
    #[error("the upgrade transactions of {fork} are missing")]
    MissingBundle {
        /// The fork.
        fork: Fork,
    },
    /// Execution gave a block that does not say what it was built from.
    #[error("L2 block {number} cannot be read back")]
    Unreadable {
        /// Its height.
        number: u64,
    },
    /// Execution refuses a block with nothing but deposits.
    #[error("L2 block {number} is refused although it has only deposits")]
    DepositsRefused {
        /// Its height.
        number: u64,
    },
}

/// The safe chain after the last L1 block that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeChain {
    /// The blocks by height, from the rollup's genesis on.
    pub blocks: Vec<Arc<SafeBlock>>,
}

impl SafeChain {
    /// The newest safe block.
    pub fn safe_head(&self) -> &SafeBlock {
        self.blocks.last().expect("genesis is always there")
    }

    /// Hashes by height, from the rollup's genesis on.
    pub fn hashes(&self) -> Vec<B256> {
        self.blocks.iter().map(|block| block.block.hash).collect()
    }
}

/// Derives the safe chain from all of L1.
///
/// `execute` builds the block of the attributes on the block given, or answers `None` if they are
/// invalid.
pub fn derive<E>(input: &Input<'_>, mut execute: E) -> Result<SafeChain, DeriveError>
where
    E: FnMut(&NaiveBlock, &OpPayloadAttributes) -> Option<NaiveBlock>,
{
    let mut derivation = NaiveDerivation::new(input.rollup.clone());
    for block in input.l1 {
        derivation.read_l1_block(block.clone(), input.blobs, &mut execute)?;
    }
    Ok(derivation.safe_chain())
}

/// A derivation between two L1 blocks. [`derive`] is a loop around it; whoever needs the safe chain
/// after each L1 block, on several forks of L1, keeps clones.
#[derive(Clone, Debug)]
pub struct NaiveDerivation {
    rollup: Rollup,
    /// L1 traversal: every block read so far.
    l1: Vec<Arc<NaiveL1Block>>,
    /// The system configuration by which batcher transactions are recognised.
    l1_config: SystemConfig,
    /// L1 retrieval: data of the newest L1 block that has not been read yet.
    data: VecDeque<Bytes>,
    /// The frame queue.
    frames: VecDeque<Frame>,
    /// Before Holocene.
    channel_bank: ChannelBank,
    /// From Holocene on.
    staging_channel: StagingChannel,
    /// The channel reader: batches of the current channel that have not been read yet.
    channel: VecDeque<Batch>,
    /// The batch queue, before Holocene: batches with the L1 block that completed their channel.
    batch_queue: Vec<(Batch, Arc<NaiveL1Block>)>,
    /// Blocks of the current span batch that have not been applied yet.
    span: VecDeque<SingularBatch>,
    /// L2, from genesis to the newest block built.
    chain: Vec<Arc<SafeBlock>>,
    /// How much of the chain stays if the current span batch turns out to be invalid.
    safe: usize,
}

/// What a stage answers when it is asked for the next piece.
enum Pull<T> {
    /// Here it is.
    Ready(T),
    /// The L1 block has been read to its end.
    NeedL1,
}
use Pull::{NeedL1, Ready};

impl NaiveDerivation {
    /// A derivation that has read nothing yet.
    pub fn new(rollup: Rollup) -> Self {
        let cfg = &rollup.cfg;
        Self {
            l1: Vec::new(),
            l1_config: cfg.genesis.system_config,
            data: VecDeque::new(),
            frames: VecDeque::new(),
            channel_bank: ChannelBank::default(),
            staging_channel: StagingChannel::default(),
            channel: VecDeque::new(),
            batch_queue: Vec::new(),
            span: VecDeque::new(),
            chain: vec![Arc::new(SafeBlock::genesis(cfg))],
            safe: 1,
            rollup,
        }
    }

    /// The safe chain as the L1 blocks read so far give it.
    pub fn safe_chain(&self) -> SafeChain {
        SafeChain {
            blocks: self.chain[..self.safe].to_vec(),
        }
    }

    /// Reads one more L1 block, the one that follows, to its end.
    pub fn read_l1_block<E>(
        &mut self,
        block: Arc<NaiveL1Block>,
        blobs: &Blobs,
        execute: &mut E,
    ) -> Result<(), DeriveError>
    where
        E: FnMut(&NaiveBlock, &OpPayloadAttributes) -> Option<NaiveBlock>,
    {
        self.traverse(block)?;
        let batcher = self.l1_config.batcher_address;
        self.data = retrieve(&self.rollup.cfg, self.l1_origin(), batcher, blobs)?;
        while let Ready(batch) = self.next_batch() {
            self.apply(&batch, execute)?;
        }
        assert_eq!(
            self.safe,
            self.chain.len(),
            "nothing is pending between L1 blocks"
        );
        Ok(())
    }

    /// spec: protocol/derivation.md#l1-traversal
    fn traverse(&mut self, block: Arc<NaiveL1Block>) -> Result<(), DeriveError> {
        let cfg = self.rollup.cfg.clone();
        match self.l1.last() {
            // What the genesis block announced is part of the configuration.
            None if block.id() == cfg.genesis.l1 => {}
            Some(parent) if parent.hash == block.header.parent_hash => {
                apply_updates(&cfg, &mut self.l1_config, &block);
                self.activate_holocene(parent.time(), block.time());
            }
            _ => return Err(DeriveError::L1Order(block.id())),
        }
        self.l1.push(block);
        Ok(())
    }

    /// What the stages hold is discarded when L1 reaches Holocene.
    ///
    /// spec: protocol/holocene/derivation.md#activation
    fn activate_holocene(&mut self, time_before: u64, time: u64) {
        let is_holocene = |time| is_active(&self.rollup.cfg, Fork::Holocene, time);
        if !is_holocene(time_before) && is_holocene(time) {
            self.frames.clear();
            self.channel_bank = ChannelBank::default();
            self.batch_queue.clear();
            self.span.clear();
        }
    }

    /// The L1 block that is being read.
    fn l1_origin(&self) -> &Arc<NaiveL1Block> {
        self.l1.last().expect("an L1 block is being read")
    }

    fn l1_place(&self) -> L1Place {
        let header = &self.l1_origin().header;
        L1Place {
            number: header.number,
            time: header.timestamp,
        }
    }

    fn is_holocene(&self) -> bool {
        is_active(&self.rollup.cfg, Fork::Holocene, self.l1_origin().time())
    }

    fn context(&self) -> Context<'_> {
        Context {
            cfg: &self.rollup.cfg,
            l1: &self.l1,
            l2: &self.chain,
        }
    }

    fn head(&self) -> &SafeBlock {
        self.chain.last().expect("genesis is always there")
    }

    // ----- from L1 data to batches -----

    /// The next frame.
    ///
    /// spec: protocol/derivation.md#frame-queue, protocol/holocene/derivation.md#frame-queue
    fn next_frame(&mut self) -> Pull<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ready(frame);
            }
            let Some(data) = self.data.pop_front() else {
                return NeedL1;
            };
            let mut frames = parse_frames(&data);
            if self.is_holocene() {
                drop_out_of_order(&mut frames);
            }
            self.frames = frames.into();
        }
    }

    /// The data of the next complete channel.
    ///
    /// spec: protocol/derivation.md#channel-bank, protocol/holocene/derivation.md#channel-bank
    fn next_channel(&mut self) -> Pull<Vec<u8>> {
        let (cfg, l1) = (self.rollup.cfg.clone(), self.l1_place());
        loop {
            // What is in the bank is read before more is loaded.
            if self.is_holocene() {
                self.staging_channel.drop_if_timed_out(&cfg, l1);
            } else if let Some(channel) = self.channel_bank.read(&cfg, l1) {
                return Ready(channel);
            }
            let Ready(frame) = self.next_frame() else {
                return NeedL1;
            };
            if !self.is_holocene() {
                self.channel_bank.load(&cfg, l1, frame);
            } else if let Some(channel) = self.staging_channel.load(&cfg, l1, frame) {
                return Ready(channel);
            }
        }
    }

    /// The next batch of whatever validity.
    ///
    /// spec: protocol/derivation.md#channel-reader-batch-decoding
    fn next_decoded_batch(&mut self) -> Pull<Batch> {
        loop {
            if let Some(batch) = self.channel.pop_front() {
                return Ready(batch);
            }
            let Ready(channel) = self.next_channel() else {
                return NeedL1;
            };
            self.channel = read_channel(&self.rollup.cfg, &channel, self.l1_origin().time());
        }
    }

    // ----- from batches to valid batches -----

    /// The batch for the next block.
    fn next_batch(&mut self) -> Pull<SingularBatch> {
        if self.is_holocene() {
            self.next_batch_since_holocene()
        } else {
            self.next_batch_before_holocene()
        }
    }

    /// spec: protocol/derivation.md#batch-queue, protocol/delta/span-batches.md#batch-queue
    fn next_batch_before_holocene(&mut self) -> Pull<SingularBatch> {
        if let Some(batch) = self.next_of_span() {
            return Ready(batch);
        }
        loop {
            let pulled = self.next_decoded_batch();
            let is_out_of_data = matches!(pulled, NeedL1);
            if let Ready(batch) = pulled {
                let inclusion = self.l1_origin().clone();
                if self.check(&batch, &inclusion) != Validity::Drop {
                    self.batch_queue.push((batch, inclusion));
                }
            }
            let (accepted, is_undecided) = self.take_from_queue();
            match accepted {
                Some(Batch::Singular(batch)) => return Ready(batch),
                Some(Batch::Span(span)) => {
                    self.span = self.new_blocks(&span).expect("origins were checked");
                    return Ready(self.next_of_span().expect("spans have new blocks"));
                }
                None if is_undecided => {}
                None => {
                    if let Some(batch) = self.empty_batch(is_out_of_data) {
                        return Ready(batch);
                    }
                }
            }
            if is_out_of_data {
                return NeedL1;
            }
        }
    }

    /// The first batch of the queue that can be applied; and whether one that comes before it
    /// cannot be judged yet, so that all must wait.
    fn take_from_queue(&mut self) -> (Option<Batch>, bool) {
        let mut i = 0;
        while let Some((batch, inclusion)) = self.batch_queue.get(i) {
            match self.check(batch, inclusion) {
                Validity::Accept => return (Some(self.batch_queue.remove(i).0), false),
                Validity::Undecided => return (None, true),
                Validity::Future => i += 1,
                Validity::Drop | Validity::Past => drop(self.batch_queue.remove(i)),
            }
        }
        (None, false)
    }

    /// The verdict on a batch before Holocene.
    fn check(&self, batch: &Batch, inclusion: &NaiveL1Block) -> Validity {
        match batch {
            Batch::Singular(batch) => check_singular_batch(&self.context(), batch, inclusion),
            Batch::Span(batch) => check_span_batch(&self.context(), batch, inclusion),
        }
    }

    /// spec: protocol/holocene/derivation.md#span-batches, protocol/holocene/derivation.md#batch-queue
    fn next_batch_since_holocene(&mut self) -> Pull<SingularBatch> {
        let inclusion = self.l1_origin().clone();
        if self.head().origin.number >= inclusion.header.number {
            // A channel in the L1 origin of the safe head, or before, holds nothing new.
            while let Ready(_) = self.next_decoded_batch() {}
            return NeedL1;
        }
        loop {
            let candidate = match self.next_of_span() {
                Some(batch) => batch,
                None => match self.next_decoded_batch() {
                    Ready(Batch::Singular(batch)) => batch,
                    Ready(Batch::Span(span)) => {
                        self.open_span(&span, &inclusion);
                        continue;
                    }
                    NeedL1 => return self.empty_batch(true).map_or(NeedL1, Ready),
                },
            };
            match check_singular_batch(&self.context(), &candidate, &inclusion) {
                Validity::Accept => return Ready(candidate),
                Validity::Drop => self.flush_channel(),
                Validity::Past | Validity::Undecided => {}
                Validity::Future => unreachable!("since Holocene there is no waiting"),
            }
        }
    }

    /// Makes a span batch the current one, if it is in its place.
    fn open_span(&mut self, span: &SpanBatch, inclusion: &NaiveL1Block) {
        match check_span_batch_holocene(&self.context(), span, inclusion) {
            Validity::Accept => match self.new_blocks(span) {
                Some(blocks) => self.span = blocks,
                // An outdated origin makes the span invalid.
                None => self.flush_channel(),
            },
            Validity::Drop => self.flush_channel(),
            Validity::Past | Validity::Undecided => {}
            Validity::Future => unreachable!("since Holocene there is no waiting"),
        }
    }

    /// Drops the rest of the span batch and of the channel.
    ///
    /// spec: protocol/holocene/derivation.md#fast-channel-invalidation
    fn flush_channel(&mut self) {
        self.span.clear();
        self.channel.clear();
        self.staging_channel.flush();
    }

    /// The blocks of a span batch behind the safe head. Their parents are not known yet. `None` if
    /// one has an L1 origin that is older than the safe head's.
    fn new_blocks(&self, span: &SpanBatch) -> Option<VecDeque<SingularBatch>> {
        let head = self.head();
        let is_new = |block: &&SpanBlock| block.timestamp > head.block.time;
        let origins = self.l1.iter();
        let origins: Vec<_> = origins
            .filter(|block| block.header.number >= head.origin.number)
            .collect();
        let new_block = |block: &SpanBlock| {
            let is_origin = |l1: &&&Arc<NaiveL1Block>| l1.header.number == block.epoch_num;
            Some(SingularBatch {
                parent_hash: B256::ZERO,
                epoch_num: block.epoch_num,
                epoch_hash: origins.iter().find(is_origin)?.hash,
                timestamp: block.timestamp,
                transactions: block.transactions.clone(),
            })
        };
        span.blocks.iter().filter(is_new).map(new_block).collect()
    }

    /// The next block of the current span batch. If that does not follow the head, because the
    /// block before it was refused, the span batch is dropped.
    fn next_of_span(&mut self) -> Option<SingularBatch> {
        let mut batch = self.span.pop_front()?;
        let head = self.head();
        if batch.timestamp != head.block.time + self.rollup.cfg.block_time {
            self.span.clear();
            return None;
        }
        batch.parent_hash = head.block.hash;
        Some(batch)
    }

    /// The batch without transactions that takes the place of one that was not posted in time.
    /// Which epoch it belongs to, and when that is certain: docs/decisions/empty-batches.md.
    fn empty_batch(&self, is_out_of_data: bool) -> Option<SingularBatch> {
        let (cfg, head) = (&self.rollup.cfg, self.head());
        let timestamp = head.block.time + cfg.block_time;
        let l1_block = |number| self.l1.iter().find(|block| block.header.number == number);
        let is_window_closed = |epoch_num: u64| {
            let last = epoch_num + cfg.seq_window_size;
            let now = self.l1_origin().header.number;
            now > last || now == last && is_out_of_data
        };
        let epoch = l1_block(head.origin.number)?;
        let next_epoch = l1_block(head.origin.number + 1)?;
        if !is_window_closed(epoch.header.number) {
            return None;
        }
        let origin = if timestamp < next_epoch.time() {
            epoch
        } else {
            next_epoch
        };
        is_window_closed(origin.header.number).then(|| SingularBatch {
            parent_hash: head.block.hash,
            epoch_num: origin.header.number,
            epoch_hash: origin.hash,
            timestamp,
            transactions: Vec::new(),
        })
    }

    // ----- from batches to blocks -----

    /// Builds the block of a valid batch.
    ///
    /// spec: protocol/derivation.md#engine-queue, protocol/holocene/derivation.md#engine-queue
    fn apply<E>(&mut self, batch: &SingularBatch, execute: &mut E) -> Result<(), DeriveError>
    where
        E: FnMut(&NaiveBlock, &OpPayloadAttributes) -> Option<NaiveBlock>,
    {
        let parent = self.chain.last().expect("genesis is always there").clone();
        let is_origin = |block: &&Arc<NaiveL1Block>| block.header.number == batch.epoch_num;
        let origin = self.l1.iter().find(is_origin);
        let origin = origin.expect("a valid batch has a known origin");
        let attributes = payload_attributes(&self.rollup, &parent, origin, batch)?;
        if let Some(block) = execute(&parent.block, &attributes) {
            self.append(block, attributes)?;
            // Before Holocene the blocks of a span batch become safe together.
            if self.is_holocene() || self.span.is_empty() {
                self.safe = self.chain.len();
            }
            return Ok(());
        }
        let number = parent.block.number + 1;
        let refused = DeriveError::DepositsRefused { number };
        let attributes = deposits_only(&attributes).ok_or_else(|| refused.clone())?;
        if !self.is_holocene() {
            // The batch is dropped; so is all of the span batch that it belongs to.
            self.chain.truncate(self.safe);
            self.span.clear();
            return Ok(());
        }
        self.flush_channel();
        let block = execute(&parent.block, &attributes).ok_or(refused)?;
        self.append(block, attributes)?;
        self.safe = self.chain.len();
        Ok(())
    }

    fn append(
        &mut self,
        block: NaiveBlock,
        attributes: OpPayloadAttributes,
    ) -> Result<(), DeriveError> {
        let number = block.number;
        let derived_from = self.l1_origin().id();
        let block = SafeBlock::new(block, derived_from, attributes);
        let block = block.ok_or(DeriveError::Unreadable { number })?;
        self.chain.push(Arc::new(block));
        Ok(())
    }
}
