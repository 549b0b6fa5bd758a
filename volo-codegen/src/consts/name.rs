//! Names of constants and enum values.

use super::{Evaluator, is_number, parts};
use crate::diag::Diagnostic;
use crate::model::*;
use crate::resolve::{UNKNOWN, forward_use};
use crate::scope::Constant;

impl Evaluator<'_> {
    /// The value of a constant or enum value used by name.
    pub(super) fn named(&mut self, file: FileId, shape: &Type, name: &str, span: Span) -> Option<Value> {
        let found = self.scopes.constant(&self.model, file, name);
        if let Type::Enum(id) = shape {
            return self.enum_named(file, *id, name, span, found);
        }
        match found {
            Some(Constant::Const(id)) => {
                self.check_order(self.model[id].meta.name_span, span, name);
                let value = self.done[id.index()].take()?;
                let converted = self.convert(shape, &value, span);
                self.done[id.index()] = Some(value);
                converted
            }
            Some(Constant::EnumValue(id, index)) if is_number(shape) => {
                self.check_order(self.model[id].meta.name_span, span, name);
                let number = i64::from(self.model[id].values[index].number);
                self.number(shape, number, false, span)
            }
            Some(Constant::EnumValue(id, _)) => {
                let found = format!("a value of enum `{}`", self.model[id].name);
                self.mismatch(shape, &found, span)
            }
            None => {
                let diagnostic = self.scopes.unknown_constant(&self.model, file, name, span, None);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    /// A name where a value of enum `id` is wanted. Apache looks at the part behind the last dot only; what it
    /// accepts that way is accepted here too, with a warning.
    fn enum_named(
        &mut self,
        file: FileId,
        id: EnumId,
        name: &str,
        span: Span,
        found: Option<Constant>,
    ) -> Option<Value> {
        match found {
            Some(Constant::EnumValue(other, index)) if other == id => {
                return Some(Value::Enum(id, self.model[id].values[index].number));
            }
            Some(Constant::Const(constant)) => {
                self.check_order(self.model[constant].meta.name_span, span, name);
                let value = self.done[constant.index()].clone()?;
                return self.convert(&Type::Enum(id), &value, span);
            }
            _ => {}
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let Some(index) = self.scopes.enum_value(id, last) else {
            let diagnostic = self.scopes.unknown_constant(&self.model, file, name, span, Some(id));
            self.diagnostics.push(diagnostic);
            return None;
        };
        let item = &self.model[id];
        let diagnostic =
            Diagnostic::warning("enum-value-name", format!("`{name}` names no value of `{}`", item.name))
                .at(span, format!("taken as `{}.{last}`", item.name))
                .at(item.meta.name_span, "declared here")
                .help(format!("write `{}.{last}`, behind the file's name if it is another one", item.name));
        self.diagnostics.push(diagnostic);
        Some(Value::Enum(id, item.values[index].number))
    }

    /// An evaluated constant as a value of another type.
    fn convert(&mut self, ty: &Type, value: &Value, span: Span) -> Option<Value> {
        let shape = self.model.resolve(ty).clone();
        if shape == UNKNOWN || !self.spend(1, span) {
            return None;
        }
        match (&shape, value) {
            (Type::Bool, Value::Bool(_)) => Some(value.clone()),
            (Type::Enum(id), Value::Enum(other, _)) if id == other => {
                self.diagnostics.push(apache_refuses("an enum value named by another constant", span));
                Some(value.clone())
            }
            (Type::Enum(_), _) => self.mismatch(&shape, described_value(value), span),
            (_, Value::Bool(flag)) if is_number(&shape) => self.number(&shape, i64::from(*flag), false, span),
            (_, Value::I8(number)) if is_number(&shape) => {
                self.number(&shape, i64::from(*number), false, span)
            }
            (_, Value::I16(number)) if is_number(&shape) => {
                self.number(&shape, i64::from(*number), false, span)
            }
            (_, Value::I32(number)) if is_number(&shape) => {
                self.number(&shape, i64::from(*number), false, span)
            }
            (_, Value::I64(number)) if is_number(&shape) => self.number(&shape, *number, false, span),
            (Type::Double, Value::Double(_)) => Some(value.clone()),
            (Type::String, Value::String(text)) => {
                self.spend(text.len() / 16, span).then(|| Value::String(text.clone()))
            }
            (Type::String, Value::Binary(bytes)) => String::from_utf8(bytes.clone()).ok().map(Value::String),
            (Type::Binary, Value::Binary(bytes)) => {
                self.spend(bytes.len() / 16, span).then(|| Value::Binary(bytes.clone()))
            }
            (Type::Binary, Value::String(text)) => Some(Value::Binary(text.clone().into_bytes())),
            (Type::Uuid, Value::Uuid(_)) => Some(value.clone()),
            (Type::Uuid, Value::String(text)) => self.uuid(text, span),
            (Type::List(element), Value::List(values)) => {
                let values = values.iter().map(|value| self.convert(element, value, span));
                values.collect::<Option<_>>().map(Value::List)
            }
            (Type::Set(element), Value::Set(values)) => {
                let values = values.iter().map(|value| self.convert(element, value, span));
                values.collect::<Option<_>>().map(Value::Set)
            }
            (Type::Map(key, target), Value::Map(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(k, v)| Some((self.convert(key, k, span)?, self.convert(target, v, span)?)));
                entries.collect::<Option<_>>().map(Value::Map)
            }
            (Type::Struct(id), Value::Struct(other, _)) if id == other => {
                self.diagnostics.push(apache_refuses("a struct value named by another constant", span));
                self.spend(parts(value), span).then(|| value.clone())
            }
            _ => self.mismatch(&shape, described_value(value), span),
        }
    }

    fn check_order(&mut self, declared: Span, used: Span, name: &str) {
        if declared.file == used.file && declared.start > used.start {
            self.diagnostics.push(forward_use(name, declared, used));
        }
    }
}

fn apache_refuses(what: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("portable-const", format!("{what} works here only"))
        .at(span, "Apache's compiler refuses this")
        .help("repeat the value")
}

fn described_value(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a truth value",
        Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => "a whole number",
        Value::Double(_) => "a number with a point",
        Value::String(_) | Value::Binary(_) => "a string",
        Value::Uuid(_) => "a UUID",
        Value::Enum(..) => "an enum value",
        Value::List(_) => "a list",
        Value::Set(_) => "a set",
        Value::Map(_) => "a map",
        Value::Struct(..) => "a struct",
    }
}
