//! Values and literals.

use super::{Parsed, Parser};
use crate::ast::{Name, Span, Value, ValueKind};
use crate::diag::Diagnostic;
use crate::lex::Token;

impl Parser<'_> {
    pub(super) fn value(&mut self) -> Parsed<Value> {
        let start = self.span();
        let kind = match self.peek() {
            token @ (Token::True | Token::False) => {
                self.advance();
                ValueKind::Bool(token == Token::True)
            }
            token @ (Token::Int | Token::Hex) => {
                ValueKind::Int(self.integer("a number")?.0, token == Token::Hex)
            }
            Token::Double => {
                let span = self.advance();
                // Every text the lexer takes for a number parses; too large ones become infinite.
                ValueKind::Double(self.slice(span).parse().unwrap_or(f64::INFINITY))
            }
            Token::Literal => ValueKind::String(self.literal("a string")?.text),
            Token::Name => {
                let span = self.advance();
                ValueKind::Name(self.slice(span).to_owned())
            }
            Token::BracketOpen => self.nested(Self::list)?,
            Token::BraceOpen => self.nested(Self::map)?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Value { kind, span: self.since(start) })
    }

    fn list(&mut self) -> Parsed<ValueKind> {
        self.advance();
        let mut values = Vec::new();
        while self.eat(Token::BracketClose).is_none() {
            if !self.begins_value() {
                return Err(self.unexpected("a value or `]`"));
            }
            values.push(self.value()?);
            self.eat_separator();
        }
        Ok(ValueKind::List(values))
    }

    fn map(&mut self) -> Parsed<ValueKind> {
        self.advance();
        let mut entries = Vec::new();
        while self.eat(Token::BraceClose).is_none() {
            if !self.begins_value() {
                return Err(self.unexpected("a key or `}`"));
            }
            let key = self.value()?;
            self.expect(Token::Colon, "`:` and a value")?;
            entries.push((key, self.value()?));
            self.eat_separator();
        }
        Ok(ValueKind::Map(entries))
    }

    fn begins_value(&self) -> bool {
        use Token::*;
        matches!(self.peek(), True | False | Int | Hex | Double | Literal | Name | BracketOpen | BraceOpen)
    }

    /// A whole number; `true` and `false` count as 1 and 0, as with Apache.
    pub(super) fn integer(&mut self, what: &str) -> Parsed<(i64, Span)> {
        let token = self.peek();
        if !matches!(token, Token::Int | Token::Hex | Token::True | Token::False) {
            return Err(self.unexpected(what));
        }
        let span = self.advance();
        let text = self.slice(span);
        let number = match token {
            Token::True => Some(1),
            Token::False => Some(0),
            Token::Hex => {
                let (negative, digits) = match text.strip_prefix('-') {
                    Some(rest) => (true, rest),
                    None => (false, text.trim_start_matches('+')),
                };
                let magnitude = i64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
                magnitude.map(|magnitude| if negative { -magnitude } else { magnitude })
            }
            _ => text.parse().ok(),
        };
        let Some(number) = number else {
            let diagnostic = Diagnostic::error("number-too-large", "this number does not fit 64 bits")
                .at(span, "too large")
                .note("whole numbers reach from -9223372036854775808 to 9223372036854775807");
            self.report(diagnostic);
            return Ok((0, span));
        };
        Ok((number, span))
    }

    /// A string without quotes and escapes.
    pub(super) fn literal(&mut self, what: &str) -> Parsed<Name> {
        let span = self.expect(Token::Literal, what)?;
        let (text, faults) = unescape(self.slice(span));
        for (at, bad) in faults {
            let start = span.start + at as u32;
            let place = Span { start, end: start + 1 + bad.len_utf8() as u32, ..span };
            let diagnostic = Diagnostic::error("escape", format!("`\\{}` is no escape", bad.escape_debug()))
                .at(place, "unknown escape")
                .help("the escapes are \\n \\r \\t \\\\ \\\" and \\'");
            self.report(diagnostic);
        }
        Ok(Name { text, span })
    }
}

/// The text of a quoted literal, and the place and character of each unknown escape.
fn unescape(quoted: &str) -> (String, Vec<(usize, char)>) {
    let mut text = String::with_capacity(quoted.len());
    let mut faults = Vec::new();
    let body = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some((_, 'n')) => text.push('\n'),
            Some((_, 'r')) => text.push('\r'),
            Some((_, 't')) => text.push('\t'),
            Some((_, c @ ('\\' | '"' | '\''))) => text.push(c),
            Some((_, other)) => faults.push((at + 1, other)),
            None => {}
        }
    }
    (text, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape(r#""a\n\t\r\\\"\'""#), ("a\n\t\r\\\"'".to_owned(), vec![]));
        assert_eq!(unescape(r"'é\q'"), ("é".to_owned(), vec![(3, 'q')]));
    }
}
