//! From text to a document, with the place of whatever is wrong.

use super::Document;
use crate::{Error, ErrorKind, Result};

/// Reads JSON if the text begins with `{`, which TOML can't, and TOML otherwise. `origin` names the text in errors.
pub(super) fn parse(text: &str, origin: &str) -> Result<Document> {
    let parsed = if text.trim_start().starts_with('{') { json(text) } else { toml(text) };
    let document = parsed.map_err(|(place, reason)| refusal(&format!("{origin}:{place}"), &reason))?;
    document.check().map_err(|reason| refusal(origin, &reason))?;
    Ok(document)
}

fn refusal(place: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{place}: {reason}"))
}

/// Line and column, and what is wrong there.
type Fault = (String, String);

fn json(text: &str) -> Result<Document, Fault> {
    serde_json::from_str(text).map_err(|error| {
        let (place, text) = (format!("{}:{}", error.line(), error.column()), error.to_string());
        let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
        (place, reason.to_owned())
    })
}

fn toml(text: &str) -> Result<Document, Fault> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let before = String::from_utf8_lossy(&text.as_bytes()[..start]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        (format!("{line}:{column}"), error.message().to_owned())
    })
}
