//! Unions: an enum with one more arm for what this build does not know.

use super::docs;
use super::lints;
use super::names::arm_names;
use super::serde;
use super::structs::{close_fields, open_decode, open_fields, write_derives, write_recursive};
use super::text::{Doc, Text};
use super::types::Scope;
use super::values::{in_arm, wrap};
use crate::model::{Field, Struct, StructId};

/// Writes a union.
pub(super) fn write(scope: &Scope<'_>, text: &mut Text, id: StructId) {
    let item = &scope.model[id];
    let name = &scope.names.structs[id.index()];
    let keyed = scope.graph.is_keyed(id);
    let (arms, unknown) = arm_names(&item.fields, "Unknown");

    text.blank();
    docs::write(text, &item.meta.docs);
    let types: Vec<String> =
        item.fields.iter().map(|field| scope.arm_type(field, &item.meta.annotations, keyed)).collect();
    lints::allow_for_type(text, name, &types);
    let bytes: Vec<usize> =
        item.fields.iter().map(|field| scope.graph.arm_bytes(scope.model, field)).collect();
    lints::allow_for_union(text, name, &arms, &bytes);
    write_derives(scope, text, scope.graph.derives(scope.model, &item.fields, keyed), false);
    let by_rule = serde::write_for_union(scope, text, item, &arms);
    text.open(format!("pub enum {name} {{"));
    for ((field, arm), ty) in item.fields.iter().zip(&arms).zip(&types) {
        docs::write(text, &field.meta.docs);
        serde::write_for_arm(scope, text, item, field, arm, by_rule);
        text.doc("", &Doc::group(format!("{arm}("), [Doc::of_type(ty)], ")"), ",");
    }
    text.line("/// An arm that this build does not know, or none at all.");
    serde::write_skip(scope, text);
    text.line(format!("{unknown}(rt::UnknownFields),"));
    text.close("}");

    write_default(scope, text, id, &arms, &unknown);
    write_value(scope, text, id, &arms, &unknown);
}

fn write_default(scope: &Scope<'_>, text: &mut Text, id: StructId, arms: &[String], unknown: &str) {
    let item = &scope.model[id];
    let name = &scope.names.structs[id.index()];
    text.blank();
    lints::allow_for_values(text, item.fields.iter().filter_map(|field| field.default.as_ref()));
    text.open(format!("impl {} for {name} {{", scope.std("Default")));
    text.open("fn default() -> Self {");
    let preset =
        item.fields.iter().zip(arms).find_map(|(field, arm)| Some((field, arm, field.default.as_ref()?)));
    match preset {
        Some((field, arm, value)) => {
            let keyed = scope.graph.is_keyed(id);
            let value = in_arm(scope, field, &item.meta.annotations, value, keyed);
            text.doc("", &wrap(&format!("Self::{arm}("), value, ")"), "");
        }
        None => text.line(format!("Self::{unknown}(rt::UnknownFields::default())")),
    }
    text.close("}");
    text.close("}");
}

fn write_value(scope: &Scope<'_>, text: &mut Text, id: StructId, arms: &[String], unknown: &str) {
    let item = &scope.model[id];
    let arms: Vec<(&Field, &String)> = item.fields.iter().zip(arms).collect();
    text.blank();
    text.open(format!("impl rt::Value for {} {{", scope.names.structs[id.index()]));
    text.line("const MIN: [usize; 2] = [1, 1];");
    write_recursive(scope, text, &item.fields);

    text.blank();
    text.open("fn size<S: rt::Sizer>(&self, sizer: &mut S) -> usize {");
    text.line("let state = &mut { S::START };");
    text.open("1 + match self {");
    for (field, arm) in &arms {
        arm_line(text, arm, &format!("sizer.field(state, {}, value)", field.id));
    }
    text.line(format!("Self::{unknown}(fields) => fields.size(sizer, state),"));
    text.close("}");
    text.close("}");

    text.blank();
    text.open("fn encode<W: rt::Writer>(&self, writer: W) -> W {");
    text.line("let state = &mut { W::START };");
    text.open("let writer = match self {");
    for (field, arm) in &arms {
        arm_line(text, arm, &format!("writer.field(state, {}, value)", field.id));
    }
    text.line(format!("Self::{unknown}(fields) => fields.encode(writer, state),"));
    text.close("};");
    text.line("writer.stop()");
    text.close("}");

    write_decode(scope, text, item, &arms, unknown);
    let sharing = arms.iter().filter(|(field, _)| scope.may_share(field, &item.meta.annotations));
    let sharing: Vec<&String> = sharing.map(|(_, arm)| *arm).collect();
    if !sharing.is_empty() {
        text.blank();
        text.braced("rt::detach_arms!", &sharing);
    }
    text.close("}");
}

fn write_decode(
    scope: &Scope<'_>,
    text: &mut Text,
    item: &Struct,
    arms: &[(&Field, &String)],
    unknown: &str,
) {
    open_decode(scope, text);
    let unknown = format!("rt::unknown_arm(reader, field, self, Self::{unknown})");
    if arms.is_empty() {
        text.closure(&format!("reader.fields({:?}, |reader, field|", item.name), &unknown, ")");
        return text.close("}");
    }
    let long = open_fields(text, &item.name);
    for (field, arm) in arms {
        let arguments =
            ["reader".to_owned(), "field".to_owned(), format!("{:?}", field.name), "self".to_owned()];
        let arguments = arguments.into_iter().chain([format!("Self::{arm}")]).map(Doc::Text);
        text.doc(&format!("{} => ", field.id), &Doc::group("rt::arm(", arguments, ")"), ",");
    }
    text.line(format!("_ => {unknown},"));
    close_fields(text, long, "");
    text.close("}");
}

fn arm_line(text: &mut Text, arm: &str, call: &str) {
    let line = format!("Self::{arm}(value) => {call},");
    if text.fits(&line) {
        return text.line(line);
    }
    text.open(format!("Self::{arm}(value) => {{"));
    text.line(call);
    text.close("}");
}
