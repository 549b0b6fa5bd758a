//! How types and files use each other.

use std::collections::HashSet;

use super::is_root;
use crate::diag::Diagnostic;
use crate::graph;
use crate::lex::{Token, lex};
use crate::model::{Field, Model, Requiredness, StructId, Type};
use crate::source::SourceMap;

/// More places than this help nobody.
const LABELS_MAX: usize = 4;

pub(super) fn check(model: &Model, sources: &SourceMap, findings: &mut Vec<Diagnostic>) {
    check_includes(model, sources, findings);
    check_replies(model, findings);
    check_recursion(model, findings);
}

fn check_includes(model: &Model, sources: &SourceMap, findings: &mut Vec<Diagnostic>) {
    for (id, source) in sources.iter().filter(|(id, _)| is_root(model, *id)) {
        let tokens = lex(id, &source.text, &mut Vec::new());
        let mut qualifiers: HashSet<&str> = HashSet::new();
        for (token, span) in &tokens.tokens {
            if let (Token::Name, Some((qualifier, _))) = (token, sources.text(*span).rsplit_once('.')) {
                qualifiers.insert(qualifier);
                // A value of an enum has its enum in front, too.
                qualifiers.extend(qualifier.rsplit_once('.').map(|(stem, _)| stem));
            }
        }
        let pairs = tokens.tokens.windows(2).filter(|pair| pair[0].0 == Token::Include);
        for (token, span) in pairs.map(|pair| pair[1]) {
            if token == Token::Literal {
                let path = sources.text(span).trim_matches(['"', '\'']);
                let stem = path.rsplit('/').next().unwrap_or(path);
                let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
                if !qualifiers.contains(stem) {
                    let message = format!("nothing of `{path}` is used");
                    let finding = Diagnostic::warning("unused-include", message).at(span, "not needed");
                    findings.push(finding.help("remove this line"));
                }
            }
        }
    }
}

/// Required fields in what functions return: nobody can ever leave them out again.
fn check_replies(model: &Model, findings: &mut Vec<Diagnostic>) {
    let mut open: Vec<&Type> = Vec::new();
    for function in model.services.iter().flat_map(|service| &service.functions) {
        open.extend(&function.returns);
        open.extend(function.throws.iter().map(|field| &field.ty));
    }
    let mut reached: HashSet<StructId> = HashSet::new();
    while let Some(ty) = open.pop() {
        let mut held = Vec::new();
        structs_in(model, ty, &mut held);
        for id in held {
            if reached.insert(id) {
                open.extend(model[id].fields.iter().map(|field| &field.ty));
            }
        }
    }
    let mut reached: Vec<StructId> =
        reached.into_iter().filter(|id| is_root(model, model[*id].file)).collect();
    reached.sort_unstable();
    for id in reached {
        let is_required = |field: &&Field| field.requiredness == Requiredness::Required;
        let required: Vec<&Field> = model[id].fields.iter().filter(is_required).collect();
        let Some((first, others)) = required.split_first() else { continue };
        let message = format!("replies hold `{}`, which has required fields", model[id].name);
        let mut finding = Diagnostic::warning("required-in-reply", message).at(first.meta.span, "required");
        for field in others.iter().take(LABELS_MAX - 1) {
            finding = finding.at(field.meta.span, "required");
        }
        let finding = finding
            .note("a client that was built with a required field refuses every reply without it, for ever")
            .help("leave `required` out: such a field is sent as well, and can be removed one day");
        findings.push(finding);
    }
}

/// Structs that hold themselves over several levels.
fn check_recursion(model: &Model, findings: &mut Vec<Diagnostic>) {
    let edges: Vec<Vec<usize>> = model
        .structs
        .iter()
        .map(|item| {
            let mut held = Vec::new();
            item.fields.iter().for_each(|field| structs_in(model, &field.ty, &mut held));
            held.into_iter().map(StructId::index).collect()
        })
        .collect();
    for cycle in graph::cycles(&edges) {
        let Some(&first) = cycle.first() else { continue };
        if !is_root(model, model.structs[first].file) {
            continue;
        }
        let chain = graph::chain(&cycle, |node| model.structs[node].name.as_str());
        let mut finding = Diagnostic::warning("recursive-type", format!("this type holds itself: {chain}"));
        for (from, to) in graph::steps(&cycle).take(LABELS_MAX) {
            let closes = |field: &&Field| {
                let mut held = Vec::new();
                structs_in(model, &field.ty, &mut held);
                held.iter().any(|id| id.index() == to)
            };
            if let Some(field) = model.structs[from].fields.iter().find(closes) {
                finding = finding.at(field.meta.name_span, format!("holds `{}`", model.structs[to].name));
            }
        }
        let note = "readers refuse messages that are nested more than 64 levels deep";
        findings.push(finding.note(note).help("ids instead of whole values keep messages flat"));
    }
}

/// The structs that a value of a type can hold, not looking into them.
fn structs_in(model: &Model, ty: &Type, found: &mut Vec<StructId>) {
    match model.resolve(ty) {
        Type::Struct(id) => found.push(*id),
        Type::List(element) | Type::Set(element) => structs_in(model, element, found),
        Type::Map(key, value) => {
            structs_in(model, key, found);
            structs_in(model, value, found);
        }
        _ => {}
    }
}
