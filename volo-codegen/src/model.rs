//! The resolved IDL: every name bound, every constant evaluated, every rule checked.
//!
//! Items live in flat tables of [`Model`] and name each other by small ids, so a recursive IDL needs no
//! reference counting and an emitter can index: `model[struct_id].fields`. Tables and lists follow
//! declaration order (files in order of loading, roots first), so the same input gives the same model.
//! Names are the wire names, untouched: making them legal Rust is the emitter's business.

use std::ops::{Index, Range};

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident => $item:ident in $table:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(pub(crate) u32);

        impl $id {
            /// Position in the model's table, counted from 0.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl Index<$id> for Model {
            type Output = $item;

            fn index(&self, id: $id) -> &$item {
                &self.$table[id.index()]
            }
        }
    )*};
}

ids! {
    /// Names a [`File`]; the same number names its text in [`crate::source::SourceMap`].
    FileId => File in files;
    /// Names a [`Typedef`].
    TypedefId => Typedef in typedefs;
    /// Names a [`Const`].
    ConstId => Const in consts;
    /// Names an [`Enum`].
    EnumId => Enum in enums;
    /// Names a [`Struct`] (struct, union or exception).
    StructId => Struct in structs;
    /// Names a [`Service`].
    ServiceId => Service in services;
}

/// A place in a source file: a range of byte offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The byte range within the file's text.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// All files of one compilation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// Roots first, then included files in order of first inclusion.
    pub files: Vec<File>,
    /// All typedefs.
    pub typedefs: Vec<Typedef>,
    /// All constants.
    pub consts: Vec<Const>,
    /// All enums.
    pub enums: Vec<Enum>,
    /// All structs, unions and exceptions.
    pub structs: Vec<Struct>,
    /// All services.
    pub services: Vec<Service>,
}

impl Model {
    /// `ty` with typedefs at its top looked through: never a [`Type::Typedef`].
    /// Element types inside containers keep theirs.
    pub fn resolve<'a>(&'a self, ty: &'a Type) -> &'a Type {
        let mut ty = ty;
        while let Type::Typedef(id) = ty {
            // Always there in a finished model; during resolution a broken typedef stands for itself.
            let Some(typedef) = self.typedefs.get(id.index()) else { break };
            ty = &typedef.target;
        }
        ty
    }

    /// A service and the services it extends, the farthest ancestor first, the service itself last.
    pub fn lineage(&self, id: ServiceId) -> Vec<ServiceId> {
        let mut chain = vec![id];
        let mut at = id;
        while let Some(base) = self[at].extends {
            chain.push(base);
            at = base;
        }
        chain.reverse();
        chain
    }

    /// Every function callable on a service, inherited ones first.
    pub fn functions(&self, id: ServiceId) -> impl Iterator<Item = &Function> {
        self.lineage(id).into_iter().flat_map(|service| &self[service].functions)
    }
}

/// One IDL file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The path it was loaded by, as it appears in messages.
    pub path: String,
    /// File name without directory and extension: what other files qualify its names with (`stem.Name`).
    pub stem: String,
    /// True if asked for by the caller, false if only included.
    pub root: bool,
    /// `namespace` lines in order, of all languages.
    pub namespaces: Vec<Namespace>,
    /// Where the generated code belongs: segments of the `rs` namespace, else of `*`, else the file stem.
    /// Never empty; segments are as written and may need escaping.
    pub rust_module: Vec<String>,
    /// Files included directly, in order, without repeats.
    pub includes: Vec<FileId>,
    /// Everything declared here, in order.
    pub items: Vec<Item>,
    /// Comment at the top of the file that belongs to no item.
    pub docs: Docs,
}

/// A `namespace LANG NAME` line.
#[derive(Debug, Clone, PartialEq)]
pub struct Namespace {
    /// The language as written: `rs`, `go`, `*`, …
    pub lang: String,
    /// Dotted name.
    pub name: String,
    /// Annotations behind the name.
    pub annotations: Annotations,
    /// The whole line.
    pub span: Span,
}

/// Names an item of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Item {
    /// A typedef.
    Typedef(TypedefId),
    /// A constant.
    Const(ConstId),
    /// An enum.
    Enum(EnumId),
    /// A struct, union or exception.
    Struct(StructId),
    /// A service.
    Service(ServiceId),
}

/// What every declared thing carries beside its meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// The documentation comment in front of it.
    pub docs: Docs,
    /// Annotations behind it.
    pub annotations: Annotations,
    /// Its whole text.
    pub span: Span,
    /// Its name alone.
    pub name_span: Span,
}

/// A documentation comment without its markers and common indentation; lines joined by `\n`, no blank lines
/// at either end. `None` if there is none.
pub type Docs = Option<String>;

/// Annotations in order, repeats kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations(pub Vec<Annotation>);

impl Annotations {
    /// The last value given for `key`. An annotation without a value has the value `"1"`, as with Apache.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|a| a.key == key).map(|a| a.value.as_str())
    }
}

/// One `key = "value"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Dotted key.
    pub key: String,
    /// Unquoted value; `"1"` if the IDL gives none.
    pub value: String,
    /// Key and value.
    pub span: Span,
}

