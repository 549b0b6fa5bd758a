//! Constants and typedefs.

use super::docs;
use super::lints;
use super::text::{Doc, Text};
use super::types::Scope;
use super::values::{constant, expression};
use crate::model::{Const, ConstId, TypedefId};

/// Writes a constant: `const` if its value can be one, else a static made at first use.
pub(super) fn write(scope: &Scope<'_>, text: &mut Text, id: ConstId) {
    let item = &scope.model[id];
    let name = &scope.names.consts[id.index()];
    text.blank();
    docs::write(text, &item.meta.docs);
    lints::allow_for_values(text, [&item.value]);
    if let Some((ty, value)) = constant(scope, &item.ty, &item.value) {
        return text.assign(&format!("pub const {name}: {ty} ="), &value, ";");
    }
    write_static(scope, text, item, name);
}

fn write_static(scope: &Scope<'_>, text: &mut Text, item: &Const, name: &str) {
    let ty = format!("rt::LazyLock<{}>", scope.ty(&item.ty, false));
    lints::allow_for_type(text, "", std::slice::from_ref(&ty));
    let value = expression(scope, &item.ty, &item.value, false);
    let make = match value.flat().strip_suffix("()") {
        Some(function) if !function.contains('(') => function.to_owned(),
        _ => format!("|| {}", value.flat()),
    };
    let flat = format!("rt::LazyLock::new({make})");
    let prefix = format!("pub static {name}: {ty} =");
    if text.fits(&format!("{prefix} {flat};")) || (text.fits(&prefix) && text.fits(&format!("    {flat};"))) {
        return text.assign(&prefix, &Doc::Text(flat), ";");
    }
    if !text.fits(&prefix) {
        return text.doc(&format!("pub static {name}: "), &Doc::of_type(&ty), &format!(" = {flat};"));
    }
    let head = "rt::LazyLock::new(|| ";
    let first = if value.is_struct() { value.first_line() } else { "{".to_owned() };
    if text.fits(&format!("{prefix} {head}{first}")) {
        return write_lazy(text, &format!("{prefix} {head}"), &value);
    }
    text.line(prefix);
    text.indent();
    write_lazy(text, head, &value);
    text.dedent();
}

/// A closure's value over several lines; a struct needs no braces of its own.
fn write_lazy(text: &mut Text, head: &str, value: &Doc) {
    if value.is_struct() {
        return text.doc(head, value, ");");
    }
    text.open(format!("{head}{{"));
    text.doc("", value, "");
    text.close("});");
}

/// Writes a typedef.
pub(super) fn write_typedef(scope: &Scope<'_>, text: &mut Text, id: TypedefId) {
    let item = &scope.model[id];
    text.blank();
    docs::write(text, &item.meta.docs);
    let prefix = format!("pub type {} =", scope.names.typedefs[id.index()]);
    text.assign(&prefix, &Doc::of_type(&scope.ty(&item.target, false)), ";");
}
