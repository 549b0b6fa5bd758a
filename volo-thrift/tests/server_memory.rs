//! Memory follows from configuration, whatever peers send and don't read. The budget is the process's, so these tests
//! run one by one.

mod server_support;

use std::time::Duration;

use server_support::{FRAMED, Probe, Running, TTHEADER, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
};
use volo_core::Address;
use volo_thrift::{Limits, Server, wire::MessageKind};

static ALONE: Mutex<()> = Mutex::const_new(());

async fn start(address: &str, limits: Limits) -> (Running, Probe) {
    let probe = Probe::default();
    let server = Server::new().limits(limits).add_service(probe.clone()).bind(address).await.unwrap();
    (Running::start(server), probe)
}

async fn connect(running: &Running) -> TcpStream {
    let Address::Tcp(address) = running.address else { unreachable!() };
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn frames_in_the_making_share_the_budget_of_the_process() {
    let _alone = ALONE.lock().await;
    let mut limits = Limits::default();
    limits.receive_memory_max = Some(1 << 20);
    // Two servers of one process have one budget.
    let (running, _) = start("127.0.0.1:0", limits.clone()).await;
    let (other, _) = start("127.0.0.1:0", limits).await;
    let announced = [&(4_000_000_u32).to_be_bytes()[..], b"\x80\x01\0\x01", &[7; 600_000]].concat();
    let mut hoarders = Vec::new();
    for server in [&running, &other, &running] {
        let mut stream = connect(server).await;
        stream.write_all(&announced).await.unwrap();
        hoarders.push(stream);
    }
    let mut small = running.connect(FRAMED).await;
    assert_eq!(soon(small.call("echo", 1, &"x".repeat(5000))).await.text().len(), 5000);
    let mut ended = 0;
    for stream in &mut hoarders {
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut [0; 64])).await;
        ended += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert_eq!(ended, 2, "only one of them fits");
}

/// Its calls end, and their replies pile up.
#[tokio::test]
async fn a_peer_that_never_reads_costs_no_more_than_the_budget() {
    let _alone = ALONE.lock().await;
    let mut limits = Limits::default();
    limits.receive_memory_max = Some(16 << 20);
    let (running, _) = start("127.0.0.1:0", limits).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    for id in 1..=100 {
        caller.send(MessageKind::Call, "big", id, "1000000/later").await;
    }
    let args = || server_support::Text { text: "x".into() };
    let told = async {
        while caller.send_value(MessageKind::Call, "echo", 7, args()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(told).await; // the server has closed
    let mut next = running.connect(FRAMED).await;
    assert_eq!(soon(next.call("echo", 1, "there is room again")).await.text(), "there is room again");
}

/// A frame shares its memory with others, which can't be used again as long as one of them is needed.
#[tokio::test(start_paused = true)]
async fn small_requests_that_wait_are_counted_as_what_they_hold() {
    let _alone = ALONE.lock().await;
    let mut limits = Limits::default();
    limits.in_flight_bytes_max = 64 << 10;
    let (running, probe) = start("mem://pinned", limits).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    for id in 1..=40 {
        caller.call("echo", id, "done at once").await;
    }
    // The first was not expected to wait and takes all there is; the others are copied.
    for (batch, most) in [(4, 3), (10, 10)] {
        for id in 1..=batch {
            caller.send(MessageKind::Call, "slow", id, "10").await;
        }
        for _ in 0..batch {
            caller.answer().await;
        }
        assert_eq!(probe.journal.most(), most);
    }
}
