//! Callers and the connection's task under every order in which they can take turns: a call that is dropped harms no
//! other, and when the peer goes away nobody waits for ever.

use std::{
    collections::VecDeque,
    future::Future,
    ops::Range,
    task::{Context, Waker},
};

use bytes::Bytes;
use loom::{future::block_on, model::Builder, thread};
use volo_core::{
    Peer, Size, Span,
    net::{Frame, Framer, Link, Profile},
};

use super::*;
use crate::{
    Limits,
    budget::ReceiveBudget,
    meta::Identity,
    wire::{Dialect, Framing, Header, MessageHead, MessageKind, Outgoing, Protocol, parse},
};

const DIALECT: Dialect = Dialect::new(Framing::TtHeader, Protocol::Binary);

/// What the peer has sent; it answers at once, as it is not its turns that matter here.
#[derive(Default)]
struct Wire {
    replies: VecDeque<Bytes>,
    closed: bool,
    client: Option<Waker>,
}

/// The client's end, and a peer that answers every call with its own arguments, under this header.
struct Near {
    header: Header,
    wire: Arc<Mutex<Wire>>,
    out: OutBuf,
    written: u64,
    flushed: u64,
    profile: Profile,
}

impl Link for Near {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Size) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, size: Size, fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>) -> Result<Range<u64>> {
        self.out.write(size, usize::MAX, fill)?;
        let start = self.written;
        self.written += size.total() as u64;
        Ok(start..self.written)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        let replies = echo(std::mem::take(&mut self.out).into_bytes(), &self.header);
        let mut wire = lock(&self.wire);
        if wire.closed {
            return Poll::Ready(Err(Error::new(ErrorKind::Closed, "the peer is gone")));
        }
        wire.replies.extend(replies);
        self.flushed = self.written;
        Poll::Ready(Ok(()))
    }

    fn flushed(&self) -> u64 {
        self.flushed
    }

    fn buffered(&self) -> usize {
        (self.written - self.flushed) as usize
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, framer: &mut dyn Framer) -> Poll<Result<Option<Bytes>>> {
        let mut wire = lock(&self.wire);
        match wire.replies.pop_front() {
            Some(reply) => {
                assert_eq!(framer.frame(&reply)?, Frame::Complete(reply.len()));
                Poll::Ready(Ok(Some(reply)))
            }
            None if wire.closed => Poll::Ready(Ok(None)),
            None => {
                wire.client = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn partial(&self) -> usize {
        0
    }

    fn idle_ok(&mut self) -> bool {
        true
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The answers to these requests.
fn echo(mut requests: Bytes, header: &Header) -> Vec<Bytes> {
    let mut replies = Vec::new();
    while !requests.is_empty() {
        let len = 4 + u32::from_be_bytes(*requests.first_chunk().unwrap()) as usize;
        let request = parse(requests.split_to(len), DIALECT, &Limits::default()).unwrap();
        let head = MessageHead::new(MessageKind::Reply, request.head.name, request.head.sequence_id);
        let body = Body::Raw(request.body);
        let outgoing = Outgoing { dialect: DIALECT, header, head: &head, body: &body };
        let size = outgoing.size(usize::MAX, &Limits::default()).unwrap();
        let mut out = OutBuf::default();
        out.write(size, usize::MAX, &mut |span| outgoing.encode(size, span)).unwrap();
        replies.push(out.into_bytes());
    }
    replies
}

/// The peer goes away.
fn hang_up(wire: &Mutex<Wire>) {
    let mut wire = lock(wire);
    wire.closed = true;
    let client = wire.client.take();
    drop(wire);
    client.into_iter().for_each(Waker::wake);
}

/// A client with room for one call at a time, the handle of its only connection, and what is behind that.
struct World {
    mux: Arc<Mux>,
    handle: Handle,
    task: thread::JoinHandle<()>,
    wire: Arc<Mutex<Wire>>,
}

impl World {
    fn new(header: Header) -> Self {
        let limits = Limits { in_flight_max: 1, ..Limits::default() };
        let (identity, flags) = (Identity::default(), 0);
        let (checksums, multiplexed, greeting) = (Checksums::Never, false, None);
        let (dialect, budget, times) = (DIALECT, ReceiveBudget::of_process(&limits), Default::default());
        let settings =
            Settings { dialect, limits, times, identity, flags, checksums, multiplexed, greeting, budget };
        let mux = Arc::new(Mux::new(settings, ConnectOptions::default(), 1).unwrap());
        let (handle, task) = mux.task();
        let wire = Arc::new(Mutex::new(Wire::default()));
        let peer_address = Peer::new(Address::Mem("model".into()));
        let profile =
            Profile { transport: "model", link_min: usize::MAX, message_max: usize::MAX, peer: peer_address };
        let near =
            Near { header, wire: wire.clone(), out: OutBuf::default(), written: 0, flushed: 0, profile };
        let connection = Connection::new(
            Box::new(near),
            &Address::Mem("model".into()),
            mux.settings.clone(),
            mux.window(),
        );
        let task = thread::spawn(move || block_on(task.serve(connection)));
        World { mux, handle, task, wire }
    }

    /// A call with this number as its argument.
    fn call(&self, number: u8) -> impl Future<Output = Result<Attempt>> + use<> {
        let (mux, handle) = (self.mux.clone(), self.handle.clone());
        async move { mux.call_over(handle, request(number)).await }
    }

    /// Ends when nobody waits for anybody.
    fn end(self) {
        drop(self.handle);
        self.task.join().unwrap();
    }
}

fn request(number: u8) -> Request {
    let bytes = Bytes::from(vec![3, 0, 1, number, 0]);
    let raw = Raw { format: DIALECT.protocol.format(), bytes, limits: Limits::default().decode() };
    Request::new(volo_core::Context::new("", "echo"), Body::Raw(raw))
}

/// Whether it is the reply to the call with this number.
#[track_caller]
fn is_reply_to(attempt: &Attempt, number: u8) -> bool {
    match attempt {
        Attempt::Answered(Answer { message: Some(reply), .. }) => {
            assert_eq!(reply.body.bytes[..], [3, 0, 1, number, 0]);
            true
        }
        Attempt::Answered(_) => panic!("a call that wants a reply got none"),
        Attempt::Unsent(_) => false,
    }
}

/// Tries the model with so many turns that end early.
fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(run);
}

/// Polls a future once, then drops it.
fn give_up<T>(future: impl Future<Output = T>) {
    let _ = Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn a_dropped_call_harms_no_other_and_leaves_its_room() {
    model(2, || {
        let world = World::new(Header::default());
        let dropped = world.call(1);
        let caller = thread::spawn(move || give_up(dropped));
        let answer = block_on(world.call(2)).unwrap();
        assert!(is_reply_to(&answer, 2));
        caller.join().unwrap();
        world.end();
    });
}

#[test]
fn a_peer_that_goes_away_leaves_nobody_waiting() {
    model(2, || {
        let world = World::new(Header::default());
        let wire = world.wire.clone();
        let peer = thread::spawn(move || hang_up(&wire));
        match block_on(world.call(1)) {
            Ok(attempt) => drop(is_reply_to(&attempt, 1)),
            Err(error) => assert!(error.to_string().contains("the connection was lost"), "{error}"),
        }
        peer.join().unwrap();
        world.end();
    });
}

#[test]
fn who_asks_for_no_more_calls_answers_those_it_has() {
    model(2, || {
        let strings = vec![(keys::CLOSING.into(), "1".into())];
        let world = World::new(Header { strings, ..Header::default() });
        let other = world.call(1);
        let caller = thread::spawn(move || is_reply_to(&block_on(other).unwrap(), 1));
        let mine = is_reply_to(&block_on(world.call(2)).unwrap(), 2);
        let others = caller.join().unwrap();
        assert!(mine || others, "the first one is answered");
        world.end();
    });
}
