//! GasPriceOracle: the fees it tells are those the engine charges, and those Optimism's tells.

use super::{fixtures::init_code, *};
use alloy_sol_types::sol;
use opal_execution::L1Costs;
use opal_protocol::{
    L1Info,
    l1_info::{EcotoneFees, L1InfoFees, OperatorFees},
    predeploys::{DEPOSITOR_ACCOUNT, GAS_PRICE_ORACLE, L1_BLOCK},
};

sol! {
    function getL1Fee(bytes data) returns (uint256);
    function getL1FeeUpperBound(uint256 unsignedTxSize) returns (uint256);
    function getL1GasUsed(bytes data) returns (uint256);
    function getOperatorFee(uint256 gasUsed) returns (uint256);
    function isEcotone() returns (bool);
    function isFjord() returns (bool);
    function isIsthmus() returns (bool);
    function isJovian() returns (bool);
    function setEcotone();
    function setFjord();
    function setIsthmus();
    function setJovian();
    function gasPrice() returns (uint256);
    function baseFee() returns (uint256);
    function l1BaseFee() returns (uint256);
    function blobBaseFee() returns (uint256);
    function baseFeeScalar() returns (uint32);
    function blobBaseFeeScalar() returns (uint32);
    function decimals() returns (uint256);
    function overhead() returns (uint256);
    function scalar() returns (uint256);
}

/// Bytes of a signature, which the oracle adds to unsigned transactions.
const SIGNATURE_BYTES: u64 = 68;

/// Every format's fees at once.
fn set_fees(world: &mut World) {
    let ecotone = EcotoneFees {
        base_fee_scalar: 5227,
        blob_base_fee_scalar: 1_014_213,
        blob_base_fee: U256::from(7_654_321),
    };
    let operator = OperatorFees {
        scalar: 1_234_567,
        constant: 89_000,
    };
    let bedrock = L1InfoFees::Bedrock {
        overhead: U256::from(188),
        scalar: U256::from(684_000),
    };
    for fees in [bedrock, L1InfoFees::Jovian(ecotone, operator, 400)] {
        let info = L1Info {
            number: 1,
            time: GENESIS_TIME,
            base_fee: U256::from(23_456_789_012_u64),
            hash: B256::repeat_byte(1),
            seq_num: 0,
            batcher: Address::repeat_byte(2),
            fees,
        };
        assert!(
            world
                .deposit(DEPOSITOR_ACCOUNT, L1_BLOCK, info.encode())
                .success
        );
    }
}

/// Transactions of all kinds of entropy: noise, runs, copies near and far, and mixtures.
fn samples() -> Vec<Bytes> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut samples: Vec<Bytes> = (0..20).map(|n| vec![n as u8; n]).map(Bytes::from).collect();
    for length in [
        12, 13, 14, 15, 16, 31, 33, 64, 100, 255, 256, 300, 600, 1200, 2500,
    ] {
        samples.push((0..length).map(|_| random(256) as u8).collect());
        samples.push(vec![0; length].into());
        let period = 1 + random(40);
        samples.push((0..length).map(|i| (i % period * 7) as u8).collect());
        let mut mixed: Vec<u8> = Vec::new();
        while mixed.len() < length {
            let from = random(mixed.len().max(1));
            let run = 1 + random(60);
            match random(3) {
                0 => mixed.extend((0..run).map(|_| random(256) as u8)),
                1 => mixed.extend(vec![random(4) as u8; run]),
                _ => mixed.extend(mixed.clone().iter().skip(from).take(run)),
            }
        }
        mixed.truncate(length);
        samples.push(mixed.into());
    }
    // Matches at the edge of the window, and one longer than a single reference holds.
    for gap in [8180, 8191, 8192, 8193, 8200] {
        let noise: Vec<u8> = (0..gap).map(|_| random(256) as u8).collect();
        samples.push([&noise[..], &noise[..40], &[1; 20]].concat().into());
    }
    let noise: Vec<u8> = (0..700).map(|_| random(256) as u8).collect();
    samples.push([&noise[..], &noise, &noise].concat().into());
    samples
}

