//! `volo sync` after a change of the IDL.

mod common;

use common::{GUIDE_IDL, directory, put, text, volo};

#[test]
fn new_methods_get_handlers_and_old_ones_are_named() {
    let project = directory("sync", &[("idl/item.thrift", GUIDE_IDL)]);
    volo(&project, &["init", "shop", "idl/item.thrift", "--no-git"]).fine();
    let fresh = volo(&project, &["sync"]).fine();
    assert!(fresh.stdout.contains("Everything is there"), "{}", fresh.stdout);

    let edited = text(&project, "src/lib.rs").replace("Ok(Default", "// Mine.\n        Ok(Default");
    put(&project, "src/lib.rs", &edited);
    let more = GUIDE_IDL.replace(
        "req),\n}",
        "req),\n    /** Counts. */\n    i64 CountItems(1: string like, 2: optional i32 limit),\n}\nservice Admin { void Reset() }",
    );
    put(&project, "idl/item.thrift", &more);

    let dry = volo(&project.join("src"), &["sync", "--dry-run"]).fine();
    assert!(dry.stdout.contains("would add  ItemService::count_items"), "{}", dry.stdout);
    assert_eq!(text(&project, "src/lib.rs"), edited);

    let ran = volo(&project, &["sync"]).fine();
    assert!(ran.stdout.contains("AdminServer::from_handler"), "{}", ran.stdout);
    let library = text(&project, "src/lib.rs");
    assert!(library.contains(
        "// Mine.\n        Ok(Default::default())\n    }\n\n    /// Counts.\n    async fn count_items("
    ));
    assert!(library.contains("impl volo_gen::volo::example::Admin for S {"), "{library}");
    assert!(volo(&project, &["sync"]).fine().stdout.contains("Everything is there"));

    put(&project, "idl/item.thrift", GUIDE_IDL);
    let ran = volo(&project, &["sync", "--json"]);
    assert_eq!(ran.code, 1);
    let changes: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let gone: Vec<(&str, Option<&str>)> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["kind"].as_str().unwrap(), change["method"].as_str()))
        .collect();
    assert_eq!(gone, [("removed", Some("count_items")), ("removed", None)]);
    assert_eq!(text(&project, "src/lib.rs"), library, "nothing is taken away");
}

#[test]
fn outside_of_a_project_it_says_so() {
    let elsewhere = std::env::temp_dir();
    let ran = volo(&elsewhere, &["sync"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no volo.yml here"), "{}", ran.stderr);
}
