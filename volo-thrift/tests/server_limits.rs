//! Limits of time and number, on a clock that tests turn.

mod server_support;

use std::time::Duration;

use server_support::{FRAMED, Probe, Running, TTHEADER, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tower::limit::ConcurrencyLimitLayer;
use volo_core::Address;
use volo_thrift::{Limits, Server, wire::MessageKind};

async fn start(limits: Limits) -> (Running, Probe) {
    let probe = Probe::default();
    let server = Server::new().limits(limits).add_service(probe.clone()).bind("127.0.0.1:0").await.unwrap();
    (Running::start(server), probe)
}

async fn connect(running: &Running) -> TcpStream {
    let Address::Tcp(address) = running.address else { unreachable!() };
    TcpStream::connect(address).await.unwrap()
}

/// Seconds until the server ends the connection.
async fn ends_after_s(mut stream: TcpStream) -> u64 {
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
    began.elapsed().as_secs_f64().round() as u64
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stalls_is_let_go() {
    let (running, _) = start(Limits::default()).await;
    for (bytes, seconds) in [
        (&b""[..], 600),                                        // idle
        (b"\0", 10),                                            // inside a length
        (b"\0\0\x10\0\x80", 10),                                // before the dialect can be told
        (b"\x80\x01\0\x01\0\0\0\x04echo", 10),                  // inside a Buffered message's head
        (b"\0\0\x10\0\x80\x01", 30),                            // inside a Framed message
        (b"\0\0\x10\0\x10\0\0\0\0\0\0\x01", 10),                // before the length of a TTHeader
        (b"\0\0\x10\0\x10\0\0\0\0\0\0\x01\0\x02\0\0", 10),      // inside a TTHeader
        (b"\0\0\x10\0\x10\0\0\0\0\0\0\x01\0\x01\0\0\0\0", 30),  // behind it
        (b"\xff\xaf\0\x20\0\x01\0\x01k", 10),                   // inside a mesh header
        (b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01\x0b", 30),    // inside a Buffered message
        (b"\x82\x21\x01\x04echo\x18\x20tenlettersandmore", 30), // inside a Compact one
    ] {
        let mut stream = connect(&running).await;
        stream.write_all(bytes).await.unwrap();
        assert_eq!(ends_after_s(stream).await, seconds, "{bytes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trickle_is_no_sign_of_life() {
    let (running, _) = start(Limits::default()).await;
    let (mut read, mut write) = connect(&running).await.into_split();
    let began = Instant::now();
    let trickle = tokio::spawn(async move {
        write.write_all(b"\0\0\x10\0\x80\x01\0\x01").await.unwrap();
        while write.write_all(b"\0").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    });
    let mut rest = Vec::new();
    let _ = read.read_to_end(&mut rest).await;
    assert_eq!(began.elapsed().as_secs(), 30);
    trickle.abort();
}

#[tokio::test(start_paused = true)]
async fn long_calls_and_waiting_callers_are_not_idle() {
    let (running, _) = start(Limits::default()).await;
    let mut caller = running.connect(FRAMED).await;
    assert_eq!(caller.call("slow", 1, "5000000").await.text(), "5000000");
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert_eq!(caller.call("echo", 2, "alive").await.text(), "alive");
    // A second request that waits behind a long one, half of it not even read, is no stall either.
    caller.send(MessageKind::Call, "slow", 3, "100000").await;
    caller.send(MessageKind::Call, "echo", 4, &"x".repeat(100_000)).await;
    assert_eq!((caller.answer().await.id, caller.answer().await.id), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn an_expired_call_is_not_executed() {
    let (running, probe) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await;
    // One write brings them all, so that the last two wait in the server until the first is done.
    let (slow, quick) = (caller.encode("slow", 1, "3000"), caller.encode("echo", 4, "no budget"));
    caller.header.integers = vec![(12, "2000".into())];
    let late = caller.encode("echo", 2, "too late");
    caller.header.integers = vec![(12, "4000".into())];
    let timely = caller.encode("echo", 3, "in time");
    caller.send_raw(&[slow, late, timely, quick].concat()).await;
    assert_eq!(caller.answer().await.id, 1);
    let late = caller.answer().await;
    assert!(late.id == 2 && late.notes.not_executed, "{late:?}");
    assert_eq!(late.fault(), (120, "deadline of echo passed before it was started".to_owned()));
    assert_eq!((caller.answer().await.id, caller.answer().await.id), (3, 4));
    assert_eq!(probe.journal.lines(), ["start 3000", "end 3000", "echo in time", "echo no budget"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_expires_in_a_layer_s_queue_is_not_executed() {
    let probe = Probe::default();
    let server = Server::new().add_service(probe.clone()).layer(ConcurrencyLimitLayer::new(1));
    let running = Running::start(server.bind("mem://queued").await.unwrap());
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    caller.send(MessageKind::Call, "slow", 1, "3000").await;
    caller.header.integers = vec![(12, "2000".into())];
    caller.send(MessageKind::Call, "echo", 2, "too late").await;
    assert_eq!(caller.answer().await.id, 1);
    assert!(caller.answer().await.notes.not_executed);
    assert_eq!(probe.journal.lines(), ["start 3000", "end 3000"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_let_go() {
    let (running, probe) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await;
    let began = Instant::now();
    let mut sent = 0;
    while sent < 2000 {
        let args = server_support::Text { text: "65000".into() };
        if caller.send_value(MessageKind::Call, "big", sent, args).await.is_err() {
            break;
        }
        sent += 1;
    }
    // All requests fit into the sockets; the replies don't.
    let mut received = 0;
    tokio::time::sleep(Duration::from_secs(31)).await;
    while let Ok(Some(answer)) = caller.receive().await {
        received += 1;
        answer.text();
    }
    assert!(received < sent, "{received} of {sent}");
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
    drop(probe);
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_their_turn() {
    let mut limits = Limits::default();
    limits.connections_max = Some(2);
    let (running, _) = start(limits).await;
    let (mut first, mut second) = (running.connect(FRAMED).await, running.connect(FRAMED).await);
    soon(first.call("echo", 1, "a")).await;
    soon(second.call("echo", 1, "b")).await;
    let mut third = running.connect(FRAMED).await; // taken by the system, not by the server
    third.send(MessageKind::Call, "echo", 1, "c").await;
    assert!(tokio::time::timeout(Duration::from_millis(100), third.answer()).await.is_err());
    drop(first);
    assert_eq!(soon(third.answer()).await.text(), "c");
    assert_eq!(soon(second.call("echo", 2, "b")).await.text(), "b");
}

/// Runs the test below in a process of its own that may have few descriptors.
#[cfg(target_os = "linux")]
#[test]
fn a_lack_of_descriptors_ends_nothing() {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 48 && exec \"$0\" --exact --ignored --nocapture with_few_descriptors"])
        .arg(program)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
#[ignore = "run by a_lack_of_descriptors_ends_nothing"]
async fn with_few_descriptors() {
    let mut limits = Limits::default();
    limits.connections_max = Some(10_000);
    let (running, _) = start(limits).await;
    let Address::Tcp(address) = running.address else { unreachable!() };
    let mut first = running.connect(FRAMED).await;
    soon(first.call("echo", 1, "hi")).await;
    // Both ends are in this process, so the last of them connect without being accepted.
    let mut others = Vec::new();
    while let Ok(stream) = TcpStream::connect(address).await {
        others.push(stream);
    }
    assert!(others.len() > 10, "{}", others.len());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(soon(first.call("echo", 2, "still")).await.text(), "still");
    let freed = Instant::now();
    drop(others);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut late = running.connect(FRAMED).await;
    assert_eq!(soon(late.call("echo", 1, "again")).await.text(), "again");
    assert!(freed.elapsed() < Duration::from_secs(1), "{:?}", freed.elapsed());
}
