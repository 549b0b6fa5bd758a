//! Many connections: idle ones cost little, active ones cost no throughput, and a storm of new ones harms nobody.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
};

/// New connections per second in the storm.
const STORM_RATE: u64 = 5000;

/// Bytes of heap that an idle connection may take.
const IDLE_MAX: u64 = 12 << 10;

/// Runs the suite with so many idle connections, a tenth of them active, and a storm of a second per thousand.
pub async fn run(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    idle(connections, report).await?;
    active(connections / 10, report).await?;
    storm(connections / 1000, report).await
}

async fn idle(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start(&[])?;
    let before = (server.meter()?, server.resident()?, server.descriptors()?);
    let mut peers = Vec::new();
    for number in 0..connections {
        let mut peer = Peer::connect_from(number as u32, server.address).await?;
        if number % 16 == 0 {
            peer.send(&framed(&echo(7, "hello"))).await;
            peer.answer(Duration::from_secs(5)).await;
        }
        peers.push(peer);
    }
    let mut served = 0;
    for peer in &mut peers {
        peer.send(&framed(&echo(8, "hello"))).await;
        served += u64::from(peer.answer(Duration::from_secs(5)).await == Answer::Reply(8));
    }
    let (after, resident) = (server.meter()?, server.resident()?);
    report.equal("idle", "connections served", served, connections);
    let each = (after.live - before.0.live) / connections.max(1);
    report.at_most("idle", "heap bytes per connection", each, IDLE_MAX);
    report.tell(
        "idle",
        "resident bytes per connection",
        resident.saturating_sub(before.1) / connections.max(1),
    );
    drop(peers);
    let (after, open) = server.settle(before.0.tasks, before.2).await?;
    report.at_most("idle", "tasks left", after.tasks, before.0.tasks);
    report.at_most("idle", "descriptors left", open, before.2);
    Ok(())
}

/// Throughput of many active connections against that of 64. Interleaved, as the machine may have other work.
async fn active(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    let server = Server::start(&[])?;
    let (mut few, mut many) = (0.0_f64, 0.0_f64);
    for _ in 0..3 {
        few = few.max(throughput(server.address, 64).await?);
        many = many.max(throughput(server.address, connections).await?);
    }
    report.tell("active", "calls/s of 64 connections", few);
    report.tell("active", "calls/s of all connections", many);
    report.at_least("active", "throughput against 64 connections", many / few, 0.9);
    Ok(())
}

async fn throughput(address: SocketAddr, connections: u64) -> Result<f64, BoxError> {
    let mut peers = Vec::new();
    for number in 0..connections {
        peers.push(Peer::connect_from(number as u32, address).await?);
    }
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for mut peer in peers {
        let (stop, calls) = (stop.clone(), calls.clone());
        tasks.spawn(async move {
            let call = framed(&echo(7, "hello"));
            while !stop.load(Relaxed) {
                peer.send(&call).await;
                if peer.answer(Duration::from_secs(10)).await != Answer::Reply(7) {
                    return;
                }
                calls.fetch_add(1, Relaxed);
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (start, first) = (Instant::now(), calls.load(Relaxed));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rate = (calls.load(Relaxed) - first) as f64 / start.elapsed().as_secs_f64();
    stop.store(true, Relaxed);
    while tasks.join_next().await.is_some() {}
    Ok(rate)
}

/// New connections at a fixed rate, each closed after a call, while one old connection goes on calling.
async fn storm(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start(&[])?;
    let before = (server.meter()?, server.descriptors()?);
    let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let old = tokio::spawn(old_connection(server.address, stop.clone()));
    let (start, address) = (Instant::now(), server.address);
    let mut tasks = JoinSet::new();
    let total = STORM_RATE * seconds;
    for number in 0..total {
        let due = start + Duration::from_nanos(1_000_000_000 / STORM_RATE * number);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        let failed = failed.clone();
        tasks.spawn(async move {
            if !connect_and_call(number as u32, address).await {
                failed.fetch_add(1, Relaxed);
            }
        });
        while tasks.try_join_next().is_some() {}
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    while tasks.join_next().await.is_some() {}
    stop.store(true, Relaxed);
    let (calls, lost, slowest) = old.await??;
    report.at_least("storm", "new connections/s", rate, STORM_RATE as f64 * 0.95);
    report.equal("storm", "new connections that failed", failed.load(Relaxed), 0);
    report.at_least("storm", "calls of an old connection", calls, 100 * seconds);
    report.equal("storm", "of these failed", lost, 0);
    report.tell("storm", "slowest of these, ms", slowest);
    let (after, open) = server.settle(before.0.tasks, before.1).await?;
    report.at_most("storm", "tasks left", after.tasks, before.0.tasks);
    report.at_most("storm", "descriptors left", open, before.1);
    Ok(())
}

async fn connect_and_call(number: u32, address: SocketAddr) -> bool {
    let Ok(mut peer) = Peer::connect_from(number, address).await else { return false };
    peer.send(&framed(&echo(7, "hello"))).await;
    peer.answer(Duration::from_secs(5)).await == Answer::Reply(7)
}

async fn old_connection(
    address: SocketAddr,
    stop: Arc<AtomicBool>,
) -> Result<(u64, u64, Duration), BoxError> {
    let mut peer = Peer::connect(address).await?;
    let (mut calls, mut lost, mut slowest) = (0, 0, Duration::ZERO);
    while !stop.load(Relaxed) {
        let start = Instant::now();
        peer.send(&framed(&echo(9, "old"))).await;
        if peer.answer(Duration::from_secs(5)).await != Answer::Reply(9) {
            lost += 1;
            peer = Peer::connect(address).await?;
        }
        calls += 1;
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((calls, lost, slowest))
}
