//! One IDL file as written: nothing resolved, everything with its place.
//!
//! Order, comments and separators can be told from the spans and [`File::comments`], so that a formatter can
//! work on the same tree as the code generator.

pub use crate::model::{Annotation, Annotations, Docs, Meta, Requiredness, Span, StructKind};

pub use crate::lex::Comment;

/// A parsed file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    /// Lines in front of the first definition.
    pub headers: Vec<Header>,
    /// Definitions in order.
    pub items: Vec<Item>,
    /// All comments, in order.
    pub comments: Vec<Comment>,
    /// Documentation comment in front of the first header.
    pub docs: Docs,
}

/// A name or other text with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The text; of a string literal without quotes and escapes.
    pub text: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// A header line.
#[derive(Debug, Clone, PartialEq)]
pub enum Header {
    /// `include "PATH"`
    Include(Name, Span),
    /// `cpp_include "PATH"`
    CppInclude(Name, Span),
    /// `namespace LANG NAME`
    Namespace(Namespace),
}

/// `namespace LANG NAME (ANNOTATIONS)`
#[derive(Debug, Clone, PartialEq)]
pub struct Namespace {
    /// `*`, `rs`, `py.twisted`, …
    pub lang: Name,
    /// Dotted name.
    pub name: Name,
    /// Annotations behind it.
    pub annotations: Annotations,
    /// The whole line.
    pub span: Span,
}

/// A definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `typedef`
    Typedef(Typedef),
    /// `const`
    Const(Const),
    /// `enum`
    Enum(Enum),
    /// `struct`, `union`, `exception`
    Struct(Struct),
    /// `service`
    Service(Service),
}

/// `typedef TYPE NAME`
#[derive(Debug, Clone, PartialEq)]
pub struct Typedef {
    /// The new name.
    pub name: String,
    /// What it stands for.
    pub target: Type,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `const TYPE NAME = VALUE`
#[derive(Debug, Clone, PartialEq)]
pub struct Const {
    /// Its name.
    pub name: String,
    /// Declared type.
    pub ty: Type,
    /// Value as written.
    pub value: Value,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `enum NAME { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Enum {
    /// Its name.
    pub name: String,
    /// Values in order.
    pub values: Vec<EnumValue>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `NAME = NUMBER`
#[derive(Debug, Clone, PartialEq)]
pub struct EnumValue {
    /// Its name.
    pub name: String,
    /// The number, if written, and where.
    pub number: Option<(i64, Span)>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `struct NAME { … }` and its kin
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// Which of the three.
    pub kind: StructKind,
    /// Its name.
    pub name: String,
    /// `xsd_all` is written.
    pub xsd_all: bool,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `ID: REQUIREDNESS TYPE NAME = DEFAULT`
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The number, if written, and where.
    pub id: Option<(i64, Span)>,
    /// The keyword, if written, and where.
    pub requiredness: Option<(Requiredness, Span)>,
    /// Its type.
    pub ty: Type,
    /// `&` is written.
    pub reference: bool,
    /// Its name.
    pub name: String,
    /// Default as written.
    pub default: Option<Value>,
    /// Leftovers of XML schema support.
    pub xsd: Xsd,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `xsd_optional xsd_nillable xsd_attrs { … }`
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Xsd {
    /// `xsd_optional` is written.
    pub optional: bool,
    /// `xsd_nillable` is written.
    pub nillable: bool,
    /// Fields within `xsd_attrs`.
    pub attrs: Option<Vec<Field>>,
}

/// `service NAME extends BASE { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The service it extends.
    pub extends: Option<Name>,
    /// Functions in order.
    pub functions: Vec<Function>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// `oneway TYPE NAME(ARGS) throws (…)`
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Where `oneway` (or `async`) is written.
    pub oneway: Option<Span>,
    /// `None` for `void`.
    pub returns: Option<Type>,
    /// Its name.
    pub name: String,
    /// Arguments in order.
    pub args: Vec<Field>,
    /// Declared exceptions in order.
    pub throws: Vec<Field>,
    /// Docs, annotations, place.
    pub meta: Meta,
}

/// A type as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Annotations behind it.
    pub annotations: Annotations,
    /// Its text, annotations left out.
    pub span: Span,
}

/// The shapes of types.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// A type with a keyword of its own; never a container or a named one.
    Base(crate::model::Type),
    /// `list<T>`, perhaps with `cpp_type`
    List(Box<Type>, Option<Name>),
    /// `set<T>`
    Set(Box<Type>, Option<Name>),
    /// `map<K, V>`
    Map(Box<(Type, Type)>, Option<Name>),
    /// A name, perhaps qualified.
    Named(String),
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: ValueKind,
    /// Its text.
    pub span: Span,
}

/// The shapes of values.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueKind {
    /// `true`, `false`
    Bool(bool),
    /// A whole number, and whether it is hexadecimal.
    Int(i64, bool),
    /// A number with a point or exponent; may be infinite.
    Double(f64),
    /// A string, unescaped.
    String(String),
    /// The name of a constant or enum value.
    Name(String),
    /// `[ … ]`
    List(Vec<Value>),
    /// `{ … }`
    Map(Vec<(Value, Value)>),
}
