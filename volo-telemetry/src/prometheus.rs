//! An HTTP endpoint that Prometheus scrapes.

use std::net::SocketAddr;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::{Error, governance};

/// Upper bounds of durations in seconds: from calls on one host to those that time out.
const DURATION_BUCKETS_SECONDS: [f64; 18] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Records what goes through the `metrics` facade, and serves it at `address` under any path.
///
/// Names come out with underscores: `rpc_server_call_duration_seconds`. Must be called on a tokio runtime, once, and
/// before the first call is traced. What [`governance`](crate::governance) counts is among it, unless the process has
/// another observer.
///
/// # Errors
/// When nobody can listen there, or another recorder is installed.
pub fn install(address: impl Into<SocketAddr>) -> Result<(), Error> {
    builder()?
        .with_http_listener(address)
        .install()
        .map_err(|error| Error::new("can't start the endpoint for Prometheus", error))?;
    if let Err(error) = governance::install() {
        tracing::warn!(%error, "governance is not counted");
    }
    Ok(())
}

/// The same settings without an endpoint, for programs that have one: `builder()?.install_recorder()?.render()`.
///
/// # Errors
/// Never with the settings as they are; a later change may bring some.
pub fn builder() -> Result<PrometheusBuilder, Error> {
    PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets_for_metric(Matcher::Suffix("duration".into()), &DURATION_BUCKETS_SECONDS)
        .map_err(|error| Error::new("senseless buckets", error))
}
