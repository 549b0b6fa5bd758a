//! A service for tests, written as the generator would, and a caller that speaks frame by frame.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::{
    future::{Future, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use faststr::FastStr;
use tokio::{sync::oneshot, task::JoinHandle};
use volo_core::{
    Address, Body, Context, Request, Result, Size, Span,
    net::{self, ConnectOptions, Link},
    span::OutBuf,
};
use volo_thrift::{
    ApplicationException, ApplicationKind, BizError, HandlerFuture, Limits, Method, Never, ServerError,
    Service,
    handler::{handle, unknown_method},
    meta::{self, Notes},
    protocol::{
        DecodeError, Map, MethodResult, Protocol, Reader, Set, Sizer, Type, Typed, Value, Writer, decode,
    },
    server::BoundServer,
    wire::{self, Dialect, FixedFramer, Framing, Header, MessageHead, MessageKind, Outgoing},
};

pub const FRAMED: Dialect = Dialect::new(Framing::Framed, Protocol::Binary);
pub const TTHEADER: Dialect = Dialect::new(Framing::TtHeader, Protocol::Binary);

/// Arguments of all methods but `Probe.tree`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    pub text: FastStr,
}

impl Value for Text {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.text)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        writer.field(state, 1, &self.text).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Text", |reader, field| match field.id() {
            1 => reader.field(field, "text", &mut self.text),
            _ => reader.skip(field),
        })
    }
}

/// Arguments of `Probe.tree`: containers and recursion of every kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    pub numbers: Vec<i64>,
    pub names: Set<FastStr>,
    pub pairs: Map<FastStr, FastStr>,
    pub child: Option<Box<Node>>,
    pub children: Vec<Node>,
    pub name: FastStr,
    pub photo: bytes::Bytes,
    pub flags: Vec<bool>,
    pub maps: Vec<Map<FastStr, FastStr>>,
    pub lists: Vec<Vec<bool>>,
}

impl Node {
    /// So many structs inside each other. The innermost has containers, which are one level more.
    pub fn nested(structs: usize) -> Self {
        (1..structs)
            .fold(Node::default(), |inner, _| Node { child: Some(Box::new(inner)), ..Node::default() })
    }
}

impl Value for Node {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];
    const RECURSIVE: bool = true;

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.numbers)
            + sizer.field(state, 2, &self.names)
            + sizer.field(state, 3, &self.pairs)
            + sizer.field(state, 4, &self.child)
            + sizer.field(state, 5, &self.children)
            + sizer.field(state, 6, &self.name)
            + sizer.field(state, 7, &self.photo)
            + sizer.field(state, 8, &self.flags)
            + sizer.field(state, 9, &self.maps)
            + sizer.field(state, 10, &self.lists)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        writer
            .field(state, 1, &self.numbers)
            .field(state, 2, &self.names)
            .field(state, 3, &self.pairs)
            .field(state, 4, &self.child)
            .field(state, 5, &self.children)
            .field(state, 6, &self.name)
            .field(state, 7, &self.photo)
            .field(state, 8, &self.flags)
            .field(state, 9, &self.maps)
            .field(state, 10, &self.lists)
            .stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Node", |reader, field| match field.id() {
            1 => reader.field(field, "numbers", &mut self.numbers),
            2 => reader.field(field, "names", &mut self.names),
            3 => reader.field(field, "pairs", &mut self.pairs),
            4 => reader.field(field, "child", &mut self.child),
            5 => reader.field(field, "children", &mut self.children),
            6 => reader.field(field, "name", &mut self.name),
            7 => reader.field(field, "photo", &mut self.photo),
            8 => reader.field(field, "flags", &mut self.flags),
            9 => reader.field(field, "maps", &mut self.maps),
            10 => reader.field(field, "lists", &mut self.lists),
            _ => reader.skip(field),
        })
    }
}

