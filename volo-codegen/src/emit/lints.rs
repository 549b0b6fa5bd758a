//! Where clippy would blame generated code for the IDL's choices, so that an `allow` goes right there and nowhere
//! else. An estimate too high costs a needless attribute, one too low a warning in a user's build.

use std::f64::consts;

use super::text::Text;
use crate::model::Value;

/// Clippy's limits.
const COMPLEXITY_MAX: usize = 250;
const ARGUMENTS_MAX: usize = 7;
const ARM_DIFFERENCE_MAX: usize = 200;

/// Writes an attribute for these lints, if there are any.
pub(super) fn allow(text: &mut Text, lints: &[&str], reason: &str) {
    if !lints.is_empty() {
        let lints: Vec<String> = lints.iter().map(|lint| format!("clippy::{lint}")).collect();
        text.line(format!("#[allow({}, reason = {reason:?})]", lints.join(", ")));
    }
}

/// For a type's definition: its name, and its fields' types.
pub(super) fn allow_for_type(text: &mut Text, name: &str, types: &[String]) {
    if name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase()) {
        allow(text, &["upper_case_acronyms"], "the name is the IDL's");
    }
    if types.iter().any(|ty| is_complex(ty)) {
        allow(text, &["type_complexity"], "the type is the IDL's");
    }
}

/// For a method, of the trait or of the client.
pub(super) fn allow_for_method(text: &mut Text, name: &str, types: &[String]) {
    let name: &[&str] = match name {
        "new" => &["new_ret_no_self", "wrong_self_convention"],
        _ if name.starts_with("from_") || name.starts_with("into_") => &["wrong_self_convention"],
        _ => &[],
    };
    allow(text, name, "the name is the IDL's");
    // The last type is the result, the arguments come with `self`.
    if types.len() > ARGUMENTS_MAX {
        allow(text, &["too_many_arguments"], "the arguments are the IDL's");
    }
    if types.iter().any(|ty| is_complex(ty)) {
        allow(text, &["type_complexity"], "the type is the IDL's");
    }
}

/// For a union: the names of its arms, and the bytes of what they hold.
pub(super) fn allow_for_union(text: &mut Text, name: &str, arms: &[String], bytes: &[usize]) {
    if arms.iter().any(|arm| arm.starts_with(name) || arm.ends_with(name)) {
        allow(text, &["enum_variant_names"], "the names are the IDL's");
    }
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    if let [.., second, largest] = bytes[..]
        && largest - second > ARM_DIFFERENCE_MAX / 2
    {
        allow(text, &["large_enum_variant"], "the arms are the IDL's");
    }
}

/// For an item that spells out these values.
pub(super) fn allow_for_values<'a>(text: &mut Text, values: impl IntoIterator<Item = &'a Value>) {
    if values.into_iter().any(is_near_constant) {
        allow(text, &["approx_constant"], "the number is the IDL's");
    }
}

/// The sum over all names in a type, each counted ten times its depth.
fn is_complex(ty: &str) -> bool {
    let mut depth = 1;
    let mut score = 0;
    let mut in_name = false;
    for c in ty.chars() {
        let part_of_name = c.is_alphanumeric() || c == '_' || c == ':';
        if part_of_name && !in_name {
            score += 10 * depth;
        }
        in_name = part_of_name;
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    score > COMPLEXITY_MAX
}

/// Whether a number looks as if one of the standard library's was meant.
fn is_near_constant(value: &Value) -> bool {
    match value {
        Value::Double(number) => {
            let text = format!("{:?}", number.abs());
            let digits = text.len().saturating_sub("0.".len());
            CONSTANTS.iter().any(|constant| {
                digits >= 2
                    && (constant.to_string().starts_with(&text) || format!("{constant:.digits$}") == text)
            })
        }
        Value::List(values) | Value::Set(values) => values.iter().any(is_near_constant),
        Value::Map(entries) => {
            entries.iter().any(|(key, value)| is_near_constant(key) || is_near_constant(value))
        }
        Value::Struct(_, fields) => fields.iter().any(|(_, value)| is_near_constant(value)),
        _ => false,
    }
}

const CONSTANTS: [f64; 19] = [
    consts::E,
    consts::FRAC_1_PI,
    consts::FRAC_1_SQRT_2,
    consts::FRAC_2_PI,
    consts::FRAC_2_SQRT_PI,
    consts::FRAC_PI_2,
    consts::FRAC_PI_3,
    consts::FRAC_PI_4,
    consts::FRAC_PI_6,
    consts::FRAC_PI_8,
    consts::LN_2,
    consts::LN_10,
    consts::LOG10_2,
    consts::LOG10_E,
    consts::LOG2_10,
    consts::LOG2_E,
    consts::PI,
    consts::SQRT_2,
    consts::TAU,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_constants() {
        let is_near = |text: &str| is_near_constant(&Value::Double(text.parse().unwrap()));
        for number in ["3.14", "-3.1415", "2.718", "6.28", "1.414", "0.693"] {
            assert!(is_near(number), "{number}");
        }
        for number in ["3.0", "3.1", "2.5", "0.25", "100.0"] {
            assert!(!is_near(number), "{number}");
        }
    }

    #[test]
    fn complexity_grows_with_depth() {
        assert!(!is_complex("rt::Map<rt::FastStr, Vec<rt::Map<i32, rt::Set<OrderState>>>>"));
        assert!(is_complex("A<B<C<D<E<F<G<H>>>>>>>"));
    }
}
