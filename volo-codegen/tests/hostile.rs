//! No text makes the compiler panic, hang or overflow its stack.
//!
//! Everything runs on a stack of 1 MiB, half of what a thread gets by default.

#[path = "../fuzz/body.rs"]
mod body;
mod random;

use std::time::{Duration, Instant};

use body::check;
use random::{Random, mutate, seed_files};
use volo_codegen::Loaded;
use volo_codegen::breaking::{Level, Policy, Side, Version, compare};
use volo_codegen::diag::render;
use volo_codegen::source::MemorySource;

const STACK_BYTES: usize = 1 << 20;
const MUTATIONS: u64 = 100_000;

#[test]
fn mutated_files_are_survived() {
    let seeds = seed_files();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let seeds = seeds.clone();
            on_small_stack(move || {
                let mut accepted = 0;
                let mut last: Option<Loaded> = None;
                let mut source = MemorySource::new(seeds.clone());
                for number in (worker..MUTATIONS).step_by(4) {
                    let mut random = Random::new(number);
                    let (path, text) = mutate(&seeds, &mut random);
                    // Others stay as they are, so that includes lead somewhere.
                    let path = path.replace(".thrift", "_.thrift");
                    source.insert(&path, text.clone());
                    let loaded = volo_codegen::load(&[&path], &source);
                    check(&loaded, number % 16 == 0);
                    drop(volo_codegen::format(&path, &String::from_utf8_lossy(&text)));
                    let Some(model) = &loaded.model else { continue };
                    accepted += 1;
                    drop(volo_codegen::lint(model, &loaded.sources));
                    if let Some(last) = &last {
                        compare_both(last, &loaded);
                    }
                    last = Some(loaded);
                }
                accepted
            })
        })
        .collect();
    let accepted: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    println!("hostile: {accepted} of {MUTATIONS} mutated files still compile");
    // Mutations that never leave a valid file would test the lexer alone.
    assert!(accepted as u64 > MUTATIONS / 50 && (accepted as u64) < MUTATIONS);
}

/// Compares two files in both directions; what was found must have a place.
fn compare_both(one: &Loaded, other: &Loaded) {
    for (old, new) in [(one, other), (other, one), (one, one)] {
        let (Some(old_model), Some(new_model)) = (&old.model, &new.model) else { continue };
        let (old_version, new_version) = (
            Version { model: old_model, sources: &old.sources },
            Version { model: new_model, sources: &new.sources },
        );
        let changes = compare(old_version, new_version, Level::Source, &Policy::default());
        assert!(!std::ptr::eq(old, new) || changes.is_empty(), "{changes:?}");
        for change in changes {
            let sources = if change.side == Side::New { &new.sources } else { &old.sources };
            let label = &change.diagnostic.labels[0];
            assert!(sources.file(label.span.file).text.get(label.span.range()).is_some(), "{change:?}");
        }
    }
}

#[test]
fn every_truncation_is_survived() {
    on_small_stack(|| {
        for (path, text) in seed_files() {
            let step = 1 + text.len() / 300;
            for end in (0..text.len()).step_by(step) {
                check(&volo_codegen::load(&[&path], &MemorySource::new([(&path, &text[..end])])), false);
            }
        }
    })
    .join()
    .unwrap();
}

#[test]
fn deep_nesting_is_refused() {
    let n = 100_000;
    let cases = [
        format!("struct A {{ 1: {}i32{} a }}", "list<".repeat(n), ">".repeat(n)),
        format!("struct A {{ 1: {}", "map<i32,".repeat(n)),
        format!("const list<i32> A = {}", "[".repeat(n)),
        format!("const list<i32> A = {}{}", "[".repeat(n), "]".repeat(n)),
        format!("const map<i32, i32> A = {}", "{1:".repeat(n)),
        format!("struct A {}", "{ 1: i32 a xsd_attrs ".repeat(n)),
        "struct A { 1: i32 a (".repeat(n),
        "{".repeat(n),
        "}".repeat(n),
        "(".repeat(n),
        "service S { void f(".repeat(n),
        "/*".repeat(n),
        "\"".repeat(n),
        "struct ".repeat(n),
        "1:".repeat(n),
        "\u{e9}".repeat(n),
    ];
    for text in cases {
        let loaded = timed(vec![("a.thrift".to_owned(), text)]);
        assert!(loaded.model.is_none());
    }
}

