//! Text to tokens.
//!
//! Comments are not tokens: they are kept beside them with their places, so that documentation can be picked
//! up by the parser and a formatter can put every comment back.

use logos::{Lexer, Logos};

use crate::diag::Diagnostic;
use crate::model::{FileId, Span};

/// The kinds of tokens. Names and literals are looked up in the text by span.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[logos(skip r"[ \t\r\n]+")]
#[logos(error = Fault)]
#[allow(missing_docs, reason = "each token is its own text")]
pub enum Token {
    #[regex(r"[a-zA-Z_](\.[a-zA-Z_0-9]|[a-zA-Z_0-9])*")]
    Name,
    #[regex(r"[+-]?[0-9]+")]
    Int,
    #[regex(r"[+-]?0x[0-9A-Fa-f]+")]
    Hex,
    #[regex(r"[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?")]
    #[regex(r"[+-]?[0-9]+[eE][+-]?[0-9]+")]
    Double,
    #[token("'", literal)]
    #[token("\"", literal)]
    Literal,
    #[regex(r"(//|#)[^\n]*", allow_greedy = true)]
    LineComment,
    #[token("/*", block_comment)]
    BlockComment,
    #[token("{")]
    BraceOpen,
    #[token("}")]
    BraceClose,
    #[token("(")]
    ParenOpen,
    #[token(")")]
    ParenClose,
    #[token("[")]
    BracketOpen,
    #[token("]")]
    BracketClose,
    #[token("<")]
    AngleOpen,
    #[token(">")]
    AngleClose,
    #[token(",")]
    Comma,
    #[token(";")]
    Semicolon,
    #[token(":")]
    Colon,
    #[token("=")]
    Equals,
    #[token("*")]
    Star,
    #[token("&")]
    Ampersand,
    #[token("true")]
    True,
    #[token("false")]
    False,
    #[token("namespace")]
    Namespace,
    #[token("include")]
    Include,
    #[token("cpp_include")]
    CppInclude,
    #[token("cpp_type")]
    CppType,
    #[token("xsd_all")]
    XsdAll,
    #[token("xsd_optional")]
    XsdOptional,
    #[token("xsd_nillable")]
    XsdNillable,
    #[token("xsd_attrs")]
    XsdAttrs,
    #[token("void")]
    Void,
    #[token("bool")]
    Bool,
    #[token("byte")]
    Byte,
    #[token("i8")]
    I8,
    #[token("i16")]
    I16,
    #[token("i32")]
    I32,
    #[token("i64")]
    I64,
    #[token("double")]
    DoubleType,
    #[token("string")]
    String,
    #[token("binary")]
    Binary,
    #[token("uuid")]
    Uuid,
    #[token("slist")]
    Slist,
    #[token("senum")]
    Senum,
    #[token("map")]
    Map,
    #[token("list")]
    List,
    #[token("set")]
    Set,
    #[token("oneway")]
    Oneway,
    #[token("async")]
    Async,
    #[token("typedef")]
    Typedef,
    #[token("struct")]
    Struct,
    #[token("union")]
    Union,
    #[token("exception")]
    Exception,
    #[token("extends")]
    Extends,
    #[token("throws")]
    Throws,
    #[token("service")]
    Service,
    #[token("enum")]
    Enum,
    #[token("const")]
    Const,
    #[token("required")]
    Required,
    #[token("optional")]
    Optional,
    /// Behind the last token.
    End,
}

impl Token {
    /// Every token spelled with letters that is not a plain name.
    pub(crate) fn is_keyword(self) -> bool {
        self as u8 >= Token::True as u8 && self != Token::End
    }

    /// Keywords that begin a definition or a header line, and nothing else.
    pub(crate) fn begins_item(self) -> bool {
        use Token::*;
        matches!(self, Typedef | Struct | Union | Exception | Service | Enum | Const)
            || matches!(self, Namespace | Include | CppInclude | Senum)
    }

    /// Keywords that begin a type.
    pub(crate) fn begins_type(self) -> bool {
        use Token::*;
        matches!(self, Bool | Byte | I8 | I16 | I32 | I64 | DoubleType | String | Binary | Uuid | Slist)
            || matches!(self, Map | List | Set)
    }
}

/// What is wrong with a piece of text that is no token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// No token begins with this character.
    #[default]
    Character,
    /// A string that does not end on its line.
    Unclosed,
    /// A `/*` without `*/`.
    UnclosedComment,
}

/// A comment with its markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// Its text with markers.
    pub span: Span,
    /// Number of tokens in front of it.
    pub token: u32,
}

/// The tokens of a file, ended by [`Token::End`], and its comments in order.
#[derive(Debug, Default)]
pub struct Tokens {
    /// Each token with its place.
    pub tokens: Vec<(Token, Span)>,
    /// All comments.
    pub comments: Vec<Comment>,
}

