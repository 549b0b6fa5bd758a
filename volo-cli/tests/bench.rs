//! `volo bench` against the shop.

mod shop;

use std::path::{Path, PathBuf};

use serde_json::Value;
use shop::{IDL, text, volo, with_shop};

const QUERY: &str = r#"{"query":{"limit":2}}"#;
const QUICK: &[&str] = &["--duration", "300ms", "--warm-up", "50ms", "--concurrency", "4"];

/// A file of a test, not there yet.
fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn a_method_is_measured_kept_compared_and_drawn() {
    with_shop(|address| {
        // CI opens this page in a browser.
        let (golden, page) = (file("bench.json"), file("bench.html"));
        let [golden, page] = [&golden, &page].map(|path| path.to_str().unwrap());
        let bench = ["bench", address, "listProductOffering", "-d", QUERY];
        let saved = volo(&[&bench, QUICK, &["--save", golden]].concat());
        assert_eq!(saved.status.code(), Some(0), "{}{}", text(&saved.stdout), text(&saved.stderr));
        let table = text(&saved.stdout);
        for part in ["ProductCatalogService.listProductOffering at", "p99.9", "network + server", "±"] {
            assert!(table.contains(part), "{part}\n{table}");
        }
        assert!(!table.contains('\x1b') && saved.stderr.is_empty(), "no terminal, no colours, no progress");

        let kept: Value = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        assert_eq!((&kept["format"], &kept["steps"][0]["load"]["callers"]), (&1.into(), &4.into()));
        assert_eq!(kept["steps"][0]["repeats"].as_array().unwrap().len(), 3);
        let budget = &kept["steps"][0]["all"]["budget_us"];
        assert!(
            budget["wait"].as_f64().unwrap() > 0.0 && budget["decode"].as_f64().unwrap() > 0.0,
            "{budget}"
        );

        // It may be slower or faster now, but not by this much: a figure that is made to be better is missed.
        let mut better = kept.clone();
        let seconds = &mut better["steps"][0]["all"];
        seconds["throughput"] = (seconds["throughput"].as_f64().unwrap() * 1000.0).into();
        std::fs::write(golden, better.to_string()).unwrap();
        let compared = volo(
            &[&bench, QUICK, &["--compare", golden, "--report", page, "--repeats", "2", "--json"]].concat(),
        );
        assert_eq!(compared.status.code(), Some(1), "{}", text(&compared.stderr));
        let report: Value = serde_json::from_slice(&compared.stdout).unwrap();
        let changes = report["comparison"]["changes"].as_array().unwrap();
        let throughput = changes.iter().find(|change| change["metric"] == "throughput").unwrap();
        assert_eq!(throughput["verdict"], "worse");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("worse than before") && page.matches("<svg ").count() == 3);
    });
}

#[test]
fn rates_are_steps_and_each_call_has_its_number() {
    with_shop(|address| {
        let args = ["bench", address, "ProductCatalogService.listProductOffering", "--steps", "50,100"];
        let query = r#"{"query":{"limit":{{n}}}}"#;
        let rest =
            ["-d", query, "--repeats", "1", "--duration", "400ms", "--warm-up", "0s", "--json", "--idl", IDL];
        for dialect in [
            &["--framing", "framed", "--protocol", "compact"][..],
            &["--mode", "mux", "-H", "k=v"],
            &["--framing", "buffered"],
        ] {
            let ran = volo(&[&args[..], &rest, dialect].concat());
            let report: Value = serde_json::from_slice(&ran.stdout)
                .unwrap_or_else(|error| panic!("{error} {dialect:?} {}", text(&ran.stderr)));
            assert_eq!(report["target"]["template"], true);
            for (index, due) in [(0, 20), (1, 40)] {
                let all = &report["steps"][index]["all"];
                let errors =
                    all["errors"].as_object().unwrap().values().filter_map(Value::as_i64).sum::<i64>();
                let calls = all["succeeded"].as_i64().unwrap() + errors;
                assert!((calls - due).abs() <= 1, "{dialect:?} {all}");
                assert!(all["succeeded"].as_i64().unwrap() > 0, "{dialect:?} {report}");
            }
        }
    });
}

#[test]
fn limits_and_failures_show_in_the_exit_status() {
    with_shop(|address| {
        let quick = [QUICK, &["--repeats", "1"]].concat();
        let list = ["bench", address, "listProductOffering"];
        let slow = volo(&[&list[..], &quick, &["--warn", "p50=1us", "--crit", "errors=100%"]].concat());
        assert_eq!(slow.status.code(), Some(0), "{}", text(&slow.stdout));
        assert!(text(&slow.stdout).contains("warning: 4 callers: p50 "));
        let slow = volo(&[&list[..], &quick, &["--crit", "p50=1us"]].concat());
        assert_eq!(slow.status.code(), Some(1), "{}", text(&slow.stdout));

        // What fails is counted by kind, and one is shown.
        let none = ["bench", address, "retrieveProductOffering", "-d", r#"{"id":"none"}"#];
        let failed = volo(&[&none[..], &quick].concat());
        assert_eq!(failed.status.code(), Some(1));
        let table = text(&failed.stdout);
        assert!(table.contains("no call succeeded") && table.contains("EXCEPTION 100 %: "), "{table}");
        assert!(table.contains("critical: 4 callers: errors 100 % is above 1.00 %"), "{table}");
    });
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_sent() {
    with_shop(|address| {
        let other = file("other.json");
        std::fs::write(&other, "{}").unwrap();
        let other = other.to_str().unwrap();
        let cases = [
            (&["retrieveProductOffering", "-d", r#"{"no":"{{n}}"}"#][..], "has no field \"no\""),
            (&["retrieveOffering"], "there is no method retrieveOffering"),
            (&["listProductOffering", "--rate", "0"], "calls a second"),
            (&["listProductOffering", "--rate", "5", "--steps", "6"], "--steps"),
            (&["listProductOffering", "--crit", "p98=1ms"], "there is no metric"),
            (&["listProductOffering", "--concurrency", "0"], "1..=1000"),
            (&["listProductOffering", "--compare", "nowhere.json"], "nowhere.json"),
            (&["listProductOffering", "--compare", other], "no report of volo bench"),
            (&["listProductOffering", "--save", "/nowhere/golden.json"], "/nowhere/golden.json"),
        ];
        for (args, message) in cases {
            let refused = volo(&[&["bench", address], args].concat());
            assert_eq!(refused.status.code(), Some(2), "{args:?}");
            assert!(text(&refused.stderr).contains(message), "{args:?}\n{}", text(&refused.stderr));
        }
    });
}
