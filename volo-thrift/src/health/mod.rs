//! A built-in service that says whether a server takes calls, after gRPC's health protocol.
//!
//! A server offers it by adding [`Health::service`]; probes and clients call its method `healthCheck`. Its IDL,
//! for peers of other frameworks, is `health.thrift` beside this file.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use faststr::FastStr;

use self::generated::health::{Health as Handler, HealthHealthCheckArgs, HealthServer};
pub use self::generated::health::{
    HealthCheckRequest, HealthCheckResponse, HealthClient, HealthClientBuilder, ServingStatus,
};
use crate::{Method, ServerError, Service};

#[allow(unreachable_pub, reason = "it is made for everybody, and used in part")]
mod generated {
    include!("generated.rs");
}

/// What a server says of itself and its services. Clones share it.
///
/// ```no_run
/// # async fn run(catalog: impl volo_thrift::Service) -> volo_core::Result<()> {
/// use volo_thrift::{Server, health::{Health, ServingStatus}};
///
/// let health = Health::new();
/// let server = Server::new().add_service(catalog).add_service(health.service());
/// health.set("ProductCatalogService", ServingStatus::NOT_SERVING); // until its data is loaded
/// # server.run("127.0.0.1:9000").await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Health {
    statuses: Arc<RwLock<HashMap<FastStr, ServingStatus>>>,
}

impl Health {
    /// A server as a whole is serving from the start; of its services only those are known that are set.
    pub fn new() -> Self {
        let health = Health::default();
        health.set("", ServingStatus::SERVING);
        health
    }

    /// Sets what is said of a service; of the server as a whole if the name is empty.
    pub fn set(&self, service: impl Into<FastStr>, status: ServingStatus) {
        self.statuses.write().unwrap_or_else(PoisonError::into_inner).insert(service.into(), status);
    }

    /// What is said of a service, or of the server as a whole if the name is empty.
    pub fn status(&self, service: &str) -> ServingStatus {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.get(service).copied().unwrap_or(ServingStatus::SERVICE_UNKNOWN)
    }

    /// The service `Health`, to add to a server.
    pub fn service(&self) -> impl Service {
        HealthServer::from_handler(self.clone())
    }
}

impl Handler for Health {
    async fn health_check(&self, request: HealthCheckRequest) -> Result<HealthCheckResponse, ServerError> {
        let status = self.status(request.service.as_deref().unwrap_or_default());
        Ok(HealthCheckResponse { status })
    }
}

/// The method `healthCheck`.
pub(crate) const CHECK: Method = Method::new("Health", "healthCheck").idempotent();

/// The arguments of [`CHECK`] that ask for the server as a whole.
pub(crate) fn check_args() -> HealthHealthCheckArgs {
    HealthHealthCheckArgs::default()
}
