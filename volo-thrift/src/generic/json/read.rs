//! Reads JSON piece by piece, in place: nothing is built but strings that have escapes.

use std::borrow::Cow;

use super::scan::plain_len;

/// A place in a JSON text.
pub(in crate::generic) struct Json<'j> {
    text: &'j str,
    at: usize,
}

/// Why a text is not the JSON that was wanted; the place is where reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::generic) enum JsonError {
    /// Something else was expected.
    Expected(&'static str),
    /// A string has a control character, a broken escape or half a surrogate pair.
    BadString,
}

type Result<T, E = JsonError> = std::result::Result<T, E>;

impl<'j> Json<'j> {
    pub(in crate::generic) fn new(text: &'j str) -> Self {
        Json { text, at: 0 }
    }

    /// Bytes read so far.
    pub(in crate::generic) fn position(&self) -> usize {
        self.at
    }

    /// What is left.
    #[inline(always)]
    pub(in crate::generic) fn rest(&self) -> &'j [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Passes over bytes of [`Json::rest`] that were read, up to the end of a character.
    #[inline(always)]
    pub(in crate::generic) fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// The next byte that is no blank; it stays. 0 at the end.
    #[inline]
    pub(in crate::generic) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                _ => return *byte,
            }
        }
        0
    }

    /// Whether the next byte is this one; it is consumed then.
    #[inline]
    pub(in crate::generic) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(in crate::generic) fn expect(&mut self, byte: u8, what: &'static str) -> Result<()> {
        if self.eat(byte) { Ok(()) } else { Err(JsonError::Expected(what)) }
    }

    /// Nothing but blanks may be left.
    pub(in crate::generic) fn end(&mut self) -> Result<()> {
        self.peek();
        if self.at == self.text.len() { Ok(()) } else { Err(JsonError::Expected("the end of the text")) }
    }

    /// Before each element but the first: whether there is one. `first` is cleared.
    #[inline]
    pub(in crate::generic) fn next_element(&mut self, first: &mut bool, close: u8) -> Result<bool> {
        if self.eat(close) {
            return Ok(false);
        }
        if !std::mem::replace(first, false) {
            self.expect(b',', if close == b']' { "`,` or `]`" } else { "`,` or `}`" })?;
        }
        Ok(true)
    }

    /// Before each key of an object: whether there is one; it comes next then, without blanks.
    #[inline(always)]
    pub(in crate::generic) fn next_key(&mut self, first: &mut bool) -> Result<bool> {
        if !*first && self.rest().starts_with(b",\"") {
            self.at += 1;
            return Ok(true);
        }
        let more = self.next_element(first, b'}')?;
        self.peek();
        Ok(more)
    }

    /// A key of an object and its colon.
    #[inline]
    pub(in crate::generic) fn key(&mut self) -> Result<Cow<'j, str>> {
        if self.peek() != b'"' {
            return Err(JsonError::Expected("a key in quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "`:`")?;
        Ok(key)
    }

    /// A string; borrowed unless it has escapes.
    #[inline]
    pub(in crate::generic) fn string(&mut self) -> Result<Cow<'j, str>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        self.at += plain_len(&self.text.as_bytes()[start..]);
        match self.text.as_bytes().get(self.at) {
            Some(b'"') => {
                let text = &self.text[start..self.at];
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            _ => self.escaped(start).map(Cow::Owned),
        }
    }

    /// The rest of a string that began at `start` and is plain up to here.
    #[cold]
    fn escaped(&mut self, start: usize) -> Result<String> {
        let mut out = self.text[start..self.at].to_owned();
        loop {
            match self.byte().ok_or(JsonError::Expected("`\"`"))? {
                b'"' => return Ok(out),
                b'\\' => out.push(self.escape()?),
                _ => {
                    self.at -= 1;
                    return Err(JsonError::BadString);
                }
            }
            let plain = plain_len(&self.text.as_bytes()[self.at..]);
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
        }
    }

    fn escape(&mut self) -> Result<char> {
        Ok(match self.byte().ok_or(JsonError::BadString)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                let code = match high {
                    0xd800..0xdc00 => {
                        if self.byte() != Some(b'\\') || self.byte() != Some(b'u') {
                            return Err(JsonError::BadString);
                        }
                        match self.hex4()? {
                            low @ 0xdc00..0xe000 => 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                            _ => return Err(JsonError::BadString),
                        }
                    }
                    code => code,
                };
                char::from_u32(code).ok_or(JsonError::BadString)?
            }
            _ => return Err(JsonError::BadString),
        })
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(JsonError::BadString)?;
        self.at += 4;
        digits.iter().try_fold(0, |code, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(JsonError::BadString)?;
            Ok(code << 4 | digit)
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// A number as it is written.
    #[inline]
    pub(in crate::generic) fn number(&mut self) -> Result<&'j str> {
        self.peek();
        let start = self.at;
        let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        self.at += self.text.as_bytes()[start..].iter().take_while(is_part).count();
        let text = &self.text[start..self.at];
        match is_number(text.as_bytes()) {
            true => Ok(text),
            false => {
                self.at = start;
                Err(JsonError::Expected("a number"))
            }
        }
    }

    /// `true` or `false`.
    pub(in crate::generic) fn bool(&mut self) -> Result<bool> {
        if self.word("true") {
            return Ok(true);
        }
        if self.word("false") { Ok(false) } else { Err(JsonError::Expected("`true` or `false`")) }
    }

    /// Whether there is a `null`; it is consumed then.
    #[inline]
    pub(in crate::generic) fn null(&mut self) -> bool {
        self.peek() == b'n' && self.word("null")
    }

    fn word(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Passes over one value of at most `depth` levels.
    pub(in crate::generic) fn skip(&mut self, depth: u32) -> Result<()> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b't' | b'f' => self.bool().map(drop),
            b'n' if self.null() => Ok(()),
            open @ (b'[' | b'{') => {
                let depth = depth.checked_sub(1).ok_or(JsonError::Expected("fewer levels"))?;
                self.at += 1;
                let close = open + 2; // `]` and `}` are two behind `[` and `{`
                let mut first = true;
                while self.next_element(&mut first, close)? {
                    if open == b'{' {
                        self.key()?;
                    }
                    self.skip(depth)?;
                }
                Ok(())
            }
            _ => self.number().map(drop).map_err(|_| JsonError::Expected("a value")),
        }
    }
}

