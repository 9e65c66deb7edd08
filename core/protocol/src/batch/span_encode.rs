//! Building span batches, column by column.

use super::{
    BatchError, SPAN_BATCH_TYPE, SingularBatch, SpanContext,
    bits::{BitListBuilder, put_uvarint, uvarint_len},
    span_tx::TxParts,
};
use alloc::vec::Vec;
use alloy_primitives::{Bytes, FixedBytes};

/// Builds a span batch block by block; the cost of adding a block does not grow with the span.
#[derive(Clone, Debug)]
pub struct SpanBatchBuilder {
    context: SpanContext,
    parent_check: FixedBytes<20>,
    l1_origin_check: FixedBytes<20>,
    first_timestamp: u64,
    last_epoch_num: u64,
    block_count: u64,
    tx_count: u64,
    origin_bits: BitListBuilder,
    block_tx_counts: Vec<u8>,
    contract_creation_bits: BitListBuilder,
    y_parity_bits: BitListBuilder,
    tx_sigs: Vec<u8>,
    tx_tos: Vec<u8>,
    tx_datas: Vec<u8>,
    tx_nonces: Vec<u8>,
    tx_gases: Vec<u8>,
    protected_bits: BitListBuilder,
}

impl SpanBatchBuilder {
    /// Starts an empty span.
    pub fn new(context: SpanContext) -> Self {
        Self {
            context,
            parent_check: FixedBytes::ZERO,
            l1_origin_check: FixedBytes::ZERO,
            first_timestamp: 0,
            last_epoch_num: 0,
            block_count: 0,
            tx_count: 0,
            origin_bits: BitListBuilder::default(),
            block_tx_counts: Vec::new(),
            contract_creation_bits: BitListBuilder::default(),
            y_parity_bits: BitListBuilder::default(),
            tx_sigs: Vec::new(),
            tx_tos: Vec::new(),
            tx_datas: Vec::new(),
            tx_nonces: Vec::new(),
            tx_gases: Vec::new(),
            protected_bits: BitListBuilder::default(),
        }
    }

    /// Adds the next block. `seq_num` is its position in its epoch. On error the builder is
    /// unchanged.
    pub fn push(&mut self, block: &SingularBatch, seq_num: u64) -> Result<(), BatchError> {
        self.push_block(
            block.epoch_num,
            block.timestamp,
            seq_num == 0,
            &block.transactions,
        )?;
        if self.block_count == 1 {
            self.parent_check = prefix(block.parent_hash.as_ref());
        }
        self.l1_origin_check = prefix(block.epoch_hash.as_ref());
        Ok(())
    }

    /// Blocks so far.
    pub const fn block_count(&self) -> u64 {
        self.block_count
    }

    /// Transactions so far.
    pub const fn tx_count(&self) -> u64 {
        self.tx_count
    }

    /// Bytes that [`Self::encode`] gives; 0 while the span is empty.
    pub fn encoded_len(&self) -> usize {
        if self.block_count == 0 {
            return 0;
        }
        1 + uvarint_len(self.rel_timestamp())
            + uvarint_len(self.last_epoch_num)
            + self.parent_check.len()
            + self.l1_origin_check.len()
            + uvarint_len(self.block_count)
            + self.origin_bits.encoded_len()
            + self.block_tx_counts.len()
            + self.contract_creation_bits.encoded_len()
            + self.y_parity_bits.encoded_len()
            + self.tx_sigs.len()
            + self.tx_tos.len()
            + self.tx_datas.len()
            + self.tx_nonces.len()
            + self.tx_gases.len()
            + self.protected_bits.encoded_len()
    }

