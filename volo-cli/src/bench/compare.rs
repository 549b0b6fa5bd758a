//! Whether a server became slower: two reports, side by side.
//!
//! A ratio means something only beyond what repeats of the very same differ by. So each metric has a band: the
//! farthest that any repeat, before or now, was from its median, and 10 % at least.

use serde::Serialize;

use super::figures::{BAND, Figures, Load, Metric, Report, Step, percent};

/// So many calls are needed for a p99.9 that is not a handful of calls.
const CALLS_FOR_P999: u64 = 10_000;

/// A share of errors that may differ.
const ERRORS_BAND: f64 = 0.005;

/// What became of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Better,
    Same,
    Worse,
}

/// One metric of one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) load: String,
    pub(crate) metric: &'static str,
    /// As people read it.
    pub(crate) before: String,
    pub(crate) after: String,
    /// The new value by the old one; `None` of shares.
    pub(crate) ratio: Option<f64>,
    /// How much of a difference is noise.
    pub(crate) band: f64,
    pub(crate) verdict: Verdict,
}

/// What two reports differ in.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    /// Settings that differ, which is a reason for figures to differ.
    pub(crate) notes: Vec<String>,
    pub(crate) changes: Vec<Change>,
    #[serde(skip)]
    pub(crate) golden: Report,
}

impl Comparison {
    pub(crate) fn is_worse(&self) -> bool {
        self.changes.iter().any(|change| change.verdict == Verdict::Worse)
    }

    /// The step of the golden report with this load.
    pub(crate) fn step(&self, load: &Load) -> Option<&Step> {
        self.golden.steps.iter().find(|step| same_load(&step.load, load))
    }
}

/// Compares a report with an earlier one.
///
/// # Errors
/// Why they have nothing to do with each other.
pub(crate) fn compare(golden: Report, report: &Report) -> Result<Comparison, String> {
    if golden.target.method != report.target.method {
        return Err(format!("it is of {}, this is {}", golden.target.method, report.target.method));
    }
    let mut changes = Vec::new();
    for step in &report.steps {
        let Some(before) = golden.steps.iter().find(|before| same_load(&before.load, &step.load)) else {
            let loads: Vec<String> = golden.steps.iter().map(|step| step.load.to_string()).collect();
            return Err(format!("it has {}, not {}", loads.join(", "), step.load));
        };
        if before.all.succeeded == 0 || step.all.calls() == 0 {
            return Err(format!("there is nothing to compare at {}", step.load));
        }
        let metrics = Metric::ALL.into_iter().filter(|metric| *metric != Metric::Max);
        changes.extend(metrics.filter_map(|metric| change(metric, before, step)));
    }
    Ok(Comparison { notes: notes(&golden, report), changes, golden })
}

fn same_load(one: &Load, other: &Load) -> bool {
    match (one, other) {
        (Load::Closed { callers: one }, Load::Closed { callers: other }) => one == other,
        (Load::Open { rate: one, .. }, Load::Open { rate: other, .. }) => one == other,
        _ => false,
    }
}

/// `None` if there are too few calls to tell.
fn change(metric: Metric, before: &Step, after: &Step) -> Option<Change> {
    let enough = |figures: &Figures| metric != Metric::P999 || figures.calls() >= CALLS_FOR_P999;
    let judged =
        |figures: &Figures| figures.succeeded > 0 || matches!(metric, Metric::Errors | Metric::Throughput);
    if !(enough(&before.all) && enough(&after.all) && judged(&after.all)) {
        return None;
    }
    let (old, new) = (metric.of(&before.all), metric.of(&after.all));
    let (ratio, band, verdict) = match metric {
        Metric::Errors => (None, ERRORS_BAND, verdict(new > old + ERRORS_BAND, new < old - ERRORS_BAND)),
        _ if old <= 0.0 => return None,
        _ => {
            let spread = |step: &Step| step.spread.get(metric.name()).copied().unwrap_or_default();
            let band = BAND.max(spread(before)).max(spread(after));
            let ratio = new / old;
            let (more, less) = (ratio > 1.0 + band, ratio < 1.0 / (1.0 + band));
            let worse = if metric.more_is_better() { (less, more) } else { (more, less) };
            (Some(ratio), band, verdict(worse.0, worse.1))
        }
    };
    Some(Change {
        load: after.load.to_string(),
        metric: metric.name(),
        before: metric.show(old),
        after: metric.show(new),
        ratio,
        band,
        verdict,
    })
}

fn verdict(worse: bool, better: bool) -> Verdict {
    match (worse, better) {
        (true, _) => Verdict::Worse,
        (_, true) => Verdict::Better,
        _ => Verdict::Same,
    }
}

fn notes(golden: &Report, report: &Report) -> Vec<String> {
    let (old, new) = (&golden.target, &report.target);
    let mut notes = Vec::new();
    let mut note = |what: &str, old: String, new: String| {
        if old != new {
            notes.push(format!("{what}: {old} before, {new} now"));
        }
    };
    note("framing", old.framing.clone(), new.framing.clone());
    note("protocol", old.protocol.clone(), new.protocol.clone());
    note("mode", old.mode.clone(), new.mode.clone());
    note("request", format!("{} bytes", old.request_bytes), format!("{} bytes", new.request_bytes));
    let processors = |report: &Report| {
        let environment = &report.environment;
        format!("{} × {}", environment.processors, environment.processor.as_deref().unwrap_or("unknown"))
    };
    note("processors", processors(golden), processors(report));
    let kernel = |report: &Report| report.environment.kernel.clone().unwrap_or_else(|| "unknown".to_owned());
    note("kernel", kernel(golden), kernel(report));
    let seconds = |report: &Report| format!("{} × {} s", report.plan.repeats, report.plan.duration_s);
    note("measured", seconds(golden), seconds(report));
    notes
}

impl Change {
    /// `1.32×, noise ±10 %`.
    pub(crate) fn ratio_text(&self) -> String {
        match self.ratio {
            Some(ratio) => format!("{ratio:.2}× (noise ±{})", percent(self.band)),
            None => format!("(noise ±{})", percent(self.band)),
        }
    }
}
