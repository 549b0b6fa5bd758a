//! A schema from the text that the generator writes. The text may come from a peer, so nothing in it is believed.

use volo_core::{Error, Result};

use super::{
    encode,
    node::Node,
    schema::{
        EnumType, FieldType, IdlFile, MethodType, Schema, ServiceType, StructKind, StructType, TypeRef,
    },
};

/// Levels of containers in a type.
const TYPE_DEPTH_MAX: usize = 32;

/// Bytes of one default, and of all.
const DEFAULT_MAX: usize = 1 << 20;
const DEFAULTS_MAX: usize = 16 << 20;

impl Schema {
    /// A schema from the generator's description of an IDL: the constant `SCHEMA` of generated code, or the text that
    /// a server with reflection sends.
    ///
    /// # Errors
    /// A protocol error that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Schema> {
        let root = Node::parse(text, "default").map_err(|(error, at)| {
            let place = super::place(text, at);
            Error::protocol(format!("not a schema: {place}: {}", super::json_problem(&error)))
        })?;
        if root.get("version").and_then(Node::number) != Some(1) {
            return Err(fault("its version isn't 1", ""));
        }
        let mut schema = Schema::default();
        let (enums, structs) = (items(&root, "enums")?, items(&root, "structs")?);
        let counts = Counts { enums: enums.len(), structs: structs.len() };
        schema.files = items(&root, "files")?.iter().map(file).collect::<Result<_>>()?;
        schema.enums = enums.iter().map(enum_type).collect::<Result<_>>()?;
        let mut defaults = Vec::new();
        for (index, node) in structs.iter().enumerate() {
            schema.structs.push(struct_type(node, counts, Owner::Struct(index), &mut defaults)?);
        }
        for (index, node) in items(&root, "services")?.iter().enumerate() {
            schema.services.push(service(node, counts, index, &mut defaults)?);
        }
        schema.set_defaults(defaults)?;
        Ok(schema)
    }

    /// Encodes the defaults, which are JSON of types that are all known only now.
    fn set_defaults(&mut self, defaults: Vec<Default<'_>>) -> Result<()> {
        let mut left = DEFAULTS_MAX;
        for Default { owner, field, text } in defaults {
            let (name, ty) = {
                let field = &self.fields_of(owner)[field];
                (field.name.clone(), field.ty.clone())
            };
            let bytes = encode::value(self, &ty, text, DEFAULT_MAX.min(left))
                .map_err(|error| fault("bad default", &name).with_source(error))?;
            left -= bytes.len();
            self.fields_of(owner)[field].default = Some(bytes.into());
        }
        Ok(())
    }

    fn fields_of(&mut self, owner: Owner) -> &mut [FieldType] {
        match owner {
            Owner::Struct(index) => &mut self.structs[index].fields,
            Owner::Args(service, method) => &mut self.services[service].methods[method].args.fields,
            Owner::Result(service, method) => &mut self.services[service].methods[method].result.fields,
        }
    }
}

#[derive(Clone, Copy)]
struct Counts {
    enums: usize,
    structs: usize,
}

/// Whose field a default is for.
#[derive(Clone, Copy)]
enum Owner {
    Struct(usize),
    Args(usize, usize),
    Result(usize, usize),
}

struct Default<'j> {
    owner: Owner,
    field: usize,
    text: &'j str,
}

fn file(node: &Node<'_>) -> Result<IdlFile> {
    let text = node.get("text").and_then(Node::text).map(str::to_owned);
    Ok(IdlFile { name: text_of(node, "path")?, text })
}

fn enum_type(node: &Node<'_>) -> Result<EnumType> {
    let name = text_of(node, "name")?;
    let value = |node: &Node<'_>| match node.list()? {
        [name, number] => Some((name.text()?.to_owned(), number.number()?)),
        _ => None,
    };
    let values = items(node, "values")?.iter().map(value).collect::<Option<Vec<_>>>();
    Ok(EnumType::new(name.clone(), values.ok_or_else(|| fault("bad values of enum", &name))?))
}

fn service<'j>(
    node: &Node<'j>,
    counts: Counts,
    index: usize,
    defaults: &mut Vec<Default<'j>>,
) -> Result<ServiceType> {
    let methods = items(node, "methods")?.iter().enumerate().map(|(at, node)| {
        let name = text_of(node, "name")?;
        let args = fields(items(node, "args")?, counts, Owner::Args(index, at), defaults)?;
        let mut result = fields(items(node, "throws")?, counts, Owner::Result(index, at), defaults)?;
        if let Some(returns) = node.get("returns") {
            let ty = type_ref(returns.text().unwrap_or_default(), counts)?;
            // Not first in the list: defaults of exceptions go by position.
            result.push(FieldType {
                id: 0,
                name: "success".to_owned(),
                ty,
                required: false,
                optional: true,
                docs: None,
                default: None,
            });
        }
        Ok(MethodType {
            docs: docs(node),
            oneway: matches!(node.get("oneway"), Some(Node::Bool(true))),
            idempotent: matches!(node.get("idempotent"), Some(Node::Bool(true))),
            args: StructType::new(format!("{name}_args"), StructKind::Struct, args),
            result: StructType::new(format!("{name}_result"), StructKind::Union, result),
            name,
        })
    });
    Ok(ServiceType {
        name: text_of(node, "name")?,
        docs: docs(node),
        methods: methods.collect::<Result<_>>()?,
    })
}

