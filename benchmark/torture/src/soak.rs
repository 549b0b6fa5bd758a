//! Minutes of calls of which a third goes wrong: nothing grows, and the end is as fast as the beginning.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use faststr::FastStr;
use tokio::task::JoinSet;
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{ClientBuilder, client::Governance};

use crate::{
    idl::{Node, TortureServiceClient},
    peer::Peer,
    process::Server,
    random::Random,
    report::Report,
};

const WORKERS: u64 = 8;

/// Bytes by which the heap in use may grow in ten minutes.
const SLOPE_MAX: f64 = (1 << 20) as f64;

/// Runs the suite for so many seconds, of which the first fifth is to warm up.
pub async fn run(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start(&["frame_timeout_ms=2000", "header_timeout_ms=2000"])?;
    let before = (server.meter()?, server.descriptors()?);
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(server.address, worker, stop.clone()));
    }
    let (start, length) = (Instant::now(), Duration::from_secs(seconds.max(5)));
    let mut heap = Vec::new();
    while start.elapsed() < length {
        tokio::time::sleep(length / 100).await;
        if start.elapsed() > length / 5 {
            heap.push((start.elapsed().as_secs_f64(), server.meter()?.live as f64));
        }
    }
    stop.store(true, Relaxed);
    let (mut calls, mut wrong, mut latencies) = (0, 0, Vec::new());
    while let Some(done) = workers.join_next().await {
        let count = done?;
        calls += count.0;
        wrong += count.1;
        latencies.extend(count.2);
    }
    let (after, open) = server.settle(before.0.tasks, before.1).await?;
    report.tell("soak", "calls", calls);
    report.equal("soak", "wrong answers", wrong, 0);
    // Over a short run, what is in use at a moment weighs more than any slope: then the limit is on the growth.
    let growth = slope(&heap) * length.as_secs_f64().max(1.0);
    report.at_most("soak", "heap growth by its slope, bytes", growth, SLOPE_MAX);
    report.tell("soak", "heap bytes more than before", after.live.saturating_sub(before.0.live));
    report.at_most("soak", "tasks left", after.tasks, before.0.tasks);
    report.at_most("soak", "descriptors left", open, before.1);
    let window = (length / 5).min(Duration::from_secs(60));
    let first = p99(&latencies, length / 5, length / 5 + window, start);
    let last = p99(&latencies, length - window, length, start);
    report.tell("soak", "p99 after warming up, ms", first);
    report.at_most("soak", "p99 of the end against that", last.as_secs_f64() / first.as_secs_f64(), 1.5);
    Ok(())
}

/// Least squares, in bytes per second.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        (above + (point.0 - x) * (point.1 - y), below + (point.0 - x).powi(2))
    });
    if below > 0.0 { above / below } else { 0.0 }
}

fn p99(latencies: &[(Instant, Duration)], from: Duration, to: Duration, start: Instant) -> Duration {
    let inside = latencies.iter().filter(|(at, _)| (start + from..start + to).contains(at));
    let mut inside: Vec<Duration> = inside.map(|(_, took)| *took).collect();
    inside.sort_unstable();
    inside.get(inside.len() * 99 / 100).copied().unwrap_or(Duration::ZERO)
}

/// Calls, wrong answers, and how long each 16th good call took.
async fn work(
    address: std::net::SocketAddr,
    worker: u64,
    stop: Arc<AtomicBool>,
) -> (u64, u64, Vec<(Instant, Duration)>) {
    let mut random = Random::new(worker);
    let client: TortureServiceClient = ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(address)
        .rpc_timeout(Duration::from_secs(2))
        .connect_timeout(Duration::from_secs(2))
        .pool(PoolConfig { max_total: 4, idle_timeout: Duration::from_secs(1), ..PoolConfig::default() })
        .mux((worker % 2) as usize)
        .build();
    let (mut calls, mut wrong, mut latencies) = (0, 0, Vec::new());
    while !stop.load(Relaxed) {
        calls += 1;
        let number = calls as i64;
        if random.percent(70) {
            let sent = Instant::now();
            wrong += u64::from(client.perhaps(number, 0).await.ok() != Some(number));
            if calls % 16 == 0 {
                latencies.push((sent, sent.elapsed()));
            }
            continue;
        }
        go_wrong(&client, address, &mut random).await;
    }
    (calls, wrong, latencies)
}

/// One of the things that go wrong.
async fn go_wrong(client: &TortureServiceClient, address: std::net::SocketAddr, random: &mut Random) {
    let short = Duration::from_micros(random.below(2000));
    match random.below(6) {
        0 => drop(client.perhaps(1, 1).await),
        1 => drop(client.perhaps(1, 2).await),
        2 => drop(client.refuse("told to".into()).await),
        3 => drop(tokio::time::timeout(short, client.later(1, 2)).await),
        4 => {
            let node =
                Node { name: FastStr::new("x".repeat(random.below(20_000) as usize)), ..Node::default() };
            drop(tokio::time::timeout(short, client.tree(node)).await);
        }
        _ => {
            let Ok(mut peer) = Peer::connect(address).await else { return };
            let bytes: Vec<u8> = (0..random.below(64)).map(|_| random.below(256) as u8).collect();
            peer.send(&bytes).await;
        }
    }
}
