use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    compare::Verdict,
    figures::{self, Figures},
    load::UNSENT,
    *,
};

fn done(error: Option<&'static str>) -> Done {
    let split = Split { wait: Duration::from_micros(1), ..Split::default() };
    Done { at: Instant::now(), error, timed_out: error == Some("TIMEOUT"), split, decoded: None }
}

fn plan(warm_up_s: f64, duration_s: f64, repeats: u32) -> Plan {
    Plan { warm_up_s, duration_s, repeats }
}

async fn measured<M, F>(plan: &Plan, loads: &[Load], make: M) -> Vec<Step>
where
    M: Fn(u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    measure(plan, loads, &Stop::default(), &mut Progress::new(), make).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_counts_what_its_callers_did_after_the_warm_up() {
    let called = Arc::new(AtomicU64::new(0));
    let count = called.clone();
    let make = move |number: u64| {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
            done((number.is_multiple_of(4)).then_some("EXCEPTION"))
        }
    };
    let steps = measured(&plan(0.5, 0.3, 2), &[Load::Closed { callers: 4 }], make).await;
    let step = &steps[0];
    assert_eq!((steps.len(), step.repeats.len()), (1, 2));
    let all = &step.all;
    assert!(all.calls() > 0 && all.calls() < called.load(Ordering::Relaxed), "{all:?}");
    assert_eq!(all.calls(), step.repeats.iter().map(Figures::calls).sum::<u64>());
    assert!(all.errors["EXCEPTION"] > 0 && all.error_share() < 0.5, "{all:?}");
    // A sleep never ends early.
    assert!(all.latency_us.min >= 1_999.0, "{all:?}");
    assert!(all.latency_us.p50 <= all.latency_us.p99 && all.latency_us.p99 <= all.latency_us.max * 1.01);
    assert!(!step.points.is_empty() && step.points.len() <= 2 * 61);
    assert_eq!(all.budget_us.queue, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_counts_from_when_calls_were_meant_to_be_sent() {
    // One call at a time of 20 ms, 200 a second: three in four must wait, ever longer.
    let make = |_: u64| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        done(None)
    };
    let load = Load::Open { rate: 200.0, in_flight_max: 1 };
    let steps = measured(&plan(0.0, 0.5, 1), &[load], make).await;
    let all = &steps[0].all;
    // A sleep never ends early, so no more than fit into the time, however long that was.
    assert!(all.succeeded >= 1 && all.succeeded as f64 * 0.020 <= all.seconds, "{all:?}");
    assert!(all.errors[UNSENT] >= 1 && all.calls().abs_diff(100) <= 1, "{all:?}");
    // A closed loop would tell of 20 ms.
    assert!(all.latency_us.p99 > 200_000.0, "{all:?}");
    assert!(all.budget_us.queue > 20_000.0, "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_keeps_its_rate() {
    let make = |_: u64| async { done(None) };
    let loads = [500.0, 2000.0].map(|rate| Load::Open { rate, in_flight_max: 50 });
    let steps = measured(&plan(0.0, 0.4, 1), &loads, make).await;
    // As many calls as are due, give or take the last; none is lost, however late.
    let calls: Vec<u64> = steps.iter().map(|step| step.all.calls()).collect();
    assert!(calls[0].abs_diff(200) <= 1 && calls[1].abs_diff(800) <= 1, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_ends_calls_that_hang_and_keeps_what_was_measured() {
    let stop = Arc::new(Stop::default());
    let puller = stop.clone();
    let make = move |number: u64| {
        let puller = puller.clone();
        async move {
            if number == 50 {
                puller.pull();
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            done(None)
        }
    };
    let (plan, loads) = (plan(0.0, 600.0, 3), [Load::Closed { callers: 2 }]);
    let steps = measure(&plan, &loads, &stop, &mut Progress::new(), make).await;
    assert_eq!(steps[0].repeats.len(), 1);
    assert!(steps[0].all.succeeded >= 1, "{:?}", steps[0].all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fast_failures_do_not_flatter() {
    let make = |number: u64| async move {
        if number % 2 == 1 {
            return done(Some("OVERLOADED"));
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
        done(if number.is_multiple_of(4) { Some("TIMEOUT") } else { None })
    };
    let steps = measured(&plan(0.0, 0.2, 1), &[Load::Closed { callers: 2 }], make).await;
    let all = &steps[0].all;
    assert!(all.errors["OVERLOADED"] > 0 && all.errors["TIMEOUT"] > 0, "{all:?}");
    assert!(all.latency_us.min >= 2_999.0, "{all:?}");
}

/// A report whose repeats have this throughput and p99.
fn report(runs: &[(f64, f64)]) -> Report {
    let figures = |(throughput, p99): (f64, f64)| Figures {
        seconds: 5.0,
        succeeded: 50_000,
        throughput,
        latency_us: figures::Latency { p50: 100.0, p99, ..Default::default() },
        budget_us: figures::Budget { wait: 80.0, encode: 20.0, ..Default::default() },
        ..Figures::default()
    };
    let repeats: Vec<Figures> = runs.iter().copied().map(figures).collect();
    let mean = |value: fn(&(f64, f64)) -> f64| runs.iter().map(value).sum::<f64>() / runs.len() as f64;
    let all = figures((mean(|run| run.0), mean(|run| run.1)));
    let points = (0..10).map(|index| figures::Point {
        repeat: 1 + index / 5,
        at_s: f64::from(index) + 0.5,
        seconds: 1.0,
        calls: 1000,
        errors: 0,
        p50_us: 100.0,
        p99_us: 900.0,
    });
    let step = Step {
        load: Load::Closed { callers: 50 },
        all,
        spread: figures::spread(&repeats),
        repeats,
        curve: vec![(0.0, 50.0), (50.0, 100.0), (90.0, 300.0), (99.0, 900.0)],
        points: points.collect(),
    };
    Report {
        format: FORMAT,
        target: Target {
            address: "127.0.0.1:1".to_owned(),
            method: "Catalog.<script>".to_owned(),
            framing: "ttheader".to_owned(),
            protocol: "binary".to_owned(),
            mode: "auto".to_owned(),
            request_bytes: 40,
            template: false,
        },
        plan: plan(2.0, 5.0, 3),
        environment: Environment::now(),
        interrupted: false,
        messages: [("TIMEOUT".to_owned(), "<slow>".to_owned())].into(),
        steps: vec![step],
    }
}

#[test]
fn a_regression_is_told_from_noise() {
    let before = report(&[(1000.0, 900.0), (1010.0, 1100.0), (990.0, 1000.0)]);
    let verdicts = |after: &Report| {
        let comparison = compare(before.clone(), after).unwrap();
        let of = |name| comparison.changes.iter().find(|change| change.metric == name).unwrap().verdict;
        (of("throughput"), of("p99"), comparison.is_worse())
    };
    assert_eq!(verdicts(&report(&[(950.0, 1050.0); 3])), (Verdict::Same, Verdict::Same, false));
    assert_eq!(verdicts(&report(&[(800.0, 1000.0); 3])), (Verdict::Worse, Verdict::Same, true));
    assert_eq!(verdicts(&report(&[(1500.0, 500.0); 3])), (Verdict::Better, Verdict::Better, false));
    // Repeats that are far apart prove little: 1.4 times is within ±50 %.
    let noisy = report(&[(1000.0, 700.0), (1000.0, 1400.0), (1000.0, 2100.0)]);
    assert_eq!(verdicts(&noisy), (Verdict::Same, Verdict::Same, false));
    let mut other = report(&[(1000.0, 1000.0)]);
    other.target.method = "Catalog.other".to_owned();
    assert!(compare(before.clone(), &other).unwrap_err().contains("Catalog.other"));
    let mut other = report(&[(1000.0, 1000.0)]);
    other.steps[0].load = Load::Open { rate: 10.0, in_flight_max: 1 };
    assert!(compare(before.clone(), &other).unwrap_err().contains("it has 50 callers, not 10/s"));
}

#[test]
fn a_report_survives_json() {
    let report = report(&[(1000.0, 900.0), (1010.0, 1100.0)]);
    let text = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
}

#[test]
fn a_page_stands_alone_and_escapes_what_it_shows() {
    let before = report(&[(1000.0, 1000.0); 3]);
    let now = report(&[(800.0, 1000.0); 3]);
    let comparison = compare(before, &now).unwrap();
    let page = page(&now, Some(&comparison), &[]);
    assert!(page.contains("Catalog.&lt;script&gt;") && !page.contains("<script"));
    for outside in ["http:", "https:", "url(", "@import", "src="] {
        assert!(!page.contains(outside), "{outside}");
    }
    for balanced in ["svg", "figure", "section", "table", "tr", "div", "ul", "dl", "main", "text"] {
        let (opened, closed) = (
            page.matches(&format!("<{balanced}>")).count() + page.matches(&format!("<{balanced} ")).count(),
            page.matches(&format!("</{balanced}>")).count(),
        );
        assert_eq!(opened, closed, "{balanced}");
    }
    assert!(page.contains("worse than before") && !page.contains("NaN") && !page.contains("inf"));
    // Nothing measured is a page, too.
    let mut empty = now.clone();
    empty.steps = vec![Step::of(Load::Closed { callers: 1 }, &[])];
    let page = super::page(&empty, None, &[]);
    assert!(page.contains("</html>") && !page.contains("NaN"));
}

#[test]
fn a_table_tells_verdicts_without_colours() {
    let steady = print(&report(&[(1000.0, 1000.0); 3]), None, &[], Paint(false));
    assert!(steady.contains("50 callers: repeatable within ±10 %") && !steady.contains('\x1b'), "{steady}");
    let shaky = report(&[(1000.0, 1000.0), (1300.0, 1000.0), (1000.0, 1000.0)]);
    let shaky = print(&shaky, None, &[], Paint(false));
    assert!(shaky.contains("not repeatable within ±10 % (throughput ±30 %"), "{shaky}");
}
