//! What an L2 block says of itself: its place in the chain and the system configuration it was
//! built with.

use crate::{config::RollupConfig, l1_info::L1InfoError, refs::L2Ref, system_config::SystemConfig};
use alloy_consensus::Header;
use alloy_primitives::B256;

/// Why an L2 block cannot be placed in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L2BlockError {
    /// The block at genesis height is another one than the configuration names.
    #[error("L2 block {number} is {got}, the rollup config's genesis is {want}")]
    Genesis {
        /// Height of genesis.
        number: u64,
        /// Hash of the block.
        got: B256,
        /// Hash in the configuration.
        want: B256,
    },
    /// The first transaction is missing or no deposit.
    #[error("L2 block {0} does not begin with an L1 attributes deposit")]
    NoL1Info(u64),
    /// The L1 attributes are malformed.
    #[error("L2 block {number}: {source}")]
    L1Info {
        /// Height of the block.
        number: u64,
        /// What is wrong with them.
        source: L1InfoError,
    },
    /// The header's extra data does not hold the EIP-1559 parameters of its fork.
    #[error("L2 block {0} has malformed extra data")]
    ExtraData(u64),
}

impl L2Ref {
    /// The reference of a block, from its header, its hash and its first transaction (empty for
    /// a block without transactions, as genesis is).
    pub fn from_block(
        cfg: &RollupConfig,
        header: &Header,
        hash: B256,
        first_tx: &[u8],
    ) -> Result<Self, L2BlockError> {
        unimplemented!("{cfg:?}{header:?}{hash}{first_tx:?}")
    }
}

impl SystemConfig {
    /// The system configuration a block was built with.
    pub fn from_l2_block(
        cfg: &RollupConfig,
        header: &Header,
        first_tx: &[u8],
    ) -> Result<Self, L2BlockError> {
        unimplemented!("{cfg:?}{header:?}{first_tx:?}")
    }
}
