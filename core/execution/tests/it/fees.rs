//! Fees of L2 against formulas derived here once more from the specification, and the vaults of an
//! executed block: what senders lose, somebody gains.

use crate::support::*;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use opal_execution::{L1Costs, PushLimits, Rejected, Transaction, VerifiedTx};
use opal_protocol::Fork;

/// The parameters and the transaction of the published cost vectors.
fn vector_world(fork: Fork) -> World {
    let mut world = World::new(op_chain(fork));
    world.set_l1_fees(&L1Fees {
        base_fee: 1_000_000_000,
        blob_base_fee: 10_000_000,
        overhead: 50,
        scalar: 7_000_000,
        base_fee_scalar: 2,
        blob_base_fee_scalar: 3,
        ..L1Fees::default()
    });
    world
}

/// A transaction of zeros to an address without zero bytes: 30 non-zero bytes.
fn vector_tx() -> Bytes {
    let to = address!("095e7baea6a6c7c4c2dfeb977efac326af552d87");
    let mut out = vec![0xdd, 0x80, 0x80, 0x80, 0x94];
    out.extend_from_slice(to.as_slice());
    out.extend_from_slice(&[0x80; 5]);
    out.into()
}

fn costs(world: &World) -> L1Costs {
    L1Costs::read(&world.chain, world.head.timestamp, &world.state).unwrap()
}

#[test]
fn l1_fee_of_each_era() {
    let tx = vector_tx();
    assert_eq!(tx.len(), 30);
    for (fork, fee, gas) in [
        // (480 + 68 * 16 + 50) * 1e9 * 7
        (Fork::Bedrock, 11_326_000_000_000_u64, 480 + 68 * 16 + 50),
        // (480 + 50) * 1e9 * 7
        (Fork::Regolith, 3_710_000_000_000, 480 + 50),
        // 480 * (16 * 2 * 1e9 + 3 * 1e7) / 16e6
        (Fork::Ecotone, 960_900, 480),
        // 100e6 * (16 * 2 * 1e9 + 3 * 1e7) / 1e12: the minimum size
        (Fork::Fjord, 3_203_000, 1_600),
        (Fork::Karst, 3_203_000, 1_600),
    ] {
        let costs = costs(&vector_world(fork));
        assert_eq!(costs.l1_fee(&tx), U256::from(fee), "{fork}");
        assert_eq!(costs.l1_gas_used(&tx), U256::from(gas), "{fork}");
        assert_eq!(
            costs.l1_fee(&[0x7e, 1, 2, 3]),
            U256::ZERO,
            "deposits are free"
        );
    }
}

/// FastLZ as the specification's reference (level 1) measures it: literals in runs of 32, matches
/// found by hashing three bytes.
fn fastlz_length(input: &[u8]) -> usize {
    let word = |at: usize| {
        u32::from(input[at]) | u32::from(input[at + 1]) << 8 | u32::from(input[at + 2]) << 16
    };
    let hash = |v: u32| ((2_654_435_769_u64 * u64::from(v)) as u32 >> 19) as usize;
    let literals = |count: usize| {
        count / 32 * 33
            + if !count.is_multiple_of(32) {
                count % 32 + 1
            } else {
                0
            }
    };
    let mut table = vec![0_usize; 8192];
    let (mut anchor, mut at, mut length) = (0_usize, 2_usize, 0_usize);
    let limit = input.len().saturating_sub(13);
    while at < limit {
        let (mut distance, mut reference);
        loop {
            let sequence = word(at);
            let slot = hash(sequence);
            reference = table[slot];
            table[slot] = at;
            distance = at - reference;
            if at >= limit {
                break;
            }
            at += 1;
            if distance < 8192 && sequence == word(reference) {
                break;
            }
        }
        if at >= limit {
            break;
        }
        at -= 1;
        if at > anchor {
            length += literals(at - anchor);
        }
        // Compare from the fourth byte on, to the end of the input less four.
        let mut matched = 0;
        let (start, bound) = (reference + 3, input.len() - 4 - (at + 3));
        while matched < bound {
            matched += 1;
            if input[start + matched - 1] != input[at + 3 + matched - 1] {
                break;
            }
        }
        let run = matched - 1 + 1;
        length += 3 * ((run - 1) / 262) + if (run - 1) % 262 >= 6 { 3 } else { 2 };
        at += matched;
        table[hash(word(at))] = at;
        at += 1;
        table[hash(word(at))] = at;
        at += 1;
        anchor = at;
    }
    length + literals(input.len() - anchor)
}

/// spec: fjord/exec-engine.md: max(100e6, -42_585_600 + 836_500 * fastlz), six decimals.
fn estimated_size_scaled(fastlz: usize) -> i64 {
    (-42_585_600 + 836_500 * i64::try_from(fastlz).unwrap()).max(100_000_000)
}

