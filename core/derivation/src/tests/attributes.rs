//! Payload attributes: what goes into a block besides batch transactions.

use super::kit::{GAS_LIMIT, L1_TIME, Mine, World, config};
use crate::attributes::{AttributesError, build};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use op_alloy_consensus::OpTxEnvelope;
use opal_protocol::{
    ConfigUpdate, Fork, L1Info, RollupConfig, UpgradeBundle, UpgradeTx, Upgrades, predeploys,
};
use std::{vec, vec::Vec};

/// Calldata of the L1 attributes, the first transaction.
pub(super) fn l1_info(transactions: &[Bytes]) -> Vec<u8> {
    match OpTxEnvelope::decode_2718(&mut &transactions[0][..]).expect("decodes") {
        OpTxEnvelope::Deposit(tx) => tx.input.to_vec(),
        other => panic!("not a deposit: {other:?}"),
    }
}

fn bundle(fork: Fork, gas: &[u64]) -> UpgradeBundle {
    let tx = |gas_limit: &u64| UpgradeTx {
        intent: std::format!("step {gas_limit}"),
        from: predeploys::DEPOSITOR_ACCOUNT,
        to: Some(Address::repeat_byte(1)),
        gas_limit: *gas_limit,
        data: Bytes::new(),
    };
    UpgradeBundle {
        fork,
        transactions: gas.iter().map(tx).collect(),
    }
}

#[test]
fn fields_come_from_origin_and_config() {
    let mut world = World::new(config(Fork::Karst));
    world.mine(Mine {
        deposits: vec![
            Bytes::from_static(&[0x7e, 1]),
            Bytes::from_static(&[0x7e, 2]),
        ],
        ..Default::default()
    });
    let blocks = world.sequence_on_safe(&[(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0), (1, 0)]);
    let epoch = &world.l1[1];
    for (block, deposits) in [(&blocks[4], 0), (&blocks[5], 2), (&blocks[6], 0)] {
        let attributes = &block.attributes;
        let transactions = attributes.transactions.as_ref().expect("always set");
        assert_eq!(transactions.len(), 1 + deposits);
        assert_eq!(transactions[1..], epoch.deposits[..deposits]);
        assert_eq!(attributes.no_tx_pool, Some(true));
        assert_eq!(attributes.gas_limit, Some(GAS_LIMIT));
        assert_eq!(attributes.eip_1559_params, Some(constants_1559()));
        assert_eq!(attributes.min_base_fee, Some(0));
        let inner = &attributes.payload_attributes;
        assert_eq!(inner.timestamp, block.block.time);
        assert_eq!(inner.withdrawals, Some(vec![]));
        assert_eq!(
            inner.suggested_fee_recipient,
            predeploys::SEQUENCER_FEE_VAULT
        );
        let origin = &world.l1[block.block.l1_origin.number as usize].header;
        assert_eq!(inner.prev_randao, origin.mix_hash);
        assert_eq!(
            inner.parent_beacon_block_root,
            origin.parent_beacon_block_root
        );
        let info = L1Info::decode(&l1_info(transactions)).expect("decodes");
        assert_eq!(info.origin(), block.block.l1_origin);
        assert_eq!(info.seq_num, block.block.seq_num);
        assert_eq!(info.time, origin.timestamp);
        assert_eq!(info.batcher, super::kit::BATCHER);
    }
}

#[test]
fn beacon_root_is_zero_where_l1_has_none() {
    let mut world = World::new(config(Fork::Karst));
    world.l1[0].header.parent_beacon_block_root = None;
    let block = world.build(world.safe(), &world.l1[0], vec![]);
    let root = block.attributes.payload_attributes.parent_beacon_block_root;
    assert_eq!(root, Some(B256::ZERO));
}

