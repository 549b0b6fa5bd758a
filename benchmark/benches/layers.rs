//! What each built-in layer adds to a call that is answered at once: `cargo bench -p benchmark --bench layers`.

use std::{
    future::ready,
    hint::black_box,
    pin::pin,
    task::{Context as TaskContext, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use tower::{Service, ServiceBuilder, service_fn};
use volo_core::{
    Body, Context, DecodeLimits, Error, Format, Outcome, Raw, Request, Response,
    layers::{
        logging::LoggingLayer,
        timeout::TimeoutLayer,
        trace::{Level, TraceLayer, stats_fn},
    },
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn layers(criterion: &mut Criterion) {
    let answer = || {
        service_fn(|request: Request| {
            let body = request.body().clone();
            ready(Ok::<_, Error>(Response::new(request.context, body, Outcome::Success)))
        })
    };
    let trace = |level| TraceLayer::server(stats_fn(|stats| drop(black_box(stats)))).level(level);

    measure(criterion, "none", answer());
    measure(criterion, "timeout", ServiceBuilder::new().layer(TimeoutLayer).service(answer()));
    measure(criterion, "logging off", ServiceBuilder::new().layer(LoggingLayer::default()).service(answer()));
    for (name, level) in
        [("trace off", Level::Off), ("trace base", Level::Base), ("trace detailed", Level::Detailed)]
    {
        measure(criterion, name, ServiceBuilder::new().layer(trace(level)).service(answer()));
    }
    let all = ServiceBuilder::new()
        .layer(trace(Level::Base))
        .layer(LoggingLayer::default())
        .layer(TimeoutLayer)
        .service(answer());
    measure(criterion, "trace base, logging off, timeout", all);
}

/// Times calls whose future is ready at its first poll.
fn measure<S>(criterion: &mut Criterion, name: &str, mut service: S)
where
    S: Service<Request, Response = Response, Error = Error>,
{
    let deadline = Instant::now() + Duration::from_secs(3600);
    let mut cx = TaskContext::from_waker(Waker::noop());
    criterion.bench_function(&format!("layers/{name}"), |bencher| {
        bencher.iter(|| {
            let mut request = request();
            request.context.deadline = Some(deadline);
            assert!(service.poll_ready(&mut cx).is_ready());
            match pin!(service.call(request)).poll(&mut cx) {
                Poll::Ready(answer) => black_box(answer).expect("it succeeds"),
                Poll::Pending => unreachable!("the answer is ready at once"),
            }
        });
    });
}

fn request() -> Request {
    let limits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };
    let raw = Raw { format: Format(0), bytes: Bytes::from_static(&[0]), limits };
    Request::new(Context::new("EchoService", "echo"), Body::Raw(raw))
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).measurement_time(Duration::from_secs(1));
    targets = layers
}
criterion_main!(benches);
