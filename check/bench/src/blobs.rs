//! Workload 3: from the blob that a beacon node hands over to the batcher's data in it.
//!
//! Ours recomputes the commitment and compares its versioned hash, then decodes. The peer's
//! provider recomputes the commitment and a proof, then compares; its blob source decodes. Both use
//! the same build of c-kzg, on one thread.

use crate::{
    fixture::Channel,
    meter::race,
    peer::now,
    report::{Goal, Row},
};
use alloy_eips::eip4844::{Blob, kzg_to_versioned_hash};
use alloy_primitives::{Address, B256, Bytes, address};
use async_trait::async_trait;
use c_kzg::ethereum_kzg_settings;
use kona_derive::{
    BlobProvider, BlobProviderError, BlobSource, ChainProvider, DataAvailabilityProvider,
};
use kona_protocol::BlockInfo;
use opal_protocol::blob;
use peer_consensus::{
    Header, Receipt, SignableTransaction, TxEip4844, TxEip4844Variant, TxEnvelope,
};
use peer_eips::eip4844::{Blob as PeerBlob, IndexedBlobHash};
use std::{any::Any, sync::Arc};

const BLOBS: usize = 4;
const ROUNDS: usize = 7;
const DECODE_ROUNDS: usize = 101;
const INBOX: Address = address!("ff00000000000000000000000000000000000010");

/// Runs the workload.
pub fn run(channel: &Channel) -> Vec<Row> {
    let chunks = channel.zlib.chunks(blob::MAX_BLOB_DATA_BYTES).take(BLOBS);
    let blobs: Vec<_> = chunks
        .map(|data| blob::encode(data).expect("fits"))
        .collect();
    let hashes: Vec<_> = blobs.iter().map(|b| commitment(&b[..])).collect();
    let source = Source::new(&blobs, &hashes);
    let ours = |verify| ours(&blobs, &hashes, verify);
    assert_eq!(ours(true), source.read(true), "the same data");
    let mut rows = Vec::new();
    for (name, verify, rounds, goal) in [
        ("blobs, decode and verify", true, ROUNDS, Goal::AtLeast(2.0)),
        ("blobs, decode alone", false, DECODE_ROUNDS, Goal::None),
    ] {
        let [our_time, peer_time] = race(
            rounds,
            [&mut || Box::new(ours(verify)) as Box<dyn Any>, &mut || {
                Box::new(source.read(verify)) as Box<dyn Any>
            }],
        );
        let how = if verify {
            "4 full blobs, one thread; ours recomputes the commitment, the peer's provider commitment \
             and proof, by the same c-kzg"
        } else {
            "4 full blobs, no KZG on either side; the peer copies them into its source first"
        };
        let mut row = Row::faster(name, [&our_time, &peer_time], 2.0, how);
        row.goal = goal;
        rows.push(row);
    }
    rows
}

fn ours(blobs: &[Box<Blob>], hashes: &[B256], verify: bool) -> Vec<Bytes> {
    let read = |(blob, hash): (&Blob, &B256)| {
        assert!(!verify || commitment(&blob[..]) == *hash);
        blob::decode(blob).expect("our encoding")
    };
    blobs
        .iter()
        .map(AsRef::as_ref)
        .zip(hashes)
        .map(read)
        .collect()
}

/// The versioned hash of a blob's commitment.
fn commitment(blob: &[u8]) -> B256 {
    let blob = c_kzg::Blob::from_bytes(blob).expect("131,072 bytes");
    let commitment = ethereum_kzg_settings(0)
        .blob_to_kzg_commitment(&blob)
        .expect("field elements");
    kzg_to_versioned_hash(commitment.to_bytes().as_slice())
}

/// One L1 block with one blob transaction, as the peer's blob source reads it.
#[derive(Clone, Debug)]
struct Source {
    transaction: TxEnvelope,
    blobs: Arc<Vec<Box<PeerBlob>>>,
    verify: bool,
}

impl Source {
    fn new(blobs: &[Box<Blob>], hashes: &[B256]) -> Self {
        let tx = TxEip4844 {
            to: INBOX,
            blob_versioned_hashes: hashes.to_vec(),
            ..Default::default()
        };
        let signature = alloy_primitives::Signature::test_signature();
        let tx: TxEip4844Variant = tx.into();
        let signed = tx.into_signed(signature);
        let copy = |blob: &[u8]| {
            let mut copy = Box::new(PeerBlob::ZERO);
            copy.copy_from_slice(blob);
            copy
        };
        Self {
            transaction: signed.into(),
            blobs: Arc::new(blobs.iter().map(|blob| copy(&blob[..])).collect()),
            verify: false,
        }
    }

    fn read(&self, verify: bool) -> Vec<Bytes> {
        let provider = Self {
            verify,
            ..self.clone()
        };
        let batcher =
            peer_consensus::transaction::SignerRecoverable::recover_signer(&self.transaction)
                .unwrap_or_default();
        let mut source = BlobSource::new(provider.clone(), provider, INBOX);
        let block = BlockInfo::default();
        std::iter::from_fn(|| now(source.next(&block, batcher)).ok()).collect()
    }
}

#[async_trait]
impl BlobProvider for Source {
    type Error = BlobProviderError;

    async fn get_blobs(
        &mut self,
        _block: &BlockInfo,
        hashes: &[IndexedBlobHash],
    ) -> Result<Vec<Box<PeerBlob>>, BlobProviderError> {
        let blobs = self.blobs.iter().zip(hashes).map(|(blob, wanted)| {
            if self.verify {
                let settings = ethereum_kzg_settings(0);
                let kzg = c_kzg::Blob::from_bytes(&blob[..]).expect("131,072 bytes");
                let commitment = settings
                    .blob_to_kzg_commitment(&kzg)
                    .expect("field elements")
                    .to_bytes();
                let proof = settings
                    .compute_blob_kzg_proof(&kzg, &commitment)
                    .expect("field elements");
                std::hint::black_box(proof);
                assert_eq!(kzg_to_versioned_hash(commitment.as_slice()), wanted.hash);
            }
            blob.clone()
        });
        Ok(blobs.collect())
    }
}

#[async_trait]
impl ChainProvider for Source {
    type Error = crate::peer::Absent;

    async fn header_by_hash(&mut self, _hash: B256) -> Result<Header, Self::Error> {
        Err(crate::peer::Absent)
    }

    async fn block_info_by_number(&mut self, _number: u64) -> Result<BlockInfo, Self::Error> {
        Err(crate::peer::Absent)
    }

    async fn receipts_by_hash(&mut self, _hash: B256) -> Result<Vec<Receipt>, Self::Error> {
        Err(crate::peer::Absent)
    }

    async fn block_info_and_transactions_by_hash(
        &mut self,
        _hash: B256,
    ) -> Result<(BlockInfo, Vec<TxEnvelope>), Self::Error> {
        Ok((BlockInfo::default(), vec![self.transaction.clone()]))
    }
}
