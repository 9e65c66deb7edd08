//! OptimismPortal: what deposits announce, and what they cost.

use super::*;
use alloy_primitives::Log;
use alloy_sol_types::{SolError, sol};
use opal_protocol::deposit::parse_deposit_log;

sol! {
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data);
    function donateETH();
    function initialize(address systemConfig, address anchorStateRegistry);
    function params() returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum);
    function version() returns (string);
    function minimumGasLimit(uint64 byteCount) returns (uint64);
    function systemConfig() returns (address);
    function l2Sender() returns (address);
    function paused() returns (bool);
    function guardian() returns (address);
    function disputeGameFactory() returns (address);
    function proofMaturityDelaySeconds() returns (uint256);

    error OptimismPortal_BadTarget();
    error OptimismPortal_GasLimitTooLow();
    error OptimismPortal_CalldataTooLarge();
    error OutOfGas();
}

const TARGET: Address = Address::repeat_byte(0x77);

fn transfer(gas: u64, data: Vec<u8>) -> depositTransactionCall {
    depositTransactionCall {
        to: TARGET,
        value: U256::from(3),
        gasLimit: gas,
        isCreation: false,
        data: data.into(),
    }
}

fn parse(log: &Log) -> TxDeposit {
    parse_deposit_log(log, B256::repeat_byte(1), 0).unwrap()
}

#[test]
fn the_portal_is_set_up() {
    let world = World::l1();
    let portal = world.addresses.optimism_portal;
    assert_eq!(
        world.get(portal, &systemConfigCall {}),
        world.addresses.system_config
    );
    assert_eq!(
        world.get(portal, &l2SenderCall {}),
        address!("000000000000000000000000000000000000dEaD")
    );
    assert!(!world.get(portal, &pausedCall {}));
    assert_eq!(world.get(portal, &guardianCall {}), world.config.guardian);
    assert_eq!(
        world.get(portal, &disputeGameFactoryCall {}),
        world.addresses.dispute_game_factory
    );
    assert_eq!(
        world.get(portal, &proofMaturityDelaySecondsCall {}),
        U256::from(4)
    );
    assert_eq!(
        world.get(portal, &minimumGasLimitCall { byteCount: 100 }),
        25_000
    );
    assert!(world.get(portal, &versionCall {}).starts_with("5."));
    let params = world.get(portal, &paramsCall {});
    assert_eq!(
        (
            params.prevBaseFee,
            params.prevBoughtGas,
            params.prevBlockNum
        ),
        (1_000_000_000, 0, 1)
    );

    let again = initializeCall {
        systemConfig: TARGET,
        anchorStateRegistry: TARGET,
    }
    .abi_encode();
    for target in [portal, world.addresses.optimism_portal_impl] {
        let text = world.revert_text(world.config.owner, target, again.clone());
        assert!(
            text.contains("Initializable: contract is already initialized"),
            "{text}"
        );
    }
}

#[test]
fn a_deposit_is_announced_as_the_rollup_reads_it() {
    let mut world = World::l1();
    let portal = world.addresses.optimism_portal;
    let receipt = world.send(
        user(),
        portal,
        9,
        transfer(50_000, vec![1, 0, 2]).abi_encode(),
    );
    assert!(receipt.success);
    assert_eq!(receipt.logs.len(), 1);
    assert_eq!(receipt.logs[0].address, portal);
    let deposit = parse(&receipt.logs[0]);
    assert_eq!(deposit.from, user());
    assert_eq!(deposit.to, TxKind::Call(TARGET));
    assert_eq!(deposit.mint, 9);
    assert_eq!(deposit.value, U256::from(3));
    assert_eq!(deposit.gas_limit, 50_000);
    assert_eq!(deposit.input, Bytes::from(vec![1, 0, 2]));
    assert!(!deposit.is_system_transaction);
}

#[test]
fn a_creation_and_a_plain_transfer_are_announced() {
    let mut world = World::l1();
    let portal = world.addresses.optimism_portal;
    let creation = depositTransactionCall {
        to: Address::ZERO,
        isCreation: true,
        ..transfer(99_000, vec![0xfe])
    };
    let receipt = world.send(user(), portal, 0, creation.abi_encode());
    let deposit = parse(&receipt.logs[0]);
    assert_eq!((deposit.to, deposit.mint), (TxKind::Create, 0));

    let receipt = world.send(user(), portal, 77, vec![]);
    let deposit = parse(&receipt.logs[0]);
    assert_eq!((deposit.from, deposit.to), (user(), TxKind::Call(user())));
    assert_eq!((deposit.mint, deposit.value), (77, U256::from(77)));
    assert_eq!((deposit.gas_limit, deposit.input), (100_000, Bytes::new()));

    let donation = world.send(user(), portal, 5, donateETHCall {}.abi_encode());
    assert!(donation.success && donation.logs.is_empty());
}

