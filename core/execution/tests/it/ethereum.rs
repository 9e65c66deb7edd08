//! The rules of Ethereum: blobs, withdrawals, requests, limits.

use crate::support::*;
use alloy_consensus::{SignableTransaction, TxEip4844};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{B256, Bytes, TxKind, U256, keccak256};
use opal_execution::{
    BlobParams, ChainConfig, EthFork, InvalidBlock, PushLimits, Rejected, Severity, Transaction,
    VerifiedTx,
    header::{next_excess_blob_gas, validate_header},
};

const BLOB_GAS: u64 = 131_072;

fn blob_tx(nonce: u64, blobs: usize, max_fee_per_blob_gas: u128) -> VerifiedTx {
    let hash = |n: usize| B256::with_last_byte(n as u8);
    let versioned = |hash: B256| {
        let mut hash = keccak256(hash);
        hash.0[0] = 1;
        hash
    };
    let tx = TxEip4844 {
        chain_id: 10,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000,
        max_priority_fee_per_gas: 10,
        to: BOB,
        max_fee_per_blob_gas,
        blob_versioned_hashes: (0..blobs).map(|n| versioned(hash(n))).collect(),
        ..TxEip4844::default()
    };
    VerifiedTx::new_unchecked(Transaction::Eip4844(tx.into_signed(signature())), ALICE)
}

#[test]
fn blobs_are_paid_for_and_bounded() {
    let mut world = World::new(eth_chain());
    let mut builder = world.builder();
    let limits = PushLimits::default();
    // BPO2: at most 21 per block; Osaka: at most 6 per transaction.
    let refused = builder.try_push(&blob_tx(0, 7, 100), &limits);
    assert!(matches!(refused, Err(Rejected::Invalid(_))), "{refused:?}");
    for nonce in 0..3 {
        builder.try_push(&blob_tx(nonce, 6, 100), &limits).unwrap();
    }
    assert_eq!(
        builder.try_push(&blob_tx(3, 6, 100), &limits),
        Err(Rejected::NoRoom("blobs"))
    );
    builder.try_push(&blob_tx(3, 3, 100), &limits).unwrap();
    let block = world.close(builder);
    assert_eq!(block.header.blob_gas_used, Some(21 * BLOB_GAS));
    assert_eq!(block.header.excess_blob_gas, Some(0));
    let receipt = &block.executed.receipts[0];
    assert_eq!(receipt.tx_type, 3);
    world.import(&block);

    // The excess: base cost 2^13 * base fee outweighs the blob fee here, so EIP-7918 scales it.
    let base_fee = u128::from(block.header.base_fee_per_gas.unwrap());
    assert!(8_192 * base_fee > u128::from(BLOB_GAS));
    let excess = next_excess_blob_gas(&world.chain, &world.head, world.head.timestamp + 12);
    assert_eq!(excess, Some(21 * BLOB_GAS * (21 - 14) / 21));
    let next = world.seal(vec![], &[]).block.header;
    assert_eq!(next.excess_blob_gas, excess);
}

#[test]
fn a_block_with_too_many_blobs_is_refused() {
    let world = World::new(eth_chain());
    let mut header = world.close(world.builder()).header;
    for blob_gas in [22 * BLOB_GAS, BLOB_GAS + 1] {
        header.blob_gas_used = Some(blob_gas);
        let error = validate_header(&world.chain, &world.head, &header).unwrap_err();
        assert!(error.to_string().contains("blobGasUsed"), "{error}");
    }
}

#[test]
fn blob_schedule_moves_with_time() {
    let text = r#"{"config":{"chainId":1,"shanghaiTime":0,"cancunTime":0,"pragueTime":100,
        "osakaTime":200,"bpo1Time":300,"bpo2Time":400,"terminalTotalDifficulty":0,
        "blobSchedule":{"prague":{"target":5,"max":8,"baseFeeUpdateFraction":5007716}}},
        "alloc":{},"difficulty":"0x0","gasLimit":"0x1c9c380","nonce":"0x0","timestamp":"0x0",
        "extraData":"0x","mixHash":"0x0000000000000000000000000000000000000000000000000000000000000000",
        "coinbase":"0x0000000000000000000000000000000000000000"}"#;
    let genesis: alloy_genesis::Genesis = serde_json::from_str(text).unwrap();
    let chain = ChainConfig::from_genesis(&genesis).unwrap();
    let at = |time| {
        let params: BlobParams = chain.blob_params(time).unwrap();
        (
            params.target_blob_count,
            params.max_blob_count,
            params.update_fraction,
        )
    };
    assert_eq!(at(0), (3, 6, 3_338_477));
    assert_eq!(at(100), (5, 8, 5_007_716), "the file has the last word");
    assert_eq!(at(200), (6, 9, 5_007_716));
    assert_eq!(at(300), (10, 15, 8_346_193));
    assert_eq!(at(400), (14, 21, 11_684_671));
    assert_eq!(chain.eth_fork(199), EthFork::Prague);
    assert_eq!(chain.tx_gas_limit_cap(199), None);
    assert_eq!(chain.tx_gas_limit_cap(200), Some(1 << 24));
    assert_eq!(
        ChainConfig::ethereum_dev(5).blob_params(0),
        Some(BlobParams::bpo2())
    );
}

