//! Many calls at a time over few connections: a task per connection, fed through a bounded queue.
//!
//! A caller hands its request over and waits for one event; dropping it can't disturb anybody, because the bytes are
//! written by the task. What the task never wrote is handed back and goes to another connection.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, OnceLock, PoisonError, atomic::Ordering},
    task::Poll,
};

use tokio::runtime;
use volo_core::{
    Address, Body, Context, Error, ErrorKind, Peer, Raw, Request, Response, Result,
    layers::timeout::mark_covered,
    net::{self, ConnectOptions, Link},
    span::OutBuf,
};

use super::{
    connection::{Checksums, Connection, Settings},
    mux_task,
    reply::{self, Answer},
};
use crate::{
    conn::{Event, SLOTS_MAX},
    meta::{Advert, keys},
    protocol::Protocol,
    sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Semaphore, SemaphorePermit, mpsc, oneshot},
    wire::{Incoming, flag},
};

#[cfg(all(test, loom))]
mod models;

/// Requests with more bytes than this are encoded by their callers, so that they don't hold up others.
const INLINE_MAX: usize = 64 << 10;

/// How many connections a call is given to, because the ones before ended without writing any of it.
const CONNECTIONS_MAX: usize = 4;

/// Multiplexed connections to any number of addresses.
#[derive(Debug)]
pub(super) struct Mux {
    settings: Arc<Settings>,
    connect: Arc<ConnectOptions>,
    per_address: usize,
    groups: Mutex<HashMap<Address, Arc<Group>, foldhash::fast::RandomState>>,
}

/// The connections to one address.
#[derive(Debug)]
struct Group {
    handles: Box<[Mutex<Option<Handle>>]>,
    next: AtomicUsize,
}

/// A connection, as its callers see it.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    jobs: mpsc::UnboundedSender<Job>,
    shared: Arc<Shared>,
}

/// What callers and the connection's task share.
#[derive(Debug)]
pub(super) struct Shared {
    /// A permit per call that may still be handed over; a call's is returned when its slot becomes free.
    pub(super) room: Semaphore,
    /// The other end, once it is known.
    pub(super) peer: OnceLock<Arc<Peer>>,
    /// Whether the task runs, so that its timer covers every call that was handed over.
    pub(super) connected: AtomicBool,
    /// Whether the peer wants no more calls here.
    pub(super) retiring: AtomicBool,
}

/// A call on its way to the connection's task.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: Reply,
}

/// Where the events of a call go.
pub(super) type Reply = oneshot::Sender<Outcome>;

/// How a call went, as the task sees it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// What the peer did.
    Event(Event<Result<Box<Incoming>>>),
    /// A oneway call was handed to the transport.
    Flushed,
    /// The request can't be sent.
    Refused(Error),
    /// The connection ended, or is about to, and nothing was written; here is the request back.
    Unsent(Request),
}

/// How a call over a given connection went.
#[derive(Debug)]
pub(super) enum Attempt {
    /// With an answer.
    Answered(Answer),
    /// Nothing was written; here is the request back.
    Unsent(Request),
}

impl Mux {
    /// # Errors
    /// When the framing has no header, which says that replies may overtake each other.
    pub(super) fn new(settings: Settings, connect: ConnectOptions, per_address: usize) -> Result<Self> {
        if !settings.dialect.framing.has_header() {
            return Err(Error::new(ErrorKind::Config, "multiplexing needs TTHeader"));
        }
        let greeting = Some((keys::ANNOUNCE, Advert::ANNOUNCEMENT));
        // A stream that something splits between two servers tears messages apart, and calls that share it would
        // be given each other's parts.
        let checksums = settings.checksums.max(Checksums::IfAnswered);
        let settings = Arc::new(Settings { flags: flag::OUT_OF_ORDER, checksums, greeting, ..settings });
        let (connect, per_address) = (Arc::new(connect), per_address.max(1));
        Ok(Mux { settings, connect, per_address, groups: Mutex::default() })
    }

    /// Makes a call.
    pub(super) async fn call(self: Arc<Self>, mut request: Request) -> Result<Response> {
        reply::prepare(&mut request, self.settings.dialect.protocol)?;
        for _ in 0..CONNECTIONS_MAX {
            let handle = self.pick(reply::address(&request)?)?;
            match self.call_over(handle, request).await? {
                Attempt::Answered(answer) => return reply::response(Context::default(), answer),
                Attempt::Unsent(back) => request = back,
            }
        }
        let text = format!("{CONNECTIONS_MAX} connections ended before they took the call");
        Err(Error::new(ErrorKind::Connect, text))
    }

    /// Makes a call over this connection, unless it ends before anything of the call is written.
    pub(super) async fn call_over(&self, handle: Handle, mut request: Request) -> Result<Attempt> {
        let method = request.context.method.clone();
        self.encode_if_large(&mut request)?;
        if !handle.admit().await {
            return Ok(Attempt::Unsent(request));
        }
        match handle.exchange(request).await {
            Outcome::Event(Event::Reply(message)) => {
                let message = message?;
                reply::check(&message, &method)?;
                handle.answered(Some(message))
            }
            Outcome::Event(Event::Reset(reset)) => Err(reset.into_error()),
            Outcome::Event(_) => Err(Error::protocol("a stream's message came in answer to a unary call")),
            Outcome::Flushed => handle.answered(None),
            Outcome::Refused(error) => Err(error),
            Outcome::Unsent(back) => Ok(Attempt::Unsent(back)),
        }
    }

    /// How values are encoded.
    pub(super) fn protocol(&self) -> Protocol {
        self.settings.dialect.protocol
    }

