//! Every correction of the published crates: the raw crate and ours side by side, on the same
//! input, with the rule of live networks as the judge.

use crate::support::*;
use alloy_consensus::{Eip658Value, Header, SignableTransaction, transaction::Recovered};
use alloy_eips::{Decodable2718, Encodable2718};
use alloy_evm::{
    Evm, EvmEnv, EvmFactory, FromRecoveredTx,
    block::{BlockExecutor, BlockExecutorFactory},
};
use alloy_hardforks::ForkCondition;
use alloy_op_evm::{
    OpBlockExecutionCtx, OpBlockExecutorFactory, OpEvmFactory, OpTx, block::OpAlloyReceiptBuilder,
};
use alloy_op_hardforks::{OpChainHardforks, OpHardfork};
use alloy_primitives::{Address, Bloom, Bytes, TxKind, U256};
use op_alloy_consensus::{OpDepositReceipt, OpReceiptEnvelope, OpTxEnvelope};
use op_revm::OpSpecId;
use opal_execution::{
    InvalidBlock, Receipt, Rejected, Transaction, TransactionError, VerifiedTx,
    header::next_base_fee,
};
use opal_protocol::{Fork, ForkTimes};
use revm::{
    context::{BlockEnv, CfgEnv},
    database::{CacheDB, EmptyDB, State},
    state::{AccountInfo, Bytecode},
};

/// A database of the raw crate with the same accounts.
fn raw_database(world: &World) -> State<CacheDB<EmptyDB>> {
    let mut cache = CacheDB::<EmptyDB>::default();
    for (address, (account, slots)) in &world.state.accounts {
        let code = world
            .state
            .code
            .get(&account.code_hash)
            .cloned()
            .map(Bytecode::new_raw);
        let info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code,
            account_id: None,
        };
        cache.insert_account_info(*address, info);
        for (slot, value) in slots {
            cache
                .insert_account_storage(*address, *slot, *value)
                .unwrap();
        }
    }
    State::builder()
        .with_database(cache)
        .with_bundle_update()
        .build()
}

/// Runs one transaction on the raw EVM with the given rules; answers success and slot 0 of the
/// contract afterwards.
fn raw_transact(world: &World, spec: OpSpecId, tx: &VerifiedTx) -> (bool, U256) {
    let block = BlockEnv {
        number: U256::from(8),
        timestamp: U256::from(GENESIS_TIME + 2),
        gas_limit: GAS_LIMIT,
        basefee: 1_000,
        prevrandao: Some(Default::default()),
        ..BlockEnv::default()
    };
    let cfg = CfgEnv::new_with_spec(spec).with_chain_id(10);
    let env = EvmEnv::new(cfg, block);
    let mut evm = OpEvmFactory::<OpTx>::default().create_evm(raw_database(world), env);
    let envelope = raw_envelope(tx);
    let result = evm
        .transact_commit(Recovered::new_unchecked(&envelope, tx.sender))
        .unwrap();
    let slot = revm::Database::storage(evm.db_mut(), CONTRACT, U256::ZERO).unwrap();
    (result.is_success(), slot)
}

fn raw_envelope(tx: &VerifiedTx) -> OpTxEnvelope {
    OpTxEnvelope::decode_2718(&mut &tx.encoded[..]).unwrap()
}

/// Runs one forced transaction on our side.
fn our_transact(world: &World, tx: &VerifiedTx) -> (bool, U256) {
    let mut world = world.clone();
    let sealed = world.seal(vec![l1_info(), tx.clone()], &[]);
    let receipt = sealed.block.executed.receipts.last().unwrap();
    (receipt.success, world.state.slot(CONTRACT, U256::ZERO))
}

/// Calls the pairing precompile with as many zero bytes and keeps the success flag in slot 0.
fn pairing_caller(input_bytes: u32) -> Bytes {
    let [_, a, b, c] = input_bytes.to_be_bytes();
    // staticcall(gas, 8, 0, n, 0, 32); sstore(0, 1 + success)
    let code = [
        0x60, 0x20, 0x60, 0x00, 0x62, a, b, c, 0x60, 0x00, 0x60, 0x08, 0x5a, 0xfa, 0x60, 0x01,
        0x01, 0x60, 0x00, 0x55, 0x00,
    ];
    Bytes::copy_from_slice(&code)
}

