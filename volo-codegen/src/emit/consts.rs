//! Constants and typedefs.

use super::docs;
use super::text::{Doc, Text};
use super::types::Scope;
use super::values::{constant, expression};
use crate::model::{ConstId, TypedefId};

/// Writes a constant: `const` if its value can be one, else a static made at first use.
pub(super) fn write(scope: &Scope<'_>, text: &mut Text, id: ConstId) {
    let item = &scope.model[id];
    let name = &scope.names.consts[id.index()];
    text.blank();
    docs::write(text, &item.meta.docs);
    if let Some((ty, value)) = constant(scope, &item.ty, &item.value) {
        return text.assign(&format!("pub const {name}: {ty} ="), &value, ";");
    }
    let ty = scope.ty(&item.ty, false);
    let value = expression(scope, &item.ty, &item.value, false);
    let prefix = format!("pub static {name}: rt::LazyLock<{ty}> =");
    let flat = format!("rt::LazyLock::new(|| {})", value.flat());
    if text.fits(&format!("{prefix} {flat};")) || text.fits(&format!("    {flat};")) {
        return text.assign(&prefix, &Doc::Text(flat), ";");
    }
    text.open(format!("{prefix} rt::LazyLock::new(|| {{"));
    text.doc("", &value, "");
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
