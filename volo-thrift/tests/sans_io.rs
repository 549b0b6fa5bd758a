//! Protocols, framings and the call table stay pure: bytes in, bytes and events out.

use std::{fs, path::Path};

/// What only code that waits, opens sockets or reads clocks needs.
const FORBIDDEN: [&str; 7] =
    ["async ", ".await", "tokio::", "std::net", "Instant::now", "SystemTime", "std::thread"];

#[test]
fn pure_modules_neither_wait_nor_read_clocks() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = 0;
    for module in ["protocol", "wire", "conn"] {
        check(&source.join(module), &mut files);
    }
    assert!(files > 20, "only {files} files were looked at");
}

fn check(directory: &Path, files: &mut usize) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("tests") {
            continue;
        }
        if path.is_dir() {
            check(&path, files);
            continue;
        }
        *files += 1;
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let found = FORBIDDEN.iter().find(|word| line.contains(**word));
            assert_eq!(found, None, "{}: {line}", path.display());
        }
    }
}
