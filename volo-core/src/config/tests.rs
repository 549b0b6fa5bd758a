//! Documents good and bad, what they make of settings, and files that change.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{
    document::ClientSection,
    overlay::{per_method, whole},
    *,
};
use crate::{
    balance::{HashKey, LoadBalance},
    layers::{
        PerMethod, Route,
        breaker::BreakerConfig,
        dice::Dice,
        fault::FaultConfig,
        limit::{CodelConfig, RateConfig},
        logging::LogConfig,
        reject::RejectRule,
        retry::{Backoff, BackupDelay, RetryConfig},
    },
    pool::PoolConfig,
};

const MS: Duration = Duration::from_millis(1);

fn document(text: &str) -> Document {
    parse::parse(text, "test").unwrap()
}

fn refusal(text: &str) -> String {
    parse::parse(text, "shop.toml").unwrap_err().to_string()
}

fn retry(client: &ClientSection) -> PerMethod<RetryConfig> {
    per_method(&PerMethod::default(), client, |section| &section.retry)
}

#[test]
fn faults_name_place_and_limit() {
    for (text, expected) in [
        ("[client.retry]\nattempts = 0\n", "shop.toml:2:12: 0 is out of range: the number is from 1 to 16"),
        (
            "[client.retry]\nbudget = \"200%\"",
            "shop.toml:2:10: `200%` is out of range: the share is from 0% to 100%",
        ),
        (
            "[client.breaker]\nfailure_rate = \"0%\"",
            "shop.toml:2:16: `0%` is out of range: the share is from 1% to 100%",
        ),
        (
            "[client.timeout]\n  total = \"2\"",
            "shop.toml:2:11: `2` is no time: a number and its unit (us, ms, s, m, h, d)",
        ),
        ("[client.timeout]\ntotal = 2", "shop.toml:2:9: invalid type: integer"),
        ("[client]\nretries = 3", "shop.toml:2:1: unknown field `retries`, expected one of `timeout`"),
        (
            "[client.balance]\npolicy = \"random\"",
            "shop.toml:2:10: `random` is none of least_in_flight, peak_ewma",
        ),
        ("[client", "shop.toml:1:8: "),
        (
            "{\"client\": {\"retry\":\n {\"attempts\": 99}}}",
            "shop.toml:2:17: 99 is out of range: the number is from 1 to 16",
        ),
        ("{\"clients\": {}}", "shop.toml:1:10: unknown field `clients`, expected `client` or `server`"),
        ("{\"client\": {}", "shop.toml:1:13: EOF while parsing an object"),
        (
            "[client.services.Shop.methods.buy.balance]\npolicy = \"round_robin\"",
            "shop.toml: client.services.Shop.methods.buy.balance: can only be set for a service or all of them",
        ),
        (
            "[server.services.Shop.limits]\nconcurrency = 3",
            "shop.toml: server.services.Shop.limits: can only be set for the whole server",
        ),
        (
            "[client.methods.buy.retry]\nattempts = 1",
            "shop.toml: client.methods: methods stand under their service",
        ),
        (
            "[client.services.A.services.B]",
            "shop.toml: client.services.A.services: services stand directly under",
        ),
        ("[client.services.\"\"]", "shop.toml: client.services: a name must not be empty"),
        (
            "[client.retry]\nbackoff = { initial = \"2s\", max = \"1s\" }",
            "shop.toml: client.retry.backoff.initial: must not be more than max",
        ),
        (
            "[client.retry]\nbackup = { delay = \"2s\", percentile = \"95%\" }",
            "shop.toml: client.retry.backup.delay: excludes",
        ),
        (
            "[client.balance]\npolicy = \"consistent_hash\"",
            "shop.toml: client.balance.key: belongs to the policy consistent_hash",
        ),
        (
            "[client.pool]\nidle = 3\nconnections = 2",
            "shop.toml: client.pool.idle: must not be more than connections",
        ),
        (
            "[client.ejection]\nduration = \"2s\"\nduration_max = \"1s\"",
            "shop.toml: client.ejection.duration: must not",
        ),
    ] {
        let refused = refusal(text);
        assert!(refused.starts_with(expected), "{text}\n  gave     {refused}\n  expected {expected}");
    }
}

