//! A report as a page that stands alone: no script, no font, nothing from the network.

use std::fmt::Write;

use super::{
    chart::{Axis, Band, Chart, Look, Series, escape, percentile_marks},
    compare::{Comparison, Verdict},
    environment::date,
    figures::{Figures, Load, Metric, Point, Report, Step, grouped, percent, time},
    judge::{Crossed, Level},
    table::{how, kind, parts},
};

/// Colours there are for lines.
const COLOURS: usize = 6;

const STYLE: &str = include_str!("report.css");

/// The page.
pub(crate) fn page(report: &Report, comparison: Option<&Comparison>, crossed: &[Crossed]) -> String {
    let method = escape(&report.target.method);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{method} under load</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}</style></head><body><main>\n"
    );
    let date = date(report.environment.unix_time);
    let _ = writeln!(
        out,
        "<header><p class=\"eyebrow\">volo bench · {date}</p><h1>{method}</h1>\
         <p class=\"how\">{} · {}</p></header>",
        escape(&report.target.address),
        escape(&how(report))
    );
    chips(&mut out, report, comparison, crossed);
    if let Some(step) = report.steps.last() {
        tiles(&mut out, report, step);
    }
    out.push_str(&curve(report, comparison).figure());
    if report.steps.len() > 1 {
        out.push_str(&by_load(report).figure());
    }
    out.push_str(&over_time(report).figure());
    out.push_str(&throughput(report).figure());
    budget(&mut out, report);
    if let Some(comparison) = comparison {
        compared(&mut out, comparison);
    }
    figures(&mut out, report);
    environment(&mut out, report);
    out.push_str("</main></body></html>\n");
    out
}

fn chips(out: &mut String, report: &Report, comparison: Option<&Comparison>, crossed: &[Crossed]) {
    let mut chips: Vec<(&str, String)> = Vec::new();
    let unsteady =
        report.steps.iter().filter_map(Step::unsteady).filter(|metrics| !metrics.is_empty()).count();
    match report.steps.iter().filter_map(Step::unsteady).count() {
        0 => chips.push(("doubt", "one repeat".to_owned())),
        _ if unsteady == 0 => chips.push(("good", "repeatable within ±10 %".to_owned())),
        _ => chips.push(("doubt", "not repeatable within ±10 %".to_owned())),
    }
    if crossed.is_empty() {
        chips.push(("good", "within all limits".to_owned()));
    }
    for crossed in crossed {
        let class = if crossed.level == Level::Crit { "bad" } else { "doubt" };
        chips.push((class, format!("{}: {}", crossed.load, crossed.text)));
    }
    match comparison.map(Comparison::is_worse) {
        Some(true) => chips.push(("bad", "worse than before".to_owned())),
        Some(false) => chips.push(("good", "no worse than before".to_owned())),
        None => {}
    }
    if report.interrupted {
        chips.push(("doubt", "ended early".to_owned()));
    }
    let items = chips.iter().map(|(class, text)| format!("<li class=\"{class}\">{}</li>", escape(text)));
    let _ = writeln!(out, "<ul class=\"chips\">{}</ul>", items.collect::<String>());
}

fn tiles(out: &mut String, report: &Report, step: &Step) {
    if report.steps.len() > 1 {
        let _ = writeln!(
            out,
            "<p class=\"note\" style=\"margin-bottom:8px\">At {}, the last step:</p>",
            step.load
        );
    }
    let figures = &step.all;
    let metrics = [
        Metric::Throughput,
        Metric::P50,
        Metric::P99,
        Metric::P999,
        Metric::Max,
        Metric::Jitter,
        Metric::Errors,
    ];
    out.push_str("<dl class=\"tiles\">");
    for metric in metrics {
        let value = match metric {
            Metric::Throughput => format!("{}<small> /s</small>", grouped(figures.throughput)),
            _ => metric.show(metric.of(figures)),
        };
        let _ = write!(out, "<div class=\"tile\"><dt>{}</dt><dd>{value}</dd></div>", metric.name());
    }
    out.push_str("</dl>\n");
}

fn class(index: usize) -> String {
    format!("s{}", index % COLOURS + 1)
}

