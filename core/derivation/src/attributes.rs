//! Payload attributes: what the engine is told to build, from an L2 parent and an L1 origin.
//!
//! In: the parent block with its system configuration, and the L1 block that is to be the origin.
//! Out: the attributes without batch transactions, and the system configuration as it will read
//! back from the new block. The sequencer and derivation share this code.
//!
//! spec: protocol/derivation.md#building-individual-payload-attributes

use alloc::vec::Vec;
use alloy_primitives::B64;
use alloy_rpc_types_engine::PayloadAttributes;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{
    Fork, L1Block, L1ChainConfig, L1Id, L2Ref, RollupConfig, SystemConfig, Upgrades, deposit,
    l1_info, predeploys, upgrades::UPGRADING_FORKS,
};

/// Why an L1 block cannot be the origin of a block on this parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// The L1 block is neither the parent's origin nor its child: L1 reorganised.
    #[error("L1 block {epoch} is neither the parent's L1 origin {parent_origin} nor its child")]
    Origin {
        /// The L1 block.
        epoch: L1Id,
        /// The origin of the parent.
        parent_origin: L1Id,
    },
    /// The block, or its parent whose gas limit they raised, activates a fork whose upgrade
    /// transactions are not at hand.
    #[error(
        "the block at time {l2_time} needs the upgrade transactions of {fork}, which are missing"
    )]
    MissingBundle {
        /// The fork.
        fork: Fork,
        /// Time of the L2 block in seconds.
        l2_time: u64,
    },
    /// The block would be older than its L1 origin.
    #[error("a block at time {l2_time} would be older than its L1 origin at time {l1_time}")]
    BeforeOrigin {
        /// Time of the L2 block in seconds.
        l2_time: u64,
        /// Time of the L1 block in seconds.
        l1_time: u64,
    },
}

/// Attributes of the block after `parent` at `l2_time` whose L1 origin is `epoch`, without batch
/// transactions and with `no_tx_pool` set, and the system configuration of that block.
///
/// `parent_config` is the configuration as read back from the parent block: its gas limit is the
/// parent header's, upgrade gas included.
pub fn build(
    cfg: &RollupConfig,
    l1_chain: &L1ChainConfig,
    upgrades: &Upgrades,
    parent: &L2Ref,
    parent_config: &SystemConfig,
    epoch: &L1Block,
    l2_time: u64,
) -> Result<(OpPayloadAttributes, SystemConfig), AttributesError> {
    let blob_base_fee = l1_info::blob_base_fee(cfg, l1_chain, &epoch.header);
    let origin = Origin {
        block: epoch,
        blob_base_fee,
    };
    build_at(cfg, upgrades, parent, parent_config, origin, l2_time)
}

/// The L1 origin of blocks that are to be built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) block: &'a L1Block,
    /// Price of a unit of its blob gas in wei.
    pub(crate) blob_base_fee: u128,
}

/// As [`build`].
pub(crate) fn build_at(
    cfg: &RollupConfig,
    upgrades: &Upgrades,
    parent: &L2Ref,
    parent_config: &SystemConfig,
    origin: Origin<'_>,
    l2_time: u64,
) -> Result<(OpPayloadAttributes, SystemConfig), AttributesError> {
    let epoch = origin.block;
    let missing = upgrades
        .missing_at(cfg, l2_time)
        .or_else(|| upgrades.missing_behind(cfg, parent.time));
    if let Some(fork) = missing {
        return Err(AttributesError::MissingBundle { fork, l2_time });
    }
    let mut config = *parent_config;
    config.gas_limit = configured_gas_limit(cfg, upgrades, parent, parent_config.gas_limit);
    let first_of_epoch = is_first_of_epoch(parent, epoch)?;
    if l2_time < epoch.header.timestamp {
        return Err(AttributesError::BeforeOrigin {
            l2_time,
            l1_time: epoch.header.timestamp,
        });
    }
    let mut deposits: &[_] = &[];
    let mut seq_num = parent.seq_num.saturating_add(1);
    if first_of_epoch {
        for update in &epoch.config_updates {
            config.apply(cfg, update, epoch.header.timestamp);
        }
        deposits = &epoch.deposits;
        seq_num = 0;
    }
    let l1_info = l1_info::l1_info_deposit_at_fee(
        cfg,
        origin.blob_base_fee,
        &config,
        seq_num,
        &epoch.header,
        epoch.hash,
        l2_time,
    );
    let mut transactions = Vec::with_capacity(1 + deposits.len());
    transactions.push(deposit::encode_deposit(&l1_info));
    transactions.extend_from_slice(deposits);
    for bundle in upgrades.activating_at(cfg, l2_time) {
        transactions.extend(bundle.deposits());
        config.gas_limit = config.gas_limit.saturating_add(bundle.extra_gas());
    }
    let eip_1559_params = eip1559_params(cfg, &config, l2_time);
    let config = as_read_back(cfg, config, l2_time);
    let attributes = OpPayloadAttributes {
        payload_attributes: PayloadAttributes {
            timestamp: l2_time,
            prev_randao: epoch.header.mix_hash,
            suggested_fee_recipient: predeploys::SEQUENCER_FEE_VAULT,
            withdrawals: cfg.is_active(Fork::Canyon, l2_time).then(Vec::new),
            parent_beacon_block_root: cfg
                .is_active(Fork::Ecotone, l2_time)
                .then(|| epoch.header.parent_beacon_block_root.unwrap_or_default()),
            ..Default::default()
        },
        transactions: Some(transactions),
        no_tx_pool: Some(true),
        gas_limit: Some(config.gas_limit),
        eip_1559_params,
        min_base_fee: cfg
            .is_active(Fork::Jovian, l2_time)
            .then_some(config.min_base_fee),
    };
    Ok((attributes, config))
}

