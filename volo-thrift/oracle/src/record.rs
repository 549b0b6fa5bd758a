//! The macros that write a test type.

/// Writes a struct, and for it: our `Value` in the shape that our generator writes, `pilota::thrift::Message` in the
/// shape that pilota's writes, and a description.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $name:ident { $($id:literal $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[allow(missing_docs, reason = "names of test data")]
        pub struct $name {
            $(pub $field: $type,)*
        }

        impl ::volo_thrift::protocol::Value for $name {
            const TYPE: ::volo_thrift::protocol::Type = ::volo_thrift::protocol::Type::Struct;
            const MIN: [usize; 2] = [1, 1];

            fn size<S: ::volo_thrift::protocol::Sizer>(&self, sizer: &mut S) -> usize {
                let state = &mut { S::START };
                1 $(+ sizer.field(state, $id, &self.$field))*
            }

            fn encode<W: ::volo_thrift::protocol::Writer>(&self, writer: W) -> W {
                let state = &mut { W::START };
                writer$(.field(state, $id, &self.$field))*.stop()
            }

            fn decode<R: ::volo_thrift::protocol::Reader>(
                &mut self,
                reader: &mut R,
            ) -> Result<(), ::volo_thrift::protocol::DecodeError> {
                reader.fields(stringify!($name), |reader, field| match field.id() {
                    $($id => reader.field(field, stringify!($field), &mut self.$field),)*
                    _ => reader.skip(field),
                })
            }
        }

        $crate::foreign! { $name { $($id $field: $type,)* } }
    };
}

/// Writes for a struct that is there, with a `Value` of ours, what [`record!`] writes beside that.
#[macro_export]
macro_rules! foreign {
    ($name:ident { $($id:literal $field:ident: $type:ty,)* }) => {
        impl $crate::Described for $name {
            fn describe(&self) -> $crate::Dynamic {
                let fields = [$(($id, $crate::DescribedField::describe_field(&self.$field)),)*];
                let set = fields.into_iter().filter_map(|(id, value)| Some((id, value?)));
                $crate::Dynamic::Struct(set.collect())
            }
        }

        impl ::pilota::thrift::Message for $name {
            fn encode<O: ::pilota::thrift::TOutputProtocol>(
                &self,
                protocol: &mut O,
            ) -> Result<(), ::pilota::thrift::ThriftException> {
                protocol.write_struct_begin(&::pilota::thrift::TStructIdentifier { name: stringify!($name) })?;
                $($crate::peer::Field::write_field(&self.$field, protocol, $id)?;)*
                protocol.write_field_stop()?;
                protocol.write_struct_end()
            }

            fn decode<I: ::pilota::thrift::TInputProtocol>(
                protocol: &mut I,
            ) -> Result<Self, ::pilota::thrift::ThriftException> {
                $(let mut $field = None;)*
                protocol.read_struct_begin()?;
                loop {
                    let head = protocol.read_field_begin()?;
                    if head.field_type == ::pilota::thrift::TType::Stop {
                        break;
                    }
                    match head.id {
                        $(Some($id) if head.field_type == <$type as $crate::peer::Field>::TYPE => {
                            $field = Some($crate::peer::Field::read_field(protocol)?);
                        })*
                        _ => {
                            protocol.skip(head.field_type)?;
                        }
                    }
                    protocol.read_field_end()?;
                }
                protocol.read_struct_end()?;
                Ok($name { $($field: $field.unwrap_or_default(),)* })
            }

            async fn decode_async<I: ::pilota::thrift::TAsyncInputProtocol>(
                _: &mut I,
            ) -> Result<Self, ::pilota::thrift::ThriftException> {
                Err($crate::peer::no_async())
            }

            fn size<L: ::pilota::thrift::TLengthProtocol>(&self, protocol: &mut L) -> usize {
                protocol.struct_begin_len(&::pilota::thrift::TStructIdentifier { name: stringify!($name) })
                    $(+ $crate::peer::Field::field_size(&self.$field, protocol, $id))*
                    + protocol.field_stop_len()
                    + protocol.struct_end_len()
            }
        }

        $crate::peer_struct!($name);
    };
}