fn curve<'a>(report: &Report, comparison: Option<&Comparison>) -> Chart<'a> {
    let mut series = Vec::new();
    for (index, step) in report.steps.iter().enumerate() {
        // Marks of several lines would cover one another.
        let marked = index + 1 == report.steps.len();
        series.push(Series {
            name: step.load.to_string(),
            class: class(index),
            look: Look::Line,
            runs: vec![step.curve.clone()],
            marks: if marked { percentile_marks(&step.curve) } else { Vec::new() },
        });
        if let Some(before) = comparison.and_then(|comparison| comparison.step(&step.load)) {
            series.push(Series {
                name: format!("{} before", step.load),
                class: class(index),
                look: Look::Dashed,
                runs: vec![before.curve.clone()],
                marks: Vec::new(),
            });
        }
    }
    let all = || series.iter().flat_map(|series| series.runs.iter().flatten().copied());
    let last = all().map(|(percentile, _)| percentile).fold(0.0, f64::max);
    let told = report.steps.iter().map(|step| {
        let latency = &step.all.latency_us;
        let [p50, p99, max] = [latency.p50, latency.p99, latency.max].map(time);
        format!("{}: p50 {p50}, p99 {p99}, longest {max}.", step.load)
    });
    Chart {
        id: "curve",
        title: "Latency by percentile",
        description: told.collect::<Vec<_>>().join(" "),
        x: Axis::percentiles(last),
        y: Axis::latency(all().map(|(_, us)| us).collect::<Vec<_>>().into_iter()),
        series,
        bands: Vec::new(),
    }
}

fn by_load<'a>(report: &Report) -> Chart<'a> {
    let rate = |step: &Step| match step.load {
        Load::Open { rate, .. } => rate,
        Load::Closed { callers } => callers as f64,
    };
    let mut steps: Vec<&Step> = report.steps.iter().filter(|step| step.all.succeeded > 0).collect();
    steps.sort_by(|one, other| rate(one).total_cmp(&rate(other)));
    let lines = [Metric::P50, Metric::P99, Metric::P999].into_iter().enumerate();
    let series: Vec<Series> = lines
        .map(|(index, metric)| {
            let points: Vec<(f64, f64)> =
                steps.iter().map(|step| (rate(step), metric.of(&step.all))).collect();
            Series {
                name: metric.name().to_owned(),
                class: class(index),
                look: Look::Line,
                // p99.9 is too close to p99 for a text of its own.
                marks: match metric {
                    Metric::P999 => Vec::new(),
                    _ => points.iter().map(|(x, us)| (*x, *us, time(*us))).collect(),
                },
                runs: vec![points],
            }
        })
        .collect();
    let values: Vec<f64> =
        series.iter().flat_map(|series| series.runs[0].iter().map(|point| point.1)).collect();
    let max = steps.iter().map(|step| rate(step)).fold(0.0, f64::max);
    Chart {
        id: "load",
        title: "Latency by load",
        description: "p50, p99 and p99.9 of each rate; the same figures are in the table.".to_owned(),
        x: Axis::linear(max, "calls asked for each second", grouped),
        y: Axis::latency(values.into_iter()),
        series,
        bands: Vec::new(),
    }
}

/// The runs of all steps in the order of time: step and points.
fn runs(report: &Report) -> Vec<(&Step, Vec<&Point>)> {
    let mut runs = Vec::new();
    for step in &report.steps {
        for points in step.points.chunk_by(|one, other| one.repeat == other.repeat) {
            runs.push((step, points.iter().collect::<Vec<_>>()));
        }
    }
    runs.sort_by(|one, other| one.1[0].at_s.total_cmp(&other.1[0].at_s));
    runs
}

fn bands(report: &Report) -> Vec<Band> {
    let runs = runs(report);
    let crowded = runs.len() > 12;
    let band = |(step, points): &(&Step, Vec<&Point>)| {
        let (first, last) = (points[0], points[points.len() - 1]);
        let name = match report.steps.len() {
            _ if crowded => String::new(),
            1 => format!("repeat {}", first.repeat),
            _ => step.load.to_string(),
        };
        Band { from: first.at_s - first.seconds / 2.0, to: last.at_s + last.seconds / 2.0, name }
    };
    runs.iter().map(band).collect()
}

