//! `opal devnet` from start to verdict.

use crate::{
    config::DevnetConfig,
    error::DevnetError,
    report::Report,
    status::{self, Heads, Meter, View},
    wiring::Devnet,
};
use alloy_primitives::B256;
use opal_engine::Engine;
use opal_proposer::ProposerStatus;
use opal_rpc::{BlockTag, EngineApi, SyncStatus};
use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::info;

/// How often heads are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How often the live view is redrawn on a terminal.
const SCREEN_INTERVAL: Duration = Duration::from_millis(500);
/// How often a status line is printed elsewhere.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Blocks counted for the load figures at one look; a devnet that resumes far behind catches up
/// over several looks.
const METERED_BLOCKS_MAX: u64 = 64;

/// Runs a devnet until it is interrupted, reaches its goal, or fails. `terminal` says whether
/// standard output is a terminal that the live view may redraw.
pub async fn run(config: DevnetConfig, terminal: bool) -> Result<(), DevnetError> {
    let started = Instant::now();
    let devnet = Devnet::launch(&config).await?;
    println!(
        "{}",
        crate::banner::text(&devnet.descriptor, &config.descriptor_path())
    );

    let mut watch = Watch::new(&devnet, started);
    let verdict = watch.until_end(&config, terminal).await;
    info!("stopping");
    if let Some(path) = &config.report {
        watch
            .report()
            .write(path)
            .map_err(DevnetError::folder(path))?;
    }
    devnet.shutdown().await;
    if verdict.is_ok() {
        println!("stopped");
    }
    verdict
}

/// Looks at a running devnet.
struct Watch<'a> {
    devnet: &'a Devnet,
    started: Instant,
    meter: Meter,
    /// Next sequencer block to count, once the first head is known.
    next_metered: Option<u64>,
    /// Heights at the first look; a resumed devnet starts above zero.
    first: Option<(u64, u64)>,
    report: Report,
    view: View,
}

impl<'a> Watch<'a> {
    fn new(devnet: &'a Devnet, started: Instant) -> Self {
        Self {
            devnet,
            started,
            meter: Meter::default(),
            next_metered: None,
            first: None,
            report: Report::default(),
            view: View::default(),
        }
    }

    /// Looks, shows, and returns once there is a verdict.
    async fn until_end(
        &mut self,
        config: &DevnetConfig,
        terminal: bool,
    ) -> Result<(), DevnetError> {
        let interval = if terminal {
            SCREEN_INTERVAL
        } else {
            LINE_INTERVAL
        };
        let mut shown: Option<Instant> = None;
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        let mut interrupted = std::pin::pin!(interrupted());
        loop {
            tokio::select! {
                () = &mut interrupted => return Ok(()),
                _ = look.tick() => {}
            }
            self.look().await;
            if shown.is_none_or(|at| at.elapsed() >= interval) {
                show(&self.view, terminal, shown.is_some());
                shown = Some(Instant::now());
            }
            if let Some(goal) = config.until_safe
                && self.view.verifier.safe.number >= goal
            {
                compare(self.devnet, goal).await?;
                self.report.goal_ms = Some(self.elapsed_ms());
                println!("block {goal} is safe on the verifier and equals the sequencer's");
                return Ok(());
            }
            if let Some(timeout) = config.timeout
                && self.started.elapsed() >= timeout
            {
                return Err(self.timed_out(timeout, config.until_safe));
            }
        }
    }

    fn timed_out(&self, timeout: Duration, goal: Option<u64>) -> DevnetError {
        let batcher = self.devnet.batcher.status().borrow().error.clone();
        let proposer = self.proposer().error;
        let mut reason = status::line(&self.view);
        if let Some(goal) = goal {
            reason = format!("the verifier's safe head did not reach block {goal}: {reason}");
        }
        if let Some(error) = batcher {
            reason += &format!("; the batcher says: {error}");
        }
        if let Some(error) = proposer {
            reason += &format!("; the proposer says: {error}");
        }
        DevnetError::Timeout {
            seconds: timeout.as_secs(),
            reason,
        }
    }

