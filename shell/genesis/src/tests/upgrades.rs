//! The L2 genesis of each fork, and the upgrade transactions of those that come later.

use super::*;
use crate::dev_upgrades;
use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_sol_types::sol;
use opal_protocol::predeploys::{
    GAS_PRICE_ORACLE, GOVERNANCE_TOKEN, L1_BLOCK, OPERATOR_FEE_VAULT, PROXY_ADMIN, WETH9,
};

sol! {
    function RECIPIENT() returns (address);
    function MIN_WITHDRAWAL_AMOUNT() returns (uint256);
    function WITHDRAWAL_NETWORK() returns (uint8);
    function upgradeTo(address implementation);
    function admin() returns (address);
    function implementation() returns (address);
    function owner() returns (address);
}

fn implementation_in_slot(world: &World, proxy: Address) -> Address {
    let slots = world.chain.state.storage_of(proxy);
    let slot = alloy_primitives::keccak256("eip1967.proxy.implementation");
    let slot = U256::from_be_bytes(slot.0) - U256::from(1);
    slots
        .get(&B256::from(slot))
        .map_or(Address::ZERO, |word| Address::from_word(*word))
}

/// spec: contracts of a standard chain; the counts are those of any OP genesis.
#[test]
fn genesis_has_what_a_chain_needs() {
    let config = config(Fork::Jovian);
    let addresses = crate::deploy_plan(&config, 0).addresses;
    let genesis = l2_genesis(&config, &addresses, origin());
    let proxies = genesis
        .alloc
        .range(
            address!("4200000000000000000000000000000000000000")
                ..=address!("42000000000000000000000000000000000007ff"),
        )
        .count();
    // All of the range but the governance token's, which has no proxy and is not wanted here.
    assert_eq!(proxies, 2047);
    assert!(!genesis.alloc.contains_key(&GOVERNANCE_TOKEN));
    let one_wei = (0..=255)
        .map(Address::with_last_byte)
        .all(|a| genesis.alloc[&a].balance == U256::from(1));
    assert!(one_wei);
    for account in &config.prefunded {
        assert_eq!(
            genesis.alloc[account].balance,
            U256::from(10_000) * U256::from(10).pow(U256::from(18))
        );
    }
    let l1_block_code = address!("c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d30015");
    assert!(genesis.alloc[&l1_block_code].code.is_some());
    assert_eq!(genesis.alloc[&WETH9].storage, Some(Default::default()));
    assert_eq!(
        genesis.extra_data,
        Bytes::from(hex("01000000fa000000060000000000000000"))
    );
    assert_eq!(genesis.timestamp, GENESIS_TIME);

    let holocene = super::config(Fork::Holocene);
    let older = l2_genesis(&holocene, &addresses, origin());
    assert_eq!(older.extra_data, Bytes::from(hex("00000000fa00000006")));
    assert!(older.alloc.contains_key(&BEACON_ROOTS_ADDRESS));
    assert!(!older.alloc.contains_key(&HISTORY_STORAGE_ADDRESS));
    assert!(genesis.alloc.contains_key(&HISTORY_STORAGE_ADDRESS));
    assert_eq!(genesis, l2_genesis(&config, &addresses, origin()));
}

#[test]
fn nobody_but_the_admin_manages_a_proxy() {
    let mut world = World::l2(config(Fork::Jovian));
    let upgrade = upgradeToCall {
        implementation: Address::repeat_byte(7),
    }
    .abi_encode();
    assert!(!world.send(user(), L1_BLOCK, 0, upgrade.clone()).success);
    let before = implementation_in_slot(&world, L1_BLOCK);
    assert_eq!(before, address!("c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d30015"));
    // As a simulation from the zero address sees it.
    let outcome = world.call(Address::ZERO, L1_BLOCK, adminCall {}.abi_encode());
    assert_eq!(
        adminCall::abi_decode_returns(&outcome.output).unwrap(),
        PROXY_ADMIN
    );
    let outcome = world.call(Address::ZERO, L1_BLOCK, implementationCall {}.abi_encode());
    assert_eq!(
        implementationCall::abi_decode_returns(&outcome.output).unwrap(),
        before
    );
    // As upgrade transactions do it.
    assert!(world.deposit(Address::ZERO, L1_BLOCK, upgrade).success);
    assert_eq!(
        implementation_in_slot(&world, L1_BLOCK),
        Address::repeat_byte(7)
    );
    assert_eq!(world.get(PROXY_ADMIN, &ownerCall {}), world.config.owner);
    // A predeploy without code.
    let text = world.revert_text(
        user(),
        address!("42000000000000000000000000000000000000ff"),
        vec![],
    );
    assert!(text.contains("implementation not initialized"), "{text}");
}

