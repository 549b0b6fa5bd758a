//! Both services of the shop, running in this process.

use std::{path::Path, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle};
use volo_core::{Address, BoxError};
use volo_thrift::{ClientBuilder, Server, client::ServiceClient, generic::Reflection};

use crate::{
    catalog::CatalogHandler,
    ordering::OrderingHandler,
    sample::Samples,
    store::Store,
    tmf::{
        catalog::{ProductCatalogServiceServer, ProductOffering},
        ordering::ProductOrderingServiceServer,
    },
};

/// The same shop is filled every time.
const SEED: u64 = 620;

/// How many offerings one commit stores.
const FILL_BATCH: usize = 500;

/// The data of both services, each with a database of its own.
pub struct Data {
    catalog: Store,
    ordering: Store,
}

impl Data {
    /// Opens the databases in a directory, or creates them.
    pub fn open(directory: &Path) -> Result<Self, BoxError> {
        std::fs::create_dir_all(directory)?;
        Ok(Data {
            catalog: Store::open(&directory.join("catalog.redb"))?,
            ordering: Store::open(&directory.join("ordering.redb"))?,
        })
    }

    /// Data that is gone when dropped.
    pub fn in_memory() -> Result<Self, BoxError> {
        Ok(Data { catalog: Store::in_memory()?, ordering: Store::in_memory()? })
    }

    /// The catalogue's database.
    pub fn catalog(&self) -> &Store {
        &self.catalog
    }

    /// Adds sample offerings until there are `count`; `progress` gets the number stored so far.
    pub async fn fill(&self, count: usize, mut progress: impl FnMut(usize)) -> Result<(), BoxError> {
        let offerings = self.catalog.collection::<ProductOffering>()?;
        let stored = usize::try_from(offerings.count()?)?;
        let mut samples = Samples::new(SEED);
        for start in (stored..count).step_by(FILL_BATCH) {
            let end = count.min(start + FILL_BATCH);
            offerings.put_all((start..end).map(|number| samples.offering(number)).collect()).await?;
            progress(end);
        }
        Ok(())
    }
}

/// A running shop.
pub struct Shop {
    catalog: Running,
    ordering: Running,
}

impl Shop {
    /// Starts both services; the ordering service calls the catalogue over its address.
    pub async fn start(data: &Data, catalog: &Address, ordering: &Address) -> Result<Self, BoxError> {
        let handler = CatalogHandler::new(&data.catalog)?;
        let server = ProductCatalogServiceServer::new(handler).add_service(reflection());
        let catalog = Running::start(server, catalog).await?;
        let handler = OrderingHandler::new(&data.ordering, patient_client("catalog", &catalog.address))?;
        let server = ProductOrderingServiceServer::new(handler).add_service(reflection());
        let ordering = Running::start(server, ordering).await?;
        Ok(Shop { catalog, ordering })
    }

    /// Where the catalogue listens.
    pub fn catalog(&self) -> &Address {
        &self.catalog.address
    }

    /// Where the ordering service listens.
    pub fn ordering(&self) -> &Address {
        &self.ordering.address
    }

    /// Ends both after the calls under way, the one that calls the other first.
    pub async fn stop(self) -> Result<(), BoxError> {
        self.ordering.stop().await?;
        self.catalog.stop().await
    }
}

/// Tells tools what the shop offers: `volo list`, `volo call`.
fn reflection() -> Reflection {
    Reflection::new([crate::SCHEMA])
}

/// A client that bears with a busy machine and a slow disk longer than the defaults would.
pub fn patient_client<C: ServiceClient>(callee: &'static str, address: &Address) -> C {
    ClientBuilder::new(callee)
        .address(address.clone())
        .connect_timeout(Duration::from_secs(1))
        .rpc_timeout(Duration::from_secs(10))
        .build()
}

/// A server in a task of its own.
pub struct Running {
    address: Address,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts a server; port 0 takes any free one.
    pub async fn start(server: Server, address: &Address) -> Result<Self, BoxError> {
        let bound = server.bind(address.clone()).await?;
        let address = bound.local_address().clone();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(bound.serve(async {
            let _ = stopped.await;
        }));
        Ok(Running { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends it after the calls under way.
    pub async fn stop(self) -> Result<(), BoxError> {
        drop(self.stop);
        Ok(self.task.await?)
    }
}
