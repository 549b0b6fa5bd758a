//! Requests and replies disturbed at every byte: a right answer or an error, never a wrong answer.
//!
//! A fault proxy in this process stands between client and server. For each message, direction, fault and byte offset
//! one call goes through it, then a good one, which must succeed: so the pool has thrown away what was spoilt.

mod proxy;

use std::time::Duration;

use faststr::FastStr;
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{ClientBuilder, ClientError};

use self::proxy::{Direction, Fault, Plan, Proxy};
use crate::{
    idl::{Item, Node, TortureServiceClient},
    process::Server,
    random::Random,
    report::Report,
};

/// How long a call may take; a fault that is just a wait ends with it.
const PATIENCE: Duration = Duration::from_millis(150);

#[derive(Default)]
struct Count {
    calls: u64,
    right: u64,
    errors: u64,
    /// Answers that differ from what was asked although every byte was delivered as it was sent.
    wrong: u64,
    /// Corrupted bytes of a value's content that nothing but a checksum could notice.
    altered: u64,
    /// Good calls after the fault that failed.
    unhealthy: u64,
}

/// Runs the suite with so many messages in each client mode.
pub async fn run(messages: u64, report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start(&[])?;
    let mut other = Server::start(&[])?;
    let before = (server.meter()?, server.descriptors()?);
    for mode in ["ttheader", "framed", "mux"] {
        let proxy = Proxy::start(server.address, other.address).await?;
        let client = client(mode, &proxy);
        for fault in Fault::ALL {
            let case = format!("{mode}: {}", fault.name());
            let mut count = Count::default();
            for direction in [Direction::Request, Direction::Reply] {
                for number in 0..messages {
                    let node = message(number);
                    disturb(&client, &proxy, fault, direction, &node, &mut count).await;
                }
            }
            report.tell(&case, "calls", count.calls);
            report.tell(&case, "right answers", count.right);
            report.tell(&case, "errors", count.errors);
            if fault == Fault::Corrupt {
                report.tell(&case, "altered contents", count.altered);
            } else {
                report.equal(&case, "wrong answers", count.wrong + count.altered, 0);
            }
            report.equal(&case, "good calls after a fault that failed", count.unhealthy, 0);
        }
        drop((client, proxy));
    }
    let (after, open) = server.settle(before.0.tasks, before.1).await?;
    report.equal("all", "server panics", after.panics + other.meter()?.panics, 0);
    report.at_most("all", "server tasks left", after.tasks, before.0.tasks);
    report.at_most("all", "server descriptors left", open, before.1);
    Ok(())
}

fn client(mode: &str, proxy: &Proxy) -> TortureServiceClient {
    let builder = ClientBuilder::new("torture")
        .address(proxy.address)
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
        child: (number % 3 == 0).then(|| Box::new(Node { middle: number as i32, ..Node::default() })),
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
            Ok(_) if fault == Fault::Corrupt => count.altered += 1,
            Ok(_) => count.wrong += 1,
            Err(_) => count.errors += 1,
        }
        proxy.clear();
        // A connection that was cut shows this only when it is used: one call may meet its end, none a wrong answer.
        if !is_healthy(client, offset).await {
            count.unhealthy += 1;
        }
    }
}

async fn is_healthy(client: &TortureServiceClient, offset: usize) -> bool {
    let number = offset as i64;
    match client.perhaps(number, 0).await {
        Ok(answer) => answer == number,
        Err(ClientError::Rpc(error)) if error.is_closed() || error.is_timeout() || error.is_protocol() => {
            client.perhaps(number, 0).await.ok() == Some(number)
        }
        Err(_) => false,
    }
}
