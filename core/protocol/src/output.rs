//! Output roots: the commitment to L2 state that withdrawals are proven against.
//!
//! spec: protocol/proposals.md#l2-output-commitment-construction

use alloy_primitives::{B256, keccak256};

/// Output root of version 0 from a block's state root, the storage root of the
/// L2ToL1MessagePasser after the block, and the block's hash.
pub fn output_root_v0(
    state_root: B256,
    message_passer_storage_root: B256,
    block_hash: B256,
) -> B256 {
    let mut preimage = [0u8; 128];
    preimage[32..64].copy_from_slice(state_root.as_slice());
    preimage[64..96].copy_from_slice(message_passer_storage_root.as_slice());
    preimage[96..].copy_from_slice(block_hash.as_slice());
    keccak256(preimage)
}