/// `typedef TARGET NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Typedef {
    /// File it is declared in.
    pub file: FileId,
    /// The new name.
    pub name: String,
    /// What it stands for; may be another typedef, chains are finite.
    pub target: Type,
    /// Annotations on the target type, in front of the name.
    pub type_annotations: Annotations,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `const TYPE NAME = VALUE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Const {
    /// File it is declared in.
    pub file: FileId,
    /// Its name.
    pub name: String,
    /// Declared type.
    pub ty: Type,
    /// The evaluated value; fits `ty`.
    pub value: Value,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// An enum.
#[derive(Debug, Clone, PartialEq)]
pub struct Enum {
    /// File it is declared in.
    pub file: FileId,
    /// Its name.
    pub name: String,
    /// Values in order; names are unique, numbers need not be.
    pub values: Vec<EnumValue>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// One value of an enum.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumValue {
    /// Its name.
    pub name: String,
    /// Its number, explicit or counted.
    pub number: i32,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// A struct, union or exception.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// File it is declared in.
    pub file: FileId,
    /// Which of the three.
    pub kind: StructKind,
    /// Its name.
    pub name: String,
    /// Fields in declaration order; names and ids are unique.
    pub fields: Vec<Field>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// The three things with fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StructKind {
    /// Any number of its fields is set.
    Struct,
    /// Exactly one field is set; every field is [`Requiredness::Optional`].
    Union,
    /// A struct that can be thrown.
    Exception,
}

/// A field of a struct, an argument, or a declared exception of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Number on the wire. Positive, unless the IDL gives none or one below 1: such fields are numbered -1,
    /// -2, … in order of declaration, as Apache does.
    pub id: i16,
    /// Name on the wire.
    pub name: String,
    /// As declared; always `Optional` in unions, `Required` or `Default` for arguments, `Default` for
    /// declared exceptions.
    pub requiredness: Requiredness,
    /// Its type.
    pub ty: Type,
    /// Annotations on the type, in front of the name.
    pub type_annotations: Annotations,
    /// The evaluated default; fits `ty`.
    pub default: Option<Value>,
    /// Declared with `&`.
    pub reference: bool,
    /// The field closes a cycle of structs that no container breaks: without indirection the struct would
    /// have no finite size. Independent of `reference`.
    pub boxed: bool,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requiredness {
    /// Must be on the wire.
    Required,
    /// May be absent, and absence is visible.
    Optional,
    /// Nothing written: always sent, a missing one is taken as its default.
    Default,
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// File it is declared in.
    pub file: FileId,
    /// Its name.
    pub name: String,
    /// The service whose functions it inherits; chains are finite.
    pub extends: Option<ServiceId>,
    /// Own functions in order; names are unique, also among inherited ones.
    pub functions: Vec<Function>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// A function of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Name on the wire.
    pub name: String,
    /// No reply is sent; then `returns` is `None` and `throws` is empty.
    pub oneway: bool,
    /// Result type, `None` for `void`.
    pub returns: Option<Type>,
    /// Annotations on the result type.
    pub type_annotations: Annotations,
    /// Arguments in order.
    pub args: Vec<Field>,
    /// Declared exceptions in order; each type resolves to a struct of kind `Exception`.
    pub throws: Vec<Field>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// A type with all names bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`
    Bool,
    /// `i8` and `byte`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `double`
    Double,
    /// `string`
    String,
    /// `binary`
    Binary,
    /// `uuid`
    Uuid,
    /// `list<T>`
    List(Box<Type>),
    /// `set<T>`
    Set(Box<Type>),
    /// `map<K, V>`
    Map(Box<Type>, Box<Type>),
    /// A struct, union or exception.
    Struct(StructId),
    /// An enum.
    Enum(EnumId),
    /// A name for another type, see [`Model::resolve`].
    Typedef(TypedefId),
}

/// An evaluated constant. Its shape is that of the type it was checked against, typedefs looked through.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// For `bool`; the numbers 0 and 1 have become false and true.
    Bool(bool),
    /// For `i8`.
    I8(i8),
    /// For `i16`.
    I16(i16),
    /// For `i32`.
    I32(i32),
    /// For `i64`.
    I64(i64),
    /// For `double`; integer literals have been converted. Always finite.
    Double(f64),
    /// For `string`, unescaped.
    String(String),
    /// For `binary`, unescaped.
    Binary(Vec<u8>),
    /// For `uuid`.
    Uuid([u8; 16]),
    /// For an enum: its id and the number, which is one of its values.
    Enum(EnumId, i32),
    /// For `list`.
    List(Vec<Value>),
    /// For `set`, without repeats, in the order written.
    Set(Vec<Value>),
    /// For `map`, keys without repeats, in the order written.
    Map(Vec<(Value, Value)>),
    /// For a struct, union or exception: the fields given, by position in [`Struct::fields`], ascending.
    /// Fields not given keep their own defaults. A union has exactly one.
    Struct(StructId, Vec<(usize, Value)>),
}

impl Model {
    /// A type as the IDL writes it, named ones by their plain name.
    pub fn idl_name(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::I8 => "i8".to_owned(),
            Type::I16 => "i16".to_owned(),
            Type::I32 => "i32".to_owned(),
            Type::I64 => "i64".to_owned(),
            Type::Double => "double".to_owned(),
            Type::String => "string".to_owned(),
            Type::Binary => "binary".to_owned(),
            Type::Uuid => "uuid".to_owned(),
            Type::List(element) => format!("list<{}>", self.idl_name(element)),
            Type::Set(element) => format!("set<{}>", self.idl_name(element)),
            Type::Map(key, value) => format!("map<{}, {}>", self.idl_name(key), self.idl_name(value)),
            Type::Struct(id) => self[*id].name.clone(),
            Type::Enum(id) => self[*id].name.clone(),
            Type::Typedef(id) => {
                self.typedefs.get(id.index()).map_or("?", |typedef| &typedef.name).to_owned()
            }
        }
    }
}
