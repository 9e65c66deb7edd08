//! The table of versions and forks.

use super::{
    Version,
    attributes::{check_version, payload_id},
    payload::{check_fetch_version, fetch_version_at, forkchoice_version_at, insert_version_at},
};
use crate::testing::op_chain;
use Version::{V1, V2, V3, V4, V5};
use alloy_primitives::{B64, B256, address};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::Fork;
use opal_rpc::EngineError;

const VERSIONS: [Version; 5] = [V1, V2, V3, V4, V5];

#[test]
fn each_fork_has_its_versions() {
    // spec: protocol/exec-engine.md#engine-api, and requirements of each fork
    let table = [
        (Fork::Bedrock, V2, V2, V2),
        (Fork::Regolith, V2, V2, V2),
        (Fork::Canyon, V2, V2, V2),
        (Fork::Delta, V2, V2, V2),
        (Fork::Ecotone, V3, V3, V3),
        (Fork::Fjord, V3, V3, V3),
        (Fork::Granite, V3, V3, V3),
        (Fork::Holocene, V3, V3, V3),
        (Fork::Isthmus, V3, V4, V4),
        (Fork::Jovian, V3, V4, V4),
        (Fork::Karst, V3, V5, V4),
    ];
    for (fork, forkchoice, fetch, insert) in table {
        let chain = op_chain(fork);
        assert_eq!(forkchoice_version_at(&chain, 5), forkchoice, "{fork}");
        assert_eq!(fetch_version_at(&chain, 5), fetch, "{fork}");
        assert_eq!(insert_version_at(&chain, 5), insert, "{fork}");
        for version in VERSIONS {
            let fits = check_fetch_version(&chain, version, 5).is_ok();
            let expected = version == fetch || (version == V1 && fetch == V2);
            assert_eq!(fits, expected, "getPayload{version:?} at {fork}");
        }
    }
}

fn attributes(withdrawals: bool, root: bool) -> OpPayloadAttributes {
    let mut attributes = OpPayloadAttributes::default();
    attributes.payload_attributes.timestamp = 5;
    attributes.payload_attributes.withdrawals = withdrawals.then(Vec::new);
    attributes.payload_attributes.parent_beacon_block_root = root.then_some(B256::ZERO);
    attributes
}

#[test]
fn attributes_fit_one_version() {
    let judge = |fork, version, withdrawals, root| match check_version(
        &op_chain(fork),
        version,
        &attributes(withdrawals, root),
    ) {
        Ok(()) => 0,
        Err(EngineError::Rpc { code, .. }) => code,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(judge(Fork::Regolith, V1, false, false), 0);
    assert_eq!(judge(Fork::Regolith, V2, false, false), 0);
    assert_eq!(judge(Fork::Regolith, V2, true, false), -38003);
    assert_eq!(judge(Fork::Regolith, V3, true, true), -38005);
    assert_eq!(judge(Fork::Canyon, V1, false, false), -32602);
    assert_eq!(judge(Fork::Canyon, V1, true, false), -32602);
    assert_eq!(judge(Fork::Canyon, V2, true, false), 0);
    assert_eq!(judge(Fork::Canyon, V2, false, false), -38003);
    assert_eq!(judge(Fork::Canyon, V2, true, true), -38003);
    assert_eq!(judge(Fork::Ecotone, V2, true, false), -38005);
    assert_eq!(judge(Fork::Ecotone, V3, true, true), 0);
    assert_eq!(judge(Fork::Karst, V3, true, true), 0);
    assert_eq!(judge(Fork::Karst, V3, false, true), -38003);
    assert_eq!(judge(Fork::Karst, V3, true, false), -38003);
}

/// Computed by hand from the reference client's rule: SHA-256 over parent, time, randomness, fee
/// recipient, withdrawals (absent ones as an empty list), beacon root, whether the pool is closed
/// with the hashes of the forced transactions, gas limit, EIP-1559 parameters and least base fee.
#[test]
fn payload_ids_are_those_of_the_reference_client() {
    let mut attributes = OpPayloadAttributes {
        gas_limit: Some(30_000_000),
        transactions: Some(vec![Default::default()]),
        no_tx_pool: Some(true),
        ..OpPayloadAttributes::default()
    };
    let base = &mut attributes.payload_attributes;
    base.timestamp = 1_700_000_002;
    base.prev_randao = B256::repeat_byte(3);
    base.suggested_fee_recipient = address!("4200000000000000000000000000000000000011");
    let parent = B256::repeat_byte(9);
    let id = |version, attributes: &_| payload_id(version, &parent, attributes).to_string();
    assert_eq!(id(V2, &attributes), "0x02da09c15615ab31", "before Canyon");
    attributes.payload_attributes.withdrawals = Some(Vec::new());
    assert_eq!(id(V2, &attributes), "0x02da09c15615ab31", "the same");
    (attributes.transactions, attributes.no_tx_pool) = (None, None);
    assert_eq!(id(V2, &attributes), "0x025588dbeb3e8733", "nothing forced");
    attributes.payload_attributes.parent_beacon_block_root = Some(B256::repeat_byte(4));
    attributes.transactions = Some(vec![Default::default()]);
    attributes.eip_1559_params = Some(B64::ZERO);
    attributes.min_base_fee = Some(7);
    assert_eq!(id(V3, &attributes), "0x03abf9009554235a", "Jovian");
    attributes.min_base_fee = Some(8);
    assert_ne!(id(V3, &attributes), "0x03abf9009554235a");
}

#[test]
fn ethereum_has_the_versions_of_its_forks() {
    let chain = opal_execution::ChainConfig::ethereum_dev(1);
    assert_eq!(forkchoice_version_at(&chain, 5), V3);
    assert_eq!(fetch_version_at(&chain, 5), V5);
    assert_eq!(insert_version_at(&chain, 5), V4);
    assert!(check_version(&chain, V3, &attributes(true, true)).is_ok());
    assert!(check_version(&chain, V2, &attributes(true, false)).is_err());
}
