//! The inventory of `unsafe` in the workspace: only these files have any, each for the reason given. That every block
//! has its safety argument is checked by clippy (`undocumented_unsafe_blocks`).

use std::{collections::BTreeMap, fs, path::Path};

const INVENTORY: [(&str, &str); 16] = [
    ("volo-core/src/span/mod.rs", "the span that encoders write into"),
    ("volo-core/src/span/cursor.rs", "the position in it, and its stores"),
    ("volo-core/src/span/out.rs", "the buffer that lends it"),
    ("volo-core/src/net/shm/sys.rs", "mappings of shared memory"),
    ("volo-core/src/net/shm/memory.rs", "what is read from and written to them"),
    ("volo-core/src/net/shm/lease.rs", "messages that are read where the peer wrote them"),
    ("volo-core/src/net/options.rs", "the promise that this asks for"),
    ("volo-core/tests/conformance/end.rs", "a test that gives it"),
    ("volo-thrift/src/protocol/input.rs", "the bytes that decoders read"),
    ("volo-thrift/src/protocol/bulk.rs", "lists of numbers, many at a time"),
    ("volo-thrift/tests/client_shm.rs", "another"),
    ("volo-thrift/src/fuzz/memory.rs", "an allocator that counts, in tests and fuzz targets"),
    ("benchmark/torture/src/shm/fork.rs", "a fork that lives beside its parent"),
    ("benchmark/torture/src/shm/links.rs", "the promise that two ends of one process keep"),
    ("benchmark/torture/src/shm/memory.rs", "the mappings of a peer that lies"),
    ("benchmark/heap-meter/src/lib.rs", "an allocator that counts, in tests and benchmarks"),
];

#[test]
fn unsafe_code_is_where_the_inventory_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    for member in
        ["volo-core", "volo-thrift", "volo-codegen", "volo-cli", "volo-etcd", "examples", "benchmark"]
    {
        look(&root, &root.join(member), &mut found);
    }
    for (file, _) in INVENTORY {
        assert!(found.remove(file).is_some(), "{file} has no `unsafe` any more: take it off the inventory");
    }
    let more: Vec<_> = found.iter().map(|(file, line)| format!("{file}: {line}")).collect();
    assert!(more.is_empty(), "`unsafe` beyond the inventory:\n{}", more.join("\n"));
}

/// Notes each file below `directory` with a line that has `unsafe` in it.
fn look(root: &Path, directory: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        // Other systems are measured in a workspace of its own.
        if path.ends_with("target") || relative == "benchmark/peers" {
            continue;
        }
        if path.is_dir() {
            look(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let line = text.lines().find(|line| has_unsafe(line));
            found.extend(line.map(|line| (relative, line.trim().to_owned())));
        }
    }
}

/// Whether the keyword is in the code of this line, not in its texts or comments.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let outside_texts = code.split('"').step_by(2);
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    outside_texts.flat_map(|code| code.split(|character| !is_word(character))).any(|word| word == "unsafe")
}

#[test]
fn keywords_are_told_from_words() {
    for line in
        ["unsafe { go() }", "    unsafe impl Send for A {}", "let a = unsafe{b};", "\"a\"; unsafe fn f()"]
    {
        assert!(has_unsafe(line), "{line}");
    }
    for line in
        ["#![forbid(unsafe_code)]", "// unsafe", "//! `unsafe`", "[\"unsafe\", \"use\"]", "a // unsafe {"]
    {
        assert!(!has_unsafe(line), "{line}");
    }
}
