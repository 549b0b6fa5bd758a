//! Writes the pieces of JSON whose form isn't obvious.

use super::{Out, scan::plain_len};

/// A string with its quotes.
#[inline]
pub(in crate::generic) fn string(out: &mut Out, text: &str) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    loop {
        let plain = plain_len(rest);
        out.slice(&rest[..plain]);
        let Some(special) = rest.get(plain) else { break };
        escape(out, *special);
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

#[cold]
fn escape(out: &mut Out, special: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match special {
        b'"' | b'\\' => out.slice(&[b'\\', special]),
        b'\n' => out.slice(b"\\n"),
        b'\r' => out.slice(b"\\r"),
        b'\t' => out.slice(b"\\t"),
        _ => {
            let digits = [HEX[usize::from(special >> 4)], HEX[usize::from(special & 15)]];
            out.slice(b"\\u00");
            out.slice(&digits);
        }
    }
}

/// A number, or its name in quotes if JSON has no number for it.
pub(in crate::generic) fn double(out: &mut Out, value: f64) {
    if value.is_finite() {
        out.slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.slice(b"\"NaN\"");
    } else {
        out.slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

/// An integer.
#[inline]
pub(in crate::generic) fn integer(out: &mut Out, value: impl itoa::Integer) {
    out.slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = Out::with_capacity(0);
        string(&mut out, "plain é 😀 \"q\" \\ \n\r\t\u{1}\u{1f}\u{7f}");
        assert_eq!(
            String::from_utf8(out.into_bytes()).unwrap(),
            "\"plain é 😀 \\\"q\\\" \\\\ \\n\\r\\t\\u0001\\u001f\u{7f}\""
        );
    }

    #[test]
    fn doubles_that_are_no_numbers_have_names() {
        let text = |value| {
            let mut out = Out::with_capacity(0);
            double(&mut out, value);
            String::from_utf8(out.into_bytes()).unwrap()
        };
        assert_eq!(text(0.1), "0.1");
        assert_eq!(text(f64::NAN), "\"NaN\"");
        assert_eq!(
            (text(f64::INFINITY), text(f64::NEG_INFINITY)),
            ("\"Infinity\"".into(), "\"-Infinity\"".into())
        );
    }
}