#[test]
fn foreign_origins_are_refused() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let parent = world.safe().clone();
    let attempt = |epoch, l2_time| {
        let (cfg, l1_chain, upgrades) = (&world.cfg, &world.l1_chain, &world.upgrades);
        build(
            cfg,
            l1_chain,
            upgrades,
            &parent.block,
            &parent.config,
            epoch,
            l2_time,
        )
        .map(|_| ())
    };
    let parent_origin = parent.block.l1_origin;
    let origin_error = |epoch| {
        Err(AttributesError::Origin {
            epoch,
            parent_origin,
        })
    };
    let (genesis, first, second) = (&world.l1[0], &world.l1[1], &world.l1[2]);
    assert_eq!(attempt(genesis, L1_TIME + 2), Ok(()));
    assert_eq!(attempt(first, L1_TIME + 12), Ok(()));
    assert_eq!(attempt(second, L1_TIME + 24), origin_error(second.id()));
    let mut other = first.clone();
    other.header.parent_hash = B256::ZERO;
    assert_eq!(attempt(&other, L1_TIME + 12), origin_error(other.id()));
    let mut other = genesis.clone();
    other.hash = B256::ZERO;
    assert_eq!(attempt(&other, L1_TIME + 2), origin_error(other.id()));
    let early = AttributesError::BeforeOrigin {
        l2_time: L1_TIME + 11,
        l1_time: L1_TIME + 12,
    };
    assert_eq!(attempt(first, L1_TIME + 11), Err(early));
}

#[test]
fn config_updates_apply_from_their_epoch_on() {
    let mut world = World::new(config(Fork::Karst));
    let batcher = Address::repeat_byte(0xb2);
    world.mine(Mine {
        updates: vec![
            ConfigUpdate::GasLimit(40_000_000),
            ConfigUpdate::Eip1559 {
                denominator: 250,
                elasticity: 4,
            },
            ConfigUpdate::MinBaseFee(7),
            ConfigUpdate::Batcher(batcher),
        ],
        ..Default::default()
    });
    let blocks = world.sequence_on_safe(&[(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0), (1, 0)]);
    for (block, updated) in [(&blocks[4], false), (&blocks[5], true), (&blocks[6], true)] {
        let attributes = &block.attributes;
        let gas_limit = if updated { 40_000_000 } else { GAS_LIMIT };
        assert_eq!(attributes.gas_limit, Some(gas_limit));
        let params = if updated {
            B64::from((250u64 << 32 | 4).to_be_bytes())
        } else {
            constants_1559()
        };
        assert_eq!(attributes.eip_1559_params, Some(params));
        assert_eq!(attributes.min_base_fee, Some(if updated { 7 } else { 0 }));
        let info = L1Info::decode(&l1_info(&block.transactions)).expect("decodes");
        assert_eq!(
            info.batcher,
            if updated {
                batcher
            } else {
                super::kit::BATCHER
            }
        );
    }
}

/// The chain's constants as they read back from the header of a block whose attributes had zeros.
fn constants_1559() -> B64 {
    B64::from((250u64 << 32 | 6).to_be_bytes())
}

/// Holocene's activation block carries zeros even if it opens the epoch that announces parameters,
/// and the constants that the engine puts in their place are what the next block carries on.
#[test]
fn the_first_holocene_block_carries_zeros_whatever_its_origin_announced() {
    let mut cfg = config(Fork::Granite);
    let fork_time = L1_TIME + 12;
    cfg.forks.set(Fork::Holocene, Some(fork_time));
    let mut world = World::new(cfg);
    world.mine(Mine {
        updates: vec![ConfigUpdate::Eip1559 {
            denominator: 100,
            elasticity: 4,
        }],
        ..Default::default()
    });
    let blocks = world.sequence_on_safe(&[(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0), (1, 0)]);
    let (activation, after) = (&blocks[5], &blocks[6]);
    assert_eq!(activation.block.time, fork_time);
    assert_eq!(activation.block.seq_num, 0);
    assert_eq!(activation.attributes.eip_1559_params, Some(B64::ZERO));
    assert_eq!(after.attributes.eip_1559_params, Some(constants_1559()));
}

