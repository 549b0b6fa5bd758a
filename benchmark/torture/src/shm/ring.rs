//! Sessions with a liar: rings full of nonsense, and payload that changes while it is read.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use volo_core::BoxError;

use super::{
    Server,
    liar::{CELLS, HEAD, INLINE, Liar, SLEEP, SLICE, cell, slice},
};
use crate::{
    peer::{echo, framed},
    random::Random,
    report::Report,
};

/// Words changed per session.
const WORDS: u64 = 50;

/// Sessions in which the server has words changed, at a time.
const AT_A_TIME: usize = 32;

/// Calls whose payload changes meanwhile.
const FLIPPED: u64 = 3000;

/// Runs all cases.
pub async fn run(sessions: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start("ring")?;
    tokio::task::block_in_place(|| nonsense(&server, sessions, report))?;
    server.end("words changed at random", report).await?;
    tokio::task::block_in_place(|| lies(&server, report))?;
    server.end("records that lie", report).await?;
    tokio::task::block_in_place(|| flipping(&server, report))?;
    server.end("payload that changes", report).await
}

/// Valid calls, of whose ring some words are changed before and while the server reads it.
fn nonsense(server: &Server, sessions: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut random = Random::new(8);
    let call = framed(&echo(1, "a text that is echoed"));
    let (mut ended, mut changed) = (0, 0);
    let mut liars = VecDeque::new();
    let mut is_ended = |mut liar: Liar| u64::from(liar.is_ended_within(Duration::from_millis(3)));
    for _ in 0..sessions {
        let mut liar = Liar::connect(&server.path())?;
        for _ in 0..20 {
            liar.inline(&call);
        }
        for word in 0..WORDS {
            let at = cell(random.below(liar.tail + 1)) + 8 * random.below(2) as usize;
            let word = if word % 10 == 0 { [HEAD, SLEEP][random.below(2) as usize] } else { at };
            let change = match random.below(4) {
                0 => 1 << random.below(64),
                1 => random.below(u64::MAX),
                2 => u64::MAX,
                _ => random.below(256),
            };
            liar.own.store(word, liar.own.load(word) ^ change);
            changed += 1;
            if word.is_multiple_of(7) {
                liar.wake();
            }
        }
        liar.wake();
        // While the server deals with it, others come.
        liars.push_back(liar);
        if liars.len() > AT_A_TIME {
            ended += liars.pop_front().map_or(0, &mut is_ended);
        }
    }
    ended += liars.into_iter().map(is_ended).sum::<u64>();
    report.at_least("words changed at random", "words changed", changed, sessions * WORDS);
    report.at_least("words changed at random", "sessions ended for it", ended, sessions / 2);
    Ok(())
}

/// One lie at a time: each must end the session.
fn lies(server: &Server, report: &mut Report) -> Result<(), BoxError> {
    type Lie = fn(&mut Liar);
    let cases: [(&str, Lie); 11] = [
        ("index of a slice beyond", |liar| liar.record(SLICE, 100, 0, 4)),
        ("largest index", |liar| liar.record(SLICE, 100, 0, 0xffff)),
        ("class beyond", |liar| liar.record(SLICE, 100, 5, 0)),
        ("length beyond the slice", |liar| liar.record(SLICE, 1 << 20, 0, 0)),
        ("length that wraps", |liar| liar.record(SLICE, 0xffff_fff0, 4, 0)),
        ("length of nothing", |liar| liar.record(INLINE, 0, 0, 0)),
        ("length beyond the ring", |liar| liar.record(INLINE, 0x7fff_ffff, 0, 0)),
        ("unknown kind", |liar| liar.record(77, 10, 0, 0)),
        ("number from the future", |liar| liar.own.store(cell(0), 1000)),
        ("skips of whole rings", |liar| liar.record(3, 0, 0, 0)),
        ("has read what was not written", |liar| {
            liar.own.store(HEAD, 1 << 40);
            let call = framed(&echo(1, &"x".repeat(5000)));
            liar.own.write(slice(1, 0), &call);
            liar.record(SLICE, call.len(), 1, 0);
        }),
    ];
    for (what, lie) in cases {
        let mut liar = Liar::connect(&server.path())?;
        lie(&mut liar);
        liar.wake();
        let ended = liar.is_ended_within(Duration::from_secs(5));
        let outcome = if ended { "ended" } else { "goes on" };
        report.equal(&format!("records that lie: {what}"), "outcome", outcome.to_owned(), "ended".to_owned());
    }
    Ok(())
}

/// A call in a slice whose text is changed all the time: it is answered or refused, and no more.
fn flipping(server: &Server, report: &mut Report) -> Result<(), BoxError> {
    let case = "payload that changes";
    let call = framed(&echo(1, &"ä".repeat(30_000)));
    let (mut sent, mut answered, mut sessions) = (0, 0, 0);
    let start = Instant::now();
    while sent < FLIPPED && start.elapsed() < Duration::from_secs(60) {
        sessions += 1;
        let mut liar = Liar::connect(&server.path())?;
        liar.own.write(slice(2, 0), &call);
        let (stop, memory) = (Arc::new(AtomicBool::new(false)), liar.own.clone());
        let (stopped, front) = (stop.clone(), call[..28].to_vec());
        let flipper = std::thread::spawn(move || {
            let mut random = Random::new(sessions);
            while !stopped.load(Relaxed) {
                // The first bytes say how long everything is; they are changed less often.
                let at = if random.percent(1) { random.below(40) } else { 40 + random.below(59_900) };
                memory.write(slice(2, 0) + at as usize, &[random.below(256) as u8]);
                if random.percent(3) {
                    memory.write(slice(2, 0), &front);
                }
            }
        });
        for _ in 0..200 {
            liar.record(SLICE, call.len(), 2, 0);
            sent += 1;
            if !liar.wake() {
                break;
            }
            answered += liar.drain();
            while liar.peers.load(HEAD) + CELLS / 2 < liar.tail
                && !liar.is_ended_within(Duration::from_millis(1))
            {}
        }
        let _ = liar.is_ended_within(Duration::from_millis(20));
        answered += liar.drain();
        stop.store(true, Relaxed);
        flipper.join().map_err(|_| "the flipper panicked")?;
    }
    report.at_least(case, "calls", sent, FLIPPED);
    report.at_least(case, "answers", answered, 1u64);
    Ok(())
}
