//! Fields and types.

use super::{Parsed, Parser, Skip};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::lex::Token;
use crate::model;
use crate::suggest;

impl Parser<'_> {
    pub(super) fn field(&mut self) -> Parsed<Field> {
        let docs = self.docs();
        let start = self.span();
        let id = self.field_id()?;
        let requiredness = match self.peek() {
            Token::Required => Some((Requiredness::Required, self.advance())),
            Token::Optional => Some((Requiredness::Optional, self.advance())),
            _ => self.misspelt_requiredness(),
        };
        let ty = self.ty()?;
        let reference = self.eat(Token::Ampersand).is_some();
        let name = self.field_name()?;
        let default = match self.eat(Token::Equals) {
            Some(_) => Some(self.value()?),
            None => None,
        };
        let xsd = self.xsd()?;
        let annotations = self.annotations()?;
        let mut meta = self.meta(docs, annotations, start, name.span);
        self.end_of_member(&mut meta);
        Ok(Field { id, requiredness, ty, reference, name: name.text, default, xsd, meta })
    }

    fn field_id(&mut self) -> Parsed<Option<(i64, Span)>> {
        if !matches!(self.peek(), Token::Int | Token::Hex | Token::True | Token::False) {
            return Ok(None);
        }
        let id = self.integer("a field id")?;
        if self.eat(Token::Colon).is_none() {
            let skip = self.unexpected("`:` behind the field id");
            let goes_on = matches!(self.peek(), Token::Required | Token::Optional | Token::Name);
            if !goes_on && !self.peek().begins_type() {
                return Err(skip);
            }
        }
        Ok(Some(id))
    }

    /// `opt i32 x`: reads as a type `opt` and a field `i32`, but means something else.
    fn misspelt_requiredness(&mut self) -> Option<(Requiredness, Span)> {
        let (second, third) = (self.peek_at(1), self.peek_at(2));
        let before_type = second.begins_type() || second == Token::Name;
        let before_name = third == Token::Name || third == Token::AngleOpen;
        if self.peek() != Token::Name || !before_type || !before_name || self.first_on_line(2) {
            return None;
        }
        let span = self.span();
        let text = self.slice(span).to_owned();
        let close =
            |word: &str| (text.len() >= 3 && word.starts_with(&text)) || suggest::distance(&text, word) <= 2;
        let (word, requiredness) = match () {
            () if close("optional") => ("optional", Requiredness::Optional),
            () if close("required") => ("required", Requiredness::Required),
            () => return None,
        };
        let diagnostic =
            Diagnostic::error("requiredness", format!("`{text}` is neither a type nor a requiredness"))
                .at(span, "unknown word in front of the type")
                .help(format!("did you mean `{word}`?"));
        self.report(diagnostic);
        self.advance();
        Some((requiredness, span))
    }

    /// Almost any keyword can name a field; the ones that may follow a name cannot.
    fn field_name(&mut self) -> Parsed<Name> {
        let token = self.peek();
        let reserved =
            matches!(token, Token::CppType | Token::Slist | Token::Senum | Token::True | Token::False)
                || matches!(token, Token::XsdAll | Token::XsdOptional | Token::XsdNillable | Token::XsdAttrs);
        if token.is_keyword() && !reserved && !(token.begins_item() && self.first_on_line(0)) {
            let span = self.advance();
            return Ok(Name { text: self.slice(span).to_owned(), span });
        }
        self.declared_name("a field")
    }

    fn xsd(&mut self) -> Parsed<Xsd> {
        let optional = self.eat(Token::XsdOptional).is_some();
        let nillable = self.eat(Token::XsdNillable).is_some();
        let attrs =
            match self.eat(Token::XsdAttrs) {
                Some(_) => {
                    let open = self.expect(Token::BraceOpen, "`{`")?;
                    Some(self.nested(|parser| {
                        parser.listed(Token::BraceClose, open, "the attributes", Self::field)
                    })?)
                }
                None => None,
            };
        Ok(Xsd { optional, nillable, attrs })
    }

    pub(super) fn ty(&mut self) -> Parsed<Type> {
        let start = self.span();
        let kind = match self.peek() {
            Token::List => self.container(start)?,
            Token::Set => self.container(start)?,
            Token::Map => self.container(start)?,
            Token::Name => {
                let span = self.advance();
                let name = self.slice(span).to_owned();
                let annotations = self.named_type_annotations()?;
                return Ok(Type { kind: TypeKind::Named(name), annotations, span });
            }
            token => TypeKind::Base(self.base_type(token)?),
        };
        let span = self.since(start);
        let annotations = self.annotations()?;
        Ok(Type { kind, annotations, span })
    }

    /// Kitex takes annotations on named types, Apache on all others only.
    fn named_type_annotations(&mut self) -> Parsed<Annotations> {
        if !self.begins_annotations(0) {
            return Ok(Annotations::default());
        }
        let start = self.span();
        let annotations = self.annotations()?;
        let warning = Diagnostic::warning("portable-annotation", "annotations on a named type")
            .at(self.since(start), "Apache's compiler refuses this")
            .help("annotate the field or the type's declaration");
        self.diagnostics.push(warning);
        Ok(annotations)
    }

    /// Whether annotations, and not arguments, begin at the token `ahead` of the next one.
    pub(super) fn begins_annotations(&self, ahead: usize) -> bool {
        self.peek_at(ahead) == Token::ParenOpen
            && self.peek_at(ahead + 1) == Token::Name
            && matches!(self.peek_at(ahead + 2), Token::Equals | Token::Comma | Token::ParenClose)
    }

    fn base_type(&mut self, token: Token) -> Parsed<model::Type> {
        let ty = match token {
            Token::Bool => model::Type::Bool,
            Token::Byte | Token::I8 => model::Type::I8,
            Token::I16 => model::Type::I16,
            Token::I32 => model::Type::I32,
            Token::I64 => model::Type::I64,
            Token::DoubleType => model::Type::Double,
            Token::String => model::Type::String,
            Token::Binary => model::Type::Binary,
            Token::Uuid => model::Type::Uuid,
            Token::Slist => {
                let diagnostic = Diagnostic::error("slist", "`slist` is no longer part of the language")
                    .at(self.span(), "removed")
                    .help("write `string`");
                self.report(diagnostic);
                model::Type::String
            }
            Token::Void => {
                let diagnostic = Diagnostic::error("void", "`void` is no type")
                    .at(self.span(), "only a function's result can be `void`");
                self.report(diagnostic);
                model::Type::Bool
            }
            _ => return Err(self.unexpected("a type")),
        };
        self.advance();
        Ok(ty)
    }

    fn container(&mut self, start: Span) -> Parsed<TypeKind> {
        let container = self.peek();
        self.nested(|parser| {
            parser.advance();
            let cpp_type = parser.cpp_type()?;
            if parser.eat(Token::AngleOpen).is_none() {
                return Err(parser.bare_container(start));
            }
            let first = parser.ty()?;
            let kind = match container {
                Token::Map => {
                    parser.expect(Token::Comma, "`,` and the value type")?;
                    let second = parser.ty()?;
                    TypeKind::Map(Box::new((first, second)), cpp_type)
                }
                Token::Set => TypeKind::Set(Box::new(first), cpp_type),
                _ => TypeKind::List(Box::new(first), cpp_type),
            };
            parser.expect(Token::AngleClose, "`>`")?;
            match kind {
                TypeKind::List(element, cpp_type) if parser.peek() == Token::CppType => {
                    let behind = parser.cpp_type()?;
                    let old = Diagnostic::warning("cpp-type", "`cpp_type` stands in front of `<` now")
                        .at(parser.since(start), "old form");
                    parser.diagnostics.push(old);
                    Ok(TypeKind::List(element, cpp_type.or(behind)))
                }
                kind => Ok(kind),
            }
        })
    }

    /// Reports a container without its element types, which start with web pages that swallow `<…>`.
    fn bare_container(&mut self, start: Span) -> Skip {
        let word = self.slice(start).to_owned();
        let example = if word == "map" { "map<string, i32>".to_owned() } else { format!("{word}<string>") };
        let message = format!("expected `<` and the element type behind `{word}`, found {}", self.found());
        let diagnostic = Diagnostic::error("bare-container", message)
            .at(self.place(), "expected `<`")
            .help(format!("name what it holds, as in `{example}`"));
        self.report(diagnostic);
        Skip
    }

    fn cpp_type(&mut self) -> Parsed<Option<Name>> {
        match self.eat(Token::CppType) {
            Some(_) => self.literal("a quoted C++ type").map(Some),
            None => Ok(None),
        }
    }
}

impl StructKind {
    /// With its article, for messages.
    pub(crate) fn described(self) -> &'static str {
        match self {
            StructKind::Struct => "a struct",
            StructKind::Union => "a union",
            StructKind::Exception => "an exception",
        }
    }
}
