//! What most suites need: a server in another process, many workers in this one, and that nothing of either is left.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinSet};
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{ClientBuilder, client::Governance};

use crate::{
    idl::TortureServiceClient,
    process::{Rest, Server},
    report::Report,
};

/// A server, and what there was before anybody called it.
pub struct Scene {
    /// The server.
    pub server: Server,
    server_rest: Rest,
    own_rest: Rest,
}

impl Scene {
    /// Starts a server with these settings; see [`crate::role::serve`].
    pub fn start(settings: &[&str]) -> Result<Self, BoxError> {
        let mut server = Server::start(settings)?;
        let server_rest = server.rest()?;
        Ok(Scene { server, server_rest, own_rest: own_rest()? })
    }

    /// A client of it with much patience; the suite sets what matters to it.
    pub fn client(&self) -> ClientBuilder<TortureServiceClient> {
        ClientBuilder::new("torture")
            .governance(Governance::none())
            .address(self.server.address)
            .rpc_timeout(Duration::from_secs(20))
            .connect_timeout(Duration::from_secs(5))
    }

    /// A pool of so many connections at most, which soon notices that nobody needs it any more.
    pub fn pool(connections: usize) -> PoolConfig {
        PoolConfig { max_total: connections, idle_timeout: Duration::from_secs(1), ..PoolConfig::default() }
    }

    /// Tells what is left of all connections once both sides had the time to notice their end, and how many handlers
    /// or tasks of the server panicked beyond those that were told to.
    pub async fn end(mut self, case: &str, panics: u64, report: &mut Report) -> Result<(), BoxError> {
        let (meter, rest) = self.server.settle(self.server_rest).await?;
        report.at_most(case, "server tasks left", rest.tasks, self.server_rest.tasks);
        report.at_most(case, "server descriptors left", rest.descriptors, self.server_rest.descriptors);
        let own = settled(self.own_rest).await?;
        report.at_most(case, "client tasks left", own.tasks, self.own_rest.tasks);
        report.at_most(case, "client descriptors left", own.descriptors, self.own_rest.descriptors);
        report.equal(case, "server panics", meter.panics, panics);
        Ok(())
    }
}

/// What this process uses, once it is no more than `before`; the pool's keeper looks around only now and then.
async fn settled(before: Rest) -> Result<Rest, BoxError> {
    for _ in 0..200 {
        let rest = own_rest()?;
        if rest.is_within(before) {
            return Ok(rest);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    own_rest()
}

fn own_rest() -> Result<Rest, BoxError> {
    let tasks = Handle::current().metrics().num_alive_tasks() as u64;
    Ok(Rest { tasks, descriptors: std::fs::read_dir("/proc/self/fd")?.count() as u64 })
}

/// Runs so many workers at the same time, to their end.
pub async fn together<F>(workers: u64, mut work: impl FnMut(u64) -> F) -> Result<Vec<F::Output>, BoxError>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut tasks: JoinSet<_> = (0..workers).map(&mut work).collect();
    let mut outputs = Vec::new();
    while let Some(done) = tasks.join_next().await {
        outputs.push(done?);
    }
    Ok(outputs)
}

/// Something that workers count together.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The middle one of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|value| !value.is_nan()); // nothing was measured there
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
