//! Spans arrive at a collector, under the trace that the caller named.
#![cfg(feature = "otel")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::layer::SubscriberExt;
use volo_core::{
    Body, Context, DecodeLimits, Error, Format, Outcome, Raw, Request, Response,
    layers::trace::{TraceContext, TraceLayer},
};
use volo_telemetry::otel::{self, OtelTracer};

/// Takes one request of a client, answers it, and gives its body.
fn collect(listener: &TcpListener) -> Vec<u8> {
    let (mut socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
            if bytes.len() >= head + length.trim().parse::<usize>().unwrap() {
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                return bytes.split_off(head);
            }
        }
        let count = socket.read(&mut chunk).unwrap();
        assert!(count > 0, "the exporter closed in the middle of a request");
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_span_reaches_the_collector() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let collector = thread::spawn(move || collect(&listener));

    let caller = TraceContext::root();
    let (exporting, layer) = otel::layer("catalogue", &endpoint).unwrap();
    let sent = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
        let body = Body::Raw(Raw { format: Format(0), bytes: Default::default(), limits });
        let mut request = Request::new(Context::new("Shop", "list"), body);
        request.context.metainfo_mut().upstream.set("traceparent", caller.to_string());
        let server = TraceLayer::server(OtelTracer).layer(service_fn(|request: Request| async {
            let body = request.body().clone();
            Ok::<_, Error>(Response::new(request.into_context(), body, Outcome::Success))
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(server.oneshot(request)).unwrap();
        *response.context.extension::<TraceContext>().unwrap()
    });
    drop(exporting);

    let body = collector.join().unwrap();
    assert_eq!(sent.trace_id, caller.trace_id);
    assert!(
        contains(&body, &caller.trace_id.to_be_bytes()) && contains(&body, &caller.span_id.to_be_bytes())
    );
    assert!(contains(&body, &sent.span_id.to_be_bytes()));
    for text in ["catalogue", "rpc.server", "Shop/list", "rpc.response.status_code"] {
        assert!(contains(&body, text.as_bytes()), "{text}");
    }
}
