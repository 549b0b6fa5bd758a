use super::{super::layout::RING, *};

/// The part of an end's memory before the slices, as words of which anything may be made.
struct Words(Vec<u64>);

impl Words {
    fn new(layout: Layout) -> Self {
        Words(vec![0; layout.arena() / 8])
    }
}

impl Load for Words {
    fn load(&self, at: usize) -> u64 {
        self.0[at / 8]
    }
}

impl Store for Words {
    fn store(&mut self, at: usize, word: u64) {
        self.0[at / 8] = word;
    }
}

const LAYOUT: Layout = Layout { cells: 128, counts: [4, 3, 2, 1, 1] };

struct Ends {
    producer: Producer,
    consumer: Consumer,
    /// Memory of the writing and of the reading end.
    writers: Words,
    readers: Words,
}

impl Ends {
    fn at(cell: u64) -> Self {
        let (mut writers, mut readers) = (Words::new(LAYOUT), Words::new(LAYOUT));
        writers.store(LAYOUT.cell(cell as u32), 0);
        readers.store(HEAD, cell);
        Ends { producer: Producer::at(LAYOUT, cell), consumer: Consumer::at(LAYOUT, cell), writers, readers }
    }

    fn put(&mut self, content: Content) -> bool {
        let Some(start) = self.producer.place(content.cells(), &self.readers).unwrap() else { return false };
        if let Content::Inline(len) = content {
            // Payload that looks like the numbers of records to come, and what a word-wise store scribbles.
            let at = self.producer.payload(start);
            for word in (at..at + len + 16).step_by(8) {
                self.writers.store(word, start + 1 + (word - at) as u64 / 64);
            }
        }
        self.producer.stage(&mut self.writers, start, content);
        true
    }

    fn get(&mut self) -> Option<Content> {
        let record = self.consumer.next(&self.writers).unwrap()?;
        self.consumer.consume(record);
        Some(record.content)
    }
}

#[test]
fn records_come_in_order_round_after_round() {
    for start in [0, 127, (1 << 31) - 5, (1 << 32) - 3, (1 << 32) - 128, u64::MAX / 2] {
        let mut ends = Ends::at(start);
        let content = |at: usize| match at % 5 {
            0 => Content::Slice { class: at % 2, index: at % 3, len: 1 + at % 4000 },
            _ => Content::Inline(1 + at * 37 % INLINE_MAX),
        };
        let (mut written, mut read) = (0, 0);
        while read < 2_000 {
            while ends.put(content(written)) {
                written += 1;
                if written % 7 == 0 {
                    assert!(ends.producer.publish(&mut ends.writers));
                }
            }
            ends.producer.publish(&mut ends.writers);
            while let Some(got) = ends.get() {
                assert_eq!(got, content(read), "record {read} from cell {start}");
                read += 1;
            }
            assert_eq!(read, written);
            ends.consumer.tell(&mut ends.readers);
        }
    }
}

#[test]
fn nothing_is_seen_before_it_is_published() {
    let mut ends = Ends::at(0);
    for _ in 0..3 {
        assert!(ends.put(Content::Inline(100)));
        assert_eq!(ends.get(), None);
    }
    assert!(ends.producer.publish(&mut ends.writers));
    assert!(!ends.producer.publish(&mut ends.writers), "there is nothing more");
    assert_eq!([(); 4].map(|()| ends.get().is_some()), [true, true, true, false]);
}

#[test]
fn a_full_ring_takes_nothing() {
    let mut ends = Ends::at(0);
    let mut count = 0;
    while ends.put(Content::Slice { class: 0, index: 0, len: 1 }) {
        count += 1;
    }
    assert_eq!(count, LAYOUT.cells - 1);
    ends.producer.publish(&mut ends.writers);
    assert!(ends.get().is_some());
    assert!(!ends.put(Content::End), "the writer doesn't know yet");
    ends.consumer.tell(&mut ends.readers);
    assert!(ends.put(Content::End));
}

#[test]
fn a_reader_that_is_ahead_or_goes_back_is_caught() {
    let mut ends = Ends::at(10);
    ends.put(Content::Inline(10));
    for head in [11, 9, 0, u64::MAX] {
        ends.readers.store(HEAD, head);
        assert!(ends.producer.refresh(&ends.readers).unwrap_err().0.contains(&head.to_string()), "{head}");
    }
    ends.producer.publish(&mut ends.writers);
    ends.readers.store(HEAD, 11);
    assert_eq!(ends.producer.refresh(&ends.readers), Ok(true));
}

