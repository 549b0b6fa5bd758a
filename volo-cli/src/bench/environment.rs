//! The machine that measures: what a reader must know to believe a figure.

use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// Linux counts the processor time of processes in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where and when a report was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Version of this program.
    pub(crate) volo: String,
    /// Seconds since 1970.
    pub(crate) unix_time: u64,
    pub(crate) os: String,
    pub(crate) kernel: Option<String>,
    pub(crate) processor: Option<String>,
    pub(crate) processors: usize,
    pub(crate) governor: Option<String>,
    /// Load averages of a minute.
    pub(crate) load_before: Option<f64>,
    pub(crate) load_after: Option<f64>,
}

impl Environment {
    /// As it is now; the load afterwards is left open.
    pub(crate) fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let processor = line("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Environment {
            volo: env!("CARGO_PKG_VERSION").to_owned(),
            unix_time: since.map_or(0, |since| since.as_secs()),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            kernel: line("/proc/sys/kernel/osrelease"),
            processor,
            processors: thread::available_parallelism().map_or(1, |count| count.get()),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            load_before: load(),
            load_after: None,
        }
    }

    /// The same when all is done.
    pub(crate) fn after(mut self) -> Self {
        self.load_after = load();
        self
    }
}

fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Processor time that this process has used.
pub(super) fn cpu_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name comes second, in parentheses, and may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

/// `2026-03-01 12:30 UTC`.
pub(super) fn date(unix_time: u64) -> String {
    let (days, seconds) = (unix_time / 86_400, unix_time % 86_400);
    // Years of 400 begin in March, so that leap days come last (the usual civil-from-days computation).
    let shifted = days + 719_468;
    let era_day = shifted % 146_097;
    let era_year = (era_day - era_day / 1_460 + era_day / 36_524 - era_day / 146_096) / 365;
    let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    let march_month = (5 * year_day + 2) / 153;
    let day = year_day - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = shifted / 146_097 * 400 + era_year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_772_368_200), "2026-03-01 12:30 UTC");
    }
}