/// What was announced before a fork can carry it is forgotten by a node that never restarts, as
/// it is by one that reads its configuration from the chain.
#[test]
fn parameters_announced_before_their_fork_are_forgotten() {
    let mut cfg = config(Fork::Granite);
    let fork_time = L1_TIME + 14;
    for fork in [Fork::Holocene, Fork::Isthmus, Fork::Jovian] {
        cfg.forks.set(fork, Some(fork_time));
    }
    let mut world = World::new(cfg);
    world.mine(Mine {
        updates: vec![
            ConfigUpdate::Eip1559 {
                denominator: 250,
                elasticity: 4,
            },
            ConfigUpdate::OperatorFee {
                scalar: 1,
                constant: 2,
            },
            ConfigUpdate::DaFootprintGasScalar(3),
            ConfigUpdate::MinBaseFee(4),
        ],
        ..Default::default()
    });
    let plan = [
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (1, 0),
        (1, 0),
        (1, 0),
    ];
    let blocks = world.sequence_on_safe(&plan);
    let [.., before, activation, after] = &blocks[..] else {
        panic!("eight blocks")
    };
    assert_eq!(before.attributes.eip_1559_params, None);
    assert_eq!(before.attributes.min_base_fee, None);
    assert_eq!(activation.block.time, fork_time);
    assert_eq!(activation.attributes.eip_1559_params, Some(B64::ZERO));
    assert_eq!(after.attributes.eip_1559_params, Some(constants_1559()));
    assert_eq!(after.attributes.min_base_fee, Some(0));
    let calldata = l1_info(&after.transactions);
    assert_eq!(calldata[164..176], [0; 12], "operator fee");
    assert_eq!(calldata[176..], 400u16.to_be_bytes(), "DA footprint scalar");
}

/// Trap 6: an activation block still carries the older format of the L1 attributes, unless the
/// fork is active at genesis.
#[test]
fn trap_06_activation_block_keeps_the_previous_selector() {
    let cases: [(Fork, [u8; 4], [u8; 4]); 3] = [
        (
            Fork::Ecotone,
            [0x01, 0x5d, 0x8e, 0xb9],
            [0x44, 0x0a, 0x5e, 0x20],
        ),
        (
            Fork::Isthmus,
            [0x44, 0x0a, 0x5e, 0x20],
            [0x09, 0x89, 0x99, 0xbe],
        ),
        (
            Fork::Jovian,
            [0x09, 0x89, 0x99, 0xbe],
            [0x3d, 0xb6, 0xbe, 0x2b],
        ),
    ];
    for (fork, old, new) in cases {
        let mut cfg = config(fork);
        let selectors = |cfg: RollupConfig| -> Vec<[u8; 4]> {
            let world = World::new(cfg);
            let blocks = world.sequence_on_safe(&[(0, 0), (0, 0), (0, 0)]);
            let selector = |txs: &[Bytes]| l1_info(txs)[..4].try_into().expect("four bytes");
            blocks.iter().map(|b| selector(&b.transactions)).collect()
        };
        assert_eq!(selectors(cfg.clone()), [new; 3], "{fork} at genesis");
        cfg.forks.set(fork, Some(L1_TIME + 4));
        assert_eq!(selectors(cfg), [old, old, new], "{fork} later");
    }
}

/// Trap 7: the blob base fee follows L1's own schedule by the time of the L1 origin.
#[test]
fn trap_07_blob_base_fee_by_l1_origin() {
    let blob_base_fee = |cfg: RollupConfig, schedule: &[(u64, u64)]| {
        let mut world = World::new(cfg);
        let params = |fraction: u64| alloy_eips::eip7840::BlobParams {
            update_fraction: u128::from(fraction),
            ..alloy_eips::eip7840::BlobParams::cancun()
        };
        world.l1_chain.blob_schedule = schedule.iter().map(|(t, f)| (*t, params(*f))).collect();
        let mut epoch = world.l1[0].clone();
        epoch.header.excess_blob_gas = Some(10_000_000);
        let block = world.build(world.safe(), &epoch, vec![]);
        let calldata = l1_info(&block.transactions);
        U256::from_be_slice(&calldata[68..100])
    };
    let fee = |schedule: &[(u64, u64)]| blob_base_fee(config(Fork::Karst), schedule);
    let (cancun, prague) = (3_338_477, 5_007_716);
    assert_eq!(fee(&[(0, cancun)]), U256::from(19));
    assert_eq!(fee(&[(0, cancun), (L1_TIME, prague)]), U256::from(7));
    assert_eq!(fee(&[(0, cancun), (L1_TIME + 1, prague)]), U256::from(19));
    assert_eq!(fee(&[(L1_TIME + 1, cancun)]), U256::from(1));
}

