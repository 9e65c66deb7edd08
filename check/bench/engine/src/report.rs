//! The result: a table for people and a list for machines.

use serde_json::json;

/// What a comparison is meant to reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The ratio must be at least this.
    AtLeast(f64),
    /// The ratio must be at most this.
    AtMost(f64),
    /// Our value must be at most this.
    ValueAtMost(f64),
    /// For information.
    None,
}

/// One comparison. Without a peer, `peer` and `ratio` are not numbers.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was compared.
    pub name: String,
    /// Unit of both values.
    pub unit: &'static str,
    /// Our value.
    pub ours: f64,
    /// The other one's.
    pub peer: f64,
    /// How the two relate; the method says which way round.
    pub ratio: f64,
    /// What is to be reached.
    pub goal: Goal,
    /// How it was measured.
    pub method: String,
}

impl Row {
    /// Our cost as a multiple of the peer's: less is better.
    pub fn cost(
        name: impl Into<String>,
        unit: &'static str,
        [ours, peer]: [f64; 2],
        goal: Goal,
        method: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            unit,
            ours,
            peer,
            ratio: ours / peer,
            goal,
            method: format!("ours/peer; {}", method.into()),
        }
    }

    /// Our rate as a multiple of the peer's: more is better.
    pub fn rate(
        name: impl Into<String>,
        unit: &'static str,
        [ours, peer]: [f64; 2],
        goal: Goal,
        method: impl Into<String>,
    ) -> Self {
        Self::cost(name, unit, [ours, peer], goal, method)
    }

    /// A value of ours alone.
    pub fn value(
        name: impl Into<String>,
        unit: &'static str,
        ours: f64,
        goal: Goal,
        method: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            unit,
            ours,
            peer: f64::NAN,
            ratio: f64::NAN,
            goal,
            method: method.into(),
        }
    }

    fn verdict(&self) -> (String, &'static str) {
        let (text, met) = match self.goal {
            Goal::AtLeast(least) => (format!(">= {least}"), self.ratio >= least),
            Goal::AtMost(most) => (format!("<= {most}"), self.ratio <= most),
            Goal::ValueAtMost(most) => (format!("<= {most} {}", self.unit), self.ours <= most),
            Goal::None => return (String::new(), ""),
        };
        (text, if met { "met" } else { "MISSED" })
    }
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    println!(
        "{:<58} {:>12} {:>12} {:>7} {:>11} {:<7} unit",
        "name", "ours", "peer", "ratio", "goal", ""
    );
    for row in rows {
        let (goal, met) = row.verdict();
        let number = |n: f64, digits: usize| {
            if n.is_nan() {
                String::from("-")
            } else {
                format!("{n:.digits$}")
            }
        };
        println!(
            "{:<58} {:>12} {:>12} {:>7} {goal:>11} {met:<7} {}",
            row.name,
            number(row.ours, 3),
            number(row.peer, 3),
            number(row.ratio, 2),
            row.unit
        );
    }
    println!("\nmethods");
    for row in rows {
        println!("  {}: {}", row.name, row.method);
    }
}

/// The rows as JSON; what is no number is null.
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
