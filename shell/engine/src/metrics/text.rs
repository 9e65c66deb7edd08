//! Prometheus' text format, version 0.0.4.

use super::{BUCKETS_MICROS, Histogram};
use std::{fmt::Write, sync::atomic::Ordering};

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.line(name, "", value);
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.line(name, "", value);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, labels: &str, times: &Histogram) {
        self.head(name, help, "histogram");
        self.buckets(name, labels, times);
    }

    /// What the lines that follow mean.
    pub(super) fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail; the same below.
        let _ = writeln!(self.0, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    }

    /// One figure; `labels` as they stand between the braces.
    pub(super) fn line(&mut self, name: &str, labels: &str, value: u64) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    /// The lines of one histogram.
    pub(super) fn buckets(&mut self, name: &str, labels: &str, times: &Histogram) {
        let separator = if labels.is_empty() { "" } else { "," };
        let mut so_far = 0u64;
        for (bound, bucket) in BUCKETS_MICROS.iter().zip(&times.buckets) {
            so_far = so_far.saturating_add(bucket.load(Ordering::Relaxed));
            let bound = seconds(*bound);
            let _ = writeln!(
                self.0,
                "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {so_far}"
            );
        }
        // Read last: whoever observes meanwhile must not make a bucket larger than the whole.
        let count = times.count.load(Ordering::Relaxed).max(so_far);
        let _ = writeln!(
            self.0,
            "{name}_bucket{{{labels}{separator}le=\"+Inf\"}} {count}"
        );
        let sum = seconds(times.sum_micros.load(Ordering::Relaxed));
        let braces = match labels {
            "" => String::new(),
            labels => format!("{{{labels}}}"),
        };
        let _ = writeln!(self.0, "{name}_sum{braces} {sum}");
        let _ = writeln!(self.0, "{name}_count{braces} {count}");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
