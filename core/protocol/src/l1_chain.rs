//! What the rollup must know of its L1: the blob parameters in force at each time.

use alloc::vec::Vec;
use alloy_eips::eip7840::BlobParams;

/// An L1 chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1ChainConfig {
    /// Chain id.
    pub chain_id: u64,
    /// Blob parameters with the unix time in seconds from which they are in force, ascending.
    /// Before the first entry the chain has no blobs.
    pub blob_schedule: Vec<(u64, BlobParams)>,
}

impl L1ChainConfig {
    /// A chain we know by id: Ethereum mainnet, Sepolia, Holesky, Hoodi.
    pub fn known(chain_id: u64) -> Option<Self> {
        unimplemented!("{chain_id}")
    }

    /// A development chain with every fork up to the one live on mainnet active from time 0.
    pub fn dev(chain_id: u64) -> Self {
        Self {
            chain_id,
            blob_schedule: alloc::vec![(0, BlobParams::bpo2())],
        }
    }

    /// Blob parameters in force at `l1_time`.
    pub fn blob_params_at(&self, l1_time: u64) -> Option<BlobParams> {
        self.blob_schedule
            .iter()
            .rev()
            .find(|(from, _)| *from <= l1_time)
            .map(|(_, p)| *p)
    }

    /// Price of a unit of blob gas in wei in a block of time `l1_time` with `excess_blob_gas`; 1
    /// where the chain has no blobs.
    pub fn blob_base_fee(&self, excess_blob_gas: u64, l1_time: u64) -> u128 {
        self.blob_params_at(l1_time)
            .map_or(1, |p| p.calc_blob_fee(excess_blob_gas))
    }
}
