//! B1: blocks of others come in through `engine_newPayload` and `engine_forkchoiceUpdated`.

use crate::{
    driver::{Driver, Prepared},
    meter::{Samples, process_time, take_timings, thread_time},
    mixes::{Filler, Mix},
    raw::Raw,
    report::{Goal, Row},
    world::{FEE_VAULT, World},
};
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use std::time::Instant;

/// Blocks of each mix.
const BLOCKS: usize = 48;

/// What the blocks of a mix took.
#[derive(Debug, Default)]
struct Series {
    engine: Samples,
    raw: Samples,
    raw_execution: Samples,
    new_payload: Samples,
    forkchoice: Samples,
    engine_processor: Samples,
    raw_processor: Samples,
    gas: u64,
}

pub async fn run(world: &World, prepared: &mut Prepared) -> Vec<Row> {
    let blocks = build_blocks(world, prepared).await;
    let mut driver = Driver::start(world, &prepared.copy()).await;
    let mut raw = Raw::new(&world.genesis());
    let mut rows = Vec::new();
    take_timings();
    for (mix, payloads) in blocks {
        let started = Instant::now();
        let mut series = Series::default();
        for (i, payload) in payloads.into_iter().enumerate() {
            race(&mut series, &mut driver, &mut raw, payload, i % 2 == 0).await;
        }
        eprintln!("  {}: {:.1} s", mix.name(), started.elapsed().as_secs_f64());
        explain(mix);
        rows.extend(report(mix, &series));
    }
    let started = Instant::now();
    driver.engine.shutdown().await;
    let rest = started.elapsed();
    rows.push(Row::value(
        "B1 flush of what was not on disk after the last block",
        "ms",
        rest.as_secs_f64() * 1e3,
        Goal::None,
        "shutdown",
    ));
    rows
}

async fn build_blocks(
    world: &World,
    prepared: &mut Prepared,
) -> Vec<(Mix, Vec<OpExecutionPayloadEnvelope>)> {
    let mut builder = Driver::start(world, &prepared.copy()).await;
    let mut filler = Filler::new(world);
    let mut blocks = Vec::new();
    for mix in Mix::ALL {
        let mut payloads = Vec::new();
        for _ in 0..BLOCKS {
            let payload = builder.build(&filler.block(mix)).await;
            builder.import(payload.clone()).await;
            payloads.push(payload);
        }
        blocks.push((mix, payloads));
    }
    builder.engine.shutdown().await;
    blocks
}

/// One block on both sides.
async fn race(
    series: &mut Series,
    driver: &mut Driver,
    raw: &mut Raw,
    payload: OpExecutionPayloadEnvelope,
    raw_first: bool,
) {
    let block: alloy_consensus::Block<alloy_primitives::Bytes> = payload
        .execution_payload
        .clone()
        .into_block_raw()
        .expect("our own payload");
    let mut run_raw = |series: &mut Series| {
        let processor = thread_time();
        let times = raw.run(&block.header, &block.body.transactions);
        series.raw_processor.push_time(thread_time() - processor);
        times
    };
    let mut raw_times = None;
    if raw_first {
        raw_times = Some(run_raw(series));
    }
    let processor = process_time();
    let times = driver.import(payload).await;
    let processor = process_time() - processor;
    let raw_times = raw_times.unwrap_or_else(|| run_raw(series));
    assert_eq!(raw_times.gas_used, block.header.gas_used, "the same work");
    let vault = driver.engine.head().borrow().hash;
    assert_eq!(vault, driver.head);
    assert!(!raw.balance(FEE_VAULT).is_zero());
    series.gas += block.header.gas_used;
    series.engine.push_time(times.total());
    series.new_payload.push_time(times.new_payload);
    series.forkchoice.push_time(times.forkchoice);
    series.engine_processor.push_time(processor);
    series.raw.push_time(raw_times.total());
    series.raw_execution.push_time(raw_times.execution);
}

fn explain(mix: Mix) {
    for (name, samples) in take_timings() {
        eprintln!(
            "    {} {name}: median {:.3}, p90 {:.3}, sum {:.1}, n {}",
            mix.name(),
            samples.median(),
            samples.quantile(0.9),
            samples.sum(),
            samples.len()
        );
    }
}

fn report(mix: Mix, s: &Series) -> Vec<Row> {
    let name = mix.name();
    let goal = match mix {
        Mix::Tokens | Mix::Swaps => Goal::AtMost(1.5),
        Mix::Arithmetic | Mix::Hashes => Goal::AtMost(1.1),
        Mix::Slots => Goal::None,
    };
    let count = s.engine.len();
    let mgas = s.gas as f64 / count as f64 / 1e6;
    let how = format!(
        "wall time per block, median of {count} blocks, engine and raw in turns; \
         engine: newPayload and FCU in process, database on disk with fsync; {mgas:.1} Mgas a block"
    );
    vec![
        Row::cost(
            format!("B1 {name}: import / raw op-revm with senders"),
            "ms",
            [s.engine.median(), s.raw.median()],
            goal,
            format!("{how}; raw decodes, recovers and executes on one thread, state in memory"),
        ),
        Row::cost(
            format!("B1 {name}: import / raw op-revm, senders known"),
            "ms",
            [s.engine.median(), s.raw_execution.median()],
            Goal::None,
            format!("{how}; raw only executes"),
        ),
        Row::cost(
            format!("B1 {name}: processor time / raw with senders"),
            "ms",
            [s.engine_processor.median(), s.raw_processor.median()],
            Goal::None,
            "processor time instead of wall time, which other programs disturb less; the engine's \
             is that of all threads of the process during an import, the flusher's included",
        ),
        Row::cost(
            format!("B1 {name}: newPayload p50 / p99"),
            "ms",
            [s.new_payload.median(), s.new_payload.quantile(0.99)],
            Goal::None,
            "`ours` is the median, `peer` the 99th percentile",
        ),
        Row::cost(
            format!("B1 {name}: FCU p50 / p99"),
            "ms",
            [s.forkchoice.median(), s.forkchoice.quantile(0.99)],
            Goal::None,
            "`ours` is the median, `peer` the 99th percentile",
        ),
        Row::rate(
            format!("B1 {name}: throughput"),
            "Mgas/s",
            [
                s.gas as f64 / 1e3 / s.engine.sum(),
                s.gas as f64 / 1e3 / s.raw.sum(),
            ],
            Goal::None,
            "all blocks of the mix; raw with senders",
        ),
    ]
}
