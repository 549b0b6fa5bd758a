//! A JSON object whose values are strings, which is all that the details of a business status can be.

use std::{collections::BTreeMap, str::Chars};

use faststr::FastStr;

/// Writes the pairs as a JSON object.
pub(super) fn write(pairs: &BTreeMap<FastStr, FastStr>) -> String {
    let mut out = String::from("{");
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key, &mut out);
        out.push(':');
        write_string(value, &mut out);
    }
    out.push('}');
    out
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Reads a JSON object of strings; `None` if the text is anything else.
pub(super) fn read(text: &str) -> Option<BTreeMap<FastStr, FastStr>> {
    let (mut pairs, mut chars) = (BTreeMap::new(), text.chars());
    expect(&mut chars, '{')?;
    if next(&mut chars.clone())? == '}' {
        next(&mut chars);
        return next(&mut chars).is_none().then_some(pairs);
    }
    loop {
        expect(&mut chars, '"')?;
        let key = read_string(&mut chars)?;
        expect(&mut chars, ':')?;
        expect(&mut chars, '"')?;
        pairs.insert(key.into(), read_string(&mut chars)?.into());
        match next(&mut chars)? {
            ',' => {}
            '}' => return next(&mut chars).is_none().then_some(pairs),
            _ => return None,
        }
    }
}

/// The next character that is no blank.
fn next(chars: &mut Chars<'_>) -> Option<char> {
    chars.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r'))
}

fn expect(chars: &mut Chars<'_>, wanted: char) -> Option<()> {
    (next(chars)? == wanted).then_some(())
}

/// The rest of a string whose opening quote was read.
fn read_string(chars: &mut Chars<'_>) -> Option<String> {
    let mut out = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => out.push(read_escape(chars)?),
            '\0'..='\x1f' => return None,
            c => out.push(c),
        }
    }
}

fn read_escape(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return read_code(chars),
        _ => return None,
    })
}

/// A character by its number; half a surrogate pair alone becomes the replacement character, as in Go.
fn read_code(chars: &mut Chars<'_>) -> Option<char> {
    let high = read_hex(chars)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    let mut ahead = chars.clone();
    if (ahead.next(), ahead.next()) == (Some('\\'), Some('u')) {
        let low = read_hex(&mut ahead)?;
        if (0xdc00..0xe000).contains(&low) {
            *chars = ahead;
            return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        }
    }
    Some(char::REPLACEMENT_CHARACTER)
}

fn read_hex(chars: &mut Chars<'_>) -> Option<u32> {
    let mut value = 0;
    for _ in 0..4 {
        value = value << 4 | chars.next()?.to_digit(16)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&'static str, &'static str)]) -> BTreeMap<FastStr, FastStr> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let texts = ["", "a", "\"\\/", "\0\x1f\n\t", "äöü 漢字 🦀", "{\"a\":\"b\"}"];
        for key in texts {
            let all =
                texts.iter().map(|value| (FastStr::from(format!("{key}{value}")), FastStr::from(*value)));
            let all = all.collect();
            assert_eq!(read(&write(&all)).unwrap(), all);
        }
        assert_eq!(write(&pairs(&[])), "{}");
        assert_eq!(write(&pairs(&[("a", "1"), ("b", "\n")])), r#"{"a":"1","b":"\u000a"}"#);
    }

    #[test]
    fn what_others_write_is_read() {
        assert_eq!(read(" { } ").unwrap(), pairs(&[]));
        let text = "{ \"a\" : \"\\u00e4\\ud83e\\udd80\\n\\/\" ,\n\"b\":\"\\ud800x\" }";
        assert_eq!(read(text).unwrap(), pairs(&[("a", "ä🦀\n/"), ("b", "\u{fffd}x")]));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "null",
            "{}x",
            "{\"a\"}",
            "{\"a\":1}",
            "{\"a\":\"b\",}",
            "{\"a\":\"b\"",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\ud83e\\u12\"}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
