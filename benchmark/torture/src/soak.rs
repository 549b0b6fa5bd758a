//! Minutes of calls of which a third goes wrong: nothing grows, and the end is as fast as the beginning.
//!
//! Half of the workers misbehave as peers do, the other half call through a proxy that disturbs the bytes. A second
//! server that nobody harms is called all the time, too: if its calls get slower, it is the machine that has.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use faststr::FastStr;
use tokio::task::JoinSet;
use volo_core::BoxError;
use volo_thrift::{ClientBuilder, ClientError};

use crate::{
    cancel::describe,
    idl::{Node, TortureServiceClient},
    peer::{Answer, Peer, echo, framed},
    process::Server,
    proxy::{Direction, Fault, Plan, Proxy},
    random::Random,
    report::Report,
    scene::{Counter, Scene},
};

/// Workers of each kind.
const WORKERS: u64 = 4;

/// Bytes by which a heap in use may grow in ten minutes.
const SLOPE_MAX: f64 = (1 << 20) as f64;

/// How much slower the end may be.
const SLOWER_MAX: f64 = 1.5;

/// How long a frame may take, so that what is disturbed doesn't stay for long.
const SETTINGS: [&str; 2] = ["frame_timeout_ms=2000", "header_timeout_ms=2000"];

#[derive(Default)]
struct Tally {
    calls: Counter,
    faults: Counter,
    wrong: Counter,
    failed: Counter,
    panics: Counter,
    harmed: Latencies,
    peaceful: Latencies,
}

/// Runs the suite for so many seconds, of which the first fifth is to warm up.
pub async fn run(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let length = Duration::from_secs(seconds.max(5));
    let (peaceful, other) = (Server::start(&[])?, Server::start(&SETTINGS)?);
    let mut scene = Scene::start(&SETTINGS)?;
    let (tally, stop) = (Arc::new(Tally::new(length)), Arc::new(AtomicBool::new(false)));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let proxy = Proxy::start(scene.server.address, other.address).await?;
        let client = scene.client().rpc_timeout(Duration::from_secs(5)).pool(Scene::pool(4));
        let client = client.mux((worker % 2) as usize).build();
        let address = scene.server.address;
        workers.spawn(misbehave(client, address, worker, tally.clone(), stop.clone()));
        workers.spawn(disturb(proxy, worker, tally.clone(), stop.clone()));
    }
    workers.spawn(keep_peace(peaceful.address, tally.clone(), stop.clone()));
    let (start, mut heaps) = (Instant::now(), [Vec::new(), Vec::new()]);
    while start.elapsed() < length {
        tokio::time::sleep(length / 100).await;
        if start.elapsed() > length / 5 {
            let at = start.elapsed().as_secs_f64();
            heaps[0].push((at, scene.server.meter()?.live as f64));
            heaps[1].push((at, heap_meter::live() as f64));
        }
    }
    stop.store(true, Relaxed);
    while let Some(done) = workers.join_next().await {
        done?;
    }
    let calls = tally.calls.get();
    report.tell("soak", "calls", calls);
    report.at_least("soak", "share that went wrong", tally.faults.get() as f64 / calls as f64, 0.25);
    report.equal("soak", "wrong answers", tally.wrong.get(), 0);
    report.equal("soak", "undisturbed calls that failed", tally.failed.get(), 0);
    for (case, points) in ["server", "client"].into_iter().zip(&heaps) {
        // Over a short run, what is in use at a moment weighs more than any slope: then the limit is on the growth.
        report.at_most(
            case,
            "heap growth by its slope, bytes",
            slope(points) * length.as_secs_f64(),
            SLOPE_MAX,
        );
    }
    let harmed = tally.harmed.slowdown(report, "calls between faults");
    let peaceful = tally.peaceful.slowdown(report, "calls of a server in peace");
    report.at_most("soak", "p99 of the end against the start", harmed / peaceful.max(1.0), SLOWER_MAX);
    scene.end("soak", tally.panics.get(), report).await
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

impl Tally {
    fn new(length: Duration) -> Self {
        Tally { harmed: Latencies::new(length), peaceful: Latencies::new(length), ..Tally::default() }
    }
}

/// How long calls took, in the first and in the last minute (or fifth) after warming up.
///
/// Bounded, so that it doesn't grow with the calls: a count for each step of a scale on which 16 steps are a doubling.
#[derive(Default)]
struct Latencies {
    start: Option<Instant>,
    first: (Duration, Duration),
    last: (Duration, Duration),
    counts: [Vec<Counter>; 2],
}

/// Steps of the scale, which begins at a microsecond.
const STEPS: usize = 16 * 28;

impl Latencies {
    fn new(length: Duration) -> Self {
        let window = (length / 5).min(Duration::from_secs(60));
        let counts = || std::iter::repeat_with(Counter::default).take(STEPS).collect();
        Latencies {
            start: Some(Instant::now()),
            first: (length / 5, length / 5 + window),
            last: (length - window, length),
            counts: [counts(), counts()],
        }
    }

