//! IDL comments as rustdoc: the text stays readable, nothing in it becomes a link, a tag or a doctest.

use super::text::Text;
use crate::model::Docs;

/// Writes a doc comment, if there is one.
pub(super) fn write(text: &mut Text, docs: &Docs) {
    for line in lines(docs.as_deref().unwrap_or_default()) {
        text.line(line);
    }
}

/// A doc comment's lines, each with its slashes.
pub(super) fn lines(docs: &str) -> Vec<String> {
    let mut lines = Vec::new();
    // Width of the list item's marker that the current paragraph belongs to.
    let mut item = 0;
    for line in docs.lines() {
        let line: String =
            line.chars().filter(|c| !is_harmful(*c)).map(|c| if c == '\t' { ' ' } else { c }).collect();
        let line = line.trim();
        let marker = marker_width(line);
        if marker > 0 || line.is_empty() {
            item = marker;
        }
        let indent = if marker > 0 { 0 } else { item };
        lines.push(format!("/// {}{}", " ".repeat(indent), escape(line)).trim_end().to_owned());
    }
    lines
}

/// Control characters, and those that reverse the direction of text (rustc refuses them).
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\t')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Width of `- ` or `12. ` in front of a list item's text, else 0.
fn marker_width(line: &str) -> usize {
    if ["- ", "* ", "+ "].iter().any(|marker| line.starts_with(marker)) {
        return 2;
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=3).contains(&digits) && matches!(line.get(digits..digits + 2), Some(". " | ") "));
    if numbered { digits + 2 } else { 0 }
}

fn escape(line: &str) -> String {
    let mut out = String::new();
    if line.starts_with(['>', '#', '|', '=', '~']) || line.starts_with("```") || line.starts_with("--") {
        out.push('\\');
    }
    // A line with an odd number of ticks has none that are meant as code.
    let ticks_pair = line.matches('`').count().is_multiple_of(2) && !line.contains("``");
    let mut in_code = false;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if !in_code && let Some(url) = url_at(rest) {
            out += &format!("<{url}>");
            rest = &rest[url.len()..];
            continue;
        }
        match c {
            '`' if ticks_pair => in_code = !in_code,
            '[' | ']' | '<' | '>' if !in_code => out.push('\\'),
            '`' if !out.ends_with('\\') => out.push('\\'),
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// A URL at the start of `text`, without the punctuation that ends its sentence.
fn url_at(text: &str) -> Option<&str> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return None;
    }
    let end = text.find(|c: char| c.is_whitespace() || "<>[]()`\"'".contains(c)).unwrap_or(text.len());
    let url = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?']);
    (url.len() > "https://".len()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let cases = [
            ("plain", "/// plain"),
            ("a[0] and list<string>", r"/// a\[0\] and list\<string\>"),
            ("keeps `list<string>[0]`", "/// keeps `list<string>[0]`"),
            ("a lone ` tick", r"/// a lone \` tick"),
            ("    indented code", "/// indented code"),
            ("```", r"/// \`\`\`"),
            ("see http://a.example/x?y=1.", "/// see <http://a.example/x?y=1>."),
            ("# no heading", r"/// \# no heading"),
            ("\u{202e}back", "/// back"),
        ];
        for (text, expected) in cases {
            assert_eq!(lines(text), [expected], "{text}");
        }
    }

    #[test]
    fn list_items_keep_their_continuation() {
        assert_eq!(lines("- one\nmore\n\nend"), ["/// - one", "///   more", "///", "/// end"]);
    }
}
