//! Base types that the standard library lacks: a UUID, and a double that can be a key.

use std::{cmp::Ordering, fmt, hash, str::FromStr};

use super::{DecodeError, Reader, Sizer, Type, Value, Writer};

/// A `uuid`: 16 bytes in network order.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Value for Uuid {
    const TYPE: Type = Type::Uuid;
    const MIN: [usize; 2] = [16, 16];

    #[inline(always)]
    fn size<S: Sizer>(&self, _: &mut S) -> usize {
        16
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.uuid(&self.0)
    }

    #[inline(always)]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        self.0 = reader.uuid()?;
        Ok(())
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 32 hexadecimal digits with four hyphens, `8-4-4-4-12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseUuidError;

impl fmt::Display for ParseUuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID is 32 hexadecimal digits grouped 8-4-4-4-12")
    }
}

impl std::error::Error for ParseUuidError {}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        if text.len() != 36 {
            return Err(ParseUuidError);
        }
        let (mut bytes, mut digits) = ([0; 16], 0);
        for (index, byte) in text.bytes().enumerate() {
            if matches!(index, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return Err(ParseUuidError);
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16).ok_or(ParseUuidError)? as u8;
            bytes[digits / 2] |= digit << (4 * (1 - digits % 2));
            digits += 1;
        }
        Ok(Uuid(bytes))
    }
}

/// A `double` used as a map's key or a set's element: compared by IEEE total order, so that NaN equals itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderedDouble(pub f64);

impl PartialEq for OrderedDouble {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for OrderedDouble {}

impl PartialOrd for OrderedDouble {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedDouble {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl hash::Hash for OrderedDouble {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl From<f64> for OrderedDouble {
    fn from(value: f64) -> Self {
        OrderedDouble(value)
    }
}

impl From<OrderedDouble> for f64 {
    fn from(value: OrderedDouble) -> Self {
        value.0
    }
}

impl Value for OrderedDouble {
    const TYPE: Type = Type::Double;
    const MIN: [usize; 2] = [8, 8];

    #[inline(always)]
    fn size<S: Sizer>(&self, _: &mut S) -> usize {
        8
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.double(self.0)
    }

    #[inline(always)]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        self.0 = reader.double()?;
        Ok(())
    }

    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        writer.double_field(state, id, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_texts() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.0[..3], [0, 0x11, 0x22]);
        assert_eq!(uuid.to_string(), text);
        assert_eq!("00112233-4455-6677-8899-AABBCCDDEEFF".parse(), Ok(uuid));
        let long = format!("{text}0");
        for bad in [
            "",
            "x",
            &text[1..],
            &long,
            &text.replace('-', "0"),
            &text.replace('f', "g"),
            "é".repeat(18).as_str(),
        ] {
            assert_eq!(bad.parse::<Uuid>(), Err(ParseUuidError), "{bad}");
        }
    }

    #[test]
    fn doubles_have_a_total_order() {
        let mut values = [f64::NAN, 1.0, -0.0, f64::NEG_INFINITY, 0.0].map(OrderedDouble);
        values.sort();
        assert_eq!(values.map(|value| value.0.to_string()), ["-inf", "-0", "0", "1", "NaN"]);
        assert_eq!(OrderedDouble(f64::NAN), OrderedDouble(f64::NAN));
        assert_ne!(OrderedDouble(0.0), OrderedDouble(-0.0));
    }
}
