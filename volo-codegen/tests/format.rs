//! Formatting keeps every meaning and comment, and is done once: golden files, the corpus, mutated files.

mod random;

use std::path::{Path, PathBuf};

use random::{Random, mutate, seed_files};
use volo_codegen::diag::render;
use volo_codegen::lex::{Token, lex};
use volo_codegen::source::{MemorySource, SourceMap};
use volo_codegen::{format, load};

#[test]
fn golden_layouts() {
    let directory = root().join("tests/format");
    let mut failed = Vec::new();
    for (path, text) in thrift_files(&directory) {
        let expected_path = path.with_extension("formatted");
        let formatted = formatted(&text);
        if std::fs::read_to_string(&expected_path).ok().as_deref() != Some(&formatted) {
            std::fs::write(&expected_path, &formatted).unwrap();
            failed.push(expected_path);
        }
    }
    assert!(failed.is_empty(), "rewritten, look at the difference: {failed:?}");
}

#[test]
fn our_own_files_are_formatted() {
    for (path, text) in thrift_files(&root().join("../examples/idl")) {
        assert_eq!(formatted(&text), text, "{}", path.display());
    }
}

#[test]
fn the_corpus_means_the_same_afterwards() {
    let seeds = seed_files();
    let mut compared = 0;
    for (path, text) in &seeds {
        let Ok(text) = std::str::from_utf8(text) else { continue };
        let Some(new) = format(path, text).text else { continue };
        assert_eq!(formatted(&new), new, "{path} is not done after once");
        assert_eq!(comments(text), comments(&new), "{path}");
        let (before, after) = (meaning(&seeds, path, text, true), meaning(&seeds, path, &new, true));
        assert_eq!(before, after, "{path}\n{new}");
        compared += usize::from(before.is_some());
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn mutated_files_mean_the_same_afterwards() {
    let seeds = seed_files();
    let mut compared = 0;
    for number in 0..6_000 {
        let (path, text) = mutate(&seeds, &mut Random::new(number));
        let Ok(text) = String::from_utf8(text) else { continue };
        let Some(new) = format(&path, &text).text else { continue };
        assert_eq!(formatted(&new), new, "{number}: not done after once\n{text}");
        assert_eq!(comments(&text), comments(&new), "{number}\n{text}");
        assert_eq!(tokens(&text), tokens(&new), "{number}\n{text}");
        // A comment may become documentation where it gets a line of its own.
        assert_eq!(
            meaning(&seeds, &path, &text, false),
            meaning(&seeds, &path, &new, false),
            "{number}\n{text}"
        );
        compared += 1;
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn broken_files_are_left_alone() {
    let refused = format("a.thrift", "struct A { 1: i32 a");
    assert!(refused.text.is_none());
    assert!(render(&refused.diagnostics, &refused.sources, false).contains("a.thrift:1:"));
}

#[track_caller]
fn formatted(text: &str) -> String {
    let result = format("a.thrift", text);
    result.text.unwrap_or_else(|| panic!("{}", render(&result.diagnostics, &result.sources, false)))
}

/// The model without places, of a file among the others.
fn meaning(seeds: &[(String, Vec<u8>)], path: &str, text: &str, docs: bool) -> Option<String> {
    let mut source = MemorySource::new(seeds.to_vec());
    source.insert(path, text);
    let model = load(&[path], &source).model?;
    let text = format!("{model:?}");
    Some(without(&text, if docs { &["span: Span {"] } else { &["span: Span {", "docs: Some(\""] }))
}

/// A debug text without the values behind the given heads.
fn without(text: &str, heads: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, head)) = heads.iter().filter_map(|head| Some((rest.find(head)?, head))).min() {
        out.push_str(&rest[..at]);
        let value = &rest[at + head.len()..];
        let end = match head.ends_with('"') {
            true => closing_quote(value) + 2,
            false => value.find('}').map_or(value.len(), |end| end + 1),
        };
        rest = value.get(end..).unwrap_or_default();
    }
    // A comment that was none before makes `None` of nothing.
    (out + rest).replace("docs: None", "")
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

fn lexed(text: &str) -> (SourceMap, volo_codegen::lex::Tokens) {
    let loaded = load(&["a.thrift"], &MemorySource::new([("a.thrift", text)]));
    let file = loaded.sources.iter().next().unwrap().0;
    let tokens = lex(file, &loaded.sources.file(file).text, &mut Vec::new());
    (loaded.sources, tokens)
}

/// All comments in order, each as its words.
fn comments(text: &str) -> Vec<String> {
    let (sources, tokens) = lexed(text);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    tokens.comments.iter().map(|comment| words(sources.text(comment.span))).collect()
}

/// All tokens in order but separators.
fn tokens(text: &str) -> Vec<String> {
    let (sources, tokens) = lexed(text);
    let kept = tokens.tokens.iter().filter(|(token, _)| !matches!(token, Token::Comma | Token::Semicolon));
    kept.map(|(_, span)| sources.text(*span).to_owned()).collect()
}

fn thrift_files(directory: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_thrift = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "thrift");
    let mut paths: Vec<PathBuf> = entries.filter(is_thrift).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
