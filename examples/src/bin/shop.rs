//! A product catalogue (TMF620) and an ordering service (TMF622) that talk Thrift over TCP.
//!
//! `cargo run --release -p examples --bin shop` fills the catalogue, starts both, walks a client through them and
//! reports latencies. `… --bin shop serve` keeps both up for other clients.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};
use examples::{
    shop::{Data, Shop},
    tour,
};
use indicatif::{ProgressBar, ProgressStyle};
use volo_core::{Address, BoxError};

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
}

#[derive(Subcommand)]
enum Command {
    /// Keep both services up until SIGINT or SIGTERM.
    Serve {
        /// Where the catalogue listens.
        #[arg(long, default_value = "127.0.0.1:8620")]
        catalog: Address,
        /// Where the ordering service listens.
        #[arg(long, default_value = "127.0.0.1:8622")]
        ordering: Address,
    },
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
    match args.command {
        Some(Command::Serve { catalog, ordering }) => serve(&data, &catalog, &ordering).await,
        None => demonstrate(&data, args.offerings as usize).await,
    }
}

async fn serve(data: &Data, catalog: &Address, ordering: &Address) -> Result<(), BoxError> {
    let shop = Shop::start(data, catalog, ordering).await?;
    println!("catalog listens at {}", shop.catalog());
    println!("ordering listens at {}", shop.ordering());
    volo_core::shutdown::signal().await;
    println!("draining");
    shop.stop().await
}

async fn demonstrate(data: &Data, offerings: usize) -> Result<(), BoxError> {
    let any_port: Address = "127.0.0.1:0".parse()?;
    let shop = Shop::start(data, &any_port, &any_port).await?;
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
