//! Large inputs: time grows with their size, not faster.

mod large;

use std::time::{Duration, Instant};

use volo_codegen::source::MemorySource;
use volo_codegen::{Options, compile};

/// The fastest of three runs, and the size of the output.
fn time(count: usize) -> (Duration, usize) {
    let source = MemorySource::new([("large.thrift", large::idl(count))]);
    let mut best = (Duration::MAX, 0);
    for _ in 0..3 {
        let start = Instant::now();
        let files = compile(&["large.thrift"], &source, &Options::default()).files.unwrap();
        best = best.min((start.elapsed(), files[0].text.len()));
    }
    best
}

#[test]
fn time_grows_linearly() {
    let times = [500, 1_000, 2_000].map(|count| (count, time(count)));
    for (count, (time, bytes)) in times {
        println!("{count} structs: {:.1} ms, {} KiB of Rust", time.as_secs_f64() * 1e3, bytes / 1024);
    }
    // Four times the input; twice that leaves room for a busy machine, sixteen times would be quadratic.
    let [(_, (small, _)), _, (_, (large, _))] = times;
    assert!(large < small * 8, "{small:?} for 500 structs, {large:?} for 2,000");
}