/// What handlers did, in order.
#[derive(Clone, Default)]
pub struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Journal {
    pub fn add(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The most handlers that ever ran at the same time.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn enter(&self) -> Leave {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        Leave(self.running.clone())
    }
}

struct Leave(Arc<AtomicUsize>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The service: see its methods.
#[derive(Clone, Default)]
pub struct Probe {
    pub journal: Journal,
}

const fn method(name: &'static str, oneway: bool) -> Method {
    Method { service: "Probe", name, oneway, idempotent: false }
}

pub static METHODS: [Method; 13] = [
    method("echo", false),
    method("slow", false),
    method("boom", false),
    method("late_boom", false),
    method("post", true),
    method("post_boom", true),
    method("biz", false),
    method("refuse", false),
    method("big", false),
    method("whoami", false),
    method("tree", false),
    method("hog", false),
    method("grow", false),
];

impl Service for Probe {
    fn name(&self) -> &'static str {
        "Probe"
    }

    fn methods(&self) -> &'static [Method] {
        &METHODS
    }

    fn call(&self, method: usize, request: Request) -> HandlerFuture {
        let journal = self.journal.clone();
        match method {
            0 => handle(request, async move |args: Text| {
                journal.add(format!("echo {}", args.text));
                ok(args.text)
            }),
            1 => handle(request, async move |args: Text| slow(journal, args.text).await),
            2 => handle(request, async move |args: Text| -> Reply { panic!("told to: {}", args.text) }),
            3 => handle(request, async move |args: Text| -> Reply {
                tokio::time::sleep(Duration::from_millis(1)).await;
                panic!("told to, later: {}", args.text)
            }),
            4 => handle(request, async move |args: Text| {
                journal.add(format!("post {}", args.text));
                Ok::<_, ServerError>(())
            }),
            5 => handle(request, async move |_: Text| -> Result<(), ServerError> { panic!("told to") }),
            6 => handle(request, async move |args: Text| -> Reply {
                Err(ServerError::Biz(BizError::with_extra(42, args.text, [("k".into(), "v".into())])))
            }),
            7 => handle(request, async move |args: Text| -> Reply {
                let exception = ApplicationException::new(ApplicationKind(1234), args.text);
                Err(ServerError::Application(exception.not_executed()))
            }),
            8 => handle(request, async move |args: Text| {
                let (len, pause) = args.text.split_once('/').unwrap_or((&args.text, ""));
                if !pause.is_empty() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                ok("x".repeat(len.parse().unwrap()).into())
            }),
            9 => handle(request, async move |_: Text| ok(whoami().into())),
            10 => handle(request, async move |args: Node| ok(args.name)),
            11 => handle(request, async move |args: Text| {
                std::thread::sleep(Duration::from_millis(args.text.parse().unwrap()));
                ok(args.text)
            }),
            12 => handle(request, async move |args: Text| {
                Ok::<_, ServerError>(Node::nested(args.text.parse().unwrap()))
            }),
            _ => unknown_method(request),
        }
    }
}

type Reply = Result<FastStr, ServerError>;

fn ok(text: FastStr) -> Reply {
    Ok(text)
}

/// Sleeps so many milliseconds.
async fn slow(journal: Journal, text: FastStr) -> Reply {
    let _leave = journal.enter();
    journal.add(format!("start {text}"));
    tokio::time::sleep(Duration::from_millis(text.parse().unwrap())).await;
    journal.add(format!("end {text}"));
    Ok(text)
}

fn whoami() -> String {
    Context::with_current(|context| {
        context.metainfo_mut().backward.set("seen", "yes");
        let tenant = context.metainfo().and_then(|metainfo| metainfo.persistent.get("TENANT")).cloned();
        let transport = context.peer.as_ref().map(|peer| peer.address.to_string()).unwrap_or_default();
        let transport = transport.split(':').next().unwrap_or_default().to_owned();
        let budget = context.deadline.is_some();
        format!("{}.{} {tenant:?} {transport} {budget}", context.service, context.method)
    })
    .unwrap_or_default()
}

/// A server in the background.
pub struct Running {
    pub address: Address,
    stop: Option<oneshot::Sender<()>>,
    pub task: JoinHandle<()>,
}

impl Running {
    pub fn start(server: BoundServer) -> Self {
        let (stop, stopped) = oneshot::channel();
        let address = server.local_address().clone();
        let task = tokio::spawn(server.serve(async move {
            let _ = stopped.await;
        }));
        Running { address, stop: Some(stop), task }
    }

    pub async fn connect(&self, dialect: Dialect) -> Caller {
        Caller::new(net::connect(&self.address, &connect_options()).await.unwrap(), dialect)
    }

    /// Begins the shutdown.
    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }
}

fn connect_options() -> ConnectOptions {
    ConnectOptions { connect_timeout: Duration::from_secs(5), ..ConnectOptions::default() }
}

/// One connection to a server.
pub struct Caller {
    pub link: Box<dyn Link>,
    dialect: Dialect,
    framer: FixedFramer,
    pub header: Header,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub id: i32,
    pub name: FastStr,
    pub result: Result<FastStr, (i32, String)>,
    pub notes: Notes,
    pub backward: Option<FastStr>,
    pub checksum: bool,
}

impl Answer {
    /// The result, which must be one.
    pub fn text(self) -> FastStr {
        self.result.unwrap()
    }

