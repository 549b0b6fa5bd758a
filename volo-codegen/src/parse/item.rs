//! Header lines and definitions.

use super::{Parsed, Parser, Skip, docs};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::lex::Token;
use crate::suggest;

/// Words that older compilers took in place of `namespace LANG`.
const OLD_NAMESPACES: &[(&str, &str)] = &[
    ("cpp_namespace", "cpp"),
    ("csharp_namespace", "csharp"),
    ("delphi_namespace", "delphi"),
    ("java_package", "java"),
    ("perl_package", "perl"),
    ("php_namespace", "php"),
    ("py_module", "py"),
    ("ruby_namespace", "rb"),
    ("smalltalk_category", "st"),
    ("smalltalk_prefix", "st"),
    ("xsd_namespace", "xsd"),
];

const KEYWORDS: &[&str] =
    &["struct", "union", "exception", "enum", "service", "const", "typedef", "namespace", "include"];

impl Parser<'_> {
    pub(super) fn program(&mut self) -> (Vec<Header>, Vec<Item>) {
        let (mut headers, mut items) = (Vec::new(), Vec::new());
        while self.peek() != Token::End {
            let before = self.at;
            let result = match self.peek() {
                Token::Include | Token::CppInclude | Token::Namespace => {
                    self.header(items.last()).map(|header| headers.push(header))
                }
                _ => self.item().map(|item| items.push(item)),
            };
            if result.is_err() {
                self.skip_item(before);
            }
        }
        (headers, items)
    }

    fn header(&mut self, item: Option<&Item>) -> Parsed<Header> {
        let start = self.span();
        if let Some(item) = item {
            let first = item.meta().name_span;
            let word = self.slice(start).to_owned();
            let diagnostic =
                Diagnostic::error("late-header", format!("`{word}` must stand in front of all definitions"))
                    .at(start, "comes too late")
                    .at(first, "a definition before it")
                    .help("move this line to the top of the file");
            self.report(diagnostic);
        }
        match self.peek() {
            Token::Namespace => self.namespace(),
            Token::Include => {
                self.advance();
                let path = self.literal("a quoted path")?;
                let span = self.header_end(start);
                Ok(Header::Include(path, span))
            }
            _ => {
                self.advance();
                let path = self.literal("a quoted path")?;
                let span = self.header_end(start);
                Ok(Header::CppInclude(path, span))
            }
        }
    }

    fn namespace(&mut self) -> Parsed<Header> {
        let start = self.advance();
        let lang = match self.eat(Token::Star) {
            Some(span) => Name { text: "*".to_owned(), span },
            None => self.reference("a language or `*`")?,
        };
        let name = self.reference("a dotted name")?;
        let open = self.span();
        let annotations = self.annotations()?;
        if lang.text == "*" && !annotations.0.is_empty() {
            let diagnostic =
                Diagnostic::warning("namespace-annotations", "annotations of `namespace *` mean nothing")
                    .at(self.since(open), "Apache's compiler refuses them");
            self.diagnostics.push(diagnostic);
        }
        let span = self.header_end(start);
        Ok(Header::Namespace(Namespace { lang, name, annotations, span }))
    }

    /// Header lines have no separator, a common slip.
    fn header_end(&mut self, start: Span) -> Span {
        let span = self.since(start);
        if matches!(self.peek(), Token::Comma | Token::Semicolon) {
            let diagnostic = Diagnostic::error("stray-separator", "header lines end without a separator")
                .at(self.span(), "take this out");
            self.report(diagnostic);
            self.advance();
        }
        span
    }

    fn item(&mut self) -> Parsed<Item> {
        match self.peek() {
            Token::Typedef => self.typedef().map(Item::Typedef),
            Token::Const => self.constant().map(Item::Const),
            Token::Enum => self.enumeration().map(Item::Enum),
            Token::Struct => self.structure(StructKind::Struct).map(Item::Struct),
            Token::Union => self.structure(StructKind::Union).map(Item::Struct),
            Token::Exception => self.structure(StructKind::Exception).map(Item::Struct),
            Token::Service => self.service().map(Item::Service),
            _ => Err(self.no_item()),
        }
    }

    fn no_item(&mut self) -> Skip {
        let span = self.span();
        let text = self.slice(span).to_owned();
        let old = OLD_NAMESPACES.iter().find(|(word, _)| *word == text);
        let diagnostic = match (self.peek(), old) {
            (Token::Senum, _) => Diagnostic::error("senum", "`senum` is no longer part of the language")
                .at(span, "removed")
                .help("use an `enum`, or a `string` typedef and constants"),
            (_, Some((_, lang))) => {
                Diagnostic::error("old-namespace", format!("`{text}` is no longer part of the language"))
                    .at(span, "removed")
                    .help(format!("write `namespace {lang} …`"))
            }
            (Token::Comma | Token::Semicolon, _) => {
                Diagnostic::error("stray-separator", format!("stray `{text}` between definitions"))
                    .at(span, "take this out")
            }
            (Token::BraceClose, _) => {
                Diagnostic::error("stray-brace", "this `}` closes nothing").at(span, "one too many")
            }
            _ => {
                let message = format!("expected a definition, found {}", self.found());
                Diagnostic::error("syntax", message)
                    .at(span, "expected `struct`, `enum`, `service`, `const`, `typedef`, …")
                    .help_maybe(suggest::did_you_mean(&text, KEYWORDS.iter().copied()))
            }
        };
        self.report(diagnostic);
        Skip
    }

    /// Skips from a failed item, which began at token `start`, to where the next one can begin.
    fn skip_item(&mut self, start: usize) {
        if self.at == start {
            self.advance();
        }
        // A `{` that the failed item took is still open.
        let taken = self.tokens.tokens[start..self.at].iter();
        let mut open = taken.fold(0usize, |open, (token, _)| match token {
            Token::BraceOpen => open + 1,
            Token::BraceClose => open.saturating_sub(1),
            _ => open,
        });
        loop {
            match self.peek() {
                Token::End => return,
                token if token.begins_item() && (open == 0 || self.first_on_line(0)) => return,
                Token::BraceOpen => open += 1,
                Token::BraceClose if open <= 1 => {
                    self.advance();
                    return;
                }
                Token::BraceClose => open -= 1,
                _ => {}
            }
            self.advance();
        }
    }

    fn typedef(&mut self) -> Parsed<Typedef> {
        let docs = self.docs();
        let start = self.advance();
        let target = self.ty()?;
        let name = self.declared_name("a typedef")?;
        let annotations = self.annotations()?;
        let meta = self.meta(docs, annotations, start, name.span);
        self.eat_separator();
        Ok(Typedef { name: name.text, target, meta })
    }

    fn constant(&mut self) -> Parsed<Const> {
        let docs = self.docs();
        let start = self.advance();
        let ty = self.ty()?;
        let name = self.declared_name("a constant")?;
        self.expect(Token::Equals, "`=` and a value")?;
        let value = self.value()?;
        let meta = self.meta(docs, Annotations::default(), start, name.span);
        self.eat_separator();
        Ok(Const { name: name.text, ty, value, meta })
    }

    fn enumeration(&mut self) -> Parsed<Enum> {
        let docs = self.docs();
        let start = self.advance();
        let name = self.declared_name("an enum")?;
        let values = self.braced("an enum", &name, Self::enum_value)?;
        let annotations = self.annotations()?;
        Ok(Enum { values, meta: self.meta(docs, annotations, start, name.span), name: name.text })
    }

    fn enum_value(&mut self) -> Parsed<EnumValue> {
        let docs = self.docs();
        let name = self.declared_name("an enum value")?;
        let number = match self.eat(Token::Equals) {
            Some(_) => Some(self.integer("a whole number")?),
            None => None,
        };
        let annotations = self.annotations()?;
        let mut meta = self.meta(docs, annotations, name.span, name.span);
        self.end_of_member(&mut meta);
        Ok(EnumValue { name: name.text, number, meta })
    }

    fn structure(&mut self, kind: StructKind) -> Parsed<Struct> {
        let docs = self.docs();
        let start = self.advance();
        let what = kind.described();
        let name = self.declared_name(what)?;
        let xsd_all = kind != StructKind::Exception && self.eat(Token::XsdAll).is_some();
        let fields = self.braced(what, &name, Self::field)?;
        let annotations = self.annotations()?;
        Ok(Struct {
            kind,
            xsd_all,
            fields,
            meta: self.meta(docs, annotations, start, name.span),
            name: name.text,
        })
    }

    fn service(&mut self) -> Parsed<Service> {
        let docs = self.docs();
        let start = self.advance();
        let name = self.declared_name("a service")?;
        let extends = match self.eat(Token::Extends) {
            Some(_) => Some(self.reference("the name of the service to extend")?),
            None => None,
        };
        let functions = self.braced("a service", &name, Self::function)?;
        let annotations = self.annotations()?;
        Ok(Service {
            extends,
            functions,
            meta: self.meta(docs, annotations, start, name.span),
            name: name.text,
        })
    }

    fn function(&mut self) -> Parsed<Function> {
        let docs = self.docs();
        let start = self.span();
        let oneway = match self.peek() {
            Token::Oneway => Some(self.advance()),
            Token::Async => {
                let span = self.advance();
                let old = Diagnostic::warning("async", "`async` is the old word for `oneway`")
                    .at(span, "deprecated")
                    .help("write `oneway`");
                self.diagnostics.push(old);
                Some(span)
            }
            _ => None,
        };
        let returns = match self.eat(Token::Void) {
            Some(_) => None,
            None if self.peek() == Token::Name
                && self.peek_at(1) == Token::ParenOpen
                && !self.begins_annotations(1) =>
            {
                let diagnostic = Diagnostic::error("no-result-type", "this function has no result type")
                    .at(self.span(), "expected a type in front of the name")
                    .help("write `void` if it returns nothing");
                self.report(diagnostic);
                None
            }
            None => Some(self.ty()?),
        };
        let name = self.declared_name("a function")?;
        let open = self.expect(Token::ParenOpen, "`(` and the arguments")?;
        let args = self.listed(Token::ParenClose, open, "the arguments", Self::field)?;
        let throws = match self.eat(Token::Throws) {
            Some(_) => {
                let open = self.expect(Token::ParenOpen, "`(` and the exceptions")?;
                self.listed(Token::ParenClose, open, "the exceptions", Self::field)?
            }
            None => Vec::new(),
        };
        let annotations = self.annotations()?;
        let mut meta = self.meta(docs, annotations, start, name.span);
        self.end_of_member(&mut meta);
        Ok(Function { oneway, returns, name: name.text, args, throws, meta })
    }

    fn braced<T>(
        &mut self,
        what: &str,
        name: &Name,
        element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let open = self.expect(Token::BraceOpen, "`{`")?;
        let what = what.trim_start_matches("an ").trim_start_matches("a ");
        self.listed(Token::BraceClose, open, &format!("{what} `{}`", name.text), element)
    }

    /// Elements up to `close`, which is taken. Failed elements are left out. If the next definition begins
    /// first, the closing bracket was forgotten.
    pub(super) fn listed<T>(
        &mut self,
        close: Token,
        open: Span,
        what: &str,
        mut element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut list = Vec::new();
        while self.eat(close).is_none() {
            let next = self.peek();
            let body_ends =
                close == Token::ParenClose && (next == Token::BraceClose || self.begins_function());
            if next == Token::End || body_ends || (next.begins_item() && self.first_on_line(0)) {
                let bracket = if close == Token::BraceClose { "}" } else { ")" };
                let message = format!("expected `{bracket}` to close {what}, found {}", self.found());
                let diagnostic = Diagnostic::error("unclosed", message)
                    .at(self.place(), format!("expected `{bracket}` before this"))
                    .at(open, "opened here");
                self.report(diagnostic);
                // In an argument list the whole function is beyond repair, a body is merely closed.
                return if close == Token::BraceClose { Ok(list) } else { Err(Skip) };
            }
            let before = self.at;
            match element(self) {
                Ok(element) => list.push(element),
                Err(Skip) => self.skip_member(before, close),
            }
        }
        Ok(list)
    }

    /// Whether a new line looks like a function, not like an argument.
    fn begins_function(&self) -> bool {
        let marked = matches!(self.peek(), Token::Void | Token::Oneway | Token::Async);
        let named = (self.peek() == Token::Name || self.peek().begins_type())
            && self.peek_at(1) == Token::Name
            && self.peek_at(2) == Token::ParenOpen
            && matches!(self.peek_at(3), Token::Int | Token::ParenClose);
        (marked || named) && self.first_on_line(0)
    }

    /// Skips from a failed member, which began at token `start`, to where the next one can begin.
    fn skip_member(&mut self, start: usize, close: Token) {
        if self.at == start && self.peek() != close {
            self.advance();
        }
        let mut open = 0usize;
        loop {
            match self.peek() {
                Token::End => return,
                token if token.begins_item() && self.first_on_line(0) => return,
                token if open == 0 && token == close => return,
                Token::BraceClose if close == Token::ParenClose => return,
                Token::Comma | Token::Semicolon if open == 0 => {
                    self.advance();
                    return;
                }
                Token::Int if open == 0 && self.peek_at(1) == Token::Colon => return,
                _ if open == 0 && self.at > start && self.first_on_line(0) => return,
                Token::BraceOpen | Token::ParenOpen | Token::BracketOpen => open += 1,
                Token::BraceClose | Token::ParenClose | Token::BracketClose => open = open.saturating_sub(1),
                _ => {}
            }
            self.advance();
        }
    }

    /// Comments above the next token as documentation.
    pub(super) fn docs(&self) -> Docs {
        let at = self.at as u32;
        let first = self.tokens.comments.partition_point(|comment| comment.token < at);
        let last = self.tokens.comments.partition_point(|comment| comment.token <= at);
        docs::above(self.text, &self.tokens.comments[first..last], self.span().start)
    }

    /// Takes the separator; a comment behind it on the same line documents a member that has no other.
    pub(super) fn end_of_member(&mut self, meta: &mut Meta) {
        self.eat_separator();
        if meta.docs.is_some() {
            return;
        }
        let at = self.at as u32;
        let first = self.tokens.comments.partition_point(|comment| comment.token < at);
        let end = self.since(meta.span).end;
        if let Some(comment) = self.tokens.comments.get(first).filter(|comment| comment.token == at) {
            meta.docs = docs::behind(self.text, comment, end);
        }
    }
}

impl Item {
    /// Docs, annotations and place, whatever it is.
    pub fn meta(&self) -> &Meta {
        match self {
            Item::Typedef(item) => &item.meta,
            Item::Const(item) => &item.meta,
            Item::Enum(item) => &item.meta,
            Item::Struct(item) => &item.meta,
            Item::Service(item) => &item.meta,
        }
    }
}