/// Trap 8: the operator fee's parameters lie in the calldata as scalar (4 bytes), then constant
/// (8 bytes), and L1Block keeps them in that order from the high end of slot 8's low half.
#[test]
fn trap_08_operator_fee_parameters_in_calldata() {
    let mut cfg = config(Fork::Karst);
    cfg.genesis.system_config.operator_fee_scalar = 0x0102_0304;
    cfg.genesis.system_config.operator_fee_constant = 0x0506_0708_090a_0b0c;
    let world = World::new(cfg);
    let block = world.build(world.safe(), &world.l1[0], vec![]);
    let calldata = l1_info(&block.transactions);
    assert_eq!(calldata[164..168], [1, 2, 3, 4]);
    assert_eq!(calldata[168..176], [5, 6, 7, 8, 9, 10, 11, 12]);
}

/// Trap 11: a DA footprint scalar of 0 is written as 400, so it is part of the transaction's hash.
#[test]
fn trap_11_da_footprint_scalar_zero_is_written_as_400() {
    for (configured, written) in [(0, 400u16), (1, 1), (400, 400), (u16::MAX, u16::MAX)] {
        let mut cfg = config(Fork::Karst);
        cfg.genesis.system_config.da_footprint_gas_scalar = configured;
        let world = World::new(cfg);
        let block = world.build(world.safe(), &world.l1[0], vec![]);
        assert_eq!(l1_info(&block.transactions)[176..], written.to_be_bytes());
    }
}

fn gas_limits(keep: bool, change_in_block_1: bool) -> Vec<u64> {
    let mut cfg = config(Fork::Jovian);
    cfg.forks.karst_time = Some(L1_TIME + 12);
    cfg.keep_karst_upgrade_gas = keep;
    let mut upgrades = Upgrades::none();
    upgrades.insert(bundle(Fork::Karst, &[30_000_000, 25_000_000]));
    let mut world = World::with_upgrades(cfg, upgrades);
    world.mine_empty(1);
    let updates = if change_in_block_1 {
        vec![ConfigUpdate::GasLimit(1000)]
    } else {
        vec![]
    };
    world.mine(Mine {
        updates,
        ..Default::default()
    });
    let plan = [[(0, 0); 5].as_slice(), &[(1, 0); 6], &[(2, 0); 2]].concat();
    let blocks = world.sequence_on_safe(&plan);
    let sizes: Vec<_> = blocks.iter().map(|b| b.transactions.len()).collect();
    assert_eq!(
        sizes,
        [1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1],
        "upgrade transactions once"
    );
    blocks[4..]
        .iter()
        .filter_map(|b| b.attributes.gas_limit)
        .collect()
}

/// Trap 3: Karst's upgrade gas is part of the activation block's limit alone, except on chains
/// that have it in their history; a later change of the limit ends the leak there.
#[test]
fn trap_03_karst_upgrade_gas() {
    let (base, raised) = (GAS_LIMIT, GAS_LIMIT + 55_000_000);
    assert_eq!(
        gas_limits(false, false),
        [&[base, raised][..], &[base; 7]].concat()
    );
    assert_eq!(
        gas_limits(true, false),
        [&[base][..], &[raised; 8]].concat()
    );
    assert_eq!(
        gas_limits(false, true),
        [&[base, raised][..], &[base; 5], &[1000; 2]].concat()
    );
    assert_eq!(
        gas_limits(true, true),
        [&[base][..], &[raised; 6], &[1000; 2]].concat()
    );
}

