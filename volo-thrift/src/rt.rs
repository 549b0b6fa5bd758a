//! The names that generated code uses; nothing else should.
//!
//! Generated code names only this module, so everything else in the crate can be renamed without generating
//! anything anew. What the generator would only repeat for every type is written once here, as a macro or function.

use std::fmt;

pub use std::{
    collections::{BTreeMap as OrderedMap, BTreeSet as OrderedSet},
    future::Future,
    sync::{Arc, LazyLock},
};

pub use bytes::Bytes;
pub use faststr::FastStr;
pub use volo_core::Request;

pub use crate::{
    CallOpt, Client, ClientBuilder, ClientError, HandlerFuture, Method, Never, Server, ServerError, Service,
    client::{ServiceClient, call, send},
    detach_arms, detach_fields, exceptions,
    handler::{handle, unknown_method},
    open_enum,
    protocol::{
        DecodeError, Exceptions, Field, FieldHead, Map, MethodResult, OrderedDouble, Reader, Seen, Set,
        Sizer, Type, UnknownFields, Uuid, Value, Writer,
    },
};

#[cfg(feature = "serde")]
pub use crate::serialize::{OpenEnum, deserialize_enum, serialize_enum};
#[cfg(feature = "serde")]
pub use serde::{self, Deserialize, Serialize};

/// What generated code and this crate must agree on; raised when generated code has to be made anew.
const VERSION: u32 = 1;

/// Fails at compile time unless the generator was made for this crate.
pub const fn check_version(generated: u32) {
    assert!(
        generated == VERSION,
        "this code was generated for another version of volo-thrift: use the same version of volo-codegen, and generate anew"
    );
}

/// Reads a union's arm; one of another type than in the IDL is skipped. If there are several, the last one counts.
pub fn arm<R: Reader, T: Field + Default, U>(
    reader: &mut R,
    head: FieldHead,
    name: &'static str,
    union: &mut U,
    arm: impl FnOnce(T) -> U,
) -> Result<(), DecodeError> {
    if let Some(value) = reader.arm(head, name)? {
        *union = arm(value);
    }
    Ok(())
}

/// Copies what a field's value shares with the frame it came in.
#[inline(always)]
pub fn detach(field: &mut impl Field) {
    field.detach_as();
}

/// Keeps a union's arm that this build does not know, so that it can be sent on.
pub fn unknown_arm<R: Reader, U>(
    reader: &mut R,
    head: FieldHead,
    union: &mut U,
    arm: impl FnOnce(UnknownFields) -> U,
) -> Result<(), DecodeError> {
    let mut fields = UnknownFields::default();
    reader.keep(head, &mut fields)?;
    *union = arm(fields);
    Ok(())
}

/// A text that names no value of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The enum.
    pub of: &'static str,
    /// The text.
    pub name: FastStr,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no value {:?}", self.of, self.name)
    }
}

impl std::error::Error for UnknownName {}

/// [`Value::detach`] for a struct: its fields that may share a frame.
#[doc(hidden)]
#[macro_export]
macro_rules! detach_fields {
    ($($field:ident),+ $(,)?) => {
        fn detach(&mut self) {
            $($crate::rt::detach(&mut self.$field);)+
        }
    };
}

/// [`Value::detach`] for a union: its arms that may share a frame.
#[doc(hidden)]
#[macro_export]
macro_rules! detach_arms {
    ($($arm:ident),+ $(,)?) => {
        fn detach(&mut self) {
            match self {
                $(Self::$arm(value) => $crate::rt::detach(value),)+
                _ => {}
            }
        }
    };
}

