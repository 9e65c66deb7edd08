//! Which batches are valid, and when.
//!
//! spec: protocol/derivation.md#batch-queue, protocol/delta/span-batches.md#batch-queue,
//! protocol/holocene/derivation.md#span-batches, protocol/holocene/derivation.md#batch-queue

use crate::{
    attributes::is_deposit,
    batches::SingularBatch,
    block::SafeBlock,
    input::NaiveL1Block,
    params::{is_activation_block, is_active, max_sequencer_drift},
    span::{SpanBatch, passes_check},
};
use alloy_primitives::Bytes;
use opal_protocol::{Fork, RollupConfig};
use std::sync::Arc;

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Invalid, and will stay so.
    Drop,
    /// To be applied.
    Accept,
    /// Depends on L1 blocks not read yet.
    Undecided,
    /// Comes too early; until Holocene it may wait.
    Future,
    /// Its block is safe already (from Holocene on).
    Past,
}
use Validity::{Accept, Drop, Future, Past, Undecided};

/// What batches are judged by.
pub(crate) struct Context<'a> {
    pub(crate) cfg: &'a RollupConfig,
    /// L1, up to the block that has been read last.
    pub(crate) l1: &'a [Arc<NaiveL1Block>],
    /// L2, up to the block that the next one is built on.
    pub(crate) l2: &'a [Arc<SafeBlock>],
}

impl Context<'_> {
    /// An L1 block by height, if it has been read.
    fn l1_block(&self, number: u64) -> Option<&NaiveL1Block> {
        let index = number.checked_sub(self.l1.first()?.header.number)?;
        self.l1
            .get(usize::try_from(index).ok()?)
            .map(|block| &**block)
    }

    fn safe_head(&self) -> &SafeBlock {
        self.l2.last().expect("genesis is always there")
    }

    fn next_timestamp(&self) -> u64 {
        self.safe_head().block.time + self.cfg.block_time
    }

    /// Whether the window for batches of an epoch was closed when a batch was included.
    fn is_window_closed(&self, epoch_num: u64, inclusion: &NaiveL1Block) -> bool {
        epoch_num.saturating_add(self.cfg.seq_window_size) < inclusion.header.number
    }

    fn is_holocene(&self, inclusion: &NaiveL1Block) -> bool {
        is_active(self.cfg, Fork::Holocene, inclusion.time())
    }
}

/// spec: protocol/derivation.md#batch-queue
pub(crate) fn check_singular_batch(
    context: &Context<'_>,
    batch: &SingularBatch,
    inclusion: &NaiveL1Block,
) -> Validity {
    let safe_head = context.safe_head();
    let next_timestamp = context.next_timestamp();
    let is_holocene = context.is_holocene(inclusion);
    if batch.timestamp > next_timestamp {
        return if is_holocene { Drop } else { Future };
    }
    if batch.timestamp < next_timestamp {
        return if is_holocene { Past } else { Drop };
    }
    if batch.parent_hash != safe_head.block.hash {
        return Drop;
    }
    if context.is_window_closed(batch.epoch_num, inclusion) {
        return Drop;
    }
    let epoch = safe_head.origin.number;
    if batch.epoch_num < epoch || batch.epoch_num > epoch + 1 {
        return Drop;
    }
    let Some(batch_origin) = context.l1_block(batch.epoch_num) else {
        return Undecided;
    };
    if batch.epoch_hash != batch_origin.hash {
        return Drop;
    }
    let advances_epoch = batch.epoch_num == epoch + 1;
    check_content(
        context,
        batch.timestamp,
        batch_origin,
        advances_epoch,
        &batch.transactions,
    )
}

/// The rules on time and transactions, which hold for a singular batch and for each new block of a
/// span batch.
fn check_content(
    context: &Context<'_>,
    timestamp: u64,
    batch_origin: &NaiveL1Block,
    advances_epoch: bool,
    transactions: &[Bytes],
) -> Validity {
    let cfg = context.cfg;
    if timestamp < batch_origin.time() {
        return Drop;
    }
    let max_timestamp = batch_origin.time() + max_sequencer_drift(cfg, batch_origin.time());
    if timestamp > max_timestamp {
        if !transactions.is_empty() {
            return Drop;
        }
        if !advances_epoch {
            // The block repeats an old origin. That is right as long as it cannot have the next.
            match context.l1_block(batch_origin.header.number + 1) {
                None => return Undecided,
                Some(next_origin) if timestamp >= next_origin.time() => return Drop,
                Some(_) => {}
            }
        }
    }
    // spec: protocol/jovian/derivation.md#network-upgrade-transactions
    let must_be_empty = is_activation_block(cfg, Fork::Jovian, timestamp)
        || is_activation_block(cfg, Fork::Karst, timestamp);
    if must_be_empty && !transactions.is_empty() {
        return Drop;
    }
    let is_isthmus = is_active(cfg, Fork::Isthmus, timestamp);
    for tx in transactions {
        // spec: protocol/isthmus/derivation.md#activation
        let is_early_set_code = tx.first() == Some(&4) && !is_isthmus;
        if tx.is_empty() || is_deposit(tx) || is_early_set_code {
            return Drop;
        }
    }
    Accept
}

