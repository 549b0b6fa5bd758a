//! The figures of a report. As JSON this is what `--json` prints and `--save` keeps.

use std::{collections::BTreeMap, fmt};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{environment::Environment, record::Measured};

/// Changes when a reader of reports has to.
pub(crate) const FORMAT: u32 = 1;

/// Repeats that differ by more than this from their median don't confirm each other.
pub(crate) const BAND: f64 = 0.10;

/// All that is known of a benchmark.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) format: u32,
    pub(crate) target: Target,
    pub(crate) plan: Plan,
    pub(crate) environment: Environment,
    /// Whether it was ended early.
    pub(crate) interrupted: bool,
    /// What the first failure of each kind said.
    #[serde(default)]
    pub(crate) messages: BTreeMap<String, String>,
    pub(crate) steps: Vec<Step>,
}

/// What was called, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// `Service.method`.
    pub(crate) method: String,
    pub(crate) framing: String,
    pub(crate) protocol: String,
    pub(crate) mode: String,
    /// Bytes of the encoded arguments.
    pub(crate) request_bytes: usize,
    /// Whether each call has arguments of its own.
    pub(crate) template: bool,
}

/// How long, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) warm_up_s: f64,
    pub(crate) duration_s: f64,
    pub(crate) repeats: u32,
}

/// What a server is put under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Load {
    /// Callers that call again as soon as they have their answer.
    Closed { callers: usize },
    /// Calls at fixed times, `rate` a second.
    Open { rate: f64, in_flight_max: usize },
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Closed { callers: 1 } => write!(f, "1 caller"),
            Load::Closed { callers } => write!(f, "{callers} callers"),
            Load::Open { rate, .. } => write!(f, "{}/s", grouped(*rate)),
        }
    }
}

/// One load, in all its repeats.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) load: Load,
    /// All repeats together.
    pub(crate) all: Figures,
    pub(crate) repeats: Vec<Figures>,
    /// By metric: how far a repeat is from the median of all at most, as a share of it.
    pub(crate) spread: BTreeMap<String, f64>,
    /// Percentiles and their latencies in microseconds.
    pub(crate) curve: Vec<(f64, f64)>,
    pub(crate) points: Vec<Point>,
}

/// Figures of one run or several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    /// Calls that gave the method's result.
    pub(crate) succeeded: u64,
    /// All others by kind.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Successful calls a second.
    pub(crate) throughput: f64,
    pub(crate) latency_us: Latency,
    /// p95 of the difference between a call and the one before of the same caller.
    pub(crate) jitter_us: f64,
    pub(crate) budget_us: Budget,
    /// Processor time of the client for a call.
    pub(crate) client_cpu_us: Option<f64>,
}

/// How long calls took, from when they were meant to be sent; failed ones count only if they timed out or were unsent.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// The mean call, from one part to the next.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// From when it was meant to be sent until it was; nothing in a closed loop.
    pub(crate) queue: f64,
    /// Until it had a connection.
    pub(crate) connect: f64,
    /// Until it was in the connection's buffer.
    pub(crate) encode: f64,
    /// Network and server: until its reply was there.
    pub(crate) wait: f64,
    /// What the client needs besides.
    pub(crate) rest: f64,
    /// Checking and decoding a reply; of a sample, and not part of the call's latency.
    pub(crate) decode: Option<f64>,
}

/// An interval of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) repeat: u32,
    /// Its middle, since the benchmark began.
    pub(crate) at_s: f64,
    pub(crate) seconds: f64,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Point {
    pub(crate) fn throughput(&self) -> f64 {
        self.calls as f64 / self.seconds.max(1e-9)
    }
}

/// A figure that can be limited and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Throughput,
    Mean,
    P50,
    P90,
    P99,
    P999,
    Max,
    Jitter,
    Errors,
}

