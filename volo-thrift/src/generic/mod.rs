//! Services whose IDL is known only at run time: calls in JSON, values without types, proxies.
//!
//! A [`Schema`] tells what a service looks like. With it [`Schema::args_from_json`] and [`Schema::result_to_json`] turn
//! JSON into a message and back in one walk, without a tree in between. What is neither known nor of interest, a proxy
//! passes on as bytes.
//!
//! In JSON a struct is an object with the IDL's names, a union one with a single key; fields that are `null` are
//! absent. Binaries are base64, UUIDs and doubles that are no numbers are strings, enums go by name (a number is
//! accepted, and written for a value without one). Maps are objects if their keys are plain (numbers are spelled), else
//! arrays of pairs. Integers may be given as strings, because JavaScript can't hold all of them.
#![forbid(unsafe_code)]

mod client;
mod decode;
mod encode;
mod json;
mod node;
mod parse;
mod raw;
mod reflection;
mod schema;
mod value;

use volo_core::{DecodeLimits, Raw, Result};

use self::json::JsonError;
pub use self::{
    client::{Answer, JsonClient},
    raw::{RawService, proxy},
    reflection::{Reflection, reflect},
    schema::{
        EnumType, FieldType, IdlFile, MethodType, Schema, ServiceType, StructKind, StructType, TypeRef,
    },
    value::{Fields, Value},
};
use crate::{
    Limits,
    protocol::{self, Protocol},
};

impl Schema {
    /// The arguments of `method` from a JSON object that has them by name.
    ///
    /// # Errors
    /// What doesn't fit, with its place in the message and in the text.
    pub fn args_from_json(&self, method: &MethodType, json: &str, protocol: Protocol) -> Result<Raw> {
        self.from_json(&method.args, json, protocol)
    }

    /// The result of `method` from a JSON object with `success`, or with a declared exception by its name.
    ///
    /// # Errors
    /// As [`Schema::args_from_json`].
    pub fn result_from_json(&self, method: &MethodType, json: &str, protocol: Protocol) -> Result<Raw> {
        self.from_json(&method.result, json, protocol)
    }

    /// Arguments of `method` as a JSON object.
    ///
    /// # Errors
    /// When the bytes aren't valid, or pass their limits.
    pub fn args_to_json(&self, method: &MethodType, raw: &Raw) -> Result<String> {
        decode::structure(self, &method.args, raw)
    }

    /// A result of `method` as a JSON object: `{"success":…}`, an exception by its name, or `{}` for `void`.
    ///
    /// # Errors
    /// As [`Schema::args_to_json`].
    pub fn result_to_json(&self, method: &MethodType, raw: &Raw) -> Result<String> {
        decode::structure(self, &method.result, raw)
    }

    fn from_json(&self, ty: &StructType, json: &str, protocol: Protocol) -> Result<Raw> {
        let limits = Limits::default();
        let bytes = encode::structure(self, ty, json, limits.message_max)?.into();
        // Our own encoder kept to the limits; transcoding needs no tighter ones.
        let limits = DecodeLimits { depth_max: u32::MAX, memory_max: usize::MAX };
        protocol::transcode(&Raw { format: protocol::BINARY, bytes, limits }, protocol)
    }
}

/// A place in a text, for people.
fn place(text: &str, at: usize) -> String {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("line {line}, column {column}")
}

fn json_problem(error: &JsonError) -> String {
    match error {
        JsonError::Expected(what) => format!("expected {what}"),
        JsonError::BadString => "a string with a control character or a broken escape".to_owned(),
    }
}

#[cfg(test)]
mod tests;
