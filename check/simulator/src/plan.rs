//! What a seed decides before the first event: the chain, the batcher's settings, and how hostile
//! the world is.

use crate::random::Random;
use alloy_primitives::{Address, B256, Bytes, U256};
use opal_protocol::{
    Compression, Fork, ForkTimes, L1Id, L2Id, RollupConfig, RollupGenesis, SystemConfig,
    UpgradeBundle, UpgradeTx, Upgrades, config::ChainOpConfig, predeploys,
};
use opal_submission::{BatchForm, DataForm, SubmissionConfig};
use std::sync::Arc;

/// Time of the first block of both chains, unix seconds.
pub const GENESIS_TIME: u64 = 1_700_000_000;
/// Id of the L2 chain.
pub const L2_CHAIN_ID: u64 = 901;
/// Where batches are sent.
pub const INBOX: Address = Address::repeat_byte(0x1b);
/// The first batcher.
pub const BATCHER: Address = Address::repeat_byte(0xba);

/// Rates of faults in percent per opportunity, while the safety phase lasts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// An L1 slot stays empty.
    pub missed_slot: u64,
    /// An L1 slot brings a reorganisation.
    pub reorg: u64,
    /// A transaction is lost when its block is reorganised away.
    pub lost_tx: u64,
    /// A call of a node fails; half of those had their effect all the same.
    pub failed_call: u64,
    /// Blobs cannot be fetched at the moment.
    pub missing_blobs: u64,
    /// Somebody posts garbage to the inbox in an L1 slot.
    pub garbage: u64,
    /// A node crashes in an L1 slot; its engine may lose blocks.
    pub crash: u64,
    /// The batcher crashes in an L1 slot.
    pub batcher_crash: u64,
    /// The system configuration changes in an L1 slot.
    pub config_change: u64,
    /// Somebody deposits in an L1 slot.
    pub deposit: u64,
    /// A block of the sequencer does not reach the verifier.
    pub lost_gossip: u64,
}

/// All that is fixed for one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rollup. Genesis hashes are filled in by the world.
    pub cfg: RollupConfig,
    /// Upgrade transactions.
    pub upgrades: Arc<Upgrades>,
    /// Seconds between L1 slots.
    pub l1_block_time: u64,
    /// L1 blocks after which a block is final; no reorganisation is that deep.
    pub finality_depth: u64,
    /// Settings of the batcher.
    pub submission: SubmissionConfig,
    /// How fast its transactions land.
    pub batcher: Pace,
    /// L1 blocks that an origin needs on top before the sequencer takes it.
    pub sequencer_confirmations: u64,
    /// Whether the verifier hears of unsafe blocks.
    pub gossip: bool,
    /// Longest delay of anything that is asked for, in milliseconds.
    pub latency_max_ms: u64,
    /// L1 slots with faults.
    pub safety_slots: u64,
    /// L1 slots without faults, at the end of which everything must have healed.
    pub liveness_slots: u64,
    /// The faults.
    pub chaos: Chaos,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(random: &mut Random) -> Self {
        let block_time = *random.pick(&[1, 2, 2]);
        let l1_block_time = *random.pick(&[4, 6, 6, 10]);
        let seq_window_size = random.between(12, 30);
        let (forks, upgrades) = draw_forks(random, l1_block_time);
        let cfg = RollupConfig {
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
                    scalar: U256::from(1) << 248 | U256::from(810_949),
                    ..Default::default()
                },
            },
            block_time,
            max_sequencer_drift: 600,
            seq_window_size,
            channel_timeout: random.between(3, 40),
            l1_chain_id: 900,
            l2_chain_id: L2_CHAIN_ID,
            forks,
            batch_inbox_address: INBOX,
            deposit_contract_address: Address::repeat_byte(0xdc),
            l1_system_config_address: Address::repeat_byte(0x5c),
            protocol_versions_address: Address::ZERO,
            chain_op_config: ChainOpConfig::default(),
            keep_karst_upgrade_gas: random.percent(30),
            alt_da: None,
        };
        let finality_depth = random.between(6, 14);
        let batcher = Pace {
            confirmations: random.between(0, 2),
            in_flight: random.between(2, 4) as usize,
        };
        Self {
            submission: draw_submission(random, &cfg, l1_block_time, &batcher),
            batcher,
            cfg,
            upgrades: Arc::new(upgrades),
            l1_block_time,
            finality_depth,
            sequencer_confirmations: random.between(0, 3),
            gossip: random.percent(60),
            latency_max_ms: random.between(5, 60),
            safety_slots: random.between(25, 60),
            liveness_slots: seq_window_size + finality_depth + 15,
            chaos: draw_chaos(random),
        }
    }
}

