//! `volo idl` in a project, with files of its own and of another repository.

mod common;

use std::path::{Path, PathBuf};

use common::{GUIDE_IDL, directory, files, git, put, text, volo};

const OTHER: &str = "namespace rs other\nstruct Other { 1: i32 a }\n";

fn project(name: &str) -> PathBuf {
    let project = directory(name, &[("idl/item.thrift", GUIDE_IDL), ("idl/other.thrift", OTHER)]);
    volo(&project, &["init", "shop", "idl/item.thrift", "--no-git"]).fine();
    let config = text(&project, "volo-gen/volo.yml") + "    # The last line.\n";
    put(&project, "volo-gen/volo.yml", &config);
    project
}

#[test]
fn local_files_come_and_go_from_any_folder() {
    let project = project("idl_local");
    let before = text(&project, "volo-gen/volo.yml");
    volo(&project.join("idl"), &["idl", "add", "other.thrift"]).fine();
    let after = text(&project, "volo-gen/volo.yml");
    assert!(after.contains("path: ../idl/other.thrift") && after.contains("# The last line."), "{after}");
    assert!(!project.join("idl/volo.yml").exists() && !project.join("volo.yml").exists());
    let listed = volo(&project.join("src/bin"), &["idl", "list"]).fine();
    assert_eq!(listed.stdout, "default: ../idl/item.thrift\ndefault: ../idl/other.thrift\n");
    assert_eq!(volo(&project, &["idl", "add", "idl/other.thrift"]).code, 2, "twice");
    volo(&project, &["idl", "remove", "idl/other.thrift"]).fine();
    assert_eq!(text(&project, "volo-gen/volo.yml"), before);

    put(&project, "idl/broken.thrift", "struct A { 1: Missing x }");
    let broken = volo(&project, &["idl", "add", "idl/broken.thrift"]);
    assert_eq!(broken.code, 1);
    assert!(broken.stderr.contains("broken.thrift:1:15"), "{}", broken.stderr);
    assert_eq!(volo(&project, &["idl", "add", "idl/nowhere.thrift"]).code, 2);
    assert_eq!(volo(&project, &["idl", "remove", "idl/nowhere.thrift"]).code, 2);
    assert_eq!(text(&project, "volo-gen/volo.yml"), before);
}

#[test]
fn files_of_a_repository_are_locked_and_copied() {
    let shared = directory(
        "idl_shared",
        &[
            ("api/page.thrift", "include \"base/number.thrift\"\nstruct Page { 1: number.Number n }"),
            ("main.rs", ""),
        ],
    );
    put(&shared, "base/number.thrift", "struct Number { 1: i32 n }");
    let commit = |message: &str| {
        git(&shared, &["add", "."]);
        git(&shared, &["commit", "--quiet", "-m", message]);
        git(&shared, &["rev-parse", "HEAD"])
    };
    git(&shared, &["init", "--quiet"]);
    let first = commit("One");
    let project = project("idl_git");
    let before = text(&project, "volo-gen/volo.yml");
    let url = shared.to_str().unwrap();

    let args = ["idl", "add", "api/page.thrift", "--git", url, "--ref", "main", "--repo", "shared"];
    volo(&project.join("src"), &args).fine();
    let config = text(&project, "volo-gen/volo.yml");
    assert!(
        config.contains(&format!("lock: \"{first}\"")) && config.contains("# The last line."),
        "{config}"
    );
    let vendored = |project: &Path| -> Vec<String> {
        files(project).into_iter().filter(|file| file.starts_with("volo-gen/vendor")).collect()
    };
    let copies = ["volo-gen/vendor/shared/api/page.thrift", "volo-gen/vendor/shared/base/number.thrift"];
    assert_eq!(vendored(&project), copies);
    let checked = volo(&project, &["check", "--no-lints"]).fine();
    assert!(checked.stdout.contains("nothing to mend"), "{}{}", checked.stdout, checked.stderr);

    assert!(volo(&project, &["idl", "update"]).fine().stdout.contains("is the newest"));
    put(&shared, "base/number.thrift", "struct Number { 1: i64 n }");
    let second = commit("Two");
    // The copy stays as it is until somebody asks for another one.
    assert!(text(&project, copies[1]).contains("i32"));
    let updated = volo(&project, &["idl", "update", "shared"]).fine();
    assert!(updated.stdout.contains(&format!("{} → {}", &first[..12], &second[..12])), "{}", updated.stdout);
    assert!(text(&project, copies[1]).contains("i64"));
    assert_eq!(text(&project, "volo-gen/volo.yml"), config.replace(&first, &second));

    let listed = volo(&project, &["idl", "list", "--json"]).fine();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((&listed[1]["repo"]["lock"], &listed[1]["is_there"]), (&second.as_str().into(), &true.into()));

    // Faults leave everything as it is.
    std::fs::rename(&shared, shared.with_extension("away")).unwrap();
    assert_eq!(volo(&project, &["idl", "update"]).code, 2);
    let missing = ["idl", "add", "x.thrift", "--git", url, "--repo", "gone"];
    assert_eq!(volo(&project, &missing).code, 2);
    assert_eq!(vendored(&project), copies);
    assert_eq!(text(&project, "volo-gen/volo.yml"), config.replace(&first, &second));
    std::fs::rename(shared.with_extension("away"), &shared).unwrap();

    volo(&project, &["idl", "remove", "api/page.thrift"]).fine();
    assert_eq!(text(&project, "volo-gen/volo.yml"), before);
    assert_eq!(vendored(&project), Vec::<String>::new());
}
