//! Processes that die: with calls under way, and at each step of the handshake.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use volo_core::BoxError;

use super::{SLOWNESS, Server, start_at, steps};
use crate::report::Report;

/// How soon all calls to a server that was killed have failed, and how soon the next server answers.
const FAILED_MAX: Duration = Duration::from_millis(50).saturating_mul(SLOWNESS);
const RESTARTED_MAX: Duration = Duration::from_millis(100).saturating_mul(SLOWNESS);

/// Runs all cases.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    killed_server(report).await?;
    killed_client(report).await?;
    both_killed(report).await?;
    steps::run(report).await
}

/// SIGKILL of the server while 100 calls wait; then another one at the same path.
async fn killed_server(report: &mut Report) -> Result<(), BoxError> {
    let case = "server killed";
    let on_disk = files_in_shm();
    let mut server = Server::start("killed")?;
    let client = server.client().mux(1).build();
    let waiting: Vec<_> = (0..100)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.later(number, 60_000).await.is_err() })
        })
        .collect();
    while server.process.meter()?.started < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let inherited = Command::new("ls").args(["-l", "/proc/self/fd"]).output()?.stdout;
    let inherited = String::from_utf8_lossy(&inherited).matches("memfd:").count() as u64;
    report.equal("program started", "descriptors of the memory inherited", inherited, 0);
    server.process.signal("KILL")?;
    let start = Instant::now();
    let mut failed = 0;
    for call in waiting {
        failed += u64::from(call.await?);
    }
    report.equal(case, "waiting calls that fail", failed, 100);
    report.at_most(case, "until all have failed, ms", start.elapsed(), FAILED_MAX);
    server.process.ended(Duration::from_secs(10)).await?;

    server.process = start_at(&server.path(), None)?;
    let start = Instant::now();
    while client.echo("again".into()).await.is_err() && start.elapsed() < Duration::from_secs(10) {}
    report.at_most("server restarted", "until a call succeeds, ms", start.elapsed(), RESTARTED_MAX);
    server.process.signal("KILL")?;
    drop(client);
    server.process.ended(Duration::from_secs(10)).await?;
    server.end_here(case, report).await?;
    files_left(case, on_disk, &server, report)
}

/// What lies around: the socket, and nothing else.
fn files_left(case: &str, on_disk: u64, server: &Server, report: &mut Report) -> Result<(), BoxError> {
    report.at_most(case, "files in /dev/shm left", files_in_shm(), on_disk);
    let in_directory = std::fs::read_dir(&server.directory)?.count() as u64;
    report.at_most(case, "files in the socket's directory left", in_directory, 1u64);
    Ok(())
}

fn files_in_shm() -> u64 {
    std::fs::read_dir("/dev/shm").map_or(0, |files| files.count()) as u64
}

/// SIGKILL of a client for which large replies are being written.
async fn killed_client(report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start("client")?;
    for _ in 0..10 {
        let mut flood = server.caller()?;
        flood.ask("call mux flood")?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        flood.signal("KILL")?;
    }
    server.end("client killed", report).await
}

/// SIGKILL of both ends of a session under load; the next server finds everything as the first one did.
async fn both_killed(report: &mut Report) -> Result<(), BoxError> {
    let case = "both killed";
    let on_disk = files_in_shm();
    let mut server = Server::start("both")?;
    let mut flood = server.caller()?;
    flood.ask("call mux flood")?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.process.signal("KILL")?;
    flood.signal("KILL")?;
    server.process.ended(Duration::from_secs(10)).await?;
    flood.ended(Duration::from_secs(10)).await?;
    drop(flood);
    files_left(case, on_disk, &server, report)?;
    server.process = start_at(&server.path(), None)?;
    let client = server.client().build();
    let answered = u64::from(client.echo("again".into()).await.is_ok());
    report.equal(case, "calls that the next server answers", answered, 1);
    drop(client);
    server.end(case, report).await
}
