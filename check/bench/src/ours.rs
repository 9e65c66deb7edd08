//! Our pipeline over a world.

use crate::world::World;
use alloy_eips::eip7840::BlobParams;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_derivation::{Derivation, L1Request, Start, Step};
use opal_protocol::{L1ChainConfig, Upgrades};
use std::sync::Arc;

/// Derives the first `count` L2 blocks and hands their attributes to `sink`.
pub fn derive(world: &World, count: usize, mut sink: impl FnMut(OpPayloadAttributes)) {
    let l1_chain = L1ChainConfig {
        chain_id: world.cfg.l1_chain_id,
        blob_schedule: vec![(0, BlobParams::prague())],
    };
    let system_config = world.cfg.genesis.system_config;
    let start = Start {
        safe_head: world.l2[0],
        system_config,
        l1_base: world.l1_block(0).as_ref(),
        l1_base_config: system_config,
        derived_from: None,
    };
    let cfg = Arc::new(world.cfg.clone());
    let mut pipeline = Derivation::new(cfg, l1_chain, Arc::new(Upgrades::none()), start);
    let mut derived = 0;
    while derived < count {
        match pipeline.step() {
            Step::Attributes(attributes) => {
                derived += 1;
                sink(attributes.attributes);
                pipeline.confirm(world.l2[derived]);
            }
            Step::NeedL1(L1Request::Block { number }) => {
                let block = world.l1_block(number);
                pipeline.push_l1(block).expect("asked for");
                drop(pipeline.drain_trace());
            }
            Step::NeedL1(L1Request::Blobs { block, hashes }) => {
                let blobs = hashes.iter().map(|h| world.blobs[h].clone()).collect();
                pipeline.push_blobs(block.hash, blobs).expect("asked for");
            }
            other => panic!("derivation stopped after {derived} blocks: {other:?}"),
        }
    }
}
