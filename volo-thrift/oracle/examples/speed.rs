//! How fast our codec is beside pilota's, message by message.
//!
//! `cargo run --release -p oracle --example speed` prints a table. With arguments, `-- offering encode ours 1000`
//! does one thing so often, for `valgrind --tool=callgrind`: instructions per call are the difference of two counts.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use linkedbytes::LinkedBytes;
use oracle::{
    peer,
    random::Random,
    tmf::{Echo, Offering, Page, Telemetry},
};
use pilota::thrift::Message;
use volo_core::{DecodeLimits, Encode, Raw, span::OutBuf};
use volo_thrift::protocol::{Protocol, Typed, Value, decode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LINK_MIN: usize = 4096;
const ROUNDS: usize = 50;

/// One message in every form.
struct Bench<T> {
    message: Typed<T>,
    frames: [Raw; 2],
    out: OutBuf,
    linked: LinkedBytes,
}

/// What is measured.
#[derive(Clone, Copy)]
enum Codec {
    Pilota,
    Ours(Protocol),
}

const CODECS: [(&str, Codec); 3] = [
    ("pilota", Codec::Pilota),
    ("ours", Codec::Ours(Protocol::Binary)),
    ("compact", Codec::Ours(Protocol::Compact)),
];

fn write<T: Value>(message: &Typed<T>, protocol: Protocol, out: &mut OutBuf) {
    let message: &dyn Encode = message;
    let size = message.encoded_size(protocol.format(), LINK_MIN, 64).expect("a size");
    let mut fill = |span: &mut volo_core::Span<'_>| {
        message.encode_into(protocol.format(), span);
        Ok(())
    };
    out.write(size, LINK_MIN, &mut fill).expect("the size is right");
}

impl<T: Value + Message> Bench<T> {
    fn new(value: T) -> Self {
        let message = Typed(value);
        let frames = [Protocol::Binary, Protocol::Compact].map(|protocol| {
            let mut out = OutBuf::default();
            write(&message, protocol, &mut out);
            let limits = DecodeLimits { depth_max: 64, memory_max: 64 << 20 };
            Raw { format: protocol.format(), bytes: Bytes::from(out.to_vec()), limits }
        });
        Bench {
            message,
            frames,
            out: OutBuf::with_capacity(1 << 20),
            linked: LinkedBytes::with_capacity(1 << 20),
        }
    }

    fn encode(&mut self, codec: Codec) {
        match codec {
            Codec::Pilota => {
                self.linked.reset();
                peer::write(&self.message.0, &mut self.linked).expect("encodable");
                black_box(&self.linked);
            }
            Codec::Ours(protocol) => {
                self.out.clear();
                write(&self.message, protocol, &mut self.out);
                black_box(&self.out);
            }
        }
    }

    fn decode(&mut self, codec: Codec) {
        match codec {
            Codec::Pilota => drop(black_box(peer::read::<T>(&self.frames[0].bytes).expect("decodable"))),
            Codec::Ours(protocol) => {
                drop(black_box(decode::<T>(&self.frames[protocol as usize]).expect("decodable")));
            }
        }
    }
}

/// A message whatever its type.
trait AnyBench {
    fn run(&mut self, encode: bool, codec: Codec, count: usize);
    fn len(&self) -> usize;
}

impl<T: Value + Message> AnyBench for Bench<T> {
    fn run(&mut self, encode: bool, codec: Codec, count: usize) {
        for _ in 0..count {
            match encode {
                true => self.encode(codec),
                false => self.decode(codec),
            }
        }
    }

    fn len(&self) -> usize {
        self.frames[0].bytes.len()
    }
}

fn benches() -> Vec<(&'static str, Box<dyn AnyBench>)> {
    let r = &mut Random(620);
    vec![
        ("echo", Box::new(Bench::new(Echo::random(r)))),
        ("offering", Box::new(Bench::new(Offering::random(r)))),
        ("page", Box::new(Bench::new(Page::random(r)))),
        ("telemetry", Box::new(Bench::new(Telemetry::random(r)))),
    ]
}

/// The shortest time of one call, all codecs taking turns.
fn shortest(bench: &mut dyn AnyBench, encode: bool) -> [f64; 3] {
    let mut times = [f64::MAX; 3];
    let mut count = 1;
    while time(bench, encode, CODECS[0].1, count) < Duration::from_millis(2) {
        count *= 2;
    }
    for _ in 0..ROUNDS {
        for (index, (_, codec)) in CODECS.iter().enumerate() {
            let each = time(bench, encode, *codec, count).as_nanos() as f64 / count as f64;
            times[index] = each.min(times[index]);
        }
    }
    times
}

fn time(bench: &mut dyn AnyBench, encode: bool, codec: Codec, count: usize) -> Duration {
    let started = Instant::now();
    bench.run(encode, codec, count);
    started.elapsed()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut benches = benches();
    if let [message, what, codec, count] = arguments.as_slice() {
        let bench =
            benches.iter_mut().find(|(name, _)| name == message).expect("echo, offering, page or telemetry");
        let codec = CODECS.iter().find(|(name, _)| name == codec).expect("pilota, ours or compact");
        bench.1.run(what == "encode", codec.1, count.parse().expect("a count"));
        return;
    }
    println!(
        "{:<10} {:>6} {:<7} {:>9} {:>9} {:>9}  {:>6}",
        "message", "bytes", "", "pilota ns", "binary", "compact", "ratio"
    );
    for (name, bench) in &mut benches {
        for encode in [true, false] {
            let [pilota, binary, compact] = shortest(&mut **bench, encode);
            let (what, len, ratio) = (if encode { "encode" } else { "decode" }, bench.len(), pilota / binary);
            println!(
                "{name:<10} {len:>6} {what:<7} {pilota:>9.0} {binary:>9.0} {compact:>9.0}  {ratio:>5.1}x"
            );
        }
    }
}
