//! Trees to model: every declaration gets its id, every type name is bound.
//!
//! Values stay behind as [`Pending`] work: they can only be evaluated once all types are known.

mod field;
mod service;
mod words;

use std::collections::HashMap;

use crate::ast;
use crate::diag::Diagnostic;
use crate::load::Loaded;
use crate::model::*;
use crate::scope::Scopes;
use crate::source::SourceMap;

/// Stands for a type that could not be resolved. Only ever in models that are thrown away.
pub(crate) const UNKNOWN: Type = Type::Typedef(TypedefId(u32::MAX));

/// A value to be evaluated, and where it goes.
pub(crate) struct Pending<'a> {
    pub(crate) target: Target,
    pub(crate) file: FileId,
    pub(crate) value: &'a ast::Value,
}

/// The places a value can go to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Const(ConstId),
    Field(StructId, usize),
    Arg(ServiceId, usize, usize),
}

pub(crate) struct Resolved<'a> {
    pub(crate) model: Model,
    pub(crate) scopes: Scopes,
    pub(crate) pending: Vec<Pending<'a>>,
}

/// Binds all names of all files.
pub(crate) fn resolve<'a>(
    files: &'a [Loaded],
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Resolved<'a> {
    let mut resolver = Resolver {
        scopes: Scopes::new(files, sources),
        model: Model::default(),
        pending: Vec::new(),
        diagnostics,
    };
    let items: Vec<Vec<Item>> = resolver.declare(files);
    for (index, ((loaded, items), (id, source))) in files.iter().zip(items).zip(sources.iter()).enumerate() {
        debug_assert_eq!(index, id.index());
        let file = resolver.file(id, loaded, items, &source.path);
        resolver.model.files.push(file);
        for item in &loaded.tree.items {
            resolver.item(id, item);
        }
    }
    Resolved { model: resolver.model, scopes: resolver.scopes, pending: resolver.pending }
}

struct Resolver<'a, 'd> {
    scopes: Scopes,
    model: Model,
    pending: Vec<Pending<'a>>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Resolver<'a, '_> {
    /// Numbers everything in order, so that names can be bound before what they mean is lowered.
    fn declare(&mut self, files: &[Loaded]) -> Vec<Vec<Item>> {
        let mut counts = [0u32; 5];
        let mut count = |kind: usize| {
            counts[kind] += 1;
            counts[kind] - 1
        };
        let mut all = Vec::new();
        for (index, loaded) in files.iter().enumerate() {
            let file = FileId(index as u32);
            let mut items = Vec::new();
            for item in &loaded.tree.items {
                let id = match item {
                    ast::Item::Typedef(_) => Item::Typedef(TypedefId(count(0))),
                    ast::Item::Const(_) => Item::Const(ConstId(count(1))),
                    ast::Item::Enum(_) => Item::Enum(EnumId(count(2))),
                    ast::Item::Struct(_) => Item::Struct(StructId(count(3))),
                    ast::Item::Service(_) => Item::Service(ServiceId(count(4))),
                };
                items.push(id);
                self.declare_item(file, item, id);
            }
            all.push(items);
        }
        all
    }

    fn declare_item(&mut self, file: FileId, item: &ast::Item, id: Item) {
        let (name, span) = (item.name(), item.meta().name_span);
        let earlier = match id {
            Item::Const(id) => self.scopes.declare_const(file, name, id, span),
            _ => self.scopes.declare_item(file, name, id, span),
        };
        if let Some(earlier) = earlier {
            let diagnostic = Diagnostic::error("duplicate-name", format!("`{name}` is declared twice"))
                .at(span, "again here")
                .at(earlier, "first declared here");
            self.diagnostics.push(diagnostic);
        }
    }

    fn file(&mut self, id: FileId, loaded: &Loaded, items: Vec<Item>, path: &str) -> File {
        let stem = self.scopes.stem(id).to_owned();
        let headers = loaded.tree.headers.iter();
        let namespaces: Vec<Namespace> = headers
            .filter_map(|header| match header {
                ast::Header::Namespace(namespace) => Some(Namespace {
                    lang: namespace.lang.text.clone(),
                    name: namespace.name.text.clone(),
                    annotations: namespace.annotations.clone(),
                    span: namespace.span,
                }),
                _ => None,
            })
            .collect();
        let of = |lang: &str| namespaces.iter().rev().find(|namespace| namespace.lang == lang);
        let rust_module = match of("rs").or(of("*")) {
            Some(namespace) => namespace.name.split('.').map(str::to_owned).collect(),
            None => vec![stem.clone()],
        };
        let includes = loaded.includes.iter().map(|(id, _)| *id).collect();
        let docs = loaded.tree.docs.clone();
        File {
            path: path.to_owned(),
            stem,
            root: loaded.root,
            namespaces,
            rust_module,
            includes,
            items,
            docs,
        }
    }

