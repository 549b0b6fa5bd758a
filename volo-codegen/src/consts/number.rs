//! Numbers and other literals that must fit their type.

use super::Evaluator;
use crate::diag::Diagnostic;
use crate::model::*;

impl Evaluator<'_> {
    /// A whole number as a value of a numeric type; `hex` says how it was written.
    pub(super) fn number(&mut self, shape: &Type, number: i64, hex: bool, span: Span) -> Option<Value> {
        // The bits of a hexadecimal number count: 0xFF is a negative `i8`.
        let wrap = |bits: u32| {
            let sign = 1i64 << (bits - 1);
            if hex && (sign..2 * sign).contains(&number) { number - 2 * sign } else { number }
        };
        let (fitted, meant) = match shape {
            Type::Bool => return Some(self.bool_number(number, span)),
            Type::Enum(id) => return self.enum_number(*id, number, span),
            Type::I8 => (i8::try_from(wrap(8)).ok().map(Value::I8), wrap(8)),
            Type::I16 => (i16::try_from(wrap(16)).ok().map(Value::I16), wrap(16)),
            Type::I32 => (i32::try_from(wrap(32)).ok().map(Value::I32), wrap(32)),
            Type::I64 => (Some(Value::I64(number)), number),
            Type::Double => (Some(Value::Double(number as f64)), number),
            _ => (None, number),
        };
        let name = self.model.idl_name(shape);
        if meant != number {
            let warning =
                Diagnostic::warning("number-wraps", format!("this bit pattern is negative as `{name}`"));
            self.diagnostics.push(warning.at(span, format!("taken as {meant}")));
        }
        if fitted.is_none() {
            let error = Diagnostic::error("number-range", format!("{number} does not fit `{name}`"));
            let error = self.with_owner(error.at(span, "out of range"));
            self.diagnostics.push(error);
        }
        fitted
    }

    fn bool_number(&mut self, number: i64, span: Span) -> Value {
        if !(0..=1).contains(&number) {
            let warning = Diagnostic::warning("bool-number", format!("{number} is no `bool`"))
                .at(span, format!("taken as {}", number > 0))
                .help("write `true` or `false`");
            self.diagnostics.push(warning);
        }
        Value::Bool(number > 0)
    }

    fn enum_number(&mut self, id: EnumId, number: i64, span: Span) -> Option<Value> {
        let item = &self.model[id];
        let known = item.values.iter().find(|value| i64::from(value.number) == number);
        if let Some(value) = known {
            return Some(Value::Enum(id, value.number));
        }
        let diagnostic =
            Diagnostic::error("unknown-enum-value", format!("enum `{}` has no value {number}", item.name))
                .at(span, "not one of its numbers")
                .at(item.meta.name_span, "declared here");
        self.diagnostics.push(diagnostic);
        None
    }

    pub(super) fn uuid(&mut self, text: &str, span: Span) -> Option<Value> {
        let uuid = parse_uuid(text);
        if uuid.is_none() {
            let diagnostic = Diagnostic::error("uuid", "this is no UUID")
                .at(span, "expected 32 hexadecimal digits")
                .help("write it like \"01234567-89ab-cdef-0123-456789abcdef\"");
            self.diagnostics.push(diagnostic);
        }
        uuid.map(Value::Uuid)
    }
}

/// 8-4-4-4-12 hexadecimal digits, perhaps in braces.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let parts: Vec<&str> = bare.split('-').collect();
    if parts.iter().map(|part| part.len()).ne([8, 4, 4, 4, 12]) {
        return None;
    }
    let digits: Option<Vec<u8>> =
        parts.concat().chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits?;
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks(2)) {
        *byte = pair[0] << 4 | pair.get(1)?;
    }
    Some(uuid)
}
