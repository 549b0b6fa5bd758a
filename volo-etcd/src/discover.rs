//! The instances of a service, as etcd knows them.
//!
//! One look at all keys, then a watch from that revision on. When the connection is lost, all is read anew; what is
//! missing then was perhaps only forgotten by etcd, so it is believed to be gone after the time in which its server
//! would have registered again.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use etcd_client::{EventType, GetOptions, KeyValue, WatchOptions, WatchResponse, WatchStream};
use tokio::time::{Instant, sleep_until};
use volo_core::{Error, ErrorKind, Result, balance::Instance, discover::Discover};

use crate::{Etcd, bounded, entry};

/// A source of the instances of one service, made by [`Etcd::discover`].
#[derive(Debug)]
pub struct EtcdDiscover {
    etcd: Etcd,
    /// What the keys begin with.
    keys: String,
    known: BTreeMap<Vec<u8>, Instance>,
    /// Keys that were not there when all was read anew, and until when they are kept.
    doubtful: Option<(HashSet<Vec<u8>>, Instant)>,
    watch: Option<WatchStream>,
}

impl EtcdDiscover {
    pub(crate) fn new(etcd: Etcd, service: &str) -> Self {
        let keys = etcd.keys_of(service);
        EtcdDiscover { etcd, keys, known: BTreeMap::new(), doubtful: None, watch: None }
    }

    fn list(&self) -> Vec<Instance> {
        self.known.values().cloned().collect()
    }

    /// Reads everything and watches from there.
    async fn start(&mut self) -> Result<()> {
        let mut client = self.etcd.connect().await?;
        let read = client.get(self.keys.as_str(), Some(GetOptions::new().with_prefix()));
        let read = bounded("reading the instances", read).await?;
        let next = read.header().map_or(0, |header| header.revision()) + 1;
        let options = WatchOptions::new().with_prefix().with_start_revision(next);
        let watch =
            bounded("watching the instances", client.watch(self.keys.as_str(), Some(options))).await?;
        // Nothing is awaited from here on, so that a dropped future leaves everything as it was.
        let mut missing: HashSet<Vec<u8>> = self.known.keys().cloned().collect();
        for pair in read.kvs() {
            missing.remove(pair.key());
            self.put(pair);
        }
        self.doubtful = (!missing.is_empty()).then(|| (missing, Instant::now() + self.patience()));
        self.watch = Some(watch);
        Ok(())
    }

    /// Servers that lost their entry find out when they renew it the next time.
    fn patience(&self) -> Duration {
        self.etcd.ttl
    }

    fn put(&mut self, pair: &KeyValue) {
        if let Some((doubtful, _)) = &mut self.doubtful {
            doubtful.remove(pair.key());
        }
        match entry::decode(pair.key(), pair.value()) {
            Some(instance) => drop(self.known.insert(pair.key().to_vec(), instance)),
            None => {
                tracing::warn!(key = %String::from_utf8_lossy(pair.key()), "an entry in etcd makes no sense");
                self.known.remove(pair.key());
            }
        }
    }

    /// Takes a message of the watch in; gives whether it changed anything.
    ///
    /// # Errors
    /// When the watch has ended.
    fn taken(&mut self, message: Result<Option<WatchResponse>, etcd_client::Error>) -> Result<bool> {
        let ended = || Error::new(ErrorKind::Closed, "etcd: the watch ended");
        let message = message.map_err(|error| ended().with_source(error))?.ok_or_else(ended)?;
        if message.canceled() {
            return Err(ended().with_source(message.cancel_reason().to_owned()));
        }
        for event in message.events() {
            let Some(pair) = event.kv() else { continue };
            match event.event_type() {
                EventType::Put => self.put(pair),
                EventType::Delete => drop(self.known.remove(pair.key())),
            }
        }
        Ok(!message.events().is_empty())
    }
}

impl Discover for EtcdDiscover {
    async fn next(&mut self) -> Result<Vec<Instance>> {
        loop {
            let until = self.doubtful.as_ref().map(|(_, until)| *until);
            let Some(watch) = &mut self.watch else {
                self.start().await?;
                return Ok(self.list());
            };
            let changed = tokio::select! {
                message = watch.message() => self.taken(message),
                () = at(until) => {
                    let gone = self.doubtful.take().into_iter().flat_map(|(keys, _)| keys);
                    gone.for_each(|key| drop(self.known.remove(&key)));
                    Ok(true)
                }
            };
            match changed {
                Ok(true) => return Ok(self.list()),
                Ok(false) => {}
                Err(error) => {
                    self.watch = None;
                    return Err(error);
                }
            }
        }
    }
}

async fn at(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
