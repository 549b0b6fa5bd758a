//! The README shows examples as they are compiled.

#[test]
fn the_readme_shows_code_that_compiles() {
    let readme = include_str!("../../README.md");
    let tls = include_str!("../src/bin/tls.rs").split("async fn main").nth(1).expect("a main function");
    let tls = tls.split("    println!").next().expect("a text");
    let tls = tls.split_once("?;\n").expect("a first line").1;
    for shown in [include_str!("../idl/hello.thrift"), include_str!("../src/bin/hello.rs"), tls] {
        assert!(readme.contains(shown.trim()), "the README has another version of:\n{shown}");
    }
}