#[test]
fn karst_limits_the_bn256_pairing() {
    let run = |fork, spec, input_bytes| {
        let mut world = World::new(op_chain(fork));
        world.state.deploy(CONTRACT, pairing_caller(input_bytes));
        let tx = user_tx(0, TxKind::Call(CONTRACT), 16_000_000, Bytes::new());
        (
            raw_transact(&world, spec, &tx).1,
            our_transact(&world, &tx).1,
        )
    };
    let (failed, succeeded) = (U256::from(1), U256::from(2));
    // 300 pairs are legal, 301 are not; the crate accepts them.
    assert_eq!(
        run(Fork::Karst, OpSpecId::KARST, 57_600),
        (succeeded, succeeded)
    );
    assert_eq!(
        run(Fork::Karst, OpSpecId::KARST, 57_792),
        (succeeded, failed)
    );
    assert_eq!(
        run(Fork::Karst, OpSpecId::KARST, 81_984),
        (succeeded, failed)
    );
    // Jovian's own limit stays.
    assert_eq!(
        run(Fork::Jovian, OpSpecId::JOVIAN, 81_984),
        (succeeded, succeeded)
    );
    assert_eq!(
        run(Fork::Jovian, OpSpecId::JOVIAN, 82_176),
        (failed, failed)
    );
}

/// Expands the memory to as many words in one step (quadratic cost), then writes slot 0.
fn memory_hog(words: u32) -> Bytes {
    let [_, a, b, c] = (words * 32).to_be_bytes();
    let code = [
        0x60, 0x01, 0x62, a, b, c, 0x52, 0x60, 0x01, 0x60, 0x00, 0x55, 0x00,
    ];
    Bytes::copy_from_slice(&code)
}

#[test]
fn karst_gas_cap_spares_deposits() {
    let run = |fork, spec| {
        let mut world = World::new(op_chain(fork));
        // About 18.2 million gas, above 2^24.
        world.state.deploy(CONTRACT, memory_hog(95_700));
        let tx = deposit(ALICE, TxKind::Call(CONTRACT), 0, U256::ZERO, 30_000_000);
        let tx = deposit_tx(tx);
        (
            raw_transact(&world, spec, &tx).0,
            our_transact(&world, &tx).0,
        )
    };
    assert_eq!(run(Fork::Jovian, OpSpecId::JOVIAN), (true, true));
    assert_eq!(
        run(Fork::Karst, OpSpecId::KARST),
        (false, true),
        "the crate clamps the deposit"
    );

    // The cap holds for everybody else.
    let world = World::new(op_chain(Fork::Karst));
    let mut builder = world.builder();
    let limits = Default::default();
    let over = user_tx(0, TxKind::Call(BOB), (1 << 24) + 1, Bytes::new());
    assert!(matches!(
        builder.try_push(&over, &limits),
        Err(Rejected::Invalid(_))
    ));
    let at = user_tx(0, TxKind::Call(BOB), 1 << 24, Bytes::new());
    assert!(builder.try_push(&at, &limits).is_ok());
}

/// The raw block executor with a fork that activates in the next block.
fn raw_block(world: &World, forks: OpChainHardforks, txs: &[&OpTxEnvelope]) -> bool {
    let factory = OpBlockExecutorFactory::new(
        OpAlloyReceiptBuilder::default(),
        forks,
        OpEvmFactory::<OpTx>::default(),
    );
    let header = Header {
        number: 8,
        timestamp: GENESIS_TIME + 2,
        gas_limit: GAS_LIMIT,
        base_fee_per_gas: Some(1_000),
        parent_beacon_block_root: Some(Default::default()),
        ..Header::default()
    };
    let env = alloy_op_evm::evm_env_for_op_block(&header, factory.spec(), 10);
    let mut db = raw_database(world);
    let evm = OpEvmFactory::<OpTx>::default().create_evm(&mut db, env);
    let ctx = OpBlockExecutionCtx {
        parent_beacon_block_root: Some(Default::default()),
        ..Default::default()
    };
    let mut executor = factory.create_executor(evm, ctx);
    executor.apply_pre_execution_changes().unwrap();
    txs.iter().all(|tx| {
        executor
            .execute_transaction(Recovered::new_unchecked(*tx, ALICE))
            .is_ok()
    })
}

fn raw_forks(last: OpHardfork, next: OpHardfork) -> OpChainHardforks {
    let all = [
        OpHardfork::Bedrock,
        OpHardfork::Regolith,
        OpHardfork::Canyon,
        OpHardfork::Ecotone,
        OpHardfork::Fjord,
        OpHardfork::Granite,
        OpHardfork::Holocene,
        OpHardfork::Isthmus,
        OpHardfork::Jovian,
        OpHardfork::Karst,
    ];
    OpChainHardforks::new(all.into_iter().map(|fork| {
        let condition = if fork <= last {
            ForkCondition::Timestamp(0)
        } else if fork == next {
            ForkCondition::Timestamp(GENESIS_TIME + 1)
        } else {
            ForkCondition::Never
        };
        (fork, condition)
    }))
}

