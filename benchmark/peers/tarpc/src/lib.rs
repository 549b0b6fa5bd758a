//! tarpc under test: bincode over one connection that all calls share.

use std::time::Instant;

use futures::{Sink, Stream, StreamExt, future};
use peer_harness::rpc::{
    self, Endpoint, Load, Outcome, SLEEP, SLEEPY_LEN, SLEEPY_SEQUENCE, TIMEOUT, Work, check_echo, drive,
    sequence,
};
use tarpc::{
    ClientMessage, Response, client,
    context::{self, Context},
    serde_transport::{tcp, unix},
    server::{BaseChannel, Channel},
    tokio_serde::formats::Bincode,
};

/// Room for a text of 16 MiB with all that is around it.
const FRAME_MAX: usize = 32 << 20;

#[tarpc::service]
trait Bench {
    /// Gives the message back.
    async fn echo(message: String, sequence: Option<i64>) -> (String, Option<i64>);
}

#[derive(Clone)]
struct Handler;

impl Bench for Handler {
    async fn echo(self, _: Context, message: String, sequence: Option<i64>) -> (String, Option<i64>) {
        if sequence == Some(SLEEPY_SEQUENCE) {
            tokio::time::sleep(SLEEP).await;
        }
        (message, sequence)
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When it can't listen.
pub async fn serve(endpoint: &Endpoint) -> Result<(), String> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let mut incoming =
                tcp::listen(address, Bincode::default).await.map_err(|error| error.to_string())?;
            incoming.config_mut().max_frame_length(FRAME_MAX);
            let ready = incoming.filter_map(|transport| future::ready(transport.ok()));
            let ready = ready.inspect(|transport| drop(transport.get_ref().set_nodelay(true)));
            ready.for_each(|transport| future::ready(connection(transport))).await;
        }
        Endpoint::Unix(path) => {
            let mut incoming =
                unix::listen(path, Bincode::default).await.map_err(|error| error.to_string())?;
            incoming.config_mut().max_frame_length(FRAME_MAX);
            let ready = incoming.filter_map(|transport| future::ready(transport.ok()));
            ready.for_each(|transport| future::ready(connection(transport))).await;
        }
    }
    Ok(())
}

fn connection<T, E>(transport: T)
where
    T: Stream<Item = Result<ClientMessage<BenchRequest>, E>>
        + Sink<Response<BenchResponse>, Error = E>
        + Send
        + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let calls = BaseChannel::with_defaults(transport).execute(Handler.serve());
    tokio::spawn(calls.for_each(|call| {
        tokio::spawn(call);
        future::ready(())
    }));
}

/// Runs a load.
///
/// # Errors
/// When a call fails or has a wrong reply.
pub async fn load(endpoint: &Endpoint, load: &Load) -> Result<Outcome, String> {
    let len = match load.work {
        Work::Echo(len) => len,
        Work::Sleepy => SLEEPY_LEN,
        work => return Err(format!("tarpc is not measured with {work}")),
    };
    let mut config = client::Config::default();
    config.max_in_flight_requests = 10_000;
    config.pending_request_buffer = 10_000;
    let client = match endpoint {
        Endpoint::Tcp(address) => {
            let mut connect = tcp::connect(address, Bincode::default);
            connect.config_mut().max_frame_length(FRAME_MAX);
            let transport = connect.await.map_err(|error| error.to_string())?;
            transport.get_ref().set_nodelay(true).map_err(|error| error.to_string())?;
            BenchClient::new(config, transport).spawn()
        }
        Endpoint::Unix(path) => {
            let mut connect = unix::connect(path, Bincode::default);
            connect.config_mut().max_frame_length(FRAME_MAX);
            BenchClient::new(config, connect.await.map_err(|error| error.to_string())?).spawn()
        }
    };
    let (work, message) = (load.work, rpc::text(len));
    let call = move |number| {
        let sequence = sequence(work, number);
        let (client, message) = (client.clone(), message.clone());
        async move {
            let mut context = context::current();
            context.deadline = Instant::now() + TIMEOUT;
            let reply =
                client.echo(context, message, Some(sequence)).await.map_err(|error| error.to_string())?;
            check_echo((len, sequence), (reply.0.len(), reply.1))
        }
    };
    drive(load, call).await
}
