//! Many connections: idle ones cost little, active ones cost no throughput, and a storm of new ones harms nobody.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use volo_core::BoxError;

use crate::{
    peer::{Answer, ECHOED, Peer, echo, framed},
    process::Server,
    report::Report,
    scene::{Counter, Scene},
};

/// New connections per second in the storm.
const STORM_RATE: u64 = 5000;

/// Bytes of heap that an idle connection may take.
const IDLE_MAX: u64 = 12 << 10;

/// Active connections of the full size.
const MANY: u64 = 1000;

/// Connections whose throughput is the measure for that of many.
const FEW: u64 = 64;

/// The part of that throughput that many connections must reach.
const THROUGHPUT_MIN: f64 = 0.9;

/// Pairs of measurements of few and of many.
const ROUNDS: usize = 15;

/// How long each measurement takes, behind as long again to get going.
const ROUND: Duration = Duration::from_millis(150);

/// Runs the suite with so many idle connections, a tenth of them active, and a storm of a second per thousand.
pub async fn run(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    idle(connections, report).await?;
    active(connections / 10, report).await?;
    storm(connections / 1000, report).await
}

async fn idle(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut scene = Scene::start(&[])?;
    let server = &mut scene.server;
    let (before, resident) = (server.meter()?.live, server.resident()?);
    let mut peers = Vec::new();
    for number in 0..connections {
        peers.push(Peer::connect_from(number as u32, server.address).await?);
    }
    let mut served = 0;
    for peer in &mut peers {
        peer.send(&framed(&echo(8, "hello"))).await;
        served += u64::from(peer.answer(Duration::from_secs(5)).await == Answer::Reply(8));
    }
    let each = |bytes: u64| bytes / connections.max(1);
    report.equal("idle", "connections served", served, connections);
    report.at_most("idle", "heap bytes per connection", each(server.meter()?.live - before), IDLE_MAX);
    let resident = server.resident()?.saturating_sub(resident);
    report.tell("idle", "resident bytes per connection", each(resident));
    drop(peers);
    scene.end("idle", 0, report).await
}

/// Many active connections against few.
///
/// The sockets of many connections cost the machine more than those of few, whoever serves them; so a plain loop over
/// sockets is measured beside our server, and ours is judged by what it adds. Other work on the machine changes from
/// one moment to the next: all are measured in turn, there and back. Below the full size it is processor time that is
/// judged, because throughput says little on a busy machine.
async fn active(connections: u64, report: &mut Report) -> Result<(), BoxError> {
    let plain = Server::plain()?;
    let scene = Scene::start(&[])?;
    let mut crowds = Vec::new();
    for server in [&scene.server, &plain] {
        crowds.push(Crowd::gather(FEW, server).await?);
        crowds.push(Crowd::gather(connections, server).await?);
    }
    let servers = [&scene.server, &scene.server, &plain, &plain];
    let mut sums = [Pace::default(); 4];
    for round in 0..ROUNDS {
        for step in 0..sums.len() {
            let at = if round % 2 == 0 { step } else { sums.len() - 1 - step };
            sums[at].add(crowds[at].pace(servers[at]).await?);
        }
    }
    let [few, many, plain_few, plain_many] = sums;
    let times = (many.time() / few.time(), plain_many.time() / plain_few.time());
    let rates = (many.rate() / few.rate(), plain_many.rate() / plain_few.rate());
    report.tell("active", "calls/s of 64 connections", few.rate());
    report.tell("active", "throughput against 64", rates.0);
    report.tell("plain sockets", "throughput against 64", rates.1);
    report.tell("active", "processor time per call against 64", times.0);
    report.tell("plain sockets", "processor time per call against 64", times.1);
    let (time, rate) = (times.0 / times.1.max(1.0), rates.0 / rates.1.min(1.0));
    let names = ["processor time against 64, of plain sockets", "throughput against 64, of plain sockets"];
    if connections < MANY {
        report.at_most("active", names[0], time, 1.0 / THROUGHPUT_MIN);
        report.tell("active", names[1], rate);
    } else {
        report.tell("active", names[0], time);
        report.at_least("active", names[1], rate, THROUGHPUT_MIN);
    }
    let mut failed = 0;
    for crowd in crowds {
        failed += crowd.leave().await?;
    }
    report.equal("active", "connections that failed", failed, 0);
    scene.end("active", 0, report).await
}

/// Connections that call one after the other while they are told to.
struct Crowd {
    tasks: JoinSet<std::io::Result<()>>,
    go: tokio::sync::watch::Sender<bool>,
    calls: Arc<Counter>,
}

/// What a crowd got done.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    calls: f64,
    seconds: f64,
    /// Seconds of the server's processors.
    processor: f64,
}

impl Pace {
    fn add(&mut self, other: Pace) {
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.processor += other.processor;
    }

    /// Calls per second.
    fn rate(self) -> f64 {
        self.calls / self.seconds
    }

    /// The server's processor time per call.
    fn time(self) -> f64 {
        self.processor / self.calls
    }
}

