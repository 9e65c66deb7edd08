//! How far a long work has come: one line that rewrites itself on a terminal, a log line every few
//! seconds elsewhere.

use opal_engine::Progress;
use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};
use tracing::info;

/// Time between log lines where there is no terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(8);
/// Characters of the bar.
const BAR_WIDTH: u64 = 30;

/// Shows progress until it is dropped.
pub(crate) struct Bar {
    terminal: bool,
    started: Instant,
    logged: Instant,
    /// What is being done now, and since when: its speed counts from there.
    stage: (&'static str, Instant),
    drawn: bool,
}

impl Bar {
    /// A bar with nothing to show yet.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            terminal: std::io::stderr().is_terminal(),
            started: now,
            logged: now,
            stage: ("", now),
            drawn: false,
        }
    }

    /// Shows how far the work is.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if self.stage.0 != progress.what {
            self.end_line();
            self.stage = (progress.what, Instant::now());
        }
        if self.terminal {
            self.drawn = true;
            eprint!("\r\x1b[2K{}", line(progress, self.stage.1.elapsed()));
            // A terminal that is gone is not worth an error.
            let _ = std::io::stderr().flush();
        } else if self.logged.elapsed() >= LOG_INTERVAL {
            self.logged = Instant::now();
            info!("{}", line(progress, self.stage.1.elapsed()));
        }
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn end_line(&mut self) {
        if self.drawn {
            eprintln!();
            self.drawn = false;
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end_line();
    }
}

/// Progress in words: `import [=====>    ] 53% block 1234, 85.1 Mgas/s, 12 s left`.
pub(super) fn line(progress: &Progress, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let mut text = progress.what.to_owned();
    if let Some(done) = (progress.done.min(progress.total) * BAR_WIDTH).checked_div(progress.total)
    {
        let filled = usize::try_from(done).unwrap_or_default();
        let empty = usize::try_from(BAR_WIDTH.saturating_sub(done)).unwrap_or_default();
        let percent = share(progress) * 100.0;
        text += &format!(
            " [{}{}] {percent:.1}%",
            "=".repeat(filled),
            " ".repeat(empty)
        );
    }
    text += &format!(", block {}", progress.block);
    if progress.gas > 0 {
        let gas = progress.gas as f64 / seconds / 1e6;
        let transactions = progress.transactions as f64 / seconds;
        text += &format!(", {gas:.1} Mgas/s, {transactions:.0} tx/s");
    }
    let share = share(progress);
    if share > 0.0 && share < 1.0 {
        let left = seconds / share - seconds;
        text += &format!(", {} left", duration(Duration::from_secs_f64(left)));
    }
    text
}

fn share(progress: &Progress) -> f64 {
    match progress.total {
        0 => 0.0,
        total => progress.done as f64 / total as f64,
    }
}

/// A time for a person.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{:.1} s", time.as_secs_f64()),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// An amount of bytes for a person.
pub(crate) fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c < 1024.0 => format!("{c} B"),
        c if c < 1024.0 * 1024.0 => format!("{:.1} KiB", c / 1024.0),
        c if c < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", c / 1024.0 / 1024.0),
        c => format!("{:.2} GiB", c / 1024.0 / 1024.0 / 1024.0),
    }
}