#[test]
fn flags_follow_the_fork_at_genesis() {
    for (fork, isthmus, jovian) in [
        (Fork::Holocene, false, false),
        (Fork::Isthmus, true, false),
        (Fork::Jovian, true, true),
    ] {
        let world = World::l2(config(fork));
        let at = GAS_PRICE_ORACLE;
        assert!(world.get(at, &isEcotoneCall {}) && world.get(at, &isFjordCall {}));
        assert_eq!(world.get(at, &isIsthmusCall {}), isthmus);
        assert_eq!(world.get(at, &isJovianCall {}), jovian);
    }
}

#[test]
fn l1_fees_are_what_the_engine_charges() {
    let mut world = World::l2(config(Fork::Jovian));
    set_fees(&mut world);
    let costs = costs(&world);
    let per_byte = U256::from(16 * 5227_u64) * U256::from(23_456_789_012_u64)
        + U256::from(1_014_213_u64) * U256::from(7_654_321);
    let signature =
        U256::from(SIGNATURE_BYTES * 836_500) * per_byte / U256::from(10).pow(U256::from(12));
    for data in samples() {
        let told = world.get(GAS_PRICE_ORACLE, &getL1FeeCall { data: data.clone() });
        // The oracle estimates a signature, the engine has one. Either has a floor of 100 bytes.
        let floor = U256::from(100_000_000) * per_byte / U256::from(10).pow(U256::from(12));
        let charged = costs.l1_fee(&prefixed(&data));
        if charged > floor {
            let off = (told - signature).abs_diff(charged);
            assert!(
                off <= U256::from(1),
                "{} bytes: {told} told, {charged} charged",
                data.len()
            );
        } else {
            assert!(told >= floor);
        }
    }
}

/// The engine charges deposits nothing, and tells them by their first byte.
fn prefixed(data: &Bytes) -> Bytes {
    assert_ne!(data.first(), Some(&0x7e));
    data.clone()
}

fn costs(world: &World) -> L1Costs {
    L1Costs::read(&world.chain.chain, world.next_time(), &world.chain.state).unwrap()
}

#[test]
fn operator_fees_are_what_the_engine_charges() {
    for fork in [Fork::Holocene, Fork::Isthmus, Fork::Jovian] {
        let mut world = World::l2(config(fork));
        set_fees(&mut world);
        let costs = costs(&world);
        for gas in [0, 1, 21_000, 999_999, 30_000_000, u64::MAX] {
            let told = world.get(
                GAS_PRICE_ORACLE,
                &getOperatorFeeCall {
                    gasUsed: U256::from(gas),
                },
            );
            assert_eq!(told, costs.operator_fee(gas), "{fork} {gas}");
        }
    }
    let mut world = World::l2(config(Fork::Isthmus));
    set_fees(&mut world);
    let told = world.get(GAS_PRICE_ORACLE, &getOperatorFeeCall { gasUsed: U256::MAX });
    assert_eq!(told, U256::MAX / U256::from(1_000_000) + U256::from(89_000));
}

#[test]
fn parts_of_the_fee_can_be_asked_for() {
    let mut world = World::l2(config(Fork::Jovian));
    set_fees(&mut world);
    let at = GAS_PRICE_ORACLE;
    assert_eq!(
        world.get(at, &l1BaseFeeCall {}),
        U256::from(23_456_789_012_u64)
    );
    assert_eq!(world.get(at, &blobBaseFeeCall {}), U256::from(7_654_321));
    assert_eq!(world.get(at, &baseFeeScalarCall {}), 5227);
    assert_eq!(world.get(at, &blobBaseFeeScalarCall {}), 1_014_213);
    assert_eq!(world.get(at, &decimalsCall {}), U256::from(6));
    for input in [overheadCall {}.abi_encode(), scalarCall {}.abi_encode()] {
        let text = world.revert_text(user(), at, input);
        assert!(text.contains("is deprecated"), "{text}");
    }
}

