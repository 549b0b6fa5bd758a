//! Values: evaluated and checked against the type they are meant for.

use std::collections::HashSet;

use crate::ast::{self, ValueKind};
use crate::diag::Diagnostic;
use crate::graph;
use crate::model::*;
use crate::resolve::{Pending, Resolved, Target, UNKNOWN, forward_use};
use crate::scope::{Constant, Scopes};
use crate::suggest;

/// Constants that use constants can double in size with every line; all values together have at most this
/// many parts.
const PARTS_MAX: usize = 1 << 20;

/// Values nested deeper than this are refused. Literals end earlier, constants that use others may not.
const DEPTH_MAX: usize = 128;

/// Evaluates all pending values into the model.
pub(crate) fn evaluate(resolved: Resolved<'_>, diagnostics: &mut Vec<Diagnostic>) -> Model {
    let Resolved { model, scopes, pending } = resolved;
    let done = vec![None; model.consts.len()];
    let mut evaluator = Evaluator { model, scopes, diagnostics, done, parts: 0, owner: None };
    for index in evaluator.order(&pending) {
        evaluator.run(&pending[index]);
    }
    evaluator.model
}

struct Evaluator<'d> {
    model: Model,
    scopes: Scopes,
    diagnostics: &'d mut Vec<Diagnostic>,
    /// By constant: its value if it has been evaluated without fault.
    done: Vec<Option<Value>>,
    parts: usize,
    /// What the value at hand belongs to: place of its name, and its type in words.
    owner: Option<(Span, String)>,
}