    /// Type byte and body of the span so far; `None` while it is empty.
    pub fn encode(&self) -> Option<Vec<u8>> {
        if self.block_count == 0 {
            return None;
        }
        let mut out = Vec::with_capacity(self.encoded_len());
        out.push(SPAN_BATCH_TYPE);
        put_uvarint(self.rel_timestamp(), &mut out);
        put_uvarint(self.last_epoch_num, &mut out);
        out.extend_from_slice(self.parent_check.as_slice());
        out.extend_from_slice(self.l1_origin_check.as_slice());
        put_uvarint(self.block_count, &mut out);
        self.origin_bits.encode(&mut out);
        out.extend_from_slice(&self.block_tx_counts);
        self.contract_creation_bits.encode(&mut out);
        self.y_parity_bits.encode(&mut out);
        for column in [
            &self.tx_sigs,
            &self.tx_tos,
            &self.tx_datas,
            &self.tx_nonces,
            &self.tx_gases,
        ] {
            out.extend_from_slice(column);
        }
        self.protected_bits.encode(&mut out);
        debug_assert_eq!(out.len(), self.encoded_len());
        Some(out)
    }

    pub(super) fn push_block(
        &mut self,
        epoch_num: u64,
        timestamp: u64,
        starts_epoch: bool,
        transactions: &[Bytes],
    ) -> Result<(), BatchError> {
        self.check_next(epoch_num, timestamp, starts_epoch)?;
        let parts = transactions
            .iter()
            .map(|transaction| TxParts::parse(transaction, self.context.chain_id))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|problem| BatchError::Span {
                part: "transaction",
                problem,
            })?;
        if self.block_count == 0 {
            self.first_timestamp = timestamp;
        }
        self.last_epoch_num = epoch_num;
        self.block_count += 1;
        self.tx_count += parts.len() as u64;
        self.origin_bits.push(starts_epoch);
        put_uvarint(parts.len() as u64, &mut self.block_tx_counts);
        for transaction in &parts {
            self.push_transaction(transaction);
        }
        Ok(())
    }

    /// Overrides the truncated hashes.
    pub(super) const fn set_checks(
        &mut self,
        parent_check: FixedBytes<20>,
        l1_origin_check: FixedBytes<20>,
    ) {
        self.parent_check = parent_check;
        self.l1_origin_check = l1_origin_check;
    }

    fn push_transaction(&mut self, transaction: &TxParts<'_>) {
        self.contract_creation_bits.push(transaction.to.is_none());
        self.y_parity_bits.push(transaction.y_parity);
        for part in [transaction.r, transaction.s] {
            self.tx_sigs.resize(self.tx_sigs.len() + 32 - part.len(), 0);
            self.tx_sigs.extend_from_slice(part);
        }
        self.tx_tos
            .extend_from_slice(transaction.to.unwrap_or_default());
        self.tx_datas.reserve(transaction.data.encoded_len());
        transaction.data.encode(&mut self.tx_datas);
        put_uvarint(transaction.nonce, &mut self.tx_nonces);
        put_uvarint(transaction.gas, &mut self.tx_gases);
        if transaction.data.is_legacy() {
            self.protected_bits.push(transaction.is_protected);
        }
    }

    /// Checks that a block continues the span.
    fn check_next(
        &self,
        epoch_num: u64,
        timestamp: u64,
        starts_epoch: bool,
    ) -> Result<(), BatchError> {
        let error = |part, problem| Err(BatchError::Span { part, problem });
        if timestamp < self.context.genesis_time {
            return error("timestamp", "is before genesis");
        }
        if self.block_count == 0 {
            return Ok(());
        }
        let expected_timestamp = self
            .context
            .block_time
            .checked_mul(self.block_count)
            .and_then(|elapsed| elapsed.checked_add(self.first_timestamp));
        if expected_timestamp != Some(timestamp) {
            return error("timestamp", "does not follow the block before");
        }
        let step = u64::from(starts_epoch);
        if self.last_epoch_num.checked_add(step) != Some(epoch_num) {
            return error("l1_origin", "does not follow the block before");
        }
        Ok(())
    }

    const fn rel_timestamp(&self) -> u64 {
        self.first_timestamp - self.context.genesis_time
    }
}

/// First 20 bytes of a hash.
fn prefix(hash: &[u8; 32]) -> FixedBytes<20> {
    hash.first_chunk::<20>()
        .map_or(FixedBytes::ZERO, FixedBytes::from)
}
