//! What the tree knows and tokens don't: where elements of lists begin, and which brackets mean what.

use std::collections::HashSet;

use crate::ast::*;

/// Offsets of tokens that mean something.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Tokens that begin an element: a header, definition, member, argument, annotation or value.
    pub(super) starts: HashSet<u32>,
    /// Names of functions: their arguments follow without a space.
    pub(super) functions: HashSet<u32>,
    /// Braces of maps; all others are those of bodies.
    pub(super) maps: HashSet<u32>,
}

/// The marks of a file without syntax errors.
pub(super) fn of(file: &File) -> Marks {
    let mut marks = Marks::default();
    for header in &file.headers {
        match header {
            Header::Include(_, span) | Header::CppInclude(_, span) => marks.start(*span),
            Header::Namespace(namespace) => {
                marks.start(namespace.span);
                marks.annotations(&namespace.annotations);
            }
        }
    }
    file.items.iter().for_each(|item| marks.item(item));
    marks
}

impl Marks {
    fn start(&mut self, span: Span) {
        self.starts.insert(span.start);
    }

    fn item(&mut self, item: &Item) {
        self.meta(item.meta());
        match item {
            Item::Typedef(item) => self.ty(&item.target),
            Item::Const(item) => {
                self.ty(&item.ty);
                self.value(&item.value);
            }
            Item::Enum(item) => item.values.iter().for_each(|value| self.meta(&value.meta)),
            Item::Struct(item) => self.fields(&item.fields),
            Item::Service(item) => item.functions.iter().for_each(|function| self.function(function)),
        }
    }

    fn function(&mut self, function: &Function) {
        self.meta(&function.meta);
        self.functions.insert(function.meta.name_span.start);
        function.returns.iter().for_each(|ty| self.ty(ty));
        self.fields(&function.args);
        self.fields(&function.throws);
    }

    fn fields(&mut self, fields: &[Field]) {
        for field in fields {
            self.meta(&field.meta);
            self.ty(&field.ty);
            field.default.iter().for_each(|value| self.value(value));
            field.xsd.attrs.iter().for_each(|fields| self.fields(fields));
        }
    }

    fn meta(&mut self, meta: &Meta) {
        self.start(meta.span);
        self.annotations(&meta.annotations);
    }

    fn annotations(&mut self, annotations: &Annotations) {
        annotations.0.iter().for_each(|annotation| self.start(annotation.span));
    }

    fn ty(&mut self, ty: &Type) {
        self.annotations(&ty.annotations);
        match &ty.kind {
            TypeKind::List(element, _) | TypeKind::Set(element, _) => self.ty(element),
            TypeKind::Map(pair, _) => {
                self.ty(&pair.0);
                self.ty(&pair.1);
            }
            TypeKind::Base(_) | TypeKind::Named(_) => {}
        }
    }

    fn value(&mut self, value: &Value) {
        match &value.kind {
            ValueKind::List(values) => values.iter().for_each(|value| {
                self.start(value.span);
                self.value(value);
            }),
            ValueKind::Map(entries) => {
                self.maps.insert(value.span.start);
                for (key, value) in entries {
                    self.start(key.span);
                    self.value(key);
                    self.value(value);
                }
            }
            _ => {}
        }
    }
}
