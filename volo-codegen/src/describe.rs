//! The resolved IDL as JSON, for programs that meet a service at run time: generic clients, reflection, gateways.
//!
//! ```json
//! {"version":1,
//!  "files":[{"path":"item.thrift","text":"…"}],
//!  "enums":[{"name":"Status","values":[["OK",0],["GONE",1]]}],
//!  "structs":[{"name":"Item","kind":"struct","fields":[{"id":1,"name":"id","type":"i64","req":"required"}]}],
//!  "services":[{"name":"ItemService","docs":"…","methods":[
//!    {"name":"get","args":[…],"returns":"struct:0","throws":[…],"oneway":false,"idempotent":true}]}]}
//! ```
//! Types are written as in the IDL, with named ones by their place in the lists: `map<string,list<struct:3>>`. A field
//! with a default has it as `"default"`: a plain JSON value of the field's type, as in the JSON form of a message.

use std::fmt::Write;

use crate::{
    model::{Docs, Field, FileId, Function, Item, Model, Requiredness, StructKind, Type, Value},
    source::SourceMap,
};

/// The model as JSON, in one line; with the files' texts if `sources` are given.
pub fn describe(model: &Model, sources: Option<&SourceMap>) -> String {
    let mut out = String::from("{\"version\":1,\"files\":");
    list(&mut out, model.files.iter().enumerate(), |out, (index, file)| {
        // The folder it was read from is nobody's business but the builder's.
        let name = file.path.rsplit(['/', '\\']).next().unwrap_or(&file.path);
        out.push_str("{\"path\":");
        string(out, name);
        if let Some(sources) = sources {
            out.push_str(",\"text\":");
            string(out, &sources.file(FileId(index as u32)).text);
        }
        out.push('}');
    });
    out.push_str(",\"enums\":");
    list(&mut out, &model.enums, |out, item| {
        out.push_str("{\"name\":");
        string(out, &item.name);
        out.push_str(",\"values\":");
        list(out, &item.values, |out, value| {
            out.push('[');
            string(out, &value.name);
            let _ = write!(out, ",{}]", value.number);
        });
        out.push('}');
    });
    out.push_str(",\"structs\":");
    list(&mut out, &model.structs, |out, item| {
        out.push_str("{\"name\":");
        string(out, &item.name);
        out.push_str(match item.kind {
            StructKind::Struct => ",\"kind\":\"struct\",\"fields\":",
            StructKind::Union => ",\"kind\":\"union\",\"fields\":",
            StructKind::Exception => ",\"kind\":\"exception\",\"fields\":",
        });
        fields(out, model, &item.fields);
        out.push('}');
    });
    out.push_str(",\"services\":");
    let services = model.files.iter().flat_map(|file| &file.items).filter_map(|item| match item {
        Item::Service(id) => Some(*id),
        _ => None,
    });
    list(&mut out, services, |out, id| {
        out.push_str("{\"name\":");
        string(out, &model[id].name);
        docs(out, &model[id].meta.docs);
        out.push_str(",\"methods\":");
        list(out, model.functions(id), |out, function| method(out, model, function));
        out.push('}');
    });
    out.push('}');
    out
}

fn method(out: &mut String, model: &Model, function: &Function) {
    out.push_str("{\"name\":");
    string(out, &function.name);
    docs(out, &function.meta.docs);
    out.push_str(",\"args\":");
    fields(out, model, &function.args);
    if let Some(returns) = &function.returns {
        out.push_str(",\"returns\":\"");
        type_name(out, model, returns);
        out.push('"');
    }
    out.push_str(",\"throws\":");
    fields(out, model, &function.throws);
    let idempotent = matches!(function.meta.annotations.get("rpc.idempotent"), Some("1" | "true"));
    let _ = write!(out, ",\"oneway\":{},\"idempotent\":{idempotent}}}", function.oneway);
}

fn fields(out: &mut String, model: &Model, fields: &[Field]) {
    list(out, fields, |out, field| {
        let _ = write!(out, "{{\"id\":{},\"name\":", field.id);
        string(out, &field.name);
        out.push_str(",\"type\":\"");
        type_name(out, model, &field.ty);
        out.push_str(match field.requiredness {
            Requiredness::Required => "\",\"req\":\"required\"",
            Requiredness::Optional => "\",\"req\":\"optional\"",
            Requiredness::Default => "\",\"req\":\"default\"",
        });
        if let Some(default) = &field.default {
            out.push_str(",\"default\":");
            value(out, model, default);
        }
        docs(out, &field.meta.docs);
        out.push('}');
    });
}

fn type_name(out: &mut String, model: &Model, ty: &Type) {
    match model.resolve(ty) {
        Type::Bool => out.push_str("bool"),
        Type::I8 => out.push_str("i8"),
        Type::I16 => out.push_str("i16"),
        Type::I32 => out.push_str("i32"),
        Type::I64 => out.push_str("i64"),
        Type::Double => out.push_str("double"),
        Type::String => out.push_str("string"),
        Type::Binary => out.push_str("binary"),
        Type::Uuid => out.push_str("uuid"),
        Type::List(element) => generic(out, model, "list", &[element]),
        Type::Set(element) => generic(out, model, "set", &[element]),
        Type::Map(key, value) => generic(out, model, "map", &[key, value]),
        Type::Struct(id) => {
            let _ = write!(out, "struct:{}", id.index());
        }
        Type::Enum(id) => {
            let _ = write!(out, "enum:{}", id.index());
        }
        // A finished model has no typedef that resolves to none.
        Type::Typedef(_) => out.push('?'),
    }
}

