//! `volo.yml`: what each key means, and `config/x.yml` beside the messages it gives, `config/x.txt`.
//!
//! A mismatch rewrites the expected file and fails, so that the difference is reviewed as a diff.

use std::path::{Path, PathBuf};

use volo_codegen::config::{Config, Parsed};
use volo_codegen::{ConfigBuilder, Files, diag};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn parse(name: &str) -> Parsed {
    Config::parse(name, &std::fs::read_to_string(directory().join(name)).unwrap())
}

#[test]
fn messages_are_as_expected() {
    let mut changed = Vec::new();
    for entry in std::fs::read_dir(directory()).unwrap() {
        let input = entry.unwrap().path();
        if input.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let parsed = parse(input.file_name().unwrap().to_str().unwrap());
        assert_eq!(parsed.config.is_none(), diag::has_errors(&parsed.diagnostics));
        let report = diag::render(&parsed.diagnostics, &parsed.sources, false);
        let expected = input.with_extension("txt");
        if std::fs::read_to_string(&expected).unwrap_or_default() != report {
            std::fs::write(&expected, report).unwrap();
            changed.push(expected);
        }
    }
    assert!(changed.is_empty(), "rewritten, look at the diff: {changed:#?}");
}

#[test]
fn every_key_has_its_meaning() {
    let config = parse("full.yml").config.unwrap();
    let [default, other] = &config.entries[..] else { panic!("two entries") };
    assert_eq!(default.repos[0].lock.as_deref(), Some("0123456789abcdef"));
    assert_eq!((default.repos[0].name.as_str(), default.repos[0].reference.as_str()), ("shared", "main"));

    let plan = default.plan(Path::new("gen"));
    assert_eq!(plan.roots, ["gen/idl/shop.thrift", "gen/vendor/shared/idl/shared.thrift"]);
    assert_eq!(plan.include_dirs, ["gen/idl/common", "gen/vendor/shared"]);
    let options = &plan.options;
    assert_eq!(options.keep_unknown_fields, Files::Roots(vec!["gen/idl/shop.thrift".into()]));
    assert_eq!((options.out_file.as_str(), &options.touch[..]), ("volo_gen.rs", &["Extra".to_owned()][..]));
    assert!(options.split && options.serde && options.trim && !options.comments);

    let plan = other.plan(Path::new(""));
    assert_eq!(plan.roots, ["b.thrift"]);
    assert!(!plan.options.trim && plan.options.comments, "touch_all");
    assert_eq!(plan.options.keep_unknown_fields, Files::None);
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        let parsed = Config::parse("volo.yml", &text);
        assert!(parsed.config.is_none());
    }
    let text: String = (0..60).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let parsed = Config::parse("volo.yml", &text);
    assert_eq!(parsed.diagnostics[0].message, "nested deeper than 32 levels");
}

#[test]
fn mutated_files_are_survived() {
    const PIECES: &[&str] = &[
        ":", ": ", "- ", "\n", "  ", "\t", "[", "]", "{", "}", ",", "#", "&a ", "*a", "!t ", "|", ">", "\"",
        "'", "%", "@", "?", "? ", "---", "...", "<<: ", "é", "\u{2028}", "\0", "\u{feff}", "true", "~",
    ];
    let seeds = ["full.yml", "without_effect.yml", "unknown_keys.yml", "repos.yml"];
    let seeds = seeds.map(|name| std::fs::read_to_string(directory().join(name)).unwrap());
    let mut state = 1_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize % bound.max(1)
    };
    let mut accepted = 0;
    for _ in 0..10_000 {
        let mut text: Vec<char> = seeds[below(4)].chars().collect();
        for _ in 0..=below(4) {
            let at = below(text.len() + 1);
            let end = (at + below(8)).min(text.len());
            let piece = PIECES[below(PIECES.len())];
            drop(text.splice(at..end, piece.chars().collect::<Vec<_>>().repeat(1 + below(3))));
        }
        let text: String = text.into_iter().collect();
        let parsed = Config::parse("volo.yml", &text);
        assert_eq!(parsed.config.is_none(), diag::has_errors(&parsed.diagnostics));
        accepted += usize::from(parsed.config.is_some());
        diag::render(&parsed.diagnostics, &parsed.sources, false);
    }
    println!("config: {accepted} of 10000 mutated files are still valid");
    assert!((100..9_900).contains(&accepted));
}

/// A fresh directory with these files.
fn project(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&root);
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

const YML: &str = "
entries:
  default:
    filename: volo_gen.rs
    repos:
      shared: { url: 'https://git.example/shared.git', ref: main, lock: 0123abc }
    services:
      - idl: { source: git, repo: shared, path: idl/service.thrift }
      - idl: { source: local, path: own.thrift }
        codegen_option: { touch: [Own], keep_unknown_fields: true }
";

const SHARED: &str = "include \"idl/types.thrift\" service S { types.T get() }";

#[test]
fn writes_what_the_file_asks_for() {
    let root = project(
        "config_writes",
        &[
            ("volo.yml", YML),
            ("own.thrift", "struct Own { 1: i32 x } struct Unused {}"),
            ("vendor/shared/idl/service.thrift", SHARED),
            ("vendor/shared/idl/types.thrift", "struct T { 1: i32 x } struct Spare {}"),
        ],
    );
    ConfigBuilder::new(root.join("volo.yml")).out_dir(root.join("out")).write().unwrap();
    let text = std::fs::read_to_string(root.join("out/volo_gen.rs")).unwrap();
    assert!(text.contains("pub trait S") && text.contains("pub struct T"));
    assert!(text.contains("pub struct Own") && !text.contains("Unused") && !text.contains("Spare"));
    assert_eq!(text.matches("pub unknown_fields").count(), 1, "of `Own` alone");
}

#[test]
fn errors_are_whole_reports() {
    let message = |root: &Path| {
        let written = ConfigBuilder::new(root.join("volo.yml")).out_dir(root.join("out")).write();
        assert!(!root.join("out").exists());
        let error = written.unwrap_err();
        assert!(format!("{error:?}").contains(&error.to_string()), "`unwrap` shows it");
        error.to_string()
    };
    let root = project("config_no_copy", &[("volo.yml", YML)]);
    let report = message(&root);
    assert!(report.contains("there is no copy of repository `shared`"), "{report}");
    assert!(report.contains("volo.yml:8:49") && report.contains("vendor/shared"), "{report}");
    assert!(report.contains("put `https://git.example/shared.git` at `0123abc` there"), "{report}");

    let entry = "entries: { a: { filename: a.rs, services: [ idl: { path: a.thrift } ] } }";
    let root = project("config_bad_idl", &[("volo.yml", entry), ("a.thrift", "struct A { 1: Missing x }")]);
    let report = message(&root);
    assert!(report.contains("a.thrift:1:15") && report.contains("Missing"), "{report}");

    let report = message(&project("config_no_file", &[]));
    assert!(report.contains("can't read") && report.contains("volo.yml"), "{report}");
}
