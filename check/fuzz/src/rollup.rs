//! Rollup configurations: chosen by a script, and read from JSON.

use crate::{
    input::Input,
    logs::{PORTAL, SYSTEM_CONFIG},
};
use alloy_primitives::{Address, B256, U256};
use opal_protocol::{
    Fork, ForkTimes, L1Id, L2Id, RollupConfig, RollupGenesis, SystemConfig, config::ChainOpConfig,
};

/// The batcher at genesis.
pub(crate) const BATCHER: Address = Address::repeat_byte(0xba);
/// The batch inbox.
pub(crate) const INBOX: Address = Address::repeat_byte(0x1b);
/// Unix time of both genesis blocks in seconds.
pub(crate) const GENESIS_TIME: u64 = 1_000_000;

/// A rollup that starts at any fork and activates others when the script says.
pub(crate) fn config(input: &mut Input<'_>) -> RollupConfig {
    let block_time = input.pick(&[2, 1, 3, 12]);
    RollupConfig {
        genesis: RollupGenesis {
            l1: L1Id::default(),
            l2: L2Id {
                hash: B256::repeat_byte(0x22),
                number: 0,
            },
            l2_time: GENESIS_TIME,
            system_config: SystemConfig {
                batcher_address: BATCHER,
                gas_limit: 30_000_000,
                scalar: U256::from(1) << 248 | U256::from(1_368) << 32 | U256::from(810_949),
                ..SystemConfig::default()
            },
        },
        block_time,
        max_sequencer_drift: input.pick(&[600, 0, 1, 12, 24, 40]),
        seq_window_size: input.pick(&[4, 1, 2, 3, 6, 10, 20]),
        channel_timeout: input.pick(&[6, 1, 2, 3, 10, 300]),
        l1_chain_id: 900,
        l2_chain_id: 901,
        forks: fork_times(input),
        batch_inbox_address: INBOX,
        deposit_contract_address: PORTAL,
        l1_system_config_address: SYSTEM_CONFIG,
        chain_op_config: ChainOpConfig::default(),
        keep_karst_upgrade_gas: input.flag(),
        ..RollupConfig::default()
    }
}

/// Some forks at genesis, some later, the rest never.
fn fork_times(input: &mut Input<'_>) -> ForkTimes {
    let at_genesis = input.pick(&Fork::ALL);
    let mut forks = ForkTimes::at_genesis(at_genesis);
    let mut time = GENESIS_TIME;
    for fork in Fork::ALL.into_iter().filter(|fork| *fork > at_genesis) {
        // A schedule ends with the first 255; small steps let forks share blocks.
        match input.u8() {
            255 | 0 => break,
            step => time += u64::from(step % 64),
        }
        forks.set(fork, Some(time));
    }
    forks.pectra_blob_schedule_time = input.flag().then_some(GENESIS_TIME + 30);
    forks
}

/// `rollup.json`: what is accepted comes back from its own JSON, and answers every question.
pub fn rollup_config(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let Ok(config) = RollupConfig::from_json(text) else {
        return;
    };
    let json = serde_json::to_string(&config).expect("plain data");
    assert_eq!(RollupConfig::from_json(&json).as_ref(), Ok(&config));
    let mut newest = Fork::Bedrock;
    let genesis_time = config.genesis.l2_time;
    for time in [
        0,
        1,
        genesis_time,
        genesis_time.saturating_add(config.block_time),
        u64::MAX,
    ] {
        config.l2_number_at(time);
        config.channel_timeout_at(time);
        config.max_sequencer_drift_at(time);
        for fork in Fork::ALL {
            let is_active = config.is_active(fork, time);
            assert!(!config.is_activation_block(fork, time) || is_active);
        }
    }
    for time in Fork::ALL
        .into_iter()
        .filter_map(|fork| config.forks.time_of(fork))
    {
        let now = config.forks.newest_at(time);
        assert!(now >= newest, "forks never deactivate");
        newest = now;
    }
}
