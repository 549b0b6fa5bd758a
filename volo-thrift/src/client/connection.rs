//! One connection of a client: encodes calls into its link, matches what comes back, and watches its limits.
//!
//! Ping-pong and multiplexed connections are the same from here down; they differ in who polls and in the window.

use std::{
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use faststr::FastStr;
use volo_core::{
    Address, Error, ErrorKind, Peer, Request, Result, Stage,
    layers::Setting,
    net::{ConnectOptions, Link, Profile},
};

use super::{
    front::Fronts,
    reply::misnumbered,
    timer::{Timer, after, now},
};
use crate::{
    Limits,
    budget::{PARTIAL_FREE, ReceiveBudget, Share},
    conn::{Arrival, Calls, Ended, Loss, Reset, SequenceId},
    meta::{Advert, Hello, Identity, InstanceId, keys},
    wire::{Dialect, FixedFramer, Header, Incoming, MessageKind, WireError, parse},
};

/// A peer may send so many messages in a row that answer no call; then the connection is given up.
const STRAYS_MAX: u32 = 64;

/// How long the last words of a peer are waited for that takes nothing any more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What all connections of a client have in common.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How to write, and to read unless the peer answers otherwise.
    pub(super) dialect: Dialect,
    pub(super) limits: Limits,
    pub(super) times: Setting<Times>,
    /// What each request says about this client and the service it wants.
    pub(super) identity: Identity,
    /// Flags of each request's header.
    pub(super) flags: u16,
    pub(super) checksums: Checksums,
    /// Whether method names carry the service's, as Apache's multiplexed protocol has them.
    pub(super) multiplexed: bool,
    /// What the first request of a connection says.
    pub(super) greeting: Option<Pair>,
    /// What all connections of the process may hold.
    pub(super) budget: Arc<ReceiveBudget>,
}

/// Which requests carry checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Checksums {
    /// None.
    Never,
    /// Those to a peer that answers with some, unless the transport has its own.
    IfAnswered,
    /// All.
    Always,
}

impl Checksums {
    /// Whether requests carry some over this transport, before anything is known of the peer.
    fn at_first(self, profile: &Profile) -> bool {
        match self {
            Checksums::Never => false,
            Checksums::IfAnswered => !profile.is_intact(),
            Checksums::Always => true,
        }
    }
}

/// How long things on a connection may take, which may change while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// Making it; `None` is as the options have it.
    pub(super) connect: Option<Duration>,
    /// From a frame's first byte to its last.
    pub(super) frame: Duration,
    /// How long the peer may take no byte.
    pub(super) write: Duration,
}

impl From<&Limits> for Times {
    fn from(limits: &Limits) -> Self {
        Times { connect: None, frame: limits.frame_timeout, write: limits.write_timeout }
    }
}

impl Default for Times {
    fn default() -> Self {
        Times::from(&Limits::default())
    }
}

impl Settings {
    /// The options by which to make a connection now.
    pub(super) fn connect_options(&self, options: &ConnectOptions) -> ConnectOptions {
        let connect_timeout = self.times.with(|times| times.connect).unwrap_or(options.connect_timeout);
        ConnectOptions { connect_timeout, ..options.clone() }
    }
}

/// A string key of a header and its value.
pub(super) type Pair = (&'static str, FastStr);

/// A connection and its calls; `S` is where a call's events go.
pub(super) struct Connection<S> {
    pub(super) calls: Calls<S>,
    link: Box<dyn Link>,
    framer: FixedFramer,
    settings: Arc<Settings>,
    fronts: Fronts,
    /// What the next request says beside its own.
    greeting: Option<Pair>,
    /// The other end, under the address that was to be called.
    peer: Arc<Peer>,
    /// Whether the peer is known to be a server of ours.
    akin: bool,
    /// What the peer offers, until somebody takes note of it.
    advert: Option<Box<Advert>>,
    timer: Timer,
    /// Set while the peer takes no bytes: how many it had taken, and until when it must take more.
    stalled: Option<(u64, Option<Instant>)>,
    /// Set while a frame is half received: until when it must be whole.
    frame_due: Option<Instant>,
    share: Share,
    /// Set once nothing can be sent any more: why, and how long there may still be something to be received.
    broken: Option<(Error, Option<Instant>)>,
    retiring: bool,
    /// Whether the peer said that it executed no call which it did not answer.
    left: bool,
    strays: u32,
}

/// Why a request was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// It can't be encoded; the connection is as before.
    Request(Error),
    /// The connection takes no more.
    Connection(Error),
}

