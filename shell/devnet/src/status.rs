//! The live view: heads, backlog, load. Pure text; `run` decides where it goes and how often.

use opal_protocol::{L1Ref, L2Ref};
use std::{
    collections::VecDeque,
    fmt::Write,
    time::{Duration, Instant},
};

/// Time over which rates are averaged.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// The heads of one rollup node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) latest: L2Ref,
    pub(crate) safe: L2Ref,
    pub(crate) finalized: L2Ref,
}

/// Everything the live view shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) uptime: Duration,
    pub(crate) l1: L1Ref,
    pub(crate) l1_safe: u64,
    pub(crate) l1_finalized: u64,
    pub(crate) sequencer: Heads,
    pub(crate) verifier: Heads,
    /// L2 blocks that are not safe yet, and their bytes as the batcher counts them.
    pub(crate) backlog_blocks: u64,
    pub(crate) backlog_bytes: u64,
    /// Proposals made, and the L2 block of the last one.
    pub(crate) proposals: u64,
    pub(crate) proposed: Option<u64>,
    pub(crate) rates: Rates,
}

/// Load of the sequencer's chain, deposits left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) transactions_per_second: f64,
    pub(crate) gas_per_second: f64,
}

/// Averages what recent blocks carried.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    samples: VecDeque<(Instant, u64, u64)>,
    /// Transactions since the start, deposits left out.
    pub(crate) transactions: u64,
    /// Gas since the start.
    pub(crate) gas: u64,
}

impl Meter {
    /// Counts a block.
    pub(crate) fn add(&mut self, now: Instant, transactions: u64, gas: u64) {
        self.transactions += transactions;
        self.gas += gas;
        self.samples.push_back((now, transactions, gas));
    }

    /// The averages at `now`.
    pub(crate) fn rates(&mut self, now: Instant) -> Rates {
        while self
            .samples
            .front()
            .is_some_and(|(at, ..)| now.duration_since(*at) > RATE_WINDOW)
        {
            self.samples.pop_front();
        }
        let seconds = RATE_WINDOW.as_secs_f64();
        let sum = |part: fn(&(Instant, u64, u64)) -> u64| {
            self.samples.iter().map(part).sum::<u64>() as f64 / seconds
        };
        Rates {
            transactions_per_second: sum(|s| s.1),
            gas_per_second: sum(|s| s.2),
        }
    }
}

/// One line, for logs and pipes.
pub(crate) fn line(view: &View) -> String {
    format!(
        "{:>4}s  L1 {}  sequencer {}/{}/{}  verifier {}/{}/{}  backlog {} blocks {} B  proposed {}  {:.1} tx/s {} gas/s",
        view.uptime.as_secs(),
        view.l1.number,
        view.sequencer.latest.number,
        view.sequencer.safe.number,
        view.sequencer.finalized.number,
        view.verifier.latest.number,
        view.verifier.safe.number,
        view.verifier.finalized.number,
        view.backlog_blocks,
        view.backlog_bytes,
        proposed(view),
        view.rates.transactions_per_second,
        human(view.rates.gas_per_second),
    )
}

/// The last proposed L2 block.
fn proposed(view: &View) -> String {
    let number = view.proposed.map(|number| number.to_string());
    number.unwrap_or_else(|| "-".into())
}

/// Several lines, redrawn in place on a terminal.
pub(crate) fn screen(view: &View) -> String {
    let mut out = String::new();
    let row = |out: &mut String, name: &str, unsafe_: String, safe: u64, finalized: u64| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {name:<11}{unsafe_:>26}{safe:>12}{finalized:>12}");
    };
    let named = |number: u64, hash: alloy_primitives::B256| {
        let hash = hash.to_string();
        format!("{number}  {}…{}", &hash[..6], &hash[hash.len() - 4..])
    };
    let _ = writeln!(
        out,
        "  {:<11}{:>26}{:>12}{:>12}",
        "", "unsafe", "safe", "finalized"
    );
    row(
        &mut out,
        "L1",
        named(view.l1.number, view.l1.hash),
        view.l1_safe,
        view.l1_finalized,
    );
    for (name, heads) in [("sequencer", &view.sequencer), ("verifier", &view.verifier)] {
        let head = named(heads.latest.number, heads.latest.hash);
        row(
            &mut out,
            name,
            head,
            heads.safe.number,
            heads.finalized.number,
        );
    }
    let _ = writeln!(
        out,
        "\n  batcher    {} blocks, {} bytes behind\n  proposer   block {} is the last of {}\n  load       {:.1} tx/s, {} gas/s\n  up         {} s",
        view.backlog_blocks,
        view.backlog_bytes,
        proposed(view),
        view.proposals,
        view.rates.transactions_per_second,
        human(view.rates.gas_per_second),
        view.uptime.as_secs(),
    );
    out
}

/// `1234567` as `1.2M`.
fn human(value: f64) -> String {
    const STEPS: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    for (unit, suffix) in STEPS {
        if value >= unit {
            return format!("{:.1}{suffix}", value / unit);
        }
    }
    format!("{value:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_averages_over_the_window() {
        let start = Instant::now();
        let mut meter = Meter::default();
        meter.add(start, 50, 1_000_000);
        meter.add(start + Duration::from_secs(5), 50, 1_000_000);
        let rates = meter.rates(start + Duration::from_secs(6));
        assert_eq!(
            rates,
            Rates {
                transactions_per_second: 10.0,
                gas_per_second: 200_000.0
            }
        );
        let later = meter.rates(start + Duration::from_secs(12));
        assert_eq!(later.transactions_per_second, 5.0);
        assert_eq!((meter.transactions, meter.gas), (100, 2_000_000));
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (999.0, "999"),
            (1500.0, "1.5k"),
            (2.5e6, "2.5M"),
            (3e9, "3.0G"),
        ];
        for (value, expected) in cases {
            assert_eq!(human(value), expected);
        }
    }

    #[test]
    fn every_head_is_shown() {
        let mut view = View {
            backlog_blocks: 77,
            proposed: Some(44),
            ..View::default()
        };
        view.l1.number = 11;
        view.sequencer.latest.number = 22;
        view.verifier.safe.number = 33;
        for text in [line(&view), screen(&view)] {
            for number in ["11", "22", "33", "44", "77"] {
                assert!(text.contains(number), "{number} is missing in {text}");
            }
        }
    }
}
