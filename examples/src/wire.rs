//! Values to bytes and back, in Binary: how resources are stored, and how one type is read as another.

use volo_core::Error;
use volo_thrift::{
    Limits,
    protocol::{BinaryReader, BinarySizer, BinaryWriter, Value},
};

use crate::fault::Fault;

/// The value as a struct on its own, in one allocation.
pub fn encode(value: &impl Value) -> Vec<u8> {
    let size = value.size(&mut BinarySizer::new(usize::MAX, u32::MAX));
    value.encode(BinaryWriter(Vec::with_capacity(size))).0
}

/// Sets the fields that `bytes` has and leaves the others as they are.
pub fn decode_onto(value: &mut impl Value, bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = BinaryReader::borrowed(bytes, Limits::default().decode());
    value.decode(&mut reader).map_err(|error| Error::protocol(reader.place()).with_source(error).into())
}

/// Reads a value as another type whose fields have the same ids.
pub fn read_as<T: Value>(value: &impl Value) -> Result<T, Fault> {
    let mut other = T::default();
    decode_onto(&mut other, &encode(value))?;
    Ok(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmf::catalog::{ProductOffering, ProductOfferingUpdate};

    #[test]
    fn decoding_onto_a_value_merges() {
        let mut offering = ProductOffering {
            id: "off-1".into(),
            name: Some("5G 50GB Plan".into()),
            price: Some(20.0),
            ..Default::default()
        };
        let change =
            ProductOfferingUpdate { price: Some(25.0), category: Some(Vec::new()), ..Default::default() };
        decode_onto(&mut offering, &encode(&change)).unwrap();
        assert_eq!(offering.price, Some(25.0));
        assert_eq!(offering.name.as_deref(), Some("5G 50GB Plan"));
        assert_eq!(offering.category, Some(Vec::new()));
        assert!(decode_onto(&mut offering, b"\x0b\x00").is_err());
    }
}
