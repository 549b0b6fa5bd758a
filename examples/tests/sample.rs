//! Samples have the sizes and string lengths of TM Forum's own examples.

use examples::{sample::Samples, wire::encode};
use volo_thrift::protocol::Value;

/// The lengths of all strings in a struct in Binary, by walking it.
fn string_lens(value: &impl Value) -> Vec<usize> {
    let bytes = encode(value);
    let mut walk = Walk { rest: &bytes, lens: Vec::new() };
    walk.value(12);
    assert!(walk.rest.is_empty());
    walk.lens
}

struct Walk<'a> {
    rest: &'a [u8],
    lens: Vec<usize>,
}

impl Walk<'_> {
    fn take(&mut self, len: usize) -> &[u8] {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    fn count(&mut self) -> usize {
        u32::from_be_bytes(self.take(4).try_into().unwrap()) as usize
    }

    fn value(&mut self, kind: u8) {
        match kind {
            2 | 3 => drop(self.take(1)),
            6 => drop(self.take(2)),
            8 => drop(self.take(4)),
            4 | 10 => drop(self.take(8)),
            11 => {
                let len = self.count();
                self.lens.push(len);
                self.take(len);
            }
            12 => loop {
                match self.take(1)[0] {
                    0 => return,
                    field => {
                        self.take(2);
                        self.value(field);
                    }
                }
            },
            15 => {
                let element = self.take(1)[0];
                for _ in 0..self.count() {
                    self.value(element);
                }
            }
            other => panic!("samples have no type {other}"),
        }
    }
}

#[test]
fn offerings_are_of_realistic_shape() {
    let mut samples = Samples::new(1);
    let offerings: Vec<_> = (0..500).map(|number| samples.offering(number)).collect();
    let mut lens: Vec<usize> = offerings.iter().flat_map(string_lens).collect();
    lens.sort_unstable();
    let quantile = |per_cent: usize| lens[lens.len() * per_cent / 100];
    let bytes = offerings.iter().map(|offering| encode(offering).len()).sum::<usize>() / offerings.len();
    let strings = lens.len() / offerings.len();
    println!("{bytes} bytes, {strings} strings, p50 {} B, p90 {} B", quantile(50), quantile(90));
    assert!((3300..=3800).contains(&bytes), "{bytes} bytes");
    assert!((80..=130).contains(&strings), "{strings} strings");
    assert!((12..=16).contains(&quantile(50)), "p50 {}", quantile(50));
    assert!((35..=67).contains(&quantile(90)), "p90 {}", quantile(90));
    let launched =
        offerings.iter().filter(|offering| offering.lifecycle_status.as_deref() == Some("Launched"));
    assert!((200..=300).contains(&launched.count()));
}

#[test]
fn orders_grow_with_their_items() {
    let mut samples = Samples::new(1);
    let mut size =
        |items: usize| encode(&samples.order((0..items).map(examples::sample::offering_id).collect())).len();
    println!("orders of 1, 3, 10, 50 items: {} {} {} {} bytes", size(1), size(3), size(10), size(50));
    assert!((800..1600).contains(&size(1)));
    assert!((20_000..40_000).contains(&size(50)));
}

#[test]
fn the_same_seed_gives_the_same_samples() {
    let [mut one, mut other, mut another] = [1, 1, 2].map(Samples::new);
    let offering = one.offering(5);
    assert_eq!(offering, other.offering(5));
    assert_ne!(offering, another.offering(5));
}
