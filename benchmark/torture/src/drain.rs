//! Shutdowns under load: what the server read is answered, idle connections cost no time, nobody new gets in.
//!
//! A call counts as accepted when the server executed its handler; clients that speak TTHeader are told of calls that
//! were not, so they lose none at all.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, task::JoinSet};
use volo_core::{BoxError, ErrorKind, Retry};
use volo_thrift::{ClientBuilder, ClientError, client::Governance};

use crate::{idl::TortureServiceClient, peer::Peer, process::Server, report::Report};

const WORKERS: u64 = 8;

/// How long an idle server may take to end.
const IDLE_EXIT: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Tally {
    /// Calls that were answered.
    answered: AtomicU64,
    /// Calls that failed in a way that lets nobody know whether they were executed.
    lost: AtomicU64,
    /// Calls that may safely be sent again.
    safe: AtomicU64,
}

/// Runs the suite with so many shutdowns.
pub async fn run(shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    idle(shutdowns.div_ceil(20), report).await?;
    for mode in ["ttheader", "mux", "framed"] {
        loaded(mode, shutdowns.div_ceil(3), report).await?;
    }
    Ok(())
}

/// Servers with connections that do nothing.
async fn idle(shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    let (mut slowest, mut refused) = (Duration::ZERO, 0);
    for _ in 0..shutdowns {
        let mut server = Server::start(&[])?;
        let mut peers = Vec::new();
        for _ in 0..10 {
            peers.push(Peer::connect(server.address).await?);
        }
        server.meter()?;
        let start = Instant::now();
        server.terminate()?;
        let (_, well) = server.ended(Duration::from_secs(10)).await?;
        slowest = slowest.max(start.elapsed());
        refused += u64::from(well && TcpStream::connect(server.address).await.is_err());
    }
    report.at_most("idle", "slowest exit, ms", slowest, IDLE_EXIT);
    report.equal("idle", "clean exits", refused, shutdowns);
    Ok(())
}

/// Servers with calls under way.
async fn loaded(mode: &str, shutdowns: u64, report: &mut Report) -> Result<(), BoxError> {
    let (mut lost, mut answered, mut safe, mut unclean, mut late) = (0, 0, 0, 0, 0);
    let mut slowest = Duration::ZERO;
    for _ in 0..shutdowns {
        let mut server = Server::start(&[])?;
        let (tally, stop) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
        let client = client(mode, server.address);
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            workers.spawn(work(client.clone(), worker as i64, tally.clone(), stop.clone()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.terminate()?;
        let start = Instant::now();
        let newcomers = tokio::spawn(newcomers(server.address, stop.clone()));
        let (_, well) = server.ended(Duration::from_secs(20)).await?;
        slowest = slowest.max(start.elapsed());
        stop.store(true, Relaxed);
        while workers.join_next().await.is_some() {}
        late += newcomers.await?;
        unclean += u64::from(!well);
        lost += tally.lost.load(Relaxed);
        answered += tally.answered.load(Relaxed);
        safe += tally.safe.load(Relaxed);
    }
    report.tell(mode, "calls answered", answered);
    report.tell(mode, "calls told not executed", safe);
    report.tell(mode, "slowest exit, ms", slowest);
    report.at_least(mode, "calls answered per shutdown", answered / shutdowns.max(1), WORKERS);
    report.equal(mode, "unclean exits", unclean, 0);
    report.equal(mode, "newcomers served after the first refusal", late, 0);
    // Without a header, a call that met the end of the connection can't be told from one that was read.
    if mode == "framed" {
        report.tell(mode, "calls of unknown fate", lost);
    } else {
        report.equal(mode, "calls lost", lost, 0);
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

async fn work(client: TortureServiceClient, worker: i64, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
    let mut number = worker;
    while !stop.load(Relaxed) {
        number += WORKERS as i64;
        let result =
            if number % 3 == 0 { client.later(number, 3).await } else { client.perhaps(number, 0).await };
        match result {
            Ok(answer) if answer == number => {
                tally.answered.fetch_add(1, Relaxed);
            }
            Err(error) if is_safe(&error) => {
                tally.safe.fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            other => {
                if tally.lost.fetch_add(1, Relaxed) == 0 {
                    print_first(&other);
                }
            }
        }
    }
}

fn print_first(result: &Result<i64, ClientError>) {
    if let Err(error) = result {
        let cause = std::error::Error::source(error).and_then(std::error::Error::source);
        eprintln!("drain: {error} ({})", cause.map(ToString::to_string).unwrap_or_default());
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

/// Tries to get in all the time; how many were let in after one had been refused.
async fn newcomers(address: SocketAddr, stop: Arc<AtomicBool>) -> u64 {
    let (mut refused, mut late) = (false, 0);
    while !stop.load(Relaxed) {
        match TcpStream::connect(address).await {
            Ok(_) if refused => late += 1,
            Ok(_) => {}
            Err(_) => refused = true,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    late
}
