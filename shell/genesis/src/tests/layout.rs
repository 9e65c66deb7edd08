//! Storage layouts. L1Block's is consensus: the engine charges fees by its slots. The others are those
//! of existing chains, so that their contracts and tools and ours can take each other's place.

use super::{fixtures::init_code, *};
use alloy_sol_types::sol;
use opal_protocol::{
    L1Info,
    l1_info::{EcotoneFees, L1InfoFees, OperatorFees},
    predeploys::{DEPOSITOR_ACCOUNT, L1_BLOCK},
};
use std::collections::BTreeMap;

sol! {
    function number() returns (uint64);
    function timestamp() returns (uint64);
    function basefee() returns (uint256);
    function hash() returns (bytes32);
    function sequenceNumber() returns (uint64);
    function batcherHash() returns (bytes32);
    function l1FeeOverhead() returns (uint256);
    function l1FeeScalar() returns (uint256);
    function baseFeeScalar() returns (uint32);
    function blobBaseFeeScalar() returns (uint32);
    function blobBaseFee() returns (uint256);
    function operatorFeeScalar() returns (uint32);
    function operatorFeeConstant() returns (uint64);
    function daFootprintGasScalar() returns (uint16);
    function DEPOSITOR_ACCOUNT() returns (address);
    function gasPayingTokenSymbol() returns (string);
    function isCustomGasToken() returns (bool);
    error NotDepositor();
}

const ECOTONE: EcotoneFees = EcotoneFees {
    base_fee_scalar: 0xa1a2_a3a4,
    blob_base_fee_scalar: 0xb1b2_b3b4,
    blob_base_fee: U256::from_limbs([0xc1, 0, 0, 0xc2]),
};
const OPERATOR: OperatorFees = OperatorFees {
    scalar: 0xd1d2_d3d4,
    constant: 0xe1e2_e3e4_e5e6_e7e8,
};

/// Attributes with no byte like another, in each format, oldest first.
fn formats() -> [L1Info; 4] {
    let fees = [
        L1InfoFees::Bedrock {
            overhead: U256::from(0x0e0e),
            scalar: U256::from(0x5c5c),
        },
        L1InfoFees::Ecotone(ECOTONE),
        L1InfoFees::Isthmus(ECOTONE, OPERATOR),
        L1InfoFees::Jovian(ECOTONE, OPERATOR, 0xf1f2),
    ];
    fees.map(|fees| L1Info {
        number: 0x1112_1314_1516_1718,
        time: 0x2122_2324_2526_2728,
        base_fee: U256::from_limbs([0x31, 0, 0, 0x32]),
        hash: B256::repeat_byte(0x41),
        seq_num: 0x5152_5354_5556_5758,
        batcher: Address::repeat_byte(0x61),
        fees,
    })
}

fn slots(world: &World, at: Address) -> BTreeMap<B256, B256> {
    let mut slots = world.chain.state.storage_of(at);
    // The proxy's own two.
    slots.retain(|slot, _| U256::from_be_bytes(slot.0) < U256::from(100));
    slots
}

#[test]
fn each_format_leaves_exact_slots() {
    for info in formats() {
        let mut world = World::l2(config(Fork::Jovian));
        assert!(
            world
                .deposit(DEPOSITOR_ACCOUNT, L1_BLOCK, info.encode())
                .success
        );
        let scalars = |base: u32, blob: u32| {
            U256::from(base) << 96 | U256::from(blob) << 64 | U256::from(info.seq_num)
        };
        let mut expected = vec![
            (0, U256::from(info.time) << 64 | U256::from(info.number)),
            (1, info.base_fee),
            (2, info.hash.into()),
            (4, info.batcher.into_word().into()),
        ];
        let operator = U256::from(OPERATOR.scalar) << 64 | U256::from(OPERATOR.constant);
        match info.fees {
            L1InfoFees::Bedrock { overhead, scalar } => {
                expected.extend([(3, scalars(0, 0)), (5, overhead), (6, scalar)]);
            }
            L1InfoFees::Ecotone(_) => {}
            L1InfoFees::Isthmus(..) => expected.push((8, operator)),
            L1InfoFees::Jovian(..) => expected.push((8, operator | U256::from(0xf1f2) << 96)),
        }
        if !matches!(info.fees, L1InfoFees::Bedrock { .. }) {
            let packed = scalars(ECOTONE.base_fee_scalar, ECOTONE.blob_base_fee_scalar);
            expected.extend([(3, packed), (7, ECOTONE.blob_base_fee)]);
        }
        let expected: BTreeMap<B256, B256> = expected
            .into_iter()
            .map(|(k, v)| (U256::from(k).into(), v.into()))
            .collect();
        assert_eq!(slots(&world, L1_BLOCK), expected, "{:?}", info.fees);
    }
}

