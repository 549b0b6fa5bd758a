//! Encode and decode of whole messages, all checks on: `cargo bench -p benchmark --bench codec`.
//!
//! Encode is what a connection does: exact size, one reservation in a warm write buffer, write. Decode starts from a
//! received frame.

use std::{hint::black_box, time::Duration};

use benchmark::{blob, echo, offering, order, page, series};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use volo_core::{Encode, Raw, span::OutBuf};
use volo_thrift::{
    Limits,
    protocol::{Protocol, Typed, Value, decode},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What TCP and Unix sockets link by default.
const LINK_MIN: usize = 4096;

fn codec(criterion: &mut Criterion) {
    message(criterion, "offering", offering());
    message(criterion, "order-3", order(3));
    message(criterion, "order-50", order(50));
    message(criterion, "page-20", page());
    message(criterion, "echo-64", echo(64));
    message(criterion, "echo-1k", echo(1024));
    message(criterion, "series-1k", series(1000));
    message(criterion, "blob-4k", blob(4 << 10));
    message(criterion, "blob-1m", blob(1 << 20));
}

fn message<T: Value>(criterion: &mut Criterion, name: &str, value: T) {
    let value = Typed(value);
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let format = protocol.format();
        let mut buffer = OutBuf::default();
        let encode = |buffer: &mut OutBuf| {
            let size = value.encoded_size(format, LINK_MIN, 64).expect("the message is within all limits");
            let fill = &mut |span: &mut volo_core::Span<'_>| {
                value.encode_into(format, span);
                Ok(())
            };
            buffer.write(size, LINK_MIN, fill).expect("the size is exact");
        };
        encode(&mut buffer);
        let raw = Raw { format, bytes: frame(&buffer), limits: Limits::default().decode() };

        let mut group = criterion.benchmark_group(format!("{name}/{protocol:?}").to_lowercase());
        group.throughput(Throughput::Bytes(raw.bytes.len() as u64));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                buffer.clear();
                encode(black_box(&mut buffer));
            });
        });
        group.bench_function("decode", |bencher| {
            bencher.iter(|| decode::<T>(black_box(&raw)).expect("it was just encoded"));
        });
        group.finish();
    }
}

/// The bytes to send, linked ones in their places.
fn frame(buffer: &OutBuf) -> Bytes {
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    let count = buffer.gather(&mut slices);
    slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).measurement_time(Duration::from_secs(2));
    targets = codec
}
criterion_main!(benches);
