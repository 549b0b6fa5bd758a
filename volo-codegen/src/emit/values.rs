//! Evaluated constants as Rust expressions.

use super::graph::is_boxed;
use super::names::{arm_names, field_names, value_names};
use super::text::Doc;
use super::types::{Choice, Scope, map, set};
use crate::model::{Annotations, EnumId, Field, Requiredness, StructId, StructKind, Type, Value};

/// A value as an expression of its type (see [`Scope::ty`]).
pub(super) fn expression(scope: &Scope<'_>, ty: &Type, value: &Value, keyed: bool) -> Doc {
    match (value, scope.model.resolve(ty)) {
        (Value::Double(number), _) if keyed => Doc::text(format!("rt::OrderedDouble::from({number:?})")),
        (Value::List(values), Type::List(element)) if !values.is_empty() => {
            Doc::group("vec![", values.iter().map(|value| expression(scope, element, value, keyed)), "]")
        }
        (Value::Set(values), Type::Set(element)) => set_of(scope, element, values, keyed),
        (Value::Map(entries), Type::Map(key, of)) => map_of(scope, key, of, entries, keyed, keyed),
        (Value::Struct(id, given), _) => struct_literal(scope, *id, given),
        _ => Doc::text(simple(scope, value, keyed)),
    }
}

/// A field's value in its slot: boxed, optional, or as it is.
pub(super) fn in_field(
    scope: &Scope<'_>,
    field: &Field,
    owner: &Annotations,
    value: &Value,
    keyed: bool,
) -> Doc {
    let value = in_arm(scope, field, owner, value, keyed);
    match is_boxed(field) || field.requiredness == Requiredness::Optional {
        true => wrap(&format!("{}(", scope.std("Some")), value, ")"),
        false => value,
    }
}

/// A value as an arm holds it, boxed or as it is.
pub(super) fn in_arm(
    scope: &Scope<'_>,
    field: &Field,
    owner: &Annotations,
    value: &Value,
    keyed: bool,
) -> Doc {
    let choice = Choice::of(field, owner);
    let mut value = match (value, scope.model.resolve(&field.ty)) {
        (Value::String(text), _) if choice.owned => {
            Doc::text(format!("{}::from({text:?})", scope.std("String")))
        }
        (Value::Binary(bytes), _) if choice.owned => Doc::text(format!("{}.to_vec()", byte_string(bytes))),
        (Value::Set(values), Type::Set(element)) if choice.ordered => set_of(scope, element, values, true),
        (Value::Map(entries), Type::Map(key, of)) if choice.ordered => {
            map_of(scope, key, of, entries, true, keyed)
        }
        _ => expression(scope, &field.ty, value, keyed),
    };
    if choice.shared {
        value = wrap("rt::Arc::new(", value, ")");
    }
    if is_boxed(field) {
        value = wrap(&format!("{}::new(", scope.std("Box")), value, ")");
    }
    value
}

/// A type and an expression fit for `const`, if the value has one: texts and lists as slices.
pub(super) fn constant(scope: &Scope<'_>, ty: &Type, value: &Value) -> Option<(String, Doc)> {
    match (value, scope.model.resolve(ty)) {
        (Value::String(text), _) => Some(("&str".into(), Doc::text(format!("{text:?}")))),
        (Value::Binary(bytes), _) => Some(("&[u8]".into(), Doc::text(byte_string(bytes)))),
        (Value::List(values), Type::List(element)) => {
            let items: Option<Vec<_>> = values.iter().map(|value| constant(scope, element, value)).collect();
            let items = items?;
            let element = match items.first() {
                Some((ty, _)) => ty.clone(),
                None => constant_type(scope, element)?,
            };
            Some((format!("&[{element}]"), Doc::group("&[", items.into_iter().map(|(_, doc)| doc), "]")))
        }
        (Value::Set(_) | Value::Map(_) | Value::Struct(..) | Value::List(_), _) => None,
        _ => Some((scope.ty(ty, false), Doc::text(simple(scope, value, false)))),
    }
}

/// Whether a value is what its type's `Default` gives anyway.
pub(super) fn is_natural(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::I8(value) => *value == 0,
        Value::I16(value) => *value == 0,
        Value::I32(value) | Value::Enum(_, value) => *value == 0,
        Value::I64(value) => *value == 0,
        Value::Double(value) => *value == 0.0 && value.is_sign_positive(),
        Value::String(text) => text.is_empty(),
        Value::Binary(bytes) => bytes.is_empty(),
        Value::Uuid(bytes) => *bytes == [0; 16],
        Value::List(values) | Value::Set(values) => values.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Struct(..) => false,
    }
}