/// Whether the block at `l2_time` must hold no transactions but deposits, so that the sequencer
/// must not take any from its pool: it activates a fork with upgrade transactions, or it is
/// further ahead of its L1 origin than the drift allows.
///
/// spec: protocol/derivation.md#network-upgrade-automation-transactions, fjord/derivation.md#constant-maximum-sequencer-drift
pub fn must_be_empty(cfg: &RollupConfig, origin_time: u64, l2_time: u64) -> bool {
    UPGRADING_FORKS
        .into_iter()
        .any(|fork| cfg.is_activation_block(fork, l2_time))
        || l2_time > origin_time.saturating_add(cfg.max_sequencer_drift_at(origin_time))
}

/// Whether a block on `parent` with origin `epoch` opens a new epoch.
fn is_first_of_epoch(parent: &L2Ref, epoch: &L1Block) -> Result<bool, AttributesError> {
    let origin = parent.l1_origin;
    if epoch.id() == origin {
        return Ok(false);
    }
    let is_child = epoch.header.parent_hash == origin.hash
        && Some(epoch.header.number) == origin.number.checked_add(1);
    if is_child {
        return Ok(true);
    }
    Err(AttributesError::Origin {
        epoch: epoch.id(),
        parent_origin: origin,
    })
}

/// The parent's gas limit without the upgrade gas that its activation block alone was given.
///
/// Chains that kept Karst's upgrade gas in their history say so (trap 3).
fn configured_gas_limit(
    cfg: &RollupConfig,
    upgrades: &Upgrades,
    parent: &L2Ref,
    gas_limit: u64,
) -> u64 {
    upgrades
        .activating_at(cfg, parent.time)
        .filter(|bundle| !(bundle.fork == Fork::Karst && cfg.keep_karst_upgrade_gas))
        .fold(gas_limit, |limit, bundle| {
            limit.saturating_sub(bundle.extra_gas())
        })
}

/// The EIP-1559 parameters of the attributes: denominator and elasticity, four bytes each. Zeros
/// stand for the chain's constants, and the activation block carries zeros whatever was announced.
///
/// spec: holocene/derivation.md#attributes-builder
fn eip1559_params(cfg: &RollupConfig, config: &SystemConfig, l2_time: u64) -> Option<B64> {
    if !cfg.is_active(Fork::Holocene, l2_time) {
        return None;
    }
    if cfg.is_activation_block(Fork::Holocene, l2_time) {
        return Some(B64::ZERO);
    }
    let packed = u64::from(config.eip1559_denominator) << 32 | u64::from(config.eip1559_elasticity);
    Some(B64::from(packed.to_be_bytes()))
}

/// `config` as it will read back from the block at `l2_time`, which has no room yet for parameters
/// of later forks, and whose L1 attributes are in the older format if it activates a fork.
///
/// A verifier that restarts knows the configuration only from the chain, so parameters announced
/// too early must be forgotten by everybody.
fn as_read_back(cfg: &RollupConfig, mut config: SystemConfig, l2_time: u64) -> SystemConfig {
    let settled = |fork| cfg.is_active(fork, l2_time) && !cfg.is_activation_block(fork, l2_time);
    if !settled(Fork::Holocene) {
        config.eip1559_denominator = 0;
        config.eip1559_elasticity = 0;
    }
    // The engine writes the constants into the header that zeros stand for (trap 14).
    if cfg.is_active(Fork::Holocene, l2_time)
        && (config.eip1559_denominator, config.eip1559_elasticity) == (0, 0)
    {
        let constants = &cfg.chain_op_config;
        let header_field = |value| u32::try_from(value).unwrap_or(u32::MAX);
        config.eip1559_denominator = header_field(constants.eip1559_denominator_canyon);
        config.eip1559_elasticity = header_field(constants.eip1559_elasticity);
    }
    if !settled(Fork::Isthmus) {
        config.operator_fee_scalar = 0;
        config.operator_fee_constant = 0;
    }
    if !settled(Fork::Jovian) {
        config.da_footprint_gas_scalar = 0;
    }
    if !cfg.is_active(Fork::Jovian, l2_time) {
        config.min_base_fee = 0;
    }
    config
}
