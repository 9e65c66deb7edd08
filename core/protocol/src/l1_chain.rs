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
        // Cancun, Prague, Osaka, BPO1, BPO2
        let times: [u64; 5] = match chain_id {
            1 => [
                1_710_338_135,
                1_746_612_311,
                1_764_798_551,
                1_765_290_071,
                1_767_747_671,
            ],
            11_155_111 => [
                1_706_655_072,
                1_741_159_776,
                1_760_427_360,
                1_761_017_184,
                1_761_607_008,
            ],
            17_000 => [
                1_707_305_664,
                1_740_434_112,
                1_759_308_480,
                1_759_800_000,
                1_760_389_824,
            ],
            560_048 => [
                0,
                1_742_999_832,
                1_761_677_592,
                1_762_365_720,
                1_762_955_544,
            ],
            _ => return None,
        };
        let params = [
            BlobParams::cancun(),
            BlobParams::prague(),
            BlobParams::osaka(),
            BlobParams::bpo1(),
            BlobParams::bpo2(),
        ];
        Some(Self {
            chain_id,
            blob_schedule: times.into_iter().zip(params).collect(),
        })
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