/// Upgrade transactions come after user deposits, forks that activate together in order, and the
/// forks before Karst bring no gas of their own.
#[test]
fn upgrade_transactions_follow_user_deposits() {
    let mut cfg = config(Fork::Holocene);
    for fork in [Fork::Isthmus, Fork::Jovian] {
        cfg.forks.set(fork, Some(L1_TIME + 12));
    }
    let mut upgrades = Upgrades::none();
    upgrades.insert(bundle(Fork::Jovian, &[3]));
    upgrades.insert(bundle(Fork::Isthmus, &[1, 2]));
    let mut world = World::with_upgrades(cfg, upgrades);
    let deposit = Bytes::from_static(&[0x7e, 9]);
    world.mine(Mine {
        deposits: vec![deposit.clone()],
        ..Default::default()
    });
    let plan = [[(0, 0); 5].as_slice(), &[(1, 0); 2]].concat();
    let blocks = world.sequence_on_safe(&plan);
    let activation = &blocks[5];
    assert_eq!(activation.transactions[1], deposit);
    let expected = [
        bundle(Fork::Isthmus, &[1, 2]).deposits(),
        bundle(Fork::Jovian, &[3]).deposits(),
    ];
    assert_eq!(activation.transactions[2..], expected.concat());
    assert_eq!(activation.attributes.gas_limit, Some(GAS_LIMIT));
    assert_eq!(blocks[6].transactions.len(), 1);
    assert_eq!(blocks[6].attributes.gas_limit, Some(GAS_LIMIT));
}

/// What tells one block's attributes from another's, apart from transactions of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// The first four bytes of the L1 attributes.
    selector: u32,
    withdrawals: bool,
    beacon_root: bool,
    /// The EIP-1559 parameters in eight bytes.
    eip1559: Option<u64>,
    min_base_fee: Option<u64>,
    /// Upgrade transactions.
    upgrades: usize,
    extra_gas: u64,
}

const BEDROCK: u32 = 0x015d_8eb9;
const ECOTONE: u32 = 0x440a_5e20;
const ISTHMUS: u32 = 0x0989_99be;
const JOVIAN: u32 = 0x3db6_be2b;

fn shape(block: &super::kit::Block) -> Shape {
    let attributes = &block.attributes;
    let calldata = l1_info(&block.transactions);
    Shape {
        selector: u32::from_be_bytes(calldata[..4].try_into().expect("four bytes")),
        withdrawals: attributes.payload_attributes.withdrawals.is_some(),
        beacon_root: attributes
            .payload_attributes
            .parent_beacon_block_root
            .is_some(),
        eip1559: attributes
            .eip_1559_params
            .map(|b| u64::from_be_bytes(b.into())),
        min_base_fee: attributes.min_base_fee,
        upgrades: block.transactions.len() - 1,
        extra_gas: attributes.gas_limit.expect("always set") - GAS_LIMIT,
    }
}

/// The shapes of the blocks around the activation of `forks` in block 2, when every fork before
/// them is active at genesis and each of them brings three transactions.
fn shapes(forks: &[Fork]) -> Vec<Shape> {
    let before = Fork::ALL
        .into_iter()
        .rfind(|f| f < &forks[0])
        .expect("Bedrock");
    let mut cfg = config(before);
    let mut upgrades = Upgrades::none();
    for fork in forks {
        cfg.forks.set(*fork, Some(L1_TIME + 4));
        upgrades.insert(bundle(*fork, &[10, 20, 30]));
    }
    let world = World::with_upgrades(cfg, upgrades);
    let blocks = world.sequence_on_safe(&[(0, 0); 3]);
    blocks.iter().map(shape).collect()
}