#[test]
fn impossible_records_are_caught() {
    let cases = [
        (1, describe(INLINE, 0, 0, 0), "impossible"),
        (1, describe(INLINE, INLINE_MAX + 1, 0, 0), "impossible"),
        (1, describe(INLINE, 0xffff_fff0, 0, 0), "impossible"),
        (1, describe(INLINE, 5, 1, 0), "impossible"),
        (1, describe(SLICE, 5, CLASSES, 0), "impossible"),
        (1, describe(SLICE, 5, 0, 4), "impossible"),
        (1, describe(SLICE, 5, 0, 0xffff), "impossible"),
        (1, describe(SLICE, 0, 0, 0), "impossible"),
        (1, describe(SLICE, capacity(0) + 1, 0, 0), "impossible"),
        (1, describe(SKIP, 0, 0, 0), "impossible"),
        (1, describe(END, 1, 0, 0), "impossible"),
        (1, describe(0, 0, 0, 0), "impossible"),
        (1, describe(BACK, 5, 0, 0), "impossible"),
        (1, u64::MAX, "impossible"),
        (2, describe(END, 0, 0, 0), "out of order"),
        (1 << 63, describe(END, 0, 0, 0), "out of order"),
        (129, describe(END, 0, 0, 0), "out of order"),
    ];
    for (number, description, hint) in cases {
        let (mut words, mut consumer) = (Words::new(LAYOUT), Consumer::new(LAYOUT));
        words.store(RING, number);
        words.store(RING + 8, description);
        let text = consumer.next(&words).unwrap_err().0;
        assert!(text.contains(hint) && text.contains("cell 0"), "{text}");
    }
}

#[test]
fn slices_of_the_readers_come_back_by_its_own_shape() {
    let own = Layout { cells: 256, counts: [0, 2, 0, 0, 0] };
    let cases = [
        (describe(BACK, 0, 1, 1), own.slice(1, 1)),
        (describe(BACK, capacity(1), 1, 0), own.slice(1, 0)),
        (describe(BACK, capacity(1) + 1, 1, 0), None),
        (describe(BACK, 0, 1, 2), None),
        (describe(BACK, 0, 0, 0), None),
        (describe(BACK, 0, CLASSES, 0), None),
    ];
    for (description, at) in cases {
        let (mut words, mut consumer) = (Words::new(LAYOUT), Consumer::new(LAYOUT).with_trust(own));
        words.store(RING, 1);
        words.store(RING + 8, description);
        assert_eq!(consumer.next(&words).ok().flatten().map(|record| record.at), at, "{description:#x}");
    }
}

#[test]
fn nothing_may_follow_the_end_or_cross_the_edge() {
    let mut ends = Ends::at(0);
    ends.put(Content::End);
    ends.put(Content::Inline(5));
    ends.producer.publish(&mut ends.writers);
    assert_eq!(ends.get(), Some(Content::End));
    assert!(ends.consumer.next(&ends.writers).unwrap_err().0.contains("out of order"));

    let (mut words, mut consumer) = (Words::new(LAYOUT), Consumer::at(LAYOUT, 127));
    words.store(LAYOUT.cell(127), 128);
    words.store(LAYOUT.cell(127) + 8, describe(INLINE, 49, 0, 0)); // 48 would fit
    assert!(consumer.next(&words).is_err());
    words.store(LAYOUT.cell(127) + 8, describe(INLINE, 48, 0, 0));
    assert!(consumer.next(&words).unwrap().is_some());
}

/// Words of a valid ring, changed at random: the reader only ever gives records inside the memory, and ends.
#[test]
fn changed_words_never_lead_outside() {
    let mut state = 0x5eed_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let (mut caught, mut passed) = (0, 0);
    for _ in 0..100_000 {
        let start = random() as u64 % 256;
        let (mut ends, trusted) = (Ends::at(start), random() % 2 == 0);
        if trusted {
            ends.consumer = Consumer::at(LAYOUT, start).with_trust(LAYOUT);
        }
        for _ in 0..random() % 20 {
            let (class, len) = (random() % CLASSES, 1 + random() % 4096);
            let content = match random() % 4 {
                0 => Content::Slice { class, index: 0, len },
                1 if trusted => Content::Back { class, index: 0, len: len - 1 },
                _ => Content::Inline(1 + random() % 300),
            };
            ends.put(content);
        }
        ends.producer.publish(&mut ends.writers);
        for _ in 0..1 + random() % 4 {
            let cell = LAYOUT.cell(random() as u32);
            let word = cell + 8 * (random() % 2);
            let change = match random() % 4 {
                0 => 1 << (random() % 64),
                1 => (random() as u64) << 32 | random() as u64,
                2 => u64::MAX,
                _ => random() as u64 % 256,
            };
            ends.writers.store(word, ends.writers.load(word) ^ change);
        }
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps <= LAYOUT.cells, "a reader that never ends");
            match ends.consumer.next(&ends.writers) {
                Ok(None) => break passed += 1,
                Err(_) => break caught += 1,
                Ok(Some(record)) => {
                    let len = match record.content {
                        Content::Inline(len) | Content::Slice { len, .. } | Content::Back { len, .. } => len,
                        Content::End => 0,
                    };
                    assert!(record.at >= RING && record.at + len <= LAYOUT.len());
                    ends.consumer.consume(record);
                }
            }
        }
    }
    assert!(caught > 10_000 && passed > 10_000, "{caught} caught, {passed} passed");
}
