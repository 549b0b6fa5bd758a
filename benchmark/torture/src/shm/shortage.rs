//! Sessions where memory or descriptors are short.

use std::{
    future::poll_fn,
    io::BufRead,
    os::unix::net::UnixStream,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::{runtime::Builder, time::timeout};
use volo_core::{Address, BoxError, Size, net};
use volo_thrift::{Limits, wire::DetectFramer};

use super::{IS_SANITIZED, Server, group::Group};
use crate::{
    peer::{echo, framed},
    process::Process,
    report::Report,
};

/// The word that makes this program fill sessions with the server at this address.
pub const HOARDER: &str = "role-hoarder";

/// Sessions, each of which may take 24 MiB for what is under way.
const SESSIONS: usize = 8;

/// What the group may take; less than a process without limit would share.
const MEMORY_MAX: u64 = 128 << 20;

/// Bytes of a message.
const LEN: usize = 1_000_000;

/// Descriptors of a server that has too few.
const DESCRIPTORS: u32 = 200;

/// Runs all cases.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    without_descriptors(report).await?;
    little_memory(report).await
}

/// A server that has no descriptor left for newcomers: they hear of it in time, and the others don't.
async fn without_descriptors(report: &mut Report) -> Result<(), BoxError> {
    let case = "server without descriptors";
    let mut server = Server::limited("descriptors", Some(DESCRIPTORS))?;
    let client = server.client().mux(1).build();
    client.echo("before".into()).await?;
    let mut options = net::ConnectOptions::default();
    options.connect_timeout = Duration::from_secs(5);
    options.handshake_timeout = Duration::from_millis(300);
    let (mut links, mut refused) = (Vec::new(), 0);
    while refused < 3 && links.len() < 200 {
        match net::connect(&server.address(), &options).await {
            Ok(link) => links.push(link),
            Err(_) => refused += 1,
        }
    }
    report.at_least(case, "sessions before", links.len() as u64, 50u64);
    report.equal(case, "errors of connecting", refused, 3);
    // So that not even a socket can be accepted, for a second.
    let silent: Vec<_> = (0..10).map(|_| UnixStream::connect(server.path())).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut right = 0;
    for number in 0..100 {
        let text = format!("number {number}");
        right += u64::from(client.echo(text.clone().into()).await.is_ok_and(|reply| reply == text));
    }
    report.equal(case, "right answers meanwhile", right, 100);
    drop((links, silent));
    let (start, newcomer) = (Instant::now(), server.client().mux(1).build());
    while newcomer.echo("let me in".into()).await.is_err() && start.elapsed() < Duration::from_secs(60) {}
    report.at_most(case, "until a newcomer is answered, ms", start.elapsed(), Duration::from_secs(3));
    drop((client, newcomer));
    server.end(case, report).await
}

/// A process whose control group has little memory: what would be too much goes in pieces, as there is room.
async fn little_memory(report: &mut Report) -> Result<(), BoxError> {
    let case = "control group with little memory";
    if IS_SANITIZED {
        eprintln!("SKIPPED: `{case}` leaves no room for a sanitizer");
        return Ok(());
    }
    let mut server = Server::start("shortage")?;
    let Some(group) = Group::make("memory", case, report) else { return Ok(()) };
    group.memory_max(MEMORY_MAX)?;
    let address = [server.address().to_string()];
    let mut hoarder = Process::start_within(Some(&group.enter()), HOARDER, &address)?;
    hoarder.line()?;
    server.process.signal("STOP")?;
    let sent: u64 = hoarder.ask("fill")?.parse()?;
    server.process.signal("CONT")?;
    report.at_least(case, "MB sent to a server that is stopped", sent * LEN as u64 / 1_000_000, 16u64);
    let answered: u64 = hoarder.ask("read")?.parse()?;
    report.equal(case, "calls answered afterwards", answered, sent);
    drop(hoarder);
    drop(group);
    server.end(case, report).await
}

/// Opens sessions, fills them once told to, and then reads the answers.
pub fn hoard(words: &[String]) -> Result<(), BoxError> {
    let [address] = words else { return Err("an address is needed".into()) };
    let address: Address = address.parse()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut links = Vec::new();
    for _ in 0..SESSIONS {
        let mut options = net::ConnectOptions::default();
        options.connect_timeout = Duration::from_secs(5);
        links.push((runtime.block_on(net::connect(&address, &options))?, 0));
    }
    println!("connected");
    for question in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut count = 0;
        for (link, sent) in &mut links {
            count += match question.as_str() {
                "fill" => fill(&mut **link, sent)?,
                _ => runtime.block_on(read(&mut **link, *sent))?,
            };
        }
        println!("{count}");
    }
    Ok(())
}

/// Sends calls until one has to wait; gives how many.
fn fill(link: &mut dyn net::Link, sent: &mut u64) -> Result<u64, BoxError> {
    let mut cx = Context::from_waker(Waker::noop());
    let call = framed(&echo(1, &"x".repeat(LEN)));
    let size = Size::inline(call.len());
    while let Poll::Ready(ready) = link.poll_ready(&mut cx, size) {
        ready?;
        link.write(size, &mut |span| {
            span.put_slice(&call);
            Ok(())
        })?;
        *sent += 1;
        if let Poll::Ready(flushed) = link.poll_flush(&mut cx) {
            flushed?;
        }
    }
    Ok(*sent)
}

/// Reads so many answers, and sends what waits meanwhile; gives how many came.
async fn read(link: &mut dyn net::Link, sent: u64) -> Result<u64, BoxError> {
    let mut framer = DetectFramer::new(&Limits::default());
    for count in 0..sent {
        let next = poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = link.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
            link.poll_recv(cx, &mut framer)
        });
        if timeout(Duration::from_secs(20), next).await??.is_none() {
            return Ok(count);
        }
    }
    Ok(sent)
}
