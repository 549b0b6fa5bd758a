//! Numbers and other literals that must fit their type.

use super::Evaluator;
use crate::diag::Diagnostic;
use crate::model::*;

impl Evaluator<'_> {
    pub(super) fn number(&mut self, shape: &Type, number: i64, hex: bool, span: Span) -> Option<Value> {
        let fitted = match shape {
            Type::Bool => {
                if !(0..=1).contains(&number) {
                    let warning = Diagnostic::warning("bool-number", format!("{number} is no `bool`"))
                        .at(span, format!("taken as {}", number > 0))
                        .help("write `true` or `false`");
                    self.diagnostics.push(warning);
                }
                Some(Value::Bool(number > 0))
            }
            Type::I8 => i8::try_from(number)
                .or(wrapped(hex, u8::try_from(number)).map(|n| n as i8))
                .ok()
                .map(Value::I8),
            Type::I16 => i16::try_from(number)
                .or(wrapped(hex, u16::try_from(number)).map(|n| n as i16))
                .ok()
                .map(Value::I16),
            Type::I32 => i32::try_from(number)
                .or(wrapped(hex, u32::try_from(number)).map(|n| n as i32))
                .ok()
                .map(Value::I32),
            Type::I64 => Some(Value::I64(number)),
            Type::Double => Some(Value::Double(number as f64)),
            Type::Enum(id) => return self.enum_number(*id, number, span),
            _ => None,
        };
        let name = self.model.idl_name(shape);
        let negative =
            matches!(fitted, Some(Value::I8(i8::MIN..0) | Value::I16(i16::MIN..0) | Value::I32(i32::MIN..0)));
        if negative && number > 0 {
            let warning =
                Diagnostic::warning("number-wraps", format!("this bit pattern is negative as `{name}`"))
                    .at(span, "taken as written, sign bit set");
            self.diagnostics.push(warning);
        }
        if fitted.is_none() {
            let error = Diagnostic::error("number-range", format!("{number} does not fit `{name}`"));
            let error = self.with_owner(error.at(span, "out of range"));
            self.diagnostics.push(error);
        }
        fitted
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

/// The bit pattern of a hexadecimal number counts, not its sign.
fn wrapped<T>(
    hex: bool,
    number: Result<T, std::num::TryFromIntError>,
) -> Result<T, std::num::TryFromIntError> {
    // Any error will do: the caller only asks whether there is a number.
    if hex { number } else { Err(u8::try_from(-1i64).unwrap_err()) }
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
