//! What services look like, known at run time.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::json::{Key, Prefix};
use crate::protocol::Type;

/// The services of an IDL, with all types that their methods use.
///
/// Made from the text that the generator writes ([`Schema::parse`]), be it at build time, by a tool that reads IDL, or
/// by a server that describes itself.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(super) files: Vec<IdlFile>,
    pub(super) enums: Vec<EnumType>,
    pub(super) structs: Vec<StructType>,
    pub(super) services: Vec<ServiceType>,
}

impl Schema {
    /// All services, those of included files too.
    pub fn services(&self) -> &[ServiceType] {
        &self.services
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&ServiceType> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The files it was made from.
    pub fn files(&self) -> &[IdlFile] {
        &self.files
    }

    /// A type as the IDL writes it.
    pub fn type_name(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Bool => "bool".to_owned(),
            TypeRef::I8 => "i8".to_owned(),
            TypeRef::I16 => "i16".to_owned(),
            TypeRef::I32 => "i32".to_owned(),
            TypeRef::I64 => "i64".to_owned(),
            TypeRef::Double => "double".to_owned(),
            TypeRef::String => "string".to_owned(),
            TypeRef::Binary => "binary".to_owned(),
            TypeRef::Uuid => "uuid".to_owned(),
            TypeRef::List(element) => format!("list<{}>", self.type_name(element)),
            TypeRef::Set(element) => format!("set<{}>", self.type_name(element)),
            TypeRef::Map(pair) => format!("map<{}, {}>", self.type_name(&pair.0), self.type_name(&pair.1)),
            TypeRef::Struct(index) => self.structs[*index].name.clone(),
            TypeRef::Enum(index) => self.enums[*index].name.clone(),
        }
    }
}

/// A file of IDL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdlFile {
    /// Its name without folders.
    pub name: String,
    /// Its text, if whoever made the schema gave it away.
    pub text: Option<String>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServiceType {
    /// Its name as the IDL has it.
    pub name: String,
    /// The comment in front of it.
    pub docs: Option<String>,
    /// Its methods, inherited ones first.
    pub methods: Vec<MethodType>,
}

impl ServiceType {
    /// The method of this name.
    pub fn method(&self, name: &str) -> Option<&MethodType> {
        self.methods.iter().find(|method| method.name == name)
    }
}

/// A method.
#[derive(Clone, Debug)]
pub struct MethodType {
    /// Its name as the IDL has it.
    pub name: String,
    /// The comment in front of it.
    pub docs: Option<String>,
    /// Whether no reply is sent.
    pub oneway: bool,
    /// Whether it may be executed twice with the effect of once.
    pub idempotent: bool,
    /// Its arguments, as the struct they travel in.
    pub args: StructType,
    /// Its result: field 0 unless it is `void`, and its declared exceptions.
    pub result: StructType,
}

/// A struct, union or exception.
#[derive(Clone, Debug)]
pub struct StructType {
    /// Its name as the IDL has it.
    pub name: String,
    /// Which of the three.
    pub kind: StructKind,
    /// Its fields in order of declaration.
    pub fields: Vec<FieldType>,
    /// How each field is spelled in JSON.
    pub(super) keys: Vec<Key>,
    prefixes: Vec<Prefix>,
    /// A bit for each of the first fields that something is to be done for if it isn't given.
    pub(super) needed: u128,
    /// Whether there is such a field beyond.
    pub(super) needs_more: bool,
    by_name: HashMap<String, usize, RandomState>,
    /// The head of each field in Binary, and a byte more.
    pub(super) heads: Vec<[u8; 4]>,
    /// Places and types of fields with small ids, by id; `NOWHERE` for others.
    near: Vec<(u16, Type)>,
    by_id: HashMap<i16, usize, RandomState>,
}

/// Ids below this are found by looking in a table.
const NEAR: usize = 1024;

const NOWHERE: u16 = u16::MAX;

/// How many fields are looked at for a key before all are searched by name: those in between may be absent.
const LOOK_AHEAD: usize = 16;

/// What a struct is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructKind {
    /// Any of its fields may be set.
    Struct,
    /// Exactly one is.
    Union,
    /// It can be thrown.
    Exception,
}

impl StructType {
    pub(super) fn new(name: String, kind: StructKind, fields: Vec<FieldType>) -> Self {
        let by_name = fields.iter().enumerate().map(|(at, field)| (field.name.clone(), at)).collect();
        let by_id = fields.iter().enumerate().map(|(at, field)| (field.id, at)).collect();
        let keys: Vec<Key> = fields.iter().map(|field| Key::new(&field.name)).collect();
        let prefixes = keys.iter().map(Key::prefix).collect();
        let heads = fields.iter().map(FieldType::head).collect();
        let mut near = Vec::new();
        for (at, field) in fields.iter().enumerate() {
            let id = usize::try_from(field.id).ok().filter(|id| *id < NEAR);
            if let (Some(id), Ok(at)) = (id, u16::try_from(at)) {
                near.resize(near.len().max(id + 1), (NOWHERE, Type::Bool));
                near[id] = (at, field.ty.wire_type());
            }
        }
        // Defaults are known only later.
        let is_needed = |field: &FieldType| field.required || !field.optional;
        let first = fields.iter().take(128).enumerate().filter(|(_, field)| is_needed(field));
        let needed = first.fold(0, |bits, (at, _)| bits | 1 << at);
        let needs_more = fields.iter().skip(128).any(is_needed);
        StructType { name, kind, fields, keys, prefixes, needed, needs_more, by_name, heads, near, by_id }
    }

