//! `opal-conformance KIND PATH...`: runs vectors and counts.

use clap::Parser;
use opal_conformance::{Counts, Kind};
use std::{path::PathBuf, process::ExitCode};

/// Run vectors of one kind. Exits with 0 if something was run and nothing failed, with 1 if not,
/// with 2 if the arguments are of no use.
#[derive(Parser)]
#[command(name = "opal-conformance", version)]
struct Args {
    /// What the files hold.
    kind: Kind,
    /// Files, or folders of files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcomes = match args.kind.check_all(&args.paths) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            eprintln!("opal-conformance: {error:#}");
            return ExitCode::from(2);
        }
    };
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let counts = Counts::sum(&outcomes);
    println!("{counts}");
    if counts.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
