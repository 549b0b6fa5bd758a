//! Both ends in this process, each on a thread of its own: nobody may sleep for ever, and counters may grow for years.

use std::{
    future::{Future, poll_fn},
    hint,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use volo_core::{
    Address, BoxError, Size,
    net::{self, ConnectOptions, Link, ListenOptions, Listener, ShmOptions, ShmSpin},
};

use super::links::{receive, send};
use crate::{random::Random, report::Report};

/// How long a message may take before it counts as lost; whoever was not woken would sleep for ever.
const WATCHDOG: Duration = Duration::from_secs(10);

/// Messages of the hunt for lost wake-ups, for each session with a liar.
const HUNTED: u64 = 500;

/// Cells of the ring that are passed, for each session with a liar: in full more than a counter of 32 bits holds.
const PASSED: u64 = 220_000;

/// Bytes and cells of a message that is as large as the ring takes.
const LARGE: usize = 2048;
const LARGE_CELLS: u64 = 33;

/// Runs all cases, at the size of so many sessions.
pub fn run(sessions: u64, report: &mut Report) -> Result<(), BoxError> {
    let messages = sessions * HUNTED / 2;
    hunt("wake-ups, no spinning", ShmSpin::Off, messages, report)?;
    hunt("wake-ups, adaptive", ShmSpin::Adaptive, messages, report)?;
    wrap(sessions * PASSED / LARGE_CELLS, report)
}

/// Both ends send each other messages, with pauses around the moment of going to sleep.
fn hunt(case: &str, spin: ShmSpin, messages: u64, report: &mut Report) -> Result<(), BoxError> {
    let start = Instant::now();
    let options = ShmOptions { spin, ..ShmOptions::default() };
    let (client, server) =
        both(&options, move |link| exchange(link, messages, 1), move |link| exchange(link, messages, 2))?;
    report.equal(case, "messages without a lost wake-up", client.min(server), messages);
    report.tell(case, "messages per second", (messages as f64 / start.elapsed().as_secs_f64()).round());
    Ok(())
}

/// One end sends the other numbered messages, until the ring's counters are beyond 32 bits.
fn wrap(messages: u64, report: &mut Report) -> Result<(), BoxError> {
    let case = "counters that wrap";
    let (_, right) =
        both(&ShmOptions::default(), move |link| number(link, messages), move |link| count(link, messages))?;
    report.equal(case, "messages in order", right, messages);
    report.at_least(case, "cells of the ring passed", right * LARGE_CELLS, messages * LARGE_CELLS);
    Ok(())
}

/// Runs `client` and `server` at the two ends of a session, on a thread each.
fn both<C, S>(
    options: &ShmOptions,
    client: impl FnOnce(Box<dyn Link>) -> C,
    server: impl FnOnce(Box<dyn Link>) -> S + Send + 'static,
) -> Result<(u64, u64), BoxError>
where
    C: Future<Output = u64>,
    S: Future<Output = u64>,
{
    let name = format!("volo-torture-wakes-{}-{:?}", std::process::id(), options.spin);
    let address = Address::Shm(std::env::temp_dir().join(name));
    let (ready, is_ready) = mpsc::channel();
    let (at, shm) = (address.clone(), options.clone());
    let other = thread::spawn(move || -> Result<u64, String> {
        let told = |error: &dyn ToString| error.to_string();
        runtime().map_err(|error| told(&error))?.block_on(async {
            let listen = ListenOptions { shm, ..Default::default() };
            let listener = Listener::bind(&at, &listen).await.map_err(|error| told(&error))?;
            ready.send(()).map_err(|error| told(&error))?;
            Ok(server(listener.accept().await.map_err(|error| told(&error))?).await)
        })
    });
    tokio::task::block_in_place(|| {
        is_ready.recv()?;
        let connect = ConnectOptions { shm: options.clone(), ..Default::default() };
        let done = runtime()?
            .block_on(async { Ok::<_, BoxError>(client(net::connect(&address, &connect).await?).await) })?;
        Ok((done, other.join().map_err(|_| "the other end panicked")??))
    })
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Sends and receives half as many messages each, up to three ahead of the other; stops at the first that is lost.
async fn exchange(mut link: Box<dyn Link>, messages: u64, seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let (mut sent, mut received) = (0, 0);
    while received < messages / 2 {
        while sent < messages / 2 && sent < received + 1 + random.below(3) {
            for _ in 0..random.below(200) {
                hint::spin_loop();
            }
            if send(&mut *link, 8 + random.below(100) as usize, sent).await.is_err() {
                return 2 * received;
            }
            sent += 1;
        }
        for _ in 0..random.below(200) {
            hint::spin_loop();
        }
        match timeout(WATCHDOG, receive(&mut *link)).await {
            Ok(Ok(Some(_))) => received += 1,
            _ => return 2 * received,
        }
    }
    2 * received
}

/// Sends so many messages, each with its number; gives how many went.
async fn number(mut link: Box<dyn Link>, messages: u64) -> u64 {
    for number in 0..messages {
        if poll_fn(|cx| link.poll_ready(cx, Size::inline(LARGE))).await.is_err() {
            return number;
        }
        let written = link.write(Size::inline(LARGE), &mut |span| {
            span.put_slice(&(LARGE as u32 - 4).to_be_bytes());
            span.put_slice(&number.to_be_bytes());
            span.put_slice(&[0; LARGE - 12]);
            Ok(())
        });
        let flush = number % 16 == 15 || number + 1 == messages;
        if written.is_err() || flush && poll_fn(|cx| link.poll_flush(cx)).await.is_err() {
            return number;
        }
    }
    messages
}

/// Receives so many messages; stops at the first that has another number than its place.
async fn count(mut link: Box<dyn Link>, messages: u64) -> u64 {
    for number in 0..messages {
        match timeout(WATCHDOG, receive(&mut *link)).await {
            Ok(Ok(Some(frame))) if frame.len() == LARGE && frame[4..12] == number.to_be_bytes() => {}
            _ => return number,
        }
    }
    messages
}