    /// What its connections have in common.
    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// How its connections are made.
    pub(super) fn connect_options(&self) -> ConnectOptions {
        self.settings.connect_options(&self.connect)
    }

    /// Uses a connection that was made elsewhere for calls to `address`.
    pub(super) fn adopt(&self, link: Box<dyn Link>, address: &Address) -> Handle {
        let (handle, task) = self.task();
        tokio::spawn(task.serve(Connection::new(link, address, self.settings.clone(), self.window())));
        handle
    }

    /// A usable connection to `address`; one is being made if there is none.
    fn pick(&self, address: &Address) -> Result<Handle> {
        let group = self.group(address);
        let index = group.next.fetch_add(1, Ordering::Relaxed) % group.handles.len();
        let mut slot = lock(&group.handles[index]);
        if let Some(handle) = slot.as_ref().filter(|handle| handle.is_usable()) {
            return Ok(handle.clone());
        }
        let handle = self.connect(address)?;
        *slot = Some(handle.clone());
        Ok(handle)
    }

    fn group(&self, address: &Address) -> Arc<Group> {
        let mut groups = lock(&self.groups);
        if let Some(group) = groups.get(address) {
            return group.clone();
        }
        groups.retain(|_, group| group.is_alive());
        let handles = (0..self.per_address).map(|_| Mutex::new(None)).collect();
        let group = Arc::new(Group { handles, next: AtomicUsize::new(0) });
        groups.insert(address.clone(), group.clone());
        group
    }

    fn connect(&self, address: &Address) -> Result<Handle> {
        let runtime = runtime::Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::Config, "calls need a tokio runtime").with_source(error)
        })?;
        let (handle, task) = self.task();
        let (address, connect) = (address.clone(), self.connect.clone());
        let (settings, window) = (self.settings.clone(), self.window());
        runtime.spawn(async move {
            match net::connect(&address, &settings.connect_options(&connect)).await {
                Ok(link) => task.serve(Connection::new(link, &address, settings, window)).await,
                Err(error) => task.refuse(error),
            }
        });
        Ok(handle)
    }

    /// Both ends of a connection's queue.
    fn task(&self) -> (Handle, mux_task::Queue) {
        let shared = Arc::new(Shared {
            room: Semaphore::new(self.window()),
            peer: OnceLock::new(),
            connected: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
        });
        let (jobs, queue) = mpsc::unbounded_channel(); // bounded by the permits
        (Handle { jobs, shared: shared.clone() }, mux_task::Queue::new(shared, queue))
    }

    /// How many calls one connection can have under way.
    fn window(&self) -> usize {
        self.settings.limits.in_flight_max.clamp(1, SLOTS_MAX)
    }

    /// Encodes a large request here and now; its bytes are then linked, not copied, into the connection.
    fn encode_if_large(&self, request: &mut Request) -> Result<()> {
        let Body::Typed(message) = request.body() else { return Ok(()) };
        let format = self.settings.dialect.protocol.format();
        let (link_min, limits) = (self.connect.link.link_min, &self.settings.limits);
        if message.encoded_size(format, link_min, limits.depth_max)?.inline <= INLINE_MAX {
            return Ok(());
        }
        let size = message.encoded_size(format, usize::MAX, limits.depth_max)?;
        let max = limits.message_max;
        if size.total() > max {
            let text = format!("message of {} bytes passes message_max of {max}", size.total());
            return Err(Error::new(ErrorKind::Encode, text));
        }
        let mut out = OutBuf::with_capacity(0);
        out.write(size, usize::MAX, &mut |span| {
            message.encode_into(format, span);
            Ok(())
        })?;
        let raw = Raw { format, bytes: out.into_bytes(), limits: self.settings.limits.decode() };
        request.set_body(Body::Raw(raw));
        Ok(())
    }
}

impl Group {
    fn is_alive(&self) -> bool {
        self.handles.iter().any(|handle| lock(handle).as_ref().is_some_and(Handle::is_usable))
    }
}

impl Handle {
    pub(super) fn is_usable(&self) -> bool {
        !self.jobs.is_closed() && !self.shared.retiring.load(Ordering::Relaxed)
    }

    /// How a call over this connection went that was answered.
    fn answered(&self, message: Option<Box<Incoming>>) -> Result<Attempt> {
        let peer = self.shared.peer.get().cloned();
        let peer = peer.ok_or_else(|| Error::internal("a connection answered before it was made"))?;
        Ok(Attempt::Answered(Answer { peer, message }))
    }

    /// Waits for room for one more call; `false` if the connection ended meanwhile.
    async fn admit(&self) -> bool {
        self.shared.room.acquire().await.map(SemaphorePermit::forget).is_ok()
    }

    /// Hands an admitted call over and waits for what becomes of it.
    async fn exchange(&self, request: Request) -> Outcome {
        let has_deadline = request.context.deadline.is_some();
        let (reply, mut answer) = oneshot::channel();
        if let Err(mpsc::error::SendError(job)) = self.jobs.send(Job { request, reply }) {
            return Outcome::Unsent(job.request);
        }
        poll_fn(|cx| match Pin::new(&mut answer).poll(cx) {
            Poll::Ready(Ok(outcome)) => Poll::Ready(outcome),
            Poll::Ready(Err(_)) => {
                let text =
                    "the connection's task was stopped, as its runtime was shut down or a payload panicked";
                Poll::Ready(Outcome::Refused(Error::new(ErrorKind::Closed, text)))
            }
            Poll::Pending => {
                if has_deadline && self.shared.connected.load(Ordering::Relaxed) {
                    mark_covered();
                }
                Poll::Pending
            }
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