#[test]
fn later_forks_upgrade_the_contracts() {
    let mut config = config(Fork::Holocene);
    config.forks.set(Fork::Isthmus, Some(GENESIS_TIME + 4));
    config.forks.set(Fork::Jovian, Some(GENESIS_TIME + 8));
    config.forks.set(Fork::Karst, Some(GENESIS_TIME + 12));
    let upgrades = dev_upgrades(&config, origin());
    let mut world = World::l2(config);
    assert_eq!(
        implementation_in_slot(&world, OPERATOR_FEE_VAULT),
        Address::ZERO
    );
    assert!(
        world
            .chain
            .state
            .code_of(HISTORY_STORAGE_ADDRESS)
            .is_empty()
    );

    let mut seen = vec![];
    for _ in 0..7 {
        let time = world.next_time();
        let deposits: Vec<_> = upgrades
            .activating_at(&world.rollup, time)
            .inspect(|bundle| seen.push((bundle.fork, time - GENESIS_TIME)))
            .flat_map(|bundle| bundle.deposits())
            .map(|encoded| VerifiedTx::decode(encoded).unwrap())
            .collect();
        let what: Vec<_> = deposits
            .iter()
            .map(|tx| tx.tx.as_deposit().unwrap().gas_limit)
            .collect();
        let block = world.block(deposits);
        let mut before = 0;
        for (receipt, limit) in block.executed.receipts.iter().zip(what) {
            let used = receipt.cumulative_gas_used - before;
            before = receipt.cumulative_gas_used;
            assert!(
                receipt.success,
                "used {used} of {limit} at {}",
                time - GENESIS_TIME
            );
        }
    }
    assert_eq!(
        seen,
        [(Fork::Isthmus, 4), (Fork::Jovian, 8), (Fork::Karst, 12)]
    );
    let karst = upgrades.get(Fork::Karst).expect("it is scheduled");
    assert!(karst.transactions.is_empty(), "nothing of ours changes");

    let flags = world.chain.state.storage_of(GAS_PRICE_ORACLE)[&B256::ZERO];
    assert_eq!(flags, B256::from(U256::from(0x0101_0101)));
    let deployed = |n: u8| {
        let mut from = [0; 20];
        (from[0], from[1], from[19]) = (0x42, 0x10, n);
        Address::from(from).create(0)
    };
    assert_eq!(implementation_in_slot(&world, L1_BLOCK), deployed(6));
    assert_eq!(
        implementation_in_slot(&world, GAS_PRICE_ORACLE),
        deployed(7)
    );
    assert_eq!(
        implementation_in_slot(&world, OPERATOR_FEE_VAULT),
        deployed(5)
    );
    assert!(
        !world
            .chain
            .state
            .code_of(HISTORY_STORAGE_ADDRESS)
            .is_empty()
    );
    // The vault of the upgrade is the vault of a genesis with Isthmus.
    let genesis = World::l2(super::config(Fork::Isthmus));
    let vault = |world: &World| {
        world
            .chain
            .state
            .code_of(implementation_in_slot(world, OPERATOR_FEE_VAULT))
    };
    assert_eq!(vault(&world), vault(&genesis));
}

#[test]
fn forks_at_genesis_have_no_upgrade_transactions() {
    let upgrades = dev_upgrades(&config(Fork::Karst), origin());
    assert_eq!(upgrades, opal_protocol::Upgrades::none());
    let world = World::l2(config(Fork::Karst));
    assert_eq!(
        world.get(OPERATOR_FEE_VAULT, &RECIPIENTCall {}),
        opal_protocol::predeploys::BASE_FEE_VAULT
    );
    assert_eq!(
        world.get(OPERATOR_FEE_VAULT, &MIN_WITHDRAWAL_AMOUNTCall {}),
        U256::ZERO
    );
    assert_eq!(world.get(OPERATOR_FEE_VAULT, &WITHDRAWAL_NETWORKCall {}), 1);
}
