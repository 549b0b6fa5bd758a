//! Every message as a person sees it: `diag/x.thrift` gives `diag/x.txt`.
//!
//! A text that differs is rewritten and the test fails: read the difference, then commit it or mend the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use volo_codegen::diag::render;
use volo_codegen::source::FileSource;

#[test]
fn messages_match_the_golden_files() {
    let mut changed = Vec::new();
    let mut seen = BTreeSet::new();
    for path in golden_inputs() {
        let loaded = volo_codegen::load(&[path.to_str().unwrap()], &FileSource::default());
        let lines = loaded.diagnostics.iter().map(|diagnostic| diagnostic.one_line(&loaded.sources));
        let lines: Vec<String> = lines.collect();
        let text = format!("{}\n\n{}", lines.join("\n"), render(&loaded.diagnostics, &loaded.sources, false));
        assert!(!loaded.diagnostics.is_empty(), "{}: nothing to say", path.display());
        seen.extend(loaded.diagnostics.iter().map(|diagnostic| diagnostic.code));
        let golden = path.with_extension("txt");
        if std::fs::read_to_string(&golden).is_ok_and(|expected| expected == text) {
            continue;
        }
        std::fs::write(&golden, text).unwrap();
        changed.push(golden.display().to_string());
    }
    println!("diag: {} kinds of messages seen", seen.len());
    assert!(changed.is_empty(), "rewritten:\n{}", changed.join("\n"));
}

/// A message nobody has looked at is not finished.
#[test]
fn every_kind_of_message_has_a_golden_file() {
    // What needs a broken disk, a file too long to read or an option is tested elsewhere.
    let elsewhere = [
        "missing-file",
        "missing-repo",
        "serde-attribute",
        "too-many-errors",
        "unknown-touch",
        "unreadable-file",
    ];
    let goldens: String = ["tests/diag", "tests/config", "tests/lint"]
        .iter()
        .flat_map(|directory| std::fs::read_dir(directory).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let missing: Vec<String> = codes_in_source()
        .into_iter()
        .filter(|code| !elsewhere.contains(&code.as_str()) && !goldens.contains(&format!("[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no golden file shows {missing:?}");
}

#[test]
fn a_missing_root_is_reported_without_a_place() {
    let loaded = volo_codegen::load(&["nowhere.thrift"], &FileSource::default());
    assert!(loaded.model.is_none());
    assert_eq!(loaded.diagnostics[0].code, "missing-file");
    let text = render(&loaded.diagnostics, &loaded.sources, false);
    assert_eq!(text, "error: there is no file `nowhere.thrift`\n");
}

fn golden_inputs() -> Vec<PathBuf> {
    // Tests run in the package's directory; a relative path keeps machine names out of the golden files.
    let entries = std::fs::read_dir("tests/diag").unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "thrift")).collect();
    paths.sort();
    paths
}

fn codes_in_source() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    collect(Path::new("src"), &mut codes);
    assert!(codes.len() > 50);
    codes
}

fn collect(directory: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, codes);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for constructor in ["Diagnostic::error(", "Diagnostic::warning("] {
            let uses = text.split(constructor).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            codes.extend(uses.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
}
