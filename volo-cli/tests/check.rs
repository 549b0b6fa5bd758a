//! `volo check`, `volo fmt` and `volo breaking` as a user and a CI job run them.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{GUIDE_IDL, directory, files, git, put, text, volo};
use serde_json::Value;

#[test]
fn check_reports_for_people_tools_and_github() {
    let project = directory(
        "check_formats",
        &[("a.thrift", "struct A { 1: Missing x, 2: i32 y }"), ("fine.thrift", "struct A { 1: i32 y }")],
    );
    let human = volo(&project, &["check", "a.thrift"]);
    assert_eq!(human.code, 1);
    assert!(human.stderr.contains("[unknown-type] Error") && human.stderr.contains("a.thrift:1:15"));
    assert!(!human.stderr.contains('\x1b'), "colours without a terminal");

    let json = volo(&project, &["check", "--format", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (1, ""));
    let findings: Value = serde_json::from_str(&json.stdout).unwrap();
    let label = &findings[0]["labels"][0];
    assert_eq!(findings[0]["code"], "unknown-type");
    assert_eq!(
        (&label["file"], &label["line"], &label["column"]),
        (&"a.thrift".into(), &1.into(), &15.into())
    );

    let github = volo(&project, &["check", "a.thrift", "--format", "github"]);
    let start = "::error file=a.thrift,line=1,endLine=1,col=15,endColumn=22,title=unknown-type::";
    assert!(github.stdout.starts_with(start), "{}", github.stdout);

    let fine = volo(&project, &["check", "fine.thrift", "--strict"]).fine();
    assert_eq!(fine.stdout, "1 file: nothing to mend\n");
}

#[test]
fn advice_fails_only_when_asked_to() {
    let project = directory("check_lints", &[("item.thrift", GUIDE_IDL)]);
    let ran = volo(&project, &["check", "item.thrift"]).fine();
    assert!(ran.stderr.contains("[required-in-reply] Warning"), "{}", ran.stderr);
    assert_eq!(volo(&project, &["check", "item.thrift", "--strict"]).code, 1);
    volo(&project, &["check", "item.thrift", "--strict", "--allow", "required-in-reply"]).fine();
    volo(&project, &["check", "item.thrift", "--strict", "--no-lints"]).fine();
}

#[test]
fn in_a_project_check_knows_its_files() {
    let project = directory("check_project", &[("idl/item.thrift", GUIDE_IDL)]);
    volo(&project, &["init", "shop", "idl/item.thrift", "--no-git"]).fine();
    put(&project, "idl/item.thrift", &GUIDE_IDL.replace("Item item", "Itme item"));
    let ran = volo(&project.join("src"), &["check"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("did you mean `Item`?"), "{}", ran.stderr);
    assert!(ran.stderr.contains(" ../idl/item.thrift:16:17 "), "{}", ran.stderr);
}

#[test]
fn fmt_rewrites_names_and_checks() {
    let messy = "struct  A{1:i32 a;2:i32 b} // Behind.\n";
    let tidy = "struct A {\n  1: i32 a,\n  2: i32 b,\n} // Behind.\n";
    let project =
        directory("fmt", &[("a.thrift", messy), ("sub/b.thrift", tidy), ("target/c.thrift", messy)]);
    let check = volo(&project, &["fmt", "--check"]);
    assert_eq!((check.code, check.stdout.as_str()), (1, "a.thrift\n"));
    assert_eq!(text(&project, "a.thrift"), messy);
    assert_eq!(volo(&project, &["fmt"]).fine().stdout, "a.thrift\n");
    assert_eq!(text(&project, "a.thrift"), tidy);
    assert_eq!(volo(&project, &["fmt", "--check"]).fine().stdout, "");
    assert_eq!(text(&project, "target/c.thrift"), messy);

    put(&project, "broken.thrift", "struct A {");
    let broken = volo(&project, &["fmt", "broken.thrift"]);
    assert_eq!(broken.code, 1);
    assert!(broken.stderr.contains("[unclosed] Error"), "{}", broken.stderr);
    assert_eq!(text(&project, "broken.thrift"), "struct A {");

    let mut child = Command::new(env!("CARGO_BIN_EXE_volo"))
        .args(["fmt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(messy.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), tidy);
}

#[test]
fn breaking_compares_files_directories_and_commits() {
    let project =
        directory("breaking", &[("idl/item.thrift", GUIDE_IDL), ("idl/more.thrift", "struct M {}")]);
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "One"]);
    git(&project, &["tag", "v1"]);
    let nothing = volo(&project, &["breaking", "HEAD", "idl"]).fine();
    assert_eq!(nothing.stdout, "Nobody notices.\n");

    put(&project, "idl/item.thrift", &GUIDE_IDL.replace("required string title", "required i64 headline"));
    for sides in [["HEAD", "idl"], ["v1", "idl/item.thrift"], ["v1:idl/item.thrift", "idl/item.thrift"]] {
        let ran = volo(&project, &["breaking", sides[0], sides[1]]);
        assert_eq!(ran.code, 1, "{sides:?}");
        assert!(ran.stderr.contains("[type-changed] Error") && ran.stderr.contains("[renamed] Error"));
        assert!(ran.stderr.contains("item.thrift:5:5"), "{}", ran.stderr);
    }
    let wire = volo(&project, &["breaking", "v1", "idl", "--level", "wire", "--format", "json"]);
    let changes: Value = serde_json::from_str(&wire.stdout).unwrap();
    assert_eq!((changes.as_array().unwrap().len(), &changes[0]["level"]), (1, &"wire".into()));
    // The same from a directory below, and of two commits.
    git(&project, &["commit", "--quiet", "-a", "-m", "Two"]);
    assert_eq!(volo(&project.join("idl"), &["breaking", "v1", "item.thrift"]).code, 1);
    assert_eq!(volo(&project, &["breaking", "v1:idl", "HEAD:idl"]).code, 1);
    volo(&project, &["breaking", "HEAD:idl", "HEAD"]).fine();

    put(&project, "old.thrift", "struct A { 1: optional i32 a }");
    put(&project, "new.thrift", "struct A { 1: i32 a }");
    volo(&project, &["breaking", "old.thrift", "new.thrift"]).fine();
    for flags in [["--strict", "--level=wire"], ["--policy=additive", "--level=wire"]] {
        let args = [&["breaking", "old.thrift", "new.thrift"][..], &flags].concat();
        assert_eq!(volo(&project, &args).code, 1, "{flags:?}");
    }
    for sides in [["nowhere", "idl"], ["HEAD:nowhere", "idl"]] {
        let ran = volo(&project, &["breaking", sides[0], sides[1]]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    }
    assert!(files(&project).iter().all(|file| file.ends_with(".thrift")), "something was left behind");
}
