//! Headers of each era: what building writes, what validation refuses.

use crate::support::*;
use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, Bytes, TxKind, U256, address, b256, keccak256};
use opal_execution::{
    InvalidBlock, Roots, execute_block,
    genesis::MESSAGE_PASSER,
    header::{EMPTY_REQUESTS_HASH, check_roots, next_base_fee, validate_header},
};
use opal_protocol::Fork;

const EMPTY_TRIE: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
const HISTORY: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");

fn parent(base_fee: u64, gas_used: u64, gas_limit: u64) -> Header {
    Header {
        timestamp: GENESIS_TIME,
        base_fee_per_gas: Some(base_fee),
        gas_used,
        gas_limit,
        ..Header::default()
    }
}

#[test]
fn base_fee_formula() {
    // Bedrock: elasticity 6, denominator 50. Canyon: 250. Ethereum: 2 and 8.
    let (bedrock, canyon) = (op_chain(Fork::Bedrock), op_chain(Fork::Canyon));
    let time = GENESIS_TIME + 2;
    for (chain, gas_used, wanted) in [
        (&bedrock, 5_000_000, 1_000_000_000),
        (&bedrock, 10_000_000, 1_020_000_000),
        (&bedrock, 0, 980_000_000),
        (&bedrock, 30_000_000, 1_100_000_000),
        (&canyon, 10_000_000, 1_004_000_000),
        (&canyon, 0, 996_000_000),
    ] {
        let parent = parent(1_000_000_000, gas_used, 30_000_000);
        assert_eq!(next_base_fee(chain, &parent, time), wanted);
    }
    let eth = eth_chain();
    assert_eq!(
        next_base_fee(&eth, &parent(800, 30_000_000, 30_000_000), time),
        900
    );
    assert_eq!(next_base_fee(&eth, &parent(800, 0, 30_000_000), time), 700);
    // It rises by at least one wei, and never falls below zero.
    assert_eq!(
        next_base_fee(&eth, &parent(1, 30_000_000, 30_000_000), time),
        2
    );
    assert_eq!(next_base_fee(&eth, &parent(0, 0, 30_000_000), time), 0);
    // Hostile parents do not overflow.
    assert_eq!(
        next_base_fee(&eth, &parent(u64::MAX, u64::MAX, 2), time),
        u64::MAX
    );
    assert_eq!(next_base_fee(&eth, &parent(5, 1, 0), time), 5);
}

#[test]
fn canyon_denominator_counts_from_its_first_block() {
    let chain = op_chain_before(Fork::Regolith, Fork::Canyon);
    let parent = parent(1_000_000_000, 10_000_000, 30_000_000);
    assert_eq!(
        next_base_fee(&chain, &parent, GENESIS_TIME + 2),
        1_004_000_000
    );
}

/// spec: holocene/exec-engine.md: the first Holocene block still uses constants, writes them into
/// its extra data, and its child uses those.
#[test]
fn holocene_parameters_travel_in_extra_data() {
    let mut world = World::new(op_chain_before(Fork::Granite, Fork::Holocene));
    world.head.base_fee_per_gas = Some(1_000_000_000);
    world.head.gas_used = 20_000_000;
    let first = world.seal(vec![l1_info()], &[]).block.header;
    assert_eq!(
        first.extra_data,
        Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6])
    );
    // 60M / 6 = 10M target, 20M used: one part in 250 more.
    assert_eq!(first.base_fee_per_gas, Some(1_004_000_000));

    let mut attributes = world.attributes();
    attributes.eip1559_params = Some(B64::new([0, 0, 0, 8, 0, 0, 0, 2]));
    let second = world
        .seal_with(attributes, vec![l1_info()], &[])
        .block
        .header;
    assert_eq!(
        second.extra_data,
        Bytes::from_static(&[0, 0, 0, 0, 8, 0, 0, 0, 2])
    );
    // The second block's fee still follows the first one's parameters; gas is near zero.
    let used = first.gas_used;
    let step = 1_004_000_000 * u128::from(10_000_000 - used) / 10_000_000 / 250;
    let base_fee = 1_004_000_000 - u64::try_from(step).unwrap();
    assert_eq!(second.base_fee_per_gas, Some(base_fee));
    // The third follows the second's: 30M target, one part in 8.
    let third = world.seal(vec![l1_info()], &[]).block.header;
    let step = u128::from(base_fee) * u128::from(30_000_000 - second.gas_used) / 30_000_000 / 8;
    assert_eq!(
        third.base_fee_per_gas,
        Some(base_fee - u64::try_from(step).unwrap())
    );
}

#[test]
fn jovian_minimum_base_fee() {
    let mut world = World::new(op_chain_before(Fork::Isthmus, Fork::Jovian));
    let mut attributes = world.attributes();
    attributes.min_base_fee = Some(5_000_000);
    let first = world
        .seal_with(attributes, vec![l1_info()], &[])
        .block
        .header;
    let extra = [1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0x4c, 0x4b, 0x40];
    assert_eq!(first.extra_data, Bytes::copy_from_slice(&extra));
    assert!(
        first.base_fee_per_gas.unwrap() < 5_000_000,
        "the parent knows no minimum"
    );
    let second = world.seal(vec![l1_info()], &[]).block.header;
    assert_eq!(second.base_fee_per_gas, Some(5_000_000));
}