/// A message and the call it belongs to.
pub(super) struct Received<S> {
    pub(super) arrival: Arrival<S>,
    /// Boxed, because it passes through many hands.
    pub(super) message: Result<Box<Incoming>>,
}

impl<S> Connection<S> {
    /// A connection for calls to `address`, with room for `window` of them at a time.
    pub(super) fn new(
        link: Box<dyn Link>,
        address: &Address,
        settings: Arc<Settings>,
        window: usize,
    ) -> Self {
        let checksums = settings.checksums.at_first(link.profile());
        Connection {
            peer: Arc::new(Peer { address: address.clone(), ..link.profile().peer.clone() }),
            calls: Calls::new(window),
            framer: FixedFramer::new(settings.dialect, &settings.limits),
            link,
            greeting: settings.greeting.clone(),
            akin: false,
            advert: None,
            share: Share::new(settings.budget.clone()),
            settings,
            fronts: Fronts::new(checksums),
            timer: Timer::default(),
            stalled: None,
            frame_due: None,
            broken: None,
            retiring: false,
            left: false,
            strays: 0,
        }
    }

    /// Whether nothing is under way, so that the connection may be kept for a later call.
    pub(super) fn is_clean(&self) -> bool {
        self.calls.occupied() == 0 && self.link.buffered() == 0 && !self.retiring
    }

    /// Whether the peer asked not to be sent any more calls.
    pub(super) fn is_retiring(&self) -> bool {
        self.retiring
    }

    /// Makes the connection serve no further calls.
    pub(super) fn retire(&mut self) {
        self.retiring = true;
    }

    /// Whether the peer answers a hello, and does so beside the calls under way.
    pub(super) fn is_akin(&self) -> bool {
        self.akin
    }

    /// The other end, under the address that was to be called.
    pub(super) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// What the peer offered since it was asked last. An offer for the same host is left out if it is about another
    /// connection.
    pub(super) fn take_advert(&mut self) -> Option<Advert> {
        let advert = *self.advert.take()?;
        let server = &self.link.profile().peer.address;
        let near = advert.near.filter(|near| near.is_over(server, self.link.local_address().as_ref()));
        Some(Advert { near, ..advert })
    }

    /// Asks the peer with the next request who it is.
    pub(super) fn ask(&mut self) {
        self.greeting = Some((keys::HELLO, Hello::QUESTION));
    }

    /// The answer of exactly that server to [`Connection::ask`], if nothing lies between.
    pub(super) fn expected_hello(&self, instance: InstanceId) -> Option<Hello> {
        Hello::expected(instance, self.link.local_address().as_ref(), &self.link.profile().peer)
    }

    /// The link, to be used in another way.
    pub(super) fn into_link(self) -> Box<dyn Link> {
        self.link
    }

    /// Whether an idle connection can still be used.
    pub(super) fn idle_ok(&mut self) -> bool {
        self.link.idle_ok()
    }

    /// Whether the transport took all that was written.
    pub(super) fn is_flushed(&self) -> bool {
        self.link.buffered() == 0
    }

    /// Bytes of all requests that the transport took so far.
    pub(super) fn flushed(&self) -> u64 {
        self.link.flushed()
    }

