//! A product offering of the shape and size that TMF620 examples have: small texts in a deep tree.

use faststr::FastStr;
use volo_thrift::protocol::Map;

use crate::{random::Random, record};

record! {
    /// When something holds.
    TimePeriod {
        1 start: Option<FastStr>,
        2 end: Option<FastStr>,
    }
}

record! {
    /// An amount.
    Money {
        1 unit: Option<FastStr>,
        2 value: Option<f64>,
    }
}

record! {
    /// A pointer to another resource.
    Reference {
        1 id: FastStr,
        2 href: Option<FastStr>,
        3 name: Option<FastStr>,
        4 version: Option<FastStr>,
        5 referred_type: Option<FastStr>,
    }
}

record! {
    /// A price.
    Price {
        1 id: FastStr,
        2 name: Option<FastStr>,
        3 description: Option<FastStr>,
        4 price_type: Option<FastStr>,
        5 recurring: Option<i32>,
        6 price: Option<Money>,
        7 percentage: Option<f64>,
        8 valid_for: Option<TimePeriod>,
        9 last_update_ms: Option<i64>,
    }
}

record! {
    /// A value that a characteristic may have.
    CharacteristicValue {
        1 value: Option<FastStr>,
        2 unit: Option<FastStr>,
        3 is_default: Option<bool>,
        4 valid_for: Option<TimePeriod>,
    }
}

record! {
    /// How a characteristic of the specification is used.
    Characteristic {
        1 name: FastStr,
        2 description: Option<FastStr>,
        3 max_cardinality: Option<i32>,
        4 values: Vec<CharacteristicValue>,
        5 specification: Option<Reference>,
    }
}

record! {
    /// A product offering.
    Offering {
        1 id: FastStr,
        2 href: Option<FastStr>,
        3 name: FastStr,
        4 description: Option<FastStr>,
        5 is_bundle: Option<bool>,
        6 is_sellable: Option<bool>,
        7 lifecycle_status: Option<FastStr>,
        8 last_update_ms: Option<i64>,
        9 valid_for: Option<TimePeriod>,
        10 categories: Vec<Reference>,
        11 prices: Vec<Price>,
        12 characteristics: Vec<Characteristic>,
        13 specification: Option<Reference>,
        14 markets: Vec<Reference>,
        15 tags: Map<FastStr, FastStr>,
        16 version: Option<FastStr>,
    }
}

record! {
    /// Offerings of one answer.
    Page {
        1 items: Vec<Offering>,
        2 total: i32,
    }
}

/// A text of about this length.
fn text(r: &mut Random, len: usize) -> FastStr {
    let len = len / 2 + r.below(len) + 1;
    let letters = (0..len).map(|_| char::from(b'a' + r.below(26) as u8));
    FastStr::from_string(letters.collect())
}

impl TimePeriod {
    fn random(r: &mut Random) -> Self {
        let time = |r: &mut Random| Some(format!("2024-0{}-01T00:00:00Z", 1 + r.below(9)).into());
        TimePeriod { start: time(r), end: time(r) }
    }
}

impl Reference {
    fn random(r: &mut Random) -> Self {
        Reference {
            id: text(r, 5),
            href: Some(text(r, 50)),
            name: Some(text(r, 14)),
            version: r.option(|_| "1.0".into()),
            referred_type: Some(text(r, 14)),
        }
    }
}

impl Price {
    fn random(r: &mut Random) -> Self {
        Price {
            id: text(r, 6),
            name: Some(text(r, 20)),
            description: Some(text(r, 40)),
            price_type: Some("recurring".into()),
            recurring: Some(1),
            price: Some(Money { unit: Some("EUR".into()), value: Some(r.below(10_000) as f64 / 100.0) }),
            percentage: r.option(|_| 0.5),
            valid_for: Some(TimePeriod::random(r)),
            last_update_ms: Some(1_700_000_000_000 + r.below(1 << 30) as i64),
        }
    }
}

impl Characteristic {
    fn random(r: &mut Random) -> Self {
        let value = |r: &mut Random| CharacteristicValue {
            value: Some(text(r, 8)),
            unit: r.option(|_| "GB".into()),
            is_default: Some(r.below(2) == 1),
            valid_for: Some(TimePeriod::random(r)),
        };
        Characteristic {
            name: text(r, 12),
            description: Some(text(r, 30)),
            max_cardinality: Some(1),
            values: (0..2).map(|_| value(r)).collect(),
            specification: Some(Reference::random(r)),
        }
    }
}

impl Offering {
    /// An offering of about three kilobytes.
    pub fn random(r: &mut Random) -> Self {
        Offering {
            id: text(r, 6),
            href: Some(text(r, 50)),
            name: text(r, 20),
            description: Some(text(r, 100)),
            is_bundle: Some(false),
            is_sellable: Some(true),
            lifecycle_status: Some("Active".into()),
            last_update_ms: Some(1_700_000_000_000),
            valid_for: Some(TimePeriod::random(r)),
            categories: (0..3).map(|_| Reference::random(r)).collect(),
            prices: (0..3).map(|_| Price::random(r)).collect(),
            characteristics: (0..3).map(|_| Characteristic::random(r)).collect(),
            specification: Some(Reference::random(r)),
            markets: (0..2).map(|_| Reference::random(r)).collect(),
            tags: (0..2).map(|_| (text(r, 8), text(r, 12))).collect(),
            version: Some("1.0".into()),
        }
    }
}

impl Page {
    /// Twenty offerings.
    pub fn random(r: &mut Random) -> Self {
        Page { items: (0..20).map(|_| Offering::random(r)).collect(), total: 20 }
    }
}

record! {
    /// The smallest sensible message.
    Echo {
        1 id: i64,
        2 message: FastStr,
        3 at: Option<f64>,
        4 ok: bool,
    }
}

impl Echo {
    /// A message of about ninety bytes.
    pub fn random(r: &mut Random) -> Self {
        Echo { id: r.number(), message: text(r, 50), at: Some(1.5), ok: true }
    }
}

record! {
    /// Lists of numbers.
    Telemetry {
        1 times: Vec<i64>,
        2 values: Vec<f64>,
        3 codes: Vec<i32>,
    }
}

impl Telemetry {
    /// 256 numbers of each kind.
    pub fn random(r: &mut Random) -> Self {
        Telemetry {
            times: (0..256).map(|_| 1_700_000_000_000 + r.below(1 << 30) as i64).collect(),
            values: (0..256).map(|_| r.number() as f64).collect(),
            codes: (0..256).map(|_| r.below(600) as i32).collect(),
        }
    }
}
