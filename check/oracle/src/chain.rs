//! The derivation of the safe chain: one L1 block after the other, each read to its end.
//!
//! spec: protocol/derivation.md#l2-chain-derivation-pipeline

mod batch_queue;
mod reading;

use crate::{
    attributes::{deposits_only, payload_attributes},
    batches::{Batch, SingularBatch},
    block::{NaiveBlock, SafeBlock},
    channels::{ChannelBank, L1Place, StagingChannel},
    frames::Frame,
    input::{Blobs, Input, NaiveL1Block, Rollup},
    params::is_active,
    retrieval::retrieve,
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
use Pull::Ready;

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

    fn head(&self) -> &SafeBlock {
        self.chain.last().expect("genesis is always there")
    }

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
