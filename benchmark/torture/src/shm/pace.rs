//! How fast calls are where processor time is short: on one processor, and in a control group that gets little of it.
//! Each is judged by the same calls over a Unix socket, in turns with them.

use std::{
    io::BufRead,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::runtime::Builder;
use volo_core::BoxError;
use volo_thrift::{ClientBuilder, client::Governance};

use super::group::Group;
use crate::{idl::TortureServiceClient, process::Process, report::Report, role};

/// The word that makes this program call the server at this address when told so: `TIME_MS PAUSE_US`.
pub const CALLER: &str = "role-caller";

/// How often each transport has a turn, and for how long.
const TURNS: usize = 9;
const TURN_MS: u64 = 300;

/// The limit, and how often it is tried to keep it: something else may want the very processor for a while.
const P99_RATIO_MAX: f64 = 1.5;
const ATTEMPTS: usize = 3;

/// Pauses between calls.
const PAUSES: [(&str, u64); 2] = [("without a pause", 0), ("each ms", 1000)];

/// Runs all cases.
pub fn run(report: &mut Report) -> Result<(), BoxError> {
    tokio::task::block_in_place(|| {
        let processor = rustix::thread::sched_getcpu();
        compare("one processor", &format!("taskset -p -c {processor} $$ > /dev/null"), report)?;
        let case = "little processor time";
        let Some(group) = Group::make("cpu", case, report) else { return Ok(()) };
        group.processor_ms(30)?;
        compare(case, &group.enter(), report)
    })
}

/// A server and whoever calls it.
struct Pair {
    _server: Process,
    caller: Process,
    path: PathBuf,
}

impl Pair {
    fn start(scheme: &str, ready: &str) -> Result<Self, BoxError> {
        let path = std::env::temp_dir().join(format!("volo-torture-pace-{scheme}-{}", std::process::id()));
        let address = format!("{scheme}://{}", path.display());
        let mut server = Process::start_within(Some(ready), role::SERVER, &[format!("address={address}")])?;
        server.line()?;
        let mut caller = Process::start_within(Some(ready), CALLER, &[address])?;
        caller.line()?;
        Ok(Pair { _server: server, caller, path })
    }

    fn turn(&mut self, pause_us: u64) -> Result<Turn, BoxError> {
        let answer = self.caller.ask(&format!("{TURN_MS} {pause_us}"))?;
        let numbers: Result<Vec<f64>, _> = answer.split(' ').map(str::parse).collect();
        match numbers?[..] {
            [calls, median_us, p99_us] => Ok(Turn { calls, median_us, p99_us }),
            _ => Err(format!("no figures: {answer}").into()),
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What came of a turn.
struct Turn {
    calls: f64,
    median_us: f64,
    p99_us: f64,
}

fn compare(case: &str, ready: &str, report: &mut Report) -> Result<(), BoxError> {
    let (mut shm, mut unix) = (Pair::start("shm", ready)?, Pair::start("unix", ready)?);
    for (pace, pause_us) in PAUSES {
        let mut best = attempt(&mut shm, &mut unix, pause_us)?;
        for _ in 1..ATTEMPTS {
            if best.p99_ratio() > P99_RATIO_MAX {
                let next = attempt(&mut shm, &mut unix, pause_us)?;
                best = if next.p99_ratio() < best.p99_ratio() { next } else { best };
            }
        }
        let case = format!("{case}, {pace}");
        report.at_most(&case, "p99, of that of a Unix socket", best.p99_ratio(), P99_RATIO_MAX);
        report.tell(&case, "p50, µs", best.shm.median_us);
        report.tell(&case, "p50 of a Unix socket, µs", best.unix.median_us);
        report.tell(&case, "p99, µs", best.shm.p99_us);
        report.tell(&case, "p99 of a Unix socket, µs", best.unix.p99_us);
        report.tell(&case, "calls, of those over a Unix socket", best.shm.calls / best.unix.calls);
    }
    Ok(())
}

/// What came of turns by either transport.
struct Attempt {
    shm: Turn,
    unix: Turn,
}

impl Attempt {
    fn p99_ratio(&self) -> f64 {
        self.shm.p99_us / self.unix.p99_us
    }
}

fn attempt(shm: &mut Pair, unix: &mut Pair, pause_us: u64) -> Result<Attempt, BoxError> {
    let (mut shms, mut unixes) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        shms.push(shm.turn(pause_us)?);
        unixes.push(unix.turn(pause_us)?);
    }
    Ok(Attempt { shm: sum_up(&shms), unix: sum_up(&unixes) })
}

/// All calls, and the third best times: what others do on the machine makes single turns worse, and chance makes some
/// better.
fn sum_up(turns: &[Turn]) -> Turn {
    let third = |time: &dyn Fn(&Turn) -> f64| {
        let mut times: Vec<f64> = turns.iter().map(time).collect();
        times.sort_by(f64::total_cmp);
        times[2]
    };
    let calls = turns.iter().map(|turn| turn.calls).sum();
    Turn { calls, median_us: third(&|turn| turn.median_us), p99_us: third(&|turn| turn.p99_us) }
}

/// Calls for as long as it is told, with as much of a pause, and says how long the calls took.
pub fn call(words: &[String]) -> Result<(), BoxError> {
    let [address] = words else { return Err("an address is needed".into()) };
    let client: TortureServiceClient = ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(address.as_str())
        .rpc_timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(5))
        .mux(1)
        .build();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(client.echo("ready".into()))?;
    println!("ready");
    for question in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (time_ms, pause_us) = question.split_once(' ').ok_or("a time and a pause are needed")?;
        let (time, pause) =
            (Duration::from_millis(time_ms.parse()?), Duration::from_micros(pause_us.parse()?));
        let mut times = runtime.block_on(turn(&client, time, pause))?;
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        println!("{} {:.3} {:.3}", times.len(), at(50), at(99));
    }
    Ok(())
}

async fn turn(
    client: &TortureServiceClient,
    time: Duration,
    pause: Duration,
) -> Result<Vec<Duration>, BoxError> {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let call = Instant::now();
        client.echo("sixty-four bytes or so, as most of the small calls of a service".into()).await?;
        times.push(call.elapsed());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(times)
}
