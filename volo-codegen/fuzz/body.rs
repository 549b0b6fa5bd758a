//! What must hold for any IDL file: shared by libFuzzer's target and by `tests/hostile.rs`.

use volo_codegen::{
    Loaded, Options,
    diag::{has_errors, render},
    source::MemorySource,
};

/// Panics if anything does not hold for these bytes as an IDL file.
#[allow(dead_code, reason = "the tests load files with includes, and call `check`")]
pub(crate) fn idl(bytes: &[u8]) {
    let (path, source) = ("fuzz.thrift", MemorySource::new([("fuzz.thrift", bytes)]));
    let loaded = volo_codegen::load(&[path], &source);
    check(&loaded, bytes.len().is_multiple_of(16));
    if loaded.model.is_some() {
        let compiled = volo_codegen::compile(&[path], &source, &Options::default());
        assert!(compiled.files.is_some_and(|files| !files.is_empty()), "what loads can be generated");
    }
}

/// What must hold for whatever was loaded.
pub(crate) fn check(loaded: &Loaded, rendered: bool) {
    assert_eq!(loaded.model.is_some(), !has_errors(&loaded.diagnostics));
    for diagnostic in &loaded.diagnostics {
        for label in &diagnostic.labels {
            let text = &loaded.sources.file(label.span.file).text;
            assert!(text.get(label.span.range()).is_some(), "{diagnostic:?}");
        }
    }
    if rendered {
        let text = render(&loaded.diagnostics, &loaded.sources, false);
        assert!(loaded.diagnostics.iter().all(|diagnostic| text.contains(&diagnostic.message)));
    }
}