fn struct_type<'j>(
    node: &Node<'j>,
    counts: Counts,
    owner: Owner,
    defaults: &mut Vec<Default<'j>>,
) -> Result<StructType> {
    let name = text_of(node, "name")?;
    let kind = match node.get("kind").and_then(Node::text) {
        Some("struct") => StructKind::Struct,
        Some("union") => StructKind::Union,
        Some("exception") => StructKind::Exception,
        _ => return Err(fault("bad kind of struct", &name)),
    };
    let fields = fields(items(node, "fields")?, counts, owner, defaults)?;
    Ok(StructType::new(name, kind, fields))
}

fn fields<'j>(
    nodes: &[Node<'j>],
    counts: Counts,
    owner: Owner,
    defaults: &mut Vec<Default<'j>>,
) -> Result<Vec<FieldType>> {
    let field = |(at, node): (usize, &Node<'j>)| {
        let name = text_of(node, "name")?;
        let id = node.get("id").and_then(Node::number).ok_or_else(|| fault("bad id of field", &name))?;
        let ty = type_ref(&text_of(node, "type")?, counts)?;
        if let Some(Node::Source(text)) = node.get("default") {
            defaults.push(Default { owner, field: at, text });
        }
        let requiredness = node.get("req").and_then(Node::text);
        Ok(FieldType {
            id,
            name,
            ty,
            required: requiredness == Some("required"),
            optional: requiredness == Some("optional"),
            docs: docs(node),
            default: None,
        })
    };
    nodes.iter().enumerate().map(field).collect()
}

fn type_ref(text: &str, counts: Counts) -> Result<TypeRef> {
    let mut rest = text;
    match read_type(&mut rest, counts, TYPE_DEPTH_MAX) {
        Some(ty) if rest.is_empty() => Ok(ty),
        _ => Err(fault("bad type", text)),
    }
}

fn read_type(rest: &mut &str, counts: Counts, depth: usize) -> Option<TypeRef> {
    let depth = depth.checked_sub(1)?;
    let end = rest.find(['<', ',', '>']).unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    *rest = behind;
    let mut argument = |open| {
        *rest = rest.strip_prefix(open)?;
        read_type(rest, counts, depth)
    };
    let generic = match name {
        "list" => TypeRef::List(Box::new(argument('<')?)),
        "set" => TypeRef::Set(Box::new(argument('<')?)),
        "map" => {
            let key = argument('<')?;
            TypeRef::Map(Box::new((key, argument(',')?)))
        }
        _ => return plain_type(name, counts),
    };
    *rest = rest.strip_prefix('>')?;
    Some(generic)
}

fn plain_type(name: &str, counts: Counts) -> Option<TypeRef> {
    let index = |text: &str, count| text.parse().ok().filter(|index| *index < count);
    Some(match name {
        "bool" => TypeRef::Bool,
        "i8" => TypeRef::I8,
        "i16" => TypeRef::I16,
        "i32" => TypeRef::I32,
        "i64" => TypeRef::I64,
        "double" => TypeRef::Double,
        "string" => TypeRef::String,
        "binary" => TypeRef::Binary,
        "uuid" => TypeRef::Uuid,
        _ => match name.split_once(':')? {
            ("struct", at) => TypeRef::Struct(index(at, counts.structs)?),
            ("enum", at) => TypeRef::Enum(index(at, counts.enums)?),
            _ => return None,
        },
    })
}

fn items<'n, 'j>(node: &'n Node<'j>, key: &str) -> Result<&'n [Node<'j>]> {
    node.get(key).and_then(Node::list).ok_or_else(|| fault("no list of", key))
}

fn text_of(node: &Node<'_>, key: &str) -> Result<String> {
    node.get(key).and_then(Node::text).map(str::to_owned).ok_or_else(|| fault("no text for", key))
}

fn docs(node: &Node<'_>) -> Option<String> {
    node.get("docs").and_then(Node::text).map(str::to_owned)
}

fn fault(what: &str, name: &str) -> Error {
    Error::protocol(format!("not a schema: {what} {name}").trim_end().to_owned())
}
