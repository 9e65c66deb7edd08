//! A toy engine: no EVM. The hash of a block depends on its parent, its time, its L1 origin and
//! what a batch can say, so that a batcher can foresee it; payloads with a poisoned transaction
//! are invalid.

use alloy_primitives::{B256, Bytes, keccak256};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_oracle::NaiveBlock;
use opal_protocol::{Fork, RollupConfig};

/// A payload with a transaction that holds these bytes is invalid.
pub(crate) const POISON: &[u8] = b"poison";

/// Whether the transaction is a deposit.
pub(crate) fn is_deposit(tx: &Bytes) -> bool {
    tx.first() == Some(&0x7e)
}

/// Whether the engine refuses a payload with this transaction. It also refuses types that a
/// sequenced transaction cannot have.
pub(crate) fn is_refused(tx: &Bytes) -> bool {
    let is_known_type = tx.first().is_some_and(|t| matches!(t, 1 | 2 | 4 | 0xc0..));
    !is_deposit(tx) && (!is_known_type || tx.windows(POISON.len()).any(|part| part == POISON))
}

/// The hash of a block.
pub(crate) fn block_hash(parent: B256, time: u64, l1_randao: B256, sequenced: &[Bytes]) -> B256 {
    let mut content = [parent.0, l1_randao.0].concat();
    content.extend(time.to_be_bytes());
    for tx in sequenced {
        content.extend((tx.len() as u64).to_be_bytes());
        content.extend_from_slice(tx);
    }
    keccak256(content)
}

/// Executes attributes.
pub(crate) fn execute(
    cfg: &RollupConfig,
    parent: &NaiveBlock,
    attributes: &OpPayloadAttributes,
) -> Option<NaiveBlock> {
    let inner = &attributes.payload_attributes;
    let transactions = attributes.transactions.clone().unwrap_or_default();
    if transactions.iter().any(is_refused) {
        return None;
    }
    let sequenced: Vec<Bytes> = transactions
        .iter()
        .filter(|tx| !is_deposit(tx))
        .cloned()
        .collect();
    Some(NaiveBlock {
        hash: block_hash(parent.hash, inner.timestamp, inner.prev_randao, &sequenced),
        number: parent.number + 1,
        parent_hash: parent.hash,
        time: inner.timestamp,
        gas_limit: attributes.gas_limit.expect("derivation sets it"),
        extra_data: extra_data(cfg, attributes),
        transactions,
    })
}

/// spec: protocol/holocene/exec-engine.md#dynamic-eip-1559-parameters, protocol/jovian/exec-engine.md#minimum-base-fee
fn extra_data(cfg: &RollupConfig, attributes: &OpPayloadAttributes) -> Bytes {
    let time = attributes.payload_attributes.timestamp;
    let has_params = cfg.is_active(Fork::Holocene, time);
    let has_minimum = cfg.is_active(Fork::Jovian, time);
    assert_eq!(attributes.eip_1559_params.is_some(), has_params);
    assert_eq!(attributes.min_base_fee.is_some(), has_minimum);
    let Some(params) = attributes.eip_1559_params else {
        return Bytes::new();
    };
    let constants = cfg.chain_op_config;
    let params = if params.is_zero() {
        constants.eip1559_denominator_canyon << 32 | constants.eip1559_elasticity
    } else {
        u64::from_be_bytes(params.0)
    };
    let mut data = vec![u8::from(has_minimum)];
    data.extend(params.to_be_bytes());
    if let Some(minimum) = attributes.min_base_fee {
        data.extend(minimum.to_be_bytes());
    }
    data.into()
}