fn seconds(bands: &[Band]) -> Axis {
    Axis::seconds(bands.iter().map(|band| band.to).fold(0.0, f64::max))
}

/// A line for all runs of a report.
fn line(
    report: &Report,
    name: &str,
    class: &str,
    look: Look,
    value: impl Fn(&Step, &Point) -> Option<f64>,
) -> Series {
    let run = |(step, points): &(&Step, Vec<&Point>)| {
        points.iter().filter_map(|point| Some((point.at_s, value(step, point)?))).collect::<Vec<_>>()
    };
    let runs = runs(report).iter().map(run).collect();
    Series { name: name.to_owned(), class: class.to_owned(), look, runs, marks: Vec::new() }
}

fn over_time<'a>(report: &Report) -> Chart<'a> {
    let measured = |us: f64| (us > 0.0).then_some(us);
    let series = vec![
        line(report, "p50", "s1", Look::Line, |_, point| measured(point.p50_us)),
        line(report, "p99", "s2", Look::Line, |_, point| measured(point.p99_us)),
    ];
    let values: Vec<f64> =
        series.iter().flat_map(|series| series.runs.iter().flatten().map(|point| point.1)).collect();
    let bands = bands(report);
    Chart {
        id: "time",
        title: "Latency over time",
        description: "p50 and p99 of each interval, all repeats one after the other; gaps are warm-up."
            .to_owned(),
        x: seconds(&bands),
        y: Axis::latency(values.into_iter()),
        series,
        bands,
    }
}

fn throughput<'a>(report: &Report) -> Chart<'a> {
    let mut series =
        vec![line(report, "successful calls", "s3", Look::Area, |_, point| Some(point.throughput()))];
    if report.steps.iter().any(|step| matches!(step.load, Load::Open { .. })) {
        series.push(line(report, "asked for", "s0", Look::Dashed, |step, _| match step.load {
            Load::Open { rate, .. } => Some(rate),
            Load::Closed { .. } => None,
        }));
    }
    if report.steps.iter().any(|step| step.all.failed() > 0) {
        let failed = |_: &Step, point: &Point| Some(point.errors as f64 / point.seconds.max(1e-9));
        series.push(line(report, "failed calls", "failed", Look::Line, failed));
    }
    let max = series
        .iter()
        .flat_map(|series| series.runs.iter().flatten().map(|point| point.1))
        .fold(0.0, f64::max);
    let bands = bands(report);
    Chart {
        id: "throughput",
        title: "Throughput over time",
        description: "Calls a second in each interval, all repeats one after the other.".to_owned(),
        x: seconds(&bands),
        y: Axis::linear(max, "calls/s", grouped),
        series,
        bands,
    }
}

fn budget(out: &mut String, report: &Report) {
    if report.steps.iter().all(|step| step.all.budget_us.wait <= 0.0) {
        return;
    }
    out.push_str("<section class=\"card\"><header><h2>Where the time of a mean call goes</h2></header><div class=\"budget\">");
    for step in &report.steps {
        let parts = parts(&step.all);
        let total: f64 = parts.iter().map(|(_, us)| us).sum();
        if total <= 0.0 {
            continue;
        }
        let _ =
            write!(out, "<span class=\"load\">{}</span><div class=\"bar\" aria-hidden=\"true\">", step.load);
        for (index, (_, us)) in parts.iter().enumerate() {
            let _ =
                write!(out, "<i class=\"{}\" style=\"width:{:.2}%\"></i>", class(index), us / total * 100.0);
        }
        out.push_str("</div><p class=\"parts\">");
        for (index, (name, us)) in parts.iter().enumerate() {
            let (us, share) = (time(*us), percent(us / total));
            let _ = write!(out, "<span><i class=\"{}\"></i>{name} <b>{us}</b> {share}</span> ", class(index));
        }
        let decode = step.all.budget_us.decode.map(|us| format!("decoding a reply to JSON {}", time(us)));
        let cpu = step.all.client_cpu_us.map(|us| format!("the client's processor {}", time(us)));
        let besides: Vec<String> = decode.into_iter().chain(cpu).collect();
        if !besides.is_empty() {
            let _ = write!(out, "<br>besides, for each call: {}", besides.join(", "));
        }
        out.push_str("</p>");
    }
    out.push_str("</div></section>\n");
}

