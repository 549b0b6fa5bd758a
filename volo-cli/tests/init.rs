//! `volo init` as a newcomer runs it: the guide's steps end in a completed call.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use common::{GUIDE_IDL, directory, files, put, run, text, volo};

const TWO_SERVICES: &str = "namespace rs shop
exception Gone { 1: string what }
service Base { string ping() }
service Catalogue extends Base {
  /** Finds one. */
  string find(1: i64 id, 2: list<string> type) throws (1: Gone gone)
  oneway void seen(1: i64 id)
}
service Orders { void find(1: set<i64> ids) }
";

#[test]
fn writes_the_tree_of_the_guide() {
    let project = directory("init_tree", &[("idl/volo_example.thrift", GUIDE_IDL)]);
    let ran = volo(&project, &["init", "volo-example", "idl/volo_example.thrift", "--no-git"]).fine();
    let expected = "\
.gitignore
Cargo.toml
README.md
benches/calls.rs
idl/volo_example.thrift
rust-toolchain.toml
src/bin/client.rs
src/bin/server.rs
src/lib.rs
tests/calls.rs
tests/common/mod.rs
volo-gen/Cargo.toml
volo-gen/build.rs
volo-gen/src/lib.rs
volo-gen/volo.yml";
    assert_eq!(files(&project).join("\n"), expected);
    for path in expected.lines().filter(|path| !path.starts_with("idl/")) {
        assert!(ran.stdout.contains(path), "{path} is not named");
    }
    assert!(ran.stdout.contains("cargo run --bin server"));
    // The part of the guide that its reader adds is here already, letter for letter but for the paths.
    let library = text(&project, "src/lib.rs");
    assert!(library.contains("pub struct S;\n\nimpl ItemService for S {\n    async fn get_item("));
    assert_eq!(text(&project, "idl/volo_example.thrift"), GUIDE_IDL);
}

#[test]
fn a_dry_run_makes_nothing_and_says_the_same() {
    let project = directory("init_dry", &[]);
    let dry = volo(&project, &["init", "shop", "--dry-run"]).fine();
    assert_eq!(files(&project), Vec::<String>::new());
    assert!(!project.join(".git").exists());
    let real = volo(&project, &["init", "shop"]).fine();
    let listed = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.starts_with("  ") && !line.contains("cargo"))
            .map(String::from)
            .collect()
    };
    let mut made = listed(&real.stdout);
    made.retain(|line| line != "  .git/" && !line.starts_with("  volo call"));
    assert_eq!(listed(&dry.stdout), made);
    assert_eq!(made.len(), files(&project).len());
    assert!(text(&project, "idl/item.thrift").contains("service ItemService"));
}

