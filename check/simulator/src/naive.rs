//! The second opinion: the naive derivation, held beside the fast one.
//!
//! It reads the same L1 blocks and executes with the same toy engine. Whatever it derives must be
//! what the fast derivation derives, block by block.

use crate::{
    engine::{Store, execute, is_valid},
    l1::L1,
    oracle::Snapshot,
};
use alloy_primitives::{B256, keccak256};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_derivation::DerivedAttributes;
use opal_oracle::{
    DeriveError, Input, NaiveBlock, NaiveDerivation, NaiveL1Block, Rollup, SafeBlock, SafeChain,
    derive,
};
use opal_protocol::{L1Block, RollupConfig};
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

/// Naive derivations, one per L1 block read.
#[derive(Debug)]
pub struct Naive {
    rollup: Rollup,
    after: BTreeMap<B256, NaiveDerivation>,
}

impl Naive {
    /// A naive derivation that has read nothing yet.
    pub const fn new(rollup: Rollup) -> Self {
        Self {
            rollup,
            after: BTreeMap::new(),
        }
    }

    /// Reads `block` after its parent, and says where the safe chain is another one than the fast
    /// derivation's. Does nothing if the parent was not read.
    pub(crate) fn read(
        &mut self,
        block: &L1Block,
        l1: &L1,
        store: &mut Store,
        fast: &Snapshot,
    ) -> Option<String> {
        let cfg = self.rollup.cfg.clone();
        let mut derivation = if block.id() == cfg.genesis.l1 {
            NaiveDerivation::new(self.rollup.clone())
        } else {
            self.after.get(&block.header.parent_hash)?.clone()
        };
        let naive_block = Arc::new(NaiveL1Block::from_parsed(&cfg, block));
        let mut execute = |parent: &NaiveBlock, attributes: &OpPayloadAttributes| {
            executed(&cfg, parent, attributes, store)
        };
        let outcome = derivation.read_l1_block(naive_block, l1.blobs(), &mut execute);
        let outcome = outcome.map(|()| derivation.safe_chain());
        self.after.insert(block.hash, derivation);
        compare(block, &outcome, fast)
    }

    /// Derives all of the canonical L1 in one go, and says where the safe chain is another one than
    /// the fast derivation's.
    pub(crate) fn read_all(&self, l1: &L1, store: &mut Store, fast: &Snapshot) -> Option<String> {
        let cfg = &self.rollup.cfg;
        let blocks: Vec<_> = (0..)
            .map_while(|number| l1.at(number))
            .map(|block| Arc::new(NaiveL1Block::from_parsed(cfg, block)))
            .collect();
        let input = Input {
            rollup: &self.rollup,
            l1: &blocks,
            blobs: l1.blobs(),
        };
        let outcome = derive(&input, |parent, attributes| {
            executed(cfg, parent, attributes, store)
        });
        compare(l1.head(), &outcome, fast)
    }
}

fn executed(
    cfg: &RollupConfig,
    parent: &NaiveBlock,
    attributes: &OpPayloadAttributes,
    store: &mut Store,
) -> Option<NaiveBlock> {
    let block = execute(cfg, &store[&parent.hash], attributes, &[]);
    if !is_valid(&block) {
        return None;
    }
    let naive = NaiveBlock::new(block.hash, &block.header, block.transactions.clone());
    store.entry(block.hash).or_insert_with(|| Arc::new(block));
    Some(naive)
}

/// Where two safe chains part, in words.
fn compare(
    l1: &L1Block,
    naive: &Result<SafeChain, DeriveError>,
    fast: &Snapshot,
) -> Option<String> {
    let naive = match naive {
        Ok(chain) => &chain.blocks,
        Err(error) => return Some(format!("the naive derivation came to an end: {error}")),
    };
    let height = (0..naive.len().max(fast.chain().len())).find(|height| {
        match (naive.get(*height), fast.chain().get(*height)) {
            (Some(naive), Some(fast_hash)) => {
                let derived = fast.derived(*height);
                let same = derived.is_none_or(|derived| {
                    Some(&derived.attributes) == naive.attributes.as_ref()
                        && derived.derived_from.id() == naive.derived_from
                });
                naive.block.hash != *fast_hash || !same
            }
            _ => true,
        }
    })?;
    let mut text = format!(
        "after L1 block {} the naive derivation has another L2 block {height}:",
        l1.id()
    );
    match fast.derived(height) {
        Some(derived) => {
            let _ = write!(
                text,
                "\n  fast:  {}",
                outline_fast(fast.chain()[height], derived)
            );
        }
        None => text += "\n  fast:  none",
    }
    match naive.get(height) {
        Some(block) => {
            let _ = write!(text, "\n  naive: {}", outline_naive(block));
        }
        None => text += "\n  naive: none",
    }
    Some(text)
}

fn outline_fast(hash: B256, derived: &DerivedAttributes) -> String {
    let (origin, from) = (derived.l1_origin, derived.derived_from);
    let attributes = outline(&derived.attributes);
    format!("{hash} with origin {origin}, from L1 block {from}: {attributes}")
}

fn outline_naive(block: &SafeBlock) -> String {
    let (hash, origin, from) = (block.block.hash, block.origin, block.derived_from);
    let attributes = block.attributes.as_ref().map_or_else(String::new, outline);
    format!("{hash} with origin {origin}, from L1 block {from}: {attributes}")
}

/// Attributes on one line; of each transaction its type, its length and the beginning of its hash.
fn outline(attributes: &OpPayloadAttributes) -> String {
    let payload = &attributes.payload_attributes;
    let mut text = format!(
        "time {}, gas limit {:?}, randao {}, beacon root {:?}, withdrawals {:?}, 1559 {:?}, min base fee {:?}, transactions",
        payload.timestamp,
        attributes.gas_limit,
        payload.prev_randao,
        payload.parent_beacon_block_root,
        payload.withdrawals,
        attributes.eip_1559_params,
        attributes.min_base_fee,
    );
    for tx in attributes.transactions.iter().flatten() {
        let kind = tx.first().copied().unwrap_or_default();
        let _ = write!(
            text,
            " {kind:#04x}:{}:{}",
            tx.len(),
            &keccak256(tx).to_string()[..10]
        );
    }
    text
}
