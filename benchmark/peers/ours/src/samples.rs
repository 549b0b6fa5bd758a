//! The samples of every message, as Binary bytes.

use bytes::Bytes;
use examples::{
    echo::EchoRequest,
    sample::{Samples, offering_id},
    telemetry::{Blob, Series},
    tmf::{
        catalog::ProductOfferingPage,
        common::EntityRef,
        ordering::{OrderState, ProductOrder},
    },
};
use faststr::FastStr;
use peer_harness::codec::{Message, Protocol};
use volo_thrift::protocol::Value;

use crate::codec::to_bytes;

const SEED: u64 = 7;
/// Samples of one message: more than one, so that branches are not learnt by heart.
const COUNT: usize = 8;
const PAGE_SIZE: usize = 20;
const ORDER_ITEMS: usize = 10;
const ECHO_LEN: usize = 64;
const SERIES_LEN: usize = 256;
const TEXT_LEN: usize = 32 << 10;
const CONTENT_LEN: usize = 64 << 10;

/// Samples of a message in Binary.
pub fn samples(message: Message) -> Vec<Bytes> {
    let mut source = Samples::new(SEED);
    let numbers = 0..COUNT;
    match message {
        Message::Echo => numbers.map(|n| bytes(echo(ECHO_LEN, n))).collect(),
        Message::Offering => numbers.map(|n| bytes(source.offering(n))).collect(),
        Message::Order => numbers.map(|n| bytes(order(&mut source, n))).collect(),
        Message::Page => numbers.take(2).map(|_| bytes(page(&mut source, PAGE_SIZE))).collect(),
        Message::Series => numbers.take(2).map(|n| bytes(series(n))).collect(),
        Message::Blob => numbers.take(2).map(|n| bytes(blob(n))).collect(),
    }
}

/// A page of this many offerings, in Binary.
pub fn page_of(len: usize) -> Bytes {
    bytes(page(&mut Samples::new(SEED), len))
}

/// What an order of this many items is made from, in Binary.
pub fn order_create(items: usize) -> Bytes {
    bytes(Samples::new(SEED).order((0..items).map(offering_id).collect()))
}

/// An echo of this many bytes of text.
fn echo(len: usize, sequence: usize) -> EchoRequest {
    let text = |n| char::from(b'a' + ((n + sequence) % 26) as u8);
    EchoRequest { message: (0..len).map(text).collect::<String>().into(), sequence: Some(sequence as i64) }
}

/// A page of offerings.
fn page(source: &mut Samples, len: usize) -> ProductOfferingPage {
    let items = (0..len).map(|number| source.offering(number)).collect();
    ProductOfferingPage { items, total_count: 10_000, result_count: len as i32 }
}

fn order(source: &mut Samples, number: usize) -> ProductOrder {
    let create = source.order((0..ORDER_ITEMS).map(offering_id).collect());
    ProductOrder {
        id: FastStr::new(format!("order-{number:06}")),
        href: Some(format!("https://mycsp.example/tmf-api/productOrdering/v4/productOrder/{number}").into()),
        state: OrderState::ACKNOWLEDGED,
        order_date: Some("2026-01-31T09:30:00Z".into()),
        category: create.category,
        description: create.description,
        external_id: create.external_id,
        priority: create.priority,
        requested_completion_date: create.requested_completion_date,
        requested_start_date: create.requested_start_date,
        billing_account: Some(EntityRef { id: "4711".into(), ..Default::default() }),
        note: create.note,
        channel: create.channel,
        product_order_item: create.product_order_item,
        related_party: create.related_party,
        ..Default::default()
    }
}

fn series(number: usize) -> Series {
    let numbers = 0..SERIES_LEN as i64;
    let number = number as i64;
    Series {
        device: "sensor-0001".into(),
        start_ms: 1_769_851_800_000,
        offsets_ms: numbers.clone().map(|n| n * 250 + number).collect(),
        values: numbers.clone().map(|n| (n + number) as f64 * 0.37).collect(),
        counters: numbers.map(|n| (n * n + number) as i32).collect(),
        ..Default::default()
    }
}

fn blob(number: usize) -> Blob {
    let content = (0..CONTENT_LEN).map(|n| (n * 31 + number) as u8).collect::<Vec<u8>>();
    Blob { media_type: echo(TEXT_LEN, number).message, content: content.into() }
}

fn bytes<T: Value>(value: T) -> Bytes {
    to_bytes(value, Protocol::Binary).into()
}
