//! When the forks of both chains activate: before the run, during it, or not at all.

use super::GENESIS_TIME;
use crate::random::Random;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, Bytes};
use opal_protocol::{
    Fork, ForkTimes, L1ChainConfig, UpgradeBundle, UpgradeTx, Upgrades, predeploys,
    upgrades::UPGRADING_FORKS,
};

/// Chain id of L1.
const L1_CHAIN_ID: u64 = 900;

/// The forks of the rollup and those of L1, for a run whose faults last `horizon` seconds.
pub(super) fn draw(
    random: &mut Random,
    horizon: u64,
    l1_block_time: u64,
    block_time: u64,
) -> (ForkTimes, L1ChainConfig) {
    let mut forks = match random.between(0, 9) {
        0..=2 => some_at_genesis(random, Fork::Holocene, horizon, l1_block_time, block_time),
        3..=5 => through_all(random, horizon),
        _ => {
            let last = *random.pick(&Fork::ALL);
            some_at_genesis(random, last, horizon, l1_block_time, block_time)
        }
    };
    let l1_chain = draw_l1(random, horizon);
    if random.percent(40) {
        let prague = l1_chain.blob_schedule.get(1).map_or(0, |(time, _)| *time);
        let time = prague.max(GENESIS_TIME) + random.between(0, horizon / 3);
        forks.pectra_blob_schedule_time = Some(time);
    }
    (forks, l1_chain)
}

/// From Bedrock to Karst within one run.
fn through_all(random: &mut Random, horizon: u64) -> ForkTimes {
    let forks = &Fork::ALL[1..];
    let mut times: Vec<u64> = forks.iter().map(|_| random.between(1, horizon)).collect();
    times.sort_unstable();
    let mut schedule = ForkTimes::default();
    for (fork, after) in forks.iter().zip(times) {
        schedule.set(*fork, Some(GENESIS_TIME + after));
    }
    schedule
}

/// The forks up to `last` since genesis; those behind it one after the other, several at once, in
/// adjacent blocks or spread, until they end or the schedule does.
fn some_at_genesis(
    random: &mut Random,
    last: Fork,
    horizon: u64,
    l1_block_time: u64,
    block_time: u64,
) -> ForkTimes {
    let genesis = *random.pick(&[0, GENESIS_TIME]);
    let mut schedule = ForkTimes::default();
    let mut after = 0;
    for fork in Fork::ALL {
        if fork <= last {
            schedule.set(fork, Some(genesis));
            continue;
        }
        if random.percent(10) {
            break;
        }
        after += match random.between(0, 5) {
            0 | 1 => 0,
            2 => block_time,
            3 => l1_block_time,
            _ => random.between(1, horizon / 3),
        };
        let time = if after == 0 {
            genesis
        } else {
            GENESIS_TIME + after
        };
        schedule.set(fork, Some(time));
    }
    schedule
}

/// L1's blob parameters: those of today, or Cancun to BPO2 in the course of the run.
fn draw_l1(random: &mut Random, horizon: u64) -> L1ChainConfig {
    if random.percent(40) {
        return L1ChainConfig::dev(L1_CHAIN_ID);
    }
    let params = [
        BlobParams::cancun(),
        BlobParams::prague(),
        BlobParams::osaka(),
        BlobParams::bpo1(),
        BlobParams::bpo2(),
    ];
    let mut time = if random.percent(70) { 0 } else { GENESIS_TIME };
    let mut blob_schedule = vec![];
    for params in params {
        if time > 0 || !blob_schedule.is_empty() {
            time = time.max(GENESIS_TIME) + random.between(0, horizon / 3);
        }
        blob_schedule.push((time, params));
    }
    L1ChainConfig {
        chain_id: L1_CHAIN_ID,
        blob_schedule,
    }
}

/// Some upgrade transactions for every fork that has some.
pub(super) fn draw_upgrades(random: &mut Random) -> Upgrades {
    let mut upgrades = Upgrades::none();
    for fork in UPGRADING_FORKS {
        let transactions = (0..random.between(0, 3))
            .map(|step| UpgradeTx {
                intent: format!("step {step}"),
                from: predeploys::DEPOSITOR_ACCOUNT,
                to: (step > 0).then(|| Address::repeat_byte(step as u8)),
                gas_limit: 1_000_000 + step,
                data: Bytes::new(),
            })
            .collect();
        upgrades.insert(UpgradeBundle { fork, transactions });
    }
    upgrades
}
