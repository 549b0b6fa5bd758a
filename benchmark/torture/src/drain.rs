//! Shutdowns: what the server read is answered, idle connections cost no time, nobody new gets in.
//!
//! A call counts as accepted when the server executed its handler: as many answers must have come as handlers ran to
//! their end. Clients that speak TTHeader are told of calls that were not executed, so they lose none at all.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, task::JoinHandle};
use volo_core::{BoxError, ErrorKind, Retry};
use volo_thrift::{ClientBuilder, ClientError, client::Governance};

use crate::{
    cancel::describe,
    idl::TortureServiceClient,
    meter::Meter,
    peer::{Peer, echo, framed},
    process::Server,
    report::Report,
    scene::{Counter, together},
};

const MODES: [&str; 3] = ["ttheader", "mux", "framed"];

const WORKERS: u64 = 8;

/// How long an idle server may take to end, and a busy one to refuse new connections.
const AT_ONCE: Duration = Duration::from_millis(200);

/// How long the call takes that a busy server has to finish.
const LONG_CALL: Duration = Duration::from_millis(600);

/// Runs the suite with so many shutdowns under load, and a few others.
pub async fn run(shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    idle(shutdowns.div_ceil(20).max(9), report).await?;
    for mode in MODES {
        busy(mode, shutdowns.div_ceil(100).max(3), report).await?;
        loaded(mode, shutdowns.div_ceil(3), report).await?;
    }
    Ok(())
}

/// Servers with connections that do nothing.
async fn idle(shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    let (mut times, mut refused) = (Vec::new(), 0);
    for _ in 0..shutdowns {
        let mut server = Server::start(&[])?;
        let mut peers = Vec::new();
        for _ in 0..10 {
            let mut peer = Peer::connect(server.address).await?;
            peer.send(&framed(&echo(7, "hello"))).await;
            peer.answer(Duration::from_secs(5)).await;
            peers.push(peer);
        }
        server.terminate()?;
        let (took, well) = server.ended(Duration::from_secs(10)).await?;
        times.push(took);
        refused += u64::from(well && TcpStream::connect(server.address).await.is_err());
    }
    times.sort();
    report.at_most("idle", "exit, ms (median)", times[times.len() / 2], AT_ONCE);
    report.tell("idle", "slowest exit, ms", times[times.len() - 1]);
    report.equal("idle", "clean exits", refused, shutdowns);
    Ok(())
}

/// Servers in the middle of a long call: it is finished, while newcomers are refused.
async fn busy(mode: &str, shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    let (mut answered, mut until_refused, mut clean) = (0, Vec::new(), 0);
    for _ in 0..shutdowns {
        let mut server = Server::start(&[])?;
        let client = client(mode, server.address);
        client.perhaps(1, 0).await?;
        let call = tokio::spawn(async move { client.later(7, LONG_CALL.as_millis() as i32).await });
        while server.meter()?.started == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.terminate()?;
        let start = Instant::now();
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        until_refused.push(start.elapsed());
        answered += u64::from(call.await?.is_ok_and(|answer| answer == 7));
        let (_, well) = server.ended(Duration::from_secs(20)).await?;
        clean += u64::from(well);
    }
    let case = format!("{mode}, in a call");
    until_refused.sort();
    report.equal(&case, "calls answered", answered, shutdowns);
    report.at_most(&case, "newcomers refused after, ms", until_refused[until_refused.len() / 2], AT_ONCE);
    report.equal(&case, "clean exits", clean, shutdowns);
    Ok(())
}

/// What became of the calls of all shutdowns of a mode.
#[derive(Default)]
struct Tally {
    /// Calls that were answered.
    answered: Counter,
    /// Calls that failed in a way that lets nobody know whether they were executed.
    lost: Counter,
    /// Calls that may safely be sent again.
    safe: Counter,
    /// Newcomers that were let in after one had been refused.
    late: Counter,
}

/// Servers with calls under way.
async fn loaded(mode: &'static str, shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    let (mut executed, mut clean, tally) = (0, 0, Arc::new(Tally::default()));
    for _ in 0..shutdowns {
        let mut server = Server::start(&[])?;
        let (stop, before) = (Arc::new(AtomicBool::new(false)), tally.answered.get());
        let workers = start_workers(mode, server.address, &tally, &stop);
        while tally.answered.get() < before + 10 * WORKERS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.terminate()?;
        let newcomers = tokio::spawn(newcomers(server.address, tally.clone(), stop.clone()));
        let (_, well) = server.ended(Duration::from_secs(20)).await?;
        stop.store(true, Relaxed);
        workers.await??;
        newcomers.await?;
        clean += u64::from(well);
        executed += Meter::parse(&server.line()?).ok_or("no figures of an ended server")?.executed;
    }
    report.tell(mode, "calls answered", tally.answered.get());
    report.tell(mode, "calls told not executed", tally.safe.get());
    // What was answered is less than what was executed by just the answers that were lost.
    report.equal(mode, "answers to executed calls", tally.answered.get(), executed);
    report.equal(mode, "clean exits", clean, shutdowns);
    report.equal(mode, "newcomers let in after the first refusal", tally.late.get(), 0);
    // Without a header, a call that met the end of the connection can't be told from one that was read.
    if mode == "framed" {
        report.tell(mode, "calls whose fate the client can't know", tally.lost.get());
    } else {
        report.equal(mode, "calls whose fate the client can't know", tally.lost.get(), 0);
    }
    Ok(())
}

fn client(mode: &str, address: SocketAddr) -> TortureServiceClient {
    let builder = ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(address)
        .rpc_timeout(Duration::from_secs(5))
        .connect_timeout(Duration::from_secs(2));
    match mode {
        "mux" => builder.mux(1).build(),
        "framed" => builder.framed().build(),
        _ => builder.build(),
    }
}

fn start_workers(
    mode: &'static str,
    address: SocketAddr,
    tally: &Arc<Tally>,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<Result<(), BoxError>> {
    let (client, tally, stop) = (client(mode, address), tally.clone(), stop.clone());
    tokio::spawn(async move {
        together(WORKERS, |worker| work(mode, client.clone(), worker as i64, tally.clone(), stop.clone()))
            .await
            .map(|_| ())
    })
}

async fn work(
    mode: &'static str,
    client: TortureServiceClient,
    worker: i64,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
) {
    let mut number = worker;
    while !stop.load(Relaxed) {
        number += WORKERS as i64;
        let result =
            if number % 3 == 0 { client.later(number, 3).await } else { client.perhaps(number, 0).await };
        match result {
            Ok(answer) if answer == number => tally.answered.count(),
            Err(error) if is_safe(&error) => {
                tally.safe.count();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            other => {
                if tally.lost.get() == 0 && mode != "framed" {
                    eprintln!(
                        "drain, {mode}: {}",
                        other.map_or_else(|error| describe(&error), |_| "wrong".into())
                    );
                }
                tally.lost.count();
            }
        }
    }
}

/// Whether the error vouches that the call was not executed.
fn is_safe(error: &ClientError) -> bool {
    match error {
        ClientError::Rpc(error) => error.retry() == Retry::Always || error.kind() == ErrorKind::Connect,
        ClientError::Application(exception) => exception.is_not_executed(),
        _ => false,
    }
}

/// Tries to get in all the time.
async fn newcomers(address: SocketAddr, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
    let mut refused = false;
    while !stop.load(Relaxed) {
        match TcpStream::connect(address).await {
            Ok(_) if refused => tally.late.count(),
            Ok(_) => {}
            Err(_) => refused = true,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
