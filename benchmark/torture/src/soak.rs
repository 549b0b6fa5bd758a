//! Minutes of calls of which a third goes wrong: nothing grows, and the end is as fast as the beginning.
//!
//! Half of the workers misbehave as peers do, the other half call through a proxy that disturbs the bytes. A second
//! server that nobody harms is called in turn with the first: if its calls get slower, too, it is the machine that has.

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
use volo_thrift::{ClientBuilder, ClientError, client::Governance};

use crate::{
    cancel::describe,
    idl::{Node, TortureServiceClient},
    peer::Peer,
    process::Server,
    proxy::{Direction, Fault, Plan, Proxy},
    random::Random,
    report::Report,
    role,
    scene::{Counter, Scene, median},
};

/// Workers of each kind.
const WORKERS: u64 = 4;

/// Bytes by which a heap in use may grow in ten minutes.
const SLOPE_MAX: f64 = (1 << 20) as f64;

/// Looks at the heaps, each while all rest: what is in use in the middle of calls comes and goes.
const LOOKS: u32 = 10;

/// How long all rest before a look, so that what was disturbed is over.
const REST: Duration = Duration::from_millis(1500);

/// How much slower the end may be.
const SLOWER_MAX: f64 = 1.5;

/// How long a frame may take, so that what is disturbed doesn't stay for long.
const SETTINGS: [&str; 2] = ["frame_timeout_ms=1000", "header_timeout_ms=1000"];

/// Held by a worker during each call, and by who wants them all to rest.
type Pause = Arc<tokio::sync::RwLock<()>>;

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
    let length = Duration::from_secs(seconds.max(30));
    let (peaceful, other) = (Server::start(&[])?, Server::start(&SETTINGS)?);
    let mut scene = Scene::start(&SETTINGS)?;
    let (tally, stop) = (Arc::new(Tally::new(length)), Arc::new(AtomicBool::new(false)));
    let (pause, mut workers) = (Pause::default(), JoinSet::new());
    for worker in 0..WORKERS {
        let proxy = Proxy::start(scene.server.address, other.address).await?;
        let client = || scene.client().pool(Scene::pool(4)).mux((worker % 2) as usize);
        let (client, peaceful) = (client().build(), client().address(peaceful.address).build());
        let address = scene.server.address;
        workers.spawn(misbehave(
            client,
            peaceful,
            address,
            worker,
            tally.clone(),
            pause.clone(),
            stop.clone(),
        ));
        workers.spawn(disturb(proxy, worker, tally.clone(), pause.clone(), stop.clone()));
    }
    let (start, mut heaps) = (Instant::now(), [Vec::new(), Vec::new()]);
    for look in 1..=LOOKS {
        let due = start + length * look / LOOKS - REST;
        tokio::time::sleep_until(due.into()).await;
        let _all_rest = pause.write().await;
        tokio::time::sleep(REST).await;
        if look > LOOKS / 5 {
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
    let slowdown = slowdown(&tally.harmed, &tally.peaceful, report);
    report.at_most("soak", "p99 of the end against the start", slowdown, SLOWER_MAX);
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
        Tally {
            calls: Counter::default(),
            faults: Counter::default(),
            wrong: Counter::default(),
            failed: Counter::default(),
            panics: Counter::default(),
            harmed: Latencies::new(length),
            peaceful: Latencies::new(length),
        }
    }
}

/// How long calls took, in each slice of the run.
///
/// Bounded, so that it doesn't grow with the calls: a count for each step of a scale on which 16 steps are a doubling.
struct Latencies {
    start: Instant,
    slice: Duration,
    counts: Vec<Vec<Counter>>,
}

/// Slices of the run; a fifth of them is to warm up.
const SLICES: usize = 50;

/// Slices that are the start of the run after warming up, and its end; a minute each of a run of ten.
const WINDOW: usize = SLICES / 10;

/// Steps of the scale, which begins at a microsecond.
const STEPS: usize = 16 * 28;

impl Latencies {
    fn new(length: Duration) -> Self {
        let steps = || std::iter::repeat_with(Counter::default).take(STEPS).collect();
        let counts = std::iter::repeat_with(steps).take(SLICES).collect();
        Latencies { start: Instant::now(), slice: length / SLICES as u32, counts }
    }

    /// Counts a call that was made then.
    fn add(&self, sent: Instant) {
        let slice = (sent - self.start).as_nanos() / self.slice.as_nanos().max(1);
        let step = ((sent.elapsed().as_secs_f64() * 1e6).max(1.0).log2() * 16.0) as usize;
        if let Some(counts) = self.counts.get(slice as usize) {
            counts[step.min(STEPS - 1)].count();
        }
    }

    /// The 99th percentile of a slice in milliseconds.
    fn p99(&self, slice: usize) -> f64 {
        let counts = &self.counts[slice];
        let all: u64 = counts.iter().map(Counter::get).sum();
        let mut seen = 0;
        let step = counts.iter().position(|count| {
            seen += count.get();
            all > 0 && seen * 100 >= all * 99
        });
        step.map_or(f64::NAN, |step| ((step + 1) as f64 / 16.0).exp2() / 1000.0)
    }
}

/// Tells how fast calls were at the start and at the end; gives how much slower than those of a server in peace they
/// became. Both are made in turn, so that whatever else the machine does meets both.
fn slowdown(harmed: &Latencies, peaceful: &Latencies, report: &mut Report) -> f64 {
    let over =
        |slices: std::ops::Range<usize>, figure: &dyn Fn(usize) -> f64| median(slices.map(figure).collect());
    let (start, end) = (SLICES / 5..SLICES / 5 + WINDOW, SLICES - WINDOW..SLICES);
    for (case, latencies) in [("soak", harmed), ("server in peace", peaceful)] {
        report.tell(case, "p99 of the start, ms", over(start.clone(), &|slice| latencies.p99(slice)));
        report.tell(case, "p99 of the end, ms", over(end.clone(), &|slice| latencies.p99(slice)));
    }
    let relative = |slice| harmed.p99(slice) / peaceful.p99(slice);
    over(end, &relative) / over(start, &relative)
}

/// Calls of which a third is what no caller should do; the others must be answered.
async fn misbehave(
    client: TortureServiceClient,
    peaceful: TortureServiceClient,
    address: SocketAddr,
    worker: u64,
    tally: Arc<Tally>,
    pause: Pause,
    stop: Arc<AtomicBool>,
) {
    let mut random = Random::new(worker);
    while !stop.load(Relaxed) {
        let _turn = pause.read().await;
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
        let sent = Instant::now();
        if peaceful.perhaps(number, 0).await.is_ok() {
            tally.peaceful.add(sent);
        }
    }
}

/// One of the things that go wrong.
async fn go_wrong(client: &TortureServiceClient, address: SocketAddr, random: &mut Random, tally: &Tally) {
    let short = Duration::from_micros(random.below(2000));
    match random.below(6) {
        how @ 0..2 => match client.perhaps(1, [role::PANIC, role::PANIC_LATER][how as usize]).await {
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
async fn disturb(proxy: Proxy, worker: u64, tally: Arc<Tally>, pause: Pause, stop: Arc<AtomicBool>) {
    let client: TortureServiceClient = ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(proxy.address)
        .rpc_timeout(Duration::from_millis(100))
        .connect_timeout(Duration::from_secs(2))
        .checksums()
        .pool(Scene::pool(4))
        .mux((worker % 2) as usize)
        .build();
    let mut random = Random::new(worker);
    while !stop.load(Relaxed) {
        let _turn = pause.read().await;
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
