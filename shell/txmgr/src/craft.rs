//! Making signed transactions.

use crate::{config::SidecarVersion, manager::TxCandidate};
use alloy_consensus::{
    BlobTransactionSidecarVariant, SignableTransaction, TxEip1559, TxEip4844, TxEip4844Variant,
    TxEip4844WithSidecar, TxEnvelope,
};
use alloy_eips::{
    eip2718::Encodable2718,
    eip4844::{Blob, BlobTransactionSidecar},
    eip7594::BlobTransactionSidecarEip7594,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use opal_txqueue::{Publish, Refusal};
use std::sync::Arc;

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// KZG tables for faster cell proofs: none, they cost more memory than they are worth here. Every
/// user of the shared settings must pass the same number.
const KZG_PRECOMPUTE: u64 = 0;

/// Gas that a transaction to an account without code needs: the intrinsic cost of its calldata, or
/// the floor of EIP-7623 if that is more.
pub fn intrinsic_gas(data: &[u8]) -> u64 {
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let others = data.len() as u64 - zeros;
    let tokens = zeros.saturating_add(others.saturating_mul(4));
    TRANSFER_GAS.saturating_add(tokens.saturating_mul(10))
}

/// Loads the tables that proofs of blobs need, on a thread of its own, so that the first blob
/// transaction does not wait for them.
pub fn prepare_blob_proofs() {
    tokio::task::spawn_blocking(|| c_kzg::ethereum_kzg_settings(KZG_PRECOMPUTE));
}

/// A candidate, ready to be signed under any nonce and fees.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) to: TxKind,
    pub(crate) data: Bytes,
    pub(crate) value: U256,
    pub(crate) gas_limit: u64,
    pub(crate) blobs: Arc<[Blob]>,
    sidecar: Option<BlobTransactionSidecarVariant>,
}

impl Prepared {
    pub(crate) fn new(candidate: TxCandidate) -> Self {
        Self {
            to: candidate.to.map_or(TxKind::Create, TxKind::Call),
            data: candidate.data,
            value: candidate.value,
            gas_limit: candidate.gas_limit,
            blobs: candidate.blobs.into_iter().map(|blob| *blob).collect(),
            sidecar: None,
        }
    }

    /// A transfer of nothing to ourselves, with an empty blob if it must be a blob transaction.
    pub(crate) fn cancellation(address: Address, with_blob: bool) -> Self {
        Self::new(TxCandidate {
            to: Some(address),
            blobs: if with_blob {
                vec![Box::new(Blob::ZERO)]
            } else {
                vec![]
            },
            gas_limit: TRANSFER_GAS,
            ..TxCandidate::default()
        })
    }
}

/// A signed transaction as it goes to a node.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) raw: Vec<u8>,
}

/// Signs, and knows which sidecars L1 takes.
#[derive(Clone, Debug)]
pub(crate) struct Craft {
    signer: PrivateKeySigner,
    chain_id: u64,
    /// Whether blobs travel with cell proofs (sidecar version 1).
    with_cell_proofs: bool,
    may_switch: bool,
}

impl Craft {
    pub(crate) fn new(signer: PrivateKeySigner, chain_id: u64, sidecar: SidecarVersion) -> Self {
        Self {
            signer,
            chain_id,
            with_cell_proofs: sidecar != SidecarVersion::V0,
            may_switch: sidecar == SidecarVersion::Auto,
        }
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /// After L1 refused a sidecar: uses the other version from now on, if that is left to us.
    pub(crate) fn switch_sidecar(&mut self, refusal: &Refusal) -> bool {
        if self.may_switch {
            let name = |cells: bool| {
                if cells {
                    "cell proofs (version 1)"
                } else {
                    "blob proofs (version 0)"
                }
            };
            tracing::warn!(
                "L1 refused blobs with {}: {refusal}; using {}",
                name(self.with_cell_proofs),
                name(!self.with_cell_proofs),
            );
            self.with_cell_proofs = !self.with_cell_proofs;
        }
        self.may_switch
    }

    /// Computes the proofs of the blobs, if there are any and they are not there yet. Takes
    /// a tenth of a second per blob, on a thread of its own.
    pub(crate) async fn prove(&self, tx: &mut Prepared) -> Result<(), Refusal> {
        let is_ready = match &tx.sidecar {
            Some(sidecar) => sidecar.is_eip7594() == self.with_cell_proofs,
            None => tx.blobs.is_empty(),
        };
        if is_ready {
            return Ok(());
        }
        let (blobs, with_cell_proofs) = (tx.blobs.to_vec(), self.with_cell_proofs);
        let task = tokio::task::spawn_blocking(move || {
            let settings = c_kzg::ethereum_kzg_settings(KZG_PRECOMPUTE);
            if with_cell_proofs {
                BlobTransactionSidecarEip7594::try_from_blobs_with_settings(blobs, settings)
                    .map(Into::into)
            } else {
                BlobTransactionSidecar::try_from_blobs_with_settings(blobs, settings)
                    .map(Into::into)
            }
        });
        let sidecar: Result<BlobTransactionSidecarVariant, _> = task
            .await
            .map_err(|e| Refusal::Temporary(format!("proofs of blobs: {e}")))?;
        // Data that is no sequence of field elements has no commitment.
        tx.sidecar = Some(sidecar.map_err(|e| Refusal::Rejected(format!("invalid blob: {e:?}")))?);
        Ok(())
    }

    /// Signs `tx` as the queue wants it.
    pub(crate) fn sign(&self, publish: &Publish, tx: &Prepared) -> Result<Signed, Refusal> {
        let envelope: TxEnvelope = match (&tx.sidecar, tx.to) {
            (Some(sidecar), TxKind::Call(to)) => {
                let inner = TxEip4844 {
                    chain_id: self.chain_id,
                    nonce: publish.nonce,
                    gas_limit: tx.gas_limit,
                    max_fee_per_gas: publish.fees.max_fee_per_gas,
                    max_priority_fee_per_gas: publish.fees.max_priority_fee_per_gas,
                    to,
                    value: tx.value,
                    access_list: Default::default(),
                    blob_versioned_hashes: sidecar.versioned_hashes().collect(),
                    max_fee_per_blob_gas: publish.fees.max_fee_per_blob_gas,
                    input: tx.data.clone(),
                };
                let full = TxEip4844WithSidecar::from_tx_and_sidecar(inner, sidecar.clone());
                self.signed(TxEip4844Variant::TxEip4844WithSidecar(full))?
                    .into()
            }
            (_, to) => {
                let inner = TxEip1559 {
                    chain_id: self.chain_id,
                    nonce: publish.nonce,
                    gas_limit: tx.gas_limit,
                    max_fee_per_gas: publish.fees.max_fee_per_gas,
                    max_priority_fee_per_gas: publish.fees.max_priority_fee_per_gas,
                    to,
                    value: tx.value,
                    access_list: Default::default(),
                    input: tx.data.clone(),
                };
                self.signed(inner)?.into()
            }
        };
        Ok(Signed {
            hash: *envelope.tx_hash(),
            raw: envelope.encoded_2718(),
        })
    }

    fn signed<T: SignableTransaction<alloy_primitives::Signature>>(
        &self,
        tx: T,
    ) -> Result<alloy_consensus::Signed<T>, Refusal>
    where
        alloy_consensus::Signed<T>: Sized,
    {
        let signature = self
            .signer
            .sign_hash_sync(&tx.signature_hash())
            .map_err(|e| Refusal::Temporary(format!("signing failed: {e}")))?;
        Ok(tx.into_signed(signature))
    }
}
