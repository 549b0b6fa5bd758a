//! Golden pairs: `golden/x.thrift` and the Rust text it gives, `golden/x.rs`.
//!
//! A mismatch rewrites the expected file and fails, so that the difference is reviewed as a diff.

use std::path::{Path, PathBuf};
use std::process::Command;

use volo_codegen::source::FileSource;
use volo_codegen::{Files, Options, OutputFile, compile, diag};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn inputs() -> Vec<PathBuf> {
    thrift_files(&directory())
}

fn thrift_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut inputs: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "thrift")).collect();
    inputs.sort();
    inputs
}

fn generate(roots: &[PathBuf]) -> Vec<OutputFile> {
    let stem = roots[0].file_stem().unwrap().to_str().unwrap();
    let compiled = compile(&names(roots), &FileSource::default(), &options(stem));
    let report = diag::render(&compiled.diagnostics, &compiled.sources, false);
    compiled.files.unwrap_or_else(|| panic!("{report}"))
}

/// Files that are there for the sake of an option have it.
fn options(stem: &str) -> Options {
    let options = Options { out_file: format!("{stem}.rs"), ..Options::default() };
    match stem {
        "json" => Options { serde: true, ..options },
        "kept" => Options { keep_unknown_fields: Files::All, ..options },
        "kept_json" => Options { keep_unknown_fields: Files::All, serde: true, comments: false, ..options },
        "split" => Options { split: true, ..options },
        "trimmed" => Options { trim: true, touch: vec!["Touched".into(), "shared.Page".into()], ..options },
        _ => options,
    }
}

#[test]
fn output_is_as_expected() {
    let mut changed = Vec::new();
    for input in inputs() {
        let root = std::slice::from_ref(&input);
        let output = generate(root);
        assert_eq!(output, generate(root), "the same input gives the same output");
        for file in output {
            let expected = directory().join(&file.path);
            if std::fs::read_to_string(&expected).unwrap_or_default() != file.text {
                file.write_to(&directory()).unwrap();
                changed.push(expected);
            }
        }
    }
    assert!(changed.is_empty(), "rewritten, look at the diff: {changed:#?}");
}

#[test]
fn rustfmt_has_nothing_to_change() {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut outputs = Vec::new();
    for input in inputs().into_iter().chain(thrift_files(&directory().join("../corpus/accept"))) {
        for file in generate(std::slice::from_ref(&input)) {
            file.write_to(&temporary).unwrap();
            outputs.push(temporary.join(file.path));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new("rustfmt")
        .args(["--check", "--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .args(outputs)
        .output()
        .expect("rustfmt is part of the toolchain");
    let report = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&report));
}

/// Lines of code without blanks and comments, for each field, argument and declared exception of the IDL.
#[test]
fn lines_for_each_field() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/idl");
    let shop = ["tmf620.thrift", "tmf622.thrift"].map(|name| examples.join(name));
    let (lines, fields) = count(&shop);
    println!("shop: {lines} lines, {fields} fields, {:.1} lines a field", lines as f64 / fields as f64);
    assert!(lines <= 10 * fields, "{lines} lines for {fields} fields");
    for input in inputs() {
        let (lines, fields) = count(std::slice::from_ref(&input));
        let name = input.file_name().unwrap().display();
        println!("{name}: {lines} lines, {fields} fields, {:.1} lines a field", lines as f64 / fields as f64);
    }
}

fn count(roots: &[PathBuf]) -> (usize, usize) {
    let loaded = volo_codegen::load(&names(roots), &FileSource::default());
    let model = loaded.model.expect("the files are free of errors");
    let in_structs: usize = model.structs.iter().map(|item| item.fields.len()).sum();
    let functions = model.services.iter().flat_map(|service| &service.functions);
    let in_functions: usize = functions.map(|function| function.args.len() + function.throws.len()).sum();
    let files = generate(roots);
    let lines = files.iter().flat_map(|file| file.text.lines()).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    (lines, in_structs + in_functions)
}

fn names(roots: &[PathBuf]) -> Vec<&str> {
    roots.iter().map(|root| root.to_str().unwrap()).collect()
}

/// The runtime has a service of its own, whose code is checked in because the runtime does not depend on the compiler.
#[test]
fn the_runtimes_own_service_is_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../volo-thrift/src/health");
    let options =
        Options { out_file: "generated.rs".into(), runtime_path: "crate".into(), ..Options::default() };
    let root = [directory.join("health.thrift")];
    let compiled = compile(&names(&root), &FileSource::default(), &options);
    let file = &compiled.files.unwrap()[0];
    let expected = directory.join(&file.path);
    if std::fs::read_to_string(&expected).unwrap_or_default() != file.text {
        file.write_to(&directory).unwrap();
        panic!("{} was rewritten; review the change", expected.display());
    }
}
