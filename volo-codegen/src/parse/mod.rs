//! Tokens to tree, by recursive descent.
//!
//! A rule that fails has reported why and returns `Err(Skip)`; the nearest list (items, fields, functions, enum
//! values) then skips to where its next element can begin and goes on, so one fault hides no other.

mod docs;
mod field;
mod item;
mod value;

use crate::ast::{Annotation, Annotations, Docs, File, Header, Meta, Name};
use crate::diag::Diagnostic;
use crate::lex::{Token, Tokens, lex};
use crate::model::{FileId, Span};

/// Containers and values nested deeper than this are refused. The runtime reads no deeper either.
pub(crate) const DEPTH_MAX: usize = 64;

/// A file with more syntax errors than this is no IDL; reading it further helps nobody.
const ERRORS_MAX: usize = 100;

/// Parses a file. What could not be understood is reported and missing in the tree.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> File {
    let tokens = lex(file, text, diagnostics);
    let mut parser = Parser { text, tokens, at: 0, depth: 0, errors: 0, diagnostics };
    let (headers, items) = parser.program();
    let docs = headers.first().and_then(|header| parser.file_docs(header));
    File { headers, items, comments: parser.tokens.comments, docs }
}

/// The rule failed and has said so.
struct Skip;

type Parsed<T> = Result<T, Skip>;

struct Parser<'a> {
    text: &'a str,
    tokens: Tokens,
    at: usize,
    depth: usize,
    errors: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Parser<'_> {
    fn peek(&self) -> Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Token {
        self.tokens.tokens[(self.at + ahead).min(self.tokens.tokens.len() - 1)].0
    }

    /// Place of the next token.
    fn span(&self) -> Span {
        self.span_at(0)
    }

    fn span_at(&self, ahead: usize) -> Span {
        self.tokens.tokens[(self.at + ahead).min(self.tokens.tokens.len() - 1)].1
    }

    /// From `start` to the end of the last token taken.
    fn since(&self, start: Span) -> Span {
        let end = self.at.checked_sub(1).map_or(start.end, |last| self.tokens.tokens[last].1.end);
        Span { end: end.max(start.start), ..start }
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    fn advance(&mut self) -> Span {
        let span = self.span();
        if self.at + 1 < self.tokens.tokens.len() {
            self.at += 1;
        }
        span
    }

    fn eat(&mut self, token: Token) -> Option<Span> {
        (self.peek() == token).then(|| self.advance())
    }

    fn eat_separator(&mut self) {
        if matches!(self.peek(), Token::Comma | Token::Semicolon) {
            self.advance();
        }
    }

    fn expect(&mut self, token: Token, what: &str) -> Parsed<Span> {
        match self.eat(token) {
            Some(span) => Ok(span),
            None => Err(self.unexpected(what)),
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.errors += 1;
        if self.errors == ERRORS_MAX {
            let last = self.tokens.tokens.len() - 1;
            self.at = last;
            self.diagnostics.push(
                Diagnostic::error("too-many-errors", format!("gave up after {ERRORS_MAX} syntax errors"))
                    .at(self.span(), "the rest was not read"),
            );
        }
        if self.errors <= ERRORS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports that `what` was expected at the next token.
    fn unexpected(&mut self, what: &str) -> Skip {
        let found = self.found();
        let diagnostic = Diagnostic::error("syntax", format!("expected {what}, found {found}"))
            .at(self.place(), format!("expected {what}"));
        self.report(diagnostic);
        Skip
    }

    /// The next token in words.
    fn found(&self) -> String {
        match self.peek() {
            Token::End => "the end of the file".to_owned(),
            Token::Literal => "a string".to_owned(),
            token => {
                let text: String = self.slice(self.span()).chars().take(40).collect();
                let kind = if token.is_keyword() { "keyword " } else { "" };
                format!("{kind}`{text}`")
            }
        }
    }

    /// Where to point at for the next token; behind the last one at the end of the file, which may be far
    /// below anything readable.
    fn place(&self) -> Span {
        match (self.peek(), self.at.checked_sub(1)) {
            (Token::End, Some(last)) => {
                let end = self.tokens.tokens[last].1.end;
                Span { start: end, end, ..self.span() }
            }
            _ => self.span(),
        }
    }

    /// A name of something being declared: no keyword, no dot.
    fn declared_name(&mut self, what: &str) -> Parsed<Name> {
        if self.peek().is_keyword() {
            let text = self.slice(self.span()).to_owned();
            let diagnostic = Diagnostic::error(
                "reserved-word",
                format!("`{text}` is a reserved word of the IDL language"),
            )
            .at(self.span(), format!("cannot name {what}"))
            .help(format!("choose another name, such as `{text}_`"));
            // A keyword that begins an item is more likely the next item than a name.
            if self.peek().begins_item() && self.first_on_line(0) {
                return Err(self.unexpected(&format!("the name of {what}")));
            }
            self.report(diagnostic);
            let span = self.advance();
            return Ok(Name { text, span });
        }
        let name = self.reference(&format!("the name of {what}"))?;
        self.check_no_dot(&name, what);
        Ok(name)
    }

    fn check_no_dot(&mut self, name: &Name, what: &str) {
        if name.text.contains('.') {
            let message =
                format!("`{}` has a dot: only a use of another file's name may have one", name.text);
            let fixed = name.text.replace('.', "_");
            let diagnostic = Diagnostic::error("dotted-name", message)
                .at(name.span, format!("cannot name {what}"))
                .help(format!("write `{fixed}`"));
            self.report(diagnostic);
        }
    }

    /// A name that refers to something, dots allowed.
    fn reference(&mut self, what: &str) -> Parsed<Name> {
        let span = self.expect(Token::Name, what)?;
        Ok(Name { text: self.slice(span).to_owned(), span })
    }

    /// Runs a rule one level deeper, or refuses to.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} levels deep");
            let diagnostic = Diagnostic::error("nesting", message).at(self.span(), "this level is too deep");
            self.report(diagnostic);
            return Err(Skip);
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// `( KEY = "VALUE", … )`, or nothing.
    fn annotations(&mut self) -> Parsed<Annotations> {
        let mut list = Vec::new();
        if self.eat(Token::ParenOpen).is_none() {
            return Ok(Annotations(list));
        }
        while self.eat(Token::ParenClose).is_none() {
            let start = self.span();
            let key = self.reference("an annotation or `)`")?.text;
            let value = match self.eat(Token::Equals) {
                Some(_) => self.literal("a string")?.text,
                None => "1".to_owned(),
            };
            list.push(Annotation { key, value, span: self.since(start) });
            self.eat_separator();
        }
        Ok(Annotations(list))
    }

    /// Whether the token `ahead` of the next one is the first on its line.
    fn first_on_line(&self, ahead: usize) -> bool {
        let index = self.at + ahead;
        let Some((_, before)) = index.checked_sub(1).and_then(|last| self.tokens.tokens.get(last)) else {
            return true;
        };
        let start = self.span_at(ahead).start.max(before.end);
        self.slice(Span { start: before.end, end: start, ..*before }).contains('\n')
    }

    fn meta(&self, docs: Docs, annotations: Annotations, start: Span, name_span: Span) -> Meta {
        Meta { docs, annotations, span: self.since(start), name_span }
    }

    fn file_docs(&self, first: &Header) -> Docs {
        let start = match first {
            Header::Include(_, span) | Header::CppInclude(_, span) => span.start,
            Header::Namespace(namespace) => namespace.span.start,
        };
        docs::of_file(self.text, &self.tokens.comments, start)
    }
}
