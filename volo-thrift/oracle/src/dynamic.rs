//! Values without a type of their own, and how ours turn into them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use faststr::FastStr;
use volo_thrift::protocol::{Map, OrderedDouble, Set, Type, Uuid, Value};

/// Any Thrift value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dynamic {
    /// `bool`
    Bool(bool),
    /// `i8`
    I8(i8),
    /// `i16`
    I16(i16),
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// The bits of a `double`.
    Double(u64),
    /// `string` or `binary`.
    Text(Vec<u8>),
    /// `uuid`
    Uuid([u8; 16]),
    /// Elements of the type with this code.
    List(u8, Vec<Dynamic>),
    /// As a list.
    Set(u8, Vec<Dynamic>),
    /// Entries of types with these codes.
    Map(u8, u8, Vec<(Dynamic, Dynamic)>),
    /// The fields that are set.
    Struct(Vec<(i16, Dynamic)>),
}

impl Dynamic {
    /// The code of the value's type.
    pub fn code(&self) -> u8 {
        let value_type = match self {
            Dynamic::Bool(_) => Type::Bool,
            Dynamic::I8(_) => Type::I8,
            Dynamic::I16(_) => Type::I16,
            Dynamic::I32(_) => Type::I32,
            Dynamic::I64(_) => Type::I64,
            Dynamic::Double(_) => Type::Double,
            Dynamic::Text(_) => Type::String,
            Dynamic::Uuid(_) => Type::Uuid,
            Dynamic::List(..) => Type::List,
            Dynamic::Set(..) => Type::Set,
            Dynamic::Map(..) => Type::Map,
            Dynamic::Struct(_) => Type::Struct,
        };
        value_type as u8
    }

    /// Sets and maps sorted, all the way down: the same for equal values whatever order they were written in.
    pub fn sorted(self) -> Dynamic {
        let all = |values: Vec<Dynamic>| values.into_iter().map(Dynamic::sorted).collect::<Vec<_>>();
        match self {
            Dynamic::List(code, values) => Dynamic::List(code, all(values)),
            Dynamic::Set(code, values) => {
                let mut values = all(values);
                values.sort();
                Dynamic::Set(code, values)
            }
            Dynamic::Map(key, value, entries) => {
                let mut entries: Vec<_> =
                    entries.into_iter().map(|(k, v)| (k.sorted(), v.sorted())).collect();
                entries.sort();
                // An empty map has no types in Compact.
                if entries.is_empty() {
                    Dynamic::Map(0, 0, entries)
                } else {
                    Dynamic::Map(key, value, entries)
                }
            }
            Dynamic::Struct(fields) => {
                Dynamic::Struct(fields.into_iter().map(|(id, value)| (id, value.sorted())).collect())
            }
            scalar => scalar,
        }
    }
}

/// A value of ours that can be told to a foreign protocol.
pub trait Described: Value {
    /// The same value.
    fn describe(&self) -> Dynamic;
}

/// A field of ours: a value, or an option of one.
pub trait DescribedField {
    /// The value if it is set.
    fn describe_field(&self) -> Option<Dynamic>;
}

impl<T: Described> DescribedField for T {
    fn describe_field(&self) -> Option<Dynamic> {
        Some(self.describe())
    }
}

impl<T: Described> DescribedField for Option<T> {
    fn describe_field(&self) -> Option<Dynamic> {
        self.as_ref().map(T::describe)
    }
}

/// Writes descriptions: generic parameters, the type, and what it is to a foreign protocol.
#[macro_export]
macro_rules! described {
    ($(($($generic:tt)*) $type:ty, |$value:ident| $dynamic:expr;)*) => {
        $(impl<$($generic)*> $crate::Described for $type {
            fn describe(&self) -> $crate::Dynamic {
                let $value = self;
                $dynamic
            }
        })*
    };
}

described! {
    () bool, |value| Dynamic::Bool(*value);
    () i8, |value| Dynamic::I8(*value);
    () i16, |value| Dynamic::I16(*value);
    () i32, |value| Dynamic::I32(*value);
    () i64, |value| Dynamic::I64(*value);
    () f64, |value| Dynamic::Double(value.to_bits());
    () OrderedDouble, |value| Dynamic::Double(value.0.to_bits());
    () FastStr, |value| Dynamic::Text(value.as_bytes().to_vec());
    () String, |value| Dynamic::Text(value.as_bytes().to_vec());
    () Bytes, |value| Dynamic::Text(value.to_vec());
    () Uuid, |value| Dynamic::Uuid(value.0);
    (T: Described) Box<T>, |value| (**value).describe();
    (T: Described) Vec<T>, |values| Dynamic::List(T::TYPE as u8, values.iter().map(T::describe).collect());
    (T: Described + Ord) BTreeSet<T>, |values| Dynamic::Set(T::TYPE as u8, values.iter().map(T::describe).collect());
    (T: Described + Eq + std::hash::Hash) Set<T>, |values| {
        Dynamic::Set(T::TYPE as u8, values.iter().map(T::describe).collect())
    };
    (K: Described + Ord, V: Described) BTreeMap<K, V>, |entries| describe_map::<K, V>(entries.iter());
    (K: Described + Eq + std::hash::Hash, V: Described) Map<K, V>, |entries| describe_map::<K, V>(entries.iter());
}

fn describe_map<'a, K: Described, V: Described>(entries: impl Iterator<Item = (&'a K, &'a V)>) -> Dynamic {
    let entries: Vec<_> = entries.map(|(key, value)| (key.describe(), value.describe())).collect();
    Dynamic::Map(K::TYPE as u8, V::TYPE as u8, entries)
}
