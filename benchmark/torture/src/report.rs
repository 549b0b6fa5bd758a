//! The figures of a suite: one line each, as JSON or for people, and whether all limits held.

use std::{fmt, time::Duration};

/// What was measured, or what was expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// A number.
    Number(f64),
    /// A word or two.
    Text(String),
    /// Nothing: a figure without limit.
    None,
}

impl From<u64> for Figure {
    fn from(number: u64) -> Self {
        Figure::Number(number as f64)
    }
}

impl From<f64> for Figure {
    fn from(number: f64) -> Self {
        Figure::Number(number)
    }
}

impl From<String> for Figure {
    fn from(text: String) -> Self {
        Figure::Text(text)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Number(number) if number.fract() == 0.0 => write!(f, "{number:.0}"),
            Figure::Number(number) => write!(f, "{number:.3}"),
            Figure::Text(text) => write!(f, "{}", quoted(text)),
            Figure::None => f.write_str("null"),
        }
    }
}

/// Collects and prints the figures of one suite.
pub struct Report {
    suite: &'static str,
    json: bool,
    lines: usize,
    misses: usize,
}

impl Report {
    /// A report without figures.
    pub fn new(suite: &'static str, json: bool) -> Self {
        Report { suite, json, lines: 0, misses: 0 }
    }

    /// Whether there were figures and none missed its limit.
    pub fn is_passed(&self) -> bool {
        self.lines > 0 && self.misses == 0
    }

    /// How many figures there were and how many missed.
    pub fn summary(&self) -> (usize, usize) {
        (self.lines, self.misses)
    }

    /// A figure that must be exactly this.
    pub fn equal<F: Into<Figure>>(&mut self, case: &str, figure: &str, value: F, limit: F) {
        let (value, limit) = (value.into(), limit.into());
        let pass = value == limit;
        self.line(case, figure, &value, "", &limit, pass);
    }

    /// A figure that may be this at most.
    pub fn at_most(&mut self, case: &str, figure: &str, value: impl Number, limit: impl Number) {
        let (value, limit) = (value.number(), limit.number());
        self.line(case, figure, &value.into(), "<= ", &limit.into(), value <= limit);
    }

    /// A figure that must be this at least.
    pub fn at_least(&mut self, case: &str, figure: &str, value: impl Number, limit: impl Number) {
        let (value, limit) = (value.number(), limit.number());
        self.line(case, figure, &value.into(), ">= ", &limit.into(), value >= limit);
    }

    /// A figure that is only told.
    pub fn tell(&mut self, case: &str, figure: &str, value: impl Number) {
        self.line(case, figure, &value.number().into(), "", &Figure::None, true);
    }

    fn line(&mut self, case: &str, figure: &str, value: &Figure, bound: &str, limit: &Figure, pass: bool) {
        self.lines += 1;
        self.misses += usize::from(!pass);
        let suite = self.suite;
        if self.json {
            let (case, figure) = (quoted(case), quoted(figure));
            println!(
                r#"{{"suite":"{suite}","case":{case},"figure":{figure},"value":{value},"limit":{limit},"pass":{pass}}}"#
            );
            return;
        }
        let verdict = if pass { "ok  " } else { "MISS" };
        let limit =
            if *limit == Figure::None { String::new() } else { format!(" (expected {bound}{limit})") };
        println!("{verdict} {suite} | {case} | {figure}: {value}{limit}");
    }
}

/// What can be compared with a limit.
pub trait Number {
    /// The number; a duration's is its milliseconds.
    fn number(self) -> f64;
}

impl Number for f64 {
    fn number(self) -> f64 {
        self
    }
}

impl Number for u64 {
    fn number(self) -> f64 {
        self as f64
    }
}

impl Number for Duration {
    fn number(self) -> f64 {
        self.as_secs_f64() * 1000.0
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_counted() {
        let mut report = Report::new("unit", true);
        assert!(!report.is_passed(), "a suite without figures shows nothing");
        report.at_most("case", "figure", 3_u64, 3_u64);
        report.at_least("case", "figure", 1.5, 1.0);
        assert!(report.is_passed());
        report.equal("case", "figure", 3_u64, 4);
        assert!(!report.is_passed());
        assert_eq!(report.summary(), (3, 1));
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\u000a""#);
        assert_eq!(Figure::from(3_u64).to_string(), "3");
    }
}
