//! Connections that begin a frame and stop, or go on byte by byte: closed in time, while good calls go on.

use std::time::{Duration, Instant};

use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
};

/// How long the server waits for a header, and for the rest of a frame.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long after that a connection may still be there.
const LATE_MAX: Duration = Duration::from_secs(1);

/// One connection in so many goes on byte by byte, which must not win it any time.
const DRIP: usize = 8;

/// Runs the suite with so many stuck connections.
pub async fn run(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    let timeout = DEADLINE.as_millis();
    let settings = [format!("header_timeout_ms={timeout}"), format!("frame_timeout_ms={timeout}")];
    let mut server = Server::start(&settings.each_ref().map(String::as_str))?;
    let before = server.rest()?;
    let starts: [&[u8]; 3] = [b"\0", b"\0\0\0\x40\x80\x01", b"\0\0\0\x40\x10\0\0\0\0\0\0\x07\0\x01"];
    let mut stuck = Vec::new();
    for number in 0..connections as usize {
        let mut peer = Peer::connect_from(number as u32, server.address).await?;
        peer.send(starts[number % starts.len()]).await;
        stuck.push(peer);
    }
    let all_stuck = Instant::now();
    let mut held = 0;
    while held < connections && all_stuck.elapsed() < DEADLINE / 3 {
        held = held.max(server.descriptors()? - before.descriptors);
    }
    let drip = tokio::spawn(drip(stuck));
    let mut good = Peer::connect(server.address).await?;
    let (mut calls, mut slowest) = (0_u64, Duration::ZERO);
    while server.descriptors()? > before.descriptors + 1 && all_stuck.elapsed() < DEADLINE * 3 {
        let start = Instant::now();
        good.send(&framed(&echo(7, "good"))).await;
        if good.answer(Duration::from_secs(5)).await != Answer::Reply(7) {
            break;
        }
        calls += 1;
        slowest = slowest.max(start.elapsed());
    }
    let took = all_stuck.elapsed();
    let left = server.descriptors()?.saturating_sub(before.descriptors + 1);
    report.at_least("stuck connections", "held at once", held, connections * 9 / 10);
    report.equal("stuck connections", "left", left, 0);
    report.at_most("stuck connections", "closed after, ms", took, DEADLINE + LATE_MAX);
    report.at_least("good calls meanwhile", "answered", calls, 100);
    report.at_most("good calls meanwhile", "slowest, ms", slowest, Duration::from_secs(1));
    drip.abort();
    drop(good);
    let (meter, rest) = server.settle(before).await?;
    report.equal("server", "panics", meter.panics, 0);
    report.at_most("server", "tasks left", rest.tasks, before.tasks);
    report.at_most("server", "descriptors left", rest.descriptors, before.descriptors);
    Ok(())
}

/// Keeps them all open, and sends a further byte over some of them, again and again.
async fn drip(mut stuck: Vec<Peer>) {
    loop {
        for peer in stuck.iter_mut().step_by(DRIP) {
            peer.send(b"\0").await;
        }
        tokio::time::sleep(DEADLINE / 20).await;
    }
}