impl Crowd {
    async fn gather(connections: u64, server: &Server) -> Result<Self, BoxError> {
        let (go, ready) = tokio::sync::watch::channel(false);
        let (calls, mut tasks) = (Arc::new(Counter::default()), JoinSet::new());
        for number in 0..connections {
            let stream = Peer::connect_from(number as u32, server.address).await?.into_stream();
            tasks.spawn(call_while(ready.clone(), stream, calls.clone()));
        }
        Ok(Crowd { tasks, go, calls })
    }

    /// Lets all of them call for a while.
    async fn pace(&self, server: &Server) -> Result<Pace, BoxError> {
        self.go.send(true)?;
        tokio::time::sleep(ROUND).await;
        let (start, calls, time) = (Instant::now(), self.calls.get(), server.processor_time()?);
        tokio::time::sleep(ROUND).await;
        let (took, calls) = (start.elapsed(), (self.calls.get() - calls) as f64);
        let time = server.processor_time()? - time;
        self.go.send(false)?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Pace { calls, seconds: took.as_secs_f64(), processor: time.as_secs_f64() })
    }

    /// Ends it; how many of the connections failed.
    async fn leave(self) -> Result<u64, BoxError> {
        let (mut tasks, mut failed) = (self.tasks, 0);
        drop(self.go);
        while let Some(done) = tasks.join_next().await {
            failed += u64::from(done?.is_err());
        }
        Ok(failed)
    }
}

/// As plain as can be, so that it is the server that is measured: the answers are all equal.
async fn call_while(
    mut go: tokio::sync::watch::Receiver<bool>,
    mut stream: TcpStream,
    calls: Arc<Counter>,
) -> std::io::Result<()> {
    let call = framed(&echo(7, "hello"));
    let mut answer = vec![0; framed(ECHOED).len()];
    while go.wait_for(|go| *go).await.is_ok() {
        while *go.borrow() {
            stream.write_all(&call).await?;
            stream.read_exact(&mut answer).await?;
            if !answer.ends_with(ECHOED) {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            calls.count();
        }
    }
    Ok(())
}

/// New connections at a fixed rate, each closed after a call, while one old connection goes on calling.
async fn storm(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let scene = Scene::start(&[])?;
    let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(Counter::default()));
    let (start, address) = (Instant::now(), scene.server.address);
    let old = Old::start(address, stop.clone());
    let mut tasks = JoinSet::new();
    let total = STORM_RATE * seconds;
    let time = scene.server.processor_time()?;
    for number in 0..total {
        let due = start + Duration::from_nanos(1_000_000_000 / STORM_RATE * number);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        let failed = failed.clone();
        tasks.spawn(async move {
            if !connect_and_call(number as u32, address).await {
                failed.count();
            }
        });
        while tasks.try_join_next().is_some() {}
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    while tasks.join_next().await.is_some() {}
    let time = (scene.server.processor_time()? - time).as_secs_f64() / total as f64;
    stop.store(true, Relaxed);
    let old = old.join().map_err(|_| "the old connection's thread panicked")??;
    report.at_least("storm", "new connections/s", rate, STORM_RATE as f64 * 0.95);
    report.equal("storm", "new connections that failed", failed.get(), 0);
    report.tell("storm", "server's processor time per connection, us", time * 1e6);
    report.at_least("storm", "calls of an old connection", old.calls, 10 * seconds);
    report.equal("storm", "of these failed", old.failed, 0);
    report.tell("storm", "slowest of these, ms", old.slowest);
    scene.end("storm", 0, report).await
}

async fn connect_and_call(number: u32, address: SocketAddr) -> bool {
    let Ok(mut peer) = Peer::connect_from(number, address).await else { return false };
    peer.send(&framed(&echo(7, "hello"))).await;
    peer.answer(Duration::from_secs(5)).await == Answer::Reply(7)
}

/// What became of the calls of a connection that was there before the storm.
#[derive(Default)]
struct Old {
    calls: u64,
    failed: u64,
    slowest: Duration,
}

impl Old {
    /// Calls from a thread of its own, which doesn't wait for those that make the storm.
    fn start(
        address: SocketAddr,
        stop: Arc<AtomicBool>,
    ) -> std::thread::JoinHandle<Result<Old, std::io::Error>> {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(Old::default().call_until(address, stop)).map_err(std::io::Error::other)
        })
    }

    async fn call_until(mut self, address: SocketAddr, stop: Arc<AtomicBool>) -> Result<Old, BoxError> {
        let mut peer = Peer::connect(address).await?;
        while !stop.load(Relaxed) {
            let start = Instant::now();
            peer.send(&framed(&echo(9, "old"))).await;
            if peer.answer(Duration::from_secs(5)).await != Answer::Reply(9) {
                self.failed += 1;
                peer = Peer::connect(address).await?;
            }
            self.calls += 1;
            self.slowest = self.slowest.max(start.elapsed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(self)
    }
}