#[test]
fn both_notations_say_the_same() {
    let toml = document(
        "[client]\nfallback = false\n[client.retry]\nattempts = 5\nduration = \"none\"\nbackoff = { initial = \"10ms\" }\n\
         [client.services.Shop.methods.buy.retry]\nattempts = 1\n[server.rate]\nper_second = \"none\"\nburst = 3",
    );
    let json = document(
        r#" {"client": {"fallback": false, "retry": {"attempts": 5, "duration": "none", "backoff": {"initial": "10ms"}},
             "services": {"Shop": {"methods": {"buy": {"retry": {"attempts": 1}}}}}},
             "server": {"rate": {"per_second": "none", "burst": 3}}}"#,
    );
    assert_eq!(toml, json);
    assert_eq!(document(""), Document::default());
    assert_eq!(document("{}"), Document::default());
}

#[test]
fn a_method_s_keys_come_before_its_service_s_and_those_before_all_others() {
    let client = document(
        "[client.retry]\nattempts = 5\nsame_peer = true\n[client.services.Shop.retry]\nattempts = 4\n\
         [client.services.Shop.methods.buy.retry]\nchained = true\n[client.services.Bank.breaker]\nsamples = 7",
    )
    .client;
    let program = PerMethod::new(RetryConfig { codes: vec![7], ..RetryConfig::default() });
    let program = program.with("Shop", "list", RetryConfig { timeouts: false, ..RetryConfig::default() });
    let all = per_method(&program, &client, |section| &section.retry);
    let of = |service, method| all.get(Route { service, method }).clone();
    let common = RetryConfig { attempts_max: 5, same_peer: true, codes: vec![7], ..RetryConfig::default() };
    assert_eq!(of("", ""), common);
    assert_eq!(of("Bank", "pay"), common);
    let shop = RetryConfig { attempts_max: 4, ..common };
    assert_eq!(of("Shop", "find"), shop);
    assert_eq!(of("Shop", "buy"), RetryConfig { chained: true, ..shop.clone() });
    assert_eq!(of("Shop", "list"), RetryConfig { timeouts: false, codes: Vec::new(), ..shop });
    assert_eq!(all.routes().count(), 3, "sections without the keys get no values of their own");
}

#[test]
fn retries_and_breakers_follow_their_keys() {
    let client = document(
        "[client.retry]\nattempts = 4\nduration = \"3s\"\nbackoff = { initial = \"10ms\", max = \"1s\" }\nsame_peer = true\n\
         timeouts = false\nidempotent = true\nchained = true\ncodes = [5, -1]\nbudget = \"30%\"\n\
         backup = { percentile = \"90%\", min = \"5ms\", requests = 2, share = \"10%\" }\n\
         [client.breaker]\nenabled = false\nwindow = \"20s\"\nsamples = 50\nfailure_rate = \"40%\"\nfailures = 9\n\
         slow_call = \"500ms\"\nslow_rate = \"70%\"\ncooldown = \"7s\"\nprobes = 2\nstate = \"open\"",
    )
    .client;
    let config = retry(&client).get(Route::default()).clone();
    let backoff = Backoff::Exponential { initial: 10 * MS, max: 1000 * MS };
    assert_eq!((config.attempts_max, config.duration_max, config.backoff), (4, Some(3000 * MS), backoff));
    assert!(config.same_peer && !config.timeouts && config.non_idempotent && config.chained);
    assert_eq!(config.codes, [5, -1]);
    let backup = config.backup.clone().unwrap();
    assert_eq!(backup.delay, BackupDelay::Percentile { percent: 90, min: 5 * MS });
    assert_eq!((backup.requests_max, backup.percent_max), (2, 10));
    assert_eq!(whole::<_, _, u32>(&20, &client, "", |section| &section.retry), 30);
    let off = document("[client.retry]\nbackoff = \"none\"\nbackup = \"none\"\nduration = \"none\"").client;
    let config =
        per_method(&PerMethod::new(config), &off, |section| &section.retry).get(Route::default()).clone();
    assert_eq!((config.backoff, config.backup, config.duration_max), (Backoff::None, None, None));
    let fixed =
        document("[client.retry]\nbackoff = { initial = \"10ms\" }\nbackup = { delay = \"9ms\" }").client;
    let config = retry(&fixed).get(Route::default()).clone();
    assert_eq!(
        (config.backoff, config.backup.unwrap().delay),
        (Backoff::Fixed(10 * MS), BackupDelay::Fixed(9 * MS))
    );

    let breakers: PerMethod<BreakerConfig> =
        per_method(&PerMethod::default(), &client, |section| &section.breaker);
    let expected = BreakerConfig {
        enabled: false,
        window: Duration::from_secs(20),
        samples_min: 50,
        failure_percent: 40,
        failures_max: Some(9),
        slow_call: Some(500 * MS),
        slow_percent: 70,
        open_time: Duration::from_secs(7),
        probes: 2,
        forced_open: Some(true),
    };
    assert_eq!(*breakers.get(Route::default()), expected);
}

