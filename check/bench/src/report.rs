//! The result: a table for people and a list for machines.

use crate::meter::Times;
use serde_json::json;

/// What a comparison is meant to reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The ratio must be at least this.
    AtLeast(f64),
    /// The ratio must be at most this.
    AtMost(f64),
    /// For information.
    None,
}

/// One comparison.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was compared.
    pub name: String,
    /// Unit of both values.
    pub unit: &'static str,
    /// Our value.
    pub ours: f64,
    /// The other value: the peer's, or the bound's that the name says.
    pub peer: f64,
    /// How the two relate; the method says which way round.
    pub ratio: f64,
    /// What the ratio is meant to reach.
    pub goal: Goal,
    /// How it was measured, with the spread.
    pub method: String,
}

impl Row {
    /// A race of which less time is better: how many times faster we are.
    pub fn faster(name: impl Into<String>, times: [&Times; 2], goal: f64, how: &str) -> Self {
        let [ours, peer] = times;
        Self {
            name: name.into(),
            unit: "ms",
            ours: ours.median(),
            peer: peer.median(),
            ratio: peer.median() / ours.median(),
            goal: Goal::AtLeast(goal),
            method: format!("peer/ours; {how}; {}", spread(ours, peer)),
        }
    }

    /// Our cost as a multiple of a bound's.
    pub fn cost(name: impl Into<String>, times: [&Times; 2], goal: Goal, how: &str) -> Self {
        let [ours, bound] = times;
        Self {
            name: name.into(),
            unit: "ms",
            ours: ours.median(),
            peer: bound.median(),
            ratio: ours.median() / bound.median(),
            goal,
            method: format!("ours/bound; {how}; {}", spread(ours, bound)),
        }
    }

    /// Two amounts of which less is better.
    pub fn less(
        name: impl Into<String>,
        unit: &'static str,
        [ours, peer]: [f64; 2],
        goal: Goal,
        how: &str,
    ) -> Self {
        Self {
            name: name.into(),
            unit,
            ours,
            peer,
            ratio: peer / ours,
            goal,
            method: format!("peer/ours; {how}"),
        }
    }

    /// Whether the goal is met.
    pub fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(least) => Some(self.ratio >= least),
            Goal::AtMost(most) => Some(self.ratio <= most),
            Goal::None => None,
        }
    }
}

fn spread(ours: &Times, other: &Times) -> String {
    format!(
        "thread CPU time, median of {} interleaved rounds, middle half ours {} ms, other {} ms",
        ours.rounds(),
        ours.spread(),
        other.spread()
    )
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    println!(
        "{:<58} {:>14} {:>14} {:>7} {:>9}  {:<9} unit",
        "name", "ours", "peer", "ratio", "goal", ""
    );
    for row in rows {
        let goal = match row.goal {
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::None => String::new(),
        };
        let met = match row.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        println!(
            "{:<58} {:>14.3} {:>14.3} {:>7.2} {:>9}  {:<9} {}",
            row.name, row.ours, row.peer, row.ratio, goal, met, row.unit
        );
    }
    println!("\nmethods");
    for row in rows {
        println!("  {}: {}", row.name, row.method);
    }
}

/// The rows as JSON.
pub fn json(rows: &[Row]) -> String {
    let list: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "unit": row.unit,
                "ours": row.ours,
                "peer": row.peer,
                "ratio": row.ratio,
                "method": row.method,
            })
        })
        .collect();
    serde_json::to_string_pretty(&list).expect("plain data")
}
