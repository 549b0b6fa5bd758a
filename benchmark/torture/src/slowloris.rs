//! Connections that begin a frame and stop: closed in time, while good calls go on.

use std::time::{Duration, Instant};

use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
};

const DEADLINE: Duration = Duration::from_secs(3);

/// Runs the suite with so many stuck connections.
pub async fn run(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    let timeout = DEADLINE.as_millis();
    let settings = [format!("header_timeout_ms={timeout}"), format!("frame_timeout_ms={timeout}")];
    let mut server = Server::start(&settings.each_ref().map(String::as_str))?;
    let before = server.descriptors()?;
    let starts: [&[u8]; 3] = [b"\0", b"\0\0\0\x40\x80\x01", b"\0\0\0\x40\x10\0\0\0\0\0\0\x07\0\x01"];
    let mut stuck = Vec::new();
    for number in 0..connections {
        let mut peer = Peer::connect_from(number as u32, server.address).await?;
        peer.send(starts[number as usize % starts.len()]).await;
        stuck.push(peer);
    }
    let all_stuck = Instant::now();
    let mut held = 0;
    while held < connections && all_stuck.elapsed() < DEADLINE / 3 {
        held = held.max(server.descriptors()? - before);
    }
    report.at_least("stuck connections", "held at once", held, connections * 9 / 10);
    let mut good = Peer::connect(server.address).await?;
    let (mut calls, mut slowest) = (0_u64, Duration::ZERO);
    while server.descriptors()? > before + 1 && all_stuck.elapsed() < DEADLINE * 3 {
        let start = Instant::now();
        good.send(&framed(&echo(7, "good"))).await;
        if good.answer(Duration::from_secs(5)).await != Answer::Reply(7) {
            break;
        }
        calls += 1;
        slowest = slowest.max(start.elapsed());
    }
    let took = all_stuck.elapsed();
    report.equal("stuck connections", "left", (server.descriptors()? - before).saturating_sub(1), 0);
    report.at_most("stuck connections", "closed after, ms", took, DEADLINE + Duration::from_secs(1));
    report.at_least("good calls meanwhile", "answered", calls, 100);
    report.at_most("good calls meanwhile", "slowest, ms", slowest, Duration::from_secs(1));
    report.equal("stuck connections", "panics", server.meter()?.panics, 0);
    Ok(())
}
