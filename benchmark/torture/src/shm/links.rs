//! Both ends in this process: memory runs out, and rings are full.

use std::{future::poll_fn, path::PathBuf, task::Poll};

use bytes::Bytes;
use volo_core::{
    Address, BoxError, Size,
    net::{self, ConnectOptions, Frame, Framer, Link, ListenOptions, Listener, ShmOptions, ShmTrust},
};

use super::{mappings, settle};
use crate::{random::Random, report::Report};

/// Messages of mixed sizes whose order is checked.
const MIXED: u64 = 5000;

/// Messages that are never let go of while their session lasts.
const HELD: u64 = 1000;

/// Runs all cases.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    for (case, len) in [("flood of 1 MiB", 1 << 20), ("flood of 64 B", 64)] {
        flood(case, len, report).await?;
    }
    for (case, arena_max) in [("order, small arena", 2 << 20), ("order, no arena", 0)] {
        order(case, &ShmOptions { arena_max, ..ShmOptions::default() }, report).await?;
    }
    order("order, trusted", &ShmOptions { arena_max: 2 << 20, ..trusting() }, report).await?;
    held(report).await
}

/// Messages are read where they were written.
fn trusting() -> ShmOptions {
    // SAFETY: both ends are this process, and no other ends of it are there.
    let trust = unsafe { ShmTrust::full() };
    ShmOptions { trust, ..ShmOptions::default() }
}

/// Messages that begin with their length in four bytes.
pub struct LengthFramer;

impl Framer for LengthFramer {
    fn frame(&mut self, bytes: &[u8]) -> volo_core::Result<Frame> {
        let Some(&prefix) = bytes.first_chunk::<4>() else { return Ok(Frame::Partial(4)) };
        let len = 4 + u32::from_be_bytes(prefix) as usize;
        Ok(if bytes.len() >= len { Frame::Complete(len) } else { Frame::Partial(len) })
    }
}

