//! L2 blocks, and the system configuration that can be read back from them.
//!
//! spec: protocol/derivation.md#payload-attributes-derivation, protocol/system-config.md

use crate::{
    input::Rollup,
    l1_info::{L1Attributes, read_l1_attributes},
    params::{is_activation_block, is_active},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{Fork, L1Id, RollupConfig, SystemConfig};

/// An L2 block as execution gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NaiveBlock {
    /// Hash of the header.
    pub hash: B256,
    /// Height.
    pub number: u64,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub time: u64,
    /// Gas limit in the header.
    pub gas_limit: u64,
    /// Extra data in the header.
    pub extra_data: Bytes,
    /// All transactions, encoded as EIP-2718 has it.
    pub transactions: Vec<Bytes>,
}

/// A block of the safe chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeBlock {
    /// The block.
    pub block: NaiveBlock,
    /// The L1 block whose attributes it carries.
    pub origin: L1Id,
    /// Its place in its epoch; 0 for the first.
    pub sequence_number: u64,
    /// The L1 block that had to be read for it to become safe.
    pub derived_from: L1Id,
    /// What was given to execution; `None` for genesis.
    pub attributes: Option<OpPayloadAttributes>,
}

impl NaiveBlock {
    /// A block from its header and its transactions.
    pub fn new(hash: B256, header: &Header, transactions: Vec<Bytes>) -> Self {
        Self {
            hash,
            number: header.number,
            parent_hash: header.parent_hash,
            time: header.timestamp,
            gas_limit: header.gas_limit,
            extra_data: header.extra_data.clone(),
            transactions,
        }
    }

    /// The rollup's genesis, as far as the configuration tells.
    pub(crate) fn genesis(cfg: &RollupConfig) -> Self {
        Self {
            hash: cfg.genesis.l2.hash,
            number: cfg.genesis.l2.number,
            time: cfg.genesis.l2_time,
            gas_limit: cfg.genesis.system_config.gas_limit,
            ..Self::default()
        }
    }

    fn l1_attributes(&self) -> Option<L1Attributes> {
        read_l1_attributes(self.transactions.first()?)
    }
}

impl SafeBlock {
    /// The block with its place in the epoch; `None` if it lacks L1 attributes.
    pub(crate) fn new(
        block: NaiveBlock,
        derived_from: L1Id,
        attributes: OpPayloadAttributes,
    ) -> Option<Self> {
        let said = block.l1_attributes()?;
        Some(Self {
            block,
            origin: said.origin,
            sequence_number: said.sequence_number,
            derived_from,
            attributes: Some(attributes),
        })
    }

    pub(crate) fn genesis(cfg: &RollupConfig) -> Self {
        Self {
            block: NaiveBlock::genesis(cfg),
            origin: cfg.genesis.l1,
            sequence_number: 0,
            derived_from: cfg.genesis.l1,
            attributes: None,
        }
    }
}

/// The system configuration that a block was built with, read back from the block: what its L1
/// attributes and its header do not say, the next block does not inherit. `None` if the block says
/// none.
pub(crate) fn system_config_of(rollup: &Rollup, block: &NaiveBlock) -> Option<SystemConfig> {
    let cfg = &rollup.cfg;
    if block.number == cfg.genesis.l2.number {
        return Some(cfg.genesis.system_config);
    }
    let mut config = block.l1_attributes()?.config;
    config.gas_limit = block
        .gas_limit
        .checked_sub(upgrade_gas(rollup, block.time))?;
    // spec: protocol/holocene/exec-engine.md#encoding, protocol/jovian/exec-engine.md#minimum-base-fee-in-block-header
    if is_active(cfg, Fork::Holocene, block.time) {
        let is_jovian = is_active(cfg, Fork::Jovian, block.time);
        let (version, length) = if is_jovian { (1, 17) } else { (0, 9) };
        let data = &block.extra_data;
        if data.len() != length || data[0] != version {
            return None;
        }
        config.eip1559_denominator = u32::from_be_bytes(data[1..5].try_into().ok()?);
        config.eip1559_elasticity = u32::from_be_bytes(data[5..9].try_into().ok()?);
        if is_jovian {
            config.min_base_fee = u64::from_be_bytes(data[9..17].try_into().ok()?);
        }
    }
    Some(config)
}

/// Gas by which the limit of the block at `l2_time` exceeded the configured one, for its upgrade
/// transactions alone. Chains that set `keep_karst_upgrade_gas` never took it off again.
fn upgrade_gas(rollup: &Rollup, l2_time: u64) -> u64 {
    if rollup.cfg.keep_karst_upgrade_gas {
        return 0;
    }
    added_gas(rollup, l2_time)
}

/// Gas that the block at `l2_time` is given beyond the configured limit: from Karst on, all that
/// the upgrade transactions may use.
///
/// spec: protocol/l2-upgrades-1-execution.md#gas-allocation-specification
pub(crate) fn added_gas(rollup: &Rollup, l2_time: u64) -> u64 {
    if !is_activation_block(&rollup.cfg, Fork::Karst, l2_time) {
        return 0;
    }
    let bundle = rollup.upgrades.get(Fork::Karst).into_iter();
    let transactions = bundle.flat_map(|bundle| &bundle.transactions);
    transactions.map(|tx| tx.gas_limit).sum()
}
