//! Which names mean what, seen from which file.

use std::collections::HashMap;

use crate::diag::Diagnostic;
use crate::load::Loaded;
use crate::model::{ConstId, EnumId, FileId, Item, Model, Span, Type};
use crate::source::SourceMap;
use crate::suggest;

/// Something declared, and where its name stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared<T> {
    pub(crate) id: T,
    pub(crate) span: Span,
}

/// What a name in a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constant {
    Const(ConstId),
    /// An enum and the position of one of its values.
    EnumValue(EnumId, usize),
}

/// The names one file declares, and the files it sees.
#[derive(Debug, Default)]
struct Scope {
    stem: String,
    includes: Vec<FileId>,
    /// Typedefs, enums, structs and services share one space.
    items: HashMap<String, Declared<Item>>,
    /// Names of `items` in order, for suggestions.
    item_names: Vec<String>,
    consts: HashMap<String, Declared<ConstId>>,
    const_names: Vec<String>,
}

/// The names of all files.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    files: Vec<Scope>,
    enum_values: HashMap<(EnumId, String), usize>,
    suggested: std::cell::Cell<usize>,
}

/// What people coming from other languages write.
const FOREIGN_TYPES: &[(&str, &str)] = &[
    ("int", "i32"),
    ("integer", "i32"),
    ("int8", "i8"),
    ("int16", "i16"),
    ("int32", "i32"),
    ("int64", "i64"),
    ("short", "i16"),
    ("long", "i64"),
    ("float", "double"),
    ("f64", "double"),
    ("str", "string"),
    ("boolean", "bool"),
    ("bytes", "binary"),
    ("array", "list"),
    ("vector", "list"),
];

const BASE_TYPES: &[&str] =
    &["bool", "byte", "i8", "i16", "i32", "i64", "double", "string", "binary", "uuid", "list", "set", "map"];

/// Suggestions compare with every known name; an input with thousands of unknown names gets this many.
const SUGGESTIONS_MAX: usize = 200;

impl Scopes {
    pub(crate) fn new(files: &[Loaded], sources: &SourceMap) -> Self {
        let scopes = files.iter().zip(sources.iter()).map(|(file, (_, source))| Scope {
            stem: stem(&source.path).to_owned(),
            includes: file.includes.iter().map(|(id, _)| *id).collect(),
            ..Scope::default()
        });
        Scopes { files: scopes.collect(), ..Scopes::default() }
    }

    pub(crate) fn stem(&self, file: FileId) -> &str {
        &self.files[file.index()].stem
    }

    /// Declares a type or service; returns the place of an earlier one of that name.
    pub(crate) fn declare_item(&mut self, file: FileId, name: &str, id: Item, span: Span) -> Option<Span> {
        let scope = &mut self.files[file.index()];
        if let Some(earlier) = scope.items.get(name) {
            return Some(earlier.span);
        }
        scope.items.insert(name.to_owned(), Declared { id, span });
        scope.item_names.push(name.to_owned());
        None
    }

    /// Declares a constant; returns the place of an earlier one of that name.
    pub(crate) fn declare_const(
        &mut self,
        file: FileId,
        name: &str,
        id: ConstId,
        span: Span,
    ) -> Option<Span> {
        let scope = &mut self.files[file.index()];
        if let Some(earlier) = scope.consts.get(name) {
            return Some(earlier.span);
        }
        scope.consts.insert(name.to_owned(), Declared { id, span });
        scope.const_names.push(name.to_owned());
        None
    }

    pub(crate) fn declare_enum_value(&mut self, id: EnumId, name: &str, index: usize) {
        self.enum_values.entry((id, name.to_owned())).or_insert(index);
    }

    /// A type or service by the name it is used by in `file`: plain for its own, `stem.Name` for those of
    /// directly included files. Of several files with that stem the last that knows the name counts.
    pub(crate) fn item(&self, file: FileId, name: &str) -> Option<Declared<Item>> {
        let scope = &self.files[file.index()];
        match name.rsplit_once('.') {
            None => scope.items.get(name).copied(),
            Some((stem, name)) => {
                self.included(scope, stem).rev().find_map(|other| other.items.get(name).copied())
            }
        }
    }

    /// A constant or enum value by the name it is used by in `file`.
    pub(crate) fn constant(&self, model: &Model, file: FileId, name: &str) -> Option<Constant> {
        let scope = &self.files[file.index()];
        let Some((prefix, last)) = name.rsplit_once('.') else {
            return scope.consts.get(name).map(|found| Constant::Const(found.id));
        };
        if let Some(id) = self.item(file, prefix).and_then(|item| as_enum(model, item.id)) {
            return self.enum_value(id, last).map(|index| Constant::EnumValue(id, index));
        }
        let found = self.included(scope, prefix).rev().find_map(|other| other.consts.get(last));
        found.map(|found| Constant::Const(found.id))
    }

    /// Position of the value of that name.
    pub(crate) fn enum_value(&self, id: EnumId, name: &str) -> Option<usize> {
        self.enum_values.get(&(id, name.to_owned())).copied()
    }

