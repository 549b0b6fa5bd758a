//! Times of interleaved rounds.

use std::time::{Duration, Instant};

use peer_harness::codec::Codec;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Encode = 0,
    Decode = 1,
}

impl Op {
    /// Does it `times` times.
    pub(super) fn run(self, codec: &mut dyn Codec, times: usize) {
        match self {
            Op::Encode => codec.encode(times),
            Op::Decode => codec.decode(times),
        }
    }

    /// Whether this codec has it.
    pub(super) fn applies(self, codec: &dyn Codec) -> bool {
        match self {
            Op::Encode => codec.encodes(),
            Op::Decode => codec.decodes(),
        }
    }
}

const OPS: [Op; 2] = [Op::Encode, Op::Decode];
/// One slice of one round: short, so that some slices fall between the disturbances of a shared machine.
const SLICE: Duration = Duration::from_micros(500);

/// The shortest time per message, in ns, of every codec's encode and decode; NaN where it has none.
///
/// Every round runs all of them once, in turn from the first and from the last.
pub(super) fn minima(codecs: &mut [Box<dyn Codec>], rounds: usize) -> Vec<[f64; 2]> {
    let mut work: Vec<(usize, Op, usize)> = Vec::new();
    for (at, codec) in codecs.iter_mut().enumerate() {
        let ops = OPS.into_iter().filter(|op| op.applies(&**codec)).collect::<Vec<_>>();
        work.extend(ops.into_iter().map(|op| (at, op, times_per_slice(&mut **codec, op))));
    }
    let mut best = vec![[f64::NAN; 2]; codecs.len()];
    for _ in 0..rounds {
        for &(at, op, times) in &work {
            let start = Instant::now();
            op.run(&mut *codecs[at], times);
            let time = start.elapsed().as_nanos() as f64 / times as f64;
            let best = &mut best[at][op as usize];
            *best = best.min(time); // `min` of NaN and a number is the number
        }
        work.reverse();
    }
    best
}

/// How many messages fill a slice.
fn times_per_slice(codec: &mut dyn Codec, op: Op) -> usize {
    let mut times = 1;
    loop {
        let start = Instant::now();
        op.run(codec, times);
        let elapsed = start.elapsed();
        if elapsed * 4 >= SLICE {
            let slice = SLICE.as_nanos() as f64 * times as f64 / elapsed.as_nanos().max(1) as f64;
            return (slice as usize).max(1);
        }
        times *= 2;
    }
}
