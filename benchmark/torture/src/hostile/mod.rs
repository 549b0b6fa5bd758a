//! Bytes made to hurt: every input has the one outcome that its row states, and costs next to nothing.
//!
//! The rows are data: [`bodies`] are arguments that lie, sent in every framing; [`streams`] are bytes that are no
//! messages; [`replies`] are what a hostile server sends to a client, [`adverts`] what it claims to be.

mod adverts;
mod bodies;
mod bytes;
mod replies;
mod streams;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
};

const MEBIBYTE: u64 = 1 << 20;

/// How long a server of this suite waits for the rest of a frame. Longer than any input takes to be sent.
const FRAME_TIMEOUT: Duration = Duration::from_millis(1500);

/// The sequence id of the good call behind each input.
const PROBE: i32 = 0x77;

/// One input.
pub struct Row {
    /// What it is.
    pub name: String,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What must come of it: the answer, and whether the connection is kept.
    pub expected: &'static str,
    /// Whether a good call follows without waiting, as there will be no answer.
    pub quiet: bool,
    /// How many answers there must be, one like the other.
    pub answers: usize,
    /// Bytes of heap that the server may take for it.
    pub heap_max: u64,
}

impl Row {
    /// An input of no more than usual cost.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>, expected: &'static str) -> Self {
        let heap_max = MEBIBYTE / 4 + 4 * bytes.len() as u64;
        let quiet = expected.starts_with("nothing, kept");
        Row { name: name.into(), bytes, expected, quiet, answers: 1, heap_max }
    }

    /// The same input so many times in a row. As many calls as may be under way take up to 2 KiB each.
    pub fn times(self, times: usize) -> Self {
        let answers = if self.quiet { 1 } else { times };
        Row { bytes: self.bytes.repeat(times), answers, heap_max: self.heap_max + 2 * MEBIBYTE, ..self }
    }
}

/// Runs the suite so many times over.
pub async fn run(rounds: u64, report: &mut Report) -> Result<(), BoxError> {
    for _ in 0..rounds {
        against_server(report).await?;
        replies::against_client(report).await?;
        adverts::against_client(report).await?;
    }
    Ok(())
}

async fn against_server(report: &mut Report) -> Result<(), BoxError> {
    let timeout = FRAME_TIMEOUT.as_millis();
    let settings = [format!("header_timeout_ms={timeout}"), format!("frame_timeout_ms={timeout}")];
    let mut server = Server::start(&settings.each_ref().map(String::as_str))?;
    let bystander = Bystander::start(server.address);
    let (before, rest) = (server.meter()?, server.rest()?);
    let mut rows = streams::rows();
    rows.extend(bodies::rows());
    let (count, mut heaviest) = (rows.len() as u64, 0.0_f64);
    for row in rows {
        let mark = server.mark()?;
        let outcome = provoke(server.address, &row).await?;
        report.equal(&row.name, "outcome", outcome, row.expected.to_owned());
        let growth = server.meter()?.peak - mark.live;
        heaviest = heaviest.max(growth as f64 / row.heap_max as f64);
        if growth > row.heap_max || row.bytes.len() as u64 > MEBIBYTE {
            report.at_most(&row.name, "heap bytes", growth, row.heap_max);
        }
    }
    report.at_most("all inputs to a server", "heap of an input, of what it may take", heaviest, 1.0);
    report.at_least("all inputs to a server", "inputs", count, 150);
    let (calls, failed, slowest) = bystander.stop().await?;
    report.at_least("another connection", "calls answered", calls - failed, 1);
    report.equal("another connection", "calls failed", failed, 0);
    report.at_most("another connection", "slowest call, ms", slowest, Duration::from_secs(1));
    let (after, left) = server.settle(rest).await?;
    report.equal("all inputs to a server", "panics", after.panics, 0);
    report.at_most("all inputs to a server", "tasks left", left.tasks, rest.tasks);
    report.at_most("all inputs to a server", "descriptors left", left.descriptors, rest.descriptors);
    report.at_most(
        "all inputs to a server",
        "heap bytes left",
        after.live.saturating_sub(before.live),
        MEBIBYTE,
    );
    report.tell("all inputs to a server", "resident bytes", server.resident()?);
    Ok(())
}

/// Sends a row's bytes and says in a few words what comes of it.
async fn provoke(address: SocketAddr, row: &Row) -> Result<String, BoxError> {
    let mut peer = Peer::connect(address).await?;
    let start = Instant::now();
    let good = framed(&echo(PROBE, "alive"));
    peer.send(&row.bytes).await;
    if row.quiet {
        peer.send(&good).await;
    }
    let answer = peer.answer(FRAME_TIMEOUT * 3).await;
    for number in 1..row.answers {
        let further = peer.answer(FRAME_TIMEOUT * 3).await;
        if further != answer {
            return Ok(format!("answer {number} was {further:?} instead of {answer:?}"));
        }
    }
    let told = match answer {
        Answer::Reply(PROBE) if row.quiet => return Ok("nothing, kept".to_owned()),
        Answer::Reply(_) => "reply".to_owned(),
        Answer::Exception(kind, _) => format!("exception {kind}"),
        Answer::Foreign(name) => {
            let end = if peer.is_ended(FRAME_TIMEOUT).await { "closed" } else { "hangs" };
            return Ok(format!("{name}, {end}"));
        }
        Answer::End if start.elapsed() >= FRAME_TIMEOUT => return Ok("nothing, timed out".to_owned()),
        Answer::End => return Ok("nothing, closed".to_owned()),
        Answer::Silence => return Ok("nothing, hangs".to_owned()),
    };
    peer.send(&good).await;
    Ok(match peer.answer(FRAME_TIMEOUT * 3).await {
        Answer::Reply(PROBE) => format!("{told}, kept"),
        Answer::End => format!("{told}, closed"),
        Answer::Silence => format!("{told}, hangs"),
        other => format!("{told}, then {other:?}"),
    })
}

/// Somebody who just makes calls, one after the other, and must not notice anything.
struct Bystander {
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<Result<(u64, Duration), BoxError>>,
}

impl Bystander {
    fn start(address: SocketAddr) -> Self {
        let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn(watch(address, stop.clone(), failed.clone()));
        Bystander { stop, failed, task }
    }

    /// Calls made, calls failed, and the slowest one.
    async fn stop(self) -> Result<(u64, u64, Duration), BoxError> {
        self.stop.store(true, Relaxed);
        let (calls, slowest) = self.task.await??;
        Ok((calls, self.failed.load(Relaxed), slowest))
    }
}

async fn watch(
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicU64>,
) -> Result<(u64, Duration), BoxError> {
    let mut peer = Peer::connect(address).await?;
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    while !stop.load(Relaxed) {
        let start = Instant::now();
        let id = 1 + calls as i32;
        peer.send(&framed(&echo(id, "bystander"))).await;
        if peer.answer(Duration::from_secs(10)).await != Answer::Reply(id) {
            failed.fetch_add(1, Relaxed);
            peer = Peer::connect(address).await?;
        }
        calls += 1;
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((calls, slowest))
}
