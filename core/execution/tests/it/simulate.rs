//! `eth_simulateV1`: simulated blocks against blocks that are really built.

use crate::support::*;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address};
use opal_execution::{
    Roots, StateDiff, StateError,
    simulate::{SimulateEnv, SimulateError, SimulatePayload, SimulatedBlock, simulate},
    trace::TraceBudget,
};
use opal_protocol::Fork;
use serde_json::{Value, json};

const C0: Address = address!("c000000000000000000000000000000000000000");
const C1: Address = address!("c100000000000000000000000000000000000000");
const ETHER_LOGS: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");

fn run(world: &World, payload: Value) -> Result<Vec<SimulatedBlock>, SimulateError> {
    run_with(world, payload, Vec::new())
}

fn run_with(
    world: &World,
    payload: Value,
    withdrawals: Vec<Vec<Withdrawal>>,
) -> Result<Vec<SimulatedBlock>, SimulateError> {
    let payload: SimulatePayload = serde_json::from_value(payload).unwrap();
    let env = SimulateEnv {
        chain: &world.chain,
        base: &world.head,
        reader: &world.state,
        gas_cap: 50_000_000,
    };
    let mut trie = world.state.trie();
    let roots = |diff: &StateDiff| -> Result<Roots, StateError> {
        trie = world.state.trie();
        trie.update(&Resident, &diff.hashed())
            .map_err(|e| StateError(e.to_string()))?;
        Ok(Roots {
            state_root: trie.root(),
            message_passer_storage_root: B256::repeat_byte(5),
        })
    };
    simulate(
        &env,
        payload,
        withdrawals,
        &TraceBudget::new(1 << 20),
        roots,
    )
}

fn one(world: &World, block: Value, validation: bool) -> Result<SimulatedBlock, SimulateError> {
    let payload = json!({ "blockStateCalls": [block], "validation": validation });
    run(world, payload).map(|mut blocks| blocks.remove(0))
}

#[test]
fn withdrawals_are_paid_after_the_calls() {
    let world = World::new(eth_chain());
    let withdrawal = Withdrawal {
        index: 1,
        validator_index: 2,
        address: C0,
        amount: 3,
    };
    // Returns the balance of C0: PUSH20 c0, BALANCE, PUSH0, MSTORE, RETURN of a word.
    let code = format!("0x73{C0:x}315f5260205ff3");
    let look = json!({
        "stateOverrides": { C1.to_string(): { "code": code } },
        "calls": [{ "from": ALICE, "to": C1 }],
    });
    let payload = json!({ "blockStateCalls": [look, look] });
    let blocks = run_with(&world, payload.clone(), [vec![withdrawal]].into()).unwrap();
    let balance = |i: usize| U256::from_be_slice(&blocks[i].calls[0].output);
    assert_eq!(balance(0), U256::ZERO, "not before the calls");
    assert_eq!(balance(1), U256::from(3_000_000_000_u64));
    assert_eq!(blocks[0].withdrawals, Some(vec![withdrawal]));
    assert_eq!(blocks[1].withdrawals, Some(Vec::new()));
    let root = opal_execution::execute::withdrawals_root(&[withdrawal]);
    assert_eq!(blocks[0].header.withdrawals_root, Some(root));
    let op = World::new(op_chain(Fork::Karst));
    let refused = run_with(&op, payload.clone(), [vec![withdrawal]].into());
    assert_eq!(refused.unwrap_err(), SimulateError::Withdrawals);
    assert!(run_with(&op, payload, [Vec::new()].into()).is_ok());
}

#[test]
fn calls_see_what_earlier_calls_did() {
    for chain in [op_chain(Fork::Karst), op_chain(Fork::Bedrock), eth_chain()] {
        let world = World::new(chain);
        let block = json!({
            "stateOverrides": { C0.to_string(): { "balance": "0x3e8" } },
            "calls": [
                { "from": C0, "to": C1, "value": "0x3e8" },
                { "from": C1, "to": BOB, "value": "0x3e8" },
            ],
        });
        let block = one(&world, block, false).unwrap();
        assert!(
            block
                .calls
                .iter()
                .all(|call| call.success && call.gas_used == 21_000)
        );
        assert_eq!(block.header.gas_used, 42_000);
        assert_eq!(block.header.base_fee_per_gas, Some(0));
        assert_eq!(block.header.number, world.head.number + 1);
        assert_eq!(block.header.parent_hash, world.head.hash_slow());
        assert_eq!(block.hash, block.header.hash_slow());
        assert!(block.calls.iter().all(|call| call.logs.is_empty()));
    }
}