#[test]
fn attributes_of_the_wrong_era_are_refused() {
    let refuse = |fork, change: fn(&mut opal_execution::BlockAttributes), field: &str| {
        let world = World::new(op_chain(fork));
        let mut attributes = world.attributes();
        change(&mut attributes);
        let error = world.builder_with(attributes).unwrap_err();
        assert!(error.to_string().contains(field), "{fork}: {error}");
    };
    refuse(
        Fork::Granite,
        |a| a.eip1559_params = Some(B64::ZERO),
        "eip1559Params",
    );
    refuse(Fork::Holocene, |a| a.eip1559_params = None, "eip1559Params");
    refuse(
        Fork::Holocene,
        |a| a.eip1559_params = Some(B64::new([0, 0, 0, 1, 0, 0, 0, 0])),
        "eip1559Params",
    );
    refuse(Fork::Isthmus, |a| a.min_base_fee = Some(1), "minBaseFee");
    refuse(Fork::Jovian, |a| a.min_base_fee = None, "minBaseFee");
    refuse(
        Fork::Regolith,
        |a| a.withdrawals = Some(vec![]),
        "withdrawals",
    );
    refuse(Fork::Canyon, |a| a.withdrawals = None, "withdrawals");
    refuse(
        Fork::Canyon,
        |a| a.withdrawals = Some(vec![Default::default()]),
        "withdrawals",
    );
    refuse(
        Fork::Ecotone,
        |a| a.parent_beacon_block_root = None,
        "parentBeaconBlockRoot",
    );
    refuse(
        Fork::Canyon,
        |a| a.parent_beacon_block_root = Some(B256::ZERO),
        "parentBeaconBlockRoot",
    );
    refuse(Fork::Karst, |a| a.timestamp = GENESIS_TIME, "timestamp");
}

#[test]
fn isthmus_commits_to_the_message_passer() {
    // sstore(1, 2) in the message passer.
    let mut world = World::new(op_chain(Fork::Isthmus));
    let code = Bytes::from_static(&[0x60, 0x02, 0x60, 0x01, 0x55, 0x00]);
    world.state.deploy(MESSAGE_PASSER, code.clone());
    let tx = user_tx(0, TxKind::Call(MESSAGE_PASSER), 100_000, Bytes::new());
    let header = world
        .seal(vec![l1_info()], std::slice::from_ref(&tx))
        .block
        .header;
    let slot = keccak256(U256::from(1).to_be_bytes::<32>());
    let root = opal_trie::rebuild_storage_root([(slot, U256::from(2))]);
    assert_eq!(
        header.withdrawals_root,
        Some(root),
        "the state after the block"
    );
    assert_eq!(header.requests_hash, Some(EMPTY_REQUESTS_HASH));
    let roots = Roots {
        state_root: header.state_root,
        message_passer_storage_root: EMPTY_TRIE,
    };
    let error = check_roots(&world.chain, &header, &roots).unwrap_err();
    assert!(error.to_string().contains("withdrawalsRoot"), "{error}");

    // Before, the field is the root of no withdrawals, and before Canyon absent.
    for (fork, wanted) in [(Fork::Holocene, Some(EMPTY_TRIE)), (Fork::Regolith, None)] {
        let mut world = World::new(op_chain(fork));
        world.state.deploy(MESSAGE_PASSER, code.clone());
        let header = world
            .seal(vec![l1_info()], std::slice::from_ref(&tx))
            .block
            .header;
        assert_eq!(header.withdrawals_root, wanted);
        assert_eq!(header.requests_hash, None);
    }
}

/// Stores the call's first word under the block number, and who called in slot 0.
const RECORDER: &[u8] = &[0x60, 0x00, 0x35, 0x43, 0x55, 0x33, 0x60, 0x00, 0x55, 0x00];

#[test]
fn system_contracts_are_called_when_their_forks_say_so() {
    let beacon_roots = alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
    let withdrawals = alloy_eips::eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS;
    let consolidations = alloy_eips::eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS;
    let all = [HISTORY, beacon_roots, withdrawals, consolidations];
    let called = |chain: opal_execution::ChainConfig| {
        let mut world = World::new(chain);
        for contract in all {
            world.state.deploy(contract, Bytes::from_static(RECORDER));
        }
        let parent = world.head.hash_slow();
        let forced = if world.chain.is_optimism() {
            vec![l1_info()]
        } else {
            vec![]
        };
        let header = world.seal(forced, &[]).block.header;
        let number = U256::from(header.number);
        if !world.state.slot(HISTORY, number).is_zero() {
            assert_eq!(
                world.state.slot(HISTORY, number),
                U256::from_be_bytes(parent.0)
            );
        }
        let system = alloy_eips::eip4788::SYSTEM_ADDRESS.into_word();
        all.map(|contract| world.state.slot(contract, U256::ZERO) == U256::from_be_bytes(system.0))
    };
    assert_eq!(called(op_chain(Fork::Canyon)), [false, false, false, false]);
    assert_eq!(called(op_chain(Fork::Ecotone)), [false, true, false, false]);
    // Isthmus has EIP-2935, but not the requests. spec: isthmus/exec-engine.md
    assert_eq!(called(op_chain(Fork::Isthmus)), [true, true, false, false]);
    assert_eq!(called(op_chain(Fork::Karst)), [true, true, false, false]);
    assert_eq!(called(eth_chain()), [true, true, true, true]);
}