#[test]
fn files_of_the_user_are_kept_unless_forced() {
    let project = directory("init_force", &[("src/lib.rs", "// mine\n"), ("idl/a.thrift", GUIDE_IDL)]);
    let ran = volo(&project, &["init", "shop", "idl/a.thrift", "--no-git"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("src/lib.rs") && ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(files(&project), ["idl/a.thrift", "src/lib.rs"]);
    assert_eq!(text(&project, "src/lib.rs"), "// mine\n");
    volo(&project, &["init", "shop", "idl/a.thrift", "--no-git", "--force"]).fine();
    assert!(text(&project, "src/lib.rs").contains("impl ItemService"));
}

#[test]
fn an_idl_from_elsewhere_is_copied_with_what_it_includes() {
    let away = directory(
        "init_away",
        &[
            ("idl/main.thrift", "include \"shared.thrift\"\nservice Main { shared.Page page() }"),
            ("include/shared.thrift", "struct Page { 1: i32 number }"),
        ],
    );
    let project = directory("init_copies", &[]);
    let (idl, includes) = (away.join("idl/main.thrift"), away.join("include"));
    let args = ["init", "shop", idl.to_str().unwrap(), "-i", includes.to_str().unwrap(), "--no-git"];
    volo(&project, &args).fine();
    assert!(files(&project).contains(&"idl/shared.thrift".to_owned()));
    let config = text(&project, "volo-gen/volo.yml");
    assert!(config.contains("path: ../idl/main.thrift\n          includes: [\"../idl\"]"), "{config}");
}

#[test]
fn the_framework_comes_from_where_it_is_said() {
    let project = directory("init_framework", &[]);
    let url = "https://git.example/volo.git";
    let args = ["init", "shop", "--framework-git", url, "--rev", "v0.1.0", "--no-git"];
    volo(&project, &args).fine();
    for manifest in ["Cargo.toml", "volo-gen/Cargo.toml"] {
        let manifest = text(&project, manifest);
        let line = format!("volo-thrift = {{ git = \"{url}\", rev = \"v0.1.0\" }}\n");
        let with_features = line.replace(" }", ", features = [\"generic\"] }");
        assert!(manifest.contains(&line) || manifest.contains(&with_features), "{manifest}");
        assert!(!manifest.contains("path = \"/"));
    }
    let ran = volo(&project, &["init", "shop", "--framework-path", "src", "--force"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("`src` is no checkout"), "{}", ran.stderr);
}

#[test]
fn what_is_written_needs_no_formatter() {
    let rustfmt = Command::new("rustfmt").arg("--version").output();
    if !rustfmt.is_ok_and(|output| output.status.success()) {
        return println!("SKIPPED: no rustfmt");
    }
    let idl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/idl");
    let two = directory("init_layout_idl", &[("two.thrift", TWO_SERVICES), ("guide.thrift", GUIDE_IDL)]);
    let inputs = [
        idl.join("tmf620.thrift"),
        idl.join("tmf622.thrift"),
        two.join("two.thrift"),
        two.join("guide.thrift"),
    ];
    for (number, input) in inputs.iter().enumerate() {
        for template in ["service", "client"] {
            let project = directory(&format!("init_layout_{number}_{template}"), &[("rustfmt.toml", "")]);
            let args = ["init", "shop", input.to_str().unwrap(), "--no-git", "--template", template];
            volo(&project, &args).fine();
            let mut check = Command::new("rustfmt");
            check.args(["--check", "--edition", "2024"]).current_dir(&project);
            check.args(files(&project).iter().filter(|file| file.ends_with(".rs")));
            let ran = run(&mut check);
            assert_eq!(ran.code, 0, "{}\n{}", input.display(), ran.stdout);
        }
    }
}

/// Projects share what they depend on, so only one is built at a time.
static BUILDS: Mutex<()> = Mutex::new(());

/// The whole way: make, build, serve, call, test, bench.
#[test]
fn the_steps_of_the_guide_end_in_a_completed_call() {
    let _turn = BUILDS.lock();
    let files = [("idl/volo_example.thrift", GUIDE_IDL), ("arguments.json", r#"{"req":{"id":1}}"#)];
    let project = directory("init_guide", &files);
    volo(&project, &["init", "volo-example", "idl/volo_example.thrift"]).fine();
    builds_and_runs(&project, "ItemService.GetItem: GetItemResponse");

    // The guide's own text of `src/lib.rs`.
    put(
        &project,
        "src/lib.rs",
        "pub struct S;

impl volo_gen::volo::example::ItemService for S {
    // This is the part of the code we need to add
    async fn get_item(
        &self,
        _req: volo_gen::volo::example::GetItemRequest,
    ) -> core::result::Result<volo_gen::volo::example::GetItemResponse, volo_thrift::ServerError>
    {
        Ok(Default::default())
    }
}
",
    );
    cargo(&project, &["build", "--bins"]);

    let files = [("two.thrift", TWO_SERVICES), ("arguments.json", r#"{"ids":[1,2]}"#)];
    let project = directory("init_two", &files);
    volo(&project, &["init", "two-services", "two.thrift", "--no-git"]).fine();
    let library = text(&project, "src/lib.rs");
    for service in ["Base", "Catalogue", "Orders"] {
        assert!(library.contains(&format!("impl {service} for S {{")), "{library}");
    }
    let server = text(&project, "src/bin/server.rs");
    assert!(
        server.contains("CatalogueServer::from_handler(S)")
            && server.contains("OrdersServer::from_handler(S)")
    );
    // Its base is part of `Catalogue`, and two services have a method `find`.
    assert!(!server.contains("BaseServer") && server.contains(".service_name_required()"));
    builds_and_runs(&project, "Orders.find: done");
}

#[test]
fn a_project_of_a_client_builds() {
    let _turn = BUILDS.lock();
    let project = directory("init_client", &[("two.thrift", TWO_SERVICES)]);
    volo(&project, &["init", "two-client", "two.thrift", "--template", "client", "--no-git"]).fine();
    assert!(!project.join("src/bin/server.rs").exists());
    let tests = cargo(&project, &["test", "--test", "calls"]);
    assert!(tests.contains("4 passed"), "{tests}");
}

/// Builds a project, lets its client call its server, and runs its tests and benches.
#[track_caller]
fn builds_and_runs(project: &Path, replied: &str) {
    cargo(project, &["build", "--bins"]);
    let mut server = Server::start(project);
    let client = cargo(project, &["run", "--quiet", "--bin", "client", &server.address]);
    assert!(client.contains(replied), "{client}");
    // The server tells its IDL.
    let listed = volo(project, &["list", &server.address]).fine().stdout;
    let called = replied.split(':').next().unwrap_or_default();
    let (service, method) = called.split_once('.').unwrap();
    assert!(listed.contains(service) && listed.contains(&format!(" {method}(")), "{listed}");
    let told = volo(project, &["call", &server.address, called, "-d", "@arguments.json"]).fine();
    assert!(told.stderr.contains("total "), "{}", told.stderr);
    server.stop();
    let tests = cargo(project, &["test", "--tests", "--benches"]);
    let calls = text(project, "tests/calls.rs").matches("#[tokio::test]").count();
    assert!(tests.contains(&format!("{calls} passed")), "{tests}");
    assert!(tests.contains("Success"), "no bench ran: {tests}");
}

/// Runs cargo without the network, with the versions of this workspace, in a target directory that all projects of
/// the tests share.
#[track_caller]
fn cargo(project: &Path, args: &[&str]) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !project.join("Cargo.lock").exists() {
        std::fs::copy(workspace.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    }
    // Arguments of a program follow those of cargo.
    let (options, program) = match args {
        ["run", options @ .., argument] => (&args[..=options.len()], vec!["--", argument]),
        _ => (args, Vec::new()),
    };
    let mut command = Command::new(env!("CARGO"));
    command.args(options).arg("--offline").args(program).current_dir(project);
    command
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    let ran = run(&mut command).fine();
    ran.stdout + &ran.stderr
}

fn target() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../scaffold")
}

/// The server of a project; it ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(project: &Path) -> Server {
        let program = target().join("debug/server");
        let mut child = Command::new(program)
            .arg("127.0.0.1:0")
            .current_dir(project)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        Server { address: address.to_owned(), child }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