#[test]
fn getters_tell_what_was_set() {
    let mut world = World::l2(config(Fork::Jovian));
    let [bedrock, .., jovian] = formats();
    for info in [bedrock, jovian] {
        assert!(
            world
                .deposit(DEPOSITOR_ACCOUNT, L1_BLOCK, info.encode())
                .success
        );
    }
    assert_eq!(world.get(L1_BLOCK, &numberCall {}), jovian.number);
    assert_eq!(world.get(L1_BLOCK, &timestampCall {}), jovian.time);
    assert_eq!(world.get(L1_BLOCK, &basefeeCall {}), jovian.base_fee);
    assert_eq!(world.get(L1_BLOCK, &hashCall {}), jovian.hash);
    assert_eq!(world.get(L1_BLOCK, &sequenceNumberCall {}), jovian.seq_num);
    assert_eq!(
        world.get(L1_BLOCK, &batcherHashCall {}),
        jovian.batcher.into_word()
    );
    assert_eq!(
        world.get(L1_BLOCK, &l1FeeOverheadCall {}),
        U256::from(0x0e0e)
    );
    assert_eq!(world.get(L1_BLOCK, &l1FeeScalarCall {}), U256::from(0x5c5c));
    assert_eq!(
        world.get(L1_BLOCK, &baseFeeScalarCall {}),
        ECOTONE.base_fee_scalar
    );
    assert_eq!(
        world.get(L1_BLOCK, &blobBaseFeeScalarCall {}),
        ECOTONE.blob_base_fee_scalar
    );
    assert_eq!(
        world.get(L1_BLOCK, &blobBaseFeeCall {}),
        ECOTONE.blob_base_fee
    );
    assert_eq!(
        world.get(L1_BLOCK, &operatorFeeScalarCall {}),
        OPERATOR.scalar
    );
    assert_eq!(
        world.get(L1_BLOCK, &operatorFeeConstantCall {}),
        OPERATOR.constant
    );
    assert_eq!(world.get(L1_BLOCK, &daFootprintGasScalarCall {}), 0xf1f2);
    assert_eq!(
        world.get(L1_BLOCK, &DEPOSITOR_ACCOUNTCall {}),
        DEPOSITOR_ACCOUNT
    );
    assert_eq!(world.get(L1_BLOCK, &gasPayingTokenSymbolCall {}), "ETH");
    assert!(!world.get(L1_BLOCK, &isCustomGasTokenCall {}));
}

#[test]
fn nobody_but_the_depositor_sets_values() {
    use alloy_sol_types::SolError;
    let world = World::l2(config(Fork::Jovian));
    let [bedrock, packed @ ..] = formats();
    let text = world.revert_text(user(), L1_BLOCK, bedrock.encode());
    assert!(text.contains("only the depositor account"), "{text}");
    for info in packed {
        let outcome = world.call(user(), L1_BLOCK, info.encode());
        assert_eq!(outcome.output, Bytes::from(NotDepositor::SELECTOR));
        assert!(!outcome.success);
    }
}

