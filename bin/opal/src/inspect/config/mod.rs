//! What Opal knows of a network: its rollup configuration, its fork schedule, or the list of all.

use super::{table::Table, write};
use clap::Args;
use eyre::{Result, WrapErr, eyre};
use opal_protocol::{
    Fork, RollupConfig,
    networks::{self, Network, NetworkError, Obstacle},
};
use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

/// Arguments of `opal inspect config`.
#[derive(Args)]
pub(super) struct ConfigArgs {
    /// Name such as op-mainnet, its short form op, or an L2 chain id. Without it all networks are
    /// listed.
    network: Option<String>,
    /// Print when the forks activate instead, as dates.
    #[arg(long, requires = "network")]
    forks: bool,
}

/// Runs `opal inspect config`.
pub(super) fn run(args: &ConfigArgs) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.wrap_err("the clock is before 1970")?.as_secs();
    let Some(name) = &args.network else {
        return write(&list(now));
    };
    let network = find(name)?;
    if args.forks {
        return write(&schedule(&network, now));
    }
    write(&serde_json::to_string_pretty(&network.config)?)?;
    // Not on standard output, which may be on its way to a file.
    if let Some(obstacle) = network.obstacle {
        let name = network.name;
        eprintln!(
            "opal: note: {}",
            NetworkError::Underivable { name, obstacle }
        );
    }
    Ok(())
}

/// The network of a name, or an error that says where to find the names.
pub(super) fn find(name: &str) -> Result<Network> {
    networks::find(name).map_err(|error| eyre!("{error}\nAll networks: opal inspect config"))
}

/// All networks, a line each.
fn list(now: u64) -> String {
    let mut table = Table::new(&["network", "chain id", "L1", "newest fork", "since", "note"]);
    for network in networks::all() {
        let (cfg, forks) = (&network.config, &network.config.forks);
        let newest = forks.newest_at(now);
        let since = forks.time_of(newest).map(|time| start(cfg, time, day));
        let since = since.unwrap_or_default();
        let note = note(&network, now);
        table.row([
            &network.name,
            &cfg.l2_chain_id,
            &l1(cfg),
            &newest,
            &since,
            &note,
        ]);
    }
    format!(
        "{table}\nA mainnet goes by its name without -mainnet too, every network by its chain id."
    )
}

/// What is odd about a network, in few words.
fn note(network: &Network, now: u64) -> String {
    match network.obstacle {
        Some(Obstacle::AltDa) => "alt-DA: cannot be derived".to_owned(),
        Some(Obstacle::Departed { time, fork }) => {
            format!("on its own since {fork}, {}", day(time))
        }
        None => next_fork(&network.config, now).map_or_else(String::new, |(fork, time)| {
            format!("{fork} on {}", day(time))
        }),
    }
}

/// The fork schedule of a network.
fn schedule(network: &Network, now: u64) -> String {
    let cfg = &network.config;
    let mut table = Table::new(&["fork", "active from", "unix time"]);
    let mut row = |name: &str, time: u64| {
        let start = start(cfg, time, moment);
        table.row([&name, &start, &time]);
    };
    for fork in Fork::ALL {
        if fork == Fork::Isthmus
            && let Some(time) = cfg.forks.pectra_blob_schedule_time
        {
            row("pectra blob schedule (L1 time)", time);
        }
        if let Some(time) = cfg.forks.time_of(fork) {
            row(fork.name(), time);
        }
    }
    let mut text = format!(
        "{} ({}): chain {} on {}\n{table}",
        network.title,
        network.name,
        cfg.l2_chain_id,
        l1(cfg)
    );
    let newest = cfg.forks.newest_at(now);
    let next = match next_fork(cfg, now) {
        Some((fork, time)) => format!("{fork} activates in {}", duration(time - now)),
        None => "no later fork is scheduled".to_owned(),
    };
    write!(text, "\nThe newest active fork is {newest}; {next}.").expect("text takes all");
    if let Some(obstacle) = network.obstacle {
        write!(text, "\nOpal cannot follow this network: {obstacle}.").expect("text takes all");
    }
    text
}

/// The next fork after `now` and its time.
fn next_fork(cfg: &RollupConfig, now: u64) -> Option<(Fork, u64)> {
    let times = Fork::ALL.map(|fork| cfg.forks.time_of(fork).map(|time| (fork, time)));
    let later = times.into_iter().flatten().filter(|(_, time)| *time > now);
    later.min_by_key(|(_, time)| *time)
}

/// When something with an activation time begins; `show` says how precisely.
fn start(cfg: &RollupConfig, time: u64, show: fn(u64) -> String) -> String {
    if time <= cfg.genesis.l2_time {
        return "genesis".to_owned();
    }
    show(time)
}

/// A unix time to the second, in UTC.
fn moment(time: u64) -> String {
    let seconds = time % 86_400;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", day(time))
}

fn l1(cfg: &RollupConfig) -> String {
    match cfg.l1_chain_id {
        1 => "Ethereum".to_owned(),
        11_155_111 => "Sepolia".to_owned(),
        other => format!("chain {other}"),
    }
}

/// The day of a unix time, as `YYYY-MM-DD` in UTC.
fn day(time: u64) -> String {
    // Years that begin in March have their leap day at the end, so that days of all months but the
    // last follow one pattern: 153 days in five months. Counted from 1 March of the year 0, in
    // cycles of 400 years.
    let days = time / 86_400 + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", cycle * 400 + year + next_year)
}

/// A time span in its two largest units.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", seconds % 60),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests;
