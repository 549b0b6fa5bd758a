//! What a server answers to calls of every kind, over real sockets and inside the process.

mod server_support;

use std::time::Duration;

use server_support::{FRAMED, Probe, Running, TTHEADER, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use volo_core::{Address, ErrorKind};
use volo_thrift::{
    Limits, Server,
    protocol::Protocol,
    wire::{Dialect, Framing, MessageKind},
};

async fn start(server: Server) -> (Running, Probe) {
    let probe = Probe::default();
    let server = server.add_service(probe.clone()).bind("127.0.0.1:0").await.unwrap();
    (Running::start(server), probe)
}

#[tokio::test]
async fn every_dialect_is_answered_in_itself() {
    let (running, _) = start(Server::new()).await;
    for framing in [Framing::Buffered, Framing::Framed, Framing::TtHeader, Framing::TtHeaderFramed] {
        for protocol in [Protocol::Binary, Protocol::Compact] {
            let mut caller = running.connect(Dialect::new(framing, protocol)).await;
            for id in [1, -7, i32::MAX] {
                let answer = soon(caller.call("echo", id, "hi")).await;
                assert_eq!((answer.id, answer.name.as_str()), (id, "echo"), "{framing:?} {protocol:?}");
                assert_eq!(answer.text(), "hi");
            }
            let (kind, text) = soon(caller.call("nothing", 9, "hi")).await.fault();
            assert_eq!((kind, text.as_str()), (1, "unknown method nothing"), "{framing:?} {protocol:?}");
            assert_eq!(soon(caller.call("echo", 10, "still")).await.text(), "still");
        }
    }
}

#[tokio::test]
async fn panics_are_answered_and_the_connection_lives() {
    let (running, _) = start(Server::new()).await;
    let mut caller = running.connect(FRAMED).await;
    for (id, method) in [(1, "boom"), (2, "late_boom"), (3, "boom")] {
        let answer = soon(caller.call(method, id, "now")).await;
        assert_eq!(answer.id, id);
        assert_eq!(answer.fault(), (6, "handler panicked".to_owned()));
    }
    caller.send(MessageKind::Oneway, "post_boom", 4, "").await;
    assert_eq!(soon(caller.call("echo", 5, "alive")).await.text(), "alive");
}

#[tokio::test]
async fn oneway_is_executed_and_never_answered() {
    let (running, probe) = start(Server::new()).await;
    for dialect in [FRAMED, TTHEADER] {
        let mut caller = running.connect(dialect).await;
        caller.send(MessageKind::Oneway, "post", 1, "proper").await;
        caller.send(MessageKind::Call, "post", 2, "as a call").await;
        caller.send(MessageKind::Oneway, "echo", 3, "of a two-way method").await;
        caller.send(MessageKind::Oneway, "nothing", 4, "").await;
        assert_eq!(soon(caller.call("echo", 5, "last")).await.id, 5);
    }
    let once = ["post proper", "post as a call", "echo of a two-way method", "echo last"];
    assert_eq!(probe.journal.lines(), [once, once].concat());
}

#[tokio::test]
async fn failures_travel_as_far_as_the_framing_allows() {
    let (running, _) = start(Server::new()).await;
    let mut caller = running.connect(TTHEADER).await;
    let answer = soon(caller.call("biz", 1, "sold out")).await;
    let biz = answer.notes.biz.clone().unwrap();
    assert_eq!((biz.status_code, biz.status_message.as_str(), biz.extra.len()), (42, "sold out", 1));
    assert_eq!(answer.text(), "", "an empty result beside it");
    let answer = soon(caller.call("refuse", 2, "no")).await;
    assert!(answer.notes.not_executed);
    assert_eq!(answer.fault(), (1234, "no".to_owned()));

    let mut caller = running.connect(FRAMED).await;
    let (kind, text) = soon(caller.call("biz", 1, "sold out")).await.fault();
    assert_eq!((kind, text.as_str()), (6, "business status 42: sold out"));
}

#[tokio::test]
async fn headers_reach_the_handler_and_come_back() {
    let (running, _) = start(Server::new()).await;
    let mut caller = running.connect(TTHEADER).await;
    caller.header.strings = vec![("RPC_PERSIST_TENANT".into(), "a".into()), ("isn".into(), "Probe".into())];
    caller.header.integers = vec![(12, "1000".into())];
    let answer = soon(caller.call("whoami", 1, "")).await;
    assert_eq!(answer.backward.clone().unwrap(), "yes");
    assert_eq!(answer.text(), "Probe.whoami Some(\"a\") 127.0.0.1 true");

    caller.header.strings = vec![("isn".into(), "Nobody".into())];
    assert_eq!(soon(caller.call("whoami", 2, "")).await.fault(), (20, "unknown service Nobody".to_owned()));
    caller.header.strings.clear();
    let answer = soon(caller.call("Probe:echo", 3, "multiplexed")).await;
    assert_eq!((answer.name.clone().as_str(), answer.text().as_str()), ("echo", "multiplexed"));
    let answer = soon(caller.call("Nobody:echo", 4, "")).await;
    assert_eq!((answer.name.clone().as_str(), answer.fault().0), ("echo", 20));
}

#[tokio::test]
async fn what_is_no_call_is_refused_by_name() {
    let (running, _) = start(Server::new()).await;
    let mut caller = running.connect(FRAMED).await;
    for kind in [MessageKind::Reply, MessageKind::Exception] {
        caller.send(kind, "echo", 3, "x").await;
        let answer = soon(caller.answer()).await;
        assert_eq!((answer.id, answer.fault().0), (3, 2), "INVALID_MESSAGE_TYPE");
    }
    // A tree where a text is expected: the field has another type, so it is as if it weren't there.
    let node = server_support::Node { name: "n".into(), ..Default::default() };
    caller.send_value(MessageKind::Call, "echo", 4, node).await.unwrap();
    assert_eq!(soon(caller.answer()).await.text(), "");
}

#[tokio::test]
async fn arguments_that_cannot_be_decoded_name_the_field() {
    let (running, _) = start(Server::new()).await;
    let Address::Tcp(address) = running.address else { unreachable!() };
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let call = b"\0\0\0\x1c\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\x0b\0\x01\0\0\0\x02\xff\xfe\0";
    let call = [&(call.len() as u32 - 4).to_be_bytes()[..], &call[4..]].concat();
    let mut answer = vec![0; 4096];
    for _ in 0..2 {
        stream.write_all(&call).await.unwrap();
        let len = soon(stream.read(&mut answer)).await.unwrap();
        let text = String::from_utf8_lossy(&answer[..len]).into_owned();
        assert!(text.contains("text") && text.contains("UTF-8"), "{text}");
        assert_eq!(answer[..8][4..], [0x80, 1, 0, 3], "an exception, on a connection that lives");
    }
}

#[tokio::test]
async fn large_replies_are_whole_whoever_encodes_them() {
    let (running, _) = start(Server::new()).await;
    let mut caller = running.connect(TTHEADER).await;
    for (id, text) in [(1, "3000000"), (2, "3000000/later"), (3, "70000/later"), (4, "5")] {
        let expected: usize = text.split('/').next().unwrap().parse().unwrap();
        assert_eq!(soon(caller.call("big", id, text)).await.text().len(), expected);
    }
    let (kind, text) = soon(caller.call("big", 5, "20000000")).await.fault();
    assert!(kind == 6 && text.contains("message_max"), "{kind} {text}");
    assert_eq!(soon(caller.call("echo", 6, "alive")).await.text(), "alive");
}

#[tokio::test]
async fn unix_and_in_process_addresses_serve_as_well() {
    let path = std::env::temp_dir().join(format!("volo-server-calls-{}.sock", std::process::id()));
    for address in [format!("unix://{}", path.display()), "mem://server-calls".to_owned()] {
        let server = Server::new().add_service(Probe::default()).bind(address.as_str()).await.unwrap();
        let running = Running::start(server);
        let mut caller = running.connect(TTHEADER).await;
        for id in 1..100 {
            assert_eq!(soon(caller.call("echo", id, "hi")).await.text(), "hi");
        }
        let (kind, _) = match soon(caller.call("big", 100, "100000")).await.result {
            Ok(text) => (0, text.to_string()),
            Err(fault) => fault,
        };
        assert_eq!(kind, if address.starts_with("mem") { 6 } else { 0 }, "a slot holds 64 KiB");
        assert_eq!(soon(caller.call("echo", 101, "alive")).await.text(), "alive");
    }
}

#[tokio::test]
async fn blocking_methods_hold_up_nobody() {
    let limits = Limits::default();
    let (running, probe) = start(Server::new().limits(limits).blocking("Probe.slow")).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    caller.send(MessageKind::Call, "slow", 1, "20").await;
    caller.send(MessageKind::Call, "echo", 2, "first").await;
    assert_eq!(soon(caller.answer()).await.id, 2);
    assert_eq!(soon(caller.answer()).await.id, 1);
    assert_eq!(probe.journal.lines().last().unwrap(), "end 20");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_hogs_its_thread_is_moved_to_another() {
    let (running, _) = start(Server::new()).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    soon(caller.call("hog", 1, "5")).await; // this one held the connection up, and was timed
    caller.send(MessageKind::Call, "hog", 2, "200").await;
    caller.send(MessageKind::Call, "echo", 3, "first").await;
    assert_eq!((soon(caller.answer()).await.id, soon(caller.answer()).await.id), (3, 2));
}

#[tokio::test]
async fn settings_are_checked_before_anything_runs() {
    let twice = Server::new().add_service(Probe::default()).add_service(Probe::default());
    assert_eq!(twice.build().err().unwrap().kind(), ErrorKind::Config);
    let unknown = Server::new().add_service(Probe::default()).blocking("Probe.nothing");
    assert!(unknown.build().err().unwrap().to_string().contains("Probe.nothing"));
    let nowhere = Server::new().add_service(Probe::default()).bind("nowhere").await;
    assert_eq!(nowhere.err().unwrap().kind(), ErrorKind::Config);
    let served = Server::new().add_service(Probe::default()).run_with_shutdown("127.0.0.1:0", async {
        tokio::time::sleep(Duration::from_millis(1)).await;
    });
    soon(served).await.unwrap();
}