/// Traps 6 and 14 among others: every activation block, the one before it and the one after it.
#[test]
fn trap_06_trap_14_activation_blocks_of_every_fork() {
    let bedrock = Shape {
        selector: BEDROCK,
        withdrawals: false,
        beacon_root: false,
        eip1559: None,
        min_base_fee: None,
        upgrades: 3,
        extra_gas: 0,
    };
    let canyon = Shape {
        withdrawals: true,
        ..bedrock
    };
    let ecotone = Shape {
        beacon_root: true,
        ..canyon
    };
    let settled_ecotone = Shape {
        selector: ECOTONE,
        ..ecotone
    };
    let holocene = Shape {
        eip1559: Some(0),
        ..settled_ecotone
    };
    // The constants read back from the header of the block before.
    let settled_holocene = Shape {
        eip1559: Some(250 << 32 | 6),
        ..holocene
    };
    let settled_isthmus = Shape {
        selector: ISTHMUS,
        ..settled_holocene
    };
    let jovian = Shape {
        min_base_fee: Some(0),
        ..settled_isthmus
    };
    let settled_jovian = Shape {
        selector: JOVIAN,
        ..jovian
    };
    let karst = Shape {
        extra_gas: 60,
        ..settled_jovian
    };
    // Each row: the fork, its activation block, the block after it.
    let rows = [
        (Fork::Regolith, bedrock, bedrock),
        (Fork::Canyon, canyon, canyon),
        (Fork::Delta, canyon, canyon),
        (Fork::Ecotone, ecotone, settled_ecotone),
        (Fork::Fjord, settled_ecotone, settled_ecotone),
        (Fork::Granite, settled_ecotone, settled_ecotone),
        (Fork::Holocene, holocene, settled_holocene),
        (Fork::Isthmus, settled_holocene, settled_isthmus),
        (Fork::Jovian, jovian, settled_jovian),
        (Fork::Karst, karst, settled_jovian),
    ];
    let plain = |shape: Shape| Shape {
        upgrades: 0,
        ..shape
    };
    // Genesis names no parameters.
    let first = |shape: Shape| Shape {
        eip1559: shape.eip1559.map(|_| 0),
        ..plain(shape)
    };
    let mut before = bedrock;
    for (fork, activation, after) in rows {
        let expected = [first(before), activation, plain(after)];
        assert_eq!(shapes(&[fork]), expected, "{fork}");
        before = after;
    }
    // Forks that activate together: the newest field, the oldest format, all transactions.
    let all = [
        Fork::Ecotone,
        Fork::Fjord,
        Fork::Granite,
        Fork::Holocene,
        Fork::Isthmus,
        Fork::Jovian,
        Fork::Karst,
    ];
    let together = Shape {
        selector: BEDROCK,
        eip1559: Some(0),
        upgrades: 3 * all.len(),
        ..karst
    };
    let expected = [plain(canyon), together, plain(settled_jovian)];
    assert_eq!(shapes(&all), expected);
}

/// Without its transactions an activation block would be another one than everybody else's.
#[test]
fn missing_bundle_is_an_error_before_its_block() {
    use opal_protocol::upgrades::UPGRADING_FORKS;
    for fork in Fork::ALL.into_iter().skip(1) {
        let before = Fork::ALL.into_iter().rfind(|f| f < &fork).expect("Bedrock");
        let mut cfg = config(before);
        cfg.forks.set(fork, Some(L1_TIME + 4));
        let mut world = World::new(cfg);
        world.upgrades = Upgrades::none().into();
        let first = world.sequence_on_safe(&[(0, 0)]);
        let (parent, l2_time) = (&first[0], L1_TIME + 4);
        let built = build(
            &world.cfg,
            &world.l1_chain,
            &world.upgrades,
            &parent.block,
            &parent.config,
            &world.l1[0],
            l2_time,
        );
        let missing = UPGRADING_FORKS.contains(&fork);
        let expected = missing.then_some(AttributesError::MissingBundle { fork, l2_time });
        assert_eq!(built.err(), expected, "{fork}");
    }
    // A fork that is active at genesis needs none.
    let mut world = World::new(config(Fork::Karst));
    world.upgrades = Upgrades::none().into();
    assert_eq!(world.sequence_on_safe(&[(0, 0); 3]).len(), 3);
}

