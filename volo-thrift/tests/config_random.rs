//! Documents of any keys with the smallest and largest values there are: no call, whatever becomes of it, does harm, and
//! a refused document changes nothing.

mod server_support;

use std::{sync::Arc, time::Duration};

use faststr::FastStr;
use server_support::{Probe, Running, Text};
use tokio::time::timeout;
use volo_core::{balance::LoadBalance, config::Config, discover::StaticDiscover};
use volo_thrift::{
    Client, ClientBuilder, Method, Never, Server,
    client::{ServiceClient, call},
};

const TIMES: &[&str] = &["\"1us\"", "\"30d\"", "\"20ms\""];
const MAYBE_TIMES: &[&str] = &["\"none\"", "\"1us\"", "\"30d\""];
const SHARES: &[&str] = &["\"1%\"", "\"100%\""];
const COUNTS: &[&str] = &["1", "4294967295", "3"];
const MAYBE_COUNTS: &[&str] = &["\"none\"", "1", "4294967295"];
const SWITCHES: &[&str] = &["true", "false"];
const LEVELS: &[&str] = &["\"trace\"", "\"none\""];

#[rustfmt::skip]
const CLIENT: &[(&str, &[&str])] = &[
    ("timeout.total", MAYBE_TIMES), ("timeout.attempt", MAYBE_TIMES), ("timeout.connect", TIMES), ("timeout.read", TIMES),
    ("timeout.write", TIMES), ("retry.attempts", &["1", "16"]), ("retry.duration", MAYBE_TIMES),
    ("retry.backoff", &["\"none\"", "{ initial = \"30d\" }", "{ initial = \"1us\", max = \"30d\" }"]),
    ("retry.same_peer", SWITCHES), ("retry.timeouts", SWITCHES), ("retry.idempotent", SWITCHES), ("retry.chained", SWITCHES),
    ("retry.codes", &["[]", "[-2147483648, 2147483647]"]), ("retry.budget", &["\"0%\"", "\"100%\""]),
    ("retry.backup", &["\"none\"", "{ delay = \"1us\", requests = 8, share = \"100%\" }", "{ percentile = \"1%\", min = \"1us\" }"]),
    ("breaker.enabled", SWITCHES), ("breaker.window", TIMES), ("breaker.samples", COUNTS), ("breaker.failure_rate", SHARES),
    ("breaker.failures", MAYBE_COUNTS), ("breaker.slow_call", MAYBE_TIMES), ("breaker.slow_rate", SHARES),
    ("breaker.cooldown", TIMES), ("breaker.probes", &["1", "1000"]), ("breaker.state", &["\"auto\"", "\"open\"", "\"closed\""]),
    ("balance", &["{ policy = \"consistent_hash\", key = \"user\" }", "{ policy = \"peak_ewma\" }", "{ policy = \"weighted_random\" }"]),
    ("balance.same_host_first", MAYBE_COUNTS), ("ejection.enabled", SWITCHES), ("ejection.consecutive_failures", MAYBE_COUNTS),
    ("ejection.failure_rate", SHARES), ("ejection.samples", COUNTS), ("ejection.window", TIMES), ("ejection.slow_call", MAYBE_TIMES),
    ("ejection.ejected_max", &["\"0%\"", "\"100%\""]), ("ejection.duration", TIMES), ("ejection.duration_max", TIMES),
    ("ejection.return_over", TIMES), ("pool.connections", COUNTS), ("pool.waiting", &["0", "4294967295"]),
    ("pool.idle", &["0", "1"]), ("pool.idle_time", TIMES), ("pool.lifetime", MAYBE_TIMES), ("fallback", SWITCHES),
    ("reject", &["[]", "[{ share = \"1%\", reason = \"no\" }]"]), ("fault.delay_share", SHARES), ("fault.delay", TIMES),
    ("fault.abort_share", &["\"0%\"", "\"50%\""]), ("fault.abort", &["\"timeout\"", "\"connect\""]),
    ("log.success", LEVELS), ("log.failure", LEVELS), ("trace", &["\"off\"", "\"detailed\""]),
];

#[rustfmt::skip]
const SERVER: &[(&str, &[&str])] = &[
    ("timeout.read", TIMES), ("timeout.write", TIMES), ("timeout.idle", TIMES), ("limits.connections", MAYBE_COUNTS),
    ("limits.concurrency", MAYBE_COUNTS), ("limits.queue_time", MAYBE_TIMES), ("rate.per_second", &["\"none\"", "0", "4294967295"]),
    ("rate.burst", &["0", "4294967295"]), ("queue.enabled", SWITCHES), ("queue.target", TIMES), ("queue.interval", TIMES),
    ("reject", &["[]", "[{ callers = [\"nobody\"] }, { metainfo = { a = \"b\" } }]"]), ("fault.delay_share", SHARES),
    ("fault.delay", TIMES), ("fault.abort_share", SHARES), ("log.failure", LEVELS), ("trace", &["\"base\"", "\"off\""]),
];

/// Good enough to mix keys.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn document(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.below(12) {
            let (side, keys) = *self.of(&[("client", CLIENT), ("server", SERVER)]);
            let scope = *self.of(&["", "", ".services.Probe", ".services.Probe.methods.echo"]);
            let (key, values) = *self.of(keys);
            text += &format!("{side}{scope}.{key} = {}\n", self.of(values));
        }
        text
    }
}

struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Probe";
    const METHODS: &'static [Method] = &server_support::METHODS;
}

#[tokio::test(start_paused = true)]
async fn no_document_does_harm() {
    let config = Config::new();
    let server = Server::new().add_service(Probe::default()).config(&config);
    let running = Running::start(server.bind("mem://config-random").await.unwrap());
    let client: Plain = ClientBuilder::new("probe")
        .discover(StaticDiscover::new([running.address.clone()]))
        .load_balance(LoadBalance::round_robin())
        .config(&config)
        .build();
    let echo = async || {
        let args = Text { text: FastStr::new("hello") };
        call::<_, FastStr, Never>(&client.0, &server_support::METHODS[0], args).await
    };
    let mut random = Random(7);
    let (mut taken, mut answered) = (0, 0);
    for round in 0..1500 {
        let (text, before) = (random.document(), config.document());
        match config.replace(&text, "random") {
            Ok(()) => taken += 1,
            Err(_) => assert!(Arc::ptr_eq(&before, &config.document()), "{text}"),
        }
        for _ in 0..2 {
            // Calls without a limit on their time may take what their document says.
            let ended = timeout(Duration::from_secs(100 * 24 * 3600), echo()).await;
            answered += usize::from(ended.is_ok_and(|result| result.is_ok()));
        }
        if round % 50 == 0 {
            config.replace("", "empty").unwrap();
            tokio::time::sleep(Duration::from_secs(40 * 24 * 3600)).await;
            let mut attempts = 0;
            while echo().await.is_err() {
                attempts += 1;
                assert!(attempts < 10, "the defaults are back after {text}");
            }
        }
    }
    assert!((300..1500).contains(&taken) && answered > 300, "{taken} taken, {answered} answered");
}