/// Splits a text of at most 4 GiB. Pieces that are no tokens are reported and left out.
pub fn lex(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Tokens {
    let mut out = Tokens::default();
    let span =
        |range: std::ops::Range<usize>| Span { file, start: range.start as u32, end: range.end as u32 };
    let mut faults: Vec<(Fault, Span)> = Vec::new();
    for (token, range) in Token::lexer(text).spanned() {
        let span = span(range);
        match token {
            Ok(Token::LineComment | Token::BlockComment) => {
                out.comments.push(Comment { span, token: out.tokens.len() as u32 });
            }
            Ok(token) => out.tokens.push((token, span)),
            Err(fault) => match faults.last_mut() {
                Some((last, at)) if *last == fault && at.end == span.start => at.end = span.end,
                _ => faults.push((fault, span)),
            },
        }
    }
    diagnostics.extend(faults.into_iter().map(|(fault, span)| explain(fault, span, text)));
    out.tokens.push((Token::End, span(text.len()..text.len())));
    out
}

fn explain(fault: Fault, span: Span, text: &str) -> Diagnostic {
    match fault {
        Fault::Unclosed => Diagnostic::error("unclosed-string", "this string has no end on its line")
            .at(span, "begins here")
            .help("close it with the quote it begins with; write a line break as \\n"),
        Fault::UnclosedComment => Diagnostic::error("unclosed-comment", "this comment has no end")
            .at(Span { end: span.start + 2, ..span }, "begins here")
            .help("close it with */"),
        Fault::Character => {
            let piece = text.get(span.range()).unwrap_or_default();
            let shown: String = piece.chars().take(20).flat_map(char::escape_debug).collect();
            let found = Diagnostic::error("unexpected-character", format!("`{shown}` has no meaning here"));
            let found = found.at(span, "not part of the IDL language");
            match piece {
                "." => found.help("a number needs a digit behind its point, a name a letter or digit"),
                "+" | "-" => found.help("a sign belongs directly in front of a number"),
                _ if piece.chars().all(|c| c.is_ascii_control()) => {
                    found.help("take out the control character")
                }
                _ if !piece.is_ascii() => found.help("names are made of a-z, A-Z, 0-9 and _"),
                _ => found,
            }
        }
    }
}

/// Consumes a string up to its closing quote. On a fault the rest of the line is consumed.
fn literal(lexer: &mut Lexer<'_, Token>) -> Result<(), Fault> {
    let quote = lexer.slice().as_bytes()[0];
    let rest = lexer.remainder().as_bytes();
    let mut at = 0;
    while at < rest.len() && rest[at] != b'\n' {
        if rest[at] == quote {
            lexer.bump(at + 1);
            return Ok(());
        }
        let escaped = rest[at] == b'\\' && rest.get(at + 1).is_some_and(|next| *next != b'\n');
        at += if escaped { 1 + char_len(rest, at + 1) } else { 1 };
    }
    lexer.bump(at);
    Err(Fault::Unclosed)
}

/// Length of the character at `at`, which begins one.
fn char_len(bytes: &[u8], at: usize) -> usize {
    1 + bytes[at + 1..].iter().take_while(|byte| **byte & 0xC0 == 0x80).count()
}

fn block_comment(lexer: &mut Lexer<'_, Token>) -> Result<(), Fault> {
    let rest = lexer.remainder();
    match rest.find("*/") {
        Some(at) => {
            lexer.bump(at + 2);
            Ok(())
        }
        None => {
            lexer.bump(rest.len());
            Err(Fault::UnclosedComment)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Token::*;
    use super::*;

    fn kinds(text: &str) -> (Vec<Token>, usize) {
        let mut diagnostics = Vec::new();
        let tokens = lex(FileId(0), text, &mut diagnostics).tokens;
        (
            tokens.into_iter().map(|(token, _)| token).filter(|token| *token != End).collect(),
            diagnostics.len(),
        )
    }

    #[test]
    fn numbers_are_cut_as_apache_cuts_them() {
        assert_eq!(kinds("1 -2 +3 0x1F -0xa"), (vec![Int, Int, Int, Hex, Hex], 0));
        assert_eq!(kinds("1.5 .5 -.5e3 1e5 1E-5 +1.5E+3"), (vec![Double; 6], 0));
        assert_eq!(kinds("5."), (vec![Int], 1));
        assert_eq!(kinds("1.e5"), (vec![Int, Name], 1));
        assert_eq!(kinds("1e"), (vec![Int, Name], 0));
        assert_eq!(kinds("0x"), (vec![Int, Name], 0));
        assert_eq!(kinds("9a 1-1 e5"), (vec![Int, Name, Int, Int, Name], 0));
        assert_eq!(kinds("- +"), (vec![], 2));
    }

    #[test]
    fn names_and_keywords() {
        assert_eq!(
            kinds("struct structs a.b.C a.5 _x true"),
            (vec![Struct, Name, Name, Name, Name, True], 0)
        );
        assert_eq!(kinds("a..b"), (vec![Name, Name], 1).clone());
        assert_eq!(kinds("a."), (vec![Name], 1));
        assert!(kinds("a\u{e9}b \x0c").1 > 0);
    }

    #[test]
    fn strings_end_on_their_line() {
        assert_eq!(kinds(r#"'it\'s' "a\\" 'é\é'"#), (vec![Literal; 3], 0));
        assert_eq!(kinds("\"a\nb"), (vec![Name], 1));
        assert_eq!(kinds("'a\\\nb"), (vec![Name], 1));
        assert_eq!(kinds("'a\\"), (vec![], 1));
    }

    #[test]
    fn comments_are_kept_apart() {
        let mut diagnostics = Vec::new();
        let text = "/**/ a /***/ // x\r\n# y\n/* é */ b /** z **/ /* open";
        let tokens = lex(FileId(0), text, &mut diagnostics);
        assert_eq!(tokens.tokens.len(), 3);
        assert_eq!(tokens.comments.iter().map(|c| c.token).collect::<Vec<_>>(), [0, 1, 1, 1, 1, 2]);
        assert_eq!(diagnostics[0].code, "unclosed-comment");
    }
}
