//! The system configuration: what a log announces is what is applied, written to `rollup.json`,
//! and put into the L1 attributes, in every era.

use crate::{input::Input, logs, rollup};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use opal_protocol::{
    ConfigUpdate, Fork, L1ChainConfig, L1Info, SystemConfig, l1_info::L1InfoFees, l1_info_deposit,
};

/// Logs of the SystemConfig contract, applied one after the other.
pub fn config_update(data: &[u8]) {
    let mut input = Input::new(data);
    let cfg = rollup::config(&mut input);
    let mut config = cfg.genesis.system_config;
    let mut l1_time = cfg.genesis.l2_time;
    for _ in 0..16 {
        let log = if input.flag() {
            logs::any(&mut input)
        } else {
            logs::config_update(&mut input)
        };
        l1_time = l1_time.saturating_add(u64::from(input.u8()));
        let Some(update) = ConfigUpdate::parse(&log) else {
            continue;
        };
        assert_eq!(ConfigUpdate::parse(&logs::announce(&update)), Some(update));
        let before = config;
        config.apply(&cfg, &update, l1_time);
        check_applied(&before, &config, &update);
        let once = config;
        config.apply(&cfg, &update, l1_time);
        assert_eq!(once, config, "applying twice is applying once");
        check_json(&config);
        let l2_time = l1_time.saturating_add(u64::from(input.u8()));
        check_l1_info(&cfg, &config, l1_time, l2_time);
        if input.is_empty() {
            break;
        }
    }
}

/// Nothing but what the update speaks of changes.
fn check_applied(before: &SystemConfig, after: &SystemConfig, update: &ConfigUpdate) {
    let mut expected = *before;
    match *update {
        ConfigUpdate::Batcher(address) => expected.batcher_address = address,
        ConfigUpdate::FeeScalars { scalar, .. } => {
            let is_taken = after.scalar == scalar;
            assert!(is_taken || after == before);
            assert!(!is_taken || after.overhead != before.overhead || after.scalar == scalar);
            (expected.overhead, expected.scalar) = (after.overhead, after.scalar);
        }
        ConfigUpdate::GasLimit(limit) => expected.gas_limit = limit,
        ConfigUpdate::UnsafeBlockSigner(_) => {}
        ConfigUpdate::Eip1559 {
            denominator,
            elasticity,
        } => {
            expected.eip1559_denominator = denominator;
            expected.eip1559_elasticity = elasticity;
        }
        ConfigUpdate::OperatorFee { scalar, constant } => {
            expected.operator_fee_scalar = scalar;
            expected.operator_fee_constant = constant;
        }
        ConfigUpdate::MinBaseFee(fee) => expected.min_base_fee = fee,
        ConfigUpdate::DaFootprintGasScalar(scalar) => expected.da_footprint_gas_scalar = scalar,
    }
    assert_eq!(expected, *after);
}

fn check_json(config: &SystemConfig) {
    let json = serde_json::to_string(config).expect("plain data");
    let again: SystemConfig = serde_json::from_str(&json).expect("our own encoding");
    assert_eq!(again, *config);
}

/// The L1 attributes made from the configuration carry it, in the format of their era.
fn check_l1_info(
    cfg: &opal_protocol::RollupConfig,
    config: &SystemConfig,
    l1_time: u64,
    l2_time: u64,
) {
    let header = Header {
        number: 7,
        timestamp: l1_time,
        base_fee_per_gas: Some(9),
        excess_blob_gas: Some(1),
        ..Header::default()
    };
    let chain = L1ChainConfig::dev(cfg.l1_chain_id);
    let hash = B256::repeat_byte(3);
    let deposit = l1_info_deposit(cfg, &chain, config, 5, &header, hash, l2_time);
    let info = L1Info::decode(&deposit.input).expect("our own encoding");
    assert_eq!((info.number, info.time, info.seq_num), (7, l1_time, 5));
    assert_eq!((info.hash, info.base_fee), (hash, U256::from(9)));
    assert_eq!(info.batcher, config.batcher_address);
    assert_eq!(
        deposit.is_system_transaction,
        !cfg.is_active(Fork::Regolith, l2_time)
    );
    let settled = |fork| cfg.is_active(fork, l2_time) && !cfg.is_activation_block(fork, l2_time);
    let format = match info.fees {
        L1InfoFees::Bedrock { overhead, scalar } => {
            assert_eq!((overhead, scalar), (config.overhead, config.scalar));
            None
        }
        L1InfoFees::Ecotone(_) => Some(Fork::Ecotone),
        L1InfoFees::Isthmus(_, fees) => {
            assert_eq!(fees.scalar, config.operator_fee_scalar);
            assert_eq!(fees.constant, config.operator_fee_constant);
            Some(Fork::Isthmus)
        }
        L1InfoFees::Jovian(_, fees, da_scalar) => {
            assert_eq!(fees.scalar, config.operator_fee_scalar);
            assert_eq!(fees.constant, config.operator_fee_constant);
            assert_ne!(da_scalar, 0, "0 stands for the default");
            Some(Fork::Jovian)
        }
    };
    let newest = [Fork::Jovian, Fork::Isthmus, Fork::Ecotone]
        .into_iter()
        .find(|fork| settled(*fork));
    assert_eq!(format, newest);
}