/// Whether a text is a number by JSON's grammar.
#[inline]
fn is_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let [b'.', fraction @ ..] = rest {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_borrowed_or_unescaped() {
        let read = |text| Json::new(text).string();
        assert!(matches!(read("\"plain é\" x"), Ok(Cow::Borrowed("plain é"))));
        let escaped = r#""a\"b\\c\/\b\f\n\r\t\u00e9\ud83d\ude00z""#;
        assert_eq!(read(escaped).unwrap(), "a\"b\\c/\u{8}\u{c}\n\r\té😀z");
        for text in [
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\n\"",
            "x",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_follow_the_grammar() {
        for text in ["0", "-0", "12", "-1.50", "1e9", "1.5E-7", "1E+2", "12345678901234567890"] {
            assert_eq!(Json::new(text).number(), Ok(text));
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "1-", "--1", "0x1", "NaN", "1.e5"] {
            let mut json = Json::new(text);
            assert!(json.number().is_err() || json.end().is_err(), "{text}");
        }
    }

    #[test]
    fn any_value_is_passed_over_to_its_end() {
        let text = r#" {"a":[1,true,null,{"b":"}"}],"c":-1.5e3,"d":{},"e":[]} "#;
        let mut json = Json::new(text);
        assert_eq!((json.skip(3), json.end()), (Ok(()), Ok(())));
        assert!(Json::new(text).skip(2).is_err());
        for text in
            ["", "[", "{", "[1", "[1 2]", "[,]", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "nul", "tru", "]"]
        {
            assert!(Json::new(text).skip(9).is_err(), "{text}");
        }
    }
}
