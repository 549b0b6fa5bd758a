//! Requests and replies disturbed at every byte: a right answer or an error, never a wrong answer.
//!
//! A fault proxy in this process stands between client and server. For each message, direction, fault and byte offset
//! one call goes through it, in mux beside another one, then a good one, which must succeed: so the pool has thrown
//! away what was spoilt.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use faststr::FastStr;
use tokio::{sync::Semaphore, task::JoinSet};
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{CallOpt, ClientBuilder, ClientError, Limits, client::Governance};

use crate::{
    idl::{Item, Node, TortureServiceClient, TortureServiceRefuseException},
    process::Server,
    proxy::{Direction, Fault, Plan, Proxy},
    random::Random,
    report::Report,
};

const MODES: [&str; 4] = ["ttheader", "checksums", "framed", "mux"];

/// How long a call may take; a fault that is just a wait ends with it.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long both ends wait for the rest of a frame: what follows a length that was made longer is taken for it.
const FRAME_TIMEOUT: Duration = Duration::from_millis(500);

/// How long it may take until a good call succeeds again.
const RECOVERY: Duration = Duration::from_secs(3);

/// How long each good call may take: on a busy machine, longer than a disturbed one is waited for.
const GOOD_CALL: Duration = Duration::from_secs(1);

/// Clients that keep the processor busy at the same time; more of them would only time out waiting for it.
const BUSY_MAX: usize = 48;

/// Clients that share the bytes of a message, as many calls just wait.
const PARTS: usize = 4;

#[derive(Default)]
struct Count {
    calls: u64,
    right: u64,
    errors: u64,
    wrong: u64,
    /// Other calls, beside the disturbed one or behind it, that were given a wrong answer.
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

/// Runs the suite with so many messages in each client mode; much at the same time, as most of it is waiting.
pub async fn run(messages: u64, report: &mut Report) -> Result<(), BoxError> {
    let timeout = FRAME_TIMEOUT.as_millis();
    let settings = [format!("header_timeout_ms={timeout}"), format!("frame_timeout_ms={timeout}")];
    let settings = settings.each_ref().map(String::as_str);
    let (mut server, mut other) = (Server::start(&settings)?, Server::start(&settings)?);
    let rests = (server.rest()?, other.rest()?);
    let (mut tasks, busy) = (JoinSet::<Result<_, BoxError>>::new(), Arc::new(Semaphore::new(BUSY_MAX)));
    for (mode, name) in MODES.into_iter().enumerate() {
        for (place, fault) in Fault::ALL.into_iter().enumerate() {
            for number in 0..messages {
                for direction in [Direction::Request, Direction::Reply] {
                    if fault == Fault::Misroute && direction == Direction::Reply {
                        continue; // there is only one client
                    }
                    let addresses = (server.address, other.address);
                    for part in 0..PARTS {
                        let busy = busy.clone();
                        tasks.spawn(async move {
                            let _place = if fault.is_wait() { None } else { busy.acquire_owned().await.ok() };
                            let victim = Victim::new(name, fault, direction, number, addresses).await?;
                            Ok((mode, place, victim.suffer(part).await))
                        });
                    }
                }
            }
        }
    }
    let mut sums = <[[Count; Fault::ALL.len()]; MODES.len()]>::default();
    while let Some(done) = tasks.join_next().await {
        let (mode, place, count) = done??;
        sums[mode][place].add(&count);
    }
    for (mode, sums) in MODES.into_iter().zip(sums) {
        for (fault, sum) in Fault::ALL.into_iter().zip(sums) {
            tell(mode, fault, &sum, report);
        }
    }
    for (case, server, rest) in [("server", &mut server, rests.0), ("replica", &mut other, rests.1)] {
        let (meter, left) = server.settle(rest).await?;
        report.equal(case, "panics", meter.panics, 0);
        report.at_most(case, "tasks left", left.tasks, rest.tasks);
        report.at_most(case, "descriptors left", left.descriptors, rest.descriptors);
    }
    Ok(())
}

fn tell(mode: &str, fault: Fault, sum: &Count, report: &mut Report) {
    let case = format!("{mode}: {}", fault.name());
    report.at_least(&case, "disturbed calls", sum.calls, 1_u64);
    report.tell(&case, "right answers", sum.right);
    report.tell(&case, "errors", sum.errors);
    // Without a checksum a changed letter is a letter. What must not be is an answer to another call.
    if fault == Fault::Corrupt && matches!(mode, "ttheader" | "framed") {
        report.tell(&case, "altered contents", sum.wrong);
    } else {
        report.equal(&case, "wrong answers", sum.wrong, 0);
    }
    report.equal(&case, "wrong answers to calls beside and behind it", sum.mixed_up, 0);
    report.at_most(&case, "slowest recovery, ms", sum.recovery, RECOVERY);
}

/// A client, and what happens to its calls.
struct Victim {
    client: TortureServiceClient,
    proxy: Proxy,
    fault: Fault,
    direction: Direction,
    call: Call,
    number: u64,
    has_neighbour: bool,
}

impl Victim {
    async fn new(
        mode: &str,
        fault: Fault,
        direction: Direction,
        number: u64,
        (server, other): (SocketAddr, SocketAddr),
    ) -> Result<Self, BoxError> {
        let proxy = Proxy::start(server, other).await?;
        Ok(Victim {
            client: client(mode, &proxy),
            proxy,
            fault,
            direction,
            call: Call::new(number),
            number,
            has_neighbour: mode == "mux",
        })
    }