fn noise(bytes: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(step).collect()
}

#[test]
fn fjord_estimate_and_da_footprint() {
    let mut world = World::new(op_chain(Fork::Jovian));
    world.set_l1_fees(&L1Fees {
        base_fee: 1_000_000_000,
        blob_base_fee: 10_000_000,
        base_fee_scalar: 2,
        blob_base_fee_scalar: 3,
        da_scalar: 400,
        ..L1Fees::default()
    });
    let costs = costs(&world);
    let scaled_price = 16_u64 * 2 * 1_000_000_000 + 3 * 10_000_000;
    // Random bytes do not compress: fastlz adds a byte per 32.
    assert_eq!(fastlz_length(&noise(64)), 64 + 2);
    // Noise, noise with repetitions of several lengths and distances, and next to nothing.
    let mixed = |bytes: usize, period: usize| -> Vec<u8> {
        noise(period)
            .iter()
            .copied()
            .cycle()
            .take(bytes)
            .chain(noise(40))
            .collect()
    };
    let inputs = [
        noise(1_000).to_vec(),
        mixed(500, 7),
        mixed(3_000, 300),
        mixed(20_000, 9_000),
        mixed(700, 1),
        noise(12).to_vec(),
    ];
    for data in inputs {
        let mut encoded = vec![0x02];
        encoded.extend_from_slice(&data);
        let fastlz = fastlz_length(&encoded);
        let size = estimated_size_scaled(fastlz);
        let fee = u128::try_from(size).unwrap() * u128::from(scaled_price) / 1_000_000_000_000;
        assert_eq!(costs.l1_fee(&encoded), U256::from(fee));
        // Floor at whole bytes, then the minimum, then the scalar.
        let footprint = u64::try_from(size / 1_000_000).unwrap().max(100) * 400;
        assert_eq!(costs.da_footprint(&encoded), footprint);
    }
    let repeated = vec![0x02; 10_000];
    assert!(costs.da_footprint(&repeated) < 200 * 400);
    assert_eq!(costs.da_footprint(&[0x7e; 500]), 0, "deposits have none");
    // Before Jovian there is no footprint.
    let earlier = World::new(op_chain(Fork::Isthmus));
    let earlier = L1Costs::read(&earlier.chain, GENESIS_TIME, &earlier.state).unwrap();
    assert_eq!(earlier.da_footprint(&noise(500)), 0);
}

#[test]
fn operator_fee_of_each_era() {
    let fees = L1Fees {
        operator_scalar: 1_439_103_868,
        operator_constant: 77,
        ..L1Fees::default()
    };
    for (fork, gas, wanted) in [
        (Fork::Holocene, 21_000_u64, 0_u128),
        (
            Fork::Isthmus,
            21_000,
            21_000 * 1_439_103_868 / 1_000_000 + 77,
        ),
        (Fork::Jovian, 21_000, 21_000 * 1_439_103_868 * 100 + 77),
    ] {
        let mut world = World::new(op_chain(fork));
        world.set_l1_fees(&fees);
        assert_eq!(
            costs(&world).operator_fee(gas),
            U256::from(wanted),
            "{fork}"
        );
    }
    // The largest possible fee stays far below a word.
    let mut world = World::new(op_chain(Fork::Jovian));
    let (operator_scalar, operator_constant) = (u32::MAX, u64::MAX);
    world.set_l1_fees(&L1Fees {
        operator_scalar,
        operator_constant,
        ..L1Fees::default()
    });
    assert!(costs(&world).operator_fee(u64::MAX).bit_len() <= 103);
}

/// Sums all balances.
fn supply(world: &World) -> U256 {
    world
        .state
        .accounts
        .values()
        .map(|(account, _)| account.balance)
        .sum()
}

