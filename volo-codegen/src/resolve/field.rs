//! Fields, arguments and declared exceptions: their ids and names.

use std::collections::HashMap;

use super::{Pending, Resolver, Target};
use crate::ast;
use crate::diag::Diagnostic;
use crate::model::*;

impl<'a> Resolver<'a, '_> {
    /// Arguments are never optional, exceptions neither that nor required.
    pub(super) fn drop_requiredness(
        &mut self,
        written: &[ast::Field],
        fields: &mut [Field],
        dropped: Requiredness,
    ) {
        for (written, field) in written.iter().zip(fields) {
            let Some((requiredness, span)) = written.requiredness else { continue };
            if requiredness == dropped {
                let word = if dropped == Requiredness::Optional { "optional" } else { "required" };
                let diagnostic =
                    Diagnostic::warning("requiredness-ignored", format!("`{word}` has no meaning here"))
                        .at(span, "ignored")
                        .help("take it out");
                self.diagnostics.push(diagnostic);
                field.requiredness = Requiredness::Default;
            }
        }
    }

    /// Fields with their ids as Apache assigns them: those without a positive one count down from -1.
    pub(super) fn fields(
        &mut self,
        file: FileId,
        written: &'a [ast::Field],
        owner: &str,
        target: impl Fn(usize) -> Target,
    ) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        let mut ids: HashMap<i16, Span> = HashMap::new();
        let mut names: HashMap<&str, Span> = HashMap::new();
        let mut implicit: Vec<&ast::Field> = Vec::new();
        let mut next = -1i64;
        let largest = written.iter().filter_map(|field| field.id).map(|(id, _)| id).max();
        let free = largest.map(|id| id.max(0).saturating_add(1)).filter(|free| i16::try_from(*free).is_ok());
        for field in written {
            let span = field.meta.name_span;
            self.check_portable(&field.name, span);
            let id = match field.id {
                Some((id, _)) if id > 0 => id,
                _ => {
                    implicit.extend(field.id.is_none().then_some(field));
                    next -= 1;
                    next + 1
                }
            };
            let id = self.field_id(field, id, owner);
            let id_span = field.id.map_or(span, |(_, span)| span);
            if let Some(earlier) = id.and_then(|id| ids.insert(id, id_span)) {
                let message = format!("{owner} has two fields with id {}", id.unwrap_or_default());
                let diagnostic = Diagnostic::error("duplicate-id", message)
                    .at(id_span, "again here")
                    .at(earlier, "first used here")
                    .help_maybe(free.map(|free| format!("{free} is free")));
                self.diagnostics.push(diagnostic);
            }
            if let Some(earlier) = names.insert(&field.name, span) {
                let message = format!("{owner} has two fields `{}`", field.name);
                let diagnostic = Diagnostic::error("duplicate-field", message)
                    .at(span, "again here")
                    .at(earlier, "first declared here");
                self.diagnostics.push(diagnostic);
            }
            if let Some(value) = &field.default {
                self.check_order(file, &field.ty);
                self.pending.push(Pending { target: target(fields.len()), file, value });
            }
            let ty = self.ty(file, &field.ty);
            fields.push(Field {
                id: id.unwrap_or(0),
                name: field.name.clone(),
                requiredness: field.requiredness.map_or(Requiredness::Default, |(word, _)| word),
                ty,
                type_annotations: field.ty.annotations.clone(),
                default: None,
                reference: field.reference,
                boxed: false,
                meta: field.meta.clone(),
            });
        }
        self.warn_implicit(&implicit, owner);
        fields
    }

    fn field_id(&mut self, field: &ast::Field, id: i64, owner: &str) -> Option<i16> {
        let span = field.id.map_or(field.meta.name_span, |(_, span)| span);
        match (i16::try_from(id), field.id) {
            (Err(_), _) => {
                let message = format!("field id {id} of {owner} is out of range");
                let diagnostic = Diagnostic::error("id-range", message)
                    .at(span, "does not fit 16 bits")
                    .note("field ids reach from 1 to 32767");
                self.diagnostics.push(diagnostic);
                None
            }
            (Ok(id), Some((written, _))) if written <= 0 => {
                let message = format!("field id {written} of {owner} is not positive");
                let diagnostic = Diagnostic::warning("nonpositive-id", message)
                    .at(span, format!("taken as {id}, as if none were written"))
                    .help("give it a positive id, unless peers know it by this one");
                self.diagnostics.push(diagnostic);
                Some(id)
            }
            (Ok(id), _) => Some(id),
        }
    }

    fn warn_implicit(&mut self, fields: &[&ast::Field], owner: &str) {
        let Some((first, rest)) = fields.split_first() else { return };
        let names: Vec<String> = fields.iter().take(5).map(|field| format!("`{}`", field.name)).collect();
        let more = if fields.len() > 5 { ", …" } else { "" };
        let word = if rest.is_empty() { "a field" } else { "fields" };
        let message = format!("{owner} has {word} without an id: {}{more}", names.join(", "));
        let diagnostic = Diagnostic::warning("implicit-id", message)
            .at(first.meta.name_span, "no id")
            .note(
                "such fields are numbered -1, -2, … in order, so adding one in front of others breaks peers",
            )
            .help("give each field a positive id");
        self.diagnostics.push(diagnostic);
    }
}
