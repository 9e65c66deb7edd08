//! Side-by-side benchmarks. `derivation` compares with `kona-derive` and `kona-protocol` 0.4.5,
//! prints a table and writes `bench-derivation.json`.
//!
//! What is compared is bytes: both sides get the same input and must give the same output, which
//! is asserted before anything is timed. Data stays within what the peer's version can derive: no
//! fork after Isthmus, no blob parameters after Prague.

mod bare;
mod blobs;
mod bomb;
mod channel;
mod derive;
mod fixture;
mod meter;
mod ours;
mod peer;
mod report;
mod world;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

/// Where the list for machines goes, in the current directory.
const OUTPUT: &str = "bench-derivation.json";

/// Compares on the given channel.
type Workload = fn(&fixture::Channel) -> Vec<report::Row>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (suite, only) = (args.next(), args.next());
    if suite.as_deref() != Some("derivation") {
        eprintln!("usage: run derivation [channel|derive|blobs|bomb]");
        return ExitCode::FAILURE;
    }
    let channel = fixture::Channel::load();
    let workloads: [(&str, Workload); 4] = [
        ("channel", channel::run),
        ("derive", derive::run),
        ("blobs", blobs::run),
        ("bomb", bomb::run),
    ];
    let mut rows = Vec::new();
    for (name, run) in workloads {
        if only.as_deref().is_none_or(|only| only == name) {
            eprintln!("running {name}");
            rows.extend(run(&channel));
        }
    }
    report::print(&rows);
    if only.is_some() {
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