/// The attributes must fit into the gas of their deposit, 1,000,000, with the colder proxy before
/// them; and stay cheap, since every block pays it in time.
#[test]
fn attributes_are_cheap() {
    let mut world = World::l2(config(Fork::Jovian));
    for info in formats() {
        let receipt = world.deposit(DEPOSITOR_ACCOUNT, L1_BLOCK, info.encode());
        assert!(
            receipt.cumulative_gas_used < 250_000,
            "{}",
            receipt.cumulative_gas_used
        );
    }
}

#[test]
fn slots_are_those_of_optimisms_contract() {
    for (name, known) in [("ecotone", 2), ("isthmus", 3), ("jovian", 4)] {
        let Some(code) = init_code(&format!("{name}-l1-block")) else {
            return;
        };
        let mut world = World::l2(config(Fork::Jovian));
        let nonce = world.chain.state.nonce_of(user());
        assert!(world.send(user(), TxKind::Create, 0, code.to_vec()).success);
        let theirs = user().create(nonce);
        for info in &formats()[..known] {
            for at in [L1_BLOCK, theirs] {
                assert!(world.deposit(DEPOSITOR_ACCOUNT, at, info.encode()).success);
            }
            assert_eq!(
                slots(&world, L1_BLOCK),
                slots(&world, theirs),
                "{name} {:?}",
                info.fees
            );
        }
    }
}

/// Contract, and where its variables are: label, slot, first byte.
type Layout = (&'static str, &'static [(&'static str, u64, u64)]);

const LAYOUTS: [Layout; 6] = [
    (
        "OptimismPortal",
        &[
            ("_initialized", 0, 0),
            ("params", 1, 0),
            ("l2Sender", 50, 0),
            ("finalizedWithdrawals", 51, 0),
            ("systemConfig", 55, 0),
            ("provenWithdrawals", 57, 0),
            ("proofSubmitters", 60, 0),
            ("anchorStateRegistry", 62, 0),
            ("_ethLockbox", 63, 0),
        ],
    ),
    (
        "SystemConfig",
        &[
            ("_initialized", 0, 0),
            ("owner", 51, 0),
            ("overhead", 101, 0),
            ("scalar", 102, 0),
            ("batcherHash", 103, 0),
            ("gasLimit", 104, 0),
            ("basefeeScalar", 104, 8),
            ("blobbasefeeScalar", 104, 12),
            ("_resources", 105, 0),
            ("eip1559Denominator", 106, 0),
            ("eip1559Elasticity", 106, 4),
            ("operatorFeeScalar", 106, 8),
            ("operatorFeeConstant", 106, 12),
            ("l2ChainId", 107, 0),
            ("_superchainConfig", 108, 0),
            ("minBaseFee", 108, 20),
            ("isFeatureEnabled", 109, 0),
            ("daFootprintGasScalar", 110, 0),
        ],
    ),
    ("ProxyAdmin", &[("owner", 0, 0)]),
    (
        "GasPriceOracle",
        &[
            ("isEcotone", 0, 0),
            ("isFjord", 0, 1),
            ("isIsthmus", 0, 2),
            ("isJovian", 0, 3),
        ],
    ),
    (
        "L2ToL1MessagePasser",
        &[("sentMessages", 0, 0), ("msgNonce", 1, 0)],
    ),
    ("SequencerFeeVault", &[("totalProcessed", 0, 0)]),
];

#[test]
fn variables_are_where_existing_chains_have_them() {
    for (contract, variables) in LAYOUTS {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts");
        let text = std::fs::read_to_string(format!("{folder}/{contract}.json")).unwrap();
        let artifact: serde_json::Value = serde_json::from_str(&text).unwrap();
        let layout = artifact["storageLayout"].as_array().unwrap();
        for (label, slot, offset) in variables {
            let entry = layout
                .iter()
                .find(|entry| entry["label"] == *label)
                .unwrap();
            assert_eq!(
                (&entry["slot"], &entry["offset"]),
                (&(*slot).into(), &(*offset).into()),
                "{contract}.{label}"
            );
        }
    }
}
