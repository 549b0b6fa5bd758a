//! The outcome of each cell: one JSON object on a line.

use std::fmt;

use volo_core::BoxError;

/// Prints cells and counts those that failed.
pub struct Report {
    peer: String,
    direction: &'static str,
    failures: usize,
}

/// The result of one cell.
pub type Outcome = Result<(), BoxError>;

impl Report {
    /// Cells in which we call `peer`.
    pub fn to_peer(peer: impl Into<String>) -> Self {
        Report { peer: peer.into(), direction: "us->peer", failures: 0 }
    }

    /// Prints a cell.
    pub fn cell(&mut self, case: impl fmt::Display, outcome: Outcome) {
        println!("{}", self.line(&case.to_string(), &outcome));
        self.failures += usize::from(outcome.is_err());
    }

    /// Whether no cell failed.
    pub fn passed(&self) -> bool {
        self.failures == 0
    }

    fn line(&self, case: &str, outcome: &Outcome) -> String {
        let (peer, direction, pass) = (quoted(&self.peer), quoted(self.direction), outcome.is_ok());
        let error = match outcome {
            Ok(()) => String::new(),
            Err(error) => format!(r#","error":{}"#, quoted(&with_causes(&**error))),
        };
        let case = quoted(case);
        format!(
            r#"{{"suite":"interop","peer":{peer},"direction":{direction},"case":{case},"pass":{pass}{error}}}"#
        )
    }
}

/// Fails with both values unless they are equal.
pub fn expect<T: fmt::Debug + PartialEq<U>, U: fmt::Debug>(what: &str, actual: T, wanted: U) -> Outcome {
    if actual == wanted {
        return Ok(());
    }
    Err(format!("{what} is {actual:?} instead of {wanted:?}").into())
}

/// Fails with `text` unless `condition` holds.
pub fn ensure(condition: bool, text: impl Into<String>) -> Outcome {
    if condition { Ok(()) } else { Err(text.into().into()) }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `text` as a JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            '\0'..=' ' if letter != ' ' => json += &format!("\\u{:04x}", u32::from(letter)),
            _ => json.push(letter),
        }
    }
    json + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_line_of_json() {
        let mut report = Report::to_peer("kitex");
        let line = r#"{"suite":"interop","peer":"kitex","direction":"us->peer","case":"void","pass":true}"#;
        assert_eq!(report.line("void", &Ok(())), line);
        let failed = report.line("a \"b\"", &expect("it", "1\n2\\", "3"));
        assert!(
            failed.ends_with(
                r#","case":"a \"b\"","pass":false,"error":"it is \"1\\n2\\\\\" instead of \"3\""}"#
            )
        );
        report.cell("one", Ok(()));
        assert!(report.passed());
        report.cell("two", ensure(false, "no"));
        assert!(!report.passed());
    }
}
