//! JSON to Thrift in one walk: what is read is written at once, counts are filled in behind.
//!
//! Written is Binary, whose counts have a fixed place; a message for Compact is transcoded from it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use volo_core::{Error, ErrorKind};

use super::{
    json::{Json, JsonError, Out},
    schema::{Schema, StructKind, StructType, TypeRef},
};
use crate::protocol::Uuid;

/// Levels of structs and containers.
const DEPTH_MAX: u32 = 64;

/// Parts of a place that a message shows.
const PATH_SHOWN: usize = 16;

/// A struct from a JSON object, in Binary and at most `len_max` bytes.
pub(super) fn structure(
    schema: &Schema,
    ty: &StructType,
    text: &str,
    len_max: usize,
) -> Result<Vec<u8>, Error> {
    run(schema, text, len_max, |encoder| encoder.structure(ty))
}

/// A value of any type, encoded as in a container.
pub(super) fn value(schema: &Schema, ty: &TypeRef, text: &str, len_max: usize) -> Result<Vec<u8>, Error> {
    run(schema, text, len_max, |encoder| encoder.value(ty))
}

fn run(
    schema: &Schema,
    text: &str,
    len_max: usize,
    walk: impl FnOnce(&mut Encoder<'_, '_>) -> Result<(), Fault>,
) -> Result<Vec<u8>, Error> {
    let out = Out::with_capacity(text.len().min(len_max));
    let mut encoder = Encoder { schema, json: Json::new(text), out, depth: DEPTH_MAX, len_max };
    let done = walk(&mut encoder).and_then(|()| Ok(encoder.json.end()?));
    match done {
        Ok(()) => Ok(encoder.out.into_bytes()),
        Err(fault) => Err(fault.at(&super::place(text, encoder.json.position()))),
    }
}

struct Encoder<'s, 'j> {
    schema: &'s Schema,
    json: Json<'j>,
    out: Out,
    /// Levels left.
    depth: u32,
    len_max: usize,
}

impl Encoder<'_, '_> {
    fn structure(&mut self, ty: &StructType) -> Result<(), Fault> {
        self.enter()?;
        self.json.expect(b'{', "an object")?;
        let (mut first, mut next, mut count) = (true, 0, 0);
        let mut seen = Seen::new(ty.fields.len());
        while self.json.next_key(&mut first)? {
            let index = self.field(ty, next)?;
            next = index + 1;
            if self.json.null() {
                continue;
            }
            let field = &ty.fields[index];
            if !seen.mark(index) {
                return Err(Fault::new("given twice").under(&field.name));
            }
            count += 1;
            self.out.piece(&ty.heads[index], 3);
            self.value(&field.ty).map_err(|fault| fault.under(&field.name))?;
        }
        if ty.kind == StructKind::Union && count != 1 {
            return Err(Fault::new(format!("union {} needs exactly one field, not {count}", ty.name)));
        }
        if ty.kind != StructKind::Union && (ty.needed & !seen.few != 0 || ty.needs_more) {
            self.absent(ty, &seen)?;
        }
        self.out.push(0);
        self.leave();
        Ok(())
    }

    /// The field whose key comes next.
    #[inline(always)]
    fn field(&mut self, ty: &StructType, guess: usize) -> Result<usize, Fault> {
        if let Some((index, len)) = ty.spelled(self.json.rest(), guess) {
            self.json.advance(len);
            return Ok(index);
        }
        let key = self.json.key()?;
        ty.named(&key, guess).ok_or_else(|| unknown_field(ty, &key))
    }

