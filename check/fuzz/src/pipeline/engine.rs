//! A toy execution: the same attributes on the same parent give the same block, with a header that
//! tells what derivation reads back, and poisoned transactions make attributes invalid.

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, Keccak256};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_oracle::NaiveBlock;
use opal_protocol::{Fork, L2Ref, RollupConfig, SystemConfig};

/// Last byte of a transaction that makes its payload invalid.
pub(super) const POISON: u8 = 0xee;

/// The block that `attributes` give on `parent`; `None` if they are invalid.
pub(super) fn execute(
    cfg: &RollupConfig,
    parent: &NaiveBlock,
    attributes: &OpPayloadAttributes,
) -> Option<NaiveBlock> {
    let transactions = attributes.transactions.clone().unwrap_or_default();
    let is_poisoned = |tx: &Bytes| tx.first() != Some(&0x7e) && tx.last() == Some(&POISON);
    if transactions.iter().any(is_poisoned) {
        return None;
    }
    let time = attributes.payload_attributes.timestamp;
    let mut block = NaiveBlock {
        hash: B256::ZERO,
        number: parent.number + 1,
        parent_hash: parent.hash,
        time,
        gas_limit: attributes.gas_limit.expect("always set"),
        extra_data: extra_data(cfg, attributes),
        transactions,
    };
    block.hash = hash(&block, attributes);
    Some(block)
}

fn hash(block: &NaiveBlock, attributes: &OpPayloadAttributes) -> B256 {
    let mut hash = Keccak256::new();
    hash.update(block.parent_hash);
    hash.update(block.time.to_be_bytes());
    hash.update(block.gas_limit.to_be_bytes());
    hash.update(&block.extra_data);
    hash.update(attributes.payload_attributes.prev_randao);
    for transaction in &block.transactions {
        hash.update(transaction.len().to_be_bytes());
        hash.update(transaction);
    }
    hash.finalize()
}

/// spec: holocene/exec-engine.md#encoding, jovian/exec-engine.md#minimum-base-fee-in-block-header
fn extra_data(cfg: &RollupConfig, attributes: &OpPayloadAttributes) -> Bytes {
    let time = attributes.payload_attributes.timestamp;
    assert_eq!(
        attributes.eip_1559_params.is_some(),
        cfg.is_active(Fork::Holocene, time)
    );
    assert_eq!(
        attributes.min_base_fee.is_some(),
        cfg.is_active(Fork::Jovian, time)
    );
    let Some(params) = attributes.eip_1559_params else {
        return Bytes::new();
    };
    let mut data = vec![u8::from(attributes.min_base_fee.is_some())];
    if params.is_zero() {
        let constants = &cfg.chain_op_config;
        data.extend((constants.eip1559_denominator_canyon as u32).to_be_bytes());
        data.extend((constants.eip1559_elasticity as u32).to_be_bytes());
    } else {
        data.extend(params);
    }
    data.extend(
        attributes
            .min_base_fee
            .iter()
            .flat_map(|fee| fee.to_be_bytes()),
    );
    data.into()
}

fn header(block: &NaiveBlock) -> Header {
    Header {
        number: block.number,
        parent_hash: block.parent_hash,
        timestamp: block.time,
        gas_limit: block.gas_limit,
        extra_data: block.extra_data.clone(),
        ..Header::default()
    }
}

/// The genesis block of the rollup.
pub(super) fn genesis(cfg: &RollupConfig) -> NaiveBlock {
    NaiveBlock {
        hash: cfg.genesis.l2.hash,
        number: cfg.genesis.l2.number,
        time: cfg.genesis.l2_time,
        gas_limit: cfg.genesis.system_config.gas_limit,
        ..NaiveBlock::default()
    }
}

/// The reference of a block, read back from it.
pub(super) fn reference(cfg: &RollupConfig, block: &NaiveBlock) -> L2Ref {
    let first = block.transactions.first().cloned().unwrap_or_default();
    L2Ref::from_block(cfg, &header(block), block.hash, &first).expect("our own block")
}

/// The system configuration that reads back from a block.
pub(super) fn system_config(cfg: &RollupConfig, block: &NaiveBlock) -> SystemConfig {
    let first = block.transactions.first().cloned().unwrap_or_default();
    SystemConfig::from_l2_block(cfg, &header(block), &first).expect("our own block")
}
