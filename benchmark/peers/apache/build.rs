//! Generates Apache's code from the shared IDL with the system's Thrift compiler.
//!
//! Without a compiler the crate offers nothing, and the reports say so.

use std::{env, fs, path::Path, process::Command};

/// Names of IDL files, and of what is generated from them.
const FILES: [&str; 5] = ["tmf_common", "tmf620", "tmf622", "echo", "telemetry"];

fn main() {
    println!("cargo:rustc-check-cfg=cfg(thrift_compiler)");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    for stem in FILES {
        let idl = format!("../../../examples/idl/{stem}.thrift");
        println!("cargo:rerun-if-changed={idl}");
        let status = Command::new("thrift").args(["--gen", "rs", "-out", &out, &idl]).status();
        if !status.is_ok_and(|status| status.success()) {
            println!("cargo:warning=no Thrift compiler (Debian: thrift-compiler): Apache is not measured");
            return;
        }
        // An included file can't have attributes of its own, and the compiler writes constants of a named string
        // type that Rust refuses; no case needs one.
        let path = Path::new(&out).join(format!("{stem}.rs"));
        let text = fs::read_to_string(&path).expect("the compiler wrote its output");
        let lines = text.lines().filter(|line| {
            !line.starts_with("#![") && !(line.starts_with("pub const") && line.contains(".to_owned()"))
        });
        fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("OUT_DIR can be written");
    }
    println!("cargo:rustc-cfg=thrift_compiler");
}
