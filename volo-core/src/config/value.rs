//! What values look like in a document: each type reads one notation and names its limits when it refuses one.

use std::{fmt, marker::PhantomData, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// The longest time that makes sense anywhere.
const TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// A length of time as text: `"250ms"`, `"1.5s"`, `"2m"`; more than 0, at most 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A share as text: `"20%"`, in whole percents from `MIN` to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent<const MIN: u32>(pub u32);

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

/// A value, or `"none"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maybe<T>(pub Option<T>);

/// One of a few names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<T>(pub T);

/// What has a [`Name`].
pub trait Named: Copy + 'static {
    /// All there are.
    const NAMES: &'static [(&'static str, Self)];
}

/// The units of time and how many nanoseconds each is.
const UNITS: [(&str, f64); 6] =
    [("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86_400e9)];

fn time(text: &str) -> Result<Time, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let nanos =
        plain.then(|| number.parse::<f64>().ok()).flatten().zip(unit).map(|(n, (_, scale))| n * scale);
    let Some(nanos) = nanos else {
        return Err(format!(
            "`{text}` is no time: a number and its unit (us, ms, s, m, h, d) are, as in \"250ms\""
        ));
    };
    if nanos < 1.0 || nanos > TIME_MAX.as_nanos() as f64 {
        return Err(format!("`{text}` is out of range: a time is more than 0 and at most 30d"));
    }
    Ok(Time(Duration::from_nanos(nanos as u64)))
}

fn percent(text: &str, min: u32) -> Result<u32, String> {
    let number = text.strip_suffix('%').map(str::trim_end);
    let number = number.filter(|number| !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit()));
    let Some(number) = number else {
        return Err(format!("`{text}` is no share: whole percents are, as in \"20%\""));
    };
    number
        .parse()
        .ok()
        .filter(|percent| (min..=100).contains(percent))
        .ok_or_else(|| format!("`{text}` is out of range: the share is from {min}% to 100%"))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text("a time as text, as \"250ms\"", time))
    }
}

impl<'de, const MIN: u32> Deserialize<'de> for Percent<MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| percent(text, MIN).map(Percent);
        deserializer.deserialize_str(Text("a share as text, as \"20%\"", read))
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        let whole = u32::try_from(number).ok().filter(|whole| (MIN..=MAX).contains(whole));
        whole.map(Whole).ok_or_else(|| {
            de::Error::custom(format!("{number} is out of range: the number is from {MIN} to {MAX}"))
        })
    }
}

impl<'de, T: Named> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| {
            let named = T::NAMES.iter().find(|(name, _)| *name == text);
            named.map(|(_, value)| Name(*value)).ok_or_else(|| {
                let names: Vec<_> = T::NAMES.iter().map(|(name, _)| *name).collect();
                format!("`{text}` is none of {}", names.join(", "))
            })
        };
        deserializer.deserialize_str(Text("a name", read))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaybeVisitor(PhantomData))
    }
}

/// Reads a text.
struct Text<F>(&'static str, F);

impl<T, F: FnOnce(&str) -> Result<T, String>> de::Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
}

struct MaybeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for MaybeVisitor<T> {
    type Value = Maybe<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Maybe<T>, E> {
        if text == "none" {
            return Ok(Maybe(None));
        }
        T::deserialize(de::value::StrDeserializer::new(text)).map(|value| Maybe(Some(value)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Maybe<T>, E> {
        T::deserialize(de::value::I64Deserializer::new(number)).map(|value| Maybe(Some(value)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Maybe<T>, E> {
        T::deserialize(de::value::U64Deserializer::new(number)).map(|value| Maybe(Some(value)))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Maybe<T>, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|value| Maybe(Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_a_range() {
        for (text, millis) in [("250ms", 250.0), ("1.5s", 1500.0), ("2m", 120_000.0), ("100us", 0.1)] {
            assert_eq!(time(text).unwrap().0, Duration::from_secs_f64(millis / 1e3), "{text}");
        }
        for text in ["", "5", "ms", "-1s", "1 s", "1e3s", "1.2.3s", "s5", "5 ms", "nans", "infs", "5years"] {
            assert!(time(text).unwrap_err().contains("is no time"), "{text}");
        }
        for text in ["0s", "0.0ms", "31d", "99999999999999999999h"] {
            assert!(time(text).unwrap_err().contains("more than 0 and at most 30d"), "{text}");
        }
    }

    #[test]
    fn shares_are_percents_within_their_limits() {
        assert_eq!((percent("0%", 0), percent("100%", 1), percent("20 %", 1)), (Ok(0), Ok(100), Ok(20)));
        for text in ["", "%", "20", "0.2", "-5%", "1.5%", "x%"] {
            assert!(percent(text, 0).unwrap_err().contains("is no share"), "{text}");
        }
        assert_eq!(percent("0%", 1).unwrap_err(), "`0%` is out of range: the share is from 1% to 100%");
        assert!(percent("101%", 0).is_err() && percent("99999999999%", 0).is_err());
    }
}