#[test]
fn balancing_ejection_and_pool_follow_their_keys() {
    let text = "[client.balance]\npolicy = \"consistent_hash\"\nkey = \"user\"\nsame_host_first = 8\n\
        [client.ejection]\nconsecutive_failures = \"none\"\nfailure_rate = \"25%\"\nsamples = 9\nwindow = \"1s\"\n\
        slow_call = \"100ms\"\nejected_max = \"30%\"\nduration = \"2s\"\nduration_max = \"4s\"\nreturn_over = \"3s\"\n\
        [client.services.Shop.pool]\nconnections = 5\nwaiting = 6\nidle = 4\nidle_time = \"7s\"\nlifetime = \"1h\"";
    let client = document(text).client;
    let balance = whole(&LoadBalance::default(), &client, "Shop", |section| &section.balance);
    let balance = whole(&balance, &client, "Shop", |section| &section.ejection);
    let shown = format!("{balance:?}");
    for part in [
        "ConsistentHash",
        "same_host_first: Some(8)",
        "consecutive_failures: 0,",
        "failure_rate: 0.25",
        "samples_min: 9",
        "window: 1s",
        "slow_after: Some(100ms)",
        "ejected_max: 0.3",
        "duration: 2s",
        "duration_max: 4s",
        "return_over: 3s",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let sticky = LoadBalance::consistent_hash(HashKey::metainfo("user")).same_host_first(3).ejection(None);
    let keep = document("[client.ejection]\nsamples = 9").client;
    let off =
        document("[client.ejection]\nenabled = false\n[client.balance]\nsame_host_first = \"none\"").client;
    let ejection = |client: &ClientSection, program: &LoadBalance| {
        whole(program, client, "", |section| &section.ejection)
            .ejection_rules()
            .map(|rules| rules.samples_min)
    };
    assert_eq!((ejection(&keep, &LoadBalance::default()), ejection(&keep, &sticky)), (Some(9), None));
    assert_eq!(
        (ejection(&off, &LoadBalance::default()), ejection(&Default::default(), &sticky)),
        (None, None)
    );
    let spread = format!("{:?}", whole(&sticky, &off, "", |section| &section.balance));
    assert!(spread.contains("same_host_first: None") && spread.contains("ConsistentHash"), "{spread}");

    let program = PoolConfig { min_idle: 9, ..PoolConfig::default() };
    let pool = whole(&program, &client, "Shop", |section| &section.pool);
    assert_eq!((pool.max_total, pool.max_waiting, pool.max_idle, pool.min_idle), (5, 6, 4, 4));
    assert_eq!(
        (pool.idle_timeout, pool.max_lifetime),
        (Duration::from_secs(7), Some(Duration::from_secs(3600)))
    );
    assert_eq!(whole(&program, &client, "Bank", |section| &section.pool).max_total, 1024);
}

#[test]
fn a_server_s_rules_follow_their_keys() {
    let server = document(
        "[server.rate]\nper_second = 100\nburst = 3\n[server.queue]\nenabled = true\ntarget = \"7ms\"\ninterval = \"70ms\"\n\
         [server.fault]\ndelay_share = \"5%\"\ndelay = \"1s\"\nabort_share = \"6%\"\nabort = \"timeout\"\n\
         [server.log]\nsuccess = \"info\"\nfailure = \"none\"\n\
         [[server.services.Shop.reject]]\ncallers = [\"batch\"]\nexcept = [\"web\"]\nmetainfo = { lane = \"test\" }\n\
         share = \"50%\"\nreason = \"not now\"",
    )
    .server;
    let rates: PerMethod<RateConfig> = per_method(&PerMethod::default(), &server, |section| &section.rate);
    assert_eq!(*rates.get(Route::default()), RateConfig { per_second: Some(100), burst: 3 });
    let queue = whole(&None, &server, "", |section| &section.queue);
    assert_eq!(queue, Some(CodelConfig { target: 7 * MS, interval: 70 * MS }));
    let off = document("[server.queue]\nenabled = false").server;
    assert_eq!(whole(&queue, &off, "", |section| &section.queue), None);
    let fault: PerMethod<FaultConfig> = per_method(&PerMethod::default(), &server, |section| &section.fault);
    let FaultConfig { delay_percent, delay, abort_percent, abort } = fault.get(Route::default()).clone();
    assert_eq!((delay_percent, delay, abort_percent), (5, 1000 * MS, 6));
    assert_eq!(abort.0, crate::ErrorKind::Timeout);
    let log: PerMethod<LogConfig> = per_method(&PerMethod::default(), &server, |section| &section.log);
    let expected = LogConfig { level: Some(tracing::Level::INFO), failure_level: None };
    assert_eq!(*log.get(Route::default()), expected);
    let rules: PerMethod<Vec<RejectRule>> =
        per_method(&PerMethod::default(), &server, |section| &section.reject);
    assert!(rules.get(Route::default()).is_empty());
    let rule = RejectRule {
        callers: vec!["batch".into()],
        except: vec!["web".into()],
        metainfo: vec![("lane".into(), "test".into())],
        percent: 50,
        reason: "not now".into(),
    };
    assert_eq!(*rules.get(Route { service: "Shop", method: "buy" }), [rule]);
}

/// Takes note of what reaches it.
#[derive(Default)]
struct Probe {
    attempts: AtomicU32,
    documents: Mutex<Vec<Document>>,
}

impl Governed for Probe {
    fn apply(&self, document: &Document) {
        let attempts = retry(&document.client).get(Route::default()).attempts_max;
        self.attempts.store(attempts, Ordering::Relaxed);
        self.documents.lock().unwrap().push(document.clone());
    }

    fn side(&self) -> Side {
        Side::Client
    }

    fn has(&self, service: &str, method: Option<&str>) -> bool {
        service == "Shop" && method.is_none_or(|method| method == "buy")
    }
}

impl Probe {
    fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }
}