#[test]
fn switches_are_thrown_once_in_order_by_the_depositor() {
    let mut world = World::l2(config(Fork::Holocene));
    let at = GAS_PRICE_ORACLE;
    let (isthmus, jovian) = (
        setIsthmusCall {}.abi_encode(),
        setJovianCall {}.abi_encode(),
    );
    assert!(!world.send(user(), at, 0, isthmus.clone()).success);
    assert!(
        !world
            .deposit(DEPOSITOR_ACCOUNT, at, setEcotoneCall {}.abi_encode())
            .success
    );
    assert!(
        !world
            .deposit(DEPOSITOR_ACCOUNT, at, setFjordCall {}.abi_encode())
            .success
    );
    assert!(
        !world.deposit(DEPOSITOR_ACCOUNT, at, jovian.clone()).success,
        "isthmus comes first"
    );
    for switch in [isthmus, jovian] {
        assert!(world.deposit(DEPOSITOR_ACCOUNT, at, switch.clone()).success);
        assert!(
            !world.deposit(DEPOSITOR_ACCOUNT, at, switch).success,
            "only once"
        );
    }
}

#[test]
fn fees_are_those_of_optimisms_contract() {
    let Some(code) = init_code("jovian-gas-price-oracle") else {
        return;
    };
    let mut world = World::l2(config(Fork::Jovian));
    set_fees(&mut world);
    let deploy = |world: &mut World, code: Vec<u8>| {
        let nonce = world.chain.state.nonce_of(user());
        assert!(world.send(user(), TxKind::Create, 0, code).success);
        user().create(nonce)
    };
    // Both fresh, with all switches off.
    let theirs = deploy(&mut world, code.to_vec());
    let ours = deploy(
        &mut world,
        crate::artifacts::embedded("GasPriceOracle")
            .init_code(&[])
            .to_vec(),
    );
    let switches = [
        setEcotoneCall {}.abi_encode(),
        setFjordCall {}.abi_encode(),
        setIsthmusCall {}.abi_encode(),
        setJovianCall {}.abi_encode(),
    ];
    let mut questions: Vec<Vec<u8>> = Vec::new();
    for data in samples() {
        questions.push(getL1FeeCall { data: data.clone() }.abi_encode());
        questions.push(getL1GasUsedCall { data }.abi_encode());
    }
    for size in [0, 1, 100, 255, 256, 12_345, 120_000] {
        questions.push(
            getL1FeeUpperBoundCall {
                unsignedTxSize: U256::from(size),
            }
            .abi_encode(),
        );
        questions.push(
            getOperatorFeeCall {
                gasUsed: U256::from(size),
            }
            .abi_encode(),
        );
    }
    questions.push(getOperatorFeeCall { gasUsed: U256::MAX }.abi_encode());
    questions.extend([
        overheadCall {}.abi_encode(),
        scalarCall {}.abi_encode(),
        gasPriceCall {}.abi_encode(),
        baseFeeCall {}.abi_encode(),
        decimalsCall {}.abi_encode(),
    ]);
    let mut answers = 0;
    for stage in 0..=switches.len() {
        for question in &questions {
            let a = world.call(user(), ours, question.clone());
            let b = world.call(user(), theirs, question.clone());
            assert_eq!(
                (a.success, &a.output),
                (b.success, &b.output),
                "stage {stage}"
            );
            answers += 1;
        }
        for wrong in switches
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != stage)
            .map(|(_, s)| s)
        {
            let a = world.call(DEPOSITOR_ACCOUNT, ours, wrong.clone());
            let b = world.call(DEPOSITOR_ACCOUNT, theirs, wrong.clone());
            assert_eq!(
                (a.success, a.output),
                (b.success, b.output),
                "stage {stage}"
            );
        }
        if let Some(switch) = switches.get(stage) {
            for at in [ours, theirs] {
                assert!(world.deposit(DEPOSITOR_ACCOUNT, at, switch.clone()).success);
            }
        }
    }
    println!("{answers} answers agree");
}
