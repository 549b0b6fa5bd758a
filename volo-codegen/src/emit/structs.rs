//! Structs, exceptions and argument lists.

use super::docs;
use super::graph::{Derives, is_boxed};
use super::lints;
use super::names::field_names;
use super::serde;
use super::text::{Doc, End, Text};
use super::types::{Choice, Scope};
use super::values::{in_field, is_natural};
use crate::model::{Annotations, Docs, Field, Requiredness, Struct, StructId, StructKind, Type, Value};

/// Anything that is a list of fields in Rust.
pub(super) struct Shape<'a> {
    /// The name in Rust.
    pub(super) name: &'a str,
    /// The name in errors.
    pub(super) wire_name: &'a str,
    pub(super) docs: Docs,
    pub(super) fields: &'a [Field],
    pub(super) annotations: &'a Annotations,
    /// See [`super::graph::Graph::is_keyed`].
    pub(super) keyed: bool,
    /// See [`Scope::unknown_field`].
    pub(super) unknown: Option<String>,
}

/// Writes a struct or exception of the IDL.
pub(super) fn write(scope: &Scope<'_>, text: &mut Text, id: StructId) {
    let item = &scope.model[id];
    let name = &scope.names.structs[id.index()];
    let keyed = scope.graph.is_keyed(id);
    write_shape(
        scope,
        text,
        &Shape {
            name,
            wire_name: &item.name,
            docs: item.meta.docs.clone(),
            fields: &item.fields,
            annotations: &item.meta.annotations,
            keyed,
            unknown: scope.unknown_field(id),
        },
    );
    if item.kind == StructKind::Exception {
        write_error(scope, text, item, name);
    }
}

/// Writes the struct and what makes it a value.
pub(super) fn write_shape(scope: &Scope<'_>, text: &mut Text, shape: &Shape<'_>) {
    let names = field_names(shape.fields);
    let defaults = shape.fields.iter().any(|field| own_default(field).is_some());
    let types: Vec<String> =
        shape.fields.iter().map(|field| scope.field_type(field, shape.annotations, shape.keyed)).collect();
    text.blank();
    docs::write(text, &shape.docs);
    lints::allow_for_type(text, shape.name, &types);
    let derives = scope.graph.derives(scope.model, shape.fields, shape.keyed);
    write_derives(scope, text, derives, !defaults);
    let by_rule = serde::write_for_struct(scope, text, shape, &names);
    if shape.fields.is_empty() && shape.unknown.is_none() {
        text.line(format!("pub struct {} {{}}", shape.name));
    } else {
        text.open(format!("pub struct {} {{", shape.name));
        for ((field, name), ty) in shape.fields.iter().zip(&names).zip(&types) {
            docs::write(text, &field.meta.docs);
            serde::write_for_field(scope, text, shape, field, name, by_rule);
            text.assign(&format!("pub {name}:"), &Doc::of_type(ty), ",");
        }
        if let Some(unknown) = &shape.unknown {
            text.line("/// Fields that this build does not know, to be sent on.");
            serde::write_skip(scope, text);
            text.line(format!("pub {unknown}: rt::UnknownFields,"));
        }
        text.close("}");
    }
    if defaults {
        write_default(scope, text, shape, &names);
    }
    serde::write_defaults(scope, text, shape, &names, &types);
    write_value(scope, text, shape, &names);
}

/// The derives that every type has, and those its fields or options allow.
pub(super) fn write_derives(scope: &Scope<'_>, text: &mut Text, derives: Derives, default: bool) {
    let mut list = vec!["Clone", "Debug"];
    if default {
        list.push("Default");
    }
    if derives.eq {
        list.push("Eq");
    }
    if derives.hash_and_ord {
        list.extend(["Hash", "Ord"]);
    }
    list.push("PartialEq");
    if derives.hash_and_ord {
        list.push("PartialOrd");
    }
    if scope.serde {
        list.extend(["rt::Deserialize", "rt::Serialize"]);
    }
    text.filled("#[derive(", &list, ")]");
}

/// The default that the IDL gives a field, unless its type has that one anyway.
pub(super) fn own_default(field: &Field) -> Option<&Value> {
    let default = field.default.as_ref()?;
    let wrapped = field.requiredness == Requiredness::Optional || is_boxed(field);
    (wrapped || !is_natural(default)).then_some(default)
}