#[test]
fn a_refused_document_changes_nothing() {
    let (config, probe) = (Config::new(), Arc::new(Probe::default()));
    let attached = config.attach(probe.clone());
    config.replace("[client.retry]\nattempts = 7", "first").unwrap();
    assert_eq!(probe.attempts(), 7);
    let error =
        config.replace("[client.retry]\nattempts = 5\n[server.rate]\nburst = -1", "second").unwrap_err();
    assert!(error.to_string().starts_with("second:4:9: "), "{error}");
    assert_eq!((probe.attempts(), config.counts()), (7, (1, 1)));
    assert_eq!(config.document().client.retry.attempts.unwrap().0, 7);
    config.replace("", "third").unwrap();
    assert_eq!(probe.attempts(), 3, "what the program set is back");
    drop(attached);
    config.replace("[client.retry]\nattempts = 2", "fourth").unwrap();
    assert_eq!(probe.attempts(), 3, "nobody listens any more");
}

#[test]
fn names_that_nobody_has_are_told() {
    let config = Config::new();
    let text = "[client.services.Shop.methods.buy]\n[client.services.Shop.methods.bye]\n[client.services.Shops]\n\
                [server.services.Any.methods.thing]";
    config.replace(text, "test").unwrap();
    assert!(config.unknown().is_empty(), "nobody is there to know");
    let attached = config.attach(Arc::new(Probe::default()));
    assert_eq!(config.unknown(), ["client.services.Shop.methods.bye", "client.services.Shops"]);
    drop(attached);
}

