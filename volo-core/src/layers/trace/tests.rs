use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::Mutex,
    time::Duration,
};

use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::{Address, Body, Context, DecodeLimits, ErrorKind, Format, Outcome, Peer, Raw, Stage};

fn raw(bytes: &'static [u8]) -> Body {
    let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
    Body::Raw(Raw { format: Format(0), bytes: bytes.into(), limits })
}

fn request(method: &'static str) -> Request {
    Request::new(Context::new("Shop", method), raw(b"12345"))
}

async fn serve(mut request: Request) -> Result<Response> {
    let outcome = match request.context.method.as_str() {
        "list" => Outcome::Success,
        "find" => Outcome::Declared(1),
        "status" => Outcome::Business(7),
        "none" => Outcome::Failed(1),
        "wait" => pending().await,
        "panic" => panic!("on purpose"),
        _ => return Err(Error::timeout("too slow")),
    };
    let address: Address = "127.0.0.1:7".parse().unwrap();
    request.context.peer = Some(Arc::new(Peer::new(address)));
    if let Some(stages) = request.context.stages() {
        stages.mark(Stage::Connected);
        stages.set_request_bytes(99);
    }
    Ok(Response::new(request.into_context(), raw(b"123"), outcome))
}

type Lines = Arc<Mutex<Vec<String>>>;

fn lines() -> (Lines, impl Tracer) {
    let lines = Lines::default();
    let log = lines.clone();
    let tracer = stats_fn(move |stats| {
        let peer = stats.peer.map(|peer| peer.address.to_string()).unwrap_or_default();
        let sizes = (stats.request_bytes, stats.response_bytes);
        let stage = stats.stages.map(|stages| stages.reached(Stage::Connected) <= Some(stats.duration));
        let Stats { side, service, method, .. } = stats;
        let line = format!("{side} {service}.{method} {} {peer} {sizes:?} {stage:?}", stats.status());
        log.lock().unwrap().push(line);
    });
    (lines, tracer)
}

async fn run(layer: TraceLayer<impl Tracer>, method: &'static str) {
    let service = ServiceBuilder::new().layer(layer).service(service_fn(serve));
    let call = tokio::spawn(tokio::time::timeout(Duration::from_millis(1), service.oneshot(request(method))));
    let _ = call.await;
}

#[tokio::test(start_paused = true)]
async fn every_ending_is_told_once() {
    let (lines, tracer) = lines();
    let layer = TraceLayer::client(tracer);
    for method in ["list", "find", "status", "none", "late", "wait", "panic"] {
        run(layer.clone(), method).await;
    }
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "client Shop.list OK 127.0.0.1:7 (Some(5), Some(3)) None",
            "client Shop.find EXCEPTION 127.0.0.1:7 (Some(5), Some(3)) None",
            "client Shop.status BIZ_ERROR 127.0.0.1:7 (Some(5), Some(3)) None",
            "client Shop.none UNKNOWN_METHOD 127.0.0.1:7 (Some(5), Some(3)) None",
            "client Shop.late TIMEOUT  (Some(5), None) None",
            "client Shop.wait CANCELLED  (Some(5), None) None",
            "client Shop.panic PANIC  (Some(5), None) None",
        ]
    );
}

#[tokio::test]
async fn the_level_changes_while_calls_go_on() {
    let (lines, tracer) = lines();
    let layer = TraceLayer::server(tracer).level(Level::Off);
    let handle = layer.handle();
    run(layer.clone(), "list").await;
    assert!(lines.lock().unwrap().is_empty());
    handle.set(Level::Detailed);
    run(layer.clone(), "list").await;
    assert_eq!(handle.get(), Level::Detailed);
    assert_eq!(
        *lines.lock().unwrap(),
        ["server Shop.list OK 127.0.0.1:7 (Some(5), Some(3)) Some(true)"],
        "the size that the frame had comes before what a transport says"
    );
}

#[tokio::test]
async fn two_tracers_are_one() {
    let (first, one) = lines();
    let (second, other) = lines();
    run(TraceLayer::server((one, other)), "list").await;
    assert_eq!(*first.lock().unwrap(), *second.lock().unwrap());
    assert_eq!(first.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn any_layer_s_error_is_classified() {
    let (lines, tracer) = lines();
    let full = service_fn(|_: Request| {
        ready(Err::<Response, BoxError>(Box::new(tower::load_shed::error::Overloaded::new())))
    });
    let service = ServiceBuilder::new().layer(TraceLayer::server(tracer)).service(full);
    let error = service.oneshot(request("list")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(lines.lock().unwrap()[0].contains("OVERLOADED"));
}

/// A server that is called by a handler of another one, both traced.
#[tokio::test]
async fn a_trace_goes_through_a_handler() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let backend = service_fn(move |mut request: Request| {
        let metainfo = request.context.metainfo_mut();
        metainfo.upstream = std::mem::take(&mut metainfo.transient);
        log.lock().unwrap().push(TraceContext::received(&request.context).unwrap());
        let body = request.body().clone();
        ready(Ok::<_, Infallible>(Response::new(request.into_context(), body, Outcome::Success)))
    });
    let client = TraceLayer::client(SpanTracer).layer(backend);
    let handler = service_fn(move |request: Request| {
        let client = client.clone();
        async move {
            let body = request.body().clone();
            let (context, reply) = request
                .into_context()
                .scope(client.oneshot(Request::new(Context::new("Stock", "get"), body)))
                .await;
            reply.map(|reply| Response::new(context, reply.into_body(), Outcome::Success))
        }
    });
    let server = TraceLayer::server(SpanTracer).layer(handler);
    let caller = TraceContext::root();
    let mut incoming = request("list");
    incoming.context.metainfo_mut().upstream.set("traceparent", caller.to_string());
    let response = server.oneshot(incoming).await.unwrap();
    let here = *response.context.extension::<TraceContext>().unwrap();
    let [sent] = seen.lock().unwrap()[..] else { panic!("one call") };
    assert_eq!((caller.trace_id, here.trace_id), (here.trace_id, sent.trace_id));
    assert!(caller.span_id != here.span_id && here.span_id != sent.span_id);
}
