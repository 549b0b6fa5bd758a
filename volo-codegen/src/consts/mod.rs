//! Values: evaluated and checked against the type they are meant for.

mod compound;
mod name;
mod number;

use std::collections::HashSet;

use crate::ast::{self, ValueKind};
use crate::diag::Diagnostic;
use crate::graph;
use crate::model::*;
use crate::resolve::{Pending, Resolved, Target, UNKNOWN};
use crate::scope::{Constant, Scopes};

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
