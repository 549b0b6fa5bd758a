//! Cases for any link.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::unconstrained;
use volo_core::{Error, Size};

use crate::end::{End, Ends, dial, payload};

pub(crate) async fn sizes_up_to_a_mebibyte(mut ends: Ends) {
    let edges = [4095, 4096, 4097, 65_531, 65_532, 65_533, 65_535, 65_536, 65_537, 131_072, 1 << 20];
    let max = ends.client.link.profile().message_max - 4;
    for length in (0..140).chain(edges).filter(|length| *length <= max) {
        let (there, back) = (payload(length, 1), payload(length, 2));
        let (sent, got) = tokio::join!(ends.client.send(&there), ends.server.expect());
        sent.unwrap();
        assert!(got == there, "{length} bytes to the server");
        let (sent, got) = tokio::join!(ends.server.send(&back), ends.client.expect());
        sent.unwrap();
        assert!(got == back, "{length} bytes to the client");
    }
}

pub(crate) async fn pipelined_frames_keep_their_order(mut ends: Ends) {
    let max = (ends.client.link.profile().message_max - 4).min(200_000);
    let lengths: Vec<usize> =
        (0..2_000usize).map(|at| at * at * 7919 % (if at % 50 == 0 { max } else { 300 })).collect();
    let write = async {
        for (seed, length) in lengths.iter().enumerate() {
            ends.client.ready().await.unwrap();
            ends.client.write(&payload(*length, seed)).unwrap();
        }
        ends.client.flush().await.unwrap();
    };
    let read = async {
        let mut kept = Vec::new();
        for (seed, length) in lengths.iter().enumerate() {
            let got = ends.server.expect().await;
            assert!(got == payload(*length, seed), "frame {seed} of {length} bytes");
            // Frames stay valid while later ones arrive; not all, so that slots come free again.
            if seed % 100 == 0 {
                kept.push((seed, got));
            }
        }
        for (seed, got) in kept {
            assert!(got == payload(got.len(), seed), "frame {seed} changed later");
        }
    };
    tokio::join!(write, read);
}

pub(crate) async fn linked_bodies_arrive_in_place(mut ends: Ends) {
    let bodies: Vec<Bytes> =
        [3, 5000, 4095, 4096, 0, 9000, 70, 4097].iter().map(|len| payload(*len, *len)).collect();
    let write = async {
        for _ in 0..100 {
            ends.client.ready().await.unwrap();
            ends.client.write_all(&bodies).unwrap();
        }
        ends.client.flush().await.unwrap();
    };
    let read = async {
        for at in 0..100 {
            assert!(ends.server.expect().await == bodies.concat(), "message {at}");
        }
    };
    tokio::join!(write, read);
}