    /// Writes defaults of fields that weren't given.
    fn absent(&mut self, ty: &StructType, seen: &Seen) -> Result<(), Fault> {
        for (index, field) in ty.fields.iter().enumerate() {
            if seen.has(index) {
                continue;
            }
            match &field.default {
                Some(default) if !field.optional => {
                    self.out.piece(&ty.heads[index], 3);
                    self.out.slice(default);
                    self.check_len()?;
                }
                _ if field.required => {
                    return Err(Fault::new(format!("field {} of {} is required", field.name, ty.name)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn value(&mut self, ty: &TypeRef) -> Result<(), Fault> {
        match ty {
            TypeRef::String => {
                self.string()?;
            }
            TypeRef::I32 => {
                let value: i32 = self.integer()?;
                self.put(value.to_be_bytes());
            }
            TypeRef::I64 => {
                let value: i64 = self.integer()?;
                self.put(value.to_be_bytes());
            }
            TypeRef::Bool => {
                let value = self.json.bool()?;
                self.out.push(value.into());
            }
            TypeRef::Struct(index) => {
                let schema = self.schema;
                self.structure(&schema.structs[*index])?;
            }
            TypeRef::List(element) | TypeRef::Set(element) => self.list(element)?,
            TypeRef::Map(pair) => self.map(&pair.0, &pair.1)?,
            // The rarer ones can all be spelled as a text, too.
            _ if self.json.peek() == b'"' => {
                let text = self.json.string()?;
                self.spelled(ty, &text)?;
            }
            TypeRef::Double => {
                let text = self.json.number()?;
                self.spelled(ty, text)?;
            }
            TypeRef::I8 | TypeRef::I16 | TypeRef::Enum(_) => {
                let text = self.json.number()?;
                self.spelled(ty, text)?;
            }
            TypeRef::Binary => return Err(JsonError::Expected("a string of base64").into()),
            TypeRef::Uuid => return Err(JsonError::Expected("a uuid in quotes").into()),
        }
        self.check_len()
    }

    #[inline(always)]
    fn string(&mut self) -> Result<(), Fault> {
        if self.json.peek() == b'"'
            && let Some(len) = self.out.quoted(&self.json.rest()[1..])
        {
            self.json.advance(len + 2);
            return Ok(());
        }
        let text = self.json.string()?;
        self.bytes(text.as_bytes());
        Ok(())
    }

    /// A number, or a text that spells it: JavaScript can't hold every `i64`.
    #[inline]
    fn integer<T: std::str::FromStr>(&mut self) -> Result<T, Fault> {
        if self.json.peek() == b'"' {
            let text = self.json.string()?;
            return parse(&text);
        }
        parse(self.json.number()?)
    }

    /// A value from a text: a key of an object, or what JSON has no form for.
    fn spelled(&mut self, ty: &TypeRef, text: &str) -> Result<(), Fault> {
        match ty {
            TypeRef::Bool => match text {
                "true" => self.out.push(1),
                "false" => self.out.push(0),
                _ => return Err(unreadable(text, "a bool")),
            },
            TypeRef::I8 => self.put(parse::<i8>(text)?.to_be_bytes()),
            TypeRef::I16 => self.put(parse::<i16>(text)?.to_be_bytes()),
            TypeRef::I32 => self.put(parse::<i32>(text)?.to_be_bytes()),
            TypeRef::I64 => self.put(parse::<i64>(text)?.to_be_bytes()),
            TypeRef::Double => {
                let value: f64 = text.parse().map_err(|_| unreadable(text, "a double"))?;
                self.put(value.to_be_bytes());
            }
            TypeRef::String => self.bytes(text.as_bytes()),
            TypeRef::Binary => {
                let bytes = BASE64.decode(text).map_err(|_| unreadable(text, "base64"))?;
                self.bytes(&bytes);
            }
            TypeRef::Uuid => {
                let uuid: Uuid = text.parse().map_err(|_| unreadable(text, "a uuid"))?;
                self.put(uuid.0);
            }
            TypeRef::Enum(index) => {
                let known = &self.schema.enums[*index];
                let number = known.number(text).or_else(|| text.parse().ok());
                let number = number.ok_or_else(|| unreadable(text, &format!("a value of {}", known.name)))?;
                self.put(number.to_be_bytes());
            }
            _ => return Err(unreadable(text, &self.schema.type_name(ty))),
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // A message is never longer than its text by more than heads, and `len_max` fits.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put(len.to_be_bytes());
        self.out.slice(bytes);
    }

    fn list(&mut self, element: &TypeRef) -> Result<(), Fault> {
        self.enter()?;
        self.json.expect(b'[', "an array")?;
        self.out.push(element.wire_type() as u8);
        let count_at = self.open_count();
        let (mut first, mut count) = (true, 0u32);
        while self.json.next_element(&mut first, b']')? {
            self.value(element).map_err(|fault| fault.under(&format!("[{count}]")))?;
            count += 1;
        }
        self.close_count(count_at, count);
        self.leave();
        Ok(())
    }

    /// An object if keys can be spelled, or else an array of pairs, which is always accepted.
    fn map(&mut self, key: &TypeRef, value: &TypeRef) -> Result<(), Fault> {
        self.enter()?;
        self.put([key.wire_type() as u8, value.wire_type() as u8]);
        let count_at = self.open_count();
        let (mut first, mut count) = (true, 0u32);
        if key.is_plain() && self.json.peek() != b'[' {
            self.json.expect(b'{', "an object")?;
            while self.json.next_element(&mut first, b'}')? {
                let text = self.json.key()?;
                self.spelled(key, &text).map_err(|fault| fault.under("(key)"))?;
                self.value(value).map_err(|fault| fault.under(&format!("[{text:?}]")))?;
                count += 1;
            }
        } else {
            self.json.expect(b'[', "an array of [key, value] pairs")?;
            while self.json.next_element(&mut first, b']')? {
                self.json.expect(b'[', "a [key, value] pair")?;
                self.value(key).map_err(|fault| fault.under(&format!("(key {count})")))?;
                self.json.expect(b',', "`,` and the value")?;
                self.value(value).map_err(|fault| fault.under(&format!("(value {count})")))?;
                self.json.expect(b']', "`]` behind a pair")?;
                count += 1;
            }
        }
        self.close_count(count_at, count);
        self.leave();
        Ok(())
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.out.piece(&bytes, N);
    }

    fn open_count(&mut self) -> usize {
        self.put([0; 4]);
        self.out.len() - 4
    }

    fn close_count(&mut self, at: usize, count: u32) {
        self.out.patch(at, count.to_be_bytes());
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| {
            Fault::new(format!("structs and containers are nested beyond {DEPTH_MAX} levels"))
        })?;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth += 1;
    }

    #[inline]
    fn check_len(&self) -> Result<(), Fault> {
        if self.out.len() > self.len_max {
            return Err(Fault::new(format!("more than {} bytes encoded", self.len_max)));
        }
        Ok(())
    }
}

#[inline]
fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| {
        let bits = size_of::<T>() * 8;
        unreadable(text, &format!("an integer of {bits} bits"))
    })
}

#[cold]
fn unreadable(text: &str, wanted: &str) -> Fault {
    let short: String = text.chars().take(40).collect();
    Fault::new(format!("{short:?} is not {wanted}"))
}

#[cold]
fn unknown_field(ty: &StructType, key: &str) -> Fault {
    let names: Vec<_> = ty.fields.iter().map(|field| field.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Fault::new(format!("{} has no field {key:?}; it has: {names}", ty.name))
}

/// Which fields were given: almost always few enough for one word.
struct Seen {
    few: u128,
    more: Vec<bool>,
}

impl Seen {
    fn new(count: usize) -> Self {
        Seen { few: 0, more: vec![false; count.saturating_sub(128)] }
    }

    /// Marks a field; `false` if it was marked before.
    #[inline]
    fn mark(&mut self, index: usize) -> bool {
        if index < 128 {
            let bit = 1 << index;
            let new = self.few & bit == 0;
            self.few |= bit;
            return new;
        }
        !std::mem::replace(&mut self.more[index - 128], true)
    }

    fn has(&self, index: usize) -> bool {
        if index < 128 { self.few >> index & 1 == 1 } else { self.more[index - 128] }
    }
}

/// What is wrong, and where in the message, innermost name first.
struct Fault(Box<(String, Vec<String>)>);

impl Fault {
    #[cold]
    fn new(text: impl Into<String>) -> Self {
        Fault(Box::new((text.into(), Vec::new())))
    }

    #[cold]
    fn under(mut self, name: &str) -> Self {
        self.0.1.push(name.to_owned());
        self
    }

    fn at(self, place: &str) -> Error {
        let (text, path) = *self.0;
        let mut shown = String::new();
        for (index, part) in path.iter().rev().take(PATH_SHOWN).enumerate() {
            if index > 0 && !part.starts_with(['[', '(']) {
                shown.push('.');
            }
            shown.push_str(part);
        }
        if !shown.is_empty() {
            shown.push_str(": ");
        }
        Error::new(ErrorKind::Encode, format!("{shown}{text} ({place})"))
    }
}

impl From<JsonError> for Fault {
    #[cold]
    fn from(error: JsonError) -> Self {
        Fault::new(super::json_problem(&error))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
