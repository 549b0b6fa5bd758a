//! Generates code for every file that the corpus says is to be accepted.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use volo_codegen::source::FileSource;
use volo_codegen::{Options, compile, diag};

const CORPUS: &str = "../corpus/accept";

fn main() {
    println!("cargo:rerun-if-changed={CORPUS}");
    let entries = fs::read_dir(CORPUS).expect("the corpus is there");
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    inputs.retain(|path| path.extension().is_some_and(|extension| extension == "thrift"));
    inputs.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let mut modules = String::new();
    for input in inputs {
        let stem = input.file_stem().and_then(|stem| stem.to_str()).expect("names are plain");
        let file = format!("corpus/{stem}.rs");
        generate(&input, &file, &out);
        let path = format!("include!(concat!(env!(\"OUT_DIR\"), \"/{file}\"));");
        writeln!(modules, "/// Of `{stem}.thrift`.\npub mod of_{stem} {{ {path} }}")
            .expect("writing to memory");
    }
    fs::write(out.join("corpus.rs"), modules).expect("OUT_DIR is writable");
    let wide = out.join("wide.thrift");
    fs::write(&wide, wide_idl()).expect("OUT_DIR is writable");
    generate(&wide, "wide.rs", &out);
}

/// A struct of 200 fields, of ten types by turns; 90 are required.
fn wide_idl() -> String {
    const TYPES: [&str; 10] = [
        "bool",
        "i8",
        "i16",
        "i32",
        "i64",
        "double",
        "string",
        "list<string>",
        "map<string, i32>",
        "optional Wide",
    ];
    let mut text = "namespace rs generated\nstruct Wide {\n".to_owned();
    for id in 1..=200 {
        let ty = TYPES[id / 2 % TYPES.len()];
        let required = if id % 2 == 0 && !ty.starts_with("optional") { "required " } else { "" };
        writeln!(text, "  {id}: {required}{ty} field{id},").expect("writing to memory");
    }
    text + "}\n"
}

/// Not by the `Builder`: it would pass on the warnings that the corpus is about.
fn generate(input: &Path, file: &str, out: &Path) {
    let options = Options { out_file: file.to_owned(), ..Options::default() };
    let compiled = compile(&[&input.display().to_string()], &FileSource::default(), &options);
    let report = diag::render(&compiled.diagnostics, &compiled.sources, false);
    for file in compiled.files.unwrap_or_else(|| panic!("{report}")) {
        file.write_to(out).expect("OUT_DIR is writable");
    }
}