    /// Goes through the fault at its part of the bytes.
    async fn suffer(self, part: usize) -> Count {
        let mut count = Count::default();
        recover(&self.client, 0, &mut Count::default()).await;
        let patient = patient(&self.client);
        let len = self.proxy.measure(self.direction, self.call(&patient)).await;
        for offset in (part..len).step_by(PARTS) {
            let seed = self.number << 32 | offset as u64;
            self.proxy.set(Plan { fault: self.fault, direction: self.direction, offset, seed });
            count.calls += 1;
            let (outcome, neighbour) = self.call(&self.client).await;
            match outcome {
                Some(true) => count.right += 1,
                Some(false) => count.wrong += 1,
                None => count.errors += 1,
            }
            count.mixed_up += u64::from(neighbour == Some(false));
            self.proxy.clear();
            recover(&self.client, offset as i64, &mut count).await;
        }
        count
    }

    /// Whether the answer was right, and that to the call beside it; `None` is an error.
    async fn call(&self, client: &TortureServiceClient) -> (Option<bool>, Option<bool>) {
        if !self.has_neighbour {
            return (self.call.outcome(client).await, None);
        }
        let number = i64::MAX - self.number as i64;
        let neighbour = async { client.perhaps(number, 0).await.ok().map(|answer| answer == number) };
        tokio::join!(self.call.outcome(client), neighbour)
    }
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
        "checksums" => builder.checksums().build(),
        _ => builder.build(),
    }
}

/// One of the calls; they differ in method, in size and in what they hold.
enum Call {
    Tree(Box<Node>),
    Echo(FastStr),
    /// Answered with a declared exception.
    Refuse(FastStr),
}

impl Call {
    fn new(number: u64) -> Self {
        match number % 5 {
            3 => Call::Echo(text(&mut Random::new(number), number)),
            4 => Call::Refuse(text(&mut Random::new(number), number)),
            _ => Call::Tree(Box::new(node(number))),
        }
    }

    /// Whether the answer was right; `None` is an error.
    async fn outcome(&self, client: &TortureServiceClient) -> Option<bool> {
        match self {
            Call::Tree(node) => client.tree(Node::clone(node)).await.ok().map(|answer| answer == **node),
            Call::Echo(text) => client.echo(text.clone()).await.ok().map(|answer| answer == *text),
            Call::Refuse(text) => match client.refuse(text.clone()).await {
                Err(ClientError::Exception(TortureServiceRefuseException::Refused(refused))) => {
                    Some(refused.reason == *text)
                }
                Err(_) => None,
                Ok(_) => Some(false),
            },
        }
    }
}

fn text(random: &mut Random, number: u64) -> FastStr {
    FastStr::new(format!("{:0>1$}", random.below(1 << 40), 1 + number as usize % 7))
}

fn node(number: u64) -> Node {
    let mut random = Random::new(number);
    Node {
        numbers: (0..number % 4).map(|_| random.below(u64::MAX) as i64).collect(),
        name: text(&mut random, number),
        flag: number.is_multiple_of(2),
        items: (0..number % 2).map(|id| Item { id: id as i64, label: text(&mut random, number) }).collect(),
        child: number.is_multiple_of(3).then(|| Box::new(Node { middle: number as i32, ..Node::default() })),
        small: number as i8,
        ..Node::default()
    }
}

/// The same client for calls to which nothing happens.
fn patient(client: &TortureServiceClient) -> TortureServiceClient {
    client.with_callopt(CallOpt { timeout: Some(GOOD_CALL), ..CallOpt::default() })
}

/// Makes good calls until one succeeds. The first ones may meet the end of what was spoilt, but no wrong answer.
async fn recover(client: &TortureServiceClient, number: i64, count: &mut Count) {
    let start = Instant::now();
    let patient = patient(client);
    loop {
        match patient.perhaps(number, 0).await {
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