    fn item(&mut self, file: FileId, item: &'a ast::Item) {
        self.check_portable(item.name(), item.meta().name_span);
        match item {
            ast::Item::Typedef(item) => {
                let target = self.ty(file, &item.target);
                self.model.typedefs.push(Typedef {
                    file,
                    name: item.name.clone(),
                    target,
                    type_annotations: item.target.annotations.clone(),
                    meta: item.meta.clone(),
                });
            }
            ast::Item::Const(item) => {
                let ty = self.ty(file, &item.ty);
                self.check_order(file, &item.ty);
                let target = Target::Const(ConstId(self.model.consts.len() as u32));
                self.pending.push(Pending { target, file, value: &item.value });
                let value = Value::Bool(false);
                self.model.consts.push(Const {
                    file,
                    name: item.name.clone(),
                    ty,
                    value,
                    meta: item.meta.clone(),
                });
            }
            ast::Item::Enum(item) => self.enumeration(file, item),
            ast::Item::Struct(item) => self.structure(file, item),
            ast::Item::Service(item) => self.service(file, item),
        }
    }

    fn enumeration(&mut self, file: FileId, item: &ast::Enum) {
        let id = EnumId(self.model.enums.len() as u32);
        let mut values: Vec<EnumValue> = Vec::new();
        let mut seen: HashMap<&str, Span> = HashMap::new();
        let mut next = Some(0i32);
        for value in &item.values {
            let span = value.meta.name_span;
            self.check_portable(&value.name, span);
            if let Some(earlier) = seen.insert(&value.name, span) {
                let message = format!("enum `{}` has two values `{}`", item.name, value.name);
                let diagnostic = Diagnostic::error("duplicate-enum-value", message)
                    .at(span, "again here")
                    .at(earlier, "first declared here");
                self.diagnostics.push(diagnostic);
            }
            let number = match value.number {
                Some((number, span)) => i32::try_from(number).map_err(|_| (span, number)),
                None => next.ok_or((span, i64::from(i32::MAX) + 1)),
            };
            let number = number.unwrap_or_else(|(span, number)| {
                let message = format!("enum value `{}` is {number}, which does not fit i32", value.name);
                let diagnostic = Diagnostic::error("enum-value-range", message)
                    .at(span, "too large or too small")
                    .note("enum values reach from -2147483648 to 2147483647");
                self.diagnostics.push(diagnostic);
                0
            });
            next = number.checked_add(1);
            self.scopes.declare_enum_value(id, &value.name, values.len());
            values.push(EnumValue { name: value.name.clone(), number, meta: value.meta.clone() });
        }
        self.model.enums.push(Enum { file, name: item.name.clone(), values, meta: item.meta.clone() });
    }

    fn structure(&mut self, file: FileId, item: &'a ast::Struct) {
        let id = StructId(self.model.structs.len() as u32);
        let owner = format!("{} `{}`", item.kind.word(), item.name);
        let mut fields = self.fields(file, &item.fields, &owner, |index| Target::Field(id, index));
        if item.kind == StructKind::Union {
            self.check_union(item);
            fields.iter_mut().for_each(|field| field.requiredness = Requiredness::Optional);
        }
        let name = item.name.clone();
        self.model.structs.push(Struct { file, kind: item.kind, name, fields, meta: item.meta.clone() });
    }

