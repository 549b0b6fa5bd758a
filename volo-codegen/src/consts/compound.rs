//! Lists, sets, maps and structs.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Evaluator, described};
use crate::ast::{self, ValueKind};
use crate::diag::Diagnostic;
use crate::model::*;
use crate::suggest;

impl Evaluator<'_> {
    pub(super) fn elements(
        &mut self,
        file: FileId,
        element: &Type,
        values: &[ast::Value],
    ) -> Option<Vec<Value>> {
        // All elements are looked at, so that all faults are seen.
        let values: Vec<Option<Value>> =
            values.iter().map(|value| self.value(file, element, value)).collect();
        values.into_iter().collect()
    }

    pub(super) fn distinct(&mut self, values: Vec<Value>, written: &[ast::Value]) -> Vec<Value> {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for (value, written) in values.into_iter().zip(written) {
            if seen.insert(format!("{value:?}")) {
                out.push(value);
                continue;
            }
            let warning = Diagnostic::warning("repeated-element", "this set has the same element twice");
            self.diagnostics.push(warning.at(written.span, "ignored"));
        }
        out
    }

    pub(super) fn map(
        &mut self,
        file: FileId,
        key: &Type,
        value: &Type,
        entries: &[(ast::Value, ast::Value)],
    ) -> Option<Value> {
        let mut positions = HashMap::new();
        let mut out: Vec<(Value, Value)> = Vec::new();
        let mut complete = true;
        for (written, entry) in entries {
            let pair = (self.value(file, key, written), self.value(file, value, entry));
            let (Some(key), Some(value)) = pair else {
                complete = false;
                continue;
            };
            match positions.entry(format!("{key:?}")) {
                Entry::Vacant(slot) => {
                    slot.insert(out.len());
                    out.push((key, value));
                }
                Entry::Occupied(slot) => {
                    out[*slot.get()] = (key, value);
                    self.warn_repeated_key(written.span);
                }
            }
        }
        complete.then_some(Value::Map(out))
    }

    pub(super) fn structure(
        &mut self,
        file: FileId,
        id: StructId,
        entries: &[(ast::Value, ast::Value)],
        span: Span,
    ) -> Option<Value> {
        let mut fields = BTreeMap::new();
        let mut complete = true;
        for (key, value) in entries {
            let Some(index) = self.field_index(id, key) else {
                complete = false;
                continue;
            };
            let ty = self.model[id].fields[index].ty.clone();
            let value = self.value(file, &ty, value);
            complete &= value.is_some();
            if fields.insert(index, value).is_some() {
                self.warn_repeated_key(key.span);
            }
        }
        self.check_missing(id, &fields, span);
        let item = &self.model[id];
        if item.kind == StructKind::Union && fields.len() != 1 {
            let message = format!("a value of union `{}` sets {} fields", item.name, fields.len());
            let diagnostic = Diagnostic::error("union-value", message)
                .at(span, "must set exactly one")
                .at(item.meta.name_span, "declared here");
            self.diagnostics.push(diagnostic);
            return None;
        }
        let fields: Option<Vec<(usize, Value)>> =
            fields.into_iter().map(|(index, value)| Some((index, value?))).collect();
        fields.filter(|_| complete).map(|fields| Value::Struct(id, fields))
    }

    fn field_index(&mut self, id: StructId, key: &ast::Value) -> Option<usize> {
        let ValueKind::String(name) = &key.kind else {
            let diagnostic = Diagnostic::error("struct-key", "fields in a struct value are named by strings")
                .at(key.span, format!("found {}", described(&key.kind)))
                .help("put the field's name in quotes");
            self.diagnostics.push(diagnostic);
            return None;
        };
        let item = &self.model[id];
        let found = item.fields.iter().position(|field| field.name == *name);
        if found.is_none() {
            let known = item.fields.iter().map(|field| field.name.as_str());
            let message = format!("{} `{}` has no field `{name}`", item.kind.word(), item.name);
            let diagnostic = Diagnostic::error("unknown-field", message)
                .at(key.span, "not one of its fields")
                .at(item.meta.name_span, "declared here")
                .help_maybe(suggest::did_you_mean(name, known));
            self.diagnostics.push(diagnostic);
        }
        found
    }

    fn check_missing(&mut self, id: StructId, given: &BTreeMap<usize, Option<Value>>, span: Span) {
        let item = &self.model[id];
        let required =
            |field: &Field| field.requiredness == Requiredness::Required && field.default.is_none();
        let mut missing = item
            .fields
            .iter()
            .enumerate()
            .filter(|(index, field)| required(field) && !given.contains_key(index));
        if let Some((_, field)) = missing.next() {
            let message = format!("this value of `{}` lacks the required field `{}`", item.name, field.name);
            let diagnostic = Diagnostic::warning("missing-required", message)
                .at(span, "set to nothing, zero or empty")
                .at(field.meta.name_span, "declared here");
            self.diagnostics.push(diagnostic);
        }
    }

    fn warn_repeated_key(&mut self, span: Span) {
        let warning = Diagnostic::warning("repeated-key", "this key was given before");
        self.diagnostics.push(warning.at(span, "the last value counts"));
    }
}
