//! The figures of a suite: for people, as JSON, or summed up as a row of a document, and whether all limits held.

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

/// As JSON.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Number(number) if !number.is_finite() => f.write_str("null"),
            Figure::Number(number) if number.fract() == 0.0 => write!(f, "{number:.0}"),
            Figure::Number(number) => write!(f, "{number:.3}"),
            Figure::Text(text) => write!(f, "{}", quoted(text)),
            Figure::None => f.write_str("null"),
        }
    }
}

/// How the figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A table for people.
    Table,
    /// One JSON object per line.
    Json,
    /// One row of a Markdown table for the whole suite.
    Row,
}

/// What a figure has to do with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Equal,
    AtMost,
    AtLeast,
    Open,
}

impl Bound {
    fn sign(self) -> &'static str {
        match self {
            Bound::Equal => "= ",
            Bound::AtMost => "≤ ",
            Bound::AtLeast => "≥ ",
            Bound::Open => "",
        }
    }
}

struct Line {
    case: String,
    figure: String,
    value: Figure,
    bound: Bound,
    limit: Figure,
    pass: bool,
}

/// Collects and prints the figures of one suite.
pub struct Report {
    suite: &'static str,
    style: Style,
    lines: Vec<Line>,
}

impl Report {
    /// A report without figures.
    pub fn new(suite: &'static str, style: Style) -> Self {
        Report { suite, style, lines: Vec::new() }
    }

    /// Whether there were figures and none missed its limit.
    pub fn is_passed(&self) -> bool {
        !self.lines.is_empty() && self.misses() == 0
    }

    /// How many figures there were.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many figures missed.
    pub fn misses(&self) -> usize {
        self.lines.iter().filter(|line| !line.pass).count()
    }

    /// A figure that must be exactly this.
    pub fn equal<F: Into<Figure>>(&mut self, case: &str, figure: &str, value: F, limit: F) {
        let (value, limit) = (value.into(), limit.into());
        let pass = value == limit;
        self.line(case, figure, value, Bound::Equal, limit, pass);
    }

    /// A figure that may be this at most.
    pub fn at_most(&mut self, case: &str, figure: &str, value: impl Number, limit: impl Number) {
        let (value, limit) = (value.number(), limit.number());
        self.line(case, figure, value.into(), Bound::AtMost, limit.into(), value <= limit);
    }

    /// A figure that must be this at least.
    pub fn at_least(&mut self, case: &str, figure: &str, value: impl Number, limit: impl Number) {
        let (value, limit) = (value.number(), limit.number());
        self.line(case, figure, value.into(), Bound::AtLeast, limit.into(), value >= limit);
    }

    /// A figure that is only told.
    pub fn tell(&mut self, case: &str, figure: &str, value: impl Number) {
        self.line(case, figure, value.number().into(), Bound::Open, Figure::None, true);
    }

    fn line(&mut self, case: &str, figure: &str, value: Figure, bound: Bound, limit: Figure, pass: bool) {
        let (case, figure) = (case.to_owned(), figure.to_owned());
        let line = Line { case, figure, value, bound, limit, pass };
        match self.style {
            Style::Table => {
                if self.lines.is_empty() {
                    println!("{:44} {:44} {:>14}  limit", self.suite, "figure", "value");
                }
                println!("{}", line.for_people());
            }
            Style::Json => println!("{}", line.json(self.suite)),
            Style::Row => {}
        }
        self.lines.push(line);
    }

    /// Prints what sums up the suite, if that is wanted: the worst value of each figure that has a limit.
    pub fn finish(&self, size: &str) {
        if self.style == Style::Row {
            println!("| `{}` | {size} | {} |", self.suite, self.worst().join("; "));
        }
    }

    fn worst(&self) -> Vec<String> {
        let mut names: Vec<&str> = Vec::new();
        for line in self.lines.iter().filter(|line| line.bound != Bound::Open) {
            if !names.contains(&line.figure.as_str()) {
                names.push(&line.figure);
            }
        }
        let of =
            |name| self.lines.iter().filter(move |line| line.figure == name && line.bound != Bound::Open);
        names.into_iter().map(|name| sum_up(name, &of(name).collect::<Vec<_>>())).collect()
    }
}

