//! Blobs that travel with a type-3 transaction: checked against the versioned hashes it names.

use super::PoolError;
use alloy_eips::{
    eip4844::{Blob, Bytes48, kzg_to_versioned_hash},
    eip7594::{BlobTransactionSidecarVariant, CELLS_PER_EXT_BLOB},
};
use alloy_primitives::B256;

/// Checks commitments, and proofs of either version, with the ceremony's trusted setup.
pub(super) fn verify(
    hashes: &[B256],
    sidecar: &BlobTransactionSidecarVariant,
) -> Result<(), PoolError> {
    let (blobs, commitments) = (sidecar.blobs(), sidecar.commitments());
    if blobs.len() != hashes.len() || commitments.len() != hashes.len() {
        return Err(PoolError::Blobs(format!(
            "{} blobs and {} commitments for {} versioned hashes",
            blobs.len(),
            commitments.len(),
            hashes.len()
        )));
    }
    for (index, (hash, commitment)) in hashes.iter().zip(commitments).enumerate() {
        if *hash != kzg_to_versioned_hash(commitment.as_slice()) {
            return Err(PoolError::Blobs(format!(
                "versioned hash {index} is of another blob"
            )));
        }
    }
    let proven = match sidecar {
        BlobTransactionSidecarVariant::Eip4844(s) => verify_blobs(blobs, commitments, &s.proofs),
        BlobTransactionSidecarVariant::Eip7594(s) => {
            verify_cells(blobs, commitments, &s.cell_proofs)
        }
    };
    match proven {
        Ok(true) => Ok(()),
        Ok(false) => Err(PoolError::Blobs("a proof is wrong".into())),
        Err(e) => Err(PoolError::Blobs(format!("{e:?}"))),
    }
}

fn verify_blobs(
    blobs: &[Blob],
    commitments: &[Bytes48],
    proofs: &[Bytes48],
) -> Result<bool, c_kzg::Error> {
    let blobs: Vec<c_kzg::Blob> = blobs.iter().map(|b| c_kzg::Blob::new(b.0)).collect();
    c_kzg::ethereum_kzg_settings(0).verify_blob_kzg_proof_batch(
        &blobs,
        &to_ckzg(commitments),
        &to_ckzg(proofs),
    )
}

fn verify_cells(
    blobs: &[Blob],
    commitments: &[Bytes48],
    proofs: &[Bytes48],
) -> Result<bool, c_kzg::Error> {
    let settings = c_kzg::ethereum_kzg_settings(0);
    let (mut cells, mut indices, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for (blob, commitment) in blobs.iter().zip(to_ckzg(commitments)) {
        cells.extend_from_slice(settings.compute_cells(&c_kzg::Blob::new(blob.0))?.as_ref());
        indices.extend(0..CELLS_PER_EXT_BLOB as u64);
        repeated.extend(std::iter::repeat_n(commitment, CELLS_PER_EXT_BLOB));
    }
    settings.verify_cell_kzg_proof_batch(&repeated, &indices, &cells, &to_ckzg(proofs))
}

fn to_ckzg(values: &[Bytes48]) -> Vec<c_kzg::Bytes48> {
    values.iter().map(|v| c_kzg::Bytes48::new(v.0)).collect()
}
