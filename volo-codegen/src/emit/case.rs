//! From IDL spelling to Rust spelling: case and keywords.
//!
//! A name that already follows Rust's convention stays as written; leading underscores always stay.

/// `snake_case`, for fields, arguments, methods and modules.
pub(super) fn snake(name: &str) -> String {
    escape(join(name, |word| word.to_lowercase(), "_"))
}

/// `UpperCamelCase`, for types.
pub(super) fn camel(name: &str) -> String {
    escape(camel_words(name))
}

/// `UpperCamelCase` for a part in the middle of a name: no escaping.
pub(super) fn camel_part(name: &str) -> String {
    camel_words(name.trim_matches('_'))
}

/// `UpperCamelCase` for an arm: as a type, but `URL` becomes `Url`, because nobody wrote it as a type's name.
pub(super) fn arm(name: &str) -> String {
    let acronym = name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase());
    if acronym { camel(&name.to_lowercase()) } else { camel(name) }
}

/// `SCREAMING_SNAKE_CASE`, for constants and enum values.
pub(super) fn screaming(name: &str) -> String {
    escape(join(name, |word| word.to_uppercase(), "_"))
}

/// A legal identifier: raw for a keyword, with a trailing underscore where raw is not allowed.
pub(super) fn escape(name: String) -> String {
    match name.as_str() {
        "self" | "Self" | "super" | "crate" => name + "_",
        _ if name.chars().all(|c| c == '_') => name + "_",
        _ if KEYWORDS.contains(&name.as_str()) => format!("r#{name}"),
        _ => name,
    }
}

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

fn camel_words(name: &str) -> String {
    let (underscores, rest) = split_underscores(name);
    let mut out = underscores.to_owned();
    for part in rest.split(['_', '.']).filter(|part| !part.is_empty()) {
        let between_digits =
            out.ends_with(|c: char| c.is_ascii_digit()) && part.starts_with(|c: char| c.is_ascii_digit());
        if between_digits {
            out.push('_');
        }
        // `FOO_BAR` shouts in every part, `HTTPServer` in one: only the first is taken for a convention.
        let shouts = rest.contains('_') && rest.chars().all(|c| !c.is_ascii_lowercase());
        let mut letters = part.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        match shouts {
            true => out.push_str(&letters.as_str().to_lowercase()),
            false => out.push_str(letters.as_str()),
        }
    }
    out
}

fn join(name: &str, case: impl Fn(&str) -> String, separator: &str) -> String {
    let (underscores, rest) = split_underscores(name);
    let words: Vec<String> = words(rest).into_iter().map(case).collect();
    format!("{underscores}{}", words.join(separator))
}

fn split_underscores(name: &str) -> (&str, &str) {
    name.split_at(name.len() - name.trim_start_matches('_').len())
}

/// `retrieveHTTPOffer2_x` is `retrieve`, `HTTP`, `Offer2`, `x`.
fn words(name: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for part in name.split(['_', '.']).filter(|part| !part.is_empty()) {
        let bytes = part.as_bytes();
        let mut start = 0;
        for at in 1..bytes.len() {
            let after_lower = !bytes[at - 1].is_ascii_uppercase() && bytes[at].is_ascii_uppercase();
            let ends_acronym = bytes[at - 1].is_ascii_uppercase()
                && bytes[at].is_ascii_uppercase()
                && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase)
                && !plural(&bytes[at..]);
            if after_lower || ends_acronym {
                words.push(&part[start..at]);
                start = at;
            }
        }
        words.push(&part[start..]);
    }
    words
}

/// The `Ds` of `orderIDs`: no new word.
fn plural(rest: &[u8]) -> bool {
    rest.len() == 2 && rest[1] == b's'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case() {
        let cases = [
            ("retrieveProductOffering", "retrieve_product_offering"),
            ("HTTPServer", "http_server"),
            ("orderID", "order_id"),
            ("orderIDs", "order_ids"),
            ("already_fine", "already_fine"),
            ("_private", "_private"),
            ("a__b", "a_b"),
            ("v2Name", "v2_name"),
            ("type", "r#type"),
            ("self", "self_"),
            ("Self", "self_"),
            ("gen", "r#gen"),
            ("_", "__"),
        ];
        for (name, expected) in cases {
            assert_eq!(snake(name), expected, "{name}");
        }
    }

    #[test]
    fn camel_case() {
        let cases = [
            ("ProductOffering", "ProductOffering"),
            ("product_offering", "ProductOffering"),
            ("PRODUCT_OFFERING", "ProductOffering"),
            ("HTTPServer", "HTTPServer"),
            ("TMF", "TMF"),
            ("foo.bar", "FooBar"),
            ("v1_2", "V1_2"),
            ("_hidden", "_Hidden"),
            ("Self", "Self_"),
            ("self", "Self_"),
        ];
        for (name, expected) in cases {
            assert_eq!(camel(name), expected, "{name}");
        }
        assert_eq!(arm("URL"), "Url");
        assert_eq!(arm("id"), "Id");
    }

    #[test]
    fn screaming_case() {
        let cases = [("InProgress", "IN_PROGRESS"), ("MAX_SIZE", "MAX_SIZE"), ("v1", "V1"), ("ID2", "ID2")];
        for (name, expected) in cases {
            assert_eq!(screaming(name), expected, "{name}");
        }
    }
}