#[test]
fn blob_base_fee_is_one_on_l2() {
    // sstore(0, blobbasefee)
    let mut world = World::new(op_chain(Fork::Karst));
    world.state.deploy(
        CONTRACT,
        Bytes::from_static(&[0x4a, 0x60, 0x00, 0x55, 0x00]),
    );
    let tx = user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new());
    assert!(
        world.seal(vec![l1_info()], &[tx]).pool[0]
            .as_ref()
            .unwrap()
            .success
    );
    assert_eq!(world.state.slot(CONTRACT, U256::ZERO), U256::from(1));
}

/// Every field of a valid header, spoiled one by one.
#[test]
fn spoiled_headers_are_refused() {
    type Spoil = fn(&mut Header);
    let spoils: [(&str, Spoil); 24] = [
        ("parentHash", |h| h.parent_hash.0[0] ^= 1),
        ("number", |h| h.number += 1),
        ("timestamp", |h| h.timestamp = GENESIS_TIME),
        ("difficulty", |h| h.difficulty = U256::from(1)),
        ("nonce", |h| h.nonce = B64::with_last_byte(1)),
        ("sha3Uncles", |h| h.ommers_hash.0[0] ^= 1),
        ("gasLimit", |h| h.gas_limit = u64::MAX),
        ("gasUsed", |h| h.gas_used = h.gas_limit + 1),
        ("gasUsed", |h| h.gas_used += 1),
        ("baseFeePerGas", |h| h.base_fee_per_gas = Some(1)),
        ("baseFeePerGas", |h| h.base_fee_per_gas = None),
        ("extraData", |h| h.extra_data = Bytes::new()),
        ("extraData", |h| {
            h.extra_data = Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6])
        }),
        ("extraData", |h| h.extra_data = Bytes::from_static(&[1; 18])),
        ("extraData", |h| h.extra_data = Bytes::from_static(&[0; 17])),
        ("withdrawalsRoot", |h| h.withdrawals_root = None),
        ("parentBeaconBlockRoot", |h| {
            h.parent_beacon_block_root = None
        }),
        ("excessBlobGas", |h| h.excess_blob_gas = Some(1)),
        ("blobGasUsed", |h| h.blob_gas_used = Some(h.gas_limit + 1)),
        ("blobGasUsed", |h| h.blob_gas_used = Some(7)),
        ("requestsHash", |h| h.requests_hash = Some(keccak256([]))),
        ("transactionsRoot", |h| h.transactions_root.0[0] ^= 1),
        ("receiptsRoot", |h| h.receipts_root.0[0] ^= 1),
        ("logsBloom", |h| h.logs_bloom.0[0] ^= 1),
    ];
    let world = World::new(op_chain(Fork::Karst));
    let mut builder = world.builder();
    builder.push_forced(l1_info()).unwrap();
    let block = world.close(builder);
    let (txs, withdrawals) = (&block.transactions, block.withdrawals.as_deref());
    let execute = |header: &Header| {
        execute_block(
            &world.chain,
            &world.head,
            header,
            txs,
            withdrawals,
            &world.state,
        )
    };
    assert_eq!(execute(&block.header).unwrap(), block.executed);
    for (field, spoil) in spoils {
        let mut header = block.header.clone();
        spoil(&mut header);
        let error = execute(&header).unwrap_err();
        assert!(
            matches!(&error, InvalidBlock::Header { field: f, .. } if *f == field),
            "{field}: {error}"
        );
    }
}

#[test]
fn fields_of_later_eras_are_refused_in_earlier_ones() {
    type Spoil = fn(&mut Header);
    let spoils: [(Fork, &str, Spoil); 5] = [
        (Fork::Regolith, "withdrawalsRoot", |h| {
            h.withdrawals_root = Some(EMPTY_TRIE)
        }),
        (Fork::Canyon, "excessBlobGas", |h| {
            h.excess_blob_gas = Some(0)
        }),
        (Fork::Ecotone, "blobGasUsed", |h| h.blob_gas_used = Some(1)),
        (Fork::Granite, "extraData", |h| {
            h.extra_data = Bytes::from_static(b"BEDROCK")
        }),
        (Fork::Holocene, "requestsHash", |h| {
            h.requests_hash = Some(EMPTY_REQUESTS_HASH)
        }),
    ];
    for (fork, field, spoil) in spoils {
        let world = World::new(op_chain(fork));
        let mut header = world.close(world.builder()).header;
        validate_header(&world.chain, &world.head, &header).unwrap();
        spoil(&mut header);
        let error = validate_header(&world.chain, &world.head, &header).unwrap_err();
        assert!(error.to_string().contains(field), "{fork}: {error}");
    }
}
