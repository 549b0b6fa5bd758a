//! The language we accept against the one Apache's compiler accepts, file by file.
//!
//! Every file in `corpus/accept` must compile here and every one in `corpus/refuse` must not. Where a `thrift`
//! binary (0.17) is at hand it must agree, but for the differences below.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use volo_codegen::diag::{Severity, render};
use volo_codegen::source::FileSource;

/// Files on which Apache's compiler 0.17 decides otherwise, and why we differ. Where it refuses what we accept
/// and a warning says so, its code is given.
const DIFFERENCES: &[(&str, Option<&str>, &str)] = &[
    (
        "accept/const_enum_of_const",
        Some("portable-const"),
        "a constant of an enum type can stand for its value",
    ),
    (
        "accept/const_struct_of_const",
        Some("portable-const"),
        "a constant of a struct type can stand for its value",
    ),
    (
        "accept/enum_unqualified",
        Some("enum-value-name"),
        "a bare value name is clear where its enum is expected",
    ),
    ("accept/forward_const", Some("forward-use"), "we read the whole file before resolving names"),
    ("accept/forward_const_type", Some("forward-use"), "as above"),
    ("accept/forward_default_type", Some("forward-use"), "as above"),
    ("accept/forward_extends", Some("forward-use"), "as above"),
    ("accept/forward_throws", Some("forward-use"), "as above"),
    ("accept/include_twice", Some("repeated-include"), "the same file twice declares nothing twice"),
    ("accept/namespace_star_annotated", Some("namespace-annotations"), "harmless"),
    ("accept/reserved_elsewhere", Some("portable-name"), "names that only other languages reserve"),
    ("accept/same_type_in_include", Some("portable-type-name"), "the files get modules of their own"),
    ("accept/struct_keyword_names", None, "newer compilers accept most keywords as field names"),
    (
        "accept/types_named_annotated",
        Some("portable-annotation"),
        "Kitex accepts these, and nothing is unclear",
    ),
    ("accept/types_cpp_type_list", None, "newer compilers want `cpp_type` in front"),
    ("accept/types_uuid", None, "newer compilers have `uuid`"),
    ("refuse/const_double_infinite", None, "there is no such number; C++ would not compile"),
    ("refuse/const_enum_string", None, "Apache takes any string for 0"),
    ("refuse/const_list_for_map", None, "Apache drops the elements"),
    ("refuse/const_map_for_list", None, "Apache drops the entries"),
    ("refuse/const_number_for_list", None, "Apache drops the number"),
    ("refuse/const_out_of_range", None, "Apache leaves the number to be cut by the target language"),
    ("refuse/const_sign_only", None, "Apache reads a bare sign as 0"),
    ("refuse/const_union_none", None, "a union has exactly one field"),
    ("refuse/const_union_two", None, "as above"),
    ("refuse/const_wrong_typedef", None, "Apache does not check values of typedefs"),
    ("refuse/enum_dotted_with_number", None, "an oversight: without a number it is refused"),
    ("refuse/field_id_too_large", None, "Apache warns and cuts the id to 16 bits"),
    ("refuse/include_missing", None, "Apache warns and goes on without the file"),
    ("refuse/type_unknown_typedef_unused", None, "Apache looks only at typedefs that are used"),
    ("refuse/typedef_cycle", None, "as above"),
    ("refuse/typedef_self", None, "as above"),
];

#[test]
fn corpus_agrees_with_apache() {
    let compiler = find_compiler();
    let mut failures = Vec::new();
    let (mut files, mut agreed, mut different) = (0, 0, 0);
    for (directory, accept) in [("accept", true), ("refuse", false)] {
        for path in thrift_files(directory) {
            let name = format!("{directory}/{}", path.file_stem().unwrap().to_str().unwrap());
            files += 1;
            let difference = DIFFERENCES.iter().find(|(file, ..)| *file == name);
            if let Err(reason) = check_ours(&path, accept, difference.and_then(|(_, code, _)| *code)) {
                failures.push(format!("{name}: {reason}"));
            }
            let Some(compiler) = &compiler else { continue };
            let apache = compiler_accepts(compiler, &path);
            match (apache == accept, difference.is_some()) {
                (true, false) => agreed += 1,
                (false, true) => different += 1,
                (true, true) => failures.push(format!("{name}: listed as different, but Apache agrees")),
                (false, false) => failures.push(format!("{name}: Apache says accept={apache}")),
            }
        }
    }
    for (name, ..) in DIFFERENCES {
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{name}.thrift")).exists() {
            failures.push(format!("{name}: listed as different, but there is no such file"));
        }
    }
    match compiler {
        Some(_) => println!("corpus: {files} files, {agreed} as Apache, {different} differ as documented"),
        None if std::env::var_os("CI").is_some_and(|ci| ci == "true") => {
            failures.push("no `thrift` compiler 0.17, which CI must have".to_owned());
        }
        None => println!("corpus: SKIPPED the comparison with Apache's compiler: no `thrift` binary"),
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn check_ours(path: &Path, accept: bool, warning: Option<&str>) -> Result<(), String> {
    let loaded = volo_codegen::load(&[path.to_str().unwrap()], &FileSource::default());
    let errors = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let shown = || render(&loaded.diagnostics, &loaded.sources, false);
    match (accept, errors) {
        (true, 0) if loaded.model.is_none() => return Err("no error, but no model".to_owned()),
        (true, 0) => {}
        (true, _) => return Err(format!("refused\n{}", shown())),
        (false, 0) => return Err("accepted".to_owned()),
        (false, _) => {}
    }
    match warning {
        Some(code) if loaded.diagnostics.iter().all(|d| d.code != code) => {
            Err(format!("no `{code}` among\n{}", shown()))
        }
        _ => Ok(()),
    }
}

fn thrift_files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(directory);
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "thrift")).collect();
    files.sort();
    files
}

fn find_compiler() -> Option<PathBuf> {
    let version = Command::new("thrift").arg("--version").output().ok()?;
    String::from_utf8_lossy(&version.stdout).contains("0.17").then(|| PathBuf::from("thrift"))
}

/// Whether the compiler ends well. On an open comment or string 0.17 never ends at all.
fn compiler_accepts(compiler: &Path, path: &Path) -> bool {
    let out = std::env::temp_dir().join(format!("volo-corpus-{}", std::process::id()));
    std::fs::create_dir_all(&out).unwrap();
    let mut child = Command::new(compiler)
        .args(["--gen", "cpp", "-o"])
        .arg(&out)
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let accepted = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.success(),
            None if start.elapsed() > Duration::from_secs(2) => {
                child.kill().unwrap();
                child.wait().unwrap();
                break false;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    std::fs::remove_dir_all(out).unwrap();
    accepted
}
