//! What the benches measure, the same in every run: messages, and stacks of layers.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod json;
pub mod layers;

use bytes::Bytes;
use examples::{
    echo::EchoRequest,
    sample::{Samples, offering_id},
    telemetry::{Blob, Quality, Series},
    tmf::{
        catalog::{ProductOffering, ProductOfferingPage},
        ordering::ProductOrderCreate,
    },
};

const SEED: u64 = 7;
const PAGE_SIZE: i32 = 20;

/// An offering of about 3.5 KB.
pub fn offering() -> ProductOffering {
    Samples::new(SEED).offering(1)
}

/// An order of this many items.
pub fn order(items: usize) -> ProductOrderCreate {
    Samples::new(SEED).order((0..items).map(offering_id).collect())
}

/// A page of 20 offerings.
pub fn page() -> ProductOfferingPage {
    let mut samples = Samples::new(SEED);
    let items = (0..PAGE_SIZE as usize).map(|number| samples.offering(number)).collect();
    ProductOfferingPage { items, total_count: 10_000, result_count: PAGE_SIZE }
}

/// An echo message with this many bytes of text.
pub fn echo(len: usize) -> EchoRequest {
    EchoRequest { message: "x".repeat(len).into(), sequence: Some(1) }
}

/// A series with this many values in each of its columns.
pub fn series(len: usize) -> Series {
    let numbers = 0..len as i64;
    Series {
        device: "sensor-0001".into(),
        start_ms: 1_769_851_800_000,
        offsets_ms: numbers.clone().map(|n| n * 250).collect(),
        values: numbers.clone().map(|n| n as f64 * 0.37).collect(),
        counters: numbers.clone().map(|n| (n * n) as i32).collect(),
        levels: numbers.clone().map(|n| (n % 3000) as i16).collect(),
        codes: numbers.clone().map(|n| n as i8).collect(),
        flags: numbers.map(|n| n % 3 == 0).collect(),
        quality: Some(Quality::GOOD),
        ..Default::default()
    }
}

/// A blob of this many bytes.
pub fn blob(len: usize) -> Blob {
    Blob { media_type: "application/octet-stream".into(), content: Bytes::from(vec![0xa5; len]) }
}
