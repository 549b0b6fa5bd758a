//! Sessions of a process whose control group has little memory.

use std::{
    future::poll_fn,
    io::BufRead,
    task::{Context, Poll, Waker},
    time::Duration,
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

/// Runs the case: what would be too much goes in pieces, as there is room.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
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