#[test]
fn a_validated_block_is_the_one_that_would_be_built() {
    let mut world = World::new(eth_chain());
    // sstore(number, caller's value); log0
    let code = [0x34, 0x43, 0x55, 0x60, 0, 0x60, 0, 0xa0, 0x00];
    world.state.deploy(CONTRACT, code.to_vec());
    world.head.state_root = world.state.roots().state_root;
    let hash = world.head.hash_slow();
    world.state.hashes.insert(world.head.number, hash);
    let txs = [
        user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new()),
        transfer(1),
    ];
    let attributes = world.attributes();
    let sealed = world.clone().seal(Vec::new(), &txs);
    let call = |to: Address, gas: &str| {
        json!({ "from": ALICE, "to": to, "gas": gas, "value": "0x5",
            "maxFeePerGas": "0xf4240", "maxPriorityFeePerGas": "0xa" })
    };
    let block = json!({
        "blockOverrides": {
            "time": format!("{:#x}", attributes.timestamp),
            "feeRecipient": attributes.fee_recipient,
            "prevRandao": attributes.prev_randao,
            "beaconRoot": attributes.parent_beacon_block_root,
        },
        "calls": [call(CONTRACT, "0x186a0"), call(BOB, "0x5208")],
    });
    let block = one(&world, block, true).unwrap();
    let built = &sealed.block.header;
    assert_eq!(block.header.state_root, built.state_root);
    assert_eq!(block.header.receipts_root, built.receipts_root);
    assert_eq!(block.header.base_fee_per_gas, built.base_fee_per_gas);
    assert_eq!(block.header.gas_used, built.gas_used);
    assert_eq!(block.header.withdrawals_root, built.withdrawals_root);
    assert_eq!(block.header.requests_hash, built.requests_hash);
    assert_eq!(block.header.excess_blob_gas, built.excess_blob_gas);
    // Only signatures, and with them the transactions' hashes, differ.
    let same = alloy_consensus::Header {
        transactions_root: built.transactions_root,
        ..block.header
    };
    assert_eq!(same, *built);
}

#[test]
fn blocks_follow_each_other() {
    let mut world = World::new(op_chain(Fork::Karst));
    // Returns blockhash(calldata), and adds one to slot 0.
    let code = [
        0x60, 1, 0x60, 0, 0x54, 0x01, 0x60, 0, 0x55, 0x60, 0, 0x35, 0x40, 0x60, 0, 0x52, 0x60, 32,
        0x60, 0, 0xf3,
    ];
    world.state.deploy(CONTRACT, code.to_vec());
    let base_hash = world.head.hash_slow();
    world.state.hashes.insert(world.head.number, base_hash);
    let hash_of = |number: u64| json!({ "to": CONTRACT, "input": B256::from(U256::from(number)) });
    let (base, empty) = (world.head.number, json!({}));
    let later = json!({ "blockOverrides": { "number": format!("{:#x}", base + 4) },
        "calls": [hash_of(base), hash_of(base + 1), hash_of(base + 3), hash_of(base + 4)] });
    let payload = json!({ "blockStateCalls": [empty, later] });
    let blocks = run(&world, payload).unwrap();
    let numbers: Vec<u64> = blocks.iter().map(|b| b.header.number - base).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    for pair in blocks.windows(2) {
        assert_eq!(pair[1].header.parent_hash, pair[0].hash);
        assert_eq!(pair[1].header.timestamp, pair[0].header.timestamp + 12);
    }
    let answers: Vec<B256> = blocks[3]
        .calls
        .iter()
        .map(|call| B256::from_slice(&call.output))
        .collect();
    let expected = [
        world.head.hash_slow(),
        blocks[0].hash,
        blocks[2].hash,
        B256::ZERO,
    ];
    assert_eq!(answers, expected);
    // The state goes on: four increments.
    let mut after = world.state.clone();
    after.set_slot(CONTRACT, 0, U256::from(4));
    // The caller without a name counted its nonce.
    after.accounts.entry(Address::ZERO).or_default().0.nonce = 4;
    assert_eq!(blocks[3].header.state_root, after.roots().state_root);
    assert_eq!(
        blocks[3].header.withdrawals_root,
        Some(B256::repeat_byte(5))
    );
}

