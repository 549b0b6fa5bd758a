//! Layers of tower and of users around a client, outside and inside.

mod client_peer;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use client_peer::{
    Plain, call_number, client_of, echo,
    service::{Echo, Running, SLOW, serve},
};
use tokio::{task::JoinSet, time::Instant};
use tower::{
    Layer, Service, ServiceBuilder, layer::layer_fn, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer,
    timeout::TimeoutLayer, util::MapErrLayer,
};
use volo_core::{Error, ErrorKind, Origin, Request, Response, layers::reject::RejectLayer};
use volo_thrift::{
    ClientBuilder,
    client::{CallOpt, ClientService, Governance},
};

async fn server() -> (Running, ClientBuilder<Plain>, ClientBuilder<Plain>) {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    let builder = |mux| client_of(server.address.clone()).mux(mux).rpc_timeout(Duration::from_secs(10));
    let (pingpong, mux) = (builder(0), builder(1));
    (server, pingpong, mux)
}

#[tokio::test]
async fn a_timeout_of_tower_is_a_timeout_of_ours() {
    let (_server, pingpong, mux) = server().await;
    let layer = || TimeoutLayer::new(Duration::from_millis(50));
    for client in [pingpong.layer_outer(layer()).build(), mux.layer_inner(layer()).build()] {
        let error = call_number(&client, &SLOW, 5000).await.unwrap_err();
        assert!(error.is_timeout() && error.as_rpc().unwrap().origin() == Origin::Local, "{error:?}");
        echo(&client, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_concurrency_limit_makes_calls_wait() {
    let (_server, pingpong, mux) = server().await;
    let layer = || ConcurrencyLimitLayer::new(2);
    for client in [pingpong.layer_inner(layer()).build(), mux.layer_outer(layer()).build()] {
        let start = Instant::now();
        let call = |_| {
            let client = client.clone();
            async move { call_number(&client, &SLOW, 30).await }
        };
        let calls: JoinSet<_> = (0..6).map(call).collect();
        calls.join_all().await.into_iter().for_each(|call| assert!(call.is_ok()));
        assert!(start.elapsed() >= Duration::from_millis(90), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_permit_ends_with_a_call_that_goes_no_further() {
    let (_server, pingpong, _) = server().await;
    // Made ready from outside to inside, so the permit is taken, but the call does not get there.
    let reject =
        RejectLayer::new(|request: &Request| (&*request.context.method == SLOW.name).then(|| "no".into()));
    let builder = pingpong.rpc_timeout(Duration::from_secs(1)).layer_outer(reject);
    let client = builder.layer_outer(ConcurrencyLimitLayer::new(1)).build();
    call_number(&client, &SLOW, 0).await.unwrap_err();
    let other = Plain(client.0.with_callopt(CallOpt::default()));
    echo(&other, 1).await.unwrap();
    echo(&client, 2).await.unwrap();
}

#[tokio::test]
async fn waits_for_a_layer_end_at_the_deadline() {
    let (_server, pingpong, _) = server().await;
    let client =
        pingpong.layer_outer(ConcurrencyLimitLayer::new(1)).rpc_timeout(Duration::from_millis(200)).build();
    let first = tokio::spawn({
        let client = client.clone();
        async move { call_number(&client, &SLOW, 5000).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    // Its time runs from now, though it gets past the limit only when the first call ends.
    let second = call_number(&client, &SLOW, 5000).await.unwrap_err();
    assert!(second.is_timeout() && start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
    assert!(first.await.unwrap().unwrap_err().is_timeout());
}

#[tokio::test]
async fn load_shed_refuses_what_a_limit_does_not_take() {
    let (_server, pingpong, mux) = server().await;
    let layer = || {
        ServiceBuilder::new().layer(LoadShedLayer::new()).layer(ConcurrencyLimitLayer::new(1)).into_inner()
    };
    for client in [pingpong.layer_outer(layer()).build(), mux.layer_inner(layer()).build()] {
        let slow = tokio::spawn({
            let client = client.clone();
            async move { call_number(&client, &SLOW, 200).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let error = echo(&client, 1).await.unwrap_err();
        assert!(error.is_overloaded(), "{error:?}");
        assert!(slow.await.unwrap().is_ok());
        echo(&client, 2).await.unwrap();
    }
}

/// Notes its name whenever a request passes.
fn noting(
    name: &'static str,
    notes: &Arc<Mutex<Vec<&'static str>>>,
) -> impl Layer<ClientService, Service = Noting> + use<> {
    let notes = notes.clone();
    layer_fn(move |inner| Noting { inner, name, notes: notes.clone() })
}

#[derive(Clone)]
struct Noting {
    inner: ClientService,
    name: &'static str,
    notes: Arc<Mutex<Vec<&'static str>>>,
}

impl Service<Request> for Noting {
    type Response = Response;
    type Error = Error;
    type Future = <ClientService as Service<Request>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(request.context.deadline.is_some() && request.context.peer.is_some());
        self.notes.lock().unwrap().push(self.name);
        self.inner.call(request)
    }
}

#[tokio::test]
async fn outer_layers_come_first_and_each_group_in_the_order_it_was_added() {
    let (_server, pingpong, _) = server().await;
    let notes = Arc::new(Mutex::new(Vec::new()));
    let client = pingpong
        .layer_inner(noting("inner 1", &notes))
        .layer_outer(noting("outer 1", &notes))
        .layer_inner(noting("inner 2", &notes))
        .layer_outer(noting("outer 2", &notes))
        .build();
    echo(&client, 1).await.unwrap();
    assert_eq!(*notes.lock().unwrap(), ["outer 1", "outer 2", "inner 1", "inner 2"]);
}

#[tokio::test]
async fn errors_of_any_kind_become_ours_and_ours_stay() {
    let (_server, pingpong, mux) = server().await;
    #[derive(Debug)]
    struct Own;
    impl std::fmt::Display for Own {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("own")
        }
    }
    impl std::error::Error for Own {}
    let timeout = || TimeoutLayer::new(Duration::from_millis(20));
    let other = pingpong.layer_inner(timeout()).layer_outer(MapErrLayer::new(|_: Error| Own)).build();
    let error = call_number(&other, &SLOW, 5000).await.unwrap_err();
    let error = error.as_rpc().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(std::error::Error::source(error).unwrap().is::<Own>());
    let same = mux.layer_inner(timeout()).layer_outer(MapErrLayer::new(|error: Error| error)).build();
    assert!(call_number(&same, &SLOW, 5000).await.unwrap_err().is_timeout());
}

/// Sends each request again until it works.
#[derive(Clone)]
struct Again(ClientService, Arc<AtomicUsize>);

impl Service<Request> for Again {
    type Response = Response;
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut inner, attempts) = (self.0.clone(), self.1.clone());
        std::mem::swap(&mut inner, &mut self.0);
        Box::pin(async move {
            loop {
                attempts.fetch_add(1, Ordering::Relaxed);
                match inner.call(request.clone()).await {
                    Err(error) if error.is_connect() => {
                        std::future::poll_fn(|cx| inner.poll_ready(cx)).await?
                    }
                    result => return result,
                }
            }
        })
    }
}

#[tokio::test]
async fn a_layer_can_send_a_request_again() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    // A breaker would end what the layer is to go on with.
    let client = client_of(address.into())
        .governance(Governance::none())
        .layer_outer(layer_fn(move |inner| Again(inner, counted.clone())))
        .build();
    let call = tokio::spawn(async move { echo(&client, 1).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let _server = serve(Echo::default(), &address.to_string()).await;
    call.await.unwrap().unwrap();
    assert!(attempts.load(Ordering::Relaxed) > 1);
}