    /// Type and message of the application exception, which must be one.
    pub fn fault(self) -> (i32, String) {
        self.result.unwrap_err()
    }
}

impl Caller {
    pub fn new(link: Box<dyn Link>, dialect: Dialect) -> Self {
        let framer = FixedFramer::new(dialect, &Limits::default());
        Caller { link, dialect, framer, header: Header::default() }
    }

    /// Lets the server answer out of order.
    pub fn out_of_order(mut self) -> Self {
        self.header.flags |= wire::flag::OUT_OF_ORDER;
        self
    }

    /// Says what Kitex's clients say, and no other.
    pub fn of_kitex(mut self) -> Self {
        self.header.integers.push((meta::keys::TRANSPORT_TYPE, "unframed".into()));
        self
    }

    /// Writes a call without waiting for anything but room.
    pub async fn send(&mut self, kind: MessageKind, name: &str, id: i32, text: &str) {
        let args = Text { text: FastStr::new(text) };
        self.send_value(kind, name, id, args).await.unwrap();
    }

    pub async fn send_value<T: Value>(
        &mut self,
        kind: MessageKind,
        name: &str,
        id: i32,
        args: T,
    ) -> Result<()> {
        let head = MessageHead::new(kind, FastStr::new(name), id);
        let body = Body::Typed(Arc::new(Typed(args)));
        let out = Outgoing { dialect: self.dialect, header: &self.header, head: &head, body: &body };
        let size = out.size(self.link.profile().link_min, &Limits::default())?;
        poll_fn(|cx| self.link.poll_ready(cx, size)).await?;
        self.link.write(size, &mut |span| out.encode(size, span))?;
        poll_fn(|cx| self.link.poll_flush(cx)).await
    }

    /// The bytes of a call.
    pub fn encode(&self, name: &str, id: i32, text: &str) -> Vec<u8> {
        self.encode_value(name, id, Text { text: FastStr::new(text) })
    }

    pub fn encode_value<T: Value>(&self, name: &str, id: i32, args: T) -> Vec<u8> {
        let head = MessageHead::new(MessageKind::Call, FastStr::new(name), id);
        let body = Body::Typed(Arc::new(Typed(args)));
        let out = Outgoing { dialect: self.dialect, header: &self.header, head: &head, body: &body };
        let (size, mut buffer) = (out.size(usize::MAX, &Limits::default()).unwrap(), OutBuf::default());
        buffer.write(size, usize::MAX, &mut |span| out.encode(size, span)).unwrap();
        buffer.to_vec()
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) {
        let size = Size::inline(bytes.len());
        poll_fn(|cx| self.link.poll_ready(cx, size)).await.unwrap();
        let put = &mut |span: &mut Span<'_>| {
            span.put_slice(bytes);
            Ok(())
        };
        self.link.write(size, put).unwrap();
        poll_fn(|cx| self.link.poll_flush(cx)).await.unwrap();
    }

    /// The next answer; `None` at the end of the stream.
    pub async fn receive(&mut self) -> Result<Option<Answer>> {
        let Some(frame) = poll_fn(|cx| self.link.poll_recv(cx, &mut self.framer)).await? else {
            return Ok(None);
        };
        let message = wire::parse(frame, self.dialect, &Limits::default())?;
        let mut context = Context::default();
        let notes =
            message.header.as_ref().map(|header| meta::read_reply(header, &mut context)).unwrap_or_default();
        let backward = context.metainfo().and_then(|metainfo| metainfo.downstream.get("seen")).cloned();
        let result = match message.head.kind {
            MessageKind::Exception => {
                let exception: ApplicationException = decode(&message.body)?;
                Err((exception.kind().0, exception.message().to_string()))
            }
            _ => match decode::<MethodResult<FastStr, Never>>(&message.body)? {
                MethodResult::Ok(text) => Ok(text),
                MethodResult::Err(never) => match never {},
                MethodResult::Missing => Ok(FastStr::empty()),
            },
        };
        let checksum = message.header.is_some_and(|header| header.checksum);
        let MessageHead { sequence_id: id, name, .. } = message.head;
        Ok(Some(Answer { id, name, result, notes, backward, checksum }))
    }

    /// The next answer, which must come.
    pub async fn answer(&mut self) -> Answer {
        self.receive().await.unwrap().expect("an answer, not the end")
    }

    pub async fn call(&mut self, name: &str, id: i32, text: &str) -> Answer {
        self.send(MessageKind::Call, name, id, text).await;
        self.answer().await
    }
}

/// Fails the test instead of hanging it.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time")
}