#[test]
fn withdrawals_credit_gwei() {
    let mut world = World::new(eth_chain());
    let mut attributes = world.attributes();
    let withdrawal = |index, address, amount| Withdrawal {
        index,
        validator_index: 1,
        address,
        amount,
    };
    attributes.withdrawals = Some(vec![
        withdrawal(0, BOB, 3),
        withdrawal(1, BOB, 4),
        withdrawal(2, CONTRACT, 0),
    ]);
    let block = world.seal_with(attributes, vec![], &[]).block;
    assert_eq!(
        world.state.balance(BOB),
        ETHER + U256::from(7_000_000_000_u64)
    );
    assert!(
        !world.state.accounts.contains_key(&CONTRACT),
        "nothing is no credit"
    );
    let list = block.withdrawals.as_deref().unwrap();
    let root = opal_execution::execute::withdrawals_root(list);
    assert_eq!(block.header.withdrawals_root, Some(root));
}

#[test]
fn requests_are_collected_and_hashed() {
    let mut world = World::new(eth_chain());
    let contract = alloy_eips::eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS;
    // mstore8(0, 0xab); return(0, 1)
    let code = [0x60, 0xab, 0x60, 0, 0x53, 0x60, 1, 0x60, 0, 0xf3];
    world.state.deploy(contract, code.to_vec());
    let block = world.seal(vec![], &[]).block;
    assert_eq!(block.executed.requests, [Bytes::from_static(&[1, 0xab])]);
    let hash = block.header.requests_hash.unwrap();
    assert_ne!(hash, opal_execution::header::EMPTY_REQUESTS_HASH);
    let mut other = block;
    other.header.requests_hash = Some(opal_execution::header::EMPTY_REQUESTS_HASH);
    let mut before = World::new(eth_chain());
    before.state.deploy(contract, code.to_vec());
    let error = before.execute(&other).unwrap_err();
    assert!(error.to_string().contains("requestsHash"), "{error}");
}

/// spec: EIP-7002 and EIP-7251, "empty code failure" and "system call failure"
#[test]
fn a_block_needs_the_request_contracts() {
    let good = World::new(eth_chain());
    let block = good.close(good.builder());
    assert!(good.execute(&block).is_ok());
    for contract in REQUEST_CONTRACTS {
        let without = |change: &dyn Fn(&mut Memory)| {
            let mut world = World::new(eth_chain());
            change(&mut world.state);
            world
        };
        let absent = without(&|state| {
            state.accounts.remove(&contract);
        });
        let empty = without(&|state| {
            state.accounts.remove(&contract);
            state.fund(contract, ETHER);
        });
        // INVALID; REVERT; a loop without end.
        let failing = [vec![0xfe], vec![0x5f, 0x5f, 0xfd], vec![0x5b, 0x5f, 0x56]]
            .map(|code| without(&|state| state.deploy(contract, code.clone())));
        for (world, words) in [(absent, "has no code"), (empty, "has no code")]
            .into_iter()
            .chain(failing.map(|world| (world, "failed")))
        {
            let closed = world.builder().finish(|_| -> Result<_, InvalidBlock> {
                unreachable!("closing fails before the roots are asked for")
            });
            let refused = world.execute(&block).map(|_| ());
            for error in [closed.map(|_| ()).unwrap_err(), refused.unwrap_err()] {
                assert_eq!(error.severity(), Severity::Invalid);
                let error = error.to_string();
                assert!(error.contains(words) && error.contains(&contract.to_string()));
            }
        }
    }
}

#[test]
fn gas_limit_moves_in_small_steps() {
    let world = World::new(eth_chain());
    for (limit, ok) in [
        (GAS_LIMIT, true),
        (GAS_LIMIT + GAS_LIMIT / 1024 - 1, true),
        (GAS_LIMIT + GAS_LIMIT / 1024, false),
        (GAS_LIMIT - GAS_LIMIT / 1024, false),
    ] {
        let mut attributes = world.attributes();
        attributes.gas_limit = limit;
        let header = world.close(world.builder_with(attributes).unwrap()).header;
        assert_eq!(
            validate_header(&world.chain, &world.head, &header).is_ok(),
            ok,
            "{limit}"
        );
    }
}

#[test]
fn blocks_above_eight_mebibytes_are_refused() {
    // EIP-7934. Calldata is bounded by gas, so the limit is lifted for this block.
    let world = World::new(eth_chain());
    let mut world = world;
    world.head.gas_limit = 600_000_000;
    let data = vec![0_u8; 350_000];
    let txs: Vec<_> = (0..24)
        .map(|nonce| user_tx(nonce, TxKind::Call(BOB), 1 << 24, data.clone()))
        .collect();
    // The builder stops in time, unless it is forced.
    let mut builder = world.builder();
    let limits = PushLimits::default();
    let pushed = txs
        .iter()
        .map_while(|tx| builder.try_push(tx, &limits).ok())
        .count();
    assert_eq!(pushed, 23);
    let refused = builder.try_push(&txs[23], &limits);
    assert_eq!(refused, Err(Rejected::NoRoom("bytes")));
    let block = world.close(builder);
    assert!(world.execute(&block).is_ok());

    let mut builder = world.builder();
    for tx in txs {
        builder.push_forced(tx).unwrap();
    }
    let block = world.close(builder);
    let error = world.execute(&block).unwrap_err();
    assert!(error.to_string().contains("8388608"), "{error}");
}
