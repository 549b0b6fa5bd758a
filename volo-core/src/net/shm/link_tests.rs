use std::{future::poll_fn, path::Path};

use super::{
    super::{
        handshake,
        layout::{HEAD, Layout, RING},
        memory::Store,
    },
    *,
};
use crate::{
    Address,
    net::{Frame, ShmSpin},
};

/// Takes whatever has come as a frame, unless it has to be longer.
struct AtLeast(usize);

impl Framer for AtLeast {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        Ok(if bytes.len() < self.0 { Frame::Partial(self.0) } else { Frame::Complete(bytes.len()) })
    }
}

fn options() -> ShmOptions {
    ShmOptions { spin: ShmSpin::Off, ..ShmOptions::default() }
}

/// Both sides of a handshake, with their sockets.
async fn sessions(arena_max: usize, trust: bool) -> [(UnixStream, Session); 2] {
    let (one, other) = UnixStream::pair().unwrap();
    let layout = Layout::for_arena(arena_max);
    let (first, second) =
        tokio::join!(handshake::offer(&one, layout, trust), handshake::accept(&other, layout, trust));
    [(one, first.unwrap()), (other, second.unwrap())]
}

fn link((socket, session): (UnixStream, Session), options: &ShmOptions) -> ShmLink {
    let peer = Peer::new(Address::Shm(Path::new("").to_owned()));
    ShmLink::new(socket, session, peer, options)
}

async fn links(options: &ShmOptions) -> (ShmLink, ShmLink) {
    let [one, other] = sessions(options.arena_max, false).await;
    (link(one, options), link(other, options))
}

/// Links of two ends that trust each other.
async fn trusted_links(options: &ShmOptions) -> (ShmLink, ShmLink) {
    let [one, other] = sessions(options.arena_max, true).await;
    (link(one, options), link(other, options))
}

async fn send(link: &mut ShmLink, len: usize) {
    write(link, len).unwrap();
    flush(link).await.unwrap();
}

fn write(link: &mut ShmLink, len: usize) -> Result<Range<u64>> {
    link.write(Size::inline(len), &mut |span| {
        span.put_slice(&vec![7; len]);
        Ok(())
    })
}

async fn flush(link: &mut ShmLink) -> Result<()> {
    poll_fn(|cx| link.poll_flush(cx)).await
}

async fn receive(link: &mut ShmLink, len: usize) -> Result<Option<Bytes>> {
    poll_fn(|cx| link.poll_recv(cx, &mut AtLeast(len))).await
}

#[tokio::test]
async fn a_violation_ends_the_connection_and_names_the_place() {
    let [mut liar, honest] = sessions(1 << 20, false).await;
    let mut honest = link(honest, &options());
    liar.1.own.store(RING + 8, u64::MAX);
    liar.1.own.store(RING, 1);
    let error = receive(&mut honest, 1).await.unwrap_err();
    assert!(error.is_protocol() && error.to_string().contains("cell 0"), "{error}");
    assert!(receive(&mut honest, 1).await.unwrap_err().is_closed());
    assert!(write(&mut honest, 10).unwrap_err().to_string().contains("cell 0"), "the reason stays known");
    assert!(!honest.idle_ok());
    liar.0.readable().await.unwrap();
    assert_eq!(liar.0.try_read(&mut [0]).unwrap(), 0, "the peer is told");
}