#[test]
fn trap_03_the_block_after_karsts_first_needs_its_bundle_too() {
    for keep in [false, true] {
        let mut cfg = config(Fork::Jovian);
        cfg.keep_karst_upgrade_gas = keep;
        cfg.forks.set(Fork::Karst, Some(L1_TIME + 4));
        let world = World::new(cfg);
        let first = world.sequence_on_safe(&[(0, 0); 2]);
        let parent = &first[1];
        assert_eq!(parent.block.time, L1_TIME + 4, "Karst's first block");
        let built = build(
            &world.cfg,
            &world.l1_chain,
            &Upgrades::none(),
            &parent.block,
            &parent.config,
            &world.l1[0],
            L1_TIME + 6,
        );
        let (fork, l2_time) = (Fork::Karst, L1_TIME + 6);
        let expected = (!keep).then_some(AttributesError::MissingBundle { fork, l2_time });
        assert_eq!(built.err(), expected, "keep_karst_upgrade_gas: {keep}");
    }
}

#[test]
fn missing_bundle_stops_derivation_before_its_block() {
    let mut cfg = config(Fork::Jovian);
    cfg.forks.set(Fork::Karst, Some(L1_TIME + 6));
    let mut world = World::new(cfg);
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&[(0, 1), (0, 1), (0, 0)]);
    let data = world.span_data(1, &blocks);
    world.mine_data(vec![data]);
    world.upgrades = Upgrades::none().into();
    let start = crate::Start {
        safe_head: world.l2[0].block,
        system_config: world.l2[0].config,
        l1_base: world.l1[0].as_ref(),
        l1_base_config: world.l2[0].config,
        derived_from: None,
    };
    world.derivation = crate::Derivation::new(
        world.cfg.clone(),
        world.l1_chain.clone(),
        world.upgrades.clone(),
        start,
    );
    let reason = crate::CriticalReason::Attributes(
        blocks[1].block.id(),
        AttributesError::MissingBundle {
            fork: Fork::Karst,
            l2_time: L1_TIME + 6,
        },
    );
    assert_eq!(
        world.run(),
        super::kit::Stop::Step(crate::Step::Critical(reason))
    );
    assert_eq!(world.l2[1..], blocks[..2]);
}

/// Trap 7: a chain that missed Prague's fraction keeps Cancun's until the time it agreed on, by
/// the time of the L1 origin, whatever L1 does; later schedules of L1 apply again.
#[test]
fn trap_07_pectra_blob_schedule_and_bpo_forks() {
    let (cancun, prague, bpo1) = (3_338_477, 5_007_716, 8_346_193);
    let fee = |pectra_blob_schedule_time, origin_offset: u64| {
        let mut cfg = config(Fork::Granite);
        cfg.forks.pectra_blob_schedule_time = pectra_blob_schedule_time;
        let mut world = World::new(cfg);
        let params = |fraction: u64| alloy_eips::eip7840::BlobParams {
            update_fraction: u128::from(fraction),
            ..alloy_eips::eip7840::BlobParams::cancun()
        };
        let schedule = [(0, cancun), (L1_TIME + 10, prague), (L1_TIME + 30, bpo1)];
        world.l1_chain.blob_schedule = schedule.map(|(t, f)| (t, params(f))).into();
        let mut epoch = world.l1[0].clone();
        epoch.header.excess_blob_gas = Some(10_000_000);
        epoch.header.timestamp = L1_TIME + origin_offset;
        let mut parent = world.safe().clone();
        parent.block.time += 100;
        let block = world.build(&parent, &epoch, vec![]);
        U256::from_be_slice(&l1_info(&block.transactions)[68..100])
    };
    let expected = |offset| {
        U256::from(match offset {
            0..10 => 19,
            10..30 => 7,
            _ => 3,
        })
    };
    for offset in [0, 9, 10, 29, 30, 60] {
        assert_eq!(fee(None, offset), expected(offset), "at {offset}");
    }
    for (offset, fee_then) in [(0, 19), (10, 19), (19, 19), (20, 7), (29, 7), (30, 3)] {
        let found = fee(Some(L1_TIME + 20), offset);
        assert_eq!(found, U256::from(fee_then), "at {offset}");
    }
}
