//! Connections that take more than their share: the others go on.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
    scene::{median, together},
};

/// The part of its calls that others must still get done beside one that takes more than its share.
const SHARE_MIN: f64 = 0.25;

/// How long a call of the others may take in the round in the middle.
const SLOWEST_MAX: Duration = Duration::from_millis(500);

/// Bytes of heap that such a connection may cost.
const HEAP_MAX: u64 = 64 << 20;

/// Connections of the others.
const OTHERS: u64 = 8;

/// Pairs of measurements without it and beside it.
const ROUNDS: u32 = 7;

/// Somebody who takes more than a share: given the server and when to stop.
type Rogue = fn(SocketAddr, Arc<AtomicBool>) -> Pin<Box<dyn Future<Output = Option<()>>>>;

/// Runs the suite with so many seconds for each case, of which half is spent beside the rogue.
///
/// Other work on the machine comes and goes, so both halves are measured in turn, there and back; the figures are
/// medians over the rounds.
pub async fn run(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let time = Duration::from_secs(seconds.max(1)) / 2 / ROUNDS;
    let rogues: [(&str, Rogue); 3] = [
        ("a handler that blocks", |server, stop| Box::pin(block(server, stop))),
        ("a connection that floods", |server, stop| Box::pin(flood(server, stop))),
        ("a reader that never reads", |server, stop| Box::pin(never_read(server, stop))),
    ];
    for (case, rogue) in rogues {
        let mut server = Server::start(&["write_timeout_ms=60000"])?;
        let live = server.mark()?.live;
        let (mut rates, mut shares, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let alone_first = round % 2 == 0;
            let before = if alone_first { calls(server.address, time).await? } else { Pace::default() };
            let beside = beside(rogue, server.address, time).await?;
            let alone = if alone_first { before } else { calls(server.address, time).await? };
            rates.push(alone.rate);
            shares.push(beside.rate / alone.rate);
            slowest.push(beside.slowest.as_secs_f64() * 1000.0);
        }
        report.tell(case, "calls/s without it", median(rates));
        report.at_least(case, "share of these beside it", median(shares), SHARE_MIN);
        report.tell(
            case,
            "slowest call beside it, ms (worst round)",
            slowest.iter().copied().fold(0.0, f64::max),
        );
        report.at_most(
            case,
            "slowest call beside it, ms (median)",
            median(slowest),
            SLOWEST_MAX.as_millis() as f64,
        );
        let meter = server.meter()?;
        report.at_most(case, "heap bytes", meter.peak.saturating_sub(live), HEAP_MAX);
        report.equal(case, "panics", meter.panics, 0);
    }
    Ok(())
}

/// How the calls of the others went.
#[derive(Clone, Copy, Default)]
struct Pace {
    rate: f64,
    slowest: Duration,
}

async fn beside(rogue: Rogue, server: SocketAddr, time: Duration) -> Result<Pace, BoxError> {
    let stop = Arc::new(AtomicBool::new(false));
    // A thread and a runtime of its own: it is the server's threads that are to be contended for.
    let thread = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.ok().and_then(|runtime| runtime.block_on(rogue(server, stop)))
        })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pace = calls(server, time).await;
    stop.store(true, Relaxed);
    let done = tokio::task::block_in_place(|| thread.join());
    done.ok().flatten().ok_or("the rogue could do nothing")?;
    pace
}

/// One call after the other on some connections.
async fn calls(server: SocketAddr, time: Duration) -> Result<Pace, BoxError> {
    let mut pace = Pace::default();
    for done in together(OTHERS, |_| call_for(server, time)).await? {
        let (calls, slowest) = done.map_err(|_| "a call of the others failed")?;
        pace.rate += calls as f64 / time.as_secs_f64();
        pace.slowest = pace.slowest.max(slowest);
    }
    Ok(pace)
}

async fn call_for(server: SocketAddr, time: Duration) -> Result<(u64, Duration), Answer> {
    let mut peer = Peer::connect(server).await.map_err(|_| Answer::End)?;
    let (start, mut calls, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    while start.elapsed() < time {
        let sent = Instant::now();
        peer.send(&framed(&echo(7, "fair"))).await;
        match peer.answer(Duration::from_secs(10)).await {
            Answer::Reply(7) => calls += 1,
            other => return Err(other),
        }
        slowest = slowest.max(sent.elapsed());
    }
    Ok((calls, slowest))
}

fn call(name: &str, number: i32) -> Vec<u8> {
    let mut call = b"\x80\x01\0\x01".to_vec();
    call.extend((name.len() as u32).to_be_bytes());
    call.extend(name.as_bytes());
    call.extend(b"\0\0\0\x07\x08\0\x01");
    call.extend(number.to_be_bytes());
    call.push(0);
    framed(&call)
}

/// Has the server hold a thread for 20 ms, again and again.
async fn block(server: SocketAddr, stop: Arc<AtomicBool>) -> Option<()> {
    let mut peer = Peer::connect(server).await.ok()?;
    while !stop.load(Relaxed) {
        peer.send(&call("block", 20)).await;
        peer.answer(Duration::from_secs(10)).await;
    }
    Some(())
}

/// Sends calls as fast as the server takes them, and reads the answers as they come.
async fn flood(server: SocketAddr, stop: Arc<AtomicBool>) -> Option<()> {
    let mut peer = Peer::connect(server).await.ok()?;
    let calls = framed(&echo(7, "flood")).repeat(1000);
    while !stop.load(Relaxed) {
        if !peer.send(&calls).await {
            return None;
        }
        peer.forget();
    }
    Some(())
}

/// Asks for much and takes nothing.
async fn never_read(server: SocketAddr, stop: Arc<AtomicBool>) -> Option<()> {
    let mut stream = tokio::net::TcpStream::connect(server).await.ok()?;
    let calls = call("big", 60_000).repeat(100);
    while !stop.load(Relaxed) {
        let patience = Duration::from_millis(10);
        let write = tokio::io::AsyncWriteExt::write(&mut stream, &calls);
        if let Ok(written) = tokio::time::timeout(patience, write).await {
            written.ok()?;
        }
    }
    Some(())
}
