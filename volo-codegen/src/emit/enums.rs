//! Enums: open, so that a number from a newer peer survives.

use super::docs;
use super::lints;
use super::names::value_names;
use super::text::Text;
use super::types::Scope;
use crate::model::EnumId;

/// Writes an enum.
pub(super) fn write(scope: &Scope<'_>, text: &mut Text, id: EnumId) {
    let item = &scope.model[id];
    text.blank();
    text.open("rt::open_enum! {");
    docs::write(text, &item.meta.docs);
    lints::allow_for_type(text, &scope.names.enums[id.index()], &[]);
    text.open(format!("pub enum {} {{", scope.names.enums[id.index()]));
    for (value, name) in item.values.iter().zip(value_names(&item.values)) {
        docs::write(text, &value.meta.docs);
        match name == value.name {
            true => text.line(format!("{name} = {},", value.number)),
            false => text.line(format!("{name} = {} as {:?},", value.number, value.name)),
        }
    }
    text.close("}");
    text.close("}");
}
