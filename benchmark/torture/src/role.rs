//! What this program is as another process: a server, or a client, under the orders of a suite.

use std::{
    io::BufRead,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use faststr::FastStr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Handle, Runtime},
};
use volo_core::{BoxError, Context, shutdown};
use volo_thrift::{ClientBuilder, ClientError, Limits, ServerError, client::Governance, protocol::Protocol};

use crate::{
    idl::{
        Node, Refused, TortureService, TortureServiceClient, TortureServiceRefuseException,
        TortureServiceServer,
    },
    meter::{self, EXECUTED, EXPIRED, Meter, STARTED},
    peer::{ECHOED, echo, framed},
};

/// The word that makes this program a server.
pub const SERVER: &str = "role-server";

/// The word that makes this program a client.
pub const CLIENT: &str = "role-client";

/// The word that makes this program a server of bare sockets.
pub const PLAIN: &str = "role-plain";

/// By how much a deadline may have passed when a handler begins: between the look at the clock and the handler, the
/// thread may have had to wait for a processor.
const GRACE: Duration = Duration::from_millis(50);

/// What suites call.
#[derive(Default)]
struct Handler {
    posted: AtomicI64,
}

/// Counts a call that was served.
fn done<T, E>(result: T) -> Result<T, ServerError<E>> {
    EXECUTED.fetch_add(1, Relaxed);
    Ok(result)
}

impl TortureService for Handler {
    async fn echo(&self, text: FastStr) -> Result<FastStr, ServerError> {
        done(text)
    }

    async fn tree(&self, node: Node) -> Result<Node, ServerError> {
        done(node)
    }

    async fn later(&self, number: i64, delay_ms: i32) -> Result<i64, ServerError> {
        STARTED.fetch_add(1, Relaxed);
        let deadline = Context::with_current(|context| context.deadline).flatten();
        let is_expired = deadline.is_some_and(|deadline| deadline + GRACE < Instant::now());
        EXPIRED.fetch_add(u64::from(is_expired), Relaxed);
        tokio::time::sleep(Duration::from_millis(delay_ms.unsigned_abs().into())).await;
        done(number)
    }

    async fn block(&self, hold_ms: i32) -> Result<i64, ServerError> {
        std::thread::sleep(Duration::from_millis(hold_ms.unsigned_abs().into()));
        done(hold_ms.into())
    }

    async fn big(&self, size: i32) -> Result<FastStr, ServerError> {
        done("x".repeat(size.unsigned_abs() as usize % (8 << 20)).into())
    }

    async fn perhaps(&self, number: i64, panic: i32) -> Result<i64, ServerError> {
        assert!(panic != PANIC, "told to panic");
        if panic == PANIC_LATER {
            tokio::time::sleep(Duration::from_millis(1)).await;
            panic!("told to panic later");
        }
        done(number)
    }

    async fn refuse(&self, reason: FastStr) -> Result<FastStr, ServerError<TortureServiceRefuseException>> {
        EXECUTED.fetch_add(1, Relaxed);
        Err(Refused { reason }.into())
    }

    async fn post(&self, number: i64) -> Result<(), ServerError> {
        self.posted.fetch_add(number, Relaxed);
        done(())
    }

    async fn post_panic(&self, number: i64) -> Result<(), ServerError> {
        panic!("told to panic by {number}")
    }

    async fn posted(&self) -> Result<i64, ServerError> {
        done(self.posted.load(Relaxed))
    }
}

/// Has [`perhaps`](idl::TortureServiceClient::perhaps) panic at once; several bits from 0, so that no flipped bit says it.
pub const PANIC: i32 = 0x1111;

/// The same after a wait.
pub const PANIC_LATER: i32 = 0x2222;

