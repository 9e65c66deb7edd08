//! Blocks of other sequencers that wait for their parent.
//!
//! Invariant: at most [`BLOCKS_MAX`] blocks and [`BYTES_MAX`] bytes are held; each is above the
//! unsafe head of the moment it was taken in.
//!
//! spec: protocol/derivation.md#processing-unsafe-payload-attributes

use crate::{
    answer::{Failure, Ticket},
    backoff::Backoff,
    dialogue::{Dialogue, Verdict, verdict},
    event::{Command, Lane, Note},
    outbox::Outbox,
};
use alloc::{
    boxed::Box,
    collections::BTreeMap,
    string::{String, ToString},
};
use alloy_consensus::Header;
use alloy_rpc_types_engine::PayloadStatus;
use op_alloy_rpc_types_engine::{OpExecutionPayload, OpExecutionPayloadEnvelope};
use opal_protocol::{L2BlockError, L2Id, L2Ref, RollupConfig};

/// Blocks held.
pub(crate) const BLOCKS_MAX: usize = 1024;
/// Bytes of transactions held.
pub(crate) const BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Default)]
pub(crate) struct UnsafeQueue {
    blocks: BTreeMap<u64, Queued>,
    bytes: usize,
    inserting: Option<(Ticket, L2Ref)>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Queued {
    payload: Box<OpExecutionPayloadEnvelope>,
    bytes: usize,
}

impl UnsafeQueue {
    fn push(&mut self, payload: Box<OpExecutionPayloadEnvelope>) -> Result<(), String> {
        let block = &payload.execution_payload;
        let bytes: usize = block.transactions().iter().map(|tx| tx.len()).sum();
        let number = block.block_number();
        if self.blocks.contains_key(&number) {
            return Err("a block of that height is queued already".to_string());
        }
        if self.blocks.len() >= BLOCKS_MAX || self.bytes.saturating_add(bytes) > BYTES_MAX {
            return Err("the queue is full".to_string());
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks.insert(number, Queued { payload, bytes });
        Ok(())
    }

    fn remove(&mut self, number: u64) -> Option<Queued> {
        let queued = self.blocks.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(queued.bytes);
        Some(queued)
    }

    /// The lowest block, by identity.
    pub(crate) fn first(&self) -> Option<L2Id> {
        let queued = self.blocks.values().next()?;
        Some(id_of(&queued.payload.execution_payload))
    }

    pub(crate) fn is_inserting(&self, ticket: Ticket) -> bool {
        self.inserting.is_some_and(|(t, _)| t == ticket)
    }

    /// Forgets the call in progress.
    pub(crate) fn release(&mut self) {
        self.inserting = None;
        self.backoff.succeed();
    }

    pub(crate) const fn wake_at_ms(&self) -> Option<u64> {
        if self.inserting.is_some() {
            None
        } else {
            self.backoff.wake_at_ms()
        }
    }
}

impl Dialogue {
    pub(crate) fn take_unsafe(
        &mut self,
        payload: Box<OpExecutionPayloadEnvelope>,
        out: &mut Outbox,
    ) {
        let block = id_of(&payload.execution_payload);
        let pushed = if block.number <= self.heads.unsafe_head.number {
            Err("it is not above the unsafe head".to_string())
        } else {
            self.queue.push(payload)
        };
        if let Err(reason) = pushed {
            out.note(Note::UnsafeDropped { block, reason });
        }
    }

    /// Executes the block that follows the unsafe head, if it is there.
    pub(crate) fn poll_unsafe(&mut self, now_ms: u64, out: &mut Outbox) {
        let head = self.heads.unsafe_head;
        if self.queue.inserting.is_some()
            || !self.queue.backoff.is_open(now_ms)
            || self.is_building_derived()
        {
            return;
        }
        while let Some(block) = self.queue.first() {
            if block.number > head.number.saturating_add(1) {
                return;
            }
            let Some(queued) = self.queue.remove(block.number) else {
                return;
            };
            let candidate = &queued.payload.execution_payload;
            let drop = if block.number <= head.number {
                "it is not above the unsafe head".to_string()
            } else if candidate.parent_hash() != head.hash {
                "it does not build on the unsafe head".to_string()
            } else {
                match l2_ref_of(&self.cfg, candidate) {
                    Ok(at) => {
                        let (ticket, lane) = (out.ticket(), Lane::Unsafe);
                        self.queue.inserting = Some((ticket, at));
                        let payload = queued.payload.clone();
                        self.queue.bytes = self.queue.bytes.saturating_add(queued.bytes);
                        self.queue.blocks.insert(block.number, queued);
                        return out.push(Command::NewPayload {
                            ticket,
                            lane,
                            payload,
                        });
                    }
                    Err(error) => error.to_string(),
                }
            };
            out.note(Note::UnsafeDropped {
                block,
                reason: drop,
            });
        }
    }

    pub(crate) fn answer_unsafe(
        &mut self,
        result: Result<PayloadStatus, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        let Some((_, at)) = self.queue.inserting.take() else {
            return;
        };
        match verdict(result) {
            Verdict::Valid => {
                self.queue.backoff.succeed();
                self.queue.remove(at.number);
                if at.parent_hash == self.heads.unsafe_head.hash {
                    self.heads.unsafe_head = at;
                    out.note(Note::UnsafeAdopted(at));
                }
            }
            Verdict::Invalid(reason) => {
                self.queue.remove(at.number);
                out.note(Note::UnsafeDropped {
                    block: at.id(),
                    reason,
                });
            }
            Verdict::Retry(failure) => {
                let retry_in_ms = self.queue.backoff.fail(now_ms);
                let (lane, call) = (Lane::Unsafe, "newPayload");
                out.note(Note::Trouble {
                    lane,
                    call,
                    failure,
                    retry_in_ms,
                });
            }
        }
    }
}

fn id_of(payload: &OpExecutionPayload) -> L2Id {
    L2Id {
        hash: payload.block_hash(),
        number: payload.block_number(),
    }
}

/// A payload's place in the chain, read from its L1 attributes.
fn l2_ref_of(cfg: &RollupConfig, payload: &OpExecutionPayload) -> Result<L2Ref, L2BlockError> {
    let header = Header {
        parent_hash: payload.parent_hash(),
        number: payload.block_number(),
        timestamp: payload.timestamp(),
        ..Header::default()
    };
    let first = payload
        .transactions()
        .first()
        .map_or(&[][..], |tx| tx.as_ref());
    L2Ref::from_block(cfg, &header, payload.block_hash(), first)
}
