//! Calls through shared memory while processes stop, callers leave, and sessions come and go.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use volo_core::{BoxError, net};

use super::{IS_SANITIZED, Server};
use crate::{process::Process, random::Random, report::Report, scene::together};

/// Sessions that are opened and closed, and those that idle at a time.
const SESSIONS: u64 = 1000;
const IDLE: u64 = 100;

/// Runs all cases.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    stopped_server(report).await?;
    stopped_within_calls(report).await?;
    stopped_client(report).await?;
    sessions(report).await?;
    idle_sessions(report).await?;
    cancelled_calls(report).await?;
    crowded_session(report).await?;
    held_replies(report).await
}

/// SIGSTOP of the server: calls end at their deadlines, late replies harm nobody.
async fn stopped_server(report: &mut Report) -> Result<(), BoxError> {
    let case = "server stopped";
    let mut server = Server::start("stopped")?;
    let client = server.client().rpc_timeout(Duration::from_millis(300)).build();
    client.echo("before".into()).await?;
    server.process.signal("STOP")?;
    let mut in_time = 0;
    for _ in 0..5 {
        let call = Instant::now();
        let ended = timeout(Duration::from_secs(5), client.big(100_000)).await;
        in_time +=
            u64::from(ended.is_ok_and(|reply| reply.is_err()) && call.elapsed() < Duration::from_secs(2));
    }
    server.process.signal("CONT")?;
    report.equal(case, "calls that end at their deadline", in_time, 5);
    let mut right = 0;
    let patience = Instant::now();
    while right < 100 && patience.elapsed() < Duration::from_secs(10) {
        let text = format!("number {right}");
        right += u64::from(client.echo(text.clone().into()).await.is_ok_and(|reply| reply == text));
    }
    report.equal(case, "right answers afterwards", right, 100);
    drop(client);
    server.end(case, report).await
}

/// SIGSTOP of the server while it has calls, which goes on before their deadlines.
async fn stopped_within_calls(report: &mut Report) -> Result<(), BoxError> {
    let case = "server stopped, goes on in time";
    let mut server = Server::start("paused")?;
    let client = server.client().mux(1).build();
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.later(number, 100).await.is_ok_and(|reply| reply == number) })
        })
        .collect();
    while server.process.meter()?.started < 100 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.process.signal("STOP")?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.process.signal("CONT")?;
    let mut right = 0;
    for call in calls {
        right += u64::from(call.await?);
    }
    report.equal(case, "right answers", right, 100);
    drop(client);
    server.end(case, report).await
}

/// SIGSTOP of a client that is flooded with replies: others don't notice, and it goes on afterwards.
async fn stopped_client(report: &mut Report) -> Result<(), BoxError> {
    let case = "client stopped";
    let mut server = Server::start("sleeper")?;
    let mut flood = server.caller()?;
    flood.ask("call mux flood")?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    flood.signal("STOP")?;
    let client = server.client().build();
    let mut right = 0;
    for number in 0..1000 {
        let text = format!("number {number}");
        right += u64::from(client.echo(text.clone().into()).await.is_ok_and(|reply| reply == text));
    }
    report.equal(case, "right answers to another", right, 1000);
    flood.signal("CONT")?;
    let (mut goes_on, start) = (0, Instant::now());
    while goes_on == 0 && start.elapsed() < Duration::from_secs(20) {
        goes_on = u64::from(flood.ask("call mux echo")? == "ok");
    }
    report.equal(case, "calls of its own afterwards", goes_on, 1);
    drop((flood, client));
    server.end(case, report).await
}

/// Sessions opened and closed.
async fn sessions(report: &mut Report) -> Result<(), BoxError> {
    let case = "sessions opened and closed";
    let mut server = Server::start("sessions")?;
    let resident = server.process.resident()?;
    for _ in 0..SESSIONS / IDLE {
        let links = open(&server, IDLE).await?;
        drop(links);
    }
    server.end(case, report).await?;
    let more = server.process.resident()?.saturating_sub(resident) >> 20;
    if !IS_SANITIZED {
        report.at_most(case, "more resident memory, MiB", more, 16u64);
    }
    Ok(())
}