/// Lines of documents, right and wrong, in any order.
#[test]
fn no_text_does_harm() {
    let lines = [
        "[client.retry]",
        "[client.services.Shop.retry]",
        "[server]",
        "attempts = 4",
        "attempts = 0",
        "budget = \"10%\"",
        "budget = \"x%\"",
        "[[server.reject]]",
        "share = \"3%\"",
        "reason = \"\\u00e9\"",
        "[client.timeout]",
        "total = \"none\"",
        "total = \"1e9d\"",
        "{",
        "}",
        "\"client\": {",
        "\u{0}",
        "é",
        "[client.\"é\".x]",
        "codes = [1, 99999999999]",
        "= =",
        "backoff = { initial = \"1ms\", max = \"1s\" }",
        "backup = \"none\"",
        "backup = { share = 3 }",
        "\"\"\"",
    ];
    let dice = Dice::seeded(11);
    let (config, probe) = (Config::new(), Arc::new(Probe::default()));
    let _attached = config.attach(probe.clone());
    let mut taken = 0;
    for round in 0..20_000 {
        let mut text = String::new();
        for _ in 0..dice.below(7) {
            text.push_str(lines[dice.below(lines.len() as u64) as usize]);
            text.push(if dice.percent(90) { '\n' } else { ' ' });
        }
        if dice.percent(20) && !text.is_empty() {
            let mut bytes = std::mem::take(&mut text).into_bytes();
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] = dice.next() as u8;
            text = String::from_utf8_lossy(&bytes).into_owned();
        }
        let before = config.document();
        let applied = probe.documents.lock().unwrap().len();
        match config.replace(&text, "random") {
            Ok(()) => taken += 1,
            Err(error) => {
                assert!(Arc::ptr_eq(&before, &config.document()), "round {round}: {text}");
                assert_eq!(probe.documents.lock().unwrap().len(), applied, "round {round}: {text}");
                assert!(error.to_string().starts_with("random:"), "round {round}: {error}");
            }
        }
        probe.documents.lock().unwrap().clear();
    }
    assert!((500..15_000).contains(&taken), "{taken}");
}

/// As Kubernetes mounts a map: the file is a link through a link that is swapped.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_file_is_followed_through_swapped_links() {
    use std::{fs, os::unix::fs::symlink};

    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let publish = |version: &str, text: &str| {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("rules.toml"), text).unwrap();
        symlink(version, at("next")).unwrap();
        fs::rename(at("next"), at("data")).unwrap();
    };
    publish("v1", "[client.retry]\nattempts = 2");
    symlink("data/rules.toml", at("rules.toml")).unwrap();
    let config = Config::watch(at("rules.toml")).unwrap();
    let probe = Arc::new(Probe::default());
    let attached = config.attach(probe.clone());
    assert_eq!(probe.attempts(), 2);
    // The file is read in a thread of its own, which virtual time does not wait for.
    let until = async |expected: (u64, u64)| {
        for _ in 0..10_000 {
            if config.counts() == expected {
                return;
            }
            tokio::time::sleep(100 * MS).await;
            std::thread::sleep(MS);
        }
        panic!("{:?}", config.counts());
    };
    publish("v2", "[client.retry]\nattempts = 5");
    until((2, 0)).await;
    assert_eq!(probe.attempts(), 5);
    publish("v3", "[client.retry]\nattempts = 50");
    until((2, 1)).await;
    fs::remove_file(at("data")).unwrap();
    until((2, 2)).await;
    assert_eq!(probe.attempts(), 5);
    publish("v4", "{\"client\": {\"retry\": {\"attempts\": 6}}}");
    until((3, 2)).await;
    assert_eq!(probe.attempts(), 6);
    drop(attached);
}