/// Holocene from genesis on; the forks since at genesis, during the run, or not at all.
fn draw_forks(random: &mut Random, l1_block_time: u64) -> (ForkTimes, Upgrades) {
    let mut forks = ForkTimes::at_genesis(Fork::Holocene);
    let mut upgrades = Upgrades::none();
    let mut after = 0;
    for fork in [Fork::Isthmus, Fork::Jovian, Fork::Karst] {
        if random.percent(15) {
            break;
        }
        if random.percent(50) {
            after += random.between(0, 25) * l1_block_time + random.between(0, 3);
        }
        let time = if after == 0 { 0 } else { GENESIS_TIME + after };
        forks.set(fork, Some(time));
        let transactions = (0..random.between(1, 3))
            .map(|step| UpgradeTx {
                intent: format!("step {step}"),
                from: predeploys::DEPOSITOR_ACCOUNT,
                to: Some(Address::repeat_byte(step as u8)),
                gas_limit: 1_000_000 + step,
                data: Bytes::new(),
            })
            .collect();
        upgrades.insert(UpgradeBundle { fork, transactions });
    }
    (forks, upgrades)
}

/// Bytes that a block of the sequencer adds to a channel, generously.
const BLOCK_BYTES: u64 = 500;

/// Settings with which a batcher can keep up: what it has in flight carries more than is built
/// meanwhile, and all frames of a channel land well within a window.
fn draw_submission(
    random: &mut Random,
    cfg: &RollupConfig,
    l1_block_time: u64,
    batcher: &Pace,
) -> SubmissionConfig {
    let compression = *random.pick(&[Compression::Brotli, Compression::Zlib]);
    let bytes_per_slot = l1_block_time / cfg.block_time * BLOCK_BYTES;
    let slots_per_tx = batcher.confirmations + 2;
    let bytes_needed = bytes_per_slot * slots_per_tx / batcher.in_flight as u64;
    let max_bytes = bytes_needed + random.between(1000, 2 * bytes_needed + 2000);
    SubmissionConfig {
        batch: *random.pick(&[BatchForm::Span, BatchForm::Span, BatchForm::Singular]),
        compression,
        compression_level: random.between(1, 4) as u8,
        data: if random.percent(40) {
            DataForm::Blobs {
                max_per_tx: random.between(1, 6) as usize,
            }
        } else {
            DataForm::Calldata {
                max_bytes: max_bytes as usize,
            }
        },
        target_num_frames: random.between(1, 3) as usize,
        max_channel_duration: random.between(1, 3),
        sub_safety_margin: random.between(4, cfg.seq_window_size / 2),
        max_blocks_per_span_batch: *random.pick(&[0, 0, 3]),
        wait_node_sync: *random.pick(&[None, Some(0), Some(2)]),
    }
}

/// How fast the batcher's transactions land.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// L1 blocks on top of a transaction before the batcher believes in it.
    pub confirmations: u64,
    /// Transactions in flight at once.
    pub in_flight: usize,
}

/// Some runs are calm, some see one kind of fault, most see all of them.
fn draw_chaos(random: &mut Random) -> Chaos {
    let mut rate = |max: u64| {
        if random.percent(75) {
            random.between(0, max)
        } else {
            0
        }
    };
    Chaos {
        missed_slot: rate(30),
        reorg: rate(12),
        lost_tx: rate(50),
        failed_call: rate(8),
        missing_blobs: rate(50),
        garbage: rate(40),
        crash: rate(6),
        batcher_crash: rate(6),
        config_change: rate(8),
        deposit: rate(60),
        lost_gossip: rate(30),
    }
}
