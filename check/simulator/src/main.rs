//! Runs seeds until one fails.

use clap::Parser;
use opal_protocol::Fork;
use opal_simulator::{Figures, Options, Violation, World, command_of};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};

/// Simulates a rollup under faults, one seed after the other.
#[derive(Debug, Parser)]
#[command(name = "opal-simulator")]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Print what happens, with virtual time in seconds.
    #[arg(long)]
    log: bool,
    /// Nodes forget in a crash what their safe heads were derived from; some seeds must fail then.
    #[arg(long)]
    forgetful: bool,
    /// Ask the naive derivation after every L1 block of every run.
    #[arg(long)]
    thorough: bool,
    /// Stay in one fork from genesis on, for example `granite`.
    #[arg(long)]
    era: Option<Fork>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options {
        keep_log: args.log,
        forgetful: args.forgetful,
        thorough: args.thorough,
        era: args.era,
    };
    let (begin, mut sum, mut failed) = (Instant::now(), Figures::default(), 0u64);
    for seed in (0..args.seeds).map(|offset| args.start.wrapping_add(offset)) {
        match run(seed, options) {
            Ok(figures) => sum.add(&figures),
            Err(problem) => {
                failed += 1;
                println!(
                    "seed {seed} failed: {problem}\n  repeat it with: {}",
                    command_of(seed)
                );
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    print!("{sum}");
    println!("{} seeds in {seconds:.1} s, {failed} failed", args.seeds);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a seed. A panic of the code under test is a failure like any other.
fn run(seed: u64, options: Options) -> Result<Figures, String> {
    let mut world = World::new(seed, options);
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    for line in world.log() {
        println!("{line}");
    }
    match result {
        Ok(outcome) => outcome.map_err(|violation: Violation| violation.to_string()),
        Err(_) => Err("panic, see above".to_string()),
    }
}
