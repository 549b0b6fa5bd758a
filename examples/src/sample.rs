//! Offerings and orders of realistic shape, the same for the same seed.
//!
//! Sizes follow TM Forum's own examples: about 3.5 KB an offering in Binary, a third of the fields set, half of the
//! strings within 16 bytes, one in ten beyond 35.

use bytes::Bytes;
use faststr::FastStr;

use crate::{
    clock::date_time,
    tmf::{
        catalog::{
            BundledOffering, CharValueSpec, CharValueUse, OfferingRelationship, OfferingTerm,
            PriceRefOrValue, ProductOffering, TaxItem,
        },
        common::{
            Attachment, Characteristic, Duration, EntityRef, Money, Note, Quantity, RelatedParty, TimePeriod,
            Value,
        },
        ordering::{
            OrderItemAction, OrderPrice, OrderTerm, Price, Product, ProductOrderCreate, ProductOrderItem,
        },
    },
};

const HOST: &str = "https://shop.example/catalog/v4";
const FAMILIES: [&str; 8] = ["Mobile", "Fibre", "5G Home", "Business", "IoT", "Roaming", "Family", "Prepaid"];
const TIERS: [&str; 6] = ["Basic", "Start", "Plus", "Pro", "Max", "Unlimited"];
const CHANNELS: [&str; 5] = ["Online shop", "Call centre", "Retail", "Partner", "Field sales"];
const SEGMENTS: [&str; 4] = ["Residential", "Students", "Small business", "Large enterprise"];
const COUNTRIES: [&str; 5] = ["Australia", "Portugal", "Japan", "Germany", "Canada"];
const CHARACTERISTICS: [&str; 6] =
    ["Data volume", "Download speed", "SIM type", "Colour", "Contract", "Latency"];
const CURRENCIES: [&str; 4] = ["AUD", "EUR", "JPY", "CAD"];
/// A status and how many offerings of a hundred have it.
const STATUSES: [(&str, u64); 7] = [
    ("Launched", 50),
    ("Active", 20),
    ("In Design", 8),
    ("In Study", 6),
    ("In Test", 4),
    ("Retired", 8),
    ("Obsolete", 4),
];
const SENTENCES: [&str; 5] = [
    "A plan for people who stream, work and play on the move.",
    "Includes calls and texts to all national networks.",
    "Speed may be reduced after the fair use volume.",
    "Installation by a technician within ten working days.",
    "Cancel at any time after the first billing period.",
];

/// A source of samples.
pub struct Samples(u64);

impl Samples {
    /// A source that gives the same samples for the same seed.
    pub fn new(seed: u64) -> Self {
        Samples(seed)
    }

    /// The offering with this number; its id is `off-` and the number.
    pub fn offering(&mut self, number: usize) -> ProductOffering {
        let (family, tier) = (self.pick(&FAMILIES), self.pick(&TIERS));
        // The first one can be ordered in every catalogue, however small.
        let status = if number == 0 { STATUSES[0].0 } else { self.status() };
        let price = self.between(500, 12_000) as f64 / 100.0;
        let currency = text(self.pick(&CURRENCIES));
        ProductOffering {
            id: offering_id(number),
            href: Some(format!("{HOST}/productOffering/off-{number:06}").into()),
            name: Some(format!("{family} {tier} {}GB", self.between(5, 500)).into()),
            description: Some(self.description()),
            is_bundle: Some(self.between(0, 10) == 0),
            is_sellable: Some(true),
            last_update: Some(self.date()),
            lifecycle_status: Some(text(status)),
            status_reason: Some(text("Approved by the pricing board")),
            version: Some(format!("{}.{}", self.between(1, 5), self.between(0, 10)).into()),
            agreement: Some(vec![self.reference("agreement", "General terms", "Agreement")]),
            attachment: Some(vec![self.attachment()]),
            bundled_product_offering: Some(vec![self.bundled()]),
            category: Some(self.references("category", &FAMILIES, "Category", 2)),
            channel: Some(self.references("channel", &CHANNELS, "Channel", 3)),
            market_segment: Some(self.references("marketSegment", &SEGMENTS, "MarketSegment", 2)),
            place: Some(self.references("place", &COUNTRIES, "GeographicArea", 1)),
            prod_spec_char_value_use: Some((0..3).map(|_| self.characteristic_use()).collect()),
            product_offering_price: Some(vec![
                self.price("recurring", price, &currency),
                self.price("oneTime", 25.0, &currency),
            ]),
            product_offering_relationship: Some(vec![self.relationship()]),
            product_offering_term: Some(vec![self.term(12), self.term(24)]),
            product_specification: Some(self.reference(
                "productSpecification",
                family,
                "ProductSpecification",
            )),
            service_candidate: Some(self.reference("serviceCandidate", tier, "ServiceCandidate")),
            valid_for: Some(self.period()),
            schema_location: Some(text("https://shop.example/schema/ProductOffering.schema.json")),
            r#type: Some(text("ProductOffering")),
            price: Some(price),
            currency: Some(currency),
            ..Default::default()
        }
    }

