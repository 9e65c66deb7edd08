//! What a seed decides before the first event: the chain, the batcher's settings, and how hostile
//! the world is.

mod eras;

use crate::random::Random;
use alloy_primitives::{Address, B256, U256};
use opal_protocol::{
    Compression, Fork, ForkTimes, L1ChainConfig, L1Id, L2Id, RollupConfig, RollupGenesis,
    SystemConfig, Upgrades, config::ChainOpConfig,
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
/// Accounts that the system configuration may name as batcher.
pub const BATCHERS: [Address; 3] = [
    BATCHER,
    Address::repeat_byte(0xb1),
    Address::repeat_byte(0xb2),
];

/// Rates of faults in percent per opportunity, while the safety phase lasts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// An L1 slot stays empty.
    pub missed_slot: u64,
    /// A row of empty L1 slots begins.
    pub gap: u64,
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
    /// The batcher posts so many unfinished channels in an L1 slot that no bank holds them. Happens
    /// once at most.
    pub flood: u64,
    /// A node crashes in an L1 slot; its engine may lose blocks.
    pub crash: u64,
    /// The batcher crashes in an L1 slot.
    pub batcher_crash: u64,
    /// The system configuration changes in an L1 slot.
    pub config_change: u64,
    /// A batcher whose key was taken out of the system configuration goes on with it.
    pub old_batcher: u64,
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
    /// Blob parameters of L1.
    pub l1_chain: L1ChainConfig,
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
    /// Whether windows and timeouts leave the batcher the time it needs. If not, all that is asked
    /// of the safe chain is to be the right one.
    pub keeps_up: bool,
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

/// What the clocks of both chains are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tempo {
    /// Windows of some dozen L1 blocks, as the rest of the plan can bear them.
    Usual,
    /// The sequencing window never closes during the run.
    LongWindow,
    /// Windows and timeouts of a few L1 blocks.
    Hurried,
    /// L1 is faster than L2, so that L2 falls behind with its L1 origins.
    FastL1,
}

impl Plan {
    /// The plan of a seed. Of one `era`, every fork up to it is active at genesis and none follows.
    pub fn draw(random: &mut Random, era: Option<Fork>) -> Self {
        use Tempo::{FastL1, Hurried, LongWindow, Usual};
        let tempo = match random.between(0, 19) {
            0 => FastL1,
            1 | 2 => Hurried,
            3 | 4 => LongWindow,
            _ => Usual,
        };
        let (block_time, l1_block_time) = match tempo {
            FastL1 => (3, 2),
            _ => (*random.pick(&[1, 2, 2]), *random.pick(&[4, 6, 6, 10])),
        };
        let seq_window_size = match tempo {
            Usual | FastL1 => random.between(12, 30),
            LongWindow => random.between(100, 200),
            Hurried => random.between(3, 9),
        };
        let batcher = Pace {
            confirmations: random.between(0, 2),
            in_flight: random.between(2, 4) as usize,
        };
        let sequencer_confirmations = random.between(0, 3);
        let safety_slots = random.between(25, 60);
        let horizon = safety_slots * l1_block_time;
        let (mut forks, l1_chain) = eras::draw(random, horizon, l1_block_time, block_time);
        if let Some(era) = era {
            forks = ForkTimes {
                pectra_blob_schedule_time: forks.pectra_blob_schedule_time,
                ..ForkTimes::at_genesis(era)
            };
        }
        let mut submission =
            draw_submission(random, seq_window_size, block_time, l1_block_time, &batcher);
        if tempo == Hurried {
            // Many frames, so that channels time out half sent.
            submission.data = DataForm::Calldata { max_bytes: 1000 };
            submission.target_num_frames = random.between(3, 8) as usize;
        }
        let channel_timeout = match tempo {
            Hurried => random.between(1, 6),
            _ => enough_for_a_channel(&submission, &batcher) + random.between(0, 30),
        };
        let max_sequencer_drift = if random.percent(60) {
            (sequencer_confirmations + 2 + random.between(0, 5)) * l1_block_time
        } else {
            600
        };
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
                    overhead: U256::from(random.between(0, 2000)),
                    scalar: *random.pick(&[
                        U256::from(1) << 248 | U256::from(810_949),
                        U256::from(684_000),
                    ]),
                    ..Default::default()
                },
            },
            block_time,
            max_sequencer_drift,
            seq_window_size,
            channel_timeout,
            l1_chain_id: l1_chain.chain_id,
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
        // Without Canyon, unfinished channels hold up all others until they time out.
        let bank_delay = if cfg.is_active(Fork::Canyon, GENESIS_TIME + horizon) {
            0
        } else {
            channel_timeout
        };
        Self {
            submission,
            batcher,
            cfg,
            l1_chain,
            upgrades: Arc::new(eras::draw_upgrades(random)),
            l1_block_time,
            finality_depth,
            keeps_up: matches!(tempo, Usual | LongWindow),
            sequencer_confirmations,
            gossip: random.percent(60),
            latency_max_ms: random.between(5, 60),
            safety_slots,
            liveness_slots: seq_window_size.min(30) + bank_delay + finality_depth + 15,
            chaos: draw_chaos(random),
        }
    }
}

/// Bytes that a block of the sequencer adds to a channel, generously.
const BLOCK_BYTES: u64 = 500;
/// L1 blocks from the moment that a transaction is sent to the moment that it is believed in.
const fn slots_per_tx(batcher: &Pace) -> u64 {
    batcher.confirmations + 2
}

/// L1 blocks within which all frames of a channel land, even if it gets longer than intended.
const fn enough_for_a_channel(submission: &SubmissionConfig, batcher: &Pace) -> u64 {
    let rounds = (submission.target_num_frames + 2).div_ceil(batcher.in_flight) as u64;
    rounds * slots_per_tx(batcher) + 2
}

/// Settings with which a batcher can keep up: what it has in flight carries more than is built
/// meanwhile, and all frames of a channel land well within a window.
fn draw_submission(
    random: &mut Random,
    seq_window_size: u64,
    block_time: u64,
    l1_block_time: u64,
    batcher: &Pace,
) -> SubmissionConfig {
    let compression = *random.pick(&[Compression::Brotli, Compression::Zlib]);
    let bytes_per_slot = l1_block_time.div_ceil(block_time) * BLOCK_BYTES;
    let bytes_needed = bytes_per_slot * slots_per_tx(batcher) / batcher.in_flight as u64;
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
        sub_safety_margin: random.between(4, (seq_window_size / 2).clamp(4, 15)),
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
        gap: rate(5),
        reorg: rate(12),
        lost_tx: rate(50),
        failed_call: rate(8),
        missing_blobs: rate(50),
        garbage: rate(80),
        crash: rate(6),
        batcher_crash: rate(6),
        config_change: rate(10),
        old_batcher: rate(100),
        deposit: rate(60),
        lost_gossip: rate(30),
        flood: if random.percent(1) { 10 } else { 0 },
    }
}
