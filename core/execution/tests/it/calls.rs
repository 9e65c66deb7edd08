//! `eth_call` and `eth_estimateGas`.

use crate::support::*;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use opal_execution::call::{
    BlockOverrides, CallEnv, CallError, CallSetup, StateOverride, TransactionRequest, call,
    estimate_gas,
};
use opal_protocol::Fork;

fn env(world: &World) -> CallEnv<'_, &Memory> {
    CallEnv {
        chain: &world.chain,
        header: &world.head,
        reader: &world.state,
        gas_cap: 50_000_000,
    }
}

fn request(to: Address) -> TransactionRequest {
    TransactionRequest {
        from: Some(BOB),
        to: Some(TxKind::Call(to)),
        ..Default::default()
    }
}

/// Returns the word that the given code leaves on the stack.
fn returning(code: &[u8]) -> Vec<u8> {
    let mut code = code.to_vec();
    code.extend_from_slice(&[0x60, 0, 0x52, 0x60, 32, 0x60, 0, 0xf3]);
    code
}

fn word(outcome: &opal_execution::call::CallOutcome) -> U256 {
    U256::try_from_be_slice(&outcome.output).unwrap()
}

#[test]
fn a_call_reads_state_and_changes_nothing() {
    for chain in [op_chain(Fork::Karst), op_chain(Fork::Bedrock), eth_chain()] {
        let mut world = World::new(chain);
        world.set_l1_fees(&L1Fees {
            base_fee: 1_000_000_000_000,
            base_fee_scalar: u32::MAX,
            operator_scalar: u32::MAX,
            operator_constant: u64::MAX,
            ..L1Fees::default()
        });
        world.state.deploy(CONTRACT, returning(&[0x60, 3, 0x54])); // sload(3)
        world.state.set_slot(CONTRACT, 3, U256::from(1234));
        let outcome = call(&env(&world), &request(CONTRACT), None, None).unwrap();
        assert!(outcome.success);
        assert_eq!(word(&outcome), U256::from(1234));
        // A sender without funds may ask; fees are not charged where none are named.
        let mut nobody = request(CONTRACT);
        nobody.from = None;
        assert!(call(&env(&world), &nobody, None, None).unwrap().success);
    }
}

#[test]
fn a_call_sees_its_block() {
    let world = {
        let mut world = World::new(op_chain(Fork::Karst));
        world.state.deploy(CONTRACT, returning(&[0x43])); // number
        world
    };
    let outcome = call(&env(&world), &request(CONTRACT), None, None).unwrap();
    assert_eq!(word(&outcome), U256::from(world.head.number));
    let block = BlockOverrides {
        number: Some(U256::from(99)),
        ..Default::default()
    };
    let outcome = call(&env(&world), &request(CONTRACT), None, Some(block)).unwrap();
    assert_eq!(word(&outcome), U256::from(99));
}

#[test]
fn state_overrides_apply() {
    let world = World::new(op_chain(Fork::Karst));
    let mut overrides = StateOverride::default();
    let slots: alloy_primitives::map::B256HashMap<B256> =
        [(B256::with_last_byte(3), B256::with_last_byte(77))]
            .into_iter()
            .collect();
    let account = alloy_rpc_types_eth::state::AccountOverride {
        code: Some(returning(&[0x60, 3, 0x54]).into()),
        state_diff: Some(slots),
        ..Default::default()
    };
    overrides.insert(CONTRACT, account);
    let outcome = call(&env(&world), &request(CONTRACT), Some(overrides), None).unwrap();
    assert_eq!(word(&outcome), U256::from(77));
    assert!(!world.state.accounts.contains_key(&CONTRACT));
}

#[test]
fn contradictory_requests_are_refused() {
    let world = World::new(op_chain(Fork::Karst));
    let mut both = request(CONTRACT);
    both.gas_price = Some(1);
    both.max_fee_per_gas = Some(1);
    assert!(matches!(
        call(&env(&world), &both, None, None),
        Err(CallError::Invalid(_))
    ));
    let mut rich = request(CONTRACT);
    rich.value = Some(ETHER * U256::from(2));
    assert!(matches!(
        call(&env(&world), &rich, None, None),
        Err(CallError::Invalid(_))
    ));
}

#[test]
fn estimates_are_enough_and_not_much_more() {
    for fork in [Fork::Bedrock, Fork::Karst] {
        let mut world = World::new(op_chain(fork));
        assert_eq!(
            estimate_gas(&env(&world), CallSetup::new(&request(ALICE))),
            Ok(21_000)
        );
        // sstore(number, 1): a fresh slot.
        world
            .state
            .deploy(CONTRACT, vec![0x60, 1, 0x43, 0x55, 0x00]);
        let gas = estimate_gas(&env(&world), CallSetup::new(&request(CONTRACT))).unwrap();
        let exact = call(&env(&world), &request(CONTRACT), None, None)
            .unwrap()
            .gas_used;
        assert!(
            gas >= exact && gas <= exact + exact / 50 + 2_400,
            "{gas} for {exact}"
        );
        let mut enough = request(CONTRACT);
        enough.gas = Some(gas);
        assert!(call(&env(&world), &enough, None, None).unwrap().success);
    }
}

#[test]
fn an_estimate_never_exceeds_what_a_transaction_may_ask_for() {
    // Needs about 18 million gas: possible before Karst, impossible after.
    let code = [0x60, 0x01, 0x62, 0x2e, 0xba, 0x80, 0x52, 0x00];
    let estimate = |fork| {
        let mut world = World::new(op_chain(fork));
        world.state.deploy(CONTRACT, code.to_vec());
        estimate_gas(&env(&world), CallSetup::new(&request(CONTRACT)))
    };
    let gas = estimate(Fork::Jovian).unwrap();
    assert!(gas > 1 << 24, "{gas}");
    assert_eq!(estimate(Fork::Karst), Err(CallError::OutOfGas(1 << 24)));
}

#[test]
fn a_revert_hands_back_its_reason() {
    let mut world = World::new(op_chain(Fork::Karst));
    // mstore8(0, 0xaa); revert(0, 1)
    let code = [0x60, 0xaa, 0x60, 0, 0x53, 0x60, 1, 0x60, 0, 0xfd];
    world.state.deploy(CONTRACT, code.to_vec());
    let reason = Bytes::from_static(&[0xaa]);
    let estimate = estimate_gas(&env(&world), CallSetup::new(&request(CONTRACT)));
    assert_eq!(estimate, Err(CallError::Revert(reason.clone())));
    let outcome = call(&env(&world), &request(CONTRACT), None, None).unwrap();
    assert!(!outcome.success);
    assert_eq!(outcome.output, reason);
}