/// Both ends of a new session.
async fn pair(name: &str, options: &ShmOptions) -> Result<(Box<dyn Link>, Box<dyn Link>), BoxError> {
    let name = format!("volo-torture-{}-{}", name.replace([' ', ','], "-"), std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    let address = Address::Shm(path);
    let listener =
        Listener::bind(&address, &ListenOptions { shm: options.clone(), ..Default::default() }).await?;
    let connect = ConnectOptions { shm: options.clone(), ..Default::default() };
    let (client, server) = tokio::join!(net::connect(&address, &connect), listener.accept());
    Ok((client?, server?))
}

fn put(link: &mut dyn Link, len: usize, seed: u64) -> volo_core::Result<()> {
    link.write(Size::inline(4 + len), &mut |span| {
        span.put_slice(&(len as u32).to_be_bytes());
        span.put_slice(&vec![seed as u8; len]);
        Ok(())
    })?;
    Ok(())
}

fn is_right(frame: &Bytes, len: usize, seed: u64) -> bool {
    frame.len() == 4 + len && frame[4..].iter().all(|byte| *byte == seed as u8)
}

/// Sends a message of so many bytes, all of them the last of `seed`, and its length before.
pub async fn send(link: &mut dyn Link, len: usize, seed: u64) -> volo_core::Result<()> {
    poll_fn(|cx| link.poll_ready(cx, Size::inline(len))).await?;
    put(link, len, seed)?;
    poll_fn(|cx| link.poll_flush(cx)).await
}

/// The next message.
pub async fn receive(link: &mut dyn Link) -> volo_core::Result<Option<Bytes>> {
    poll_fn(|cx| link.poll_recv(cx, &mut LengthFramer)).await
}

/// A sender whose peer doesn't read: it has to wait, and loses nothing.
async fn flood(case: &str, len: usize, report: &mut Report) -> Result<(), BoxError> {
    let (mut client, mut server) = pair(case, &ShmOptions::default()).await?;
    let (mut other, mut others_server) = pair("other", &ShmOptions::default()).await?;
    let live = heap_meter::live();
    let mut sent = 0;
    loop {
        let ready = poll_fn(|cx| Poll::Ready(client.poll_ready(cx, Size::inline(len)))).await;
        if ready.is_pending() || sent == 1_000_000 {
            break;
        }
        put(&mut *client, len, sent)?;
        sent += 1;
    }
    report.at_most(case, "messages until it waits", sent, 100_000u64);
    let heap = heap_meter::live().saturating_sub(live) as u64 >> 10;
    report.at_most(case, "heap, KiB", heap, 4096u64);
    let mut right = 0;
    for seed in 0..1000 {
        let (sent, got) = tokio::join!(send(&mut *other, 64, seed), receive(&mut *others_server));
        right += u64::from(sent.is_ok() && got?.is_some_and(|frame| is_right(&frame, 64, seed)));
    }
    report.equal(case, "messages of another session meanwhile", right, 1000);
    let read = async {
        let mut right = 0;
        for seed in 0..sent {
            let got = receive(&mut *server).await?;
            right += u64::from(got.is_some_and(|frame| is_right(&frame, len, seed)));
        }
        Ok::<_, BoxError>(right)
    };
    let (flushed, right) = tokio::join!(poll_fn(|cx| client.poll_flush(cx)), read);
    flushed?;
    report.equal(case, "messages that arrive", right?, sent);
    let (sent, got) = tokio::join!(send(&mut *client, len, 7), receive(&mut *server));
    sent?;
    report.equal(
        case,
        "messages afterwards",
        u64::from(got?.is_some_and(|frame| is_right(&frame, len, 7))),
        1,
    );
    Ok(())
}

/// Messages in the ring, in slices, and in pieces, one after the other.
async fn order(case: &str, options: &ShmOptions, report: &mut Report) -> Result<(), BoxError> {
    let (mut client, mut server) = pair(case, options).await?;
    let len = |random: &mut Random| match random.below(20) {
        0 => random.below(3 << 20) as usize,
        1..5 => random.below(100_000) as usize,
        _ => random.below(3000) as usize,
    };
    let write = async {
        let mut random = Random::new(5);
        for seed in 0..MIXED {
            poll_fn(|cx| client.poll_ready(cx, Size::default())).await?;
            put(&mut *client, len(&mut random), seed)?;
            if random.percent(30) {
                poll_fn(|cx| client.poll_flush(cx)).await?;
            }
        }
        poll_fn(|cx| client.poll_flush(cx)).await
    };
    let read = async {
        let (mut random, mut right) = (Random::new(5), 0);
        for seed in 0..MIXED {
            let expected = len(&mut random);
            let got = receive(&mut *server).await?;
            right += u64::from(got.is_some_and(|frame| is_right(&frame, expected, seed)));
            random.percent(30);
        }
        Ok::<_, BoxError>(right)
    };
    let (written, right) = tokio::join!(write, read);
    written?;
    report.equal(case, "messages in order", right?, MIXED);
    Ok(())
}

/// Received messages that nobody lets go of: their session goes on, another is not touched, and with the last of them
/// all is given back.
async fn held(report: &mut Report) -> Result<(), BoxError> {
    let case = "leases held for ever";
    let options = ShmOptions { arena_max: 8 << 20, leased_max: 2 << 20, ..trusting() };
    let (mut client, mut server) = pair(case, &options).await?;
    let (mut other, mut others_server) = pair("neighbour", &options).await?;
    let (mut held, mut others) = (Vec::new(), 0);
    let len = |seed| [3_000, 20_000, 100_000][seed as usize % 3];
    for seed in 0..HELD {
        let (sent, got) = tokio::join!(send(&mut *client, len(seed), seed), receive(&mut *server));
        sent?;
        held.extend(got?);
        let (sent, got) = tokio::join!(send(&mut *other, 50_000, seed), receive(&mut *others_server));
        sent?;
        others += u64::from(got?.is_some_and(|frame| is_right(&frame, 50_000, seed)));
    }
    drop((client, server, other, others_server));
    let right = (0..).zip(&held).filter(|(seed, frame)| is_right(frame, len(*seed), *seed)).count();
    report.equal(case, "messages that are right after the session", right as u64, HELD);
    report.equal(case, "messages of another session meanwhile", others, HELD);
    report.at_least(case, "mappings while they are held", mappings("/proc/self/maps")?, 1u64);
    drop(held);
    let left = settle(0, || mappings("/proc/self/maps")).await?;
    report.equal(case, "mappings left", left, 0);
    Ok(())
}
