//! Names: types in `UpperCamelCase`, constants in `SHOUTING_CASE`, everything else as most of its file does it.

use std::collections::BTreeMap;

use super::is_root;
use crate::diag::Diagnostic;
use crate::model::{FileId, Model, Span};

/// How a name is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Style {
    /// `list_items`
    Snake,
    /// `listItems`
    Camel,
    /// `ListItems`
    UpperCamel,
    /// `LIST_ITEMS`
    Shouting,
}

impl Style {
    fn name(self) -> &'static str {
        match self {
            Style::Snake => "snake_case",
            Style::Camel => "camelCase",
            Style::UpperCamel => "UpperCamelCase",
            Style::Shouting => "SHOUTING_CASE",
        }
    }

    /// Whether a name is spelled so; a single word can be several.
    fn fits(self, name: &str) -> bool {
        let name = name.trim_matches('_');
        let has = |test: fn(&char) -> bool| name.chars().any(|c| test(&c));
        let starts_upper = name.starts_with(|c: char| c.is_ascii_uppercase());
        match self {
            Style::Snake => !has(char::is_ascii_uppercase),
            Style::Camel => !starts_upper && !name.contains('_'),
            Style::UpperCamel => {
                // Only digits on both sides need one between them, as in `V1_2`.
                let parts: Vec<&str> = name.split('_').collect();
                let apart = |pair: &[&str]| {
                    pair[0].ends_with(|c: char| c.is_ascii_digit())
                        && pair[1].starts_with(|c: char| c.is_ascii_digit())
                };
                starts_upper && parts.windows(2).all(apart)
            }
            Style::Shouting => !has(char::is_ascii_lowercase),
        }
    }
}

/// The names of one kind in one file.
struct Names<'a> {
    kind: &'static str,
    styles: &'static [Style],
    names: Vec<(&'a str, Span)>,
}

pub(super) fn check(model: &Model, findings: &mut Vec<Diagnostic>) {
    check_types(model, findings);
    for item in model.consts.iter().filter(|item| is_root(model, item.file)) {
        require(Style::Shouting, "constant", &item.name, item.meta.name_span, findings);
    }
    for names in by_file(model) {
        check_styles(&names, findings);
    }
}

fn check_types(model: &Model, findings: &mut Vec<Diagnostic>) {
    let structs = model.structs.iter().map(|item| (item.kind.word(), &item.name, &item.meta, item.file));
    let enums = model.enums.iter().map(|item| ("enum", &item.name, &item.meta, item.file));
    let services = model.services.iter().map(|item| ("service", &item.name, &item.meta, item.file));
    let typedefs = model.typedefs.iter().map(|item| ("typedef", &item.name, &item.meta, item.file));
    for (kind, name, meta, file) in structs.chain(enums).chain(services).chain(typedefs) {
        if is_root(model, file) {
            require(Style::UpperCamel, kind, name, meta.name_span, findings);
        }
    }
}

fn require(style: Style, kind: &str, name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    if style.fits(name) {
        return;
    }
    let message = format!("{kind} `{name}` is not in {}", style.name());
    let finding = Diagnostic::warning("naming", message).at(span, "written otherwise");
    findings.push(finding.help(format!("a {kind} is spelled like `{}`", example(style))));
}

fn example(style: Style) -> &'static str {
    match style {
        Style::Snake => "list_items",
        Style::Camel => "listItems",
        Style::UpperCamel => "ItemList",
        Style::Shouting => "ITEMS_MAX",
    }
}

fn by_file(model: &Model) -> Vec<Names<'_>> {
    let mut files: BTreeMap<(FileId, u8), Names<'_>> = BTreeMap::new();
    let mut add = |file: FileId, order: u8, name, span| {
        let (kind, styles): (_, &'static [Style]) = match order {
            0 => ("field", &[Style::Snake, Style::Camel]),
            1 => ("function", &[Style::Snake, Style::Camel, Style::UpperCamel]),
            _ => ("enum value", &[Style::Shouting, Style::UpperCamel]),
        };
        if is_root(model, file) {
            let entry = files.entry((file, order));
            entry.or_insert_with(|| Names { kind, styles, names: Vec::new() }).names.push((name, span));
        }
    };
    for item in &model.structs {
        item.fields.iter().for_each(|field| add(item.file, 0, field.name.as_str(), field.meta.name_span));
    }
    for service in &model.services {
        for function in &service.functions {
            add(service.file, 1, function.name.as_str(), function.meta.name_span);
            for field in function.args.iter().chain(&function.throws) {
                add(service.file, 0, field.name.as_str(), field.meta.name_span);
            }
        }
    }
    for item in &model.enums {
        item.values.iter().for_each(|value| add(item.file, 2, value.name.as_str(), value.meta.name_span));
    }
    files.into_values().collect()
}

/// Names of no known style, and those of another style than most others.
fn check_styles(names: &Names<'_>, findings: &mut Vec<Diagnostic>) {
    let fitting = |style: Style| names.names.iter().filter(|(name, _)| style.fits(name)).count();
    let Some(usual) = names.styles.iter().copied().rev().max_by_key(|style| fitting(*style)) else { return };
    for (name, span) in names.names.iter().filter(|(name, _)| !usual.fits(name)) {
        let is_known = names.styles.iter().any(|style| style.fits(name));
        let finding = match is_known {
            true => {
                let message = format!("{} `{name}` is not in {}", names.kind, usual.name());
                Diagnostic::warning("naming", message).at(*span, "spelled unlike most others of this file")
            }
            false => {
                let known: Vec<&str> = names.styles.iter().map(|style| style.name()).collect();
                let message = format!("{} `{name}` is not in {}", names.kind, known.join(" or "));
                Diagnostic::warning("naming", message).at(*span, "written otherwise")
            }
        };
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        let fits = |name: &str| {
            let all = [Style::Snake, Style::Camel, Style::UpperCamel, Style::Shouting];
            all.into_iter().filter(|style| style.fits(name)).map(Style::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(fits("a_b"), "snake_case");
        assert_eq!(fits("ab"), "snake_case camelCase");
        assert_eq!(fits("aB"), "camelCase");
        assert_eq!(fits("Ab"), "UpperCamelCase");
        assert_eq!(fits("AB"), "UpperCamelCase SHOUTING_CASE");
        assert_eq!(fits("V1_2"), "UpperCamelCase SHOUTING_CASE");
        assert_eq!(fits("A_b"), "");
    }
}