#[test]
fn a_file_that_makes_no_sense_at_the_start_is_an_error() {
    let error = Config::load("/nowhere/rules.toml").unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/rules.toml: can't be opened");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[clients]").unwrap();
    assert!(Config::load(file.path()).unwrap_err().to_string().contains(":1:2: unknown field `clients`"));
    let outside = Config::watch(tempfile::NamedTempFile::new().unwrap().path()).unwrap_err();
    assert!(outside.to_string().contains("runtime"), "{outside}");
}

/// The example in the documentation.
fn documented() -> Document {
    let text = include_str!("../../../docs/governance.md");
    let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    document(block)
}

#[test]
fn the_documentation_names_every_key() {
    let Document { client, server } = documented();
    let ClientSection {
        timeout,
        retry,
        breaker,
        balance,
        ejection,
        pool,
        fallback,
        reject,
        fault,
        log,
        trace,
        ..
    } = &client;
    let all = format!(
        "{timeout:?} {retry:?} {breaker:?} {ejection:?} {pool:?} {fallback:?} {reject:?} {fault:?} {log:?} {trace:?}"
    );
    assert!(!all.contains(": None"), "{all}");
    assert!(balance.policy.is_some() && balance.same_host_first.is_some());
    let document::ServerSection { timeout, limits, rate, queue, fault, log, trace, services, .. } = &server;
    let rules = &services["CatalogService"].methods["delete_item"].reject;
    let all = format!("{timeout:?} {limits:?} {rate:?} {queue:?} {fault:?} {log:?} {trace:?} {rules:?}");
    assert!(!all.contains(": None"), "{all}");
}

#[test]
fn the_documentation_s_values_are_the_defaults() {
    let Document { client, server } = documented();
    let root = Route::default();
    assert_eq!(*retry(&client).get(root), RetryConfig::default());
    assert_eq!(
        whole::<_, _, u32>(&1, &client, "", |it| &it.retry),
        crate::layers::retry::Budget::default().percent()
    );
    let breakers: PerMethod<BreakerConfig> = per_method(&PerMethod::default(), &client, |it| &it.breaker);
    assert_eq!(*breakers.get(root), BreakerConfig::default());
    let balance = whole(&LoadBalance::default(), &client, "", |it| &it.ejection);
    let balance = whole(&balance, &client, "", |it| &it.balance);
    assert_eq!(format!("{balance:?}"), format!("{:?}", LoadBalance::default()));
    let pool = whole(&PoolConfig::default(), &client, "", |it| &it.pool);
    assert_eq!(format!("{pool:?}"), format!("{:?}", PoolConfig::default()));
    let log: PerMethod<LogConfig> = per_method(&PerMethod::new(LogConfig::OFF), &client, |it| &it.log);
    assert_eq!(*log.get(root), LogConfig::OFF);
    let rates: PerMethod<RateConfig> = per_method(&PerMethod::default(), &server, |it| &it.rate);
    assert_eq!(*rates.get(root), RateConfig::default());
    let codel = CodelConfig::default();
    let queue = document("[server.queue]\nenabled = true").server;
    assert_eq!(whole(&None, &queue, "", |it| &it.queue), Some(codel));
    assert_eq!(server.queue.target.unwrap().0, codel.target);
    assert_eq!(server.queue.interval.unwrap().0, codel.interval);
    assert_eq!(whole(&Some(codel), &server, "", |it| &it.queue), None);
    let fault: PerMethod<FaultConfig> = per_method(&PerMethod::default(), &server, |it| &it.fault);
    assert_eq!((fault.get(root).delay_percent, fault.get(root).abort_percent), (0, 0));
}
