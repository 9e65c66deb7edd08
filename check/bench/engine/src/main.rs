//! How fast the execution client is, beside op-revm with nothing around it.
//!
//! Both sides run in one process and in turns on the same signed transactions; what they must agree
//! on (gas used) is asserted. Figures are wall times unless they say otherwise.

mod assembler;
mod build;
mod contracts;
mod driver;
mod geth;
mod growth;
mod http;
mod import;
mod meter;
mod mixes;
mod pool;
mod raw;
mod report;
mod rpc;
mod world;

use report::Row;
use std::process::ExitCode;
use world::{USERS, World};

/// Where the list for machines goes, in the current directory.
const OUTPUT: &str = "bench-engine.json";
/// Holders of the main workloads.
const HOLDERS: u64 = 1_000_000;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    opal_engine::use_small_pages();
    let args: Vec<String> = std::env::args().skip(2).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    meter::listen();
    let before = meter::load();
    let rows = runtime.block_on(run(&args));
    println!("load before {before}, after {}", meter::load());
    report::print(&rows);
    if !args.is_empty() {
        return ExitCode::SUCCESS;
    }
    match std::fs::write(OUTPUT, report::json(&rows)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {OUTPUT}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[String]) -> Vec<Row> {
    let wanted = |name: &str| args.is_empty() || args.iter().any(|arg| arg == name);
    let number = |name: &str| args.iter().find_map(|a| a.strip_prefix(name)?.parse().ok());
    let holders = number("--holders=").unwrap_or(HOLDERS);
    let mut rows = Vec::new();
    if ["import", "build", "pool"].into_iter().any(wanted) {
        eprintln!("preparing {holders} holders");
        let world = World::new(holders, USERS.min(holders));
        let mut prepared = driver::Prepared::new(&world).await;
        if wanted("import") {
            eprintln!("running import");
            rows.extend(import::run(&world, &mut prepared).await);
        }
        if wanted("build") {
            eprintln!("running build");
            rows.extend(build::run(&world, &mut prepared).await);
        }
        if wanted("pool") {
            eprintln!("running pool");
            rows.extend(pool::run(&world, &mut prepared).await);
        }
    }
    if wanted("geth") {
        eprintln!("running geth");
        rows.extend(geth::run().await);
    }
    if wanted("rpc") {
        eprintln!("running rpc");
        rows.extend(rpc::run().await);
    }
    if wanted("growth") {
        eprintln!("running growth");
        let mut sizes = vec![10_000, 1_000_000];
        if args.iter().any(|arg| arg == "--ten-million") {
            sizes.push(10_000_000);
        }
        rows.extend(growth::run(&sizes).await);
    }
    rows
}