fn generic(out: &mut String, model: &Model, name: &str, arguments: &[&Type]) {
    out.push_str(name);
    for (index, argument) in arguments.iter().enumerate() {
        out.push(if index == 0 { '<' } else { ',' });
        type_name(out, model, argument);
    }
    out.push('>');
}

/// A constant in the JSON form of messages.
fn value(out: &mut String, model: &Model, constant: &Value) {
    let _ = match constant {
        Value::Bool(value) => write!(out, "{value}"),
        Value::I8(value) => write!(out, "{value}"),
        Value::I16(value) => write!(out, "{value}"),
        Value::I32(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::Enum(_, number) => write!(out, "{number}"),
        Value::Double(value) => write!(out, "{value:?}"),
        Value::String(text) => {
            string(out, text);
            Ok(())
        }
        Value::Binary(bytes) => {
            let _ = write!(out, "\"{}\"", base64(bytes));
            Ok(())
        }
        Value::Uuid(bytes) => {
            let hex = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            write!(out, "\"{}-{}-{}-{}-{}\"", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        }
        Value::List(items) | Value::Set(items) => {
            list(out, items, |out, item| value(out, model, item));
            Ok(())
        }
        Value::Map(entries) => {
            map(out, model, entries);
            Ok(())
        }
        Value::Struct(id, given) => {
            out.push('{');
            for (at, (position, item)) in given.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                string(out, &model[*id].fields[*position].name);
                out.push(':');
                value(out, model, item);
            }
            out.push('}');
            Ok(())
        }
    };
}

/// An object where all keys can be texts, else a list of pairs.
fn map(out: &mut String, model: &Model, entries: &[(Value, Value)]) {
    let is_plain =
        |key: &Value| !matches!(key, Value::List(_) | Value::Set(_) | Value::Map(_) | Value::Struct(..));
    if !entries.iter().all(|(key, _)| is_plain(key)) {
        return list(out, entries, |out, (key, item)| {
            out.push('[');
            value(out, model, key);
            out.push(',');
            value(out, model, item);
            out.push(']');
        });
    }
    out.push('{');
    for (at, (key, item)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let mut text = String::new();
        value(&mut text, model, key);
        match text.starts_with('"') {
            true => out.push_str(&text),
            false => string(out, &text),
        }
        out.push(':');
        value(out, model, item);
    }
    out.push('}');
}

fn docs(out: &mut String, docs: &Docs) {
    if let Some(docs) = docs {
        out.push_str(",\"docs\":");
        string(out, docs);
    }
}

fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = word >> (18 - 6 * digit) & 63;
            out.push(if digit <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;

    fn described(text: &str) -> String {
        let source = MemorySource::new([("a/item.thrift", text)]);
        let loaded = crate::load(&["a/item.thrift"], &source);
        describe(&loaded.model.expect("a correct IDL"), None)
    }

    #[test]
    fn a_service_is_told_with_all_its_types() {
        let text = described(
            "enum Status { OK, GONE = 5 }\n\
             typedef list<Status> Statuses\n\
             /** One \"item\". */ struct Item { 1: required i64 id, 2: Statuses all = [Status.GONE], 3: optional Item next }\n\
             exception Lost { 1: string why = \"no\\nreason\" }\n\
             service Base { oneway void bump() }\n\
             service Items extends Base { /** Finds. */ Item get(1: i64 id) throws (1: Lost lost) (rpc.idempotent) }\n",
        );
        assert_eq!(
            text,
            concat!(
                r#"{"version":1,"files":[{"path":"item.thrift"}],"#,
                r#""enums":[{"name":"Status","values":[["OK",0],["GONE",5]]}],"#,
                r#""structs":[{"name":"Item","kind":"struct","fields":["#,
                r#"{"id":1,"name":"id","type":"i64","req":"required"},"#,
                r#"{"id":2,"name":"all","type":"list<enum:0>","req":"default","default":[5]},"#,
                r#"{"id":3,"name":"next","type":"struct:0","req":"optional"}]},"#,
                r#"{"name":"Lost","kind":"exception","fields":[{"id":1,"name":"why","type":"string","req":"default","#,
                r#""default":"no\nreason"}]}],"#,
                r#""services":[{"name":"Base","methods":[{"name":"bump","args":[],"throws":[],"oneway":true,"idempotent":false}]},"#,
                r#"{"name":"Items","methods":[{"name":"bump","args":[],"throws":[],"oneway":true,"idempotent":false},"#,
                r#"{"name":"get","docs":"Finds.","args":[{"id":1,"name":"id","type":"i64","req":"default"}],"#,
                r#""returns":"struct:0","throws":[{"id":1,"name":"lost","type":"struct:1","req":"default"}],"#,
                r#""oneway":false,"idempotent":true}]}]}"#
            )
        );
    }

    #[test]
    fn bytes_are_spelled_in_base64() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn maps_are_objects_where_keys_can_be_texts() {
        let text = described(
            "struct S { 1: map<i32, bool> a = {1: true}, 2: map<list<i8>, string> b = {[1]: \"x\"}, 3: double d = 2 }",
        );
        assert!(
            text.contains(r#""default":{"1":true}"#) && text.contains(r#""default":[[[1],"x"]]"#),
            "{text}"
        );
        assert!(text.contains(r#""default":2.0"#), "{text}");
    }
}