#[test]
fn a_contract_deposits_under_its_alias() {
    let mut world = World::l1();
    let portal = world.addresses.optimism_portal;
    let forwarder = deploy_forwarder(&mut world, portal);
    let receipt = world.send(user(), forwarder, 1, transfer(50_000, vec![]).abi_encode());
    assert!(receipt.success);
    let offset = address!("1111000000000000000000000000000000001111");
    let alias = U256::from_be_slice(forwarder.as_slice())
        .wrapping_add(U256::from_be_slice(offset.as_slice()));
    let alias = Address::from_slice(&alias.to_be_bytes::<32>()[12..]);
    assert_eq!(parse(&receipt.logs[0]).from, alias);
}

#[test]
fn bad_deposits_revert_by_name() {
    let world = World::l1();
    let portal = world.addresses.optimism_portal;
    let large = vec![1; 120_001];
    let enough = 21_000 + 40 * 120_001;
    let cases = [
        (
            depositTransactionCall {
                isCreation: true,
                ..transfer(50_000, vec![])
            },
            OptimismPortal_BadTarget::SELECTOR,
        ),
        (
            transfer(20_999, vec![]),
            OptimismPortal_GasLimitTooLow::SELECTOR,
        ),
        (
            transfer(21_039, vec![0]),
            OptimismPortal_GasLimitTooLow::SELECTOR,
        ),
        (
            transfer(enough, large),
            OptimismPortal_CalldataTooLarge::SELECTOR,
        ),
        (transfer(20_000_001, vec![]), OutOfGas::SELECTOR),
    ];
    for (call, selector) in cases {
        let outcome = world.call(user(), portal, call.abi_encode());
        assert!(!outcome.success);
        assert_eq!(
            outcome.output,
            Bytes::from(selector),
            "gas {}",
            call.gasLimit
        );
    }
    let most = transfer(enough - 40, vec![1; 120_000]);
    assert!(world.call(user(), portal, most.abi_encode()).success);
}

/// The market as the specification computes it.
/// spec: guaranteed-gas-market.md#limiting-guaranteed-gas
fn next_base_fee(base_fee: u128, bought: u64, blocks: u64) -> u128 {
    let (base, target) = (base_fee as i128, 2_000_000);
    let next = base + base * (i128::from(bought) - target) / target / 8;
    let mut fee = next.max(1_000_000_000) as f64;
    for _ in 1..blocks {
        fee *= 0.875;
    }
    (fee as u128).max(1_000_000_000)
}

#[test]
fn guaranteed_gas_is_priced_and_capped() {
    let mut world = World::l1();
    let portal = world.addresses.optimism_portal;
    let buy = |world: &World, gas: u64, nonce: u64| {
        let input = transfer(gas, vec![]).abi_encode();
        let mut tx = world.tx(user(), portal.into(), U256::ZERO, input.into());
        if let Transaction::Eip1559(signed_tx) = &tx.tx {
            let mut inner = signed_tx.tx().clone();
            inner.nonce += nonce;
            tx = signed(inner, user());
        }
        tx
    };
    // Two deposits of one block add up; the third is one gas too much.
    let txs = vec![
        buy(&world, 8_000_000, 0),
        buy(&world, 12_000_000, 1),
        buy(&world, 21_000, 2),
    ];
    let receipts = world.block(txs).executed.receipts;
    assert_eq!(
        receipts.iter().map(|r| r.success).collect::<Vec<_>>(),
        [true, true, false]
    );
    let params = world.get(portal, &paramsCall {});
    assert_eq!(
        (params.prevBoughtGas, params.prevBaseFee),
        (20_000_000, 1_000_000_000)
    );
    assert_eq!(OutOfGas::SELECTOR, [0x77, 0xeb, 0xef, 0x4d]);

    // Demand above the target raises the price, at once and by nine eighths at most of it.
    let mut expected = (1_000_000_000, 20_000_000);
    for (gas, idle_blocks) in [(2_000_000, 0), (6_000_000, 0), (1_000_000, 3), (21_000, 40)] {
        for _ in 0..idle_blocks {
            world.block(vec![]);
        }
        expected = (next_base_fee(expected.0, expected.1, idle_blocks + 1), gas);
        let receipt = world
            .block(vec![buy(&world, gas, 0)])
            .executed
            .receipts
            .remove(0);
        assert!(receipt.success);
        let params = world.get(portal, &paramsCall {});
        assert_eq!(params.prevBoughtGas, gas);
        let off = params.prevBaseFee.abs_diff(expected.0);
        assert!(
            off <= 10,
            "{} instead of {}",
            params.prevBaseFee,
            expected.0
        );
        expected.0 = params.prevBaseFee;
    }
    assert_eq!(expected.0, 1_000_000_000);
}

#[test]
fn guaranteed_gas_burns_l1_gas() {
    let mut world = World::l1();
    let portal = world.addresses.optimism_portal;
    let cheap = world.send(user(), portal, 0, transfer(21_000, vec![]).abi_encode());
    let dear = world.send(user(), portal, 0, transfer(1_000_000, vec![]).abi_encode());
    // At equal prices a unit of L2 gas costs a unit of L1 gas.
    assert!(
        cheap.cumulative_gas_used < 120_000,
        "{}",
        cheap.cumulative_gas_used
    );
    assert!(
        (1_000_000..1_100_000).contains(&dear.cumulative_gas_used),
        "{}",
        dear.cumulative_gas_used
    );
}