async fn open(server: &Server, count: u64) -> Result<Vec<Box<dyn net::Link>>, BoxError> {
    let mut links = Vec::new();
    for _ in 0..count {
        let mut options = net::ConnectOptions::default();
        options.connect_timeout = Duration::from_secs(5);
        links.push(net::connect(&server.address(), &options).await?);
    }
    Ok(links)
}

/// Sessions on which nothing happens.
async fn idle_sessions(report: &mut Report) -> Result<(), BoxError> {
    let case = "idle sessions";
    let mut server = Server::start("idle")?;
    let links = open(&server, IDLE).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = server.process.processor_time()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = server.process.processor_time()? - before;
    report.at_most(case, "processor time per second, ms", used, Duration::from_millis(20));
    let memory = memory_of(&server.process)? / IDLE;
    report.at_most(case, "memory per session, both ends, KiB", (2 * memory) >> 10, 1024u64);
    drop(links);
    server.end(case, report).await
}

/// Memory there is in the shared files that a process holds open.
fn memory_of(process: &Process) -> Result<u64, BoxError> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(format!("/proc/{}/fd", process.id()))? {
        let path = entry?.path();
        if std::fs::read_link(&path).is_ok_and(|target| target.to_string_lossy().contains("memfd:volo-shm")) {
            bytes += std::fs::metadata(&path)?.blocks() * 512;
        }
    }
    Ok(bytes)
}

/// Calls dropped before, while and after their replies arrive.
async fn cancelled_calls(report: &mut Report) -> Result<(), BoxError> {
    let case = "calls cancelled";
    let mut server = Server::start("cancelled")?;
    let client = server.client().mux(1).build();
    let wrong = together(16, |worker| {
        let (client, mut random) = (client.clone(), Random::new(worker));
        async move {
            let mut wrong = 0;
            for number in 0..500 {
                let patience = Duration::from_micros(random.below(400));
                match random.below(3) {
                    0 => drop(timeout(patience, client.big(50_000)).await),
                    1 => drop(timeout(patience, client.later(number, 1)).await),
                    _ => {
                        let text = format!("{worker} {number} {}", "x".repeat(random.below(9000) as usize));
                        wrong += u64::from(
                            client.echo(text.clone().into()).await.ok().is_none_or(|got| got != text),
                        );
                    }
                }
            }
            wrong
        }
    })
    .await?;
    report.equal(case, "wrong answers to the others", wrong.iter().sum(), 0u64);
    drop(client);
    server.end(case, report).await
}

/// One session with more large replies under way than there is room for, and small calls between them.
async fn crowded_session(report: &mut Report) -> Result<(), BoxError> {
    let case = "large and small calls in one session";
    let mut server = Server::start("crowded")?;
    let client = server.client().mux(1).build();
    let right = together(64, |worker| {
        let client = client.clone();
        async move {
            let mut right = 0;
            for number in 0..20 {
                right += u64::from(match worker % 2 {
                    0 => client.big(1_000_000).await.is_ok_and(|reply| reply.len() == 1_000_000),
                    _ => {
                        let text = format!("{worker} {number}");
                        client.echo(text.clone().into()).await.is_ok_and(|reply| reply == text)
                    }
                });
            }
            right
        }
    })
    .await?;
    report.equal(case, "right answers", right.iter().sum(), 64 * 20_u64);
    drop(client);
    server.end(case, report).await
}

/// Replies that somebody keeps for ever.
async fn held_replies(report: &mut Report) -> Result<(), BoxError> {
    let case = "replies kept";
    let mut server = Server::start("held")?;
    let client = server.client().mux(1).build();
    let mut kept = Vec::new();
    for _ in 0..200 {
        kept.push(client.big(60_000).await?);
    }
    for _ in 0..9800 {
        kept.push(client.echo("kept".into()).await?);
    }
    report.equal(case, "calls answered", kept.len() as u64, 10_000);
    drop(client);
    server.end(case, report).await
}