    /// Reads all heads and counts new blocks.
    async fn look(&mut self) {
        let sequencer = *self.devnet.sequencer.node.status().borrow();
        let verifier = *self.devnet.verifier.node.status().borrow();
        let batcher = self.devnet.batcher.status().borrow().clone();
        self.view.uptime = self.started.elapsed();
        self.view.l1 = sequencer.head_l1;
        self.view.l1_safe = sequencer.safe_l1.number;
        self.view.l1_finalized = sequencer.finalized_l1.number;
        self.view.sequencer = heads(&sequencer);
        self.view.verifier = heads(&verifier);
        self.view.backlog_blocks = batcher.backlog_blocks;
        self.view.backlog_bytes = batcher.backlog_bytes as u64;
        let proposer = self.proposer();
        self.view.proposals = proposer.proposals;
        self.view.proposed = proposer.last.map(|last| last.l2.number);
        self.meter_blocks(sequencer.unsafe_l2.number).await;
        self.view.rates = self.meter.rates(Instant::now());
        self.note_firsts(sequencer.unsafe_l2.number, verifier.safe_l2.number);
    }

    fn proposer(&self) -> ProposerStatus {
        let handle = self.devnet.proposer.as_ref();
        handle.map_or_else(ProposerStatus::default, |p| p.status().borrow().clone())
    }

    fn note_firsts(&mut self, built: u64, safe: u64) {
        let (first_built, first_safe) = *self.first.get_or_insert((built, safe));
        let now = self.elapsed_ms();
        if built > first_built || (built > 0 && first_built == built && first_safe == 0) {
            self.report.first_block_ms.get_or_insert(now);
        }
        if safe > first_safe {
            self.report.first_safe_ms.get_or_insert(now);
        }
    }

    async fn meter_blocks(&mut self, head: u64) {
        let from = *self.next_metered.get_or_insert(head + 1);
        // After a reorg to a lower head, counting goes on from there.
        let from = from.min(head + 1);
        let api = self.devnet.sequencer.engine.api();
        for number in from..=head.min(from.saturating_add(METERED_BLOCKS_MAX)) {
            let Ok(Some(block)) = api.block(BlockTag::Number(number)).await else {
                break;
            };
            let is_user = |tx: &&alloy_primitives::Bytes| tx.first() != Some(&0x7e);
            let transactions = block.transactions.iter().filter(is_user).count() as u64;
            self.meter
                .add(Instant::now(), transactions, block.header.gas_used);
            self.next_metered = Some(number + 1);
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn report(&self) -> Report {
        Report {
            total_ms: self.elapsed_ms(),
            l1_head: self.view.l1.number,
            sequencer_unsafe: self.view.sequencer.latest.number,
            verifier_safe: self.view.verifier.safe.number,
            verifier_finalized: self.view.verifier.finalized.number,
            proposals: self.view.proposals,
            proposed_block: self.view.proposed,
            transactions: self.meter.transactions,
            gas: self.meter.gas,
            ..self.report.clone()
        }
    }
}

fn heads(status: &SyncStatus) -> Heads {
    Heads {
        latest: status.unsafe_l2,
        safe: status.safe_l2,
        finalized: status.finalized_l2,
    }
}

/// Redraws the view in place, or prints it as a line.
fn show(view: &View, terminal: bool, again: bool) {
    let mut out = std::io::stdout().lock();
    let text = if terminal {
        status::screen(view)
    } else {
        status::line(view) + "\n"
    };
    let up = if terminal && again {
        text.lines().count()
    } else {
        0
    };
    // A closed pipe is no reason to stop a devnet.
    let _ = match up {
        0 => write!(out, "{text}"),
        lines => write!(out, "\x1b[{lines}A\x1b[J{text}"),
    };
    let _ = out.flush();
}

/// Whether both engines have the same block at `number`.
async fn compare(devnet: &Devnet, number: u64) -> Result<(), DevnetError> {
    let sequencer = hash_at(&devnet.sequencer.engine, number).await;
    let verifier = hash_at(&devnet.verifier.engine, number).await;
    if sequencer.is_ok() && sequencer == verifier {
        return Ok(());
    }
    let told = |hash: Result<B256, String>| hash.map_or_else(|e| e, |hash| hash.to_string());
    Err(DevnetError::Diverged {
        number,
        sequencer: told(sequencer),
        verifier: told(verifier),
    })
}

async fn hash_at(engine: &Engine, number: u64) -> Result<B256, String> {
    let api: Arc<dyn EngineApi> = engine.api();
    match api.block(BlockTag::Number(number)).await {
        Ok(Some(block)) => Ok(block.hash),
        Ok(None) => Err("has no such block".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Completes on Ctrl-C or a request to terminate.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without the signal there is still Ctrl-C.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