    /// Counts a call that was made then.
    fn add(&self, sent: Instant) {
        let (Some(start), took) = (self.start, sent.elapsed()) else { return };
        let at = sent - start;
        let step = ((took.as_secs_f64() * 1e6).max(1.0).log2() * 16.0) as usize;
        for (window, counts) in [self.first, self.last].into_iter().zip(&self.counts) {
            if (window.0..window.1).contains(&at) {
                counts[step.min(STEPS - 1)].count();
            }
        }
    }

    /// The 99th percentile of a window in milliseconds.
    fn p99(counts: &[Counter]) -> f64 {
        let all: u64 = counts.iter().map(Counter::get).sum();
        let mut seen = 0;
        let step = counts.iter().position(|count| {
            seen += count.get();
            seen * 100 >= all * 99
        });
        step.map_or(f64::NAN, |step| ((step + 1) as f64 / 16.0).exp2() / 1000.0)
    }

    /// Tells both percentiles; how many times the first one the last one is.
    fn slowdown(&self, report: &mut Report, case: &str) -> f64 {
        let [first, last] = self.counts.each_ref().map(|counts| Latencies::p99(counts));
        report.tell(case, "p99 after warming up, ms", first);
        report.tell(case, "p99 of the end, ms", last);
        last / first
    }
}

/// Calls of which a third is what no caller should do; the others must be answered.
async fn misbehave(
    client: TortureServiceClient,
    address: SocketAddr,
    worker: u64,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
) {
    let mut random = Random::new(worker);
    while !stop.load(Relaxed) {
        tally.calls.count();
        if !random.percent(70) {
            tally.faults.count();
            go_wrong(&client, address, &mut random, &tally).await;
            continue;
        }
        let (sent, number) = (Instant::now(), random.below(u64::MAX) as i64);
        match client.perhaps(number, 0).await {
            Ok(answer) if answer == number => tally.harmed.add(sent),
            Ok(_) => tally.wrong.count(),
            Err(error) => {
                if tally.failed.get() == 0 {
                    eprintln!("soak: {}", describe(&error));
                }
                tally.failed.count();
            }
        }
    }
}

/// One of the things that go wrong.
async fn go_wrong(client: &TortureServiceClient, address: SocketAddr, random: &mut Random, tally: &Tally) {
    let short = Duration::from_micros(random.below(2000));
    match random.below(6) {
        how @ 0..2 => match client.perhaps(1, 1 + how as i32).await {
            Err(ClientError::Application(_)) => tally.panics.count(),
            _ => tally.failed.count(),
        },
        2 => drop(client.refuse("told to".into()).await),
        3 => drop(tokio::time::timeout(short, client.later(1, 2)).await),
        4 => {
            let name = FastStr::new("x".repeat(random.below(20_000) as usize));
            let node = Node { name, ..Node::default() };
            drop(tokio::time::timeout(short, client.tree(node)).await);
        }
        _ => {
            let Ok(mut peer) = Peer::connect(address).await else { return };
            let bytes: Vec<u8> = (0..random.below(64)).map(|_| random.below(256) as u8).collect();
            peer.send(&bytes).await;
        }
    }
}

/// Calls through a proxy that does something to a third of them. Only a wrong answer is a fault of ours then.
async fn disturb(proxy: Proxy, worker: u64, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
    let client: TortureServiceClient = ClientBuilder::new("torture")
        .address(proxy.address)
        .rpc_timeout(Duration::from_millis(100))
        .connect_timeout(Duration::from_secs(2))
        .checksums()
        .pool(Scene::pool(4))
        .mux((worker % 2) as usize)
        .build();
    let mut random = Random::new(worker);
    while !stop.load(Relaxed) {
        tally.calls.count();
        if !random.percent(70) {
            tally.faults.count();
            let fault = Fault::ALL[random.below(Fault::ALL.len() as u64) as usize];
            let direction = if random.percent(50) { Direction::Request } else { Direction::Reply };
            let (offset, seed) = (random.below(100) as usize, random.below(u64::MAX));
            proxy.set(Plan { fault, direction, offset, seed });
        }
        let number = random.below(u64::MAX) as i64;
        if client.perhaps(number, 0).await.is_ok_and(|answer| answer != number) {
            tally.wrong.count();
        }
        proxy.clear();
    }
}

/// Calls a server that nobody harms, now and then.
async fn keep_peace(address: SocketAddr, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
    let Ok(mut peer) = Peer::connect(address).await else { return };
    while !stop.load(Relaxed) {
        let sent = Instant::now();
        peer.send(&framed(&echo(7, "peace"))).await;
        if peer.answer(Duration::from_secs(10)).await == Answer::Reply(7) {
            tally.peaceful.add(sent);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
