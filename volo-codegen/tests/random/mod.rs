//! Seed files and their mutations, the same ones every time.

use std::path::Path;

/// All IDL files of the other tests.
pub(crate) fn seed_files() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let mut seeds: Vec<(String, Vec<u8>)> =
        files.iter().map(|path| (relative(path), std::fs::read(path).unwrap())).collect();
    // Large files make slow and shallow seeds.
    seeds.retain(|(_, text)| text.len() < 1_500);
    assert!(seeds.len() > 200);
    seeds
}

fn collect(directory: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.extend(path.extension().is_some_and(|e| e == "thrift").then_some(path.clone())),
        }
    }
}

/// A seed file after one to four random edits.
pub(crate) fn mutate(seeds: &[(String, Vec<u8>)], random: &mut Random) -> (String, Vec<u8>) {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        ",",
        ";",
        ":",
        "=",
        "&",
        "*",
        "\"",
        "'",
        "\\",
        "/*",
        "*/",
        "//",
        "#",
        "\n",
        "\r",
        "\0",
        "\u{e9}",
        "\u{2028}",
        "struct ",
        "union ",
        "exception ",
        "enum ",
        "service ",
        "const ",
        "typedef ",
        "include ",
        "namespace ",
        "extends ",
        "throws ",
        "oneway ",
        "required ",
        "optional ",
        "void ",
        "i32 ",
        "string ",
        "list<",
        "map<",
        "set<",
        "uuid ",
        "true ",
        "1:",
        "-1",
        "32767",
        "32768",
        "0x",
        "1e9",
        "99999999999999999999",
        "A",
        "E.A",
        "inc.S",
        "a.b.c",
        "(a=\"b\")",
        "[1,2]",
        "{\"x\":1}",
        " a ",
    ];
    let (path, text) = &seeds[random.below(seeds.len())];
    let mut text = text.clone();
    for _ in 0..=random.below(3) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(12)).min(text.len());
        match random.below(7) {
            0 => drop(text.drain(at..end)),
            1 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            2 => drop(text.splice(at..end, PIECES[random.below(PIECES.len())].bytes())),
            3 => {
                let copy = text[at..end].to_vec();
                drop(text.splice(at..at, copy.repeat(1 + random.below(20))));
            }
            4 => {
                let (_, other) = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(80)).min(other.len());
                drop(text.splice(at..end, other[from..to].iter().copied()));
            }
            5 if at < text.len() => text[at] = random.below(256) as u8,
            _ => text.truncate(at),
        }
    }
    (path.clone(), text)
}

/// A small generator of its own, so that a seed means the same everywhere and always.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}
