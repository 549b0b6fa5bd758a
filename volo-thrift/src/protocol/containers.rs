//! Lists, sets and maps. A claimed count is checked and charged before anything is reserved for it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::Hash,
    mem,
};

use foldhash::fast::RandomState;

use super::{DecodeError, Reader, Sizer, Type, Value, Writer};

/// A hashed map whose keys can't be predicted by a peer: its seed is random per process.
pub type Map<K, V> = HashMap<K, V, RandomState>;

/// A hashed set; see [`Map`].
pub type Set<T> = HashSet<T, RandomState>;

/// Entries that a map or set reserves at once; beyond these it grows as they arrive.
const RESERVE_MAX: usize = 1024;

/// Bytes that a list's element is charged; at least 1, so that no claimed count is free.
const fn element_memory<T>() -> usize {
    if size_of::<T>() == 0 { 1 } else { size_of::<T>() }
}

/// Bytes that a map's or set's entry is charged: hash tables keep an eighth of their slots free.
const fn entry_memory<T>() -> usize {
    (size_of::<T>() + 1) * 8 / 7 + 1
}

impl<T: Value> Value for Vec<T> {
    const TYPE: Type = Type::List;
    const MIN: [usize; 2] = [5, 1];
    const RECURSIVE: bool = T::RECURSIVE;

    #[inline(always)]
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        sizer.list(self.len()) + T::size_all(self, sizer)
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        T::encode_all(self, writer.list(T::TYPE, self.len()))
    }

    #[inline]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.enter()?;
        let count = reader.list(T::TYPE, T::MIN, element_memory::<T>())?;
        self.clear();
        T::decode_all(self, count, reader)?;
        reader.leave();
        Ok(())
    }

    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        T::encode_all(self, writer.list_field(state, id, Type::List, T::TYPE, self.len()))
    }

    #[inline]
    fn detach(&mut self) {
        self.iter_mut().for_each(T::detach);
    }
}

/// An empty container with room for what is reserved at once.
macro_rules! new_container {
    (HashMap, $count:expr) => {
        HashMap::with_capacity_and_hasher($count.min(RESERVE_MAX), RandomState::default())
    };
    (HashSet, $count:expr) => {
        HashSet::with_capacity_and_hasher($count.min(RESERVE_MAX), RandomState::default())
    };
    ($ordered:ident, $count:expr) => {
        $ordered::new()
    };
}

/// Whether values of a type may share a frame. Keys that do are taken out and put back to be detached.
fn may_share(value: Type) -> bool {
    matches!(value, Type::String | Type::Struct | Type::List | Type::Set | Type::Map)
}

/// A set: elements written in the set's own order, read one by one.
macro_rules! set {
    ($set:ident<$element:ident $(, $hasher:ident)?>, $($bound:path),+) => {
        impl<$element: Value $(+ $bound)+> Value for $set<$element $(, $hasher)?> {
            const TYPE: Type = Type::Set;
            const MIN: [usize; 2] = [5, 1];
            const RECURSIVE: bool = $element::RECURSIVE;

            #[inline]
            fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
                let mut size = sizer.list(self.len());
                for element in self {
                    size += element.nested_size(sizer);
                }
                size
            }

            #[inline]
            fn encode<W: Writer>(&self, writer: W) -> W {
                let mut writer = writer.list(T::TYPE, self.len());
                for element in self {
                    writer = element.encode(writer);
                }
                writer
            }

            #[inline]
            fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
                reader.enter()?;
                let count = reader.list(T::TYPE, T::MIN, entry_memory::<T>())?;
                *self = new_container!($set, count);
                for _ in 0..count {
                    let mut element = T::default();
                    element.decode(reader)?;
                    self.insert(element);
                }
                reader.leave();
                Ok(())
            }

            #[inline]
            fn detach(&mut self) {
                if may_share(T::TYPE) {
                    let detached = |mut element: T| {
                        element.detach();
                        element
                    };
                    *self = mem::take(self).into_iter().map(detached).collect();
                }
            }
        }
    };
}

/// A map: entries written in the map's own order, read one by one; a repeated key keeps its last value.
macro_rules! map {
    ($map:ident<$key:ident, $value:ident $(, $hasher:ident)?>, $($bound:path),+) => {
        impl<$key: Value $(+ $bound)+, $value: Value> Value for $map<$key, $value $(, $hasher)?> {
            const TYPE: Type = Type::Map;
            const MIN: [usize; 2] = [6, 1];
            const RECURSIVE: bool = $key::RECURSIVE || $value::RECURSIVE;

            #[inline]
            fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
                let mut size = sizer.map(self.len());
                for (key, value) in self {
                    size += key.nested_size(sizer) + value.nested_size(sizer);
                }
                size
            }

            #[inline]
            fn encode<W: Writer>(&self, writer: W) -> W {
                let mut writer = writer.map(K::TYPE, V::TYPE, self.len());
                for (key, value) in self {
                    writer = value.encode(key.encode(writer));
                }
                writer
            }

            #[inline]
            fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
                reader.enter()?;
                let min = [K::MIN[0] + V::MIN[0], K::MIN[1] + V::MIN[1]];
                let count = reader.map(K::TYPE, V::TYPE, min, entry_memory::<(K, V)>())?;
                *self = new_container!($map, count);
                for _ in 0..count {
                    let (mut key, mut value) = (K::default(), V::default());
                    key.decode(reader)?;
                    value.decode(reader)?;
                    self.insert(key, value);
                }
                reader.leave();
                Ok(())
            }

            #[inline]
            fn detach(&mut self) {
                self.values_mut().for_each(V::detach);
                if may_share(K::TYPE) {
                    let detached = |(mut key, value): (K, V)| {
                        key.detach();
                        (key, value)
                    };
                    *self = mem::take(self).into_iter().map(detached).collect();
                }
            }
        }
    };
}

set!(HashSet<T, RandomState>, Hash, Eq);
set!(BTreeSet<T>, Ord);
map!(HashMap<K, V, RandomState>, Hash, Eq);
map!(BTreeMap<K, V>, Ord);
