//! A report on a terminal.

use std::fmt::Write;

use super::{
    compare::{Comparison, Verdict},
    figures::{BAND, Figures, Metric, Plan, Report, Step, grouped, percent, time},
    judge::{Crossed, Level},
};

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    fn doubtful(self, text: &str) -> String {
        self.with("33", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("31", text)
    }
}

/// The report as text.
pub(crate) fn print(
    report: &Report,
    comparison: Option<&Comparison>,
    crossed: &[Crossed],
    paint: Paint,
) -> String {
    let mut out = String::new();
    let target = &report.target;
    let _ = writeln!(out, "{} at {}", paint.bold(&target.method), target.address);
    let _ = writeln!(out, "{}\n", how(report));
    figures(&mut out, report, paint);
    for step in &report.steps {
        budget(&mut out, step, report.steps.len() > 1, paint);
    }
    out.push('\n');
    for step in &report.steps {
        let _ = writeln!(out, "{}", steadiness(step, paint));
        errors(&mut out, report, step, paint);
    }
    if let Some(comparison) = comparison {
        compared(&mut out, comparison, paint);
    }
    for crossed in crossed {
        let (level, text) = (crossed.level, &crossed.text);
        let level = match level {
            Level::Warn => paint.doubtful("warning"),
            Level::Crit => paint.bad("critical"),
        };
        let _ = writeln!(out, "{level}: {}: {text}", crossed.load);
    }
    if report.interrupted {
        let _ = writeln!(out, "{}", paint.doubtful("ended early: these are the figures until then"));
    }
    out
}

/// `ttheader binary auto, 41 bytes; closed loop, 3 × 5 s after 2 s of warm-up each`.
pub(super) fn how(report: &Report) -> String {
    let (target, plan) = (&report.target, &report.plan);
    let Plan { warm_up_s, duration_s, repeats } = plan;
    let size = if target.template { "about " } else { "" };
    format!(
        "{} {} {}, {size}{} bytes; {}; {repeats} × {duration_s} s, {warm_up_s} s of warm-up before each",
        target.framing,
        target.protocol,
        target.mode,
        target.request_bytes,
        kind(report),
    )
}

/// What kind of loop it was.
pub(super) fn kind(report: &Report) -> &'static str {
    match report.steps.first().map(|step| &step.load) {
        Some(super::Load::Open { .. }) => "open loop, from the intended time of sending",
        _ => "closed loop, from the time of sending",
    }
}

fn figures(out: &mut String, report: &Report, paint: Paint) {
    let heads = ["load", "", "calls/s", "p50", "p90", "p99", "p99.9", "max", "jitter", "errors"];
    let _ = writeln!(out, "{}", paint.bold(&row(heads.map(str::to_owned))));
    for step in &report.steps {
        let load = step.load.to_string();
        if step.repeats.len() > 1 {
            for (index, figures) in step.repeats.iter().enumerate() {
                let head = if index == 0 { load.as_str() } else { "" };
                let _ = writeln!(out, "{}", row(cells(head, &format!("{}", index + 1), figures)));
            }
            let _ = writeln!(out, "{}", paint.bold(&row(cells("", "all", &step.all))));
        } else {
            let _ = writeln!(out, "{}", row(cells(&load, "", &step.all)));
        }
    }
}

fn row(cells: [String; 10]) -> String {
    let [load, repeat, rest @ ..] = cells;
    let mut text = format!("{load:<14}{repeat:>4}");
    for cell in rest {
        let _ = write!(text, "{cell:>11}");
    }
    text
}

fn cells(load: &str, repeat: &str, figures: &Figures) -> [String; 10] {
    let latency = &figures.latency_us;
    [
        load.to_owned(),
        repeat.to_owned(),
        grouped(figures.throughput),
        time(latency.p50),
        time(latency.p90),
        time(latency.p99),
        time(latency.p999),
        time(latency.max),
        time(figures.jitter_us),
        percent(figures.error_share()),
    ]
}

/// The parts of a mean call, in order.
pub(super) fn parts(figures: &Figures) -> Vec<(&'static str, f64)> {
    let budget = &figures.budget_us;
    let mut parts = vec![
        ("queue", budget.queue),
        ("connection", budget.connect),
        ("encode", budget.encode),
        ("network + server", budget.wait),
        ("client besides", budget.rest),
    ];
    if budget.queue <= 0.0 {
        parts.remove(0);
    }
    parts
}

fn budget(out: &mut String, step: &Step, named: bool, paint: Paint) {
    let parts = parts(&step.all);
    let total: f64 = parts.iter().map(|(_, us)| us).sum();
    if total <= 0.0 {
        return;
    }
    let of = if named { format!(" of a mean call at {}", step.load) } else { " of a mean call".to_owned() };
    let _ = writeln!(out, "\n{}", paint.bold(&format!("the {}{of}", time(total))));
    for (name, us) in parts {
        let share = us / total;
        let bar = "█".repeat((share * 40.0).round() as usize);
        let _ = writeln!(
            out,
            "  {}",
            format!("{name:<18}{:>10} {:>8}  {bar}", time(us), percent(share)).trim_end()
        );
    }
    if let Some(decode) = step.all.budget_us.decode {
        let _ = writeln!(
            out,
            "  {:<18}{:>10}           afterwards, of every 64th reply",
            "decode to JSON",
            time(decode)
        );
    }
    if let Some(cpu) = step.all.client_cpu_us {
        let _ =
            writeln!(out, "  {:<18}{:>10}           of this client's processor time", "client", time(cpu));
    }
}

/// Whether the repeats confirm each other.
fn steadiness(step: &Step, paint: Paint) -> String {
    let shares = [Metric::Throughput, Metric::P50, Metric::P99].map(|metric| {
        let share = step.spread.get(metric.name()).copied().unwrap_or_default();
        let text = format!("{} ±{}", metric.name(), percent(share));
        if share > BAND { paint.bad(&text) } else { text }
    });
    if step.all.succeeded == 0 {
        return format!("{}: {}", step.load, paint.bad("no call succeeded"));
    }
    let verdict = match step.unsteady() {
        None => return format!("{}: one repeat, so nothing tells how far figures can be trusted", step.load),
        Some(unsteady) if unsteady.is_empty() => paint.good("repeatable within ±10 %"),
        Some(_) => paint.doubtful("not repeatable within ±10 %"),
    };
    format!("{}: {verdict} ({})", step.load, shares.join(", "))
}

fn errors(out: &mut String, report: &Report, step: &Step, paint: Paint) {
    for (kind, count) in &step.all.errors {
        let share = *count as f64 / step.all.calls().max(1) as f64;
        let message = report.messages.get(kind).map(|message| format!(": {message}")).unwrap_or_default();
        let _ = writeln!(out, "  {} {kind} {}{message}", paint.bad(&grouped(*count as f64)), percent(share));
    }
}

fn compared(out: &mut String, comparison: &Comparison, paint: Paint) {
    let _ = writeln!(out, "\n{}", paint.bold("compared with before"));
    for note in &comparison.notes {
        let _ = writeln!(out, "  {} {note}", paint.doubtful("note:"));
    }
    for change in &comparison.changes {
        let verdict = match change.verdict {
            Verdict::Better => paint.good("better"),
            Verdict::Same => "same".to_owned(),
            Verdict::Worse => paint.bad("worse"),
        };
        let _ = writeln!(
            out,
            "  {:<12}{:<11}{:>11} → {:<11} {:<24} {verdict}",
            change.load,
            change.metric,
            change.before,
            change.after,
            change.ratio_text(),
        );
    }
}
