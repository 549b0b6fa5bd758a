//! Links inside the process: messages move through a fixed number of slots of fixed size.
//!
//! The shape of shared memory without its hazards: a message is encoded straight into a slot, nothing is linked,
//! and what the receiver gets is the slot itself, which comes free when the last slice of it is dropped. No free
//! slot means no room to write.
#![forbid(unsafe_code)]

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    io, mem,
    ops::Range,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use faststr::FastStr;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Frame, Framer, Link, ListenOptions, MemOptions, Profile};
use crate::{
    Address, Error, ErrorKind, Peer, Result, Size, Span,
    span::{OutBuf, SCRATCH},
};

/// Both ends of a connection inside this process.
pub fn mem_pair(options: &MemOptions) -> (Box<dyn Link>, Box<dyn Link>) {
    let (one, other) = pair(&FastStr::from_static_str("pair"), options);
    (Box::new(one), Box::new(other))
}

fn pair(name: &FastStr, options: &MemOptions) -> (MemLink, MemLink) {
    let (there, back) = (Lane::new(options), Lane::new(options));
    let peer = Peer::new(Address::Mem(name.clone()));
    let profile = Profile::new("mem", usize::MAX, options.slot_size, peer);
    let client = MemLink::new(profile.clone(), there.clone(), back.clone());
    (client, MemLink::new(profile, back, there))
}

/// One direction of a connection.
struct Lane {
    slot_size: usize,
    state: Mutex<State>,
}

