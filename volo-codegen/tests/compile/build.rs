//! Generates code for every file that the corpus says is to be accepted.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use volo_codegen::Builder;

const CORPUS: &str = "../corpus/accept";

fn main() {
    println!("cargo:rerun-if-changed={CORPUS}");
    let entries = fs::read_dir(CORPUS).expect("the corpus is there");
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    inputs.retain(|path| path.extension().is_some_and(|extension| extension == "thrift"));
    inputs.sort();
    let mut modules = String::new();
    for input in inputs {
        let stem = input.file_stem().and_then(|stem| stem.to_str()).expect("names are plain");
        let file = format!("corpus/{stem}.rs");
        Builder::new().file(&input).include_dir(CORPUS).out_file(&file).compile();
        let path = format!("include!(concat!(env!(\"OUT_DIR\"), \"/{file}\"));");
        writeln!(modules, "/// Of `{stem}.thrift`.\npub mod of_{stem} {{ {path} }}")
            .expect("writing to memory");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(Path::new(&out).join("corpus.rs"), modules).expect("OUT_DIR is writable");
}
