//! serde for what generated types are made of, so that they can be told in JSON and the like.
//!
//! Texts for people name an enum's value and spell a UUID; other formats get the number and the bytes.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

use crate::protocol::{OrderedDouble, Uuid};

impl Serialize for OrderedDouble {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for OrderedDouble {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(OrderedDouble)
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Deserialize::deserialize(deserializer).map(Uuid);
        }
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format_args!("{text:?}: {error}")))
    }
}

/// An enum as `open_enum!` makes it.
pub trait OpenEnum: Copy + From<i32> + Into<i32> {
    /// The enum's name.
    const NAME: &'static str;

    /// The name of a value, if it has one.
    fn value_name(self) -> Option<&'static str>;

    /// The value of this name.
    fn find(name: &str) -> Option<Self>;
}

/// Writes an enum's value: its name, or its number if it has none.
pub fn serialize_enum<T: OpenEnum, S: Serializer>(value: T, serializer: S) -> Result<S::Ok, S::Error> {
    match value.value_name() {
        Some(name) if serializer.is_human_readable() => serializer.serialize_str(name),
        _ => serializer.serialize_i32(value.into()),
    }
}

/// Reads an enum's value: a name, or any number.
pub fn deserialize_enum<'de, T: OpenEnum, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    match deserializer.is_human_readable() {
        true => deserializer.deserialize_any(EnumVisitor(PhantomData)),
        false => i32::deserialize(deserializer).map(T::from),
    }
}

struct EnumVisitor<T>(PhantomData<T>);

impl<T: OpenEnum> Visitor<'_> for EnumVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name or a number of {}", T::NAME)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let number =
            i32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))?;
        Ok(T::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let number =
            i32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))?;
        Ok(T::from(number))
    }

    /// A number may come as a text, too: keys of a JSON object are texts.
    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        let number = || name.parse().ok().map(|number: i32| T::from(number));
        T::find(name).or_else(number).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
    }
}
