//! What options do beyond the golden files: where they reach, and what they find wrong.

use volo_codegen::source::MemorySource;
use volo_codegen::{Compiled, Files, Options, compile};

const FILES: [(&str, &str); 3] = [
    ("a.thrift", "include \"part.thrift\" struct A { 1: part.Part part } service S { A get() }"),
    ("b.thrift", "struct B { 1: i32 x } struct Unused { 1: B b }"),
    ("part.thrift", "struct Part { 1: i32 x } struct Spare {}"),
];

fn run(options: Options) -> Compiled {
    compile(&["a.thrift", "./b.thrift"], &MemorySource::new(FILES), &options)
}

fn text(options: Options) -> String {
    run(options).files.unwrap().into_iter().map(|file| file.text).collect()
}

fn messages(compiled: &Compiled) -> Vec<String> {
    compiled.diagnostics.iter().map(|diagnostic| diagnostic.one_line(&compiled.sources)).collect()
}

/// The structs with `pub unknown_fields`, in order.
fn keeping(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut name = "";
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            name = rest.split([' ', '(', '<']).next().unwrap();
        }
        if line.starts_with("pub unknown_fields:") {
            found.push(name);
        }
    }
    found
}

#[test]
fn unknown_fields_are_kept_where_asked_for() {
    let of = |files| keeping(&text(Options { keep_unknown_fields: files, ..Options::default() })).join(" ");
    assert_eq!(of(Files::None), "");
    assert_eq!(of(Files::All), "A B Unused Part Spare", "arguments are not kept");
    assert_eq!(of(Files::Roots(vec!["b.thrift".into()])), "B Unused");
    assert_eq!(of(Files::Roots(vec!["./a.thrift".into()])), "A Part Spare", "with what it includes");
}

#[test]
fn trimming_starts_from_services_and_touched_types() {
    let names = |touch: &[&str]| {
        let touch = touch.iter().map(|name| (*name).to_owned()).collect();
        let text = text(Options { trim: true, touch, ..Options::default() });
        let kept = ["A", "Part", "Spare", "B", "Unused"].map(|name| {
            let defined = [format!("pub struct {name} {{"), format!("pub struct {name} {{}}")];
            defined.iter().any(|line| text.contains(line)).then_some(name)
        });
        kept.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&[]), "A Part");
    assert_eq!(names(&["Unused"]), "A Part B Unused", "with what it needs");
    assert_eq!(names(&["part.Spare"]), "A Part Spare");
    assert!(!text(Options { trim: true, ..Options::default() }).contains("pub mod b"), "no empty module");
}

#[test]
fn touching_what_is_not_there() {
    let touch = vec!["Unsued".to_owned(), "Spare".to_owned(), "part.Nothing".to_owned()];
    let compiled = run(Options { trim: true, touch, ..Options::default() });
    assert!(compiled.files.is_none());
    assert_eq!(
        messages(&compiled),
        [
            "error: `touch` names `Unsued`, which is in none of the files",
            "error: `touch` names `Spare`, which is in none of the files",
            "error: `touch` names `part.Nothing`, which is in none of the files",
        ]
    );
    assert_eq!(compiled.diagnostics[0].help.as_deref(), Some("did you mean `Unused`?"));
}

#[test]
fn attributes_without_effect_are_told() {
    let idl = "struct A { 1: i32 a (pilota.serde_attribute = \"rename\") }\n\
               enum E { X (pilota.serde_attribute = \"#[serde(rename = 'x')]\") }";
    let source = MemorySource::new([("a.thrift", idl)]);
    assert!(compile(&["a.thrift"], &source, &Options::default()).diagnostics.is_empty());
    let compiled = compile(&["a.thrift"], &source, &Options { serde: true, ..Options::default() });
    assert!(compiled.files.is_some());
    assert_eq!(
        messages(&compiled),
        [
            "a.thrift:1:22: warning: `pilota.serde_attribute` is no attribute",
            "a.thrift:2:13: warning: `pilota.serde_attribute` has no effect on an enum",
        ]
    );
}

#[test]
fn split_files_have_names_of_their_own() {
    let files =
        run(Options { split: true, out_file: "x/gen.rs".into(), ..Options::default() }).files.unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["x/gen.rs", "x/gen/a.rs", "x/gen/b.rs", "x/gen/part.rs"]);
    assert!(files[0].text.contains("include!(\"gen/a.rs\");"));
    let files = run(Options { split: true, out_file: "gen".into(), ..Options::default() }).files.unwrap();
    assert_eq!(files[1].path, "gen.d/a.rs");
}
