//! The README shows the `hello` example as it is compiled.

#[test]
fn the_readme_shows_code_that_compiles() {
    let readme = include_str!("../../README.md");
    for shown in [include_str!("../idl/hello.thrift"), include_str!("../src/bin/hello.rs")] {
        assert!(readme.contains(shown.trim()), "the README has another version of:\n{shown}");
    }
}
