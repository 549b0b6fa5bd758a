//! `pilota.serde_attribute`: attributes for serde that an IDL brings itself.

use crate::diag::Diagnostic;
use crate::model::{Annotations, Model};

const KEY: &str = "pilota.serde_attribute";

/// The attribute as Rust writes it, on one line. `None` if there is none, or no valid one.
pub(crate) fn serde_attribute(annotations: &Annotations) -> Option<String> {
    attribute(annotations.get(KEY)?)
}

/// Warns about attributes that have no effect.
pub(crate) fn check(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let structs = model.structs.iter();
    let fields = structs.clone().flat_map(|item| &item.fields).map(|field| &field.meta);
    for meta in structs.map(|item| &item.meta).chain(fields) {
        let written = meta.annotations.0.iter().filter(|annotation| annotation.key == KEY);
        for annotation in written.filter(|annotation| attribute(&annotation.value).is_none()) {
            let diagnostic = Diagnostic::warning("serde-attribute", format!("`{KEY}` is no attribute"))
                .at(annotation.span, "has no effect")
                .help("write it as in Rust: `#[serde(rename = \"name\")]`");
            diagnostics.push(diagnostic);
        }
    }
    let values = model.enums.iter().flat_map(|item| &item.values).map(|value| &value.meta);
    for meta in model.enums.iter().map(|item| &item.meta).chain(values) {
        for annotation in meta.annotations.0.iter().filter(|annotation| annotation.key == KEY) {
            let message = format!("`{KEY}` has no effect on an enum");
            let diagnostic = Diagnostic::warning("serde-attribute", message)
                .at(annotation.span, "ignored")
                .note("a value of an enum is written by its name in the IDL, and read by name or number");
            diagnostics.push(diagnostic);
        }
    }
}

fn attribute(text: &str) -> Option<String> {
    // Other compilers leave the backslashes of escaped quotes in.
    let text = text.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let balanced = text.matches(['(', '[']).count() == text.matches([')', ']']).count();
    match () {
        () if !balanced => None,
        () if text.starts_with("#[serde(") && text.ends_with(")]") => Some(text),
        () if text.starts_with("serde(") && text.ends_with(')') => Some(format!("#[{text}]")),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let cases = [
            ("#[serde(rename = \"a\")]", Some("#[serde(rename = \"a\")]")),
            ("#[serde(rename = \\\"a\\\")]", Some("#[serde(rename = \"a\")]")),
            ("serde(skip)", Some("#[serde(skip)]")),
            ("#[serde(skip,\n  default)]", Some("#[serde(skip, default)]")),
            ("rename", None),
            ("#[serde(skip]", None),
            ("#[serde(skip)] pub fn x() {}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(attribute(text).as_deref(), expected, "{text}");
        }
    }
}
