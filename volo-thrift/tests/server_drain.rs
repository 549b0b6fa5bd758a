//! A shutdown loses no accepted call and doesn't dawdle.

mod server_support;

use std::time::{Duration, Instant};

use server_support::{Caller, FRAMED, Probe, Running, TTHEADER, soon};
use volo_core::{Address, Size, Span, net};
use volo_thrift::{Limits, Server, meta, wire::MessageKind};

async fn start(limits: Limits) -> (Running, Probe) {
    let probe = Probe::default();
    let server = Server::new().limits(limits).add_service(probe.clone()).bind("127.0.0.1:0").await.unwrap();
    (Running::start(server), probe)
}

/// Ends the connection as a client does that saw the server's end of it.
async fn leave(mut caller: Caller) {
    assert_eq!(soon(caller.receive()).await.unwrap(), None, "the server ends the stream");
}

#[tokio::test]
async fn idle_connections_end_at_once() {
    let (mut running, _) = start(Limits::default()).await;
    let mut callers = vec![
        running.connect(FRAMED).await,
        running.connect(TTHEADER).await,
        running.connect(TTHEADER).await.out_of_order(),
    ];
    for caller in &mut callers {
        soon(caller.call("echo", 1, "hi")).await;
    }
    callers.push(running.connect(FRAMED).await); // never said anything, never will
    let began = Instant::now();
    running.stop();
    soon(running.task).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(200), "took {:?}", began.elapsed());
    drop(callers);
}

