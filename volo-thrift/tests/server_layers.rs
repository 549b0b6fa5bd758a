//! Any tower layer plugs into a server.

mod server_support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use server_support::{FRAMED, Probe, Running, TTHEADER, Text, soon};
use tower::{
    Service, ServiceBuilder, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer, timeout::TimeoutLayer,
    util::ServiceFn,
};
use volo_core::{BoxError, Request, Response, layers::logging::LoggingLayer};
use volo_thrift::{Server, protocol::Typed, wire::MessageKind};

#[tokio::test]
async fn tower_s_timeout_ends_a_call_and_not_the_connection() {
    let probe = Probe::default();
    let server = Server::new().add_service(probe.clone()).layer(TimeoutLayer::new(Duration::from_millis(20)));
    let running = Running::start(server.bind("127.0.0.1:0").await.unwrap());
    let mut caller = running.connect(FRAMED).await;
    let (kind, text) = soon(caller.call("slow", 1, "60000")).await.fault();
    assert_eq!((kind, text.as_str()), (120, "a timeout layer gave the call up"));
    assert_eq!(soon(caller.call("slow", 2, "1")).await.text(), "1");
    assert_eq!(probe.journal.lines(), ["start 60000", "start 1", "end 1"]);
}

#[tokio::test]
async fn tower_s_concurrency_limit_makes_calls_wait_and_idle_connections_hold_no_permit() {
    let probe = Probe::default();
    let server = Server::new().add_service(probe.clone()).layer(ConcurrencyLimitLayer::new(2));
    let running = Running::start(server.bind("127.0.0.1:0").await.unwrap());
    let mut callers = Vec::new();
    for id in 0..6 {
        let mut caller = running.connect(TTHEADER).await;
        caller.send(MessageKind::Call, "slow", id, "5").await;
        callers.push(caller);
    }
    for caller in &mut callers {
        assert_eq!(soon(caller.answer()).await.text(), "5");
    }
    assert_eq!(probe.journal.most(), 2);
    assert_eq!(soon(callers[0].call("slow", 7, "1")).await.text(), "1", "though all are connected still");
}

#[tokio::test]
async fn tower_s_load_shed_refuses_what_was_not_executed() {
    let probe = Probe::default();
    let layers = ServiceBuilder::new().layer(LoadShedLayer::new()).layer(ConcurrencyLimitLayer::new(1));
    let server = Server::new().add_service(probe.clone()).layer(layers);
    let running = Running::start(server.bind("127.0.0.1:0").await.unwrap());
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    caller.send(MessageKind::Call, "slow", 1, "30").await;
    let refused = soon(caller.call("echo", 2, "too much")).await;
    assert!(refused.id == 2 && refused.notes.not_executed);
    assert_eq!(refused.fault(), (121, "a load-shed layer refused the call".to_owned()));
    assert_eq!(soon(caller.answer()).await.id, 1);
    assert_eq!(soon(caller.call("echo", 3, "fits")).await.text(), "fits");
    assert_eq!(probe.journal.lines(), ["start 30", "end 30", "echo fits"]);
}

/// A layer that knows the arguments of one method, notes the order of layers, and refuses by an error of its own.
fn note<S>(
    name: &'static str,
    notes: &Arc<Mutex<Vec<String>>>,
) -> impl tower::Layer<
    S,
    Service: Service<Request, Response = Response, Error = BoxError, Future: Send>
                 + Clone
                 + Send
                 + Sync
                 + 'static,
> + use<S>
where
    S: Service<Request, Response = Response, Future: Send> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
{
    let notes = notes.clone();
    tower::layer::layer_fn(move |inner: S| -> ServiceFn<_> {
        let notes = notes.clone();
        tower::service_fn(move |mut request: Request| {
            let (mut inner, notes) = (inner.clone(), notes.clone());
            async move {
                let method = request.context.method.clone();
                let text = match request.args::<Typed<Text>>() {
                    Ok(Typed(args)) => args.text.clone(),
                    Err(error) => return Err(error.into()),
                };
                notes.lock().unwrap().push(format!("{name} {method} {text}"));
                if text == name {
                    return Err(BoxError::from("not on my watch"));
                }
                std::future::poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
                inner.call(request).await.map_err(Into::into)
            }
        })
    })
}

#[tokio::test]
async fn the_first_layer_added_sees_a_request_first() {
    let (probe, notes) = (Probe::default(), Arc::default());
    let server = Server::new()
        .add_service(probe.clone())
        .layer(LoggingLayer::default())
        .layer(note("outer", &notes))
        .layer(note("inner", &notes))
        .layer(LoggingLayer::default());
    let running = Running::start(server.bind("127.0.0.1:0").await.unwrap());
    let mut caller = running.connect(FRAMED).await;
    assert_eq!(soon(caller.call("echo", 1, "hi")).await.text(), "hi");
    let (kind, text) = soon(caller.call("echo", 2, "inner")).await.fault();
    assert_eq!((kind, text.as_str()), (6, "a layer failed: not on my watch"));
    let notes: Vec<String> = notes.lock().unwrap().clone();
    assert_eq!(notes, ["outer echo hi", "inner echo hi", "outer echo inner", "inner echo inner"]);
    assert_eq!(probe.journal.lines(), ["echo hi"]);
}