#[tokio::test]
async fn a_reader_that_claims_too_much_is_caught() {
    let [mut liar, honest] = sessions(1 << 20, false).await;
    let mut honest = link(honest, &options());
    liar.1.own.store(HEAD, 5);
    let error = write(&mut honest, 5_000).unwrap_err();
    assert!(error.to_string().contains("cell 5"), "{error}");
    assert!(flush(&mut honest).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn wake_ups_that_nobody_read_keep_none_away() {
    let (mut client, mut server) = links(&options()).await;
    for _ in 0..1000 {
        let calls = async { tokio::join!(biased; receive(&mut client, 100), send(&mut server, 100)).0 };
        let frame = tokio::time::timeout(std::time::Duration::from_secs(20), calls).await;
        assert_eq!(frame.expect("it is woken").unwrap().unwrap().len(), 100);
        let nothing = poll_fn(|cx| Poll::Ready(client.poll_recv(cx, &mut AtLeast(1)).is_pending())).await;
        assert!(nothing && client.idle_ok(), "which passes wake-ups and looks for some");
    }
}

#[tokio::test]
async fn who_waits_for_room_hears_that_the_peer_is_gone() {
    let (mut client, server) = links(&options()).await;
    while !poll_fn(|cx| Poll::Ready(client.poll_flush(cx).is_pending())).await {
        write(&mut client, 100_000).unwrap();
    }
    assert!(client.flushed() > 1 << 20 && client.buffered() <= 100_000);
    let waiting = flush(&mut client);
    let leaving = async {
        tokio::task::yield_now().await;
        drop(server);
    };
    let (flushed, ()) = tokio::join!(waiting, leaving);
    assert!(flushed.unwrap_err().is_closed());
}

#[tokio::test]
async fn what_was_received_no_longer_changes() {
    let (mut client, mut server) = links(&options()).await;
    for len in [100, 10_000] {
        write(&mut client, len).unwrap();
        flush(&mut client).await.unwrap();
        let frame = receive(&mut server, len).await.unwrap().unwrap();
        let (ring, slices) = (RING + 80, Layout::for_arena(options().arena_max).slice(1, 0).unwrap());
        for at in [RING + 16, ring, slices] {
            client.own.store(at, u64::MAX);
        }
        assert!(frame.iter().all(|byte| *byte == 7) && frame.len() == len);
    }
}

#[tokio::test]
async fn without_memory_for_slices_messages_go_in_pieces() {
    for options in [
        ShmOptions { process_max: 0, ..options() },
        ShmOptions { arena_max: 0, ..options() },
        ShmOptions { arena_max: 1 << 20, ..options() },
    ] {
        let (mut client, mut server) = links(&options).await;
        let len = 3 << 20;
        let range = write(&mut client, len).unwrap();
        assert_eq!((range, client.buffered()), (0..len as u64, len));
        let (flushed, frame) = tokio::join!(flush(&mut client), receive(&mut server, len));
        flushed.unwrap();
        assert!(frame.unwrap().unwrap().iter().all(|byte| *byte == 7));
        assert_eq!((client.flushed(), client.buffered()), (len as u64, 0));
        assert!(client.backlog.capacity() <= BACKLOG_KEPT, "a large buffer is not kept");
    }
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_flushed_or_waited_for() {
    let (mut client, mut server) = links(&options()).await;
    write(&mut client, 10).unwrap();
    assert_eq!((client.flushed(), client.buffered()), (0, 10));
    let polled = poll_fn(|cx| Poll::Ready(server.poll_recv(cx, &mut AtLeast(1)))).await;
    assert!(polled.is_pending());
    let polled = poll_fn(|cx| Poll::Ready(client.poll_recv(cx, &mut AtLeast(1)))).await;
    assert!(polled.is_pending());
    assert_eq!((client.flushed(), client.buffered()), (10, 0), "whoever waits for an answer has asked");
    assert_eq!(receive(&mut server, 10).await.unwrap().unwrap().len(), 10);
}

#[tokio::test]
async fn much_goes_out_before_it_is_flushed() {
    let (mut client, mut server) = links(&options()).await;
    for sent in [0, 0, PUBLISH_AFTER] {
        poll_fn(|cx| client.poll_ready(cx, Size::default())).await.unwrap();
        assert_eq!(client.flushed(), sent as u64);
        write(&mut client, PUBLISH_AFTER / 2).unwrap();
    }
    assert!(receive(&mut server, 1).await.unwrap().is_some());
}

#[tokio::test]
async fn ends_that_sleep_wake_each_other_for_ever() {
    let (mut client, mut server) = links(&options()).await;
    let serving = tokio::spawn(async move {
        while receive(&mut server, 1).await.unwrap().is_some() {
            send(&mut server, 10).await;
        }
    });
    for _ in 0..2_000 {
        send(&mut client, 10).await;
        assert!(receive(&mut client, 1).await.unwrap().is_some());
    }
    poll_fn(|cx| client.poll_close(cx)).await.unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn trusted_messages_stay_where_they_are() {
    let (mut client, mut server) = trusted_links(&options()).await;
    for len in [10, 3_000, 10_000, 100_000, 1_000_000, 3_000_000] {
        for _ in 0..10 {
            let (_, frame) = tokio::join!(send(&mut client, len), receive(&mut server, len));
            assert!(frame.unwrap().unwrap().iter().all(|byte| *byte == 7));
            let (_, frame) = tokio::join!(send(&mut server, len), receive(&mut client, len));
            assert!(frame.unwrap().unwrap().iter().all(|byte| *byte == 7));
        }
    }
    send(&mut client, 10_000).await;
    let one = receive(&mut server, 10_000).await.unwrap().unwrap();
    let address = one.as_ptr();
    drop(one);
    send(&mut server, 10_000).await;
    drop(receive(&mut client, 10_000).await.unwrap());
    send(&mut client, 10_000).await;
    assert_eq!(receive(&mut server, 10_000).await.unwrap().unwrap().as_ptr(), address);
}

#[tokio::test]
async fn leases_that_never_end_stop_nothing() {
    let options = ShmOptions { arena_max: 4 << 20, leased_max: 1 << 20, ..options() };
    let (mut client, mut server) = trusted_links(&options).await;
    let mut kept = Vec::new();
    for len in [3_000, 20_000, 100_000] {
        for _ in 0..200 {
            let (_, frame) = tokio::join!(send(&mut client, len), receive(&mut server, len));
            kept.push(frame.unwrap().unwrap());
            send(&mut server, 100).await;
            assert_eq!(receive(&mut client, 100).await.unwrap().unwrap().len(), 100);
        }
    }
    drop((client, server));
    assert!(kept.iter().flatten().all(|byte| *byte == 7), "and they outlive the connection");
}

#[tokio::test]
async fn an_idle_connection_takes_slices_back() {
    let options = ShmOptions { arena_max: 24 << 20, ..options() };
    let (mut client, mut server) = trusted_links(&options).await;
    for _ in 0..10 {
        write(&mut client, 50_000).unwrap();
    }
    flush(&mut client).await.unwrap();
    for _ in 0..10 {
        drop(receive(&mut server, 50_000).await.unwrap());
    }
    send(&mut server, 10).await;
    assert_eq!(receive(&mut client, 10).await.unwrap().unwrap().len(), 10);
    assert!(client.idle_ok(), "what came besides are slices");
    send(&mut server, 10).await;
    assert!(!client.idle_ok(), "and this is a message");
}

#[tokio::test]
async fn trusted_records_are_checked_all_the_same() {
    let [mut liar, honest] = sessions(1 << 20, true).await;
    let mut honest = link(honest, &options());
    let back = 10 | 5 << 32; // ten bytes in the first slice, which was never handed over
    liar.1.own.store(RING + 8, back);
    liar.1.own.store(RING, 1);
    let error = receive(&mut honest, 1).await.unwrap_err();
    assert!(error.is_protocol() && error.to_string().contains("doesn't hold"), "{error}");

    let [mut liar, honest] = sessions(1 << 20, false).await;
    let mut honest = link(honest, &options());
    liar.1.own.store(RING + 8, back);
    liar.1.own.store(RING, 1);
    let error = receive(&mut honest, 1).await.unwrap_err();
    assert!(error.to_string().contains("impossible"), "without trust there is no such record: {error}");
}

/// Makes a link that nothing was sent over look as if `cell` cells had been used in this direction.
fn begin_at(from: &mut ShmLink, to: &mut ShmLink, cell: u64) {
    let layout = Layout::for_arena(options().arena_max);
    (from.producer, to.consumer) = (Producer::at(layout, cell), Consumer::at(layout, cell));
    to.own.store(HEAD, cell);
}

#[tokio::test]
async fn counters_may_pass_every_power_of_two() {
    for cell in [(1 << 31) - 5_000, (1 << 32) - 5_000, (1 << 48) - 5_000, u64::MAX / 2] {
        let (mut client, mut server) = links(&options()).await;
        begin_at(&mut client, &mut server, cell);
        begin_at(&mut server, &mut client, cell - 1);
        for number in 0..2_000_usize {
            let len = if number.is_multiple_of(10) { 10_000 + number } else { 1 + number };
            write(&mut client, len).unwrap();
            flush(&mut client).await.unwrap();
            assert_eq!(receive(&mut server, len).await.unwrap().unwrap().len(), len, "from cell {cell}");
            write(&mut server, len).unwrap();
            flush(&mut server).await.unwrap();
            assert_eq!(receive(&mut client, len).await.unwrap().unwrap().len(), len, "from cell {cell}");
        }
        assert!(client.producer.head() > cell + 5_000);
    }
}