impl Metric {
    pub(crate) const ALL: [Metric; 9] = [
        Metric::Throughput,
        Metric::Mean,
        Metric::P50,
        Metric::P90,
        Metric::P99,
        Metric::P999,
        Metric::Max,
        Metric::Jitter,
        Metric::Errors,
    ];

    /// What it is called on the command line and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Throughput => "throughput",
            Metric::Mean => "mean",
            Metric::P50 => "p50",
            Metric::P90 => "p90",
            Metric::P99 => "p99",
            Metric::P999 => "p99.9",
            Metric::Max => "max",
            Metric::Jitter => "jitter",
            Metric::Errors => "errors",
        }
    }

    /// Calls a second, microseconds, or a share.
    pub(crate) fn of(self, figures: &Figures) -> f64 {
        let latency = &figures.latency_us;
        match self {
            Metric::Throughput => figures.throughput,
            Metric::Mean => latency.mean,
            Metric::P50 => latency.p50,
            Metric::P90 => latency.p90,
            Metric::P99 => latency.p99,
            Metric::P999 => latency.p999,
            Metric::Max => latency.max,
            Metric::Jitter => figures.jitter_us,
            Metric::Errors => figures.error_share(),
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        self == Metric::Throughput
    }

    /// A value of it for people.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Metric::Throughput => format!("{}/s", grouped(value)),
            Metric::Errors => percent(value),
            _ => time(value),
        }
    }
}

impl Figures {
    fn of(run: &Measured) -> Self {
        let all = &run.all;
        let us = |ns: u64| ns as f64 / 1e3;
        let quantile = |quantile| us(all.latency.value_at_quantile(quantile));
        let share = |sum: u64, count: u64| if count == 0 { 0.0 } else { us(sum) / count as f64 };
        let parts = &all.parts;
        let mean = |sum| share(sum, parts.calls);
        let split = parts.queue + parts.connect + parts.encode + parts.wait;
        let done = (all.succeeded + all.failed()) as f64;
        let any = !all.latency.is_empty();
        Figures {
            seconds: run.seconds,
            succeeded: all.succeeded,
            errors: all.errors.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
            throughput: if run.seconds > 0.0 { all.succeeded as f64 / run.seconds } else { 0.0 },
            latency_us: Latency {
                min: if any { us(all.latency.min()) } else { 0.0 },
                mean: if any { all.latency.mean() / 1e3 } else { 0.0 },
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
                p999: quantile(0.999),
                max: us(all.latency.max()),
            },
            jitter_us: us(all.jitter.value_at_quantile(0.95)),
            budget_us: Budget {
                queue: mean(parts.queue),
                connect: mean(parts.connect),
                encode: mean(parts.encode),
                wait: mean(parts.wait),
                rest: mean(parts.total.saturating_sub(split)),
                decode: (parts.decoded > 0).then(|| share(parts.decode, parts.decoded)),
            },
            client_cpu_us: run.cpu_s.filter(|_| done > 0.0).map(|cpu| cpu * 1e6 / done),
        }
    }

    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.succeeded + self.failed()
    }

    /// Failed calls as a share of all.
    pub(crate) fn error_share(&self) -> f64 {
        if self.calls() == 0 { 0.0 } else { self.failed() as f64 / self.calls() as f64 }
    }
}

impl Step {
    pub(super) fn of(load: Load, runs: &[Measured]) -> Self {
        let repeats: Vec<Figures> = runs.iter().map(Figures::of).collect();
        let merged = Measured::merged(runs);
        let (all, curve, points) = match merged {
            Some(merged) => (Figures::of(&merged), curve(&merged.all.latency), merged.points),
            None => Default::default(),
        };
        Step { load, all, spread: spread(&repeats), repeats, curve, points }
    }

