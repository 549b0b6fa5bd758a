//! Services and hosts by their DNS records, for as long as those hold.
//!
//! The system's resolver tells neither ports nor how long an answer holds, so this one asks the name servers itself.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use faststr::FastStr;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{RData, rdata::SRV},
};
use tokio::time::sleep;

use super::Discover;
use crate::{Address, Error, ErrorKind, Result, balance::Instance};

/// How soon, and how late, records are looked up again, whatever they say of themselves.
const HOLD_MIN: Duration = Duration::from_secs(1);
const HOLD_MAX: Duration = Duration::from_secs(300);

/// Looks DNS records up and again when they expire: a service's (SRV), with ports and weights, or a host's (A and AAAA).
pub struct RecordDiscover {
    name: FastStr,
    /// Of a host's instances; a service's records have ports of their own.
    port: Option<u16>,
    servers: Vec<SocketAddr>,
    resolver: Option<TokioResolver>,
    last: Option<Vec<Instance>>,
    hold: Duration,
}

impl RecordDiscover {
    /// The instances of a service, such as `_catalog._tcp.example.com`: all targets of the records with the best
    /// priority.
    pub fn service(name: impl Into<FastStr>) -> Self {
        RecordDiscover::new(name.into(), None)
    }

    /// The instances behind a host name, all at this port.
    pub fn host(name: impl Into<FastStr>, port: u16) -> Self {
        RecordDiscover::new(name.into(), Some(port))
    }

    fn new(name: FastStr, port: Option<u16>) -> Self {
        RecordDiscover { name, port, servers: Vec::new(), resolver: None, last: None, hold: HOLD_MIN }
    }

    /// Asks these name servers instead of the system's.
    pub fn servers(self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        RecordDiscover { servers: servers.into_iter().collect(), ..self }
    }

    fn failed(&self, error: impl Into<crate::BoxError>) -> Error {
        Error::new(ErrorKind::Connect, format!("looking `{}` up failed", self.name)).with_source(error)
    }

    fn resolver(&self) -> Result<TokioResolver> {
        let mut builder = if self.servers.is_empty() {
            TokioResolver::builder_tokio().map_err(|error| self.failed(error))?
        } else {
            let servers = self.servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        builder.options_mut().positive_max_ttl = Some(HOLD_MAX);
        builder.build().map_err(|error| self.failed(error))
    }

    /// The instances, and when to look again.
    async fn look_up(&self, resolver: &TokioResolver) -> Result<(Vec<Instance>, Instant)> {
        let Some(port) = self.port else { return self.look_service_up(resolver).await };
        let found = resolver.lookup_ip(self.name.as_str()).await.map_err(|error| self.failed(error))?;
        let instance = |ip| Instance::new(Address::Tcp(SocketAddr::new(ip, port)));
        Ok((found.iter().map(instance).collect(), found.valid_until()))
    }

    async fn look_service_up(&self, resolver: &TokioResolver) -> Result<(Vec<Instance>, Instant)> {
        let found = resolver.srv_lookup(self.name.as_str()).await.map_err(|error| self.failed(error))?;
        let records: Vec<&SRV> = found.answers().iter().filter_map(|it| service_record(&it.data)).collect();
        let best = records.iter().map(|record| record.priority).min();
        let mut until = found.valid_until();
        let mut instances = Vec::new();
        for record in records.iter().filter(|record| Some(record.priority) == best) {
            let ips = resolver.lookup_ip(record.target.clone()).await.map_err(|error| self.failed(error))?;
            until = until.min(ips.valid_until());
            // A weight of 0 asks for few calls, not for none.
            let weight = u32::from(record.weight).max(1);
            let address = |ip| Address::Tcp(SocketAddr::new(ip, record.port));
            instances.extend(ips.iter().map(|ip| Instance::new(address(ip)).with_weight(weight)));
        }
        Ok((instances, until))
    }
}

impl Discover for RecordDiscover {
    async fn next(&mut self) -> Result<Vec<Instance>> {
        loop {
            if self.last.is_some() {
                sleep(self.hold).await;
            }
            let resolver = match &self.resolver {
                Some(resolver) => resolver.clone(),
                None => self.resolver.insert(self.resolver()?).clone(),
            };
            let (mut found, until) = self.look_up(&resolver).await?;
            self.hold = until.saturating_duration_since(Instant::now()).clamp(HOLD_MIN, HOLD_MAX);
            found.sort_by(|a, b| a.id.cmp(&b.id));
            if self.last.as_ref() != Some(&found) {
                self.last = Some(found.clone());
                return Ok(found);
            }
        }
    }
}

impl std::fmt::Debug for RecordDiscover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordDiscover")
            .field("name", &self.name)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server.connections.iter_mut().for_each(|connection| connection.port = address.port());
    server
}

fn service_record(data: &RData) -> Option<&SRV> {
    match data {
        RData::SRV(record) => Some(record),
        _ => None,
    }
}