#[test]
fn long_chains_are_survived() {
    let n = 20_000;
    let chain = |head: &str, link: &dyn Fn(usize) -> String| {
        let mut text = head.to_owned();
        (1..n).for_each(|i| text += &link(i));
        timed(vec![("a.thrift".to_owned(), text)])
    };
    let fine = [
        chain("typedef i32 T0\n", &|i| format!("typedef T{} T{i}\n", i - 1)),
        chain("typedef Last T0\nstruct Last {}\n", &|i| format!("typedef T{i} T_{i} typedef T0 T{i}\n")),
        chain("const i32 C0 = 1\n", &|i| format!("const i32 C{i} = C{}\n", i - 1)),
        chain("const i32 C0 = 1\n", &|i| format!("const i32 C_{i} = C{} const i32 C{i} = {i}\n", i - 1)),
        chain("struct S0 {}\n", &|i| format!("struct S{i} {{ 1: S{} s }}\n", i - 1)),
        chain("struct S0 { 1: S1 s }\n", &|i| format!("struct S{i} {{ 1: S{} s }}\n", (i + 1) % n)),
        chain("enum E { A\n", &|i| format!("V{i}\n")).also_close("}"),
    ];
    for loaded in &fine[..6] {
        assert!(loaded.model.is_some(), "{}", render(&loaded.diagnostics[..1], &loaded.sources, false));
    }
    let broken = [
        chain("typedef i32 T0\n", &|i| format!("typedef list<T{}> T{i}\n", i - 1)),
        chain("typedef T1 T0\n", &|i| format!("typedef T{} T{i}\n", (i + 1) % n)),
        chain("const i32 C0 = C1\n", &|i| format!("const i32 C{i} = C{}\n", (i + 1) % n)),
        chain("service S0 {}\n", &|i| format!("service S{i} extends S{} {{}}\n", i - 1)),
        chain("service S0 extends S1 {}\n", &|i| format!("service S{i} extends S{} {{}}\n", (i + 1) % n)),
        chain("struct S { 1: list<S> s }\nconst S C0 = {}\n", &|i| {
            format!("const S C{i} = {{\"s\": [C{}]}}\n", i - 1)
        }),
        chain("", &|i| format!("struct S {{ {i}: Missing{i} s }}\n")),
        chain("struct S {", &|i| format!("1: i32 a{i},\n")),
        chain("struct S {\n", &|i| format!("{i}: Missing{i} s\n")),
        chain("const set<i32> S = [", &|i| format!("1, {i},\n")),
    ];
    assert!(broken.iter().all(|loaded| loaded.model.is_none()));
}

#[test]
fn constants_cannot_explode() {
    let mut text = "const string S = \"0123456789012345678901234567890123456789\"\n".to_owned();
    text += "typedef list<string> L0\nconst L0 C0 = [S, S, S, S, S, S, S, S, S, S]\n";
    for i in 1..40 {
        let c = format!("C{}, ", i - 1).repeat(10);
        text += &format!("typedef list<L{}> L{i}\nconst L{i} C{i} = [{c}]\n", i - 1);
    }
    let loaded = timed(vec![("a.thrift".to_owned(), text)]);
    assert!(loaded.diagnostics.iter().any(|diagnostic| diagnostic.code == "values-too-large"));
}

#[test]
fn many_files_are_survived() {
    let n = 3_000;
    let include = |i: usize| format!("include \"f{}.thrift\"\nstruct S{i} {{}}\n", (i + 1) % n);
    let loaded = timed((0..n).map(|i| (format!("f{i}.thrift"), include(i))).collect());
    assert_eq!(loaded.diagnostics.iter().filter(|diagnostic| diagnostic.code == "include-cycle").count(), 1);
}

trait AlsoClose {
    fn also_close(self, end: &str) -> Loaded;
}

impl AlsoClose for Loaded {
    /// The same file with its last bracket.
    fn also_close(self, end: &str) -> Loaded {
        let text = self.sources.iter().next().unwrap().1.text.clone() + end;
        timed(vec![("a.thrift".to_owned(), text)])
    }
}

/// Loads the first file on a small stack and checks that it takes no unreasonable time.
fn timed(files: Vec<(String, String)>) -> Loaded {
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let start = Instant::now();
    let first = files[0].0.clone();
    let loaded = on_small_stack(move || {
        let loaded = volo_codegen::load(&[&first], &MemorySource::new(files));
        check(&loaded, false);
        loaded
    })
    .join()
    .unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{bytes} bytes took {took:?}");
    loaded
}

fn on_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap()
}