/// The rules of Delta: all of a span batch is judged before any of it is applied.
///
/// spec: protocol/delta/span-batches.md#batch-queue
pub(crate) fn check_span_batch(
    context: &Context<'_>,
    batch: &SpanBatch,
    inclusion: &NaiveL1Block,
) -> Validity {
    let prev_l2_block = match check_span_prefix(context, batch, inclusion) {
        Ok(prev_l2_block) => prev_l2_block,
        Err(validity) => return validity,
    };
    let safe_head = context.safe_head();
    let mut epoch_before = prev_l2_block.origin.number;
    for block in &batch.blocks {
        let advances_epoch = block.epoch_num > epoch_before;
        epoch_before = block.epoch_num;
        if block.timestamp <= safe_head.block.time {
            continue;
        }
        if block.epoch_num < safe_head.origin.number {
            return Drop;
        }
        let Some(origin) = context.l1_block(block.epoch_num) else {
            // The last origin has been read, so all before it have.
            return Drop;
        };
        let (timestamp, transactions) = (block.timestamp, &block.transactions);
        let validity = check_content(context, timestamp, origin, advances_epoch, transactions);
        if validity != Accept {
            return validity;
        }
    }
    check_overlap(context, batch)
}

/// The rules of Holocene: where a span batch stands. Its new blocks are judged one by one, later.
///
/// spec: protocol/holocene/derivation.md#span-batches
pub(crate) fn check_span_batch_holocene(
    context: &Context<'_>,
    batch: &SpanBatch,
    inclusion: &NaiveL1Block,
) -> Validity {
    match check_span_prefix(context, batch, inclusion) {
        Ok(_) => check_overlap(context, batch),
        Err(validity) => validity,
    }
}

/// The rules from `batch_origin` to the sequencing-window checks; gives `prev_l2_block`.
fn check_span_prefix<'a>(
    context: &'a Context<'_>,
    batch: &SpanBatch,
    inclusion: &NaiveL1Block,
) -> Result<&'a SafeBlock, Validity> {
    let (cfg, safe_head) = (context.cfg, context.safe_head());
    let next_timestamp = context.next_timestamp();
    let is_holocene = context.is_holocene(inclusion);
    let (start_epoch_num, end_epoch_num) = (batch.start().epoch_num, batch.end().epoch_num);

    let advances_epoch = start_epoch_num == safe_head.origin.number + 1;
    let batch_origin = safe_head.origin.number + u64::from(advances_epoch);
    let batch_origin = context.l1_block(batch_origin).ok_or(Undecided)?;
    if !is_active(cfg, Fork::Delta, batch_origin.time()) {
        return Err(Drop);
    }
    if batch.start().timestamp > next_timestamp {
        return Err(if is_holocene { Drop } else { Future });
    }
    if batch.end().timestamp < next_timestamp {
        return Err(if is_holocene { Past } else { Drop });
    }
    let prev_l2_block = prev_l2_block(context, batch, is_holocene)?;
    if !passes_check(prev_l2_block.block.hash, &batch.parent_check) {
        return Err(Drop);
    }
    if context.is_window_closed(start_epoch_num, inclusion) {
        return Err(Drop);
    }
    if start_epoch_num > prev_l2_block.origin.number + 1 {
        return Err(Drop);
    }
    // Only origins from the safe head's on are looked up, and only those that have been read. A
    // span whose last one is not there is dropped before Holocene, as the specification has it; since, clients pass over it (docs/decisions/undecided-batches.md).
    let end_origin = context.l1_block(end_epoch_num);
    let end_origin = end_origin.filter(|block| block.header.number >= safe_head.origin.number);
    let end_origin = end_origin.ok_or(if is_holocene { Undecided } else { Drop })?;
    if !passes_check(end_origin.hash, &batch.l1_origin_check) {
        return Err(Drop);
    }
    if start_epoch_num < prev_l2_block.origin.number {
        return Err(Drop);
    }
    Ok(prev_l2_block)
}

/// The block of the safe chain before the first of the span.
fn prev_l2_block<'a>(
    context: &'a Context<'_>,
    batch: &SpanBatch,
    is_holocene: bool,
) -> Result<&'a SafeBlock, Validity> {
    let safe_time = context.safe_head().block.time;
    let start = batch.start().timestamp;
    let step = context.cfg.block_time;
    if start == context.next_timestamp() {
        return Ok(context.safe_head());
    }
    if start > safe_time || !(safe_time - start).is_multiple_of(step) {
        return Err(Drop);
    }
    let wanted = |block: &&Arc<SafeBlock>| Some(block.block.time) == start.checked_sub(step);
    let found = context.l2.iter().find(wanted);
    // A span that claims to hold genesis has no block before it. The specification drops it; since
    // Holocene, clients pass over what they cannot look up (docs/decisions/span-overlap.md).
    found
        .map(|block| &**block)
        .ok_or(if is_holocene { Undecided } else { Drop })
}

/// The blocks of the span that are safe already must be those of the safe chain.
///
/// spec: protocol/delta/span-batches.md#batch-queue (overlapped blocks checks)
fn check_overlap(context: &Context<'_>, batch: &SpanBatch) -> Validity {
    for block in &batch.blocks {
        let same_time = |safe: &&Arc<SafeBlock>| safe.block.time == block.timestamp;
        let Some(safe_block) = context.l2.iter().find(same_time) else {
            continue;
        };
        let transactions = safe_block.block.transactions.iter();
        let without_deposits = transactions.filter(|tx| !is_deposit(tx));
        if block.epoch_num != safe_block.origin.number || !without_deposits.eq(&block.transactions)
        {
            return Drop;
        }
    }
    Accept
}
