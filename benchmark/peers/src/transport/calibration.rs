//! How far apart the two processors are at the moment: two cache lines there and back.

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Instant,
};

use peer_harness::rpc::pin;

const TURNS: u32 = 20_000;

#[repr(align(128))]
struct Line(AtomicU32);

/// Nanoseconds for one round trip; NaN where there is but one processor.
pub(super) fn round_trip_ns() -> f64 {
    let lines = Arc::new([Line(AtomicU32::new(0)), Line(AtomicU32::new(0))]);
    let others = lines.clone();
    let ping = thread::spawn(move || {
        pin(1).ok()?;
        let start = Instant::now();
        for turn in 1..=TURNS {
            others[0].0.store(turn, Ordering::Release);
            wait(&others[1], turn);
        }
        Some(start.elapsed().as_nanos() as f64 / f64::from(TURNS))
    });
    let pong = thread::spawn(move || {
        let _ = pin(0);
        for turn in 1..=TURNS {
            wait(&lines[0], turn);
            lines[1].0.store(turn, Ordering::Release);
        }
    });
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return f64::NAN;
    }
    let measured = ping.join().ok().flatten();
    let _ = pong.join();
    measured.unwrap_or(f64::NAN)
}

fn wait(line: &Line, turn: u32) {
    let mut looks = 0_u32;
    while line.0.load(Ordering::Acquire) != turn {
        looks += 1;
        if looks.is_multiple_of(1 << 14) {
            thread::yield_now(); // the other one may have lost its processor
        }
        hint::spin_loop();
    }
}