    /// Writes the request of the open call `id` into the buffer, as soon as there is room.
    ///
    /// # Errors
    /// When it can't be encoded; nothing of it was written then, and the connection is as before.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        id: SequenceId,
        request: &Request,
        now: Instant,
    ) -> Poll<Result<Range<u64>, WriteError>> {
        let (settings, greeting) = (&*self.settings, self.greeting.as_ref());
        let prepared = self.fronts.prepare(settings, id.to_wire(), request, greeting, now);
        let size =
            prepared.size(self.link.profile().link_min, &settings.limits).map_err(WriteError::Request)?;
        if self.broken.is_some() {
            return Poll::Pending;
        }
        ready!(self.link.poll_ready(cx, size)).map_err(WriteError::Connection)?;
        let stages = request.context.stages();
        if let Some(stages) = stages {
            stages.mark(Stage::Connected);
        }
        let written = self.link.write(size, &mut |span| prepared.encode(size, span));
        let range = written.map_err(WriteError::Request)?;
        if let Some(stages) = stages {
            stages.mark(Stage::Encoded);
            stages.set_request_bytes(size.total());
        }
        self.calls.mark_sent(id, range.start);
        self.greeting = None;
        self.strays = self.strays.saturating_sub(1); // some servers answer oneway calls, too
        Poll::Ready(Ok(range))
    }

    /// Hands what was written to the transport.
    ///
    /// # Errors
    /// The connection failed, or the peer took no byte for too long.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.link.buffered() == 0 || self.broken.is_some() {
            return Poll::Ready(Ok(()));
        }
        let flushed = self.link.poll_flush(cx);
        self.stalled = match (&flushed, self.stalled) {
            (Poll::Ready(_), _) => None,
            (Poll::Pending, Some((taken, due))) if taken == self.link.flushed() => Some((taken, due)),
            (Poll::Pending, _) => {
                Some((self.link.flushed(), after(self.settings.times.with(|times| times.write))))
            }
        };
        flushed
    }

    /// Sends no more, because of `error`, but receives: the peer may have answered, or said that it did not execute what
    /// it got, before it closed its end.
    pub(super) fn hear_out(&mut self, error: Error) {
        self.retiring = true;
        self.broken.get_or_insert_with(|| (error, after(LAST_WORDS)));
    }

    /// The next message of the peer.
    ///
    /// # Errors
    /// The connection ended or can't be read any more.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received<S>>> {
        loop {
            let frame = match self.link.poll_recv(cx, &mut self.framer) {
                Poll::Ready(frame) => frame?,
                Poll::Pending => {
                    self.watch_frame()?;
                    return Poll::Pending;
                }
            };
            self.frame_due = None;
            self.share.set(0);
            let frame =
                frame.ok_or_else(|| Error::new(ErrorKind::Closed, "the peer closed the connection"))?;
            let message = parse(frame, self.settings.dialect, &self.settings.limits).map(Box::new);
            if let Some(received) = self.accept(message)? {
                return Poll::Ready(Ok(received));
            }
        }
    }

    /// Waits for the earliest of all deadlines and limits, then says which call is over, if that is what passed.
    ///
    /// # Errors
    /// A limit of the connection itself passed.
    pub(super) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<(S, Reset)>>> {
        let broken = self.broken.as_ref().and_then(|(_, due)| *due);
        let limits = [self.stalled.and_then(|(_, due)| due), self.frame_due, broken];
        let Some(next) = limits.into_iter().chain([self.calls.next_deadline()]).flatten().min() else {
            return Poll::Pending;
        };
        ready!(self.timer.poll(cx, next));
        let (now, times) = (now(), &self.settings.times);
        check_due(limits[0], now, || {
            format!("the peer took no byte for {:?} (write_timeout)", times.get().write)
        })?;
        check_due(limits[1], now, || {
            format!("a frame was not whole after {:?} (frame_timeout)", times.get().frame)
        })?;
        match self.broken.take_if(|(_, due)| due.is_some_and(|due| due <= now)) {
            Some((error, _)) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(self.expire(now))),
        }
    }

    /// Gives up a call whose deadline has passed by `now`, if there is one.
    pub(super) fn expire(&mut self, now: Instant) -> Option<(S, Reset)> {
        let ended = self.calls.expire(now)?;
        Some(reset(ended, Loss::Expired, self.link.flushed()))
    }

    /// Ends all calls, because the connection is of no use any more.
    pub(super) fn end(&mut self, cause: Error) -> impl Iterator<Item = (S, Reset)> + use<S> {
        self.retiring = true;
        let (cause, flushed) = (Arc::new(cause), if self.left { 0 } else { self.link.flushed() });
        self.calls.close().map(move |ended| reset(ended, Loss::Closed(cause.clone()), flushed))
    }

    /// Sets or clears the time by which the frame being received must be whole, and counts what there is of it.
    fn watch_frame(&mut self) -> Result<()> {
        let partial = self.link.partial();
        if partial == 0 {
            self.frame_due = None;
        } else if self.frame_due.is_none() {
            self.frame_due = after(self.settings.times.with(|times| times.frame));
        }
        let held = self.link.held();
        self.share.set(held);
        if held > PARTIAL_FREE && self.share.is_exhausted() {
            return Err(self.share.refusal());
        }
        Ok(())
    }

    /// Finds the call of a message; `None` for what is not about a call.
    fn accept(&mut self, message: Result<Box<Incoming>, WireError>) -> Result<Option<Received<S>>> {
        let message = match message {
            Ok(message) => message,
            Err(error) if error.is_damage() => return Err(error.into()),
            Err(error) => {
                let arrival = self.calls.arrive(error.sequence_id());
                return self.known(arrival, Err(error.into()));
            }
        };
        let header = message.header.as_deref();
        self.retiring |= header.is_some_and(asks_to_close);
        if let Some(advert) = header.and_then(Advert::read) {
            self.akin = true;
            self.advert = Some(Box::new(advert));
        }
        let number = message.head.sequence_id;
        let header_number = message.outer_sequence_id;
        let exception = message.head.kind == MessageKind::Exception;
        if number == 0 && header_number == 0 && self.retiring && !exception {
            if header.is_some_and(says_farewell) {
                self.left = true;
                return Err(Error::new(
                    ErrorKind::Closed,
                    "the peer left, and executed no call it did not answer",
                ));
            }
            return self.stray().map(|()| None); // a control frame; it has been obeyed
        }
        let is_checked = header.is_some_and(|header| header.checksum);
        if !is_checked && !self.akin && self.settings.checksums == Checksums::IfAnswered {
            self.fronts.checksums = false;
        }
        match self.calls.arrive(number) {
            Arrival::Unknown => {
                // Proxies answer with an exception under another number; the header's still tells the call.
                let arrival = self.calls.arrive(header_number);
                self.known(arrival, if exception { Ok(message) } else { Err(misnumbered(number)) })
            }
            arrival => self.known(arrival, Ok(message)),
        }
    }

    fn known(&mut self, arrival: Arrival<S>, message: Result<Box<Incoming>>) -> Result<Option<Received<S>>> {
        match arrival {
            Arrival::Unknown => self.stray()?,
            Arrival::Call(_) | Arrival::Late => self.strays = 0,
        }
        Ok(Some(Received { arrival, message }))
    }

    fn stray(&mut self) -> Result<()> {
        self.strays += 1;
        if self.strays <= STRAYS_MAX {
            return Ok(());
        }
        Err(Error::protocol(format!("the peer sent more than {STRAYS_MAX} messages that answer no call")))
    }
}

fn reset<S>(ended: Ended<S>, loss: Loss, flushed: u64) -> (S, Reset) {
    let sent = ended.was_sent(flushed);
    (ended.sink, Reset { loss, sent })
}

fn asks_to_close(header: &Header) -> bool {
    header.string(keys::CLOSING).is_some_and(|value| value == "1")
}

fn says_farewell(header: &Header) -> bool {
    header.string(keys::NOT_EXECUTED).is_some_and(|value| value == "1")
}

/// The error for a limit of the connection that passed, if it has by `now`.
fn check_due(due: Option<Instant>, now: Instant, fault: impl FnOnce() -> String) -> Result<()> {
    match due {
        Some(due) if due <= now => Err(Error::timeout(fault())),
        _ => Ok(()),
    }
}
