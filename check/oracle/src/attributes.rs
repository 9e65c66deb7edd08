//! Payload attributes: what execution is given for a batch.
//!
//! spec: protocol/derivation.md#deriving-payload-attributes

use crate::{
    batches::SingularBatch,
    block::{SafeBlock, added_gas, system_config_of},
    chain::DeriveError,
    deposits::{DEPOSIT_TX_TYPE, DepositFields, source_hash, user_deposits},
    input::{NaiveL1Block, Rollup},
    l1_info::l1_attributes_deposit,
    params::{is_activation_block, is_active},
    system_config::apply_updates,
};
use alloy_primitives::{Address, B64, Bytes, U256, address, keccak256};
use alloy_rpc_types_engine::PayloadAttributes;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{Fork, RollupConfig, SystemConfig};

const SEQUENCER_FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");

/// Forks whose activation block carries upgrade transactions, with the name that stands before
/// each intent.
const FORKS_WITH_UPGRADES: [(Fork, &str); 5] = [
    (Fork::Ecotone, "Ecotone"),
    (Fork::Fjord, "Fjord"),
    (Fork::Isthmus, "Isthmus"),
    (Fork::Jovian, "Jovian"),
    (Fork::Karst, "Karst"),
];

/// The attributes for `batch`, a valid one, on `parent`. `origin` is the L1 origin it names.
pub(crate) fn payload_attributes(
    rollup: &Rollup,
    parent: &SafeBlock,
    origin: &NaiveL1Block,
    batch: &SingularBatch,
) -> Result<OpPayloadAttributes, DeriveError> {
    let cfg = &rollup.cfg;
    let l2_time = batch.timestamp;
    assert_eq!(
        origin.hash, batch.epoch_hash,
        "a valid batch names its origin"
    );
    assert_eq!(
        parent.block.hash, batch.parent_hash,
        "a valid batch names its parent"
    );
    assert_eq!(
        l2_time,
        parent.block.time + cfg.block_time,
        "a valid batch is the next"
    );
    assert!(
        l2_time >= origin.time(),
        "L2 time is never behind its L1 origin's"
    );

    let unreadable = DeriveError::Unreadable {
        number: parent.block.number,
    };
    let mut config = system_config_of(rollup, &parent.block).ok_or(unreadable)?;
    let mut deposits = Vec::new();
    let mut sequence_number = parent.sequence_number + 1;
    if origin.header.number != parent.origin.number {
        assert_eq!(
            origin.header.parent_hash, parent.origin.hash,
            "epochs follow each other"
        );
        // The first block of an epoch.
        apply_updates(cfg, &mut config, origin);
        deposits = user_deposits(cfg, origin)?;
        sequence_number = 0;
    }

    // spec: protocol/derivation.md#deriving-the-transaction-list
    let l1_attributes = l1_attributes_deposit(rollup, &config, sequence_number, origin, l2_time);
    let mut transactions = vec![l1_attributes];
    transactions.extend(deposits);
    transactions.extend(upgrade_transactions(rollup, l2_time)?);
    transactions.extend(batch.transactions.iter().cloned());

    // spec: protocol/derivation.md#building-individual-payload-attributes
    let beacon_root = origin.header.parent_beacon_block_root.unwrap_or_default();
    Ok(OpPayloadAttributes {
        payload_attributes: PayloadAttributes {
            timestamp: l2_time,
            prev_randao: origin.header.mix_hash,
            suggested_fee_recipient: SEQUENCER_FEE_VAULT,
            withdrawals: is_active(cfg, Fork::Canyon, l2_time).then(Vec::new),
            parent_beacon_block_root: is_active(cfg, Fork::Ecotone, l2_time).then_some(beacon_root),
            slot_number: None,
            target_gas_limit: None,
        },
        transactions: Some(transactions),
        no_tx_pool: Some(true),
        gas_limit: Some(config.gas_limit + added_gas(rollup, l2_time)),
        eip_1559_params: is_active(cfg, Fork::Holocene, l2_time)
            .then(|| eip_1559_params(cfg, &config, l2_time)),
        min_base_fee: is_active(cfg, Fork::Jovian, l2_time).then_some(config.min_base_fee),
    })
}

/// Zeros in the activation block, even if its L1 origin announced something else: so the
/// specification and kona; op-node takes the announcement.
///
/// spec: protocol/holocene/derivation.md#attributes-builder, protocol/holocene/exec-engine.md#eip1559params-encoding
fn eip_1559_params(cfg: &RollupConfig, config: &SystemConfig, l2_time: u64) -> B64 {
    if is_activation_block(cfg, Fork::Holocene, l2_time) {
        return B64::ZERO;
    }
    let [denominator, elasticity] = [config.eip1559_denominator, config.eip1559_elasticity];
    B64::from(u64::from(denominator) << 32 | u64::from(elasticity))
}

/// spec: protocol/derivation.md#network-upgrade-automation-transactions
fn upgrade_transactions(rollup: &Rollup, l2_time: u64) -> Result<Vec<Bytes>, DeriveError> {
    let mut transactions = Vec::new();
    for (fork, name) in FORKS_WITH_UPGRADES {
        if !is_activation_block(&rollup.cfg, fork, l2_time) {
            continue;
        }
        let bundle = rollup.upgrades.get(fork);
        let bundle = bundle.ok_or(DeriveError::MissingBundle { fork })?;
        for tx in &bundle.transactions {
            let intent = format!("{name}: {}", tx.intent);
            let deposit = DepositFields {
                // spec: protocol/deposits.md#source-hash-computation
                source_hash: source_hash(2, keccak256(intent)),
                from: tx.from,
                to: tx.to.map(|to| to.to_vec().into()).unwrap_or_default(),
                mint: U256::ZERO,
                value: U256::ZERO,
                gas_limit: tx.gas_limit,
                is_system_tx: false,
                data: tx.data.clone(),
            };
            transactions.push(deposit.encoded());
        }
    }
    Ok(transactions)
}

/// Whether the transaction is a deposit.
pub(crate) fn is_deposit(tx: &Bytes) -> bool {
    tx.first() == Some(&DEPOSIT_TX_TYPE)
}

/// The same attributes without the batch's transactions; `None` if there are none of those.
///
/// spec: protocol/holocene/derivation.md#engine-queue
pub(crate) fn deposits_only(attributes: &OpPayloadAttributes) -> Option<OpPayloadAttributes> {
    let mut reduced = attributes.clone();
    let transactions = reduced.transactions.as_mut()?;
    transactions.retain(is_deposit);
    (reduced != *attributes).then_some(reduced)
}
