//! How many vectors ended which way.

use crate::{Outcome, Verdict};
use std::{collections::BTreeMap, fmt};

/// Failures that [`Counts::verdict`] spells out.
const SHOWN_MAX: usize = 20;

/// How many vectors ended which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Vectors that passed.
    pub passed: usize,
    /// Those that did not, with what was wrong.
    pub failed: Vec<String>,
    /// How many were not run, by reason.
    pub excluded: BTreeMap<String, usize>,
}

impl Counts {
    /// One vector's counts.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Passed(_) => Self {
                passed: 1,
                ..Self::default()
            },
            Verdict::Failed(problem) => Self::failed(problem.clone()),
            Verdict::Excluded(reason) => Self::excluded(reason),
        }
    }

    /// The sum over outcomes.
    pub fn sum(outcomes: &[Outcome]) -> Self {
        let counts = outcomes.iter().map(|outcome| outcome.counts.clone());
        counts.fold(Self::default(), Self::and)
    }

    pub(crate) fn failed(problem: String) -> Self {
        Self {
            failed: vec![problem],
            ..Self::default()
        }
    }

    pub(crate) fn excluded(reason: &str) -> Self {
        let mut counts = Self::default();
        counts.exclude(reason);
        counts
    }

    pub(crate) fn exclude(&mut self, reason: &str) {
        *self.excluded.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn and(mut self, mut other: Self) -> Self {
        self.passed += other.passed;
        self.failed.append(&mut other.failed);
        for (reason, count) in other.excluded {
            *self.excluded.entry(reason).or_default() += count;
        }
        self
    }

    /// Vectors that were run.
    pub const fn run(&self) -> usize {
        self.passed + self.failed.len()
    }

    /// Vectors that were not run.
    pub fn left_out(&self) -> usize {
        self.excluded.values().sum()
    }

    /// Whether something was run and nothing failed.
    pub const fn is_good(&self) -> bool {
        self.passed > 0 && self.failed.is_empty()
    }

    /// What to say of the file that holds these.
    pub(crate) fn verdict(&self) -> Verdict {
        if !self.failed.is_empty() {
            let shown: Vec<_> = self.failed.iter().take(SHOWN_MAX).cloned().collect();
            let (failed, run) = (self.failed.len(), self.run());
            return Verdict::Failed(format!("{failed} of {run}: {}", shown.join("\n    ")));
        }
        if self.passed > 0 {
            return Verdict::Passed(format!("{} tests", self.passed));
        }
        let reasons: Vec<_> = self.excluded.keys().cloned().collect();
        Verdict::Excluded(reasons.join("; "))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, passed, failed) = (self.run(), self.passed, self.failed.len());
        let excluded = self.left_out();
        write!(
            f,
            "run {run}, passed {passed}, failed {failed}, excluded {excluded}"
        )?;
        for (reason, count) in &self.excluded {
            write!(f, "\n  excluded {count}: {reason}")?;
        }
        Ok(())
    }
}
