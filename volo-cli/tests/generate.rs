//! `volo gen` as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn volo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_volo")).args(args).output().unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../volo-codegen/tests/golden").join(name)
}

/// A fresh directory of this test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn writes_what_the_build_helper_writes() {
    let out = directory("writes");
    let output = volo(&["gen", text(&golden("types.thrift")), "-o", text(&out)]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(out.join("volo_gen.rs")).unwrap();
    assert_eq!(written, std::fs::read_to_string(golden("types.rs")).unwrap());
}

#[test]
fn names_the_runtime_as_told() {
    let out = directory("runtime");
    let output =
        volo(&["gen", text(&golden("shared.thrift")), "-o", text(&out), "--runtime-path", "crate::thrift"]);
    assert_eq!(output.status.code(), Some(0));
    let written = std::fs::read_to_string(out.join("volo_gen.rs")).unwrap();
    assert!(written.contains("use crate::thrift::rt;") && !written.contains("volo_thrift"));
    for path in ["foo bar", "", "a::", "1a", "a<b>", "a // b", "a;b"] {
        let refused =
            volo(&["gen", text(&golden("shared.thrift")), "-o", text(&out), "--runtime-path", path]);
        assert_eq!(refused.status.code(), Some(2), "{path}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("wanted a path of Rust"), "{path}");
    }
}

#[test]
fn passes_its_switches_on() {
    let out = directory("switches");
    let switches = ["--trim", "--touch", "Touched", "--touch", "shared.Page", "--out-file", "trimmed.rs"];
    let input = golden("trimmed.thrift");
    let output = volo(&[&["gen", text(&input), "-o", text(&out)][..], &switches].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(out.join("trimmed.rs")).unwrap();
    assert_eq!(written, std::fs::read_to_string(golden("trimmed.rs")).unwrap());

    let switches = ["--split", "--serde", "--keep-unknown-fields", "--no-comments"];
    let input = golden("split.thrift");
    let output = volo(&[&["gen", text(&input), "-o", text(&out)][..], &switches].concat());
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let written = std::fs::read_to_string(out.join("volo_gen/golden.shared.rs")).unwrap();
    assert!(written.contains("rt::Serialize") && written.contains("pub unknown_fields: rt::UnknownFields"));
    assert_eq!(volo(&["gen", text(&input), "-o", text(&out), "--touch", "X"]).status.code(), Some(2));
}

#[test]
fn searches_include_directories() {
    let out = directory("include");
    std::fs::create_dir_all(&out).unwrap();
    let input = out.join("user.thrift");
    std::fs::write(&input, "include \"shared.thrift\"\nstruct User { 1: shared.Page page }\n").unwrap();
    let without = volo(&["gen", text(&input), "-o", text(&out)]);
    assert_eq!(without.status.code(), Some(1));
    let with = volo(&["gen", text(&input), "-o", text(&out), "-I", text(&golden(""))]);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
}

#[test]
fn tells_faults_from_unusable_input() {
    let out = directory("faults");
    std::fs::create_dir_all(&out).unwrap();
    let input = out.join("bad.thrift");
    std::fs::write(&input, "struct A { 1: Missing b }\n").unwrap();
    let fault = volo(&["gen", text(&input), "-o", text(&out)]);
    let message = String::from_utf8_lossy(&fault.stderr).into_owned();
    assert_eq!(fault.status.code(), Some(1));
    assert!(message.contains("Missing") && !message.contains('\u{1b}'), "{message}");
    assert!(!out.join("volo_gen.rs").exists());

    assert_eq!(volo(&["gen", "/nowhere/x.thrift", "-o", text(&out)]).status.code(), Some(2));
    assert_eq!(volo(&["gen", text(&input)]).status.code(), Some(2), "no -o");
    let written = volo(&["gen", text(&golden("types.thrift")), "-o", text(&input)]);
    assert_eq!(written.status.code(), Some(2), "a file is no directory");
}
