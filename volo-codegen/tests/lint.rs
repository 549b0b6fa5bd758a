//! All advice as a person sees it: `lint/x.thrift` gives `lint/x.txt`. A text that differs is rewritten.

use std::path::Path;

use volo_codegen::diag::{has_errors, render};
use volo_codegen::source::FileSource;
use volo_codegen::{lint, load};

#[test]
fn advice_matches_the_golden_files() {
    let mut changed = Vec::new();
    for name in ["ids", "names", "uses"] {
        let path = format!("tests/lint/{name}.thrift");
        // Relative, so that the texts are the same everywhere.
        assert!(Path::new(&path).exists());
        let loaded = load(&[&path], &FileSource::default());
        assert!(!has_errors(&loaded.diagnostics), "{}", render(&loaded.diagnostics, &loaded.sources, false));
        let findings = lint(&loaded.model.unwrap(), &loaded.sources);
        let text = render(&findings, &loaded.sources, false);
        let golden = Path::new(&path).with_extension("txt");
        if std::fs::read_to_string(&golden).ok().as_deref() != Some(&text) {
            std::fs::write(&golden, text).unwrap();
            changed.push(golden);
        }
    }
    assert!(changed.is_empty(), "rewritten: {changed:?}");
}

#[test]
fn a_sound_file_gets_no_advice() {
    let loaded = load(&["../examples/idl/hello.thrift"], &FileSource::default());
    let codes = lint(&loaded.model.unwrap(), &loaded.sources);
    let codes: Vec<&str> = codes.iter().map(|finding| finding.code).collect();
    // Its reply has a required field, for the sake of the example.
    assert_eq!(codes, ["required-in-reply"]);
}
