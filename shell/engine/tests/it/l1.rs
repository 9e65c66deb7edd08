//! A development L1: blocks of Ethereum's rules, blobs, and reorgs made on purpose.

use crate::world::{self, transfer_on, user};
use alloy_consensus::{EthereumTxEnvelope, SignableTransaction, TxEip4844, TxEip4844WithSidecar};
use alloy_eips::{
    eip2718::Encodable2718,
    eip4844::{Blob, BlobTransactionSidecar, Bytes48, kzg_to_versioned_hash},
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use opal_engine::{
    BuildError, BuiltL1Block, ChainConfig, Engine, EngineConfig, L1BlockAttributes, SetHeadsError,
};
use std::time::Duration;

pub(crate) const L1_CHAIN_ID: u64 = 900;

async fn start(flush_interval: Duration) -> Engine {
    let chain = ChainConfig::ethereum_dev(L1_CHAIN_ID);
    let genesis = world::genesis(&chain);
    let config = EngineConfig {
        flush_interval,
        ..EngineConfig::new(chain, genesis)
    };
    Engine::start(config).await.unwrap()
}

async fn build(engine: &Engine, parent: Option<B256>, time: u64) -> BuiltL1Block {
    let attrs = L1BlockAttributes {
        parent,
        timestamp: world::GENESIS_TIME + time,
        prev_randao: B256::repeat_byte(1),
        fee_recipient: Address::repeat_byte(2),
        parent_beacon_block_root: B256::repeat_byte(3),
    };
    engine.build_block(attrs).await.unwrap()
}

/// A blob transaction in its network form, with proofs of either version.
pub(crate) fn blob_transaction(
    from: &PrivateKeySigner,
    nonce: u64,
    cells: bool,
    fee: u128,
) -> Bytes {
    let kzg = c_kzg::ethereum_kzg_settings(0);
    let mut blob = Blob::default();
    blob.0[1..6].copy_from_slice(b"hello");
    blob.0[33] = nonce as u8;
    let ckzg_blob = c_kzg::Blob::new(blob.0);
    let commitment = kzg.blob_to_kzg_commitment(&ckzg_blob).unwrap().to_bytes();
    let commitments = vec![Bytes48::from(commitment.into_inner())];
    let sidecar = if cells {
        let (_, proofs) = kzg.compute_cells_and_kzg_proofs(&ckzg_blob).unwrap();
        let cell_proofs = proofs
            .iter()
            .map(|p| Bytes48::from(p.to_bytes().into_inner()))
            .collect();
        BlobTransactionSidecarVariant::Eip7594(BlobTransactionSidecarEip7594 {
            blobs: vec![blob],
            commitments: commitments.clone(),
            cell_proofs,
        })
    } else {
        let proof = kzg.compute_blob_kzg_proof(&ckzg_blob, &commitment).unwrap();
        BlobTransactionSidecarVariant::Eip4844(BlobTransactionSidecar {
            blobs: vec![blob],
            commitments: commitments.clone(),
            proofs: vec![Bytes48::from(proof.to_bytes().into_inner())],
        })
    };
    let tx = TxEip4844 {
        chain_id: L1_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 20 * fee,
        max_priority_fee_per_gas: fee,
        max_fee_per_blob_gas: fee,
        blob_versioned_hashes: vec![kzg_to_versioned_hash(commitments[0].as_slice())],
        ..TxEip4844::default()
    };
    let tx = TxEip4844WithSidecar { tx, sidecar };
    let signature = from.sign_hash_sync(&tx.signature_hash()).unwrap();
    EthereumTxEnvelope::Eip4844(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_carry_blobs_of_both_versions_and_reorgs_return_them() {
    let engine = start(Duration::ZERO).await;
    let genesis = engine.genesis_hash();
    let fee = 1_000_000_000;
    engine
        .send_raw_transaction(blob_transaction(&user(0), 0, false, fee))
        .await
        .unwrap();
    engine
        .send_raw_transaction(blob_transaction(&user(1), 0, true, fee))
        .await
        .unwrap();
    let first = build(&engine, None, 12).await;
    assert_eq!(first.sidecars.len(), 2);
    assert_eq!(first.header.blob_gas_used, Some(2 * 131_072));
    assert_eq!(engine.head().borrow().number, 0, "built, but not head");
    engine
        .set_heads(first.hash, B256::ZERO, B256::ZERO)
        .await
        .unwrap();
    assert_eq!(engine.head().borrow().number, 1);
    let empty = build(&engine, None, 24).await;
    assert!(empty.sidecars.is_empty());

    // Another block at height 1: the transactions come back, with their blobs.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let other = build(&engine, Some(genesis), 13).await;
    engine
        .set_heads(other.hash, genesis, genesis)
        .await
        .unwrap();
    let next = build(&engine, None, 25).await;
    assert_eq!(next.sidecars.len(), 2);
    engine
        .set_heads(next.hash, other.hash, genesis)
        .await
        .unwrap();
    assert_eq!(engine.head().borrow().number, 2);
    let unknown = engine
        .set_heads(B256::repeat_byte(9), genesis, genesis)
        .await;
    assert_eq!(unknown, Err(SetHeadsError::Unknown(B256::repeat_byte(9))));
    let off_chain = engine.set_heads(next.hash, first.hash, genesis).await;
    assert!(
        matches!(off_chain, Err(SetHeadsError::Inconsistent(_))),
        "{off_chain:?}"
    );
    let nowhere = L1BlockAttributes {
        parent: Some(B256::ZERO),
        ..L1BlockAttributes::default()
    };
    let refused = engine.build_block(nowhere).await;
    assert_eq!(refused.unwrap_err(), BuildError::UnknownParent(B256::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_verified_and_replaced_dearly() {
    let engine = start(Duration::ZERO).await;
    let good = blob_transaction(&user(0), 0, true, 1_000_000_000);
    let mut broken = good.to_vec();
    let last = broken.len() - 10;
    broken[last] ^= 1;
    let error = engine
        .send_raw_transaction(broken.into())
        .await
        .unwrap_err();
    assert!(error.contains("invalid blobs"), "{error}");
    engine.send_raw_transaction(good).await.unwrap();
    let cheap = blob_transaction(&user(0), 0, true, 1_500_000_000);
    let error = engine.send_raw_transaction(cheap).await.unwrap_err();
    assert!(
        error.contains("replacement transaction underpriced"),
        "{error}"
    );
    let dear = blob_transaction(&user(0), 0, true, 2_000_000_000);
    engine.send_raw_transaction(dear).await.unwrap();
    let block = build(&engine, None, 12).await;
    assert_eq!(block.sidecars.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_reorg_goes_below_what_is_on_disk() {
    let engine = start(Duration::ZERO).await;
    let to = Address::repeat_byte(7);
    let mut hashes = vec![engine.genesis_hash()];
    for i in 0..20 {
        let tx = transfer_on(L1_CHAIN_ID, &user(0), i, to, 1_000_000);
        engine.send_raw_transaction(tx).await.unwrap();
        let block = build(&engine, None, 12 * (i + 1)).await;
        engine
            .set_heads(block.hash, B256::ZERO, B256::ZERO)
            .await
            .unwrap();
        hashes.push(block.hash);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A longer branch from height 5 on, built completely before anything moves.
    let mut parent = hashes[5];
    for i in 0..18u64 {
        parent = build(&engine, Some(parent), 12 * (6 + i) + 1).await.hash;
    }
    assert_eq!(engine.head().borrow().hash, hashes[20]);
    engine
        .set_heads(parent, hashes[3], hashes[1])
        .await
        .unwrap();
    assert_eq!(engine.head().borrow().number, 23);
    let next = build(&engine, None, 12 * 30).await;
    assert_eq!(next.header.gas_used, 15 * 21_000, "15 transfers came back");
    engine
        .set_heads(hashes[20], hashes[3], hashes[1])
        .await
        .unwrap();
    assert_eq!(engine.head().borrow().number, 20);
    engine.shutdown().await;
}
