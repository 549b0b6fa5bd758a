//! A product catalogue (TMF620) and an ordering service (TMF622) that talk Thrift over whatever the addresses say.
//!
//! `cargo run --release -p examples --bin shop` fills the catalogue, starts both, walks a client through them and
//! reports latencies. `… --bin shop serve` keeps both up for other clients. Addresses may be `127.0.0.1:8620`,
//! `unix:///run/catalog.sock`, `mem://catalog` (within this process), or, with `--cert`, `--key` and `--ca`,
//! `tls://localhost:8620`.

use std::{
    io::IsTerminal,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};
use examples::{
    shop::{Data, Shop, Transports},
    tour,
};
use indicatif::{ProgressBar, ProgressStyle};
use volo_core::{
    Address, BoxError,
    net::{TlsClient, TlsServer},
};
use volo_thrift::SameHost;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A product catalogue and an ordering service over Thrift.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the databases are; a temporary directory, removed at the end, unless given.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Fill the catalogue up to so many offerings.
    #[arg(long, global = true, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    offerings: u32,
    /// Where the catalogue listens; any free port unless given, 8620 with `serve`.
    #[arg(long, global = true)]
    catalog: Option<Address>,
    /// Where the ordering service listens; any free port unless given, 8622 with `serve`.
    #[arg(long, global = true)]
    ordering: Option<Address>,
    /// Certificate of both services, as PEM, for tls:// addresses.
    #[arg(long, global = true, requires = "key")]
    cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, global = true, requires = "cert")]
    key: Option<PathBuf>,
    /// Roots that clients trust, as PEM; the system's unless given.
    #[arg(long, global = true)]
    ca: Option<PathBuf>,
    /// Private directory through which clients on this host leave TCP for a faster transport.
    #[arg(long, global = true)]
    same_host: Option<PathBuf>,
}

impl Args {
    fn transports(&self) -> Transports {
        let tls_client = match &self.ca {
            Some(roots) => TlsClient::new().roots(roots),
            None => TlsClient::new(),
        };
        let tls_server =
            self.cert.as_ref().zip(self.key.as_ref()).map(|(cert, key)| TlsServer::new(cert, key));
        Transports { tls_server, tls_client, same_host: self.same_host.as_ref().map(SameHost::new) }
    }

    /// Where both services listen, at these ports unless that is said.
    fn addresses(&self, ports: [u16; 2]) -> [Address; 2] {
        let at = |address: &Option<Address>, port| {
            address.clone().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())
        };
        [at(&self.catalog, ports[0]), at(&self.ordering, ports[1])]
    }
}

#[derive(Subcommand)]
enum Command {
    /// Keep both services up until SIGINT or SIGTERM.
    Serve,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let args = Args::parse();
    let temporary;
    let directory = match &args.data {
        Some(directory) => directory.as_path(),
        None => {
            temporary = tempfile::tempdir()?;
            temporary.path()
        }
    };
    let data = open(directory, args.offerings as usize).await?;
    let ports = if args.command.is_some() { [8620, 8622] } else { [0, 0] };
    let [catalog, ordering] = args.addresses(ports);
    let shop = Shop::start_over(&data, &catalog, &ordering, args.transports()).await?;
    match args.command {
        Some(Command::Serve) => serve(shop).await,
        None => demonstrate(shop, args.offerings as usize).await,
    }
}

async fn serve(shop: Shop) -> Result<(), BoxError> {
    println!("catalog listens at {}", shop.catalog());
    println!("ordering listens at {}", shop.ordering());
    volo_core::shutdown::signal().await;
    println!("draining");
    shop.stop().await
}

async fn demonstrate(shop: Shop, offerings: usize) -> Result<(), BoxError> {
    println!("catalogue at {}, ordering at {}\n", shop.catalog(), shop.ordering());
    let report = tour::walk(&shop, offerings).await?;
    println!("\none call at a time, as the client sees it:\n{report}");
    shop.stop().await
}

/// Opens the data and fills it, with a progress bar where somebody can see it.
async fn open(directory: &Path, offerings: usize) -> Result<Data, BoxError> {
    let data = Data::open(directory)?;
    println!("filling the catalogue with {offerings} offerings");
    if std::io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} offerings, {eta} left")?;
        let bar = ProgressBar::new(offerings as u64).with_style(style);
        data.fill(offerings, |stored| bar.set_position(stored as u64)).await?;
        bar.finish_and_clear();
    } else {
        let mut tenths = 0;
        let print = |stored: usize| {
            if stored * 10 / offerings > tenths {
                tenths = stored * 10 / offerings;
                eprintln!("{stored}/{offerings} offerings");
            }
        };
        data.fill(offerings, print).await?;
    }
    Ok(data)
}
