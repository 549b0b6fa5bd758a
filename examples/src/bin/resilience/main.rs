//! Three replicas of the catalogue under load: one is killed, one becomes slow, one stops without a word, each is healed.
//!
//! `cargo run --release -p examples --bin resilience` prints what happens second by second and what was promised:
//! at least 99.9 % of the calls succeed from two seconds after each fault on, their 99th percentile is below twice the
//! usual one after three, and the replicas get at most 1.2 times the calls that were made. Ends with 1 if that does not
//! hold. `--quick` is the same at a small size, for busy machines: the usual is that of the slowest stretch without a
//! fault then, not that of the time before all faults.
//!
//! The client has its defaults but for times: attempts are timed out and repeated elsewhere within a budget, and a
//! replica that fails gets no calls for a while, then few, then its share again.

mod load;
mod replica;
mod timeline;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use examples::tmf::catalog::{ProductCatalogServiceClient, ProductCatalogServiceClientBuilder};
use load::Load;
use replica::Replica;
use timeline::{Phase, Timeline};
use tokio::time::{Instant, sleep};
use volo_core::{
    BoxError,
    balance::{Balancer, Ejection, Instance, LoadBalance},
    discover::{Feed, StaticDiscover},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long it takes when it is slow.
const SLOW: Duration = Duration::from_millis(500);

/// How long a call may take with all its attempts.
const TOTAL: Duration = Duration::from_secs(2);

/// Kills, slows and stops replicas under load, and looks what becomes of the calls.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Few calls and short phases.
    #[arg(long)]
    quick: bool,
}

#[derive(Subcommand)]
enum Command {
    /// One replica; the program starts these itself.
    #[command(hide = true)]
    Replica {
        /// Where it listens.
        address: String,
        /// How many milliseconds it works on a call.
        work_ms: u64,
    },
}

/// How much is done for how long.
struct Plan {
    calls_per_s: u32,
    /// How long a replica works on a call, like one that asks a database.
    work: Duration,
    /// How long an attempt at a call may take.
    attempt: Duration,
    usual: Duration,
    fault: Duration,
    healed: Duration,
    /// Whether calls are compared to those before all faults alone.
    strict: bool,
}

impl Plan {
    /// The quick one is for busy machines, where calls of some milliseconds would show little but the machine.
    fn new(quick: bool) -> Self {
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        let (calls_per_s, work) = if quick { (150, millis(50)) } else { (1000, millis(20)) };
        let [usual, fault, healed] = if quick { [3, 6, 4] } else { [5, 12, 8] }.map(seconds);
        Plan { calls_per_s, work, attempt: work * 7, usual, fault, healed, strict: !quick }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let args = Args::parse();
    if let Some(Command::Replica { address, work_ms }) = args.command {
        replica::serve(&address, Duration::from_millis(work_ms)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(args.quick);
    let mut kept = demonstrate(&plan).await?;
    if args.quick && !kept {
        println!("\nonce more, as a busy machine can spoil a short run");
        kept = demonstrate(&plan).await?;
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn demonstrate(plan: &Plan) -> Result<bool, BoxError> {
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start("127.0.0.1:0", plan.work)?);
    }
    let instances = replicas.iter().map(|replica| Instance::new(replica.address().clone()));
    let balancer = Balancer::discovering(balancing(), Feed::new(StaticDiscover::new(instances)));
    let client: ProductCatalogServiceClient = ProductCatalogServiceClientBuilder::new("catalog")
        .balancer(balancer.clone())
        .rpc_timeout(plan.attempt)
        .total_timeout(TOTAL)
        .build();
    println!("{} calls a second, {:?} of work each, over three replicas", plan.calls_per_s, plan.work);
    Load::warm_up(&client).await?;

    let mut timeline = Timeline::new(balancer, Load::start(client, plan.calls_per_s));
    let [first, second, third] = &mut replicas[..] else { return Err("there are three replicas".into()) };
    timeline.run(Phase::usual("usual"), plan.usual).await;

    first.kill()?;
    timeline.run(Phase::fault("first is killed"), plan.fault).await;
    *first = Replica::start(&first.address().to_string(), plan.work)?;
    timeline.run(Phase::healed("first is back"), plan.healed).await;

    second.set_work(SLOW)?;
    timeline.run(Phase::fault("second is slow"), plan.fault).await;
    second.set_work(plan.work)?;
    timeline.run(Phase::healed("second is fast"), plan.healed).await;

    third.pause()?;
    timeline.run(Phase::fault("third is silent"), plan.fault).await;
    third.resume()?;
    timeline.run(Phase::healed("third is back"), plan.healed).await;

    // Calls under way are waited for, so that none is left out.
    sleep(TOTAL).await;
    let verdict = timeline.finish(Instant::now(), plan.strict);
    println!("\n{verdict}");
    Ok(verdict.holds())
}

/// The default, with times that fit phases of seconds.
fn balancing() -> LoadBalance {
    LoadBalance::least_in_flight().ejection(Ejection {
        duration: Duration::from_secs(1),
        return_over: Duration::from_secs(1),
        ..Ejection::default()
    })
}