/// A figure over all its cases.
fn sum_up(name: &str, lines: &[&Line]) -> String {
    let misses = lines.iter().filter(|line| !line.pass).count();
    let verdict = if misses > 0 { format!(" **{misses} missed**") } else { String::new() };
    let number = |line: &Line| match line.value {
        Figure::Number(number) => number,
        _ => f64::NAN,
    };
    let worst = match lines[0].bound {
        Bound::AtMost => lines.iter().max_by(|a, b| number(a).total_cmp(&number(b))),
        Bound::AtLeast => lines.iter().min_by(|a, b| number(a).total_cmp(&number(b))),
        Bound::Equal | Bound::Open => lines.iter().find(|line| !line.pass).or(lines.first()),
    };
    let Some(worst) = worst else { return name.to_owned() };
    match (&worst.value, worst.bound) {
        (Figure::Text(_), _) if lines.len() > 1 => format!("{name}: {} stated{verdict}", lines.len()),
        (_, Bound::Equal) => format!("{name} {}{verdict}", for_people(&worst.value)),
        (_, bound) => {
            let (value, limit) = (for_people(&worst.value), for_people(&worst.limit));
            format!("{name} {value} ({}{limit}){verdict}", bound.sign())
        }
    }
}

impl Line {
    fn for_people(&self) -> String {
        let verdict = if self.pass { "ok  " } else { "MISS" };
        let limit = match self.bound {
            Bound::Open => String::new(),
            bound => format!("{}{}", bound.sign(), for_people(&self.limit)),
        };
        let text =
            format!("{verdict} {:39} {:44} {:>14}  {limit}", self.case, self.figure, for_people(&self.value));
        text.trim_end().to_owned()
    }

    fn json(&self, suite: &str) -> String {
        let (case, figure) = (quoted(&self.case), quoted(&self.figure));
        let Line { value, limit, pass, .. } = self;
        format!(
            r#"{{"suite":"{suite}","case":{case},"figure":{figure},"value":{value},"limit":{limit},"pass":{pass}}}"#
        )
    }
}

/// Thousands apart, and no more decimals than tell something.
fn for_people(figure: &Figure) -> String {
    match figure {
        Figure::Text(text) => text.clone(),
        Figure::None => String::new(),
        Figure::Number(number) if number.is_nan() => "none".to_owned(),
        Figure::Number(number) if number.abs() < 100.0 && number.fract() != 0.0 => format!("{number:.2}"),
        Figure::Number(number) => thousands(*number as i64),
    }
}

/// A number with its thousands apart.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
        let mut report = Report::new("unit", Style::Row);
        assert!(!report.is_passed(), "a suite without figures shows nothing");
        report.at_most("case", "most", 3_u64, 3_u64);
        report.at_most("other case", "most", 2_u64, 3_u64);
        report.at_least("case", "least", 1.5, 1.0);
        report.tell("case", "told", 5_u64);
        assert!(report.is_passed());
        report.equal("case", "equal", 3_u64, 4);
        report.at_most("case", "never a number", f64::NAN, 1.0);
        assert!(!report.is_passed());
        assert_eq!((report.len(), report.misses()), (6, 2));
        let worst = [
            "most 3 (≤ 3)",
            "least 1.50 (≥ 1)",
            "equal 3 **1 missed**",
            "never a number none (≤ 1) **1 missed**",
        ];
        assert_eq!(report.worst(), worst);
    }

    #[test]
    fn lines_are_json() {
        assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\u000a""#);
        assert_eq!(Figure::from(3_u64).to_string(), "3");
        assert_eq!(Figure::from(f64::NAN).to_string(), "null");
        let line = Line {
            case: "a".into(),
            figure: "b".into(),
            value: 1.5.into(),
            bound: Bound::AtMost,
            limit: 2_u64.into(),
            pass: true,
        };
        let json = r#"{"suite":"unit","case":"a","figure":"b","value":1.500,"limit":2,"pass":true}"#;
        assert_eq!(line.json("unit"), json);
    }

    #[test]
    fn thousands_are_apart() {
        let texts = [0, 7, -999, 1000, -1_234_567].map(thousands);
        assert_eq!(texts, ["0", "7", "-999", "1,000", "-1,234,567"]);
    }
}
