//! How long calls took, per method: count, percentiles and maximum.

use std::{collections::BTreeMap, fmt, future::Future, time::Instant};

use hdrhistogram::Histogram;

/// Two digits are exact; a hundredth of a bar's length is beyond what loopback repeats.
const SIGNIFICANT_DIGITS: u8 = 2;

/// Longer calls count as this long.
const LONGEST_US: u64 = 3_600_000_000;

/// Latencies of calls by method; its `Display` is a table.
#[derive(Default)]
pub struct Report {
    methods: BTreeMap<&'static str, Histogram<u64>>,
}

impl Report {
    /// Awaits one call and notes how long it took, failed or not.
    pub async fn time<T>(&mut self, method: &'static str, call: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = call.await;
        let elapsed_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.record(method, elapsed_us);
        result
    }

    fn record(&mut self, method: &'static str, elapsed_us: u64) {
        let histogram = self.methods.entry(method).or_insert_with(|| {
            Histogram::new_with_bounds(1, LONGEST_US, SIGNIFICANT_DIGITS)
                .expect("the bounds are far enough apart")
        });
        histogram.saturating_record(elapsed_us);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<30}{:>8}{:>12}{:>12}{:>12}{:>12}", "method", "count", "p50", "p95", "p99", "max")?;
        for (method, histogram) in &self.methods {
            write!(f, "{method:<30}{:>8}", histogram.len())?;
            for quantile in [0.5, 0.95, 0.99, 1.0] {
                write!(f, "{:>12}", milliseconds(histogram.value_at_quantile(quantile)))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:03} ms", us / 1000, us % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_row_per_method() {
        let mut report = Report::default();
        for us in 1..=100 {
            report.record("retrieve", us * 100);
        }
        report.record("list", 1);
        let text = report.to_string();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1][..2], ["list", "1"]);
        assert_eq!(rows[2][..2], ["retrieve", "100"]);
        let p50: f64 = rows[2][2].parse().unwrap();
        assert!((4.9..5.2).contains(&p50), "{p50}");
    }
}