pub(crate) async fn roll_back_leaves_the_stream_intact(mut ends: Ends) {
    let client = &mut ends.client;
    let before = client.write(&payload(10, 0)).unwrap();
    let large = payload(8000, 9);
    for lie in [0, 3, 7, 100] {
        let wrote = client.link.write(Size::inline(lie), &mut |span| {
            span.put_slice(b"12345");
            Ok(())
        });
        assert!(wrote.is_err(), "5 bytes for {lie}");
    }
    let failed = client.link.write(Size::inline(3), &mut |span| {
        span.put_slice(b"abc");
        span.put_body(&large);
        Err(Error::internal("no encoding"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "no encoding");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        client.link.write(Size::inline(3), &mut |span| {
            span.put_body(&large);
            panic!("in the middle of a message")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(client.link.buffered() as u64 + client.link.flushed(), before.end);
    assert_eq!(client.write(&payload(20, 1)).unwrap().start, before.end);
    client.flush().await.unwrap();
    assert_eq!(ends.server.expect().await, payload(10, 0));
    assert_eq!(ends.server.expect().await, payload(20, 1));
}

pub(crate) async fn a_message_beyond_the_maximum_is_refused(mut ends: Ends) {
    let max = ends.client.link.profile().message_max;
    let wrote = ends.client.link.write(Size::inline(max + 1), &mut |_| panic!("must not be asked"));
    assert!(wrote.unwrap_err().to_string().contains(&max.to_string()));
    assert_eq!(ends.client.link.buffered(), 0);
    ends.client.send(&payload(1, 1)).await.unwrap();
    assert_eq!(ends.server.expect().await, payload(1, 1));
}

pub(crate) async fn ranges_and_counters_agree(mut ends: Ends) {
    let mut end = 0;
    for length in [0, 10, 5000, 60_000, 1] {
        let range = ends.client.write(&payload(length, 0)).unwrap();
        assert_eq!(range, end..end + 4 + length as u64);
        end = range.end;
        assert_eq!(ends.client.link.flushed() + ends.client.link.buffered() as u64, end);
        if length == 5000 {
            ends.client.flush().await.unwrap();
            assert_eq!((ends.client.link.flushed(), ends.client.link.buffered()), (end, 0));
        }
    }
    ends.client.flush().await.unwrap();
    assert_eq!((ends.client.link.flushed(), ends.client.link.buffered()), (end, 0));
    for length in [0, 10, 5000, 60_000, 1] {
        assert_eq!(ends.server.expect().await.len(), length);
    }
    assert_eq!(ends.server.link.partial(), 0);
}

/// Writes until no room is left, and gives the number of messages.
async fn fill(end: &mut End, message: &Bytes) -> usize {
    for count in 0..100_000 {
        match unconstrained(end.ready()).now_or_never() {
            Some(ready) => ready.unwrap(),
            None => return count,
        }
        end.write(message).unwrap();
    }
    panic!("nothing ever stopped the writer")
}

pub(crate) async fn a_peer_that_does_not_read_stops_the_writer(mut ends: Ends) {
    let message = payload(10_000, 3);
    for _ in 0..3 {
        let count = fill(&mut ends.client, &message).await;
        assert!(count > 0 && ends.client.link.buffered() <= (1 << 20) + 10_004, "memory is bounded");
        let read = async {
            for _ in 0..count {
                assert!(ends.server.expect().await == message);
            }
        };
        let (flushed, ()) = tokio::join!(ends.client.flush(), read);
        flushed.unwrap();
    }
}

pub(crate) async fn waiting_for_room_holds_nothing(mut ends: Ends) {
    let message = payload(10_000, 3);
    let count = fill(&mut ends.client, &message).await;
    for _ in 0..1000 {
        assert!(unconstrained(ends.client.ready()).now_or_never().is_none());
    }
    let drain = async {
        for _ in 0..count {
            assert!(ends.server.expect().await == message);
        }
        assert_eq!(ends.server.expect().await, payload(5, 5));
    };
    let send = async { ends.client.send(&payload(5, 5)).await.unwrap() };
    tokio::join!(drain, send);
}

pub(crate) async fn both_directions_run_in_one_task(mut ends: Ends) {
    const COUNT: usize = 3_000;
    let (mut sent, mut received) = ([0; 2], [0; 2]);
    poll_fn(|cx| {
        for (side, end) in [&mut ends.client, &mut ends.server].into_iter().enumerate() {
            for _ in 0..32 {
                if sent[side] == COUNT || end.link.poll_ready(cx, Size::default()).is_pending() {
                    break;
                }
                end.write(&payload(sent[side] * 37 % 5000, side)).unwrap();
                sent[side] += 1;
            }
            if let Poll::Ready(flushed) = end.link.poll_flush(cx) {
                flushed.unwrap();
            }
            while let Poll::Ready(frame) = end.link.poll_recv(cx, &mut end.framer) {
                let frame = frame.unwrap().unwrap();
                assert!(frame[4..] == payload(received[side] * 37 % 5000, 1 - side));
                received[side] += 1;
                if received[side] == COUNT {
                    break;
                }
            }
        }
        cx.waker().wake_by_ref();
        if received == [COUNT; 2] { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

pub(crate) async fn half_close_lets_the_peer_finish(mut ends: Ends) {
    ends.client.write(&payload(100, 1)).unwrap();
    ends.client.close().await.unwrap();
    ends.client.close().await.expect("closing again changes nothing");
    assert!(ends.client.write(&payload(1, 1)).unwrap_err().is_closed());
    assert_eq!(ends.server.expect().await, payload(100, 1));
    assert_eq!(ends.server.recv().await.unwrap(), None);
    assert_eq!(ends.server.recv().await.unwrap(), None);
    ends.server.send(&payload(200, 2)).await.unwrap();
    ends.server.close().await.unwrap();
    assert_eq!(ends.client.expect().await, payload(200, 2));
    assert_eq!(ends.client.recv().await.unwrap(), None);
}

pub(crate) async fn a_dropped_peer_ends_the_stream(mut ends: Ends) {
    ends.client.send(&payload(100, 1)).await.unwrap();
    drop(ends.client);
    assert_eq!(ends.server.expect().await, payload(100, 1));
    assert_eq!(ends.server.recv().await.unwrap(), None);
    let error = loop {
        if let Err(error) = ends.server.send(&payload(1_000, 1)).await {
            break error;
        }
    };
    assert!(error.is_closed(), "{error}");
    assert!(ends.server.ready().await.unwrap_err().is_closed());
}

pub(crate) async fn a_listener_that_stops_loses_nobody(ends: Ends) {
    let address = ends.listener.local_address().clone();
    let mut waiting = Vec::new();
    for seed in 0..3 {
        let dialling = dial(address.clone());
        waiting.push(tokio::spawn(async move {
            let mut client = End::new(dialling.await.unwrap());
            client.send(&payload(100, seed)).await.unwrap();
            client
        }));
        // The system makes connections by itself; what comes on top needs the server.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let backlog = ends.listener.into_backlog();
    assert!(dial(address).await.err().unwrap().is_connect());
    assert_eq!(backlog.len(), waiting.len());
    for (seed, (link, client)) in backlog.into_iter().zip(waiting).enumerate() {
        let mut server = End::new(link);
        assert_eq!(server.expect().await, payload(100, seed));
        let mut client = client.await.unwrap();
        server.send(&payload(10, seed)).await.unwrap();
        assert_eq!(client.expect().await, payload(10, seed));
    }
}

/// Lets the runtime notice what the peer did.
async fn until_not_idle(end: &mut End) {
    while end.link.idle_ok() {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn idle_means_open_and_silent(mut ends: Ends) {
    assert!(ends.client.link.idle_ok() && ends.server.link.idle_ok());
    for _ in 0..3 {
        ends.client.send(&payload(100, 1)).await.unwrap();
        assert_eq!(ends.server.expect().await, payload(100, 1));
        ends.server.send(&payload(100, 1)).await.unwrap();
        assert_eq!(ends.client.expect().await, payload(100, 1));
        assert!(ends.client.link.idle_ok() && ends.server.link.idle_ok());
    }
    ends.client.write(&payload(100, 1)).unwrap();
    assert!(!ends.client.link.idle_ok(), "something is still unsent");
    ends.client.flush().await.unwrap();
    until_not_idle(&mut ends.server).await; // something is unread
    assert!(!ends.server.link.idle_ok(), "a no is final");
    assert!(ends.server.recv().await.is_err(), "a byte may be lost");
    drop(ends.server);
    until_not_idle(&mut ends.client).await; // the peer is gone
}

pub(crate) async fn a_framing_error_is_final(mut ends: Ends) {
    ends.server.framer.max = 100;
    ends.client.write(&payload(50, 1)).unwrap();
    ends.client.write(&payload(101, 1)).unwrap();
    ends.client.write(&payload(50, 1)).unwrap();
    ends.client.flush().await.unwrap();
    assert_eq!(ends.server.expect().await, payload(50, 1));
    assert!(ends.server.recv().await.unwrap_err().is_protocol());
    assert!(ends.server.recv().await.unwrap_err().is_closed());
    ends.server.send(&payload(7, 7)).await.expect("an error reply can still be sent");
    assert_eq!(ends.client.expect().await, payload(7, 7));
}
