//! Ids that must not be used again: `struct Item { … } (reserved = "3, 7-9")`.

use std::ops::RangeInclusive;

use crate::model::Annotations;

/// The annotation's key, on structs, enums and functions.
pub(crate) const KEY: &str = "reserved";

/// The ids that an annotation reserves.
#[derive(Debug, Default)]
pub(crate) struct Reserved(Vec<RangeInclusive<i64>>);

impl Reserved {
    /// The ids that annotations reserve; parts that are no ids are given back.
    pub(crate) fn of(annotations: &Annotations) -> (Reserved, Vec<String>) {
        let values = annotations.0.iter().filter(|annotation| annotation.key == KEY);
        let parts = values.flat_map(|annotation| annotation.value.split(','));
        let mut reserved = Reserved::default();
        let mut faults = Vec::new();
        for part in parts.map(str::trim) {
            match parse(part) {
                Some(range) => reserved.0.push(range),
                None => faults.push(part.to_owned()),
            }
        }
        (reserved, faults)
    }

    /// Whether an id may not be used.
    pub(crate) fn contains(&self, id: i64) -> bool {
        self.0.iter().any(|range| range.contains(&id))
    }

    /// The ranges of another reservation that this one lacks, as text.
    pub(crate) fn missing_from(&self, other: &Reserved) -> Vec<String> {
        let covers = |range: &&RangeInclusive<i64>| {
            self.0.iter().any(|own| own.contains(range.start()) && own.contains(range.end()))
        };
        other.0.iter().filter(|range| !covers(range)).map(text).collect()
    }
}

fn text(range: &RangeInclusive<i64>) -> String {
    match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{}-{}", range.start(), range.end()),
    }
}

/// `3` or `7-9`
fn parse(part: &str) -> Option<RangeInclusive<i64>> {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    if let Some(id) = number(part) {
        return Some(id..=id);
    }
    // The first character may be a sign.
    let dash = part.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(at, _)| at)?;
    let (first, last) = (number(&part[..dash])?, number(&part[dash + 1..])?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges() {
        assert_eq!(parse("3"), Some(3..=3));
        assert_eq!(parse("7 - 9"), Some(7..=9));
        assert_eq!(parse("-3--1"), Some(-3..=-1));
        assert_eq!(
            (parse("9-7"), parse(""), parse("a"), parse("é-1"), parse("1-")),
            (None, None, None, None, None)
        );
    }
}