    /// The field whose key a text begins with, and how long that is; `guess` is where it is looked for first. `None`
    /// if it is none of those near there, or spelled in another way.
    #[inline(always)]
    pub(super) fn spelled(&self, text: &[u8], guess: usize) -> Option<(usize, usize)> {
        let word = u64::from_le_bytes(*text.first_chunk()?);
        let near = self.prefixes.get(guess..)?.iter().take(LOOK_AHEAD);
        let mut found = near.enumerate().filter(|(_, prefix)| prefix.matches(word));
        found.find_map(|(at, _)| Some((guess + at, self.keys[guess + at].begins(text)?)))
    }

    /// The field of this name; `guess` is where it is looked for first.
    #[inline]
    pub(super) fn named(&self, name: &str, guess: usize) -> Option<usize> {
        match self.fields.get(guess) {
            Some(field) if field.name == name => Some(guess),
            _ => self.by_name.get(name).copied(),
        }
    }

    /// The field of this id, and its type on the wire.
    #[inline]
    pub(super) fn numbered(&self, id: i16) -> Option<(usize, Type)> {
        match self.near.get(usize::try_from(id).unwrap_or(usize::MAX)) {
            Some((NOWHERE, _)) => None,
            Some((at, ty)) => Some((usize::from(*at), *ty)),
            None => self.by_id.get(&id).map(|at| (*at, self.fields[*at].ty.wire_type())),
        }
    }
}

/// A field.
#[derive(Clone, Debug)]
pub struct FieldType {
    /// Its number on the wire.
    pub id: i16,
    /// Its name, also in JSON.
    pub name: String,
    /// Its type.
    pub ty: TypeRef,
    /// Whether a message without it is refused.
    pub required: bool,
    /// Whether its absence has a meaning.
    pub optional: bool,
    /// The comment in front of it.
    pub docs: Option<String>,
    /// Its default, encoded in Binary; what is written for a field that isn't optional and isn't given.
    pub(super) default: Option<Box<[u8]>>,
}

impl FieldType {
    fn head(&self) -> [u8; 4] {
        let [high, low] = self.id.to_be_bytes();
        [self.ty.wire_type() as u8, high, low, 0]
    }
}

/// An enum.
#[derive(Clone, Debug)]
pub struct EnumType {
    /// Its name as the IDL has it.
    pub name: String,
    /// Its values in order of declaration.
    pub values: Vec<(String, i32)>,
    by_name: HashMap<String, i32, RandomState>,
    by_number: HashMap<i32, usize, RandomState>,
}

impl EnumType {
    pub(super) fn new(name: String, values: Vec<(String, i32)>) -> Self {
        let by_name = values.iter().cloned().collect();
        let mut by_number = HashMap::default();
        for (at, (_, number)) in values.iter().enumerate() {
            by_number.entry(*number).or_insert(at);
        }
        EnumType { name, values, by_name, by_number }
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).copied()
    }

    /// The first name of a number.
    pub fn value_name(&self, number: i32) -> Option<&str> {
        self.by_number.get(&number).map(|at| self.values[*at].0.as_str())
    }
}

/// A type, typedefs looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeRef {
    /// `bool`
    Bool,
    /// `i8`, `byte`
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
    /// `list<…>`
    List(Box<TypeRef>),
    /// `set<…>`
    Set(Box<TypeRef>),
    /// `map<…, …>`
    Map(Box<(TypeRef, TypeRef)>),
    /// A struct, union or exception by its place in the schema.
    Struct(usize),
    /// An enum by its place in the schema.
    Enum(usize),
}

impl TypeRef {
    /// What it is on the wire.
    pub fn wire_type(&self) -> Type {
        match self {
            TypeRef::Bool => Type::Bool,
            TypeRef::I8 => Type::I8,
            TypeRef::I16 => Type::I16,
            TypeRef::I32 | TypeRef::Enum(_) => Type::I32,
            TypeRef::I64 => Type::I64,
            TypeRef::Double => Type::Double,
            TypeRef::String | TypeRef::Binary => Type::String,
            TypeRef::Uuid => Type::Uuid,
            TypeRef::List(_) => Type::List,
            TypeRef::Set(_) => Type::Set,
            TypeRef::Map(_) => Type::Map,
            TypeRef::Struct(_) => Type::Struct,
        }
    }

    /// Whether a key of a JSON object can spell it.
    pub(super) fn is_plain(&self) -> bool {
        !matches!(self, TypeRef::List(_) | TypeRef::Set(_) | TypeRef::Map(_) | TypeRef::Struct(_))
    }
}
