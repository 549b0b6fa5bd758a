//! serde's attributes: names as in the IDL, absent fields as on the wire, and what the IDL asks for itself.
//!
//! Nothing here writes anything unless serde's traits are derived.

use super::graph::is_boxed;
use super::structs::{Shape, is_required, own_default};
use super::text::Text;
use super::types::Scope;
use crate::attributes::serde_attribute;
use crate::model::{Annotations, Field, Requiredness, Struct};

/// Writes a struct's own attributes. Absent fields have the defaults of the IDL, unless one is required: then each
/// field says for itself what it is when absent. True if a rule gives all fields their names.
pub(super) fn write_for_struct(
    scope: &Scope<'_>,
    text: &mut Text,
    shape: &Shape<'_>,
    names: &[String],
) -> bool {
    let mut own = vec!["crate = \"rt::serde\"".to_owned()];
    if has_common_default(shape) && !shape.fields.is_empty() {
        own.push("default".to_owned());
    }
    let rule = common_rule(shape.fields, names, camel_field);
    let by_rule = rule.is_some();
    own.extend(rule);
    write(scope, text, shape.annotations, own);
    by_rule
}

/// Writes a struct's field's attributes.
pub(super) fn write_for_field(
    scope: &Scope<'_>,
    text: &mut Text,
    shape: &Shape<'_>,
    field: &Field,
    name: &str,
    by_rule: bool,
) {
    let is_option = is_boxed(field) || field.requiredness == Requiredness::Optional;
    let mut own: Vec<String> = renamed(shape.annotations, field, name, by_rule).into_iter().collect();
    if !has_common_default(shape) && !is_required(field) {
        match own_default(field) {
            Some(_) => own.push(format!("default = {:?}", format!("{}::{}", shape.name, default_name(name)))),
            None if !is_option => own.push("default".to_owned()),
            None => {}
        }
    }
    // One that is none by default is not written, as on the wire.
    if is_option && own_default(field).is_none() {
        own.push(format!("skip_serializing_if = \"{}::is_none\"", scope.std("Option")));
    }
    write(scope, text, &field.meta.annotations, own);
}

/// Writes the functions that [`write_for_field`] names for defaults.
pub(super) fn write_defaults(
    scope: &Scope<'_>,
    text: &mut Text,
    shape: &Shape<'_>,
    names: &[String],
    types: &[String],
) {
    let fields = shape.fields.iter().zip(names).zip(types);
    let mut own = fields
        .filter(|((field, _), _)| !is_required(field) && own_default(field).is_some())
        .filter(|((field, _), _)| !mentions(&field.meta.annotations, "default"))
        .peekable();
    if !scope.serde || has_common_default(shape) || own.peek().is_none() {
        return;
    }
    text.blank();
    text.open(format!("impl {} {{", shape.name));
    for ((_, name), ty) in own {
        text.blank();
        text.open(format!("fn {}() -> {ty} {{", default_name(name)));
        text.line(format!("Self::default().{name}"));
        text.close("}");
    }
    text.close("}");
}

/// Writes a union's own attributes. True if a rule gives all arms their names.
pub(super) fn write_for_union(scope: &Scope<'_>, text: &mut Text, item: &Struct, arms: &[String]) -> bool {
    let rule = common_rule(&item.fields, arms, camel_arm);
    let by_rule = rule.is_some();
    let own = std::iter::once("crate = \"rt::serde\"".to_owned()).chain(rule).collect();
    write(scope, text, &item.meta.annotations, own);
    by_rule
}

/// Writes a union's arm's attributes.
pub(super) fn write_for_arm(
    scope: &Scope<'_>,
    text: &mut Text,
    item: &Struct,
    field: &Field,
    arm: &str,
    by_rule: bool,
) {
    let own = renamed(&item.meta.annotations, field, arm, by_rule);
    write(scope, text, &field.meta.annotations, own.into_iter().collect());
}

/// Writes the attribute of what only exists on the wire.
pub(super) fn write_skip(scope: &Scope<'_>, text: &mut Text) {
    if scope.serde {
        text.line("#[serde(skip)]");
    }
}

fn write(scope: &Scope<'_>, text: &mut Text, annotations: &Annotations, own: Vec<String>) {
    if !scope.serde {
        return;
    }
    let replaced = |key: &str| mentions(annotations, key.split(' ').next().unwrap_or(key));
    let own: Vec<String> = own.into_iter().filter(|key| !replaced(key)).collect();
    if !own.is_empty() && !mentions(annotations, "flatten") && !mentions(annotations, "skip") {
        text.filled("#[serde(", &own, ")]");
    }
    if let Some(attribute) = serde_attribute(annotations) {
        text.line(attribute);
    }
}

/// Whether the IDL's own attribute has this key.
fn mentions(annotations: &Annotations, key: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    serde_attribute(annotations).is_some_and(|own| own.split(|c| !is_part(c)).any(|word| word == key))
}

fn has_common_default(shape: &Shape<'_>) -> bool {
    !shape.fields.iter().any(is_required)
}

fn default_name(field: &str) -> String {
    format!("default_{}", field.trim_start_matches("r#"))
}

/// `rename = "…"` if neither the name itself nor the struct's rule gives the IDL's name.
fn renamed(owner: &Annotations, field: &Field, name: &str, by_rule: bool) -> Option<String> {
    let same = name.trim_start_matches("r#") == field.name;
    (!same && !by_rule && !mentions(owner, "rename_all")).then(|| format!("rename = {:?}", field.name))
}

/// The rule by which all names become those of the IDL, if one is needed and it does.
fn common_rule(fields: &[Field], names: &[String], camel: fn(&str) -> String) -> Option<String> {
    let names = || names.iter().map(|name| name.trim_start_matches("r#")).zip(fields);
    let needed = names().any(|(name, field)| name != field.name);
    let fits = names().all(|(name, field)| camel(name) == field.name);
    (needed && fits).then(|| "rename_all = \"camelCase\"".to_owned())
}

/// What serde makes of `snake_case`.
fn camel_field(name: &str) -> String {
    let mut out = String::new();
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            _ => {
                out.push(if upper && !out.is_empty() { c.to_ascii_uppercase() } else { c });
                upper = false;
            }
        }
    }
    out[..out.len().min(1)].to_ascii_lowercase() + &out[out.len().min(1)..]
}

/// What serde makes of `PascalCase`.
fn camel_arm(name: &str) -> String {
    name[..name.len().min(1)].to_ascii_lowercase() + &name[name.len().min(1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_as_serde_makes_it() {
        let cases = [("valid_for", "validFor"), ("id", "id"), ("_x", "x"), ("a_1", "a1"), ("__", "")];
        for (name, expected) in cases {
            assert_eq!(camel_field(name), expected, "{name}");
        }
        assert_eq!(camel_arm("Number"), "number");
    }
}
