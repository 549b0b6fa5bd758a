//! What Prometheus reads after some calls.
#![cfg(feature = "prometheus")]

use std::{net::TcpListener, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::{Layer, ServiceExt, service_fn};
use volo_core::{
    Address, Attempt, Body, Context, DecodeLimits, Error, Format, Outcome, Peer, Raw, Request, Response,
    layers::trace::TraceLayer,
};
use volo_telemetry::{MetricsTracer, prometheus};

fn request(method: &'static str) -> Request {
    let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
    let body = Body::Raw(Raw { format: Format(0), bytes: b"12345"[..].into(), limits });
    Request::new(Context::new("Shop", method), body)
}

async fn serve(mut request: Request) -> Result<Response, Error> {
    if request.context.method == "late" {
        return Err(Error::timeout("too slow"));
    }
    let address: Address = "127.0.0.1:7".parse().unwrap();
    request.context.peer = Some(Arc::new(Peer::new(address)));
    let body = request.body().clone();
    Ok(Response::new(request.into_context(), body, Outcome::Success))
}

async fn scrape(address: std::net::SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    text
}

/// All in one test: the facade has one recorder per process.
#[tokio::test]
async fn calls_and_attempts_are_counted_and_served() {
    // Asked for a free port, which nobody else on this machine takes in between but by bad luck.
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free();
    prometheus::install(address).unwrap();
    let server = TraceLayer::server(MetricsTracer::calls()).layer(service_fn(serve));
    let attempts = TraceLayer::client(MetricsTracer::attempts()).layer(service_fn(serve));
    for method in ["list", "list", "late"] {
        let _ = server.clone().oneshot(request(method)).await;
    }
    let mut again = request("list");
    again.context.attempt = Attempt::first(false).further(1);
    attempts.oneshot(again).await.unwrap();

    let text = scrape(address).await;
    let value = |start: &str, labels: &[&str]| {
        let line = text
            .lines()
            .find(|line| line.starts_with(start) && labels.iter().all(|label| line.contains(label)));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    let count = "rpc_server_call_duration_seconds_count";
    let ok = [r#"rpc_method="Shop/list""#, r#"rpc_response_status_code="OK""#];
    assert_eq!(value(count, &ok).as_deref(), Some("2"), "{text}");
    assert!(
        !text
            .lines()
            .any(|line| line.starts_with(count) && line.contains("OK") && line.contains("error_type"))
    );
    assert_eq!(value(count, &[r#"rpc_method="Shop/late""#, r#"error_type="TIMEOUT""#]).as_deref(), Some("1"));
    assert_eq!(value("rpc_server_call_active", &[r#"rpc_method="Shop/list""#]).as_deref(), Some("0"));
    assert_eq!(
        value("rpc_server_call_received_bytes", &[r#"rpc_method="Shop/list""#]).as_deref(),
        Some("10")
    );
    let retried = [r#"rpc_attempt="retry""#, r#"server_address="127.0.0.1:7""#];
    assert_eq!(value("rpc_client_attempt_duration_seconds_count", &retried).as_deref(), Some("1"), "{text}");
    let fastest = [r#"le="0.000025""#, r#"rpc_method="Shop/list""#];
    assert!(value("rpc_server_call_duration_seconds_bucket", &fastest).is_some(), "{text}");

    let error = prometheus::install(free()).unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
}
