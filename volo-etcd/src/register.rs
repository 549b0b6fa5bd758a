//! A server's entry: put under a lease, renewed in the background, put again when etcd forgot it.

use std::{pin::Pin, time::Duration};

use etcd_client::{Client, LeaseKeepAliveStream, LeaseKeeper, PutOptions};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use volo_core::{
    Error, ErrorKind, Result,
    balance::Instance,
    discover::{Registration, Registry},
};

use crate::{Etcd, bounded, entry};

/// Pause between attempts to put an entry again.
const PAUSE: Duration = Duration::from_millis(500);

impl Registry for Etcd {
    async fn register(&self, service: &str, instance: &Instance) -> Result<Box<dyn Registration>> {
        let (name, value) = entry::encode(instance)?;
        let entry = Entry { key: self.keys_of(service) + &name, value, etcd: self.clone() };
        let lease = entry.put().await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep(entry, lease, stopped));
        Ok(Box::new(Registered { stop: Some(stop), task: Some(task) }))
    }
}

/// A registered server; the entry runs out when this is dropped.
struct Registered {
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<Result<()>>>,
}

impl Registration for Registered {
    fn deregister(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        drop(self.stop.take());
        let task = self.task.take();
        Box::pin(async move {
            let Some(task) = task else { return Ok(()) };
            task.await
                .map_err(|error| Error::internal("the task of a registration ended").with_source(error))?
        })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

struct Entry {
    key: String,
    value: String,
    etcd: Etcd,
}

/// A lease that holds the entry.
struct Lease {
    id: i64,
    client: Client,
    keeper: LeaseKeeper,
    answers: LeaseKeepAliveStream,
}

impl Entry {
    async fn put(&self) -> Result<Lease> {
        let mut client = self.etcd.connect().await?;
        let ttl_s = i64::try_from(self.etcd.ttl.as_secs()).unwrap_or(i64::MAX);
        let id = bounded("granting a lease", client.lease_grant(ttl_s, None)).await?.id();
        let options = PutOptions::new().with_lease(id);
        let put = client.put(self.key.as_str(), self.value.as_str(), Some(options));
        bounded("registering", put).await?;
        let (keeper, answers) = bounded("renewing the lease", client.lease_keep_alive(id)).await?;
        tracing::info!(key = self.key, "registered in etcd");
        Ok(Lease { id, client, keeper, answers })
    }
}

impl Lease {
    /// Renews the lease.
    ///
    /// # Errors
    /// When etcd can't be reached, or forgot the lease.
    async fn renew(&mut self) -> Result<()> {
        let renewed = async {
            self.keeper.keep_alive().await?;
            self.answers.message().await
        };
        match bounded("renewing the lease", renewed).await? {
            Some(answer) if answer.ttl() > 0 => Ok(()),
            _ => Err(Error::new(ErrorKind::Closed, "etcd: the lease ran out")),
        }
    }

    async fn revoke(&mut self) -> Result<()> {
        bounded("deregistering", self.client.lease_revoke(self.id)).await.map(drop)
    }
}

/// Renews the lease until told to stop, then gives it up.
async fn keep(entry: Entry, mut lease: Lease, mut stopped: oneshot::Receiver<()>) -> Result<()> {
    let period = entry.etcd.ttl / 3;
    loop {
        // The sender is dropped to stop; it never sends.
        if timeout(period, &mut stopped).await.is_ok() {
            return lease.revoke().await;
        }
        let Err(error) = lease.renew().await else { continue };
        tracing::warn!(key = entry.key, %error, "the entry in etcd is not renewed; it is put again");
        lease = tokio::select! {
            lease = put_again(&entry) => lease,
            _ = &mut stopped => return lease.revoke().await,
        };
    }
}

async fn put_again(entry: &Entry) -> Lease {
    loop {
        match entry.put().await {
            Ok(lease) => return lease,
            Err(error) => tracing::debug!(key = entry.key, %error, "registering again failed"),
        }
        sleep(PAUSE).await;
    }
}