    fn check_union(&mut self, item: &ast::Struct) {
        for field in &item.fields {
            if let Some((Requiredness::Required, span)) = field.requiredness {
                let message = format!("field `{}` of union `{}` cannot be required", field.name, item.name);
                let diagnostic = Diagnostic::warning("required-in-union", message)
                    .at(span, "ignored")
                    .note("exactly one field of a union is set, so none can be required")
                    .help("take out `required`");
                self.diagnostics.push(diagnostic);
            }
        }
        let mut defaults =
            item.fields.iter().filter_map(|field| field.default.as_ref().map(|value| (field, value)));
        let Some((_, first)) = defaults.next() else { return };
        for (field, value) in defaults {
            let message =
                format!("field `{}` is the second of union `{}` with a default", field.name, item.name);
            let diagnostic = Diagnostic::error("union-defaults", message)
                .at(value.span, "second default")
                .at(first.span, "first default")
                .help("at most one field of a union can have a default");
            self.diagnostics.push(diagnostic);
        }
    }

    /// The meaning of a type, or [`UNKNOWN`] after a report.
    fn ty(&mut self, file: FileId, ty: &ast::Type) -> Type {
        match &ty.kind {
            ast::TypeKind::Base(base) => base.clone(),
            ast::TypeKind::List(element, _) => Type::List(Box::new(self.ty(file, element))),
            ast::TypeKind::Set(element, _) => Type::Set(Box::new(self.ty(file, element))),
            ast::TypeKind::Map(pair, _) => {
                Type::Map(Box::new(self.ty(file, &pair.0)), Box::new(self.ty(file, &pair.1)))
            }
            ast::TypeKind::Named(name) => {
                match self.scopes.item(file, name).map(|found| (found.id, found.span)) {
                    Some((Item::Typedef(id), _)) => Type::Typedef(id),
                    Some((Item::Enum(id), _)) => Type::Enum(id),
                    Some((Item::Struct(id), _)) => Type::Struct(id),
                    Some((Item::Service(_) | Item::Const(_), declared)) => {
                        let message = format!("`{name}` is a service, not a type");
                        let diagnostic = Diagnostic::error("service-as-type", message)
                            .at(ty.span, "expected a type")
                            .at(declared, "declared here");
                        self.diagnostics.push(diagnostic);
                        UNKNOWN
                    }
                    None => {
                        let diagnostic = self.scopes.unknown_type(file, name, ty.span);
                        self.diagnostics.push(diagnostic);
                        UNKNOWN
                    }
                }
            }
        }
    }

    /// Warns where Apache's compiler needs the types in `ty` to be declared already.
    fn check_order(&mut self, file: FileId, ty: &ast::Type) {
        match &ty.kind {
            ast::TypeKind::Base(_) => {}
            ast::TypeKind::List(element, _) | ast::TypeKind::Set(element, _) => {
                self.check_order(file, element)
            }
            ast::TypeKind::Map(pair, _) => {
                self.check_order(file, &pair.0);
                self.check_order(file, &pair.1);
            }
            ast::TypeKind::Named(name) => {
                if let Some(found) = self.scopes.item(file, name) {
                    self.check_declared_before(found.span, ty.span, name);
                }
            }
        }
    }

    fn check_declared_before(&mut self, declared: Span, used: Span, name: &str) {
        if declared.file == used.file && declared.start > used.start {
            self.diagnostics.push(forward_use(name, declared, used));
        }
    }

    fn check_portable(&mut self, name: &str, span: Span) {
        if words::is_reserved_elsewhere(name) {
            let message = format!("`{name}` is a reserved word in other languages");
            let diagnostic = Diagnostic::warning("portable-name", message)
                .at(span, "Apache's compiler refuses this name")
                .help(format!("a name like `{name}_` works everywhere"));
            self.diagnostics.push(diagnostic);
        }
    }
}

/// The report on a use that only works because this compiler reads the whole file first.
pub(crate) fn forward_use(name: &str, declared: Span, used: Span) -> Diagnostic {
    Diagnostic::warning("forward-use", format!("`{name}` is used before its declaration"))
        .at(used, "used here")
        .at(declared, "declared here")
        .note("Apache's compiler refuses this")
        .help("move the declaration up")
}

impl StructKind {
    /// `struct`, `union` or `exception`.
    pub fn word(self) -> &'static str {
        match self {
            StructKind::Struct => "struct",
            StructKind::Union => "union",
            StructKind::Exception => "exception",
        }
    }
}

impl ast::Item {
    /// The declared name.
    pub fn name(&self) -> &str {
        match self {
            ast::Item::Typedef(item) => &item.name,
            ast::Item::Const(item) => &item.name,
            ast::Item::Enum(item) => &item.name,
            ast::Item::Struct(item) => &item.name,
            ast::Item::Service(item) => &item.name,
        }
    }
}