fn write_default(scope: &Scope<'_>, text: &mut Text, shape: &Shape<'_>, names: &[String]) {
    let default = scope.std("Default");
    text.blank();
    lints::allow_for_values(text, shape.fields.iter().filter_map(own_default));
    text.open(format!("impl {default} for {} {{", shape.name));
    text.open("fn default() -> Self {");
    let fields = shape.fields.iter().zip(names).map(|(field, name)| match own_default(field) {
        Some(value) => {
            prefix(&format!("{name}: "), in_field(scope, field, shape.annotations, value, shape.keyed))
        }
        None => Doc::text(format!("{name}: {}", natural(scope, field))),
    });
    let unknown = shape.unknown.iter().map(|name| Doc::text(format!("{name}: {default}::default()")));
    text.doc("", &Doc::group(format!("{} {{", shape.name), fields.chain(unknown), "}"), "");
    text.close("}");
    text.close("}");
}

/// The value a type has by nature, spelled as one would by hand.
fn natural(scope: &Scope<'_>, field: &Field) -> String {
    if field.requiredness == Requiredness::Optional || is_boxed(field) {
        return scope.std("None").into_owned();
    }
    match scope.model.resolve(&field.ty) {
        Type::Bool => "false".to_owned(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => "0".to_owned(),
        Type::List(_) => format!("{}::new()", scope.std("Vec")),
        _ => format!("{}::default()", scope.std("Default")),
    }
}

fn prefix(prefix: &str, doc: Doc) -> Doc {
    match doc {
        Doc::Text(text) => Doc::Text(format!("{prefix}{text}")),
        Doc::Group { open, items, close } => Doc::Group { open: format!("{prefix}{open}"), items, close },
    }
}

fn write_value(scope: &Scope<'_>, text: &mut Text, shape: &Shape<'_>, names: &[String]) {
    let [binary, compact] = scope.graph.min(scope.model, shape.fields);
    text.blank();
    text.open(format!("impl rt::Value for {} {{", shape.name));
    text.line(format!("const MIN: [usize; 2] = [{binary}, {compact}];"));
    write_recursive(scope, text, shape.fields);
    write_size(text, shape, names);
    write_encode(text, shape, names);
    write_decode(scope, text, shape, names);
    write_detach(scope, text, shape, names);
    text.close("}");
}

/// Says of a type that it can hold itself, or one that can.
pub(super) fn write_recursive(scope: &Scope<'_>, text: &mut Text, fields: &[Field]) {
    if fields.iter().any(|field| scope.graph.is_recursive(scope.model, &field.ty)) {
        text.line("const RECURSIVE: bool = true;");
    }
}

fn write_size(text: &mut Text, shape: &Shape<'_>, names: &[String]) {
    text.blank();
    match written(shape, names) {
        Some(calls) => {
            text.open("fn size<S: rt::Sizer>(&self, size: &mut S) -> usize {");
            text.chain("size", &calls);
        }
        None => {
            text.open("fn size<S: rt::Sizer>(&self, _: &mut S) -> usize {");
            text.line("1");
        }
    }
    text.close("}");
}

fn write_encode(text: &mut Text, shape: &Shape<'_>, names: &[String]) {
    text.blank();
    text.open("fn encode<W: rt::Writer>(&self, to: W) -> W {");
    text.chain("to", &written(shape, names).unwrap_or_else(|| vec!["stop()".to_owned()]));
    text.close("}");
}

/// The calls that size or write all fields, `None` if there is no field.
fn written(shape: &Shape<'_>, names: &[String]) -> Option<Vec<String>> {
    let fields = shape.fields.iter().zip(names);
    let fields = fields.map(|(field, name)| format!("field({}, &self.{name})", field.id));
    let unknown = shape.unknown.iter().map(|name| format!("unknown_fields(&self.{name})"));
    let calls: Vec<String> = fields.chain(unknown).collect();
    let [start, stop] = ["fields()", "stop()"].map(str::to_owned);
    (!calls.is_empty()).then(|| [vec![start], calls, vec![stop]].concat())
}

/// The head of `decode`, which structs and unions share.
pub(super) fn open_decode(scope: &Scope<'_>, text: &mut Text) {
    text.blank();
    let result = scope.std("Result");
    let parameters = ["&mut self".to_owned(), "reader: &mut R".to_owned()];
    let result = format!("{result}<(), rt::DecodeError>");
    text.signature("fn decode<R: rt::Reader>", &parameters, &result, End::Brace);
}

/// Begins the match over a struct's fields; true if the call has a line for each argument.
pub(super) fn open_fields(text: &mut Text, wire_name: &str) -> bool {
    let flat = format!("reader.fields({wire_name:?}, |reader, field| match field.id() {{");
    let long = !text.fits(&flat);
    if long {
        text.open("reader.fields(");
        text.line(format!("{wire_name:?},"));
        text.open("|reader, field| match field.id() {");
    } else {
        text.open(flat);
    }
    long
}

/// Ends what [`open_fields`] began.
pub(super) fn close_fields(text: &mut Text, long: bool, suffix: &str) {
    if long {
        text.close("},");
        text.close(format!("){suffix}"));
    } else {
        text.close(format!("}}){suffix}"));
    }
}

fn write_decode(scope: &Scope<'_>, text: &mut Text, shape: &Shape<'_>, names: &[String]) {
    let wire_name = shape.wire_name;
    open_decode(scope, text);
    let other = match &shape.unknown {
        Some(unknown) => format!("reader.keep(field, &mut self.{unknown})"),
        None => "reader.skip(field)".to_owned(),
    };
    if shape.fields.is_empty() {
        text.closure(&format!("reader.fields({wire_name:?}, |reader, field|"), &other, ")");
        return text.close("}");
    }
    let required: Vec<String> = shape
        .fields
        .iter()
        .filter(|field| is_required(field))
        .map(|field| format!("{:?}", field.name))
        .collect();
    if !required.is_empty() {
        let words = required.len().div_ceil(64);
        text.line(format!("let mut seen = rt::Seen::<{words}>::default();"));
    }
    let long = open_fields(text, wire_name);
    let mut index = 0;
    for (field, name) in shape.fields.iter().zip(names) {
        let mut arguments =
            vec!["field".to_owned(), format!("{:?}", field.name), format!("&mut self.{name}")];
        let mut function = "field";
        if is_required(field) {
            function = "required";
            arguments.extend(["&mut seen".to_owned(), index.to_string()]);
            index += 1;
        }
        let call = Doc::group(format!("reader.{function}("), arguments.into_iter().map(Doc::Text), ")");
        text.doc(&format!("{} => ", field.id), &call, ",");
    }
    text.line(format!("_ => {other},"));
    if required.is_empty() {
        close_fields(text, long, "");
    } else {
        close_fields(text, long, "?;");
        let names = Doc::group("&[", required.into_iter().map(Doc::Text), "]");
        let call = [Doc::text(format!("{wire_name:?}")), names, Doc::text("&seen")];
        text.doc("", &Doc::group("reader.require(", call, ")"), "");
    }
    text.close("}");
}

fn write_detach(scope: &Scope<'_>, text: &mut Text, shape: &Shape<'_>, names: &[String]) {
    let fields = shape.fields.iter().zip(names);
    let sharing = fields.filter(|(field, _)| scope.may_share(field, shape.annotations));
    let names: Vec<&String> = sharing.map(|(_, name)| name).collect();
    if !names.is_empty() {
        text.blank();
        text.braced("rt::detach_fields!", &names);
    }
}

pub(super) fn is_required(field: &Field) -> bool {
    field.requiredness == Requiredness::Required
}

fn write_error(scope: &Scope<'_>, text: &mut Text, item: &Struct, name: &str) {
    text.blank();
    text.open(format!("impl std::fmt::Display for {name} {{"));
    text.open("fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {");
    match message_field(scope, item) {
        Some((field, true)) => {
            text.line(format!(
                "write!(f, \"{}: {{}}\", self.{field}.as_deref().unwrap_or_default())",
                item.name
            ));
        }
        Some((field, false)) => text.line(format!("write!(f, \"{}: {{}}\", self.{field})", item.name)),
        None => text.line("std::fmt::Debug::fmt(self, f)"),
    }
    text.close("}");
    text.close("}");
    text.blank();
    text.line(format!("impl std::error::Error for {name} {{}}"));
}

/// The field that says in words what happened, and whether it is optional.
fn message_field(scope: &Scope<'_>, item: &Struct) -> Option<(String, bool)> {
    let names = field_names(&item.fields);
    let is_text = |field: &&Field| {
        let plain = !is_boxed(field) && !Choice::of(field, &item.meta.annotations).shared;
        plain && matches!(scope.model.resolve(&field.ty), Type::String)
    };
    let wanted = ["message", "msg", "why", "what", "reason"];
    let field = wanted.iter().find_map(|wanted| {
        item.fields.iter().filter(is_text).find(|field| field.name.eq_ignore_ascii_case(wanted))
    })?;
    let index = item.fields.iter().position(|other| other.id == field.id)?;
    Some((names[index].clone(), field.requiredness == Requiredness::Optional))
}
