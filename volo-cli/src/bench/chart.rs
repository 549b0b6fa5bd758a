//! Line charts in SVG: axes, lines, areas and labels, all coloured by the page's style sheet.

use std::fmt::Write;

use super::figures::time;

/// Size of a drawing, and its margins, in the units of its view box.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 338.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;

/// How values become places.
#[derive(Clone, Copy, Debug)]
enum Scale {
    Linear,
    Log,
    /// Of percentiles: each nine takes as much room.
    Nines,
}

impl Scale {
    fn of(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => value.max(1e-3).log10(),
            Scale::Nines => -(1.0 - value / 100.0).max(1e-9).log10(),
        }
    }
}

/// An axis: its range, and what is written along it.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
    label: &'static str,
}

impl Axis {
    /// From nothing to the largest value, in round steps.
    pub(super) fn linear(max: f64, label: &'static str, show: impl Fn(f64) -> String) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let step = round_up(max / 5.0);
        let count = (max / step).ceil().max(1.0) as u32;
        let ticks = (0..=count).map(|index| f64::from(index) * step).map(|value| (value, show(value)));
        Axis { scale: Scale::Linear, from: 0.0, to: f64::from(count) * step, ticks: ticks.collect(), label }
    }

    /// Seconds, exactly as long as needed.
    pub(super) fn seconds(max: f64) -> Self {
        let mut axis = Axis::linear(max, "seconds since the beginning", |value| format!("{value}"));
        axis.to = max.max(1e-3);
        axis.ticks.retain(|(value, _)| *value <= max);
        axis
    }

    /// Microseconds between the smallest and the largest value, by their magnitude.
    pub(super) fn latency(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let (min, max) =
            positive.fold((f64::MAX, 0f64), |(min, max), value| (min.min(value), max.max(value)));
        let (min, max) = if max > 0.0 { (min, max) } else { (1.0, 10.0) };
        // 1, 2, 5, 10, … from the last one below to the first one above.
        let all = (-1..9).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
        let all: Vec<f64> = all.collect();
        let from = all.iter().copied().filter(|tick| *tick <= min).fold(0.1, f64::max);
        let to = all.iter().copied().filter(|tick| *tick >= max).fold(1e9, f64::min);
        let crowded = (to / from).log10() > 2.7;
        let shown = all.into_iter().filter(|tick| (from..=to).contains(tick));
        let shown = shown.filter(|tick| !crowded || tick.log10().fract().abs() < 1e-9);
        let ticks = shown.map(|tick| (tick, unit(tick))).collect();
        Axis { scale: Scale::Log, from, to, ticks, label: "latency" }
    }

    /// Percentiles up to the last of a curve.
    pub(super) fn percentiles(last: f64) -> Self {
        let all = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999, 99.99999];
        let to = last.max(90.0);
        let ticks =
            all.into_iter().filter(|tick| *tick <= to).map(|tick| (tick, format!("{tick} %"))).collect();
        Axis { scale: Scale::Nines, from: 0.0, to, ticks, label: "share of calls that were at least as fast" }
    }

    /// Where a value is, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let [from, to, at] = [self.from, self.to, value].map(|value| self.scale.of(value));
        if to > from { ((at - from) / (to - from)).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// The next of 1, 2, 5, 10, 20, …
fn round_up(value: f64) -> f64 {
    let magnitude = 10f64.powf(value.log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * magnitude >= value * 0.999);
    digit.unwrap_or(10.0) * magnitude
}

fn unit(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us} µs"),
        us if us < 1e6 => format!("{} ms", us / 1e3),
        us => format!("{} s", us / 1e6),
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Line,
    Area,
    /// What was wanted, or was before.
    Dashed,
}

/// Points that belong together. Lines are drawn through each run of them.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// Class in the style sheet: `s1` and so on.
    pub(super) class: String,
    pub(super) look: Look,
    pub(super) runs: Vec<Vec<(f64, f64)>>,
    /// Points that are named in the drawing.
    pub(super) marks: Vec<(f64, f64, String)>,
}

/// A stretch of the horizontal axis with a name.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) name: String,
}

/// A drawing.
pub(super) struct Chart<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// For those who can't see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    pub(super) bands: Vec<Band>,
}

