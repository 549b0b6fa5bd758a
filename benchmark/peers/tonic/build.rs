//! Generates prost messages from the shared Thrift IDL, so that all systems carry the same fields.
//!
//! A field has its Thrift id as tag and name (`f7`). Protobuf has no map of lists; such a field, of one message
//! that no case measures, is left out.

use std::{env, fmt::Write, fs, path::Path};

use volo_codegen::{
    load,
    model::{Field, Model, Requiredness, Struct, Type},
    source::FileSource,
};

fn main() {
    let roots = ["echo", "telemetry", "tmf620", "tmf622"];
    let roots = roots.map(|stem| format!("../../../examples/idl/{stem}.thrift"));
    roots.iter().for_each(|root| println!("cargo:rerun-if-changed={root}"));
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    let model = load(&roots, &FileSource::new(Vec::<&str>::new())).model.expect("the IDL has no errors");
    let mut text = String::new();
    for item in &model.structs {
        message(&mut text, &model, item).expect("a string takes all text");
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("messages.rs"), text).expect("OUT_DIR can be written");
}

fn message(text: &mut String, model: &Model, item: &Struct) -> std::fmt::Result {
    writeln!(text, "#[derive(Clone, PartialEq, ::prost::Message)]\npub struct {} {{", item.name)?;
    for field in &item.fields {
        if let Some((attribute, ty)) = shape(model, field) {
            writeln!(text, "    #[prost({attribute}, tag = \"{0}\")]\n    pub f{0}: {ty},", field.id)?;
        }
    }
    writeln!(text, "}}")
}

/// The attribute and the Rust type of a field.
fn shape(model: &Model, field: &Field) -> Option<(String, String)> {
    let of = |ty: &Type| scalar(model, ty);
    Some(match model.resolve(&field.ty) {
        Type::List(element) | Type::Set(element) => {
            let (kind, ty) = of(element)?;
            (format!("{kind}, repeated"), format!("Vec<{ty}>"))
        }
        Type::Map(key, value) => {
            let ((key, key_type), (value, value_type)) = (of(key)?, of(value)?);
            (
                format!("map = \"{key}, {value}\""),
                format!("std::collections::HashMap<{key_type}, {value_type}>"),
            )
        }
        ty => {
            let (kind, name) = of(ty)?;
            let boxed = field.boxed || field.reference;
            match (field.requiredness, boxed) {
                (_, true) => (format!("{kind}, optional, boxed"), format!("Option<Box<{name}>>")),
                (Requiredness::Optional, _) => (format!("{kind}, optional"), format!("Option<{name}>")),
                (Requiredness::Required, _) => (format!("{kind}, required"), name),
                (Requiredness::Default, _) if kind == "message" => {
                    (format!("{kind}, optional"), format!("Option<{name}>"))
                }
                (Requiredness::Default, _) => (kind.to_owned(), name),
            }
        }
    })
}

/// The kind and the Rust type of what is no container.
fn scalar(model: &Model, ty: &Type) -> Option<(&'static str, String)> {
    Some(match model.resolve(ty) {
        Type::Bool => ("bool", "bool".to_owned()),
        Type::I8 | Type::I16 | Type::I32 | Type::Enum(_) => ("int32", "i32".to_owned()),
        Type::I64 => ("int64", "i64".to_owned()),
        Type::Double => ("double", "f64".to_owned()),
        Type::String => ("string", "String".to_owned()),
        Type::Binary | Type::Uuid => ("bytes = \"bytes\"", "::bytes::Bytes".to_owned()),
        Type::Struct(id) => ("message", model[*id].name.clone()),
        Type::List(_) | Type::Set(_) | Type::Map(..) | Type::Typedef(_) => return None,
    })
}
