//! Both services of the shop, running in this process.

use std::{path::Path, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle};
use volo_core::{
    Address, BoxError,
    net::{TlsClient, TlsServer},
};
use volo_thrift::{ClientBuilder, SameHost, Server, client::ServiceClient, generic::Reflection};

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

/// What servers and clients need beside addresses.
#[derive(Clone, Debug, Default)]
pub struct Transports {
    /// For addresses like `tls://127.0.0.1:8620`.
    pub tls_server: Option<TlsServer>,
    /// Whom clients trust there.
    pub tls_client: TlsClient,
    /// Leaves TCP for something faster.
    pub same_host: Option<SameHost>,
}

impl Transports {
    /// The server with all of it that `address` needs.
    fn server(&self, mut server: Server, address: &Address) -> Server {
        if let Some(tls) = self.tls_server.clone().filter(|_| matches!(address, Address::Tls(..))) {
            server = server.tls(tls);
        }
        match self.same_host.clone() {
            Some(same_host) => server.same_host(same_host),
            None => server,
        }
    }

    /// A client that bears with a busy machine and a slow disk longer than the defaults would.
    pub fn client<C: ServiceClient>(&self, callee: &'static str, address: &Address) -> C {
        let builder = ClientBuilder::new(callee)
            .address(address.clone())
            .tls(self.tls_client.clone())
            .connect_timeout(Duration::from_secs(1))
            .rpc_timeout(Duration::from_secs(10));
        match self.same_host.clone() {
            Some(same_host) => builder.same_host(same_host).build(),
            None => builder.build(),
        }
    }
}

/// A running shop.
pub struct Shop {
    catalog: Running,
    ordering: Running,
    transports: Transports,
}

impl Shop {
    /// Starts both services; the ordering service calls the catalogue over its address.
    pub async fn start(data: &Data, catalog: &Address, ordering: &Address) -> Result<Self, BoxError> {
        Shop::start_over(data, catalog, ordering, Transports::default()).await
    }

    /// The same with more transports to choose from.
    pub async fn start_over(
        data: &Data,
        catalog: &Address,
        ordering: &Address,
        transports: Transports,
    ) -> Result<Self, BoxError> {
        let handler = CatalogHandler::new(&data.catalog)?;
        let server = ProductCatalogServiceServer::new(handler).add_service(reflection());
        let catalog = Running::start(transports.server(server, catalog), catalog).await?;
        let handler = OrderingHandler::new(&data.ordering, transports.client("catalog", &catalog.address))?;
        let server = ProductOrderingServiceServer::new(handler).add_service(reflection());
        let ordering = Running::start(transports.server(server, ordering), ordering).await?;
        Ok(Shop { catalog, ordering, transports })
    }

    /// How to reach what listens there.
    pub fn transports(&self) -> &Transports {
        &self.transports
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

/// A client as [`Transports::client`] makes it, where an address says all.
pub fn patient_client<C: ServiceClient>(callee: &'static str, address: &Address) -> C {
    Transports::default().client(callee, address)
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
