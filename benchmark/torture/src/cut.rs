//! Requests and replies disturbed at every byte: a right answer or an error, never a wrong answer.
//!
//! A fault proxy in this process stands between client and server. For each message, direction, fault and byte offset
//! one call goes through it, then a good one, which must succeed: so the pool has thrown away what was spoilt.

mod proxy;

use std::time::{Duration, Instant};

use faststr::FastStr;
use tokio::task::JoinSet;
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{ClientBuilder, Limits, client::Governance};

use self::proxy::{Direction, Fault, Plan, Proxy};
use crate::{
    idl::{Item, Node, TortureServiceClient},
    process::Server,
    random::Random,
    report::Report,
};

const MODES: [&str; 3] = ["ttheader", "framed", "mux"];

/// How long a call may take; a fault that is just a wait ends with it.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long both ends wait for the rest of a frame: what follows a length that was made longer is taken for it.
const FRAME_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it may take until a good call succeeds again.
const RECOVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Count {
    calls: u64,
    right: u64,
    errors: u64,
    wrong: u64,
    /// Good calls after the fault that were given a wrong answer.
    mixed_up: u64,
    /// How long it took at most until a good call succeeded.
    recovery: Duration,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.calls += other.calls;
        self.right += other.right;
        self.errors += other.errors;
        self.wrong += other.wrong;
        self.mixed_up += other.mixed_up;
        self.recovery = self.recovery.max(other.recovery);
    }
}

/// Runs the suite with so many messages in each client mode; everything at the same time, as most of it is waiting.
pub async fn run(messages: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start(&["frame_timeout_ms=1000", "header_timeout_ms=1000"])?;
    let mut other = Server::start(&[])?;
    let before = (server.meter()?, server.descriptors()?);
    let mut tasks = JoinSet::new();
    for (mode, name) in MODES.into_iter().enumerate() {
        for (place, fault) in Fault::ALL.into_iter().enumerate() {
            for number in 0..messages {
                for direction in [Direction::Request, Direction::Reply] {
                    let proxy = Proxy::start(server.address, other.address).await?;
                    tasks.spawn(async move {
                        let client = client(name, &proxy);
                        let mut count = Count::default();
                        disturb(&client, &proxy, fault, direction, &message(number), &mut count).await;
                        (mode, place, count)
                    });
                }
            }
        }
    }
    let mut sums = <[[Count; Fault::ALL.len()]; MODES.len()]>::default();
    while let Some(done) = tasks.join_next().await {
        let (mode, place, count) = done?;
        sums[mode][place].add(&count);
    }
    for (mode, sums) in MODES.into_iter().zip(sums) {
        for (fault, sum) in Fault::ALL.into_iter().zip(sums) {
            tell(&format!("{mode}: {}", fault.name()), fault, &sum, report);
        }
    }
    let (after, open) = server.settle(before.0.tasks, before.1).await?;
    report.equal("all", "server panics", after.panics + other.meter()?.panics, 0);
    report.at_most("all", "server tasks left", after.tasks, before.0.tasks);
    report.at_most("all", "server descriptors left", open, before.1);
    Ok(())
}

fn tell(case: &str, fault: Fault, sum: &Count, report: &mut Report) {
    report.tell(case, "calls", sum.calls);
    report.tell(case, "right answers", sum.right);
    report.tell(case, "errors", sum.errors);
    if fault == Fault::Corrupt {
        // Without a checksum, a changed letter is a letter; what must not be is an answer to another call.
        report.tell(case, "altered contents", sum.wrong);
    } else {
        report.equal(case, "wrong answers", sum.wrong, 0);
    }
    report.equal(case, "wrong answers to the good call behind it", sum.mixed_up, 0);
    report.at_most(case, "slowest recovery, ms", sum.recovery, RECOVERY);
}

fn client(mode: &str, proxy: &Proxy) -> TortureServiceClient {
    let mut limits = Limits::default();
    limits.frame_timeout = FRAME_TIMEOUT;
    let builder = ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(proxy.address)
        .limits(limits)
        .rpc_timeout(PATIENCE)
        .connect_timeout(Duration::from_secs(1))
        .pool(PoolConfig { max_total: 4, ..PoolConfig::default() });
    match mode {
        "mux" => builder.mux(1).build(),
        "framed" => builder.framed().build(),
        _ => builder.build(),
    }
}

/// One of the messages; they differ in size and in what they hold.
fn message(number: u64) -> Node {
    let mut random = Random::new(number);
    let text = |random: &mut Random| {
        FastStr::new(format!("{:0>1$}", random.below(1 << 40), 1 + number as usize % 7))
    };
    Node {
        numbers: (0..number % 4).map(|_| random.below(u64::MAX) as i64).collect(),
        name: text(&mut random),
        flag: number.is_multiple_of(2),
        items: (0..number % 2).map(|id| Item { id: id as i64, label: text(&mut random) }).collect(),
        child: number.is_multiple_of(3).then(|| Box::new(Node { middle: number as i32, ..Node::default() })),
        small: number as i8,
        ..Node::default()
    }
}

/// Puts `fault` at every byte of one direction of a call with `node`.
async fn disturb(
    client: &TortureServiceClient,
    proxy: &Proxy,
    fault: Fault,
    direction: Direction,
    node: &Node,
    count: &mut Count,
) {
    let len = proxy.measure(direction, client.tree(node.clone())).await;
    for offset in (0..len).step_by(fault.stride()) {
        proxy.set(Plan { fault, direction, offset });
        count.calls += 1;
        match client.tree(node.clone()).await {
            Ok(answer) if answer == *node => count.right += 1,
            Ok(_) => count.wrong += 1,
            Err(_) => count.errors += 1,
        }
        proxy.clear();
        recover(client, offset as i64, count).await;
    }
}

/// Makes good calls until one succeeds. The first ones may meet the end of what was spoilt, but no wrong answer.
async fn recover(client: &TortureServiceClient, number: i64, count: &mut Count) {
    let start = Instant::now();
    loop {
        match client.perhaps(number, 0).await {
            Ok(answer) if answer == number => break,
            Ok(_) => count.mixed_up += 1,
            Err(_) => {}
        }
        if start.elapsed() > RECOVERY * 2 {
            break;
        }
    }
    count.recovery = count.recovery.max(start.elapsed());
}