#[tokio::test]
async fn calls_under_way_and_those_already_sent_are_answered() {
    let (mut running, probe) = start(Limits::default()).await;
    let (mut framed, mut header) = (running.connect(FRAMED).await, running.connect(TTHEADER).await);
    for caller in [&mut framed, &mut header] {
        soon(caller.call("echo", 1, "hi")).await;
        caller.send(MessageKind::Call, "slow", 2, "80").await;
        caller.send(MessageKind::Call, "echo", 3, "behind it").await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    running.stop();
    for (mut caller, tells) in [(framed, false), (header, true)] {
        for id in [2, 3] {
            let answer = soon(caller.answer()).await;
            assert_eq!((answer.id, answer.notes.closing), (id, tells));
            answer.text();
        }
        leave(caller).await;
    }
    soon(running.task).await.unwrap();
    assert_eq!(probe.journal.lines().len(), 2 + 4 + 2);
}

#[tokio::test]
async fn a_multiplexing_client_is_told_and_its_late_calls_are_not_executed() {
    let (mut running, probe) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    caller.send(MessageKind::Call, "slow", 7, "100").await;
    soon(caller.call("echo", 1, "hi")).await;
    running.stop();
    let notice = soon(caller.answer()).await;
    assert_eq!((notice.id, notice.name.as_str(), notice.notes.closing), (0, "none", true));
    let late = soon(caller.call("echo", 8, "too late")).await;
    assert!(late.id == 8 && late.notes.not_executed && late.notes.closing, "{late:?}");
    assert_eq!(late.fault().1, "server is shutting down");
    assert_eq!(soon(caller.answer()).await.id, 7, "accepted before");
    leave(caller).await;
    soon(running.task).await.unwrap();
    assert!(!probe.journal.lines().contains(&"echo too late".to_owned()));
}

/// They send what nobody told them not to.
#[tokio::test]
async fn calls_on_their_way_when_the_server_stops_are_served() {
    let (mut running, _) = start(Limits::default()).await;
    let mut callers = vec![
        running.connect(FRAMED).await,
        running.connect(TTHEADER).await.of_kitex(),
        running.connect(FRAMED).await,
    ];
    for caller in &mut callers[..2] {
        soon(caller.call("echo", 1, "hi")).await;
    }
    running.stop();
    tokio::time::sleep(Duration::from_millis(10)).await;
    for (i, caller) in callers.iter_mut().enumerate() {
        let late = soon(caller.call("echo", 2, "late")).await;
        assert!(late.notes.closing == (i == 1) && !late.notes.not_executed, "{late:?}");
        assert_eq!(late.text(), "late");
    }
    for caller in callers {
        leave(caller).await;
    }
    soon(running.task).await.unwrap();
}

/// It would take the word that the call was not executed for a failure.
#[tokio::test]
async fn a_multiplexing_client_of_kitex_is_told_and_its_late_calls_are_served() {
    let (mut running, _) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order().of_kitex();
    soon(caller.call("echo", 1, "hi")).await;
    running.stop();
    assert_eq!(soon(caller.answer()).await.id, 0, "the notice");
    let late = soon(caller.call("echo", 2, "late")).await;
    assert!(late.id == 2 && late.notes.closing && !late.notes.not_executed, "{late:?}");
    assert_eq!(late.text(), "late");
    leave(caller).await;
    soon(running.task).await.unwrap();
}

#[tokio::test]
async fn new_connections_are_refused_at_once() {
    let (mut running, _) = start(Limits::default()).await;
    let mut caller = running.connect(FRAMED).await;
    caller.send(MessageKind::Call, "slow", 1, "100").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    running.stop();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let refused = net::connect(&running.address, &Default::default()).await;
    assert!(refused.err().unwrap().is_connect());
    assert_eq!(soon(caller.answer()).await.id, 1);
}

/// The system made the connections, the server has not seen them yet.
#[tokio::test]
async fn connections_that_wait_to_be_accepted_are_served() {
    let name = std::env::temp_dir().join(format!("volo-backlog-{}", std::process::id()));
    for address in ["127.0.0.1:0", "mem://backlog", &format!("unix://{}", name.display())] {
        let server = Server::new().add_service(Probe::default()).bind(address).await.unwrap();
        let mut callers = Vec::new();
        for dialect in [FRAMED, TTHEADER, TTHEADER] {
            let link = net::connect(server.local_address(), &Default::default()).await.unwrap();
            let mut caller = Caller::new(link, dialect);
            caller.send(MessageKind::Call, "slow", 1, "20").await;
            callers.push(caller);
        }
        let address = server.local_address().clone();
        let serving = tokio::spawn(server.serve(std::future::ready(())));
        for mut caller in callers {
            assert_eq!(soon(caller.answer()).await.text(), "20");
            leave(caller).await;
        }
        soon(serving).await.unwrap();
        assert!(net::connect(&address, &Default::default()).await.err().unwrap().is_connect());
    }
}

async fn announced(running: &Running) -> Caller {
    let mut caller = running.connect(TTHEADER).await;
    caller.header.strings.push((meta::keys::ANNOUNCE.into(), "mux".into()));
    soon(caller.call("echo", 1, "hi")).await;
    caller.header.strings.clear();
    caller
}

/// A call that crosses the end of its connection is thrown away, which the client can only know from the last frame.
#[tokio::test(start_paused = true)]
async fn a_client_of_ours_is_told_that_what_has_no_answer_was_not_executed() {
    let probe = Probe::default();
    let server = Server::new().add_service(probe.clone()).bind("mem://farewell").await.unwrap();
    let mut running = Running::start(server);
    let (mut ours, stranger) = (announced(&running).await, running.connect(TTHEADER).await);
    let (mut silent, mut waiting) = (announced(&running).await, announced(&running).await);
    let mut asked = running.connect(TTHEADER).await;
    asked.header.strings.push((meta::keys::HELLO.into(), meta::Hello::QUESTION));
    assert_eq!(asked.call("echo", 1, "who are you?").await.id, 1);
    running.stop();
    tokio::time::sleep(Duration::from_millis(60)).await;
    ours.send(MessageKind::Call, "echo", 2, "too late").await;
    waiting.link.write(Size::inline(2), &mut half).unwrap(); // never to be completed
    for caller in [&mut ours, &mut silent, &mut waiting, &mut asked] {
        let last = caller.answer().await;
        let known = (last.id, last.notes.closing, last.notes.not_executed);
        assert_eq!(known, (0, true, true));
        assert_eq!(caller.receive().await.unwrap(), None);
    }
    leave(stranger).await; // without a word it might not know
    drop((ours, silent, waiting, asked));
    running.task.await.unwrap();
    assert!(!probe.journal.lines().contains(&"echo too late".to_owned()));
}

fn half(span: &mut Span<'_>) -> volo_core::Result<()> {
    span.put_slice(b"\0\0");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_the_same_word() {
    let server = Server::new().add_service(Probe::default()).bind("mem://idle-farewell").await.unwrap();
    let running = Running::start(server);
    let mut caller = announced(&running).await;
    let began = tokio::time::Instant::now();
    assert!(caller.answer().await.notes.not_executed);
    assert_eq!(began.elapsed().as_secs(), 600);
    leave(caller).await;
}

/// What it will send first can't be refused in a way that is sure to be understood.
#[tokio::test(start_paused = true)]
async fn a_connection_that_never_spoke_is_read_for_longer() {
    let server = Server::new().add_service(Probe::default()).bind("mem://first-word").await.unwrap();
    let mut running = Running::start(server);
    let (mut early, never) = (running.connect(TTHEADER).await, running.connect(TTHEADER).await);
    running.stop();
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(140)).await;
    assert_eq!(early.call("echo", 1, "late").await.text(), "late");
    leave(early).await;
    leave(never).await;
    running.task.await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_given_up() {
    let probe = Probe::default();
    let mut limits = Limits::default();
    limits.drain_timeout = Duration::from_secs(5);
    let server = Server::new().limits(limits).add_service(probe.clone());
    let mut running = Running::start(server.bind("mem://given-up").await.unwrap());
    let mut caller = running.connect(FRAMED).await;
    caller.send(MessageKind::Call, "slow", 1, "60000").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let began = tokio::time::Instant::now();
    running.stop();
    running.task.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 5);
    assert!(matches!(caller.receive().await, Ok(None) | Err(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdowns_under_load_lose_no_accepted_call() {
    for _ in 0..20 {
        let (mut running, probe) = start(Limits::default()).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            let caller = running.connect(TTHEADER).await;
            clients.push(tokio::spawn(call_until_told(caller)));
        }
        while probe.journal.lines().len() < 50 {
            tokio::task::yield_now().await;
        }
        running.stop();
        soon(running.task).await.unwrap();
        let mut answered = 0;
        for client in clients {
            answered += soon(client).await.unwrap();
        }
        let executed = probe.journal.lines().len();
        assert_eq!(executed, answered);
    }
}

/// Calls one after the other; gives the number of answers.
async fn call_until_told(mut caller: Caller) -> usize {
    let mut answered = 0;
    for id in 1.. {
        let args = server_support::Text { text: "x".into() };
        if caller.send_value(MessageKind::Call, "echo", id, args).await.is_err() {
            break;
        }
        let Ok(Some(answer)) = caller.receive().await else { break };
        answered += 1;
        if answer.notes.closing {
            break;
        }
    }
    answered
}

/// The signals themselves are the system's business; that one of them ends `run` is ours.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_signal_ends_the_process_in_order() {
    let server = tokio::spawn(Server::new().add_service(Probe::default()).run("mem://signalled"));
    // One thread runs all: once the address is there, the signals are watched as well.
    while net::connect(&Address::Mem("signalled".into()), &Default::default()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let pid = std::process::id().to_string();
    let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(sent.success());
    soon(server).await.unwrap().unwrap();
}
