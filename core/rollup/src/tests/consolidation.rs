//! Each field of the attributes counts, and nothing else.

use super::world::{FEE_VAULT, World, tx};
use crate::{L2Block, Mismatch, compare};
use alloc::{vec, vec::Vec};
use alloy_primitives::{B64, B256, Bytes};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{Fork, ForkTimes};

fn pair() -> (World, OpPayloadAttributes, L2Block) {
    let world = World::new(3, None);
    let genesis = world.heads().unsafe_head;
    let derived = world.derive(genesis, 0, &[tx(1), tx(2)], 1);
    let block = world.engine.build(genesis.hash, &derived.attributes);
    (world, derived.attributes, block)
}

#[test]
fn a_block_built_from_the_attributes_equals_them() {
    let (world, attributes, block) = pair();
    assert_eq!(
        attributes.payload_attributes.suggested_fee_recipient,
        FEE_VAULT
    );
    assert_eq!(
        compare(&world.cfg, block.header.parent_hash, &attributes, &block),
        Ok(())
    );
    // What execution produced is not compared.
    let mut other = block.clone();
    other.header.state_root = B256::repeat_byte(1);
    other.header.gas_used = 99;
    assert_eq!(
        compare(&world.cfg, block.header.parent_hash, &attributes, &other),
        Ok(())
    );
}

#[test]
fn each_differing_field_is_found() {
    let (world, attributes, block) = pair();
    type Change = fn(&mut OpPayloadAttributes, &mut L2Block);
    let table: Vec<(&str, Change)> = vec![
        ("parent", |_, b| b.header.parent_hash = B256::ZERO),
        ("timestamp", |_, b| b.header.timestamp += 1),
        ("randao", |_, b| b.header.mix_hash = B256::repeat_byte(9)),
        ("fee recipient", |_, b| b.header.beneficiary.0[0] ^= 1),
        ("count", |_, b| b.transactions.push(tx(3))),
        ("count", |a, _| a.transactions = None),
        ("transaction 2", |_, b| b.transactions[2] = tx(9)),
        ("transaction 0", |a, _| {
            a.transactions.as_mut().unwrap()[0] = tx(9)
        }),
        ("gas limit", |_, b| b.header.gas_limit += 1),
        ("gas limit", |a, _| a.gas_limit = None),
        ("withdrawals", |_, b| b.header.withdrawals_root = None),
        ("withdrawals", |a, _| {
            a.payload_attributes.withdrawals = None
        }),
        ("beacon root", |_, b| {
            b.header.parent_beacon_block_root = None
        }),
        ("extra data", |_, b| b.header.extra_data = Bytes::new()),
        ("extra data", |a, _| {
            a.eip_1559_params = Some(B64::repeat_byte(1))
        }),
        ("extra data", |a, _| a.min_base_fee = Some(1)),
        ("incomplete", |a, _| a.min_base_fee = None),
        ("incomplete", |a, _| a.eip_1559_params = None),
    ];
    for (name, change) in table {
        let parent = block.header.parent_hash;
        let (mut attributes, mut block) = (attributes.clone(), block.clone());
        change(&mut attributes, &mut block);
        let mismatch = compare(&world.cfg, parent, &attributes, &block).expect_err(name);
        let found = match mismatch {
            Mismatch::Parent { .. } => "parent",
            Mismatch::Timestamp { .. } => "timestamp",
            Mismatch::Randao { .. } => "randao",
            Mismatch::FeeRecipient { .. } => "fee recipient",
            Mismatch::TransactionCount { .. } => "count",
            Mismatch::Transaction(0) => "transaction 0",
            Mismatch::Transaction(2) => "transaction 2",
            Mismatch::Transaction(_) => "another transaction",
            Mismatch::GasLimit { .. } => "gas limit",
            Mismatch::Withdrawals => "withdrawals",
            Mismatch::BeaconRoot { .. } => "beacon root",
            Mismatch::ExtraData { .. } => "extra data",
            Mismatch::Incomplete(_) => "incomplete",
        };
        assert_eq!(found, name);
    }
}

#[test]
fn extra_data_follows_the_fork() {
    let (world, mut attributes, mut block) = pair();
    let parent = block.header.parent_hash;
    let mut cfg = (*world.cfg).clone();

    // Holocene: nine bytes, no minimum base fee; parameters of zero mean the constants.
    cfg.forks = ForkTimes::at_genesis(Fork::Holocene);
    attributes.min_base_fee = None;
    attributes.eip_1559_params = Some(B64::ZERO);
    block.header.extra_data = Bytes::from(vec![0, 0, 0, 0, 250, 0, 0, 0, 6]);
    assert_eq!(compare(&cfg, parent, &attributes, &block), Ok(()));
    attributes.eip_1559_params = Some(B64::from([0, 0, 0, 8, 0, 0, 0, 2]));
    block.header.extra_data = Bytes::from(vec![0, 0, 0, 0, 8, 0, 0, 0, 2]);
    assert_eq!(compare(&cfg, parent, &attributes, &block), Ok(()));

    // Before Holocene the attributes say nothing about it.
    cfg.forks = ForkTimes::at_genesis(Fork::Granite);
    attributes.eip_1559_params = None;
    block.header.extra_data = Bytes::new();
    assert_eq!(compare(&cfg, parent, &attributes, &block), Ok(()));
}