#[test]
fn every_wei_arrives_in_a_vault() {
    for fork in Fork::ALL {
        let mut world = World::new(op_chain(fork));
        world.set_l1_fees(&L1Fees {
            base_fee: 5_000_000_000,
            blob_base_fee: 3_000_000,
            overhead: 188,
            scalar: 684_000,
            base_fee_scalar: 5_227,
            blob_base_fee_scalar: 1_014_213,
            operator_scalar: 2_000,
            operator_constant: 9_999,
            da_scalar: 400,
        });
        let costs = costs(&world);
        let (before, alice) = (supply(&world), world.state.balance(ALICE));
        // A refund (a slot cleared) makes used and limited gas differ.
        world
            .state
            .deploy(CONTRACT, vec![0x60, 0x00, 0x60, 0x00, 0x55, 0x00]);
        world.state.set_slot(CONTRACT, 0, U256::from(1));
        let tx = user_tx(0, TxKind::Call(CONTRACT), 90_000, noise(300));
        let sealed = world.seal(vec![l1_info()], std::slice::from_ref(&tx));
        let pushed = *sealed.pool[0].as_ref().unwrap();
        assert!(pushed.success && pushed.gas_used < 90_000);
        assert_eq!(pushed.tip, 10);
        assert_eq!(supply(&world), before, "{fork}: supply is conserved");

        let gas = U256::from(pushed.gas_used);
        let base_fee = U256::from(sealed.block.header.base_fee_per_gas.unwrap());
        let (l1, operator) = (
            costs.l1_fee(&tx.encoded),
            costs.operator_fee(pushed.gas_used),
        );
        assert!(!l1.is_zero());
        assert_eq!(world.state.balance(L1_FEE_VAULT), l1, "{fork}");
        assert_eq!(
            world.state.balance(BASE_FEE_VAULT),
            gas * base_fee,
            "{fork}"
        );
        assert_eq!(
            world.state.balance(SEQUENCER_VAULT),
            gas * U256::from(10),
            "{fork}"
        );
        assert_eq!(world.state.balance(OPERATOR_VAULT), operator, "{fork}");
        assert_eq!(operator.is_zero(), fork < Fork::Isthmus);
        let paid = gas * (base_fee + U256::from(10)) + l1 + operator + U256::from(5);
        assert_eq!(alice - world.state.balance(ALICE), paid, "{fork}");
        let footprint = sealed.block.header.blob_gas_used;
        let wanted = match fork {
            Fork::Jovian | Fork::Karst => Some(costs.da_footprint(&tx.encoded)),
            _ => (fork >= Fork::Ecotone).then_some(0),
        };
        assert_eq!(footprint, wanted, "{fork}");
    }
}

/// A type-2 transaction from a poor sender.
fn poor_tx(sender: Address) -> VerifiedTx {
    let tx = TxEip1559 {
        chain_id: 10,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000,
        to: TxKind::Call(BOB),
        ..TxEip1559::default()
    };
    VerifiedTx::new_unchecked(Transaction::Eip1559(tx.into_signed(signature())), sender)
}

#[test]
fn balance_must_cover_l1_and_operator_fee() {
    let mut world = World::new(op_chain(Fork::Jovian));
    world.set_l1_fees(&L1Fees {
        base_fee: 1_000_000_000,
        base_fee_scalar: 1_000,
        operator_scalar: 3,
        operator_constant: 11,
        ..L1Fees::default()
    });
    let sender = address!("00000000000000000000000000000000000900d5");
    let tx = poor_tx(sender);
    let extra = costs(&world).extra_cost(&tx.encoded, 21_000);
    let enough = U256::from(21_000 * 1_000) + extra;
    world.state.fund(sender, enough - U256::from(1));
    let mut builder = world.builder();
    let refused = builder.try_push(&tx, &PushLimits::default());
    assert!(matches!(refused, Err(Rejected::Invalid(_))), "{refused:?}");
    world.state.fund(sender, enough);
    assert!(
        world
            .builder()
            .try_push(&tx, &PushLimits::default())
            .is_ok()
    );
}

#[test]
fn da_footprint_bounds_the_block() {
    let mut world = World::new(op_chain(Fork::Jovian));
    // One transaction of the least size has 100 * 10,000 = 1,000,000.
    world.set_l1_fees(&L1Fees {
        da_scalar: 10_000,
        ..L1Fees::default()
    });
    let mut attributes = world.attributes();
    attributes.gas_limit = 2_500_000;
    let mut builder = world.builder_with(attributes).unwrap();
    builder.push_forced(l1_info()).unwrap();
    let limits = PushLimits::default();
    assert!(builder.try_push(&transfer(0), &limits).is_ok());
    assert!(builder.try_push(&transfer(1), &limits).is_ok());
    let refused = builder.try_push(&transfer(2), &limits);
    assert_eq!(refused, Err(Rejected::NoRoom("DA footprint")));
    // A deposit has no footprint and still fits.
    let deposit = deposit(ALICE, TxKind::Call(BOB), 0, U256::ZERO, 100_000);
    builder.push_forced(deposit_tx(deposit)).unwrap();
    let block = world.close(builder);
    assert_eq!(block.header.blob_gas_used, Some(2_000_000));
    world.import(&block);

    // The next base fee follows the footprint, not the gas.
    assert!(block.header.gas_used < 100_000);
    let base_fee = block.header.base_fee_per_gas.unwrap();
    // Target is 2,500,000 / 6 = 416,666.
    let step = base_fee * (2_000_000 - 416_666) / 416_666 / 250;
    let next = world.seal(vec![l1_info()], &[]);
    assert_eq!(
        next.block.header.base_fee_per_gas,
        Some(base_fee + step.max(1))
    );
}
