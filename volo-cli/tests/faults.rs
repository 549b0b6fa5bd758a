//! What a newcomer does wrong: every fault gets a message with its place, an exit status, and leaves nothing behind.

mod common;

use common::{directory, files, text, volo};

/// A fault: its name, the IDL, the status, and what the message has to say.
type Fault = (&'static str, &'static str, i32, &'static [&'static str]);

const FAULTS: &[Fault] = &[
    (
        "no closing brace",
        "struct A {\n  1: i32 a\n\nservice S { A get() }\n",
        1,
        &["[unclosed]", "shop.thrift:4:1", "expected `}` to close struct `A`", "opened here"],
    ),
    (
        "misspelt requiredness",
        "struct A {\n  1: opt i32 a\n}\nservice S { A get() }\n",
        1,
        &["[requiredness]", "shop.thrift:2:6", "did you mean `optional`?"],
    ),
    (
        "unknown type",
        "struct Item {}\nservice S {\n  Itme get()\n}\n",
        1,
        &["[unknown-type]", "shop.thrift:3:3", "did you mean `Item`?"],
    ),
    (
        "repeated field id",
        "struct A {\n  1: i32 a\n  1: i32 b\n}\nservice S { A get() }\n",
        1,
        &["[duplicate-id]", "shop.thrift:3:3", "shop.thrift"],
    ),
    (
        "repeated struct",
        "struct A {}\nstruct A {}\nservice S { A get() }\n",
        1,
        &["[duplicate-name]", "shop.thrift:2:8"],
    ),
    (
        "missing include",
        "include \"nope.thrift\"\nservice S { void get() }\n",
        1,
        &["[missing-include]", "shop.thrift:1:9", "nope.thrift"],
    ),
    (
        "no service",
        "struct A {\n  1: i32 a\n}\n",
        1,
        &["no service in `shop.thrift`", "shop.thrift:3:2", "help: "],
    ),
    ("empty file", "", 1, &["no service in `shop.thrift`", "shop.thrift:1:1"]),
    ("no function", "service S {}\n", 1, &["no function in `shop.thrift`", "shop.thrift:1:13"]),
    (
        "map without types",
        "struct A {\n  10: optional map extra,\n}\nservice S { A get() }\n",
        1,
        &["[bare-container]", "shop.thrift:2:20", "map<string, i32>"],
    ),
    ("no IDL at all", "\0\u{1}\u{2} MZ", 1, &["shop.thrift:1:1", "[unexpected-character]"]),
];

#[test]
fn faults_of_an_idl() {
    for (number, (name, idl, code, said)) in FAULTS.iter().enumerate() {
        let project = directory(&format!("faults_{number}"), &[("shop.thrift", idl)]);
        let ran = volo(&project, &["init", "shop", "shop.thrift"]);
        explained(name, &project, &ran, *code, said, &["shop.thrift"]);
        if said[0].starts_with('[') {
            for command in [&["check", "shop.thrift"][..], &["gen", "shop.thrift", "-o", "out"]] {
                let ran = volo(&project, command);
                explained(name, &project, &ran, *code, said, &["shop.thrift"]);
            }
        }
        assert_eq!(text(&project, "shop.thrift"), *idl);
    }
}

#[test]
fn faults_of_a_call() {
    let idl = "service S { void get() }";
    let faults: &[(&[&str], i32, &[&str])] = &[
        (
            &["init", "1bad", "shop.thrift"],
            1,
            &["`1bad` can't be a package name", "| ^ has to begin with a letter"],
        ),
        (&["init", "a b", "shop.thrift"], 1, &["can't be a package name", "|  ^ not allowed"]),
        (&["init", "volo-gen", "shop.thrift"], 1, &["`volo-gen` can't be a package name"]),
        (&["init", "fn", "shop.thrift"], 1, &["`fn` can't be a package name", "has a meaning already"]),
        (&["init", "shop", "nope.thrift"], 2, &["there is no file `nope.thrift`"]),
        (&["init", "shop", "."], 2, &["there is no file `.`"]),
        (
            &["init", "--includes=idl", "shop", "idl/shop.proto"],
            2,
            &["not supported yet", "^^^^^^ not a Thrift file"],
        ),
        (&["init"], 2, &["NAME"]),
        (&["init", "shop", "--framework-git", "u"], 2, &["--rev"]),
        (&["gen", "nope.thrift", "-o", "out"], 2, &["there is no file `nope.thrift`"]),
        (&["check", "nope.thrift"], 2, &["there is no file `nope.thrift`"]),
        (&["fmt", "nope.thrift"], 2, &["can't read nope.thrift"]),
        (&["breaking", "shop.thrift", "nope.thrift"], 2, &["nope.thrift"]),
        (&["idl", "list"], 2, &["no volo.yml here"]),
        (&["serve"], 2, &["unrecognized subcommand"]),
    ];
    for (number, (args, code, said)) in faults.iter().enumerate() {
        let project = directory(&format!("calls_{number}"), &[("shop.thrift", idl), ("idl/shop.proto", "")]);
        let ran = volo(&project, args);
        explained(&args.join(" "), &project, &ran, *code, said, &["idl/shop.proto", "shop.thrift"]);
    }
}

#[test]
fn a_broken_configuration_is_explained() {
    let project = directory(
        "faults_config",
        &[("volo.yml", "entries:\n  default:\n    filenam: a.rs\n    services: []\n")],
    );
    for command in [&["check"][..], &["sync"], &["idl", "list"]] {
        let ran = volo(&project, command);
        explained(
            "volo.yml",
            &project,
            &ran,
            1,
            &["[unknown-key]", "volo.yml:3:5", "`filename`"],
            &["volo.yml"],
        );
    }
}

#[test]
fn help_and_completions_are_for_people_and_shells() {
    let here = directory("help", &[]);
    let help = volo(&here, &["--help"]).fine();
    assert!(!help.stdout.contains('\x1b'), "colours without a terminal");
    assert!(help.stdout.contains("volo breaking HEAD idl"));
    for command in ["init", "sync", "idl", "check", "fmt", "breaking", "gen", "completions"] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command}");
        volo(&here, &[command, "--help"]).fine();
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = volo(&here, &["completions", shell]).fine().stdout;
        assert!(script.contains("breaking") && script.contains("framework-path"), "{shell}");
    }
}

/// The message names what is wrong, nothing panicked, and no file was made.
#[track_caller]
fn explained(
    name: &str,
    project: &std::path::Path,
    ran: &common::Ran,
    code: i32,
    said: &[&str],
    kept: &[&str],
) {
    assert_eq!(ran.code, code, "{name}: {}", ran.stderr);
    for text in said {
        assert!(ran.stderr.contains(text), "{name}: no {text:?} in\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{name}");
    assert_eq!(files(project), kept, "{name}");
    assert!(!project.join(".git").exists(), "{name}");
}