#[test]
fn moves_of_ether_are_logged_where_asked_for() {
    // Calls the callee with one wei, then destroys itself in favour of Bob.
    let mut code = vec![0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, 1, 0x73];
    code.extend(C1.as_slice());
    code.extend([0x5a, 0xf1, 0x50, 0x73]);
    code.extend(BOB.as_slice());
    code.push(0xff);
    let mut world = World::new(op_chain(Fork::Karst));
    world.state.deploy(CONTRACT, code);
    world
        .state
        .deploy(C1, vec![0x60, 0, 0x60, 0, 0xa0, 0x60, 0, 0x60, 0, 0xfd]); // log0, revert
    let call = json!({ "from": ALICE, "to": CONTRACT, "value": "0x7" });
    let payload = |traced: bool| json!({ "blockStateCalls": [{ "calls": [call] }], "traceTransfers": traced });
    let traced = run(&world, payload(true)).unwrap().remove(0);
    let word = |data: &[u8]| U256::from_be_slice(data);
    let seen: Vec<_> = traced.calls[0]
        .logs
        .iter()
        .map(|log| {
            assert_eq!(log.address, ETHER_LOGS);
            let party = |i: usize| Address::from_word(log.data.topics()[i]);
            (party(1), party(2), word(&log.data.data))
        })
        .collect();
    let seven = U256::from(7);
    assert_eq!(seen, [(ALICE, CONTRACT, seven), (CONTRACT, BOB, seven)]);
    let plain = run(&world, payload(false)).unwrap().remove(0);
    assert!(plain.calls[0].logs.is_empty());
    // Such logs are in no receipt.
    assert_eq!(plain.hash, traced.hash);
}

#[test]
fn failures_have_the_codes_of_the_specification() {
    let mut world = World::new(op_chain(Fork::Karst));
    world.state.deploy(CONTRACT, vec![0x5b, 0x60, 0, 0x56]); // a loop
    world.state.accounts.entry(ALICE).or_default().0.nonce = 5;
    let code = |block: Value, validation: bool| {
        let error = one(&world, block, validation).unwrap_err();
        error.code().unwrap_or_else(|| panic!("{error}"))
    };
    let paying = |nonce: &str| {
        json!({ "calls": [{ "from": ALICE, "to": BOB, "nonce": nonce, "gas": "0x5208",
            "maxFeePerGas": "0xffffff" }] })
    };
    assert_eq!(code(paying("0x4"), true), -38_010);
    assert_eq!(code(paying("0x6"), true), -38_011);
    assert!(one(&world, paying("0x5"), true).unwrap().calls[0].success);
    assert!(one(&world, paying("0x6"), false).unwrap().calls[0].success);
    let free = json!({ "calls": [{ "from": ALICE, "to": BOB }] });
    assert_eq!(code(free.clone(), true), -38_012);
    assert!(one(&world, free, false).is_ok());
    let little = json!({ "calls": [{ "from": ALICE, "to": BOB, "gas": "0x5207" }] });
    assert_eq!(code(little, false), -38_013);
    let poor = json!({ "calls": [{ "from": C0, "to": BOB, "value": "0x1" }] });
    assert_eq!(code(poor, false), -38_014);
    let greedy = json!({ "calls": [{ "from": ALICE, "to": BOB, "gas": "0x5f5e1000" }] });
    assert_eq!(code(greedy, false), -38_015);
    let long =
        json!({ "calls": [{ "from": ALICE, "input": format!("0x{}", "00".repeat(50_000)) }] });
    assert_eq!(code(long, false), -38_025);
    let looping = json!({ "calls": [{ "to": CONTRACT, "gas": "0x100000" }] });
    let block = one(&world, looping, false).unwrap();
    assert_eq!(block.calls[0].halt.as_deref(), Some("out of gas"));
    // All gas of the simulation is spent: nothing is left for the next call.
    let greedy = json!({ "calls": [{ "to": CONTRACT }, { "to": CONTRACT }] });
    let end = one(&world, greedy, false).unwrap_err();
    assert!(
        matches!(
            end,
            SimulateError::BlockGasLimit(..) | SimulateError::IntrinsicGas(_)
        ),
        "{end}"
    );
}

#[test]
fn operator_fees_do_not_stop_free_calls() {
    let mut world = World::new(op_chain(Fork::Karst));
    world.set_l1_fees(&L1Fees {
        base_fee: 1_000_000_000_000,
        base_fee_scalar: u32::MAX,
        operator_scalar: u32::MAX,
        operator_constant: u64::MAX,
        ..L1Fees::default()
    });
    let block = json!({ "calls": [{ "from": C0, "to": BOB }] });
    assert!(one(&world, block, false).unwrap().calls[0].success);
}