/// Sets what `word` says, as in `message_max=1000`.
fn set(limits: &mut Limits, word: &str) -> Result<(), BoxError> {
    let (name, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is no setting"))?;
    let number: usize = value.parse()?;
    let time = Duration::from_millis(number as u64);
    match name {
        "message_max" => limits.message_max = number,
        "header_timeout_ms" => limits.header_timeout = time,
        "frame_timeout_ms" => limits.frame_timeout = time,
        "write_timeout_ms" => limits.write_timeout = time,
        "idle_timeout_ms" => limits.idle_timeout = time,
        "drain_timeout_ms" => limits.drain_timeout = time,
        "receive_memory_max" => limits.receive_memory_max = Some(number),
        "connections_max" => limits.connections_max = Some(number),
        "concurrency_max" => limits.concurrency_max = Some(number),
        "queue_timeout_ms" => limits.queue_timeout = Some(time),
        _ => return Err(format!("no setting is called `{name}`").into()),
    }
    Ok(())
}

fn runtime() -> Result<Runtime, BoxError> {
    meter::count_panics();
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Serves until SIGTERM, with the limits that `words` set, and at the address if they have one.
pub fn serve(words: impl Iterator<Item = String>) -> Result<bool, BoxError> {
    let (mut limits, mut address) = (Limits::default(), "127.0.0.1:0".to_owned());
    for word in words {
        match word.strip_prefix("address=") {
            Some(text) => address = text.to_owned(),
            None => set(&mut limits, &word)?,
        }
    }
    let runtime = runtime()?;
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let server = TortureServiceServer::new(Handler::default()).limits(limits);
        let server = server.bind(address.as_str()).await?;
        println!("{}", server.local_address().to_string().trim_start_matches("tcp://"));
        let asked = handle.clone();
        std::thread::spawn(move || answer_questions(&asked, |_| None));
        server.serve(shutdown::signal()).await;
        println!("{}", Meter::read(&handle));
        Ok(true)
    })
}

/// Answers every call of `echo` with the text "hello", read and written as plainly as can be: what is lost by this
/// server, too, is lost by the machine and not by ours.
pub fn serve_plainly() -> Result<bool, BoxError> {
    let runtime = runtime()?;
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::thread::spawn(move || answer_questions(&handle, |_| None));
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let mut call = vec![0; framed(&echo(0, "hello")).len()];
                while stream.read_exact(&mut call).await.is_ok() {
                    if stream.write_all(&framed(ECHOED)).await.is_err() {
                        return;
                    }
                }
            });
        }
    })
}

/// Calls the server at the address in `words` when told to, until told nothing more.
///
/// A question `call MODE METHOD` is answered with the outcome in a word or two.
pub fn call(mut words: impl Iterator<Item = String>) -> Result<bool, BoxError> {
    let address = words.next().ok_or("a client needs an address")?;
    let runtime = runtime()?;
    let handle = runtime.handle().clone();
    let clients: Arc<Vec<(&str, TortureServiceClient)>> =
        Arc::new(MODES.iter().map(|(name, setting)| (*name, setting(client(&address)).build())).collect());
    println!("ready");
    answer_questions(&handle, |question| {
        let (mode, method) = question.strip_prefix("call ")?.split_once(' ')?;
        let (_, client) = clients.iter().find(|(name, _)| *name == mode)?;
        Some(handle.block_on(outcome(client, method)))
    });
    Ok(true)
}

type Setting = fn(ClientBuilder<TortureServiceClient>) -> ClientBuilder<TortureServiceClient>;

/// The ways a client can be set up, by name.
pub const MODES: [(&str, Setting); 6] = [
    ("ttheader", |builder| builder),
    ("pingpong", |builder| builder.pingpong()),
    ("framed", |builder| builder.framed()),
    ("buffered", |builder| builder.buffered()),
    ("compact", |builder| builder.framed().protocol(Protocol::Compact)),
    ("mux", |builder| builder.mux(1)),
];

fn client(address: &str) -> ClientBuilder<TortureServiceClient> {
    let mut limits = Limits::default();
    limits.message_max = 1 << 20;
    ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(address)
        .limits(limits)
        .rpc_timeout(Duration::from_millis(400))
        .connect_timeout(Duration::from_secs(2))
}

/// How a call ended.
async fn outcome(client: &TortureServiceClient, method: &str) -> String {
    match method {
        "flood" => flood(client),
        "tree" => word(client.tree(Node::default()).await.map(|_| ())),
        _ => word(client.echo("alive".into()).await.map(|_| ())),
    }
}

/// Calls for large replies from now on.
fn flood(client: &TortureServiceClient) -> String {
    for _ in 0..16 {
        let client = client.clone();
        tokio::spawn(async move { while client.big(200_000).await.is_ok() {} });
    }
    "ok".to_owned()
}

fn word(result: Result<(), ClientError>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(ClientError::Application(exception)) => format!("exception {}", exception.kind().0),
        Err(ClientError::Rpc(error)) => format!("{:?}", error.kind()).to_lowercase(),
        Err(error) => error.to_string(),
    }
}

/// Answers what is asked on standard input until its end, which also ends the process.
fn answer_questions(runtime: &Handle, mut further: impl FnMut(&str) -> Option<String>) {
    for question in std::io::stdin().lock().lines().map_while(Result::ok) {
        match question.as_str() {
            "meter" => println!("{}", Meter::read(runtime)),
            "mark" => {
                heap_meter::mark();
                println!("marked");
            }
            question => println!("{}", further(question).unwrap_or_else(|| format!("what is `{question}`?"))),
        }
    }
    std::process::exit(0)
}