struct State {
    /// Slots that hold a message for the receiver, oldest first.
    full: VecDeque<OutBuf>,
    /// Empty slots with memory.
    empty: Vec<OutBuf>,
    /// Slots that were never used and have no memory yet.
    unused: usize,
    /// Whether no more messages will come.
    ended: bool,
    /// Whether nobody will receive any more.
    abandoned: bool,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

impl Lane {
    fn new(options: &MemOptions) -> Arc<Self> {
        let state = State {
            full: VecDeque::new(),
            empty: Vec::new(),
            unused: options.slots.max(1),
            ended: false,
            abandoned: false,
            sender: None,
            receiver: None,
        };
        Arc::new(Lane { slot_size: options.slot_size, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty slot, if there is one.
    fn acquire(&self, state: &mut State) -> Option<OutBuf> {
        if let Some(slot) = state.empty.pop() {
            return Some(slot);
        }
        state.unused = state.unused.checked_sub(1)?;
        Some(OutBuf::with_capacity(self.slot_size + SCRATCH))
    }

    fn release(&self, mut slot: OutBuf) {
        slot.clear();
        let mut state = self.state();
        state.empty.push(slot);
        wake(state, |state| &mut state.sender);
    }
}

/// Wakes whom `whom` names, after the lock is released.
fn wake(mut state: MutexGuard<'_, State>, whom: fn(&mut State) -> &mut Option<Waker>) {
    let waker = whom(&mut state).take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A slot in the receiver's hands.
struct Received {
    slot: OutBuf,
    lane: Arc<Lane>,
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        self.slot.as_contiguous().unwrap_or_default()
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.lane.release(mem::take(&mut self.slot));
    }
}

/// One end of a connection inside this process.
struct MemLink {
    profile: Profile,
    outgoing: Arc<Lane>,
    incoming: Arc<Lane>,
    /// The slot for the next message.
    slot: Option<OutBuf>,
    /// Messages written but not flushed.
    written: Vec<OutBuf>,
    buffered: usize,
    flushed: u64,
    closed: bool,
    /// What is left of the last slot received.
    rest: Bytes,
    failed: bool,
}

impl MemLink {
    fn new(profile: Profile, outgoing: Arc<Lane>, incoming: Arc<Lane>) -> Self {
        MemLink {
            profile,
            outgoing,
            incoming,
            slot: None,
            written: Vec::new(),
            buffered: 0,
            flushed: 0,
            closed: false,
            rest: Bytes::new(),
            failed: false,
        }
    }

    /// Hands everything written to the receiver.
    fn publish(&mut self) -> Result<()> {
        if self.closed {
            return Err(closed("this end of the connection was closed"));
        }
        let mut state = self.outgoing.state();
        if state.abandoned {
            return Err(closed("the peer is gone"));
        }
        if self.written.is_empty() {
            return Ok(());
        }
        state.full.extend(self.written.drain(..));
        wake(state, |state| &mut state.receiver);
        self.flushed += mem::take(&mut self.buffered) as u64;
        Ok(())
    }

    fn end(&mut self) {
        let mut state = self.outgoing.state();
        state.ended = true;
        wake(state, |state| &mut state.receiver);
    }

    fn poll_slot(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.incoming.state();
        if let Some(slot) = state.full.pop_front() {
            let received = Received { slot, lane: self.incoming.clone() };
            return Poll::Ready(Some(Bytes::from_owner(received)));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.receiver = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Cuts the next frame off what is left of a slot.
    fn cut(&mut self, framer: &mut dyn Framer) -> Result<Bytes> {
        match framer.frame(&self.rest)? {
            Frame::Complete(size) if (1..=self.rest.len()).contains(&size) => Ok(self.rest.split_to(size)),
            Frame::Complete(size) | Frame::Partial(size) => {
                let text =
                    format!("a frame of {size} bytes starts in the last {} of a message", self.rest.len());
                Err(Error::protocol(text))
            }
        }
    }
}

fn closed(text: &str) -> Error {
    Error::new(ErrorKind::Closed, text)
}

impl Link for MemLink {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>, _size: Size) -> Poll<Result<()>> {
        self.publish()?;
        if self.slot.is_none() {
            let mut state = self.outgoing.state();
            self.slot = self.outgoing.acquire(&mut state);
            if self.slot.is_none() {
                state.sender = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, size: Size, fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>) -> Result<Range<u64>> {
        if self.closed {
            return Err(closed("this end of the connection was closed"));
        }
        if size.total() > self.profile.message_max {
            let (total, max) = (size.total(), self.profile.message_max);
            let text = format!("a message of {total} bytes is beyond the {max} of a slot");
            return Err(Error::new(ErrorKind::Encode, text));
        }
        if self.slot.is_none() {
            self.slot = self.outgoing.acquire(&mut self.outgoing.state());
        }
        let slot = self.slot.as_mut().ok_or_else(|| Error::new(ErrorKind::Overloaded, "no slot is free"))?;
        slot.write(size, self.profile.link_min, fill)?;
        let start = self.flushed + self.buffered as u64;
        if size.total() > 0 {
            self.written.extend(self.slot.take());
            self.buffered += size.total();
        }
        Ok(start..start + size.total() as u64)
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(self.publish())
    }

    fn flushed(&self) -> u64 {
        self.flushed
    }

    fn buffered(&self) -> usize {
        self.buffered
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, framer: &mut dyn Framer) -> Poll<Result<Option<Bytes>>> {
        if self.failed {
            return Poll::Ready(Err(closed("receiving on this connection failed before")));
        }
        if self.rest.is_empty() {
            match std::task::ready!(self.poll_slot(cx)) {
                Some(message) => self.rest = message,
                None => return Poll::Ready(Ok(None)),
            }
        }
        let cut = self.cut(framer);
        self.failed = cut.is_err();
        Poll::Ready(cut.map(Some))
    }

    fn partial(&self) -> usize {
        self.rest.len()
    }

    fn idle_ok(&mut self) -> bool {
        if !self.rest.is_empty() || self.buffered > 0 || self.closed || self.failed {
            return false;
        }
        let incoming = self.incoming.state();
        let silent = incoming.full.is_empty() && !incoming.ended;
        drop(incoming);
        let ok = silent && !self.outgoing.state().abandoned;
        self.failed = !ok;
        ok
    }

    fn poll_close(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.closed {
            self.publish()?;
            self.closed = true;
            self.end();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemLink {
    fn drop(&mut self) {
        self.end();
        let mut state = self.incoming.state();
        state.abandoned = true;
        state.full.clear();
        wake(state, |state| &mut state.sender);
    }
}

/// What connects names to listeners.
static LISTENERS: LazyLock<Mutex<HashMap<FastStr, Entrance>>> = LazyLock::new(Mutex::default);

struct Entrance {
    connections: mpsc::Sender<MemLink>,
    options: MemOptions,
}

fn listeners() -> MutexGuard<'static, HashMap<FastStr, Entrance>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects to the listener of this name.
pub(super) fn connect(name: &FastStr) -> Result<Box<dyn Link>> {
    let failed = |text: String| Err(Error::new(ErrorKind::Connect, text));
    let listeners = listeners();
    let Some(entrance) = listeners.get(name) else {
        return failed(format!("nobody listens at mem://{name}"));
    };
    let (client, server) = pair(name, &entrance.options);
    match entrance.connections.try_send(server) {
        Ok(()) => Ok(Box::new(client)),
        Err(TrySendError::Full(_)) => {
            failed(format!("too many connections wait to be accepted at mem://{name}"))
        }
        Err(TrySendError::Closed(_)) => failed(format!("nobody listens at mem://{name} any more")),
    }
}

/// Accepts connections under a name.
pub(super) struct Listener {
    name: FastStr,
    connections: tokio::sync::Mutex<mpsc::Receiver<MemLink>>,
}

impl Listener {
    /// Listens under `name`, which must not be taken.
    pub(super) fn bind(name: &FastStr, options: &ListenOptions) -> io::Result<Self> {
        let mut listeners = listeners();
        let Entry::Vacant(vacant) = listeners.entry(name.clone()) else {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "the name is taken"));
        };
        let (sender, connections) = mpsc::channel(options.backlog.max(1) as usize);
        vacant.insert(Entrance { connections: sender, options: options.mem.clone() });
        Ok(Listener { name: name.clone(), connections: connections.into() })
    }

    /// Where it listens.
    pub(super) fn local_address(&self) -> Address {
        Address::Mem(self.name.clone())
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Link>> {
        match self.connections.lock().await.recv().await {
            Some(link) => Ok(Box::new(link)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Stops listening; gives the connections that were waiting to be accepted.
    pub(super) fn into_backlog(mut self) -> Vec<Box<dyn Link>> {
        let connections = self.connections.get_mut();
        connections.close();
        std::iter::from_fn(|| connections.try_recv().ok()).map(|link| Box::new(link) as _).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        listeners().remove(&self.name);
    }
}