fn compared(out: &mut String, comparison: &Comparison) {
    let date = date(comparison.golden.environment.unix_time);
    let _ = write!(
        out,
        "<section class=\"card\"><header><h2>Compared with {date}</h2></header><div class=\"scroll\"><table><thead><tr>\
         <th scope=\"col\">load</th><th scope=\"col\">metric</th><th scope=\"col\">before</th><th scope=\"col\">now</th>\
         <th scope=\"col\">ratio</th><th scope=\"col\">verdict</th></tr></thead><tbody>"
    );
    for change in &comparison.changes {
        let (class, verdict) = match change.verdict {
            Verdict::Better => ("good", "better"),
            Verdict::Same => ("", "same"),
            Verdict::Worse => ("bad", "worse"),
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><span class=\"{class}\">{verdict}</span></td></tr>",
            change.load,
            change.metric,
            escape(&change.before),
            escape(&change.after),
            change.ratio_text()
        );
    }
    out.push_str("</tbody></table></div>");
    for note in &comparison.notes {
        let _ = write!(out, "<p class=\"note\">{}</p>", escape(note));
    }
    out.push_str("</section>\n");
}

fn figures(out: &mut String, report: &Report) {
    out.push_str("<section class=\"card\"><header><h2>All figures</h2></header><div class=\"scroll\"><table><thead><tr>");
    let heads = ["load", "repeat", "calls/s", "p50", "p90", "p99", "p99.9", "max", "jitter", "errors"];
    heads.iter().for_each(|head| {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    });
    out.push_str("</tr></thead><tbody>");
    for step in &report.steps {
        for (index, repeat) in step.repeats.iter().enumerate() {
            row(out, "", &step.load, &format!("{}", index + 1), repeat);
        }
        row(out, " class=\"all\"", &step.load, "all", &step.all);
    }
    out.push_str("</tbody></table></div>");
    for step in &report.steps {
        for (kind, count) in &step.all.errors {
            let message = report.messages.get(kind).map(|message| format!(": {}", escape(message)));
            let (count, message) = (grouped(*count as f64), message.unwrap_or_default());
            let _ = write!(out, "<p class=\"note\">{}: {count} × {kind}{message}</p>", step.load);
        }
    }
    let _ = writeln!(
        out,
        "<p class=\"note\">Jitter is the p95 of the difference between a call and the one before of the same caller. \
         Measured in a {}.</p></section>",
        kind(report)
    );
}

fn row(out: &mut String, attributes: &str, load: &Load, repeat: &str, figures: &Figures) {
    let _ = write!(
        out,
        "<tr{attributes}><td>{load}</td><td>{repeat}</td><td>{}</td>",
        grouped(figures.throughput)
    );
    let metrics =
        [Metric::P50, Metric::P90, Metric::P99, Metric::P999, Metric::Max, Metric::Jitter, Metric::Errors];
    for metric in metrics {
        let _ = write!(out, "<td>{}</td>", escape(&metric.show(metric.of(figures))));
    }
    out.push_str("</tr>");
}

fn environment(out: &mut String, report: &Report) {
    let environment = &report.environment;
    let load = |load: Option<f64>| load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let loads = format!("{} before, {} after", load(environment.load_before), load(environment.load_after));
    let unknown = || "unknown".to_owned();
    let facts = [
        (
            "processors",
            format!("{} × {}", environment.processors, environment.processor.clone().unwrap_or_else(unknown)),
        ),
        (
            "system",
            format!("{}, kernel {}", environment.os, environment.kernel.clone().unwrap_or_else(unknown)),
        ),
        ("governor", environment.governor.clone().unwrap_or_else(unknown)),
        ("load average", loads),
        ("volo", environment.volo.clone()),
    ];
    out.push_str(
        "<section class=\"card\"><header><h2>Where it was measured</h2></header><dl class=\"facts\">",
    );
    for (name, value) in facts {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    out.push_str("</dl></section>\n");
}
