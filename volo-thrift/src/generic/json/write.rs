//! Writes the pieces of JSON whose form isn't obvious.

use super::scan::plain_len;

/// A string with its quotes.
#[inline]
pub(in crate::generic) fn string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let plain = plain_len(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(special) = rest.get(plain) else { break };
        escape(out, *special);
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

#[cold]
fn escape(out: &mut Vec<u8>, special: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match special {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', special]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let digits = [HEX[usize::from(special >> 4)], HEX[usize::from(special & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
        }
    }
}

/// A number, or its name in quotes if JSON has no number for it.
pub(in crate::generic) fn double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

/// An integer.
#[inline]
pub(in crate::generic) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        string(&mut out, "plain é 😀 \"q\" \\ \n\r\t\u{1}\u{1f}\u{7f}");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"plain é 😀 \\\"q\\\" \\\\ \\n\\r\\t\\u0001\\u001f\u{7f}\""
        );
    }

    #[test]
    fn doubles_that_are_no_numbers_have_names() {
        let text = |value| {
            let mut out = Vec::new();
            double(&mut out, value);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0.1), "0.1");
        assert_eq!(text(f64::NAN), "\"NaN\"");
        assert_eq!(
            (text(f64::INFINITY), text(f64::NEG_INFINITY)),
            ("\"Infinity\"".into(), "\"-Infinity\"".into())
        );
    }
}
