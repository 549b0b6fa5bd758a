//! Types by what they are on the wire: names of structs and typedefs don't count there.

use super::fields::{Pair, Role};
use super::{Comparer, Finding, Level};
use crate::lint::Reserved;
use crate::model::{Enum, EnumId, EnumValue, Model, Span, StructId, StructKind, Type, Value};

impl Comparer<'_> {
    /// Compares the types of `what`; `new` and `old` are the places of the whole.
    pub(super) fn types(&mut self, what: &str, was: &Type, is: &Type, new: Span, old: Span) {
        match (self.old.resolve(was), self.new.resolve(is)) {
            (Type::List(was), Type::List(is)) | (Type::Set(was), Type::Set(is)) => {
                self.types(what, was, is, new, old);
            }
            (Type::Map(was_key, was_value), Type::Map(is_key, is_value)) => {
                self.types(what, was_key, is_key, new, old);
                self.types(what, was_value, is_value, new, old);
            }
            (Type::Struct(was), Type::Struct(is)) => {
                self.pair_structs(*was, is.index());
                let (was, is) = (&self.old[*was].name, &self.new[*is].name);
                self.type_name(what, was, is, new, old);
            }
            (Type::Enum(was), Type::Enum(is)) => {
                self.pair_enums(*was, is.index());
                let (was, is) = (&self.old[*was].name, &self.new[*is].name);
                self.type_name(what, was, is, new, old);
            }
            (Type::Enum(_), Type::I32) | (Type::I32, Type::Enum(_)) => {
                let message = self.message(what, was, is);
                let finding = Finding::error(Level::Json, "type-changed", message)
                    .help("both are numbers on the wire, but not in JSON");
                self.changed(finding, new, "another type", old);
            }
            (was_resolved, is_resolved) if was_resolved == is_resolved => {}
            _ => {
                let message = self.message(what, was, is);
                let finding = Finding::error(Level::Wire, "type-changed", message)
                    .help("add a field of the new type beside it, and fill both for a while");
                self.changed(finding, new, "another type", old);
            }
        }
    }

    fn message(&self, what: &str, was: &Type, is: &Type) -> String {
        format!("the type of {what} changed from `{}` to `{}`", self.old.idl_name(was), self.new.idl_name(is))
    }

    fn type_name(&mut self, what: &str, was: &str, is: &str, new: Span, old: Span) {
        if was != is {
            let message = format!("the type of {what} is called `{is}` now, it was `{was}`");
            let finding = Finding::error(Level::Source, "rust-type-changed", message);
            self.changed(finding, new, "another name", old);
        }
    }

    /// Notes that two structs are to be compared.
    pub(super) fn pair_structs(&mut self, old: StructId, new: usize) {
        let pair = (old, StructId(new as u32));
        if self.structs.insert(pair) {
            self.open.push(pair);
        }
    }

    pub(super) fn structure(&mut self, old: StructId, new: StructId) {
        let (was, is) = (&self.old[old], &self.new[new]);
        if was.kind != is.kind {
            let level = match (was.kind, is.kind) {
                (StructKind::Union, _) | (_, StructKind::Union) => Level::Wire,
                _ => Level::Source,
            };
            let message =
                format!("`{}` is {} now, it was {}", is.name, is.kind.described(), was.kind.described());
            let finding = Finding::error(level, "kind-changed", message);
            self.changed(finding, is.meta.name_span, "another kind", was.meta.name_span);
            if level == Level::Wire {
                return;
            }
        }
        let role = if is.kind == StructKind::Union { Role::Variant } else { Role::Field };
        self.fields(&Pair {
            role,
            owner: &is.name,
            old: &was.fields,
            new: &is.fields,
            old_meta: &was.meta,
            new_meta: &is.meta,
        });
        self.http(&format!("`{}`", is.name), &was.meta, &is.meta);
    }

    pub(super) fn pair_enums(&mut self, old: EnumId, new: usize) {
        let new = EnumId(new as u32);
        if self.enums.insert((old, new)) {
            let (was, is) = (&self.old[old], &self.new[new]);
            self.enumeration(was, is);
        }
    }

    fn enumeration(&mut self, old: &Enum, new: &Enum) {
        let (reserved, _) = Reserved::of(&old.meta.annotations);
        for value in &old.values {
            self.value(old, value, new);
        }
        let is_new = |value: &&EnumValue| {
            old.values.iter().all(|other| other.number != value.number && other.name != value.name)
        };
        for value in new.values.iter().filter(is_new) {
            let what = format!("value `{}` of enum `{}`", value.name, new.name);
            if reserved.contains(value.number.into()) {
                let message = format!("{what} uses the number {}, which was reserved", value.number);
                let finding = Finding::error(Level::Wire, "reserved-id", message);
                self.added(finding, value.meta.span, "not free");
                continue;
            }
            let message = format!("{what} is new: readers built before don't know it");
            self.added(Finding::addition(Level::Wire, "value-added", message), value.meta.span, "new");
        }
        self.reserved(&new.name, &old.meta.annotations, &new.meta, &old.meta);
    }

    fn value(&mut self, old: &Enum, value: &EnumValue, new: &Enum) {
        let what = format!("value `{}` of enum `{}`", value.name, old.name);
        let same_name = new.values.iter().find(|other| other.name == value.name);
        let same_number = new.values.iter().find(|other| other.number == value.number);
        match (same_name, same_number) {
            (Some(other), _) if other.number == value.number => self.http(&what, &value.meta, &other.meta),
            (Some(other), _) => {
                let message = format!("{what} has the number {} now, it had {}", other.number, value.number);
                let finding = Finding::error(Level::Wire, "number-changed", message);
                self.changed(finding, other.meta.span, "peers send the old number", value.meta.span);
            }
            (None, Some(other)) => {
                let message = format!("{what} is called `{}` now", other.name);
                let finding = Finding::error(Level::Json, "renamed", message);
                self.changed(finding, other.meta.name_span, "another name", value.meta.span);
            }
            (None, None) => {
                let finding = Finding::error(Level::Wire, "value-removed", format!("{what} is gone"));
                self.removed(finding, value.meta.span, value.meta.annotations.get("deprecated"));
            }
        }
    }
}