fn set_of(scope: &Scope<'_>, element: &Type, values: &[Value], ordered: bool) -> Doc {
    if values.is_empty() {
        return Doc::text(format!("{}::default()", set(ordered)));
    }
    let items = values.iter().map(|value| expression(scope, element, value, true));
    Doc::group(format!("{}::from_iter([", set(ordered)), items, "])")
}

fn map_of(
    scope: &Scope<'_>,
    key: &Type,
    of: &Type,
    entries: &[(Value, Value)],
    ordered: bool,
    keyed: bool,
) -> Doc {
    if entries.is_empty() {
        return Doc::text(format!("{}::default()", map(ordered)));
    }
    let items = entries.iter().map(|(k, v)| {
        Doc::group("(", [expression(scope, key, k, true), expression(scope, of, v, keyed)], ")")
    });
    Doc::group(format!("{}::from_iter([", map(ordered)), items, "])")
}

fn constant_type(scope: &Scope<'_>, ty: &Type) -> Option<String> {
    match scope.model.resolve(ty) {
        Type::String => Some("&str".into()),
        Type::Binary => Some("&[u8]".into()),
        Type::List(element) => Some(format!("&[{}]", constant_type(scope, element)?)),
        Type::Set(_) | Type::Map(..) | Type::Struct(_) => None,
        _ => Some(scope.ty(ty, false)),
    }
}

/// A value without parts; containers are empty here.
fn simple(scope: &Scope<'_>, value: &Value, keyed: bool) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I8(value) => value.to_string(),
        Value::I16(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::Double(value) => format!("{value:?}"),
        Value::String(text) if scope.defines("Into") => format!("rt::FastStr::from_static_str({text:?})"),
        Value::String(text) => format!("{text:?}.into()"),
        Value::Binary(bytes) => format!("rt::Bytes::from_static({})", byte_string(bytes)),
        Value::Uuid(bytes) => format!("rt::Uuid(0x{:032x}_u128.to_be_bytes())", u128::from_be_bytes(*bytes)),
        Value::Enum(id, number) => enum_value(scope, *id, *number),
        Value::List(_) => format!("{}::new()", scope.std("Vec")),
        Value::Set(_) => format!("{}::default()", set(keyed)),
        Value::Map(_) => format!("{}::default()", map(keyed)),
        Value::Struct(id, _) => format!("{}::default()", scope.struct_path(*id)),
    }
}

fn enum_value(scope: &Scope<'_>, id: EnumId, number: i32) -> String {
    let item = &scope.model[id];
    let path = scope.path(scope.names.module_of(item.file), &scope.names.enums[id.index()]);
    match item.values.iter().position(|value| value.number == number) {
        Some(index) => format!("{path}::{}", value_names(&item.values)[index]),
        None => format!("{path}::from({number})"),
    }
}

fn struct_literal(scope: &Scope<'_>, id: StructId, given: &[(usize, Value)]) -> Doc {
    let item = &scope.model[id];
    let keyed = scope.graph.is_keyed(id);
    let path = scope.struct_path(id);
    if item.kind == StructKind::Union {
        let Some((index, value)) = given.first() else { return Doc::text(format!("{path}::default()")) };
        let field = &item.fields[*index];
        let arm = &arm_names(&item.fields, "Unknown").0[*index];
        let value = in_arm(scope, field, &item.meta.annotations, value, keyed);
        return wrap(&format!("{path}::{arm}("), value, ")");
    }
    if given.is_empty() {
        return Doc::text(format!("{path}::default()"));
    }
    let names = field_names(&item.fields);
    let mut items: Vec<Doc> = given
        .iter()
        .map(|(index, value)| {
            let value = in_field(scope, &item.fields[*index], &item.meta.annotations, value, keyed);
            wrap(&format!("{}: ", names[*index]), value, "")
        })
        .collect();
    if given.len() < item.fields.len() || scope.unknown_field(id).is_some() {
        items.push(Doc::text(format!("..{}::default()", scope.std("Default"))));
    }
    Doc::group(format!("{path} {{"), items, "}")
}

/// `open` and `close` around a value, as one group with it: rustfmt lets the last argument overflow.
pub(super) fn wrap(open: &str, value: Doc, close: &str) -> Doc {
    match value {
        Doc::Text(text) => Doc::Text(format!("{open}{text}{close}")),
        Doc::Group { open: inner, items, close: end } => {
            Doc::Group { open: format!("{open}{inner}"), items, close: format!("{end}{close}") }
        }
    }
}

fn byte_string(bytes: &[u8]) -> String {
    format!("b\"{}\"", bytes.escape_ascii())
}