impl Evaluator<'_> {
    /// Positions in `pending`, constants before what uses them. Constants in a cycle are reported and left out.
    fn order(&mut self, pending: &[Pending<'_>]) -> Vec<usize> {
        let mut uses = vec![Vec::new(); self.model.consts.len()];
        let mut position = vec![0; self.model.consts.len()];
        for (index, pending) in pending.iter().enumerate() {
            let Target::Const(id) = pending.target else { continue };
            position[id.index()] = index;
            collect_names(pending.value, &mut |name| {
                let found = self.scopes.constant(&self.model, pending.file, name);
                if let Some(Constant::Const(used)) = found {
                    uses[id.index()].push(used.index());
                }
            });
        }
        let mut cyclic = HashSet::new();
        for component in graph::components(&uses) {
            let is_cycle = component.len() > 1 || uses[component[0]].contains(&component[0]);
            cyclic.extend(component.into_iter().filter(|_| is_cycle));
        }
        for cycle in graph::cycles(&uses) {
            let consts = &self.model.consts;
            let chain = graph::chain(&cycle, |node| consts[node].name.as_str());
            let mut diagnostic =
                Diagnostic::error("const-cycle", format!("constants define each other: {chain}"));
            for (node, to) in graph::steps(&cycle) {
                let message = format!("needs `{}`", consts[to].name);
                diagnostic = diagnostic.at(consts[node].meta.name_span, message);
            }
            self.diagnostics.push(diagnostic);
        }
        let mut order: Vec<usize> = graph::components(&uses)
            .into_iter()
            .flatten()
            .filter(|node| !cyclic.contains(node))
            .map(|node| position[node])
            .collect();
        let is_const = |pending: &Pending<'_>| matches!(pending.target, Target::Const(_));
        order.extend((0..pending.len()).filter(|index| !is_const(&pending[*index])));
        order
    }

    fn run(&mut self, pending: &Pending<'_>) {
        let (ty, name_span) = match pending.target {
            Target::Const(id) => (self.model[id].ty.clone(), self.model[id].meta.name_span),
            Target::Field(id, field) => {
                let field = &self.model[id].fields[field];
                (field.ty.clone(), field.meta.name_span)
            }
            Target::Arg(id, function, arg) => {
                let field = &self.model[id].functions[function].args[arg];
                (field.ty.clone(), field.meta.name_span)
            }
        };
        self.owner = Some((name_span, format!("declared as `{}`", self.model.idl_name(&ty))));
        let value = self.value(pending.file, &ty, pending.value);
        let value = value.filter(|value| self.check_depth(value, pending.value.span));
        match pending.target {
            Target::Const(id) => {
                self.done[id.index()].clone_from(&value);
                if let Some(value) = value {
                    self.model.consts[id.index()].value = value;
                }
            }
            Target::Field(id, field) => self.model.structs[id.index()].fields[field].default = value,
            Target::Arg(id, function, arg) => {
                self.model.services[id.index()].functions[function].args[arg].default = value;
            }
        }
    }

    /// A value as one of type `ty`; `None` after a report, or if the type is broken.
    fn value(&mut self, file: FileId, ty: &Type, value: &ast::Value) -> Option<Value> {
        let shape = self.model.resolve(ty).clone();
        if shape == UNKNOWN || !self.spend(1, value.span) {
            return None;
        }
        let span = value.span;
        match (&value.kind, &shape) {
            (ValueKind::Name(name), _) => self.named(file, &shape, name, span),
            (ValueKind::Bool(flag), Type::Bool) => Some(Value::Bool(*flag)),
            (ValueKind::Bool(flag), _) if is_number(&shape) => {
                self.number(&shape, i64::from(*flag), false, span)
            }
            (ValueKind::Int(number, hex), _) if is_number(&shape) => self.number(&shape, *number, *hex, span),
            (ValueKind::Double(number), Type::Double) => {
                if number.is_finite() {
                    return Some(Value::Double(*number));
                }
                let error = Diagnostic::error("number-range", "this number does not fit `double`");
                self.diagnostics.push(error.at(span, "too large"));
                None
            }
            (ValueKind::String(text), Type::String) => Some(Value::String(text.clone())),
            (ValueKind::String(text), Type::Binary) => Some(Value::Binary(text.clone().into_bytes())),
            (ValueKind::String(text), Type::Uuid) => self.uuid(text, span),
            (ValueKind::List(values), Type::List(element)) => {
                Some(Value::List(self.elements(file, element, values)?))
            }
            (ValueKind::List(values), Type::Set(element)) => {
                let elements = self.elements(file, element, values)?;
                Some(Value::Set(self.distinct(elements, values)))
            }
            (ValueKind::Map(entries), Type::Map(key, value)) => self.map(file, key, value, entries),
            (ValueKind::Map(entries), Type::Struct(id)) => self.structure(file, *id, entries, span),
            // Apache takes either pair of empty brackets for any container.
            (ValueKind::Map(entries), Type::List(_)) if entries.is_empty() => Some(Value::List(Vec::new())),
            (ValueKind::Map(entries), Type::Set(_)) if entries.is_empty() => Some(Value::Set(Vec::new())),
            (ValueKind::List(values), Type::Map(..)) if values.is_empty() => Some(Value::Map(Vec::new())),
            _ => self.mismatch(&shape, described(&value.kind), span),
        }
    }

    fn elements(&mut self, file: FileId, element: &Type, values: &[ast::Value]) -> Option<Vec<Value>> {
        // All elements are looked at, so that all faults are seen.
        let values: Vec<Option<Value>> =
            values.iter().map(|value| self.value(file, element, value)).collect();
        values.into_iter().collect()
    }

    fn distinct(&mut self, values: Vec<Value>, written: &[ast::Value]) -> Vec<Value> {
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

    fn map(
        &mut self,
        file: FileId,
        key: &Type,
        value: &Type,
        entries: &[(ast::Value, ast::Value)],
    ) -> Option<Value> {
        let mut positions = std::collections::HashMap::new();
        let mut out: Vec<(Value, Value)> = Vec::new();
        let mut complete = true;
        for (written, entry) in entries {
            let pair = (self.value(file, key, written), self.value(file, value, entry));
            let (Some(key), Some(value)) = pair else {
                complete = false;
                continue;
            };
            match positions.entry(format!("{key:?}")) {
                std::collections::hash_map::Entry::Vacant(slot) => {
                    slot.insert(out.len());
                    out.push((key, value));
                }
                std::collections::hash_map::Entry::Occupied(slot) => {
                    out[*slot.get()] = (key, value);
                    self.warn_repeated_key(written.span);
                }
            }
        }
        complete.then_some(Value::Map(out))
    }

    fn structure(
        &mut self,
        file: FileId,
        id: StructId,
        entries: &[(ast::Value, ast::Value)],
        span: Span,
    ) -> Option<Value> {
        let mut fields = std::collections::BTreeMap::new();
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

    fn check_missing(
        &mut self,
        id: StructId,
        given: &std::collections::BTreeMap<usize, Option<Value>>,
        span: Span,
    ) {
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

    fn number(&mut self, shape: &Type, number: i64, hex: bool, span: Span) -> Option<Value> {
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

    fn uuid(&mut self, text: &str, span: Span) -> Option<Value> {
        let uuid = parse_uuid(text);
        if uuid.is_none() {
            let diagnostic = Diagnostic::error("uuid", "this is no UUID")
                .at(span, "expected 32 hexadecimal digits")
                .help("write it like \"01234567-89ab-cdef-0123-456789abcdef\"");
            self.diagnostics.push(diagnostic);
        }
        uuid.map(Value::Uuid)
    }

    /// The value of a constant or enum value used by name.
    fn named(&mut self, file: FileId, shape: &Type, name: &str, span: Span) -> Option<Value> {
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

    fn mismatch(&mut self, shape: &Type, found: &str, span: Span) -> Option<Value> {
        let expected = self.model.idl_name(shape);
        let error =
            Diagnostic::error("value-type", format!("expected a value of type `{expected}`, found {found}"))
                .at(span, format!("expected `{expected}`"));
        let error = self.with_owner(error);
        self.diagnostics.push(error);
        None
    }

    fn with_owner(&self, diagnostic: Diagnostic) -> Diagnostic {
        match &self.owner {
            Some((span, what)) => diagnostic.at(*span, what),
            None => diagnostic,
        }
    }

    fn warn_repeated_key(&mut self, span: Span) {
        let warning = Diagnostic::warning("repeated-key", "this key was given before");
        self.diagnostics.push(warning.at(span, "the last value counts"));
    }

    /// Counts parts of values; false once there are too many, which is reported once.
    fn spend(&mut self, parts: usize, span: Span) -> bool {
        let before = self.parts;
        self.parts = self.parts.saturating_add(parts);
        if before <= PARTS_MAX && self.parts > PARTS_MAX {
            let message = format!("all values together have more than {PARTS_MAX} parts");
            let error = Diagnostic::error("values-too-large", message).at(span, "too large from here on");
            self.diagnostics.push(error.note("constants made of constants grow fast"));
        }
        self.parts <= PARTS_MAX
    }

    fn check_depth(&mut self, value: &Value, span: Span) -> bool {
        let fits = depth(value) <= DEPTH_MAX;
        if !fits {
            let message = format!("this value is nested more than {DEPTH_MAX} levels deep");
            self.diagnostics.push(Diagnostic::error("nesting", message).at(span, "too deep"));
        }
        fits
    }
}

fn apache_refuses(what: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("portable-const", format!("{what} works here only"))
        .at(span, "Apache's compiler refuses this")
        .help("repeat the value")
}

/// The bit pattern of a hexadecimal number counts, not its sign.
fn wrapped<T>(
    hex: bool,
    number: Result<T, std::num::TryFromIntError>,
) -> Result<T, std::num::TryFromIntError> {
    // Any error will do: the caller only asks whether there is a number.
    if hex { number } else { Err(u8::try_from(-1i64).unwrap_err()) }
}

fn is_number(shape: &Type) -> bool {
    matches!(shape, Type::Bool | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Double | Type::Enum(_))
}

fn collect_names(value: &ast::Value, found: &mut impl FnMut(&str)) {
    match &value.kind {
        ValueKind::Name(name) => found(name),
        ValueKind::List(values) => values.iter().for_each(|value| collect_names(value, found)),
        ValueKind::Map(entries) => entries.iter().for_each(|(key, value)| {
            collect_names(key, found);
            collect_names(value, found);
        }),
        _ => {}
    }
}

fn described(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Bool(_) => "a truth value",
        ValueKind::Int(..) => "a whole number",
        ValueKind::Double(_) => "a number with a point",
        ValueKind::String(_) => "a string",
        ValueKind::Name(_) => "a name",
        ValueKind::List(_) => "a list",
        ValueKind::Map(_) => "a map",
    }
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

/// How many values a value is made of.
fn parts(value: &Value) -> usize {
    1 + match value {
        Value::List(values) | Value::Set(values) => values.iter().map(parts).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| parts(key) + parts(value)).sum(),
        Value::Struct(_, fields) => fields.iter().map(|(_, value)| parts(value)).sum(),
        Value::String(text) => text.len() / 16,
        Value::Binary(bytes) => bytes.len() / 16,
        _ => 0,
    }
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::List(values) | Value::Set(values) => values.iter().map(depth).max(),
        Value::Map(entries) => entries.iter().map(|(key, value)| depth(key).max(depth(value))).max(),
        Value::Struct(_, fields) => fields.iter().map(|(_, value)| depth(value)).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
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