    fn included<'a>(&'a self, scope: &'a Scope, stem: &'a str) -> impl DoubleEndedIterator<Item = &'a Scope> {
        scope.includes.iter().map(|id| &self.files[id.index()]).filter(move |other| other.stem == stem)
    }

    /// The report on a type name that means nothing, or no type.
    pub(crate) fn unknown_type(&self, file: FileId, name: &str, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error("unknown-type", format!("there is no type `{name}`"));
        let diagnostic = diagnostic.at(span, "not declared");
        if let Some((_, base)) = FOREIGN_TYPES.iter().find(|(word, _)| word.eq_ignore_ascii_case(name)) {
            return diagnostic.help(format!("the IDL word for it is `{base}`"));
        }
        self.explain_unknown(diagnostic, file, name, BASE_TYPES, |scope| &scope.item_names)
    }

    pub(crate) fn unknown_service(&self, file: FileId, name: &str, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error("unknown-service", format!("there is no service `{name}`"));
        let diagnostic = diagnostic.at(span, "not declared");
        self.explain_unknown(diagnostic, file, name, &[], |scope| &scope.item_names)
    }

    /// The report on a name in a value. `expected` is the enum that is wanted there, if any.
    pub(crate) fn unknown_constant(
        &self,
        model: &Model,
        file: FileId,
        name: &str,
        span: Span,
        expected: Option<EnumId>,
    ) -> Diagnostic {
        let enumeration = name.rsplit_once('.').and_then(|(prefix, last)| {
            let id = self.item(file, prefix).and_then(|item| as_enum(model, item.id))?;
            Some((id, prefix, last))
        });
        if let Some((id, prefix, last)) = enumeration {
            let message = format!("enum `{}` has no value `{last}`", model[id].name);
            let known = model[id].values.iter().map(|value| value.name.as_str());
            let help = self.nearest(last, known).map(|best| format!("did you mean `{prefix}.{best}`?"));
            return Diagnostic::error("unknown-enum-value", message)
                .at(span, "not one of its values")
                .at(model[id].meta.name_span, "declared here")
                .help_maybe(help);
        }
        let message = format!("there is no constant or enum value `{name}`");
        let diagnostic = Diagnostic::error("unknown-constant", message).at(span, "not declared");
        if let Some(id) = expected {
            let known = model[id].values.iter().map(|value| value.name.as_str());
            let last = name.rsplit('.').next().unwrap_or(name);
            if let Some(best) = self.nearest(last, known) {
                return diagnostic.help(format!("did you mean `{}.{best}`?", model[id].name));
            }
        }
        self.explain_unknown(diagnostic, file, name, &[], |scope| &scope.const_names)
    }

    /// Adds the likeliest reason why `name` means nothing in `file`.
    fn explain_unknown(
        &self,
        diagnostic: Diagnostic,
        file: FileId,
        name: &str,
        also: &[&str],
        names: impl Fn(&Scope) -> &Vec<String>,
    ) -> Diagnostic {
        let scope = &self.files[file.index()];
        let (stem, last) = name.rsplit_once('.').unwrap_or(("", name));
        let has = |scope: &Scope| names(scope).iter().any(|known| known == last);
        if !stem.is_empty() && stem == scope.stem && has(scope) {
            return diagnostic.help(format!("names of this file stand alone: write `{last}`"));
        }
        if let Some(other) = scope.includes.iter().map(|id| &self.files[id.index()]).find(|other| has(other))
        {
            return diagnostic.help(format!("did you mean `{}.{last}`?", other.stem));
        }
        let seen = |stem: &str| scope.includes.iter().any(|id| self.files[id.index()].stem == stem);
        if !stem.is_empty() && !seen(stem) {
            let message = format!("this file includes no `{stem}.thrift`");
            return match self.files.iter().any(|other| other.stem == stem && has(other)) {
                true => diagnostic
                    .note(message)
                    .help("an include of an include is not seen: include it here, too"),
                false => diagnostic.note(message),
            };
        }
        let own = names(scope).iter().cloned().chain(also.iter().map(|word| (*word).to_owned()));
        let others = scope.includes.iter().flat_map(|id| {
            let other = &self.files[id.index()];
            names(other).iter().map(|known| format!("{}.{known}", other.stem))
        });
        let known: Vec<String> = own.chain(others).collect();
        let best = self.nearest(name, known.iter().map(String::as_str));
        diagnostic.help_maybe(best.map(|best| format!("did you mean `{best}`?")))
    }

    fn nearest<'a>(&self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let suggested = self.suggested.get();
        self.suggested.set(suggested + 1);
        if suggested < SUGGESTIONS_MAX { suggest::nearest(name, known) } else { None }
    }
}

/// The enum an item is, typedefs looked through.
fn as_enum(model: &Model, item: Item) -> Option<EnumId> {
    match item {
        Item::Enum(id) => Some(id),
        Item::Typedef(id) => match model.resolve(&Type::Typedef(id)) {
            Type::Enum(id) => Some(*id),
            _ => None,
        },
        _ => None,
    }
}

/// File name without directory and extension.
pub(crate) fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
