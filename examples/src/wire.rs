//! Values to bytes and back, in Binary: how resources are stored, and how one type is read as another.

use bytes::Bytes;
use volo_thrift::protocol::Value;

use crate::fault::Fault;

/// The value as a struct on its own.
pub fn encode(value: &impl Value) -> Result<Bytes, Fault> {
    todo!()
}

/// Sets the fields that `bytes` has and leaves the others as they are.
pub fn decode_onto(value: &mut impl Value, bytes: Bytes) -> Result<(), Fault> {
    todo!()
}

/// Reads a value as another type whose fields have the same ids.
pub fn read_as<T: Value>(value: &impl Value) -> Result<T, Fault> {
    let mut other = T::default();
    decode_onto(&mut other, encode(value)?)?;
    Ok(other)
}
