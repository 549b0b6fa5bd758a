//! Calls at a fixed rate, whatever becomes of them.

use std::time::Duration;

use examples::{sample::offering_id, tmf::catalog::ProductCatalogServiceClient};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};
use volo_core::BoxError;

use crate::replica::OFFERINGS;

/// How often calls are started that are due.
const TICK: Duration = Duration::from_millis(1);

/// Calls until everything is connected.
const WARM_UP_CALLS: usize = 100;

/// How one call went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was due; it may have started later.
    pub(crate) due: Instant,
    /// From then until its end.
    pub(crate) took: Duration,
    pub(crate) succeeded: bool,
}

/// The calls of a client, started one after the other.
pub(crate) struct Load {
    pub(crate) samples: mpsc::UnboundedReceiver<Sample>,
    task: JoinHandle<()>,
}

impl Load {
    /// Calls until all replicas answer.
    pub(crate) async fn warm_up(client: &ProductCatalogServiceClient) -> Result<(), BoxError> {
        for number in 0..WARM_UP_CALLS {
            client.retrieve_product_offering(offering_id(number % OFFERINGS)).await?;
        }
        Ok(())
    }

    /// Starts so many calls a second from now on.
    pub(crate) fn start(client: ProductCatalogServiceClient, calls_per_s: u32) -> Self {
        let (sender, samples) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let (start, mut started) = (Instant::now(), 0u32);
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                loop {
                    let due = start + Duration::from_secs_f64(f64::from(started) / f64::from(calls_per_s));
                    if due > Instant::now() {
                        break;
                    }
                    tokio::spawn(call(client.clone(), started as usize, due, sender.clone()));
                    started += 1;
                }
            }
        });
        Load { samples, task }
    }

    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn call(
    client: ProductCatalogServiceClient,
    number: usize,
    due: Instant,
    samples: mpsc::UnboundedSender<Sample>,
) {
    let succeeded = client.retrieve_product_offering(offering_id(number % OFFERINGS)).await.is_ok();
    let _ = samples.send(Sample { due, took: due.elapsed(), succeeded });
}
