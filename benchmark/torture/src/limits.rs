//! The table of limits in SECURITY.md is that of the code.

use std::{collections::BTreeMap, time::Duration};

use volo_thrift::Limits;

/// Names and defaults in the document; times in milliseconds.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../../../SECURITY.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (name, rest) = row.split_once("` | ")?;
        Some((name.to_owned(), rest.split_once(" | ")?.0.to_owned()))
    })
    .collect()
}

/// The same as the code has it: every field, by way of its debug form, so that a new one can't be forgotten.
fn real() -> BTreeMap<String, String> {
    let text = format!("{:#?}", Limits::default());
    let fields = text.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once(": "));
    fields.map(|(name, value)| (name.to_owned(), plain(value))).collect()
}

fn plain(value: &str) -> String {
    let seconds = value.strip_suffix('s').and_then(|number| number.parse().ok());
    match seconds.map(Duration::from_secs) {
        Some(time) => time.as_millis().to_string(),
        None => value.to_lowercase(),
    }
}

#[test]
fn the_document_names_every_limit_with_its_default() {
    assert!(real().len() > 10);
    assert_eq!(documented(), real());
}
