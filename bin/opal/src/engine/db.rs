//! `opal engine db`: figures and checks of a data directory.

use super::{
    chain::ChainArgs,
    progress::{Bar, bytes, duration},
};
use clap::Subcommand;
use opal_engine::DbStat;
use tracing::info;

/// What can be done to a data directory that no engine uses.
#[derive(Subcommand)]
pub(crate) enum DbCommand {
    /// Print the chain's pointers, the window of states, and rows and bytes of every table.
    Stat,
    /// Recompute the state root from scratch, read the whole trie, follow the chain from block to
    /// block. Exits with 1 and says what is damaged and where, if anything is.
    Verify,
}

/// Runs one.
pub(crate) fn run(chain: &ChainArgs, command: &DbCommand) -> eyre::Result<()> {
    match command {
        DbCommand::Stat => {
            print!("{}", report(&opal_engine::stat(&chain.datadir)?));
            Ok(())
        }
        DbCommand::Verify => verify(chain),
    }
}

fn verify(chain: &ChainArgs) -> eyre::Result<()> {
    let mut bar = Bar::new();
    let report = opal_engine::verify(&chain.datadir, |progress| bar.show(&progress))?;
    let time = duration(bar.elapsed());
    drop(bar);
    let (hash, number) = report.head;
    if report.damages_total == 0 {
        info!(
            head = number, %hash, state_root = %report.state_root,
            accounts = report.accounts, slots = report.slots, nodes = report.nodes,
            blocks = report.blocks, time,
            "the data directory is sound: the state root was recomputed from scratch"
        );
        return Ok(());
    }
    for damage in &report.damages {
        eprintln!("damaged: {damage}");
    }
    let shown = report.damages.len() as u64;
    if report.damages_total > shown {
        eprintln!("… and {} more", report.damages_total.saturating_sub(shown));
    }
    eyre::bail!(
        "{} is damaged in {} places (head: block {number}, {hash}); restore it from a copy, or \
         delete it and import or sync again",
        chain.datadir.display(),
        report.damages_total
    )
}

/// The figures as a table.
fn report(stat: &DbStat) -> String {
    let mut out = format!(
        "chain id         {}\ngenesis          {}\n",
        stat.identity.chain_id, stat.identity.genesis
    );
    let (hash, number) = stat.head;
    out += &format!(
        "head             {number} {hash} (unix time {})\n",
        stat.head_time
    );
    for (name, pointer) in [("safe", stat.safe), ("finalized", stat.finalized)] {
        out += &match pointer {
            Some((hash, number)) => format!("{name:16} {number} {hash}\n"),
            None => format!("{name:16} none named yet\n"),
        };
    }
    out += &format!("blocks           {} to {}\n", stat.blocks.0, stat.blocks.1);
    out += &format!("states           {} to {number}\n\n", stat.oldest_state);
    out += &format!("{:16} {:>12} {:>12}\n", "table", "rows", "in the file");
    for table in &stat.tables {
        let file = bytes(table.file_bytes);
        out += &format!("{:16} {:>12} {file:>12}\n", table.name, table.rows);
    }
    out += "\n";
    for (path, size) in &stat.files {
        out += &format!("{:>12}  {}\n", bytes(*size), path.display());
    }
    out
}