    /// Those of the metrics that make a result repeatable whose repeats differ too much; `None` of a single run.
    pub(crate) fn unsteady(&self) -> Option<Vec<Metric>> {
        let wanted = [Metric::Throughput, Metric::P50, Metric::P99];
        (self.repeats.len() > 1).then(|| {
            let apart = |metric: &Metric| self.spread.get(metric.name()).is_some_and(|share| *share > BAND);
            wanted.into_iter().filter(apart).collect()
        })
    }
}

/// How far the repeats are from their median.
pub(super) fn spread(repeats: &[Figures]) -> BTreeMap<String, f64> {
    if repeats.len() < 2 {
        return BTreeMap::new();
    }
    let of = |metric: Metric| {
        let mut values: Vec<f64> = repeats.iter().map(|figures| metric.of(figures)).collect();
        values.sort_by(f64::total_cmp);
        let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        let apart = values.iter().map(|value| (value - median).abs()).fold(0.0, f64::max);
        (metric.name().to_owned(), if median > 0.0 { apart / median } else { 0.0 })
    };
    Metric::ALL.into_iter().filter(|metric| *metric != Metric::Errors).map(of).collect()
}

/// The distribution, with as many points for each nine.
fn curve(latency: &Histogram<u64>) -> Vec<(f64, f64)> {
    if latency.is_empty() {
        return Vec::new();
    }
    let beyond = |step: u32| 10f64.powf(-f64::from(step) / 12.0);
    // As many nines as there are calls to fill them.
    let steps = ((latency.len() as f64).log10() * 12.0).floor().clamp(0.0, 84.0) as u32;
    let mut shares: Vec<f64> = (0..=steps).map(|step| 1.0 - beyond(step)).collect();
    if steps > 4 {
        // Between two of the others.
        shares.insert(4, 0.5);
    }
    shares.into_iter().map(|share| (share * 100.0, latency.value_at_quantile(share) as f64 / 1e3)).collect()
}

/// Microseconds in a unit that fits.
pub(crate) fn time(us: f64) -> String {
    match us {
        0.0 => "–".to_owned(),
        us if us < 10.0 => format!("{us:.1} µs"),
        us if us < 1e3 => format!("{us:.0} µs"),
        us if us < 1e4 => format!("{:.2} ms", us / 1e3),
        us if us < 1e5 => format!("{:.1} ms", us / 1e3),
        us if us < 1e6 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// A share in percent.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        percent if percent.abs() < 0.01 => "<0.01 %".to_owned(),
        percent if percent.abs() < 10.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: f64) -> String {
    if number.abs() < 100.0 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(
            (grouped(999.0), grouped(0.5), grouped(-1000.0)),
            ("999".into(), "0.5".into(), "-1,000".into())
        );
        assert_eq!((time(4.25), time(650.0)), ("4.2 µs".into(), "650 µs".into()));
        assert_eq!((time(1234.0), time(2_500_000.0)), ("1.23 ms".into(), "2.50 s".into()));
        assert_eq!(
            (percent(0.0), percent(0.00001), percent(0.005)),
            ("0 %".into(), "<0.01 %".into(), "0.50 %".into())
        );
    }

    #[test]
    fn the_spread_is_the_farthest_repeat_from_the_median() {
        let run = |throughput| Figures { throughput, ..Figures::default() };
        let spread = spread(&[run(100.0), run(88.0), run(104.0)]);
        assert!((spread["throughput"] - 0.12).abs() < 1e-9);
        assert_eq!(spread["p50"], 0.0);
    }

    #[test]
    fn a_curve_has_no_more_nines_than_calls() {
        let mut histogram = Histogram::<u64>::new_with_bounds(100, 10_000_000, 3).unwrap();
        (1..=1000).for_each(|us| histogram.saturating_record(us * 1000));
        let curve = curve(&histogram);
        assert_eq!(curve.len(), 38);
        assert_eq!(curve[4].0, 50.0);
        assert!((curve[13].0 - 90.0).abs() < 1e-9 && (curve[13].1 - 900.0).abs() < 2.0);
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
    }
}