/// An enum that keeps numbers it has no name for, as a newer peer may send them.
///
/// `NAME = number`, with `as "name"` behind it where the IDL spells the name in another way.
#[doc(hidden)]
#[macro_export]
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $value:ident = $number:literal $(as $wire:literal)?,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i32);

        impl $name {
            $($(#[$doc])* pub const $value: Self = Self($number);)*

            /// The number on the wire.
            pub const fn number(self) -> i32 {
                self.0
            }

            /// The name in the IDL, if the number has one.
            pub const fn name(self) -> ::core::option::Option<&'static str> {
                match self {
                    $(Self::$value => ::core::option::Option::Some($crate::open_enum!(@name $value $($wire)?)),)*
                    #[allow(unreachable_patterns, reason = "not if every number has a name")]
                    _ => ::core::option::Option::None,
                }
            }
        }

        impl ::core::convert::From<i32> for $name {
            fn from(number: i32) -> Self {
                Self(number)
            }
        }

        impl ::core::convert::From<$name> for i32 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl ::core::convert::TryFrom<&str> for $name {
            type Error = $crate::rt::UnknownName;

            fn try_from(name: &str) -> ::core::result::Result<Self, Self::Error> {
                $(if name == $crate::open_enum!(@name $value $($wire)?) {
                    return ::core::result::Result::Ok(Self::$value);
                })*
                ::core::result::Result::Err($crate::rt::UnknownName {
                    of: ::core::stringify!($name),
                    name: $crate::rt::FastStr::new(name),
                })
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self.name() {
                    ::core::option::Option::Some(name) => f.pad(name),
                    ::core::option::Option::None => ::core::fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self.name() {
                    ::core::option::Option::Some(name) => f.write_str(name),
                    ::core::option::Option::None => {
                        f.debug_tuple(::core::stringify!($name)).field(&self.0).finish()
                    }
                }
            }
        }

        impl $crate::rt::Value for $name {
            const TYPE: $crate::rt::Type = $crate::rt::Type::I32;
            const MIN: [usize; 2] = [4, 1];

            #[inline(always)]
            fn size<S: $crate::rt::Sizer>(&self, sizer: &mut S) -> usize {
                sizer.i32(self.0)
            }

            #[inline(always)]
            fn encode<W: $crate::rt::Writer>(&self, writer: W) -> W {
                writer.i32(self.0)
            }

            #[inline(always)]
            fn encode_field<W: $crate::rt::Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
                writer.i32_field(state, id, self.0)
            }

            #[inline(always)]
            fn decode<R: $crate::rt::Reader>(
                &mut self,
                reader: &mut R,
            ) -> ::core::result::Result<(), $crate::rt::DecodeError> {
                self.0 = reader.i32()?;
                ::core::result::Result::Ok(())
            }
        }

        $crate::open_enum_serde!($name);
    };
    (@name $value:ident) => {
        ::core::stringify!($value)
    };
    (@name $value:ident $wire:literal) => {
        $wire
    };
}

/// serde for an open enum, if this crate has the feature `serde`.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! open_enum_serde {
    ($name:ident) => {
        impl $crate::rt::OpenEnum for $name {
            const NAME: &'static str = ::core::stringify!($name);

            fn value_name(self) -> ::core::option::Option<&'static str> {
                self.name()
            }

            fn find(name: &str) -> ::core::option::Option<Self> {
                <Self as ::core::convert::TryFrom<&str>>::try_from(name).ok()
            }
        }

        impl $crate::rt::Serialize for $name {
            fn serialize<S: $crate::rt::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $crate::rt::serialize_enum(*self, serializer)
            }
        }

        impl<'de> $crate::rt::Deserialize<'de> for $name {
            fn deserialize<D: $crate::rt::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::rt::deserialize_enum(deserializer)
            }
        }
    };
}

/// serde for an open enum, if this crate has the feature `serde`.
#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! open_enum_serde {
    ($name:ident) => {};
}

/// The exceptions that a method declares, by their field ids in its result.
///
/// `#[from]` marks those that `?` turns into this type and into its [`ServerError`].
#[doc(hidden)]
#[macro_export]
macro_rules! exceptions {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $id:literal => $arm:ident($(#[$from:ident])? $exception:ty),)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $($(#[$doc])* $arm($exception),)+
        }

        impl $crate::rt::Exceptions for $name {
            fn id(&self) -> i16 {
                match self {
                    $(Self::$arm(_) => $id,)+
                }
            }

            fn size_field<S: $crate::rt::Sizer>(&self, sizer: &mut S, state: &mut S::State) -> usize {
                match self {
                    $(Self::$arm(exception) => sizer.field(state, $id, exception),)+
                }
            }

            fn encode_field<W: $crate::rt::Writer>(&self, writer: W, state: &mut W::State) -> W {
                match self {
                    $(Self::$arm(exception) => writer.field(state, $id, exception),)+
                }
            }

            fn decode_field<R: $crate::rt::Reader>(
                head: $crate::rt::FieldHead,
                reader: &mut R,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::rt::DecodeError> {
                ::core::result::Result::Ok(match head.id() {
                    $($id => reader.arm(head, ::core::stringify!($arm))?.map(Self::$arm),)+
                    _ => {
                        reader.skip(head)?;
                        ::core::option::Option::None
                    }
                })
            }

            fn detach(&mut self) {
                match self {
                    $(Self::$arm(exception) => $crate::rt::detach(exception),)+
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    $(Self::$arm(exception) => ::core::fmt::Display::fmt(exception, f),)+
                }
            }
        }

        impl ::core::error::Error for $name {}

        impl ::core::convert::From<$name> for $crate::rt::ServerError<$name> {
            fn from(exception: $name) -> Self {
                Self::Exception(exception)
            }
        }

        $($crate::exceptions!(@$($from)? $name $arm $exception);)+
    };
    (@from $name:ident $arm:ident $exception:ty) => {
        impl ::core::convert::From<$exception> for $name {
            fn from(exception: $exception) -> Self {
                Self::$arm(exception)
            }
        }

        impl ::core::convert::From<$exception> for $crate::rt::ServerError<$name> {
            fn from(exception: $exception) -> Self {
                Self::Exception($name::$arm(exception))
            }
        }
    };
    (@$name:ident $arm:ident $exception:ty) => {};
}
