//! Fields that this build does not know, kept so that they can be sent on.

use std::borrow::Cow;

use super::{Protocol, Sizer, Type, Writer, transcode::transcode_value};

/// Bytes that a kept field is charged beside its value.
pub(super) const FIELD_MEMORY: usize = size_of::<UnknownField>();

/// Fields as they were on the wire, copied out of their frame, with the protocol they came in.
///
/// Written into a message of the same protocol they are the same bytes again, otherwise they are transcoded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownFields(Vec<UnknownField>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct UnknownField {
    id: i16,
    protocol: Protocol,
    /// The type's code.
    code: u8,
    /// Encoded as in a container.
    value: Box<[u8]>,
}

impl UnknownFields {
    /// How many fields are kept.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no field is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids and types of the fields.
    pub fn heads(&self) -> impl Iterator<Item = (i16, Type)> {
        self.0.iter().filter_map(|field| Some((field.id, Type::from_code(field.code)?)))
    }

    /// Bytes of the fields with their heads.
    pub fn size<S: Sizer>(&self, sizer: &mut S, state: &mut S::State) -> usize {
        let mut size = 0;
        for (id, value_type, value) in self.encoded(S::PROTOCOL) {
            size += match value_type {
                Type::Bool => sizer.bool_field(state, id),
                _ => sizer.head(state, id) + value.len(),
            };
        }
        size
    }

    /// Writes the fields with their heads.
    pub fn encode<W: Writer>(&self, mut writer: W, state: &mut W::State) -> W {
        for (id, value_type, value) in self.encoded(W::PROTOCOL) {
            writer = match value_type {
                Type::Bool => writer.bool_field(state, id, *value == [1]),
                _ => writer.head(state, id, value_type).raw(&value),
            };
        }
        writer
    }

    pub(super) fn push(&mut self, protocol: Protocol, id: i16, value_type: Type, value: &[u8]) {
        self.0.push(UnknownField { id, protocol, code: value_type as u8, value: value.into() });
    }

    /// Ids, types and values in this protocol. A value was walked over when it was kept, so that transcoding it can
    /// only fail on what a walk doesn't look at; such a field is left out.
    fn encoded(&self, protocol: Protocol) -> impl Iterator<Item = (i16, Type, Cow<'_, [u8]>)> {
        self.0.iter().filter_map(move |field| {
            let value_type = Type::from_code(field.code)?;
            let value = if field.protocol == protocol {
                Cow::Borrowed(&*field.value)
            } else {
                Cow::Owned(transcode_value(&field.value, value_type, field.protocol, protocol).ok()?)
            };
            Some((field.id, value_type, value))
        })
    }
}
