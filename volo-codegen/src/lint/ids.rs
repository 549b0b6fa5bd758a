//! Ids of fields and numbers of enum values.

use super::is_root;
use super::reserved::{KEY, Reserved};
use crate::diag::Diagnostic;
use crate::model::{Annotations, Enum, Field, Model};
use crate::source::SourceMap;

pub(super) fn check(model: &Model, sources: &SourceMap, findings: &mut Vec<Diagnostic>) {
    for item in model.structs.iter().filter(|item| is_root(model, item.file)) {
        check_order(&item.fields, findings);
        check_reserved(&item.fields, &item.meta.annotations, findings);
    }
    for item in model.enums.iter().filter(|item| is_root(model, item.file)) {
        check_numbers(item, sources, findings);
        check_reserved_values(item, findings);
    }
    let services = model.services.iter().filter(|service| is_root(model, service.file));
    for function in services.flat_map(|service| &service.functions) {
        check_order(&function.args, findings);
        check_reserved(&function.args, &function.meta.annotations, findings);
    }
}

fn check_order(fields: &[Field], findings: &mut Vec<Diagnostic>) {
    // Ids that nobody wrote count downwards; there is a warning about each already.
    let written: Vec<&Field> = fields.iter().filter(|field| field.id > 0).collect();
    for pair in written.windows(2).filter(|pair| pair[1].id < pair[0].id) {
        let message = format!("id {} comes after id {}", pair[1].id, pair[0].id);
        let finding = Diagnostic::warning("id-order", message)
            .at(pair[1].meta.span, "smaller than the one before")
            .at(pair[0].meta.name_span, "the one before")
            .help("put fields in the order of their ids, so that the next free id is the last one plus 1");
        findings.push(finding);
    }
}

fn check_reserved(fields: &[Field], annotations: &Annotations, findings: &mut Vec<Diagnostic>) {
    let reserved = reserved(annotations, findings);
    for field in fields.iter().filter(|field| reserved.contains(field.id.into())) {
        let message = format!("id {} of `{}` is reserved", field.id, field.name);
        findings.push(in_use(message, annotations).at(field.meta.span, "take another id"));
    }
}

fn check_reserved_values(item: &Enum, findings: &mut Vec<Diagnostic>) {
    let reserved = reserved(&item.meta.annotations, findings);
    for value in item.values.iter().filter(|value| reserved.contains(value.number.into())) {
        let message = format!("number {} of `{}` is reserved", value.number, value.name);
        findings.push(in_use(message, &item.meta.annotations).at(value.meta.span, "take another number"));
    }
}

fn in_use(message: String, annotations: &Annotations) -> Diagnostic {
    let error = Diagnostic::error("reserved-id", message);
    let error = error.note("peers of an earlier version would take it for something else");
    match annotations.0.iter().any(|annotation| annotation.key == KEY) {
        true => error.help("an id is reserved for ever once it was in use"),
        false => error,
    }
}

fn reserved(annotations: &Annotations, findings: &mut Vec<Diagnostic>) -> Reserved {
    let (reserved, faults) = Reserved::of(annotations);
    let annotation = annotations.0.iter().find(|annotation| annotation.key == KEY);
    if let (Some(annotation), false) = (annotation, faults.is_empty()) {
        let message = format!("`{}` is no id", faults.join("`, `"));
        let finding = Diagnostic::warning("reserved-syntax", message)
            .at(annotation.span, "reserves nothing")
            .help("write ids and ranges of them, as in `reserved = \"3, 7-9\"`");
        findings.push(finding);
    }
    reserved
}

fn check_numbers(item: &Enum, sources: &SourceMap, findings: &mut Vec<Diagnostic>) {
    let is_counted = |text: &str| !text.split('(').next().unwrap_or_default().contains('=');
    let Some(value) = item.values.iter().find(|value| is_counted(sources.text(value.meta.span))) else {
        return;
    };
    let message = format!("values of enum `{}` have no numbers", item.name);
    let finding = Diagnostic::warning("implicit-number", message)
        .at(value.meta.span, format!("counted as {}", value.number))
        .note("a value put in front of it would change what is on the wire")
        .help(format!("write `{} = {}`", value.name, value.number));
    findings.push(finding);
}