#[test]
fn activation_blocks_hold_deposits_only() {
    for (last, next, raw) in [
        (
            Fork::Isthmus,
            Fork::Jovian,
            raw_forks(OpHardfork::Isthmus, OpHardfork::Jovian),
        ),
        (
            Fork::Jovian,
            Fork::Karst,
            raw_forks(OpHardfork::Jovian, OpHardfork::Karst),
        ),
    ] {
        let world = World::new(op_chain_before(last, next));
        let tx = transfer(0);
        assert!(
            raw_block(&world, raw, &[&raw_envelope(&tx)]),
            "the crate accepts it"
        );

        let mut builder = world.builder();
        builder.push_forced(l1_info()).unwrap();
        let refused = builder.try_push(&tx, &Default::default());
        assert!(matches!(refused, Err(Rejected::NoRoom(_))), "{refused:?}");
        let error = builder.push_forced(tx.clone()).unwrap_err();
        assert!(error.to_string().contains("has deposits only"), "{error}");
        assert!(matches!(error, InvalidBlock::Transaction { index: 1, .. }));

        // The block after it is like any other.
        let mut world = world;
        world.seal(vec![l1_info()], &[]);
        let sealed = world.seal(vec![l1_info()], &[tx]);
        assert!(sealed.pool[0].is_ok());
    }
    // A fork that is active since genesis has no activation block, and older forks no such rule.
    let mut world = World::new(op_chain_before(Fork::Holocene, Fork::Isthmus));
    assert!(world.seal(vec![l1_info()], &[transfer(0)]).pool[0].is_ok());
}

#[test]
fn post_execution_transactions_do_not_exist() {
    let payload = op_alloy_consensus::PostExecPayload {
        version: 1,
        block_number: 8,
        gas_refund_entries: vec![],
    };
    let raw = op_alloy_consensus::TxPostExec::new(payload);
    let envelope = OpTxEnvelope::PostExec(alloy_consensus::Sealable::seal_slow(raw));
    let encoded: Bytes = envelope.encoded_2718().into();
    assert_eq!(encoded[0], 0x7d);
    assert!(
        OpTxEnvelope::decode_2718(&mut &encoded[..]).is_ok(),
        "the crate knows the type"
    );
    let call = OpTx::from_recovered_tx(&envelope, Address::ZERO);
    assert_eq!(call.0.base.tx_type, 0x7d);
    assert_eq!(
        call.0.base.kind,
        TxKind::Call(Address::ZERO),
        "the crate makes a call of it"
    );

    assert!(matches!(
        VerifiedTx::decode(encoded),
        Err(TransactionError::Malformed(_))
    ));
}

#[test]
fn fork_table_knows_karst() {
    const KARST: u64 = 1_783_526_401;
    let raw = alloy_op_evm::spec_by_timestamp_after_bedrock(OpChainHardforks::op_mainnet(), KARST);
    assert!(
        raw < OpSpecId::KARST,
        "the crate's table of OP Mainnet ends earlier: {raw:?}"
    );
    // And its newest name goes back behind Karst.
    assert!(OpSpecId::INTEROP > OpSpecId::KARST);
    assert!(OpSpecId::INTEROP.into_eth_spec() < OpSpecId::KARST.into_eth_spec());

    // CLZ is Osaka's: clz(1) = 255 into slot 0.
    let code = Bytes::from_static(&[0x60, 0x01, 0x1e, 0x60, 0x00, 0x55, 0x00]);
    let tx = user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new());
    let run = |fork| {
        let mut world = World::new(op_chain(fork));
        world.state.deploy(CONTRACT, code.clone());
        (
            raw_transact(&world, raw, &tx).1,
            our_transact(&world, &tx).1,
        )
    };
    assert_eq!(run(Fork::Karst), (U256::ZERO, U256::from(255)));
    assert_eq!(run(Fork::Jovian), (U256::ZERO, U256::ZERO));
}

