//! A service on our own server, for what needs both ends.

use std::time::Duration;

use tokio::sync::oneshot;
use volo_core::{Address, Context, Request};
use volo_thrift::{
    BizError, HandlerFuture, Method, Never, Server, ServerError, Service,
    handler::{handle, unknown_method},
    protocol::MethodResult,
};

use super::{ECHO, NOTE, Plain, echo};

type Args = MethodResult<i64, Never>;

pub static SLOW: Method = Method { service: "Echo", name: "slow", oneway: false, idempotent: false };
pub static FAIL: Method = Method { service: "Echo", name: "fail", oneway: false, idempotent: false };
pub static BUDGET: Method = Method { service: "Echo", name: "budget", oneway: false, idempotent: false };
pub static FORWARD: Method = Method { service: "Echo", name: "forward", oneway: false, idempotent: false };
static METHODS: [Method; 6] = [ECHO, NOTE, SLOW, FAIL, BUDGET, FORWARD];

/// Numbers in, numbers out; `forward` asks the next service.
#[derive(Clone, Default)]
pub struct Echo {
    pub next: Option<Plain>,
}

fn number(args: Args) -> i64 {
    match args {
        MethodResult::Ok(number) => number,
        _ => 0,
    }
}

type Outcome = Result<i64, ServerError<Never>>;

impl Service for Echo {
    fn name(&self) -> &'static str {
        "Echo"
    }

    fn methods(&self) -> &'static [Method] {
        &METHODS
    }

    fn call(&self, method: usize, request: Request) -> HandlerFuture {
        let echo = self.clone();
        match method {
            0 => handle(request, async move |args: Args| -> Outcome { Ok(number(args)) }),
            1 => handle(request, async move |_: Args| -> Result<(), ServerError<Never>> { Ok(()) }),
            2 => handle(request, async move |args: Args| -> Outcome {
                tokio::time::sleep(Duration::from_millis(number(args).unsigned_abs())).await;
                Ok(0)
            }),
            3 => handle(request, fail),
            4 => handle(request, budget),
            5 => handle(request, async move |args: Args| -> Outcome { echo.forward(number(args)).await }),
            _ => unknown_method(request),
        }
    }
}

async fn fail(args: Args) -> Outcome {
    match number(args) {
        0 => panic!("a handler that panics"),
        1 => Err(BizError::new(7, "sold out"))?,
        _ => Err(std::io::Error::other("broken"))?,
    }
}

/// Milliseconds left, or -1.
async fn budget(_: Args) -> Outcome {
    let deadline = Context::with_current(|context| context.deadline).flatten();
    let left =
        deadline.map(|deadline| tokio::time::Instant::from_std(deadline) - tokio::time::Instant::now());
    Ok(left.map_or(-1, |left| left.as_millis() as i64))
}

impl Echo {
    /// Calls the next service, if there is one; the last one reports what metainfo has come so far.
    async fn forward(&self, number: i64) -> Outcome {
        let Some(next) = &self.next else {
            Context::with_current(|context| {
                let metainfo = context.metainfo_mut();
                let text = |key| metainfo.persistent.get(key).or(metainfo.upstream.get(key)).cloned();
                let seen = [text("trace"), text("hop")].map(Option::unwrap_or_default).join("+");
                metainfo.backward.set("seen", seen);
            });
            return Ok(number);
        };
        let reply = super::call_number(next, &FORWARD, number).await?;
        Context::with_current(|context| {
            let metainfo = context.metainfo_mut();
            let seen = metainfo.downstream.get("seen").cloned().unwrap_or_default();
            metainfo.backward.set("seen", format!("{seen}!"));
        });
        Ok(reply + 1)
    }
}

/// A server that stops when this is dropped.
pub struct Running {
    pub address: Address,
    _stop: oneshot::Sender<()>,
}

/// Serves `service` at `address`.
pub async fn serve(service: Echo, address: &str) -> Running {
    let server = Server::new().add_service(service).bind(address).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let address = server.local_address().clone();
    tokio::spawn(server.serve(async { drop(stopped.await) }));
    Running { address, _stop: stop }
}

/// Makes sure that the server answers.
pub async fn ready(client: &Plain) {
    echo(client, 1).await.unwrap();
}