/// A value as text that two models can be compared by: without their ids.
pub(super) fn text(model: &Model, value: &Value) -> String {
    let list =
        |values: &[Value]| values.iter().map(|value| text(model, value)).collect::<Vec<_>>().join(", ");
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I8(value) => value.to_string(),
        Value::I16(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        Value::Binary(value) => format!("{:?}", String::from_utf8_lossy(value)),
        Value::Uuid(value) => format!("{value:02x?}"),
        Value::Enum(id, number) => {
            let name = model[*id].values.iter().find(|value| value.number == *number);
            name.map_or_else(|| number.to_string(), |value| format!("{}.{}", model[*id].name, value.name))
        }
        Value::List(values) => format!("[{}]", list(values)),
        // The order of a set and of a map means nothing.
        Value::Set(values) => {
            let mut texts: Vec<String> = values.iter().map(|value| text(model, value)).collect();
            texts.sort_unstable();
            format!("[{}]", texts.join(", "))
        }
        Value::Map(entries) => {
            let entry =
                |(key, value): &(Value, Value)| format!("{}: {}", text(model, key), text(model, value));
            let mut texts: Vec<String> = entries.iter().map(entry).collect();
            texts.sort_unstable();
            format!("{{{}}}", texts.join(", "))
        }
        Value::Struct(id, fields) => {
            let field = |(at, value): &(usize, Value)| {
                let name = model[*id].fields.get(*at).map_or("?", |field| field.name.as_str());
                format!("{name}: {}", text(model, value))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}
