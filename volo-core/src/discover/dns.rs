//! The addresses behind a host name.

use std::time::Duration;

use faststr::FastStr;
use tokio::{
    net::lookup_host,
    time::{sleep, timeout},
};

use super::Discover;
use crate::{Address, Error, ErrorKind, Result, balance::Instance};

/// How often a name is looked up: the system's resolver does not say how long its answers hold.
const INTERVAL: Duration = Duration::from_secs(30);

/// How long one look-up may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks a host name up (A and AAAA) by the system's resolver, again and again; each of its addresses is an instance.
#[derive(Clone, Debug)]
pub struct DnsDiscover {
    host: FastStr,
    port: u16,
    interval: Duration,
    last: Option<Vec<Instance>>,
}

impl DnsDiscover {
    /// The instances behind `host`, all at this port.
    pub fn new(host: impl Into<FastStr>, port: u16) -> Self {
        DnsDiscover { host: host.into(), port, interval: INTERVAL, last: None }
    }

    /// Looks up so often, every 30 s by default.
    pub fn interval(self, interval: Duration) -> Self {
        DnsDiscover { interval, ..self }
    }

    async fn look_up(&self) -> Result<Vec<Instance>> {
        let failed = || Error::new(ErrorKind::Connect, format!("looking `{}` up failed", self.host));
        let found = timeout(TIMEOUT, lookup_host((self.host.as_str(), self.port))).await;
        let found = found.map_err(|error| failed().with_source(error))?;
        let mut addresses: Vec<_> = found.map_err(|error| failed().with_source(error))?.collect();
        addresses.sort_unstable();
        addresses.dedup();
        Ok(addresses.into_iter().map(|address| Instance::new(Address::Tcp(address))).collect())
    }
}

impl Discover for DnsDiscover {
    async fn next(&mut self) -> Result<Vec<Instance>> {
        loop {
            if self.last.is_some() {
                sleep(self.interval).await;
            }
            let found = self.look_up().await?;
            if self.last.as_ref() != Some(&found) {
                self.last = Some(found.clone());
                return Ok(found);
            }
        }
    }
}