    /// A number below `len`, which is not 0.
    pub fn index(&mut self, len: usize) -> usize {
        self.between(0, len as u64) as usize
    }

    /// An order of one item for each of the offerings.
    pub fn order(&mut self, offerings: Vec<FastStr>) -> ProductOrderCreate {
        let items = offerings.into_iter().map(|id| self.order_item(id)).collect();
        ProductOrderCreate {
            category: Some(text("B2C product order")),
            description: Some(self.description()),
            external_id: Some(format!("ext-{:08}", self.between(0, 100_000_000)).into()),
            priority: Some(text("1")),
            requested_completion_date: Some(self.date()),
            requested_start_date: Some(self.date()),
            note: Some(vec![Note {
                id: Some(text("1")),
                author: Some(text("Jean Pontus")),
                date: Some(self.date()),
                text: Some(text(self.pick(&SENTENCES))),
            }]),
            channel: Some(self.references("channel", &CHANNELS, "Channel", 1)),
            product_order_item: Some(items),
            related_party: Some(vec![self.customer()]),
            ..Default::default()
        }
    }

    fn order_item(&mut self, offering: FastStr) -> ProductOrderItem {
        let product = Product {
            is_bundle: Some(false),
            product_characteristic: Some(vec![
                Characteristic {
                    name: text("SIM type"),
                    value: Value::Text(text("eSIM")),
                    ..Default::default()
                },
                Characteristic {
                    name: text("Data volume"),
                    value: Value::Integer(self.between(5, 500).cast_signed()),
                    value_type: Some(text("integer")),
                },
            ]),
            product_specification: Some(self.reference(
                "productSpecification",
                "Mobile",
                "ProductSpecification",
            )),
            ..Default::default()
        };
        ProductOrderItem {
            action: Some(OrderItemAction::ADD),
            quantity: Some(1),
            item_price: Some(vec![OrderPrice {
                name: Some(text("Price, recurring")),
                price_type: Some(text("recurring")),
                recurring_charge_period: Some(text("month")),
                price: Some(Price {
                    tax_rate: Some(10.0),
                    tax_included_amount: Some(Money { unit: Some(text("AUD")), value: Some(20.0) }),
                    ..Default::default()
                }),
                ..Default::default()
            }]),
            item_term: Some(vec![OrderTerm {
                name: Some(text("12 months")),
                duration: Some(Duration { amount: Some(12), units: Some(text("month")) }),
                ..Default::default()
            }]),
            product: Some(product),
            product_offering: Some(EntityRef {
                href: Some(format!("{HOST}/productOffering/{offering}").into()),
                id: offering,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn customer(&mut self) -> RelatedParty {
        let id = self.id();
        RelatedParty {
            href: Some(format!("https://shop.example/party/v4/individual/{id}").into()),
            id,
            name: Some(text("Joe Doe")),
            role: Some(text("Customer")),
            referred_type: text("Individual"),
            ..Default::default()
        }
    }

    fn references(
        &mut self,
        kind: &str,
        names: &[&'static str],
        referred: &'static str,
        count: usize,
    ) -> Vec<EntityRef> {
        (0..count)
            .map(|_| {
                let name = self.pick(names);
                self.reference(kind, name, referred)
            })
            .collect()
    }

    fn reference(&mut self, kind: &str, name: &'static str, referred: &'static str) -> EntityRef {
        let id = self.id();
        EntityRef {
            href: Some(format!("{HOST}/{kind}/{id}").into()),
            id,
            name: Some(text(name)),
            referred_type: Some(text(referred)),
            ..Default::default()
        }
    }

    fn attachment(&mut self) -> Attachment {
        let id = self.id();
        Attachment {
            attachment_type: Some(text("Picture")),
            mime_type: Some(text("image/jpeg")),
            name: Some(text("Cover")),
            content: Some(Bytes::from_static(b"\xff\xd8\xff\xe0thumbnail")),
            url: Some(format!("https://shop.example/pictures/{id}.jpg").into()),
            id: Some(id),
            size: Some(Quantity { amount: Some(self.between(10, 900) as f64), units: Some(text("kB")) }),
            ..Default::default()
        }
    }

    fn bundled(&mut self) -> BundledOffering {
        let number = self.between(0, 1000);
        BundledOffering {
            id: Some(format!("off-{number:06}").into()),
            name: Some(text(self.pick(&FAMILIES))),
            lifecycle_status: Some(text("Active")),
            ..Default::default()
        }
    }

    fn characteristic_use(&mut self) -> CharValueUse {
        let volume = CharValueSpec {
            is_default: Some(true),
            value: Some(Value::Integer(self.between(1, 1000).cast_signed())),
            value_type: Some(text("integer")),
            unit_of_measure: Some(text("GB")),
            ..Default::default()
        };
        let label = CharValueSpec {
            value: Some(Value::Text(text(self.pick(&TIERS)))),
            value_type: Some(text("string")),
            ..Default::default()
        };
        CharValueUse {
            id: Some(self.id()),
            name: Some(text(self.pick(&CHARACTERISTICS))),
            description: Some(text(self.pick(&SENTENCES))),
            min_cardinality: Some(0),
            max_cardinality: Some(1),
            value_type: Some(text("integer")),
            characteristic_value: Some(vec![volume, label]),
            ..Default::default()
        }
    }

    fn price(&mut self, kind: &'static str, value: f64, currency: &FastStr) -> PriceRefOrValue {
        let id = self.id();
        PriceRefOrValue {
            href: Some(format!("{HOST}/productOfferingPrice/{id}").into()),
            id: Some(id),
            name: Some(format!("Price, {kind}, {currency}").into()),
            price_type: Some(text(kind)),
            price: Some(Money { unit: Some(currency.clone()), value: Some(value) }),
            tax: Some(vec![TaxItem {
                tax_category: Some(text("VAT")),
                tax_rate: Some(10.0),
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    fn relationship(&mut self) -> OfferingRelationship {
        OfferingRelationship {
            id: Some(format!("off-{:06}", self.between(0, 1000)).into()),
            name: Some(text(self.pick(&FAMILIES))),
            relationship_type: Some(text("migration")),
            valid_for: Some(self.period()),
            ..Default::default()
        }
    }

    fn term(&mut self, months: i32) -> OfferingTerm {
        OfferingTerm {
            name: Some(format!("{months} months").into()),
            description: Some(text(self.pick(&SENTENCES))),
            duration: Some(Duration { amount: Some(months), units: Some(text("month")) }),
            valid_for: Some(self.period()),
        }
    }

    fn id(&mut self) -> FastStr {
        format!("{:012x}", self.next() >> 16).into()
    }

    fn description(&mut self) -> FastStr {
        format!("{} {}", self.pick(&SENTENCES), self.pick(&SENTENCES)).into()
    }

    fn period(&mut self) -> TimePeriod {
        TimePeriod { start_date_time: Some(self.date()), end_date_time: Some(self.date()) }
    }

    fn date(&mut self) -> FastStr {
        date_time(self.between(1_700_000_000, 1_900_000_000)).into()
    }

    fn status(&mut self) -> &'static str {
        let mut left = self.between(0, 100);
        for (status, share) in STATUSES {
            if left < share {
                return status;
            }
            left -= share;
        }
        STATUSES[0].0
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.index(of.len())]
    }

    /// A number from `low` to below `high`.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The id of the offering with this number.
pub fn offering_id(number: usize) -> FastStr {
    format!("off-{number:06}").into()
}

fn text(literal: &'static str) -> FastStr {
    FastStr::from_static_str(literal)
}