impl Chart<'_> {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM)
    }

    /// The drawing, with its legend, as a figure of HTML.
    pub(super) fn figure(&self) -> String {
        let (id, title, description) = (self.id, escape(self.title), escape(&self.description));
        let mut out = format!("<figure class=\"card chart\"><figcaption><h2>{title}</h2>{}", self.legend());
        let _ = write!(
            out,
            "</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>"
        );
        self.draw_bands(&mut out);
        self.draw_axes(&mut out);
        for series in &self.series {
            self.draw(&mut out, series);
        }
        // Above all lines.
        for series in &self.series {
            self.draw_marks(&mut out, series);
        }
        out.push_str("</svg></figure>\n");
        out
    }

    fn legend(&self) -> String {
        let items = self.series.iter().map(|series| {
            let dashed = if series.look == Look::Dashed { " dashed" } else { "" };
            format!("<li><i class=\"{}{dashed}\"></i>{}</li>", series.class, escape(&series.name))
        });
        format!("<ul class=\"legend\">{}</ul>", items.collect::<String>())
    }

    fn draw_bands(&self, out: &mut String) {
        for band in &self.bands {
            let (from, to) = (self.x(band.from), self.x(band.to));
            let _ = write!(
                out,
                "<rect class=\"band\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\"/>\
                 <text class=\"band-name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                (to - from).max(0.0),
                HEIGHT - TOP - BOTTOM,
                (from + to) / 2.0,
                TOP - 9.0,
                escape(&band.name)
            );
        }
    }

    fn draw_axes(&self, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, label) in &self.y.ticks {
            let y = self.y(*value);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text class=\"tick\" text-anchor=\"end\" \
                 x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                LEFT - 10.0,
                y + 4.0
            );
        }
        for (value, label) in &self.x.ticks {
            let x = self.x(*value);
            let _ = write!(
                out,
                "<path class=\"notch\" d=\"M{x:.1} {bottom}v5\"/><text class=\"tick\" text-anchor=\"middle\" \
                 x=\"{x:.1}\" y=\"{:.1}\">{label}</text>",
                bottom + 19.0
            );
        }
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/><text class=\"name\" text-anchor=\"end\" \
             x=\"{right}\" y=\"{:.1}\">{}</text>",
            HEIGHT - 6.0,
            self.x.label
        );
        let _ = write!(
            out,
            "<text class=\"name\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 10.0,
            TOP - 20.0,
            self.y.label
        );
    }

    fn draw(&self, out: &mut String, series: &Series) {
        let bottom = HEIGHT - BOTTOM;
        for run in series.runs.iter().filter(|run| !run.is_empty()) {
            let mut path = String::new();
            for (index, (x, y)) in run.iter().enumerate() {
                let command = if index == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", self.x(*x), self.y(*y));
            }
            let (first, last) = (self.x(run[0].0), self.x(run[run.len() - 1].0));
            let (class, dashed) = (&series.class, if series.look == Look::Dashed { " dashed" } else { "" });
            if series.look == Look::Area {
                let _ = write!(
                    out,
                    "<path class=\"area {class}\" d=\"{path}L{last:.1} {bottom}L{first:.1} {bottom}Z\"/>"
                );
            }
            let _ = write!(out, "<path class=\"line {class}{dashed}\" d=\"{path}\"/>");
        }
    }

    fn draw_marks(&self, out: &mut String, series: &Series) {
        for (x, y, label) in &series.marks {
            let (x, y) = (self.x(*x), self.y(*y));
            let near_end = x > WIDTH - RIGHT - 90.0;
            let (anchor, shift) = if near_end { ("end", -8.0) } else { ("start", 8.0) };
            // Below the line where there is no room above it.
            let dy = if y < TOP + 22.0 { 20.0 } else { -9.0 };
            let _ = write!(
                out,
                "<circle class=\"mark {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/><text class=\"mark-name\" \
                 text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                series.class,
                x + shift,
                y + dy,
                escape(label)
            );
        }
    }
}

/// The named points of a curve of percentiles.
pub(super) fn percentile_marks(curve: &[(f64, f64)]) -> Vec<(f64, f64, String)> {
    let at = |wanted: f64| curve.iter().find(|(percentile, _)| *percentile >= wanted - 1e-6);
    let marks = [50.0, 90.0, 99.0, 99.9, 99.99].into_iter();
    marks.filter_map(|wanted| at(wanted).map(|(x, us)| (*x, *us, time(*us)))).collect()
}

/// Text in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_values_between_round_ticks() {
        let labels = |axis: &Axis| axis.ticks.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>();
        let linear = Axis::linear(870.0, "", |value| format!("{value}"));
        assert_eq!(labels(&linear), ["0", "200", "400", "600", "800", "1000"]);
        assert!((linear.share(500.0) - 0.5).abs() < 1e-9);
        let latency = Axis::latency([63.0, 1400.0].into_iter());
        assert_eq!(labels(&latency), ["50 µs", "100 µs", "200 µs", "500 µs", "1 ms", "2 ms"]);
        let wide = Axis::latency([3.0, 9_000_000.0].into_iter());
        assert_eq!(labels(&wide).len(), 7, "{:?}", labels(&wide));
        let nines = Axis::percentiles(99.99);
        assert!((nines.share(99.0) - 0.5).abs() < 1e-9);
        // Nothing measured, and values beyond the axis, stay in the drawing.
        assert!(Axis::latency(std::iter::empty()).share(f64::MAX) <= 1.0);
        assert!(Axis::linear(0.0, "", |value| value.to_string()).share(-1.0) >= 0.0);
    }
}
