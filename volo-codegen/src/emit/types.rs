//! Thrift types as Rust types, spelled as the module at hand has to spell them.

use std::borrow::Cow;

use super::graph::{Graph, is_boxed};
use super::names::{Names, unknown_field_name};
use crate::model::{Annotations, Field, Model, Requiredness, StructId, StructKind, Type};

/// What writing one module's items needs.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) model: &'a Model,
    pub(super) names: &'a Names,
    pub(super) graph: &'a Graph,
    pub(super) module: usize,
    /// Whether serde's traits are derived.
    pub(super) serde: bool,
    /// For each file, whether its structs keep unknown fields.
    pub(super) keeping: &'a [bool],
}

impl<'a> Scope<'a> {
    /// A name of the prelude, by its path if the module defines the same name.
    pub(super) fn std(&self, name: &'static str) -> Cow<'static, str> {
        if !self.defines(name) {
            return Cow::Borrowed(name);
        }
        let parent = match name {
            "Some" | "None" => "option::Option",
            "Ok" | "Err" => "result::Result",
            "Option" => "option",
            "Result" => "result",
            "String" => "string",
            "Vec" => "vec",
            "Box" => "boxed",
            "Default" => "default",
            "From" => "convert",
            _ => "marker",
        };
        Cow::Owned(format!("::std::{parent}::{name}"))
    }

    /// Whether the module hides a name of the prelude.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.names.modules[self.module].defines(name)
    }

    /// The path to a name in another module, relative so that the file can be included anywhere.
    pub(super) fn path(&self, module: usize, name: &str) -> String {
        let here = &self.names.modules[self.module].path;
        let there = &self.names.modules[module].path;
        let common = here.iter().zip(there).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("super", here.len() - common);
        let down = there[common..].iter().map(String::as_str);
        up.chain(down).chain([name]).collect::<Vec<_>>().join("::")
    }

    /// The name of the field for what a struct doesn't know, if it is to keep that.
    pub(super) fn unknown_field(&self, id: StructId) -> Option<String> {
        let item = &self.model[id];
        let keeps = self.keeping[item.file.index()] && item.kind != StructKind::Union;
        keeps.then(|| unknown_field_name(&item.fields))
    }

    /// Whether a field's value may share the frame it was decoded from.
    pub(super) fn may_share(&self, field: &Field, owner: &Annotations) -> bool {
        match self.model.resolve(&field.ty) {
            Type::String | Type::Binary => !Choice::of(field, owner).owned,
            ty => self.type_may_share(ty),
        }
    }

    fn type_may_share(&self, ty: &Type) -> bool {
        match self.model.resolve(ty) {
            Type::String | Type::Binary | Type::Struct(_) => true,
            Type::List(element) | Type::Set(element) => self.type_may_share(element),
            Type::Map(key, value) => self.type_may_share(key) || self.type_may_share(value),
            _ => false,
        }
    }

    pub(super) fn struct_path(&self, id: StructId) -> String {
        self.path(self.names.module_of(self.model[id].file), &self.names.structs[id.index()])
    }

    /// The type of a value that may be absent, boxed or neither.
    pub(super) fn field_type(&self, field: &Field, owner: &Annotations, keyed: bool) -> String {
        let inner = self.chosen_type(field, owner, keyed);
        let option = self.std("Option");
        match (is_boxed(field), field.requiredness) {
            (true, _) => format!("{option}<{}<{inner}>>", self.std("Box")),
            (false, Requiredness::Optional) => format!("{option}<{inner}>"),
            (false, _) => inner,
        }
    }

    /// The type of a value that an arm holds.
    pub(super) fn arm_type(&self, field: &Field, owner: &Annotations, keyed: bool) -> String {
        let inner = self.chosen_type(field, owner, keyed);
        if is_boxed(field) { format!("{}<{inner}>", self.std("Box")) } else { inner }
    }

    /// A type; in a key's position (`keyed`) doubles have a total order and containers an order.
    pub(super) fn ty(&self, ty: &Type, keyed: bool) -> String {
        let plain = match ty {
            Type::Bool => "bool",
            Type::I8 => "i8",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::Double if keyed => "rt::OrderedDouble",
            Type::Double => "f64",
            Type::String => "rt::FastStr",
            Type::Binary => "rt::Bytes",
            Type::Uuid => "rt::Uuid",
            Type::List(element) => return format!("{}<{}>", self.std("Vec"), self.ty(element, keyed)),
            Type::Set(element) => return format!("{}<{}>", set(keyed), self.ty(element, true)),
            Type::Map(key, value) => {
                return format!("{}<{}, {}>", map(keyed), self.ty(key, true), self.ty(value, keyed));
            }
            Type::Struct(id) => return self.struct_path(*id),
            Type::Enum(id) => {
                let module = self.names.module_of(self.model[*id].file);
                return self.path(module, &self.names.enums[id.index()]);
            }
            Type::Typedef(id) => {
                let typedef = &self.model[*id];
                if keyed && self.differs_in_key(&typedef.target) {
                    return self.ty(&typedef.target, true);
                }
                return self.path(self.names.module_of(typedef.file), &self.names.typedefs[id.index()]);
            }
        };
        plain.to_owned()
    }

    fn chosen_type(&self, field: &Field, owner: &Annotations, keyed: bool) -> String {
        let choice = Choice::of(field, owner);
        let ty = match self.model.resolve(&field.ty) {
            Type::String if choice.owned => self.std("String").into_owned(),
            Type::Binary if choice.owned => format!("{}<u8>", self.std("Vec")),
            Type::Set(element) if choice.ordered => format!("{}<{}>", set(true), self.ty(element, true)),
            Type::Map(key, value) if choice.ordered => {
                format!("{}<{}, {}>", map(true), self.ty(key, true), self.ty(value, keyed))
            }
            _ => self.ty(&field.ty, keyed),
        };
        if choice.shared { format!("rt::Arc<{ty}>") } else { ty }
    }

    fn differs_in_key(&self, ty: &Type) -> bool {
        match ty {
            Type::Double | Type::Set(_) | Type::Map(..) => true,
            Type::List(element) => self.differs_in_key(element),
            Type::Typedef(id) => self.differs_in_key(&self.model[*id].target),
            _ => false,
        }
    }
}

/// How annotations, on a field or on its whole struct, want a value to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choice {
    /// Maps and sets: `pilota.rust_type = "btree"`.
    pub(super) ordered: bool,
    /// Strings and binaries: `pilota.rust_type = "string"` and `"vec"`.
    pub(super) owned: bool,
    /// Anything: `pilota.rust_wrapper_arc = "true"`.
    pub(super) shared: bool,
}

impl Choice {
    pub(super) fn of(field: &Field, owner: &Annotations) -> Choice {
        let mut choice = Choice::default();
        for annotations in [owner, &field.type_annotations, &field.meta.annotations] {
            match annotations.get("pilota.rust_type") {
                Some("btree") => choice.ordered = true,
                Some("string" | "vec") => choice.owned = true,
                _ => {}
            }
            choice.shared |= matches!(annotations.get("pilota.rust_wrapper_arc"), Some("1" | "true"));
        }
        choice
    }
}

pub(super) fn set(ordered: bool) -> &'static str {
    if ordered { "rt::OrderedSet" } else { "rt::Set" }
}

pub(super) fn map(ordered: bool) -> &'static str {
    if ordered { "rt::OrderedMap" } else { "rt::Map" }
}
