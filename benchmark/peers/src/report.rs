//! What was measured: one line of JSON per figure, or a table for people.

use std::fmt::Write;

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// One value of ours beside one of a peer.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) suite: &'static str,
    pub(crate) case: String,
    pub(crate) metric: &'static str,
    pub(crate) ours: f64,
    pub(crate) peer: &'static str,
    pub(crate) theirs: f64,
    /// How many times better ours is.
    pub(crate) ratio: f64,
    /// First and third quartile of the ratio over the rounds, where there are rounds to compare.
    pub(crate) quartiles: Option<(f64, f64)>,
    pub(crate) unit: &'static str,
}

impl Figure {
    /// A figure whose ratio follows from its two values.
    pub(crate) fn new(
        (suite, case, metric): (&'static str, &str, &'static str),
        ours: f64,
        (peer, theirs): (&'static str, f64),
        (unit, better): (&'static str, Better),
    ) -> Self {
        let ratio = ratio(ours, theirs, better);
        Figure { suite, case: case.to_owned(), metric, ours, peer, theirs, ratio, quartiles: None, unit }
    }

    fn json(&self) -> String {
        let Figure { suite, case, metric, ours, peer, theirs, ratio, quartiles, unit } = self;
        let mut line = format!(r#"{{"suite":"{suite}","case":"{case}","metric":"{metric}""#);
        let values = format!(
            r#","ours":{},"peer":"{peer}","theirs":{},"ratio":{},"unit":"{unit}""#,
            number(*ours),
            number(*theirs),
            number(*ratio)
        );
        line.push_str(&values);
        if let Some((low, high)) = quartiles {
            write!(line, r#","quartiles":[{},{}]"#, number(*low), number(*high))
                .expect("a string takes all text");
        }
        line.push('}');
        line
    }
}

/// How many times better ours is. Two zeros are equal; besides, a zero of ours counts as one, and against a zero of
/// the peer ours is no times better.
pub(crate) fn ratio(ours: f64, theirs: f64, better: Better) -> f64 {
    match better {
        _ if ours == theirs => 1.0,
        Better::Lower if ours == 0.0 => theirs,
        Better::Lower => theirs / ours,
        Better::Higher => ours / theirs,
    }
}

/// Collects figures; JSON is printed at once, a table at the end.
pub(crate) struct Report {
    json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Report { json, figures: Vec::new() }
    }

    /// Adds a figure.
    ///
    /// # Errors
    /// When a value is no number: then nothing was measured.
    pub(crate) fn add(&mut self, figure: Figure) -> Result<(), String> {
        if ![figure.ours, figure.theirs, figure.ratio].iter().all(|value| value.is_finite()) {
            return Err(format!("no samples: {figure:?}"));
        }
        if self.json {
            println!("{}", figure.json());
        }
        self.figures.push(figure);
        Ok(())
    }

    /// Prints what is left to print.
    ///
    /// # Errors
    /// When there is no figure at all.
    pub(crate) fn finish(self) -> Result<(), String> {
        if self.figures.is_empty() {
            return Err("nothing was measured".to_owned());
        }
        if !self.json {
            print!("{}", table(&self.figures));
        }
        Ok(())
    }
}

fn table(figures: &[Figure]) -> String {
    let header =
        ["case", "metric", "peer", "ours", "theirs", "unit", "ratio", "quartiles"].map(str::to_owned);
    let rows = figures.iter().map(|figure| {
        let quartiles = figure.quartiles.map(|(low, high)| format!("{low:.2}–{high:.2}"));
        [
            figure.case.clone(),
            figure.metric.to_owned(),
            figure.peer.to_owned(),
            number(figure.ours),
            number(figure.theirs),
            figure.unit.to_owned(),
            format!("{:.2}×", figure.ratio),
            quartiles.unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = [header].into_iter().chain(rows).collect();
    let widths: [usize; 8] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A value with three digits that count, whole when it is large.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        1000.0.. => 0,
        100.0.. => 1,
        1.0.. => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_says_how_many_times_better_ours_is() {
        assert_eq!(ratio(10.0, 25.0, Better::Lower), 2.5);
        assert_eq!(ratio(25.0, 10.0, Better::Higher), 2.5);
        assert_eq!(ratio(0.0, 0.0, Better::Lower), 1.0);
        assert_eq!(ratio(0.0, 5.0, Better::Lower), 5.0);
        assert_eq!(ratio(2.0, 0.0, Better::Lower), 0.0);
    }

    #[test]
    fn a_line_has_the_agreed_keys() {
        let figure = Figure::new(("codec", "Echo", "encode"), 10.0, ("pilota", 15.0), ("ns", Better::Lower));
        let expected = r#"{"suite":"codec","case":"Echo","metric":"encode","ours":10.00,"peer":"pilota","theirs":15.00,"ratio":1.50,"unit":"ns"}"#;
        assert_eq!(figure.json(), expected);
    }

    #[test]
    fn a_run_without_samples_fails() {
        assert!(Report::new(true).finish().is_err());
        let nothing =
            Figure::new(("codec", "Echo", "encode"), f64::NAN, ("pilota", 1.0), ("ns", Better::Lower));
        assert!(Report::new(true).add(nothing).is_err());
    }
}
