//! Connections that take more than their share: the others go on.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
};

/// The part of its calls that a connection must still get done beside one that takes more than its share.
const SHARE_MIN: f64 = 0.2;

/// Runs the suite with so many seconds for each case.
pub async fn run(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let time = Duration::from_secs(seconds.max(1));
    for case in ["a handler that blocks", "a connection that floods", "a reader that never reads"] {
        let mut server = Server::start(&["write_timeout_ms=60000"])?;
        let (alone, _) = calls_per_second(server.address, time).await?;
        let mark = server.mark()?;
        let rogue = match case {
            "a handler that blocks" => block(server.address),
            "a connection that floods" => flood(server.address),
            _ => never_read(server.address),
        };
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (beside, slowest) = calls_per_second(server.address, time).await?;
        report.tell(case, "calls/s alone", alone);
        report.at_least(case, "share of these beside it", beside / alone, SHARE_MIN);
        report.at_most(case, "slowest call beside it, ms", slowest, Duration::from_secs(1));
        report.at_most(case, "heap bytes", server.meter()?.peak.saturating_sub(mark.live), 64_u64 << 20);
        report.equal(case, "panics", server.meter()?.panics, 0);
        rogue.abort();
    }
    Ok(())
}

/// One call after the other on eight connections.
async fn calls_per_second(address: SocketAddr, time: Duration) -> Result<(f64, Duration), BoxError> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut peer = Peer::connect(address).await?;
        tasks.spawn(async move {
            let (start, mut calls, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
            while start.elapsed() < time {
                let sent = Instant::now();
                peer.send(&framed(&echo(7, "fair"))).await;
                if peer.answer(Duration::from_secs(10)).await != Answer::Reply(7) {
                    return (0, Duration::MAX);
                }
                calls += 1;
                slowest = slowest.max(sent.elapsed());
            }
            (calls, slowest)
        });
    }
    let (mut sum, mut most) = (0, Duration::ZERO);
    while let Some(done) = tasks.join_next().await {
        let (calls, slowest) = done?;
        (sum, most) = (sum + calls, most.max(slowest));
    }
    Ok((sum as f64 / time.as_secs_f64(), most))
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
fn block(address: SocketAddr) -> JoinHandle<Option<()>> {
    tokio::spawn(async move {
        let mut peer = Peer::connect(address).await.ok()?;
        loop {
            peer.send(&call("block", 20)).await;
            peer.answer(Duration::from_secs(10)).await;
        }
    })
}

/// Sends calls as fast as the server takes them, and reads the answers as they come.
fn flood(address: SocketAddr) -> JoinHandle<Option<()>> {
    tokio::spawn(async move {
        let mut peer = Peer::connect(address).await.ok()?;
        let calls = framed(&echo(7, "flood")).repeat(1000);
        loop {
            peer.send(&calls).await;
            peer.forget();
        }
    })
}

/// Asks for much and takes nothing.
fn never_read(address: SocketAddr) -> JoinHandle<Option<()>> {
    tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
        let calls = call("big", 60_000).repeat(100);
        loop {
            tokio::io::AsyncWriteExt::write_all(&mut stream, &calls).await.ok()?;
        }
    })
}
