//! Services in etcd: servers register themselves under a lease, clients follow the list.
//!
//! Keys and values are those of Kitex's registry for etcd, so servers and clients of both find each other.
//!
//! ```no_run
//! # async fn run(server: volo_thrift::Server) -> volo_core::Result<()> {
//! use volo_core::{balance::Instance, discover::announce, shutdown};
//! use volo_etcd::Etcd;
//! use volo_thrift::health::{HealthClient, HealthClientBuilder};
//!
//! let etcd = Etcd::new(["10.0.0.5:2379"]);
//! let client: HealthClient = HealthClientBuilder::new("catalog").discover(etcd.discover("catalog")).build();
//!
//! let bound = server.bind("10.0.0.1:8080").await?;
//! let instance = Instance::new(bound.local_address().clone());
//! bound.serve(announce(etcd, "catalog", instance, shutdown::signal())).await;
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod discover;
mod entry;
mod register;

use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use tokio::time::timeout;
use volo_core::{Error, ErrorKind, Result};

pub use discover::EtcdDiscover;

/// Where Kitex's registry keeps its entries.
const PREFIX: &str = "kitex/registry-etcd";

/// How long an entry outlives its server.
const TTL: Duration = Duration::from_secs(15);

/// How long one request to etcd may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// A directory of services in etcd: a [`Registry`](volo_core::discover::Registry) for servers, and a source of
/// [`EtcdDiscover`] for clients.
#[derive(Clone, Debug)]
pub struct Etcd {
    endpoints: Vec<String>,
    prefix: String,
    ttl: Duration,
    options: ConnectOptions,
}

impl Etcd {
    /// The cluster with these members, each as `host:port` or a URL. Nothing is connected yet.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        // Pings find out about members that are gone without a word; etcd allows one every five seconds.
        let options = ConnectOptions::new()
            .with_connect_timeout(REQUEST_TIMEOUT)
            .with_keep_alive(Duration::from_secs(6), REQUEST_TIMEOUT)
            .with_keep_alive_while_idle(true);
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        Etcd { endpoints, prefix: PREFIX.to_owned(), ttl: TTL, options }
    }

    /// What keys begin with, `kitex/registry-etcd` by default; the service and the instance follow.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into().trim_end_matches('/').to_owned();
        Etcd { prefix, ..self }
    }

    /// How long an entry stays after its server died, 15 s by default and 2 s at least; servers renew it three times
    /// as often. A list that lacks entries after a loss of the connection is believed only after this time, too.
    pub fn ttl(self, ttl: Duration) -> Self {
        Etcd { ttl: ttl.max(Duration::from_secs(2)), ..self }
    }

    /// Whom etcd knows this process as.
    pub fn user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        Etcd { options: self.options.with_user(name, password), ..self }
    }

    /// The instances of `service`, as they come and go.
    pub fn discover(&self, service: &str) -> EtcdDiscover {
        EtcdDiscover::new(self.clone(), service)
    }

    async fn connect(&self) -> Result<Client> {
        bounded("connecting", Client::connect(&self.endpoints, Some(self.options.clone()))).await
    }

    /// What the keys of a service's instances begin with.
    fn keys_of(&self, service: &str) -> String {
        format!("{}/{service}/", self.prefix)
    }
}

/// One request to etcd, which must not take for ever.
async fn bounded<T>(what: &str, request: impl Future<Output = Result<T, etcd_client::Error>>) -> Result<T> {
    let failed = || Error::new(ErrorKind::Connect, format!("etcd: {what} failed"));
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(result) => result.map_err(|error| failed().with_source(error)),
        Err(elapsed) => Err(failed().with_source(elapsed)),
    }
}
