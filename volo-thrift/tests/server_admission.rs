//! Which calls are taken, and what callers hear of a refusal.

mod server_support;

use std::time::Duration;

use server_support::{Probe, Running, TTHEADER, Text, soon};
use tower::timeout::TimeoutLayer;
use volo_core::{Error, ErrorKind, Origin, Retry};
use volo_thrift::{
    Client, ClientBuilder, ClientError, Limits, Never, Server,
    client::{ServiceClient, call},
    server::{Admission, Arrival},
    wire::MessageKind,
};

#[derive(Clone)]
struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Probe";
}

async fn start(name: &str, server: Server) -> (Running, Probe) {
    let probe = Probe::default();
    let server = server.add_service(probe.clone());
    (Running::start(server.bind(format!("mem://{name}").as_str()).await.unwrap()), probe)
}

/// Clients of each kind that hears differently.
fn clients(running: &Running) -> Vec<Plain> {
    let client = || ClientBuilder::<Plain>::new("probe").address(running.address.clone());
    let client = || client().rpc_timeout(Duration::from_secs(5));
    vec![client().pingpong().build(), client().framed().build(), client().mux(1).build()]
}

async fn ask(client: &Plain, method: usize, text: &str) -> Result<faststr::FastStr, Error> {
    let args = Text { text: faststr::FastStr::new(text) };
    match call::<_, faststr::FastStr, Never>(&client.0, &server_support::METHODS[method], args).await {
        Ok(answer) => Ok(answer),
        Err(ClientError::Rpc(error)) => Err(error),
        Err(error) => panic!("{error:?}"),
    }
}

const ECHO: usize = 0;
const SLOW: usize = 1;

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_refused_and_may_go_elsewhere() {
    let mut limits = Limits::default();
    limits.concurrency_max = Some(2);
    let (running, probe) = start("concurrency", Server::new().limits(limits)).await;
    for client in clients(&running) {
        let (one, other) = (client.clone(), clients(&running).remove(0));
        let busy = [one, other].map(|client| tokio::spawn(async move { ask(&client, SLOW, "1000").await }));
        tokio::time::sleep(Duration::from_millis(10)).await;
        let error = ask(&client, ECHO, "refused").await.unwrap_err();
        assert!(error.is_overloaded() && error.origin() == Origin::Peer, "{error:?}");
        assert_eq!(error.retry(), Retry::Always);
        let limit = "as many calls are under way as concurrency_max of 2 allows";
        assert!(error.to_string().contains(limit), "{error}");
        for call in busy {
            call.await.unwrap().unwrap();
        }
        assert_eq!(ask(&client, ECHO, "taken").await.unwrap(), "taken");
    }
    assert!(!probe.journal.lines().contains(&"echo refused".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_too_long_is_not_executed() {
    let mut limits = Limits::default();
    limits.queue_timeout = Some(Duration::from_secs(2));
    let (running, probe) = start("queue", Server::new().limits(limits)).await;
    for (busy, executed) in [("2000", true), ("2001", false)] {
        let mut caller = running.connect(TTHEADER).await;
        let both = [caller.encode("slow", 1, busy), caller.encode("echo", 2, busy)].concat();
        caller.send_raw(&both).await;
        assert_eq!(caller.answer().await.id, 1);
        let second = caller.answer().await;
        assert_eq!((second.id, second.notes.not_executed), (2, !executed));
        assert_eq!(probe.journal.lines().contains(&format!("echo {busy}")), executed);
        if !executed {
            let (kind, text) = second.fault();
            assert_eq!(kind, 121);
            assert!(text.ends_with("which passes queue_timeout of 2s"), "{text}");
        }
    }
}

struct NoEcho;

impl Admission for NoEcho {
    fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error> {
        assert!(arrival.context.peer.is_some() && arrival.arrived <= arrival.now);
        match arrival.context.method.as_str() {
            "echo" => Err(Error::new(ErrorKind::Rejected, "no echo today")),
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_the_user_refuses_before_anything_is_decoded() {
    let (running, probe) = start("rule", Server::new().admission(NoEcho)).await;
    for client in clients(&running) {
        let error = ask(&client, ECHO, "refused").await.unwrap_err();
        assert!(error.is_rejected() && error.retry() == Retry::Never, "{error:?}");
        assert!(error.to_string().contains("no echo today"), "{error}");
        ask(&client, SLOW, "1").await.unwrap();
    }
    let mut caller = running.connect(TTHEADER).await;
    caller.send_value(MessageKind::Call, "echo", 1, 7_i64).await.unwrap(); // no arguments at all
    assert_eq!(caller.answer().await.fault(), (123, "no echo today".to_owned()));
    assert_eq!(probe.journal.lines().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_in_the_server_is_no_internal_error() {
    let probe = Probe::default();
    let server = Server::new().layer(TimeoutLayer::new(Duration::from_secs(1))).add_service(probe);
    let running = Running::start(server.bind("mem://elapsed").await.unwrap());
    for client in clients(&running) {
        let error = ask(&client, SLOW, "3000").await.unwrap_err();
        assert!(error.is_timeout() && error.origin() == Origin::Peer, "{error:?}");
        assert_eq!(error.retry(), Retry::IfIdempotent, "it was executed, at least in part");
    }
}

/// The pool for blocking work has its own queue.
#[test]
fn a_call_that_expires_before_it_gets_a_thread_is_not_executed() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (running, probe) = start("blocking", Server::new().blocking("hog").blocking("echo")).await;
        let mut caller = running.connect(TTHEADER).await.out_of_order();
        caller.send(MessageKind::Call, "hog", 1, "300").await;
        caller.header.integers = vec![(12, "100".into())];
        caller.send(MessageKind::Call, "echo", 2, "too late").await;
        let (mut late, mut answers) = (None, 0);
        while answers < 2 {
            let answer = soon(caller.answer()).await;
            answers += 1;
            if answer.id == 2 {
                late = Some(answer);
            }
        }
        let late = late.unwrap();
        assert!(late.notes.not_executed, "{late:?}");
        assert_eq!(late.fault().0, 120);
        assert_eq!(probe.journal.lines(), Vec::<String>::new());
    });
}