#[test]
fn receipt_root_leaves_out_the_nonce_before_canyon() {
    let receipt = |nonce, version| OpDepositReceipt {
        inner: alloy_consensus::Receipt {
            status: Eip658Value::Eip658(true),
            cumulative_gas_used: 50_000,
            logs: vec![],
        },
        deposit_nonce: nonce,
        deposit_receipt_version: version,
    };
    let encode =
        |receipt: OpDepositReceipt| OpReceiptEnvelope::Deposit(receipt.with_bloom()).encoded_2718();
    let ours = |version| Receipt {
        tx_type: 0x7e,
        success: true,
        cumulative_gas_used: 50_000,
        logs: vec![],
        deposit_nonce: Some(3),
        deposit_receipt_version: version,
    };
    // Regolith: recorded, not hashed. The crate hashes whatever is recorded.
    assert_ne!(encode(receipt(Some(3), None)), encode(receipt(None, None)));
    assert_eq!(ours(None).encode(), encode(receipt(None, None)));
    // From Canyon on both agree.
    assert_eq!(ours(Some(1)).encode(), encode(receipt(Some(3), Some(1))));
    for receipt in [ours(None), ours(Some(1))] {
        assert_eq!(receipt.bloom(), Bloom::ZERO);
        assert_eq!(
            Receipt::decode(&receipt.encode_for_storage()).unwrap(),
            receipt
        );
    }
    // End to end.
    for (fork, nonce, version) in [
        (Fork::Bedrock, None, None),
        (Fork::Regolith, Some(0), None),
        (Fork::Canyon, Some(0), Some(1)),
    ] {
        let mut world = World::new(op_chain(fork));
        let sealed = world.seal(vec![l1_info()], &[]);
        let receipt = &sealed.block.executed.receipts[0];
        assert_eq!(
            (receipt.deposit_nonce, receipt.deposit_receipt_version),
            (nonce, version)
        );
    }
}

#[test]
fn base_fee_and_header_are_ours() {
    // The general formula knows neither the minimum nor the DA footprint.
    let chain = op_chain(Fork::Jovian);
    let parent = Header {
        timestamp: GENESIS_TIME,
        gas_limit: 60_000_000,
        gas_used: 10_000_000,
        blob_gas_used: Some(40_000_000),
        base_fee_per_gas: Some(1_000_000),
        extra_data: Bytes::from_static(&[
            1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0x1e, 0x84, 0x80,
        ]),
        ..Header::default()
    };
    let raw = parent
        .next_block_base_fee(alloy_eips::eip1559::BaseFeeParams::new(250, 6))
        .unwrap();
    assert_eq!(raw, 1_000_000, "gas is on target");
    // 1,000,000 + 1,000,000 * 30/10 / 250 = 1,012,000; the minimum is 2,000,000.
    assert_eq!(next_base_fee(&chain, &parent, GENESIS_TIME + 2), 2_000_000);
    let mut free = parent;
    free.extra_data = Bytes::from_static(&[1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(next_base_fee(&chain, &free, GENESIS_TIME + 2), 1_012_000);
}

#[test]
fn create2_deployer_comes_with_canyon_at_any_block_time() {
    // Blocks four seconds apart, Canyon between them: the crate looks two seconds back and sees
    // Canyon already active.
    let mut forks = ForkTimes::at_genesis(Fork::Regolith);
    forks.canyon_time = Some(GENESIS_TIME + 1);
    let mut world = World::new(op_chain_with(forks));
    let mut attributes = world.attributes();
    attributes.timestamp = GENESIS_TIME + 4;
    attributes.withdrawals = Some(vec![]);
    world.seal_with(attributes, vec![l1_info()], &[]);
    let code_hash = |world: &World, address: Address| {
        world
            .state
            .accounts
            .get(&address)
            .map(|(account, _)| account.code_hash)
    };
    assert_eq!(
        code_hash(&world, CREATE2_DEPLOYER),
        Some(CREATE2_DEPLOYER_CODE_HASH)
    );

    // Not before, and not again.
    let mut world = World::new(op_chain_before(Fork::Regolith, Fork::Canyon));
    let before = World::new(op_chain(Fork::Regolith)).seal(vec![l1_info()], &[]);
    assert!(
        !before
            .block
            .executed
            .diff
            .accounts
            .contains_key(&CREATE2_DEPLOYER)
    );
    let first = world.seal(vec![l1_info()], &[]);
    assert!(
        first
            .block
            .executed
            .diff
            .accounts
            .contains_key(&CREATE2_DEPLOYER)
    );
    let second = world.seal(vec![l1_info()], &[]);
    assert!(
        !second
            .block
            .executed
            .diff
            .accounts
            .contains_key(&CREATE2_DEPLOYER)
    );
}

#[test]
fn blob_transactions_and_deposits_stay_on_their_layers() {
    let blob = alloy_consensus::TxEip4844 {
        chain_id: 10,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000,
        max_fee_per_blob_gas: 1_000,
        blob_versioned_hashes: vec![alloy_primitives::B256::with_last_byte(1)],
        ..Default::default()
    };
    let tx = Transaction::Eip4844(blob.into_signed(signature()));
    let tx = VerifiedTx::new_unchecked(tx, ALICE);
    let mut builder_world = World::new(op_chain(Fork::Karst));
    let error = builder_world.builder().push_forced(tx).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("blob transactions do not exist on L2"),
        "{error}"
    );
    builder_world = World::new(eth_chain());
    let error = builder_world.builder().push_forced(l1_info()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("deposits do not exist on Ethereum"),
        "{error}"
    );
}
