//! tonic's server and client: all calls on one HTTP/2 connection.

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll},
};

use peer_harness::rpc::{
    self, Endpoint, Load, Outcome, SLEEP, SLEEPY_LEN, SLEEPY_SEQUENCE, TIMEOUT, Work, check_echo, drive,
    sequence,
};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    client::Grpc,
    codegen::{Service, http, http::uri::PathAndQuery},
    server::{Grpc as ServerGrpc, NamedService, UnaryService},
    transport::{Endpoint as Target, Server},
};
use tonic_prost::ProstCodec;

use crate::messages::{EchoReply, EchoRequest};

const PATH: &str = "/bench.Echo/Echo";

/// Serves until the process ends.
///
/// # Errors
/// When it can't listen.
pub async fn serve(endpoint: &Endpoint) -> Result<(), String> {
    let server = Server::builder().tcp_nodelay(true).add_service(Echo);
    let served = match endpoint {
        Endpoint::Tcp(address) => server.serve(*address).await,
        Endpoint::Unix(path) => {
            let listener = UnixListener::bind(path).map_err(|error| error.to_string())?;
            server.serve_with_incoming(UnixListenerStream::new(listener)).await
        }
    };
    served.map_err(|error| error.to_string())
}

/// Runs a load.
///
/// # Errors
/// When a call fails or has a wrong reply.
pub async fn load(endpoint: &Endpoint, load: &Load) -> Result<Outcome, String> {
    let len = match load.work {
        Work::Echo(len) => len,
        Work::Sleepy => SLEEPY_LEN,
        work => return Err(format!("tonic is not measured with {work}")),
    };
    let scheme = if matches!(endpoint, Endpoint::Unix(_)) { "unix" } else { "http" };
    let channel = Target::from_shared(format!("{scheme}://{endpoint}")).map_err(|error| error.to_string())?;
    let channel = channel.tcp_nodelay(true).connect_timeout(TIMEOUT).timeout(TIMEOUT);
    let channel = channel.connect().await.map_err(|error| error.to_string())?;
    let (work, message) = (load.work, rpc::text(len));
    let call = move |number| {
        let sequence = sequence(work, number);
        let (mut client, message) =
            (Grpc::new(channel.clone()).max_decoding_message_size(usize::MAX), message.clone());
        async move {
            client.ready().await.map_err(|error| error.to_string())?;
            let request = Request::new(EchoRequest { f1: message, f2: Some(sequence) });
            let codec = ProstCodec::<EchoRequest, EchoReply>::default();
            let reply = client.unary(request, PathAndQuery::from_static(PATH), codec).await;
            let reply = reply.map_err(|error| error.to_string())?.into_inner();
            check_echo((len, sequence), (reply.f1.len(), reply.f2))
        }
    };
    drive(load, call).await
}

#[derive(Clone)]
struct Echo;

type Reply<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Reply<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            return Box::pin(ready(Ok(Status::unimplemented("there is only Echo").into_http())));
        }
        Box::pin(async move {
            let codec = ProstCodec::<EchoReply, EchoRequest>::default();
            Ok(ServerGrpc::new(codec).max_decoding_message_size(usize::MAX).unary(Handler, request).await)
        })
    }
}

struct Handler;

impl UnaryService<EchoRequest> for Handler {
    type Response = EchoReply;
    type Future = Reply<Response<EchoReply>, Status>;

    fn call(&mut self, request: Request<EchoRequest>) -> Self::Future {
        Box::pin(async move {
            let EchoRequest { f1, f2 } = request.into_inner();
            if f2 == Some(SLEEPY_SEQUENCE) {
                tokio::time::sleep(SLEEP).await;
            }
            Ok(Response::new(EchoReply { f1, f2 }))
        })
    }
}
