//! `volo init`: a project that runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use volo_codegen::source::{FileSource, MemorySource, SourceMap};
use volo_codegen::{Loaded, load, outline};

use super::Status;
use crate::framework::Framework;
use crate::report::{self, Finding};
use crate::scaffold::{File, ITEM_IDL, Project, Template};
use crate::write::write_all;

/// Makes a project in the current directory: server, client, tests, benches.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the package.
    name: String,
    /// IDL file of the service; without one, the project gets a small example.
    idl: Option<String>,
    /// Where to search for included files, after the directory of the including file.
    #[arg(short, long = "includes", value_name = "DIR")]
    includes: Vec<PathBuf>,
    /// What to make.
    #[arg(long, value_enum, default_value_t = Template::Service)]
    template: Template,
    /// Take the framework from this checkout instead of the one that this program was built from.
    #[arg(long, value_name = "DIR", conflicts_with = "framework_git")]
    framework_path: Option<PathBuf>,
    /// Take the framework from this git repository.
    #[arg(long, value_name = "URL", requires = "rev")]
    framework_git: Option<String>,
    /// Commit, tag or branch of that repository.
    #[arg(long, value_name = "REV", requires = "framework_git")]
    rev: Option<String>,
    /// Make no git repository.
    #[arg(long)]
    no_git: bool,
    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are there already.
    #[arg(long)]
    force: bool,
}

/// The IDL as the project will have it.
struct Idl {
    /// Relative to the project.
    path: String,
    includes: Vec<String>,
    /// Files that are not in the project yet.
    copies: Vec<File>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    match prepare(args) {
        Ok((files, _)) if args.dry_run => {
            say!("`{}` would get {} files:\n", args.name, files.len());
            list(&files);
            Status::Fine
        }
        Ok((files, example)) => make(args, &files, &example),
        Err(status) => status,
    }
}

/// Everything that is to be written and a method to try, or what was said about why not.
fn prepare(args: &Args) -> Result<(Vec<File>, String), Status> {
    check_name(&args.name)?;
    let framework = framework(args).map_err(|message| report::unusable(&message))?;
    let (loaded, root) = load_idl(args)?;
    let Some(model) = &loaded.model else {
        return Err(report::status_of(&loaded.diagnostics));
    };
    let services = outline(model, "volo_gen");
    let declared: Vec<usize> = (0..services.len()).filter(|at| services[*at].file.index() == 0).collect();
    let methods: usize = model.services.iter().map(|service| service.functions.len()).sum();
    if declared.is_empty() || methods == 0 {
        let what = if declared.is_empty() { "service" } else { "function" };
        let message = format!("no {what} in `{root}`");
        let help = "declare one, such as `service Greeter { string hello(1: string name) }`";
        return Err(report::refuse(&Finding::at_end(&loaded.sources, message, help)));
    }
    let idl = place_idl(args, &loaded.sources).map_err(|message| report::unusable(&message))?;
    let project = Project {
        name: &args.name,
        template: args.template,
        framework: &framework,
        idl: &idl.path,
        includes: &idl.includes,
        services: &services,
        declared: &declared,
    };
    let mut files = project.files();
    files.extend(idl.copies);
    let taken: Vec<&str> =
        files.iter().map(|file| file.path.as_str()).filter(|p| Path::new(p).exists()).collect();
    if !taken.is_empty() && !args.force {
        let message = format!("already here: {}\nhelp: --force replaces them", taken.join(", "));
        return Err(report::unusable(&message));
    }
    Ok((files, project.example()))
}

fn framework(args: &Args) -> Result<Framework, String> {
    match (&args.framework_git, &args.rev) {
        (Some(url), Some(revision)) => Ok(Framework::Git { url: url.clone(), revision: revision.clone() }),
        _ => Framework::checkout(args.framework_path.as_deref()),
    }
}

/// Names that Rust, cargo or the project itself gives another meaning.
const TAKEN_NAMES: [&str; 12] = [
    "alloc",
    "build",
    "common",
    "core",
    "criterion",
    "proc-macro",
    "std",
    "test",
    "tokio",
    "volo-core",
    "volo-gen",
    "volo-thrift",
];

fn check_name(name: &str) -> Result<(), Status> {
    let bad = |at: usize, width: usize, why: &str| {
        let help = "a package name has letters, digits, `-` and `_`, as in `volo-example`";
        let message = format!("`{name}` can't be a package name");
        Err(report::refuse(&Finding::in_argument(message, name, at, width, why, help)))
    };
    if let Some(at) = name.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        return bad(name[..at].chars().count(), 1, "not allowed");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return bad(0, 1, "has to begin with a letter");
    }
    let rust = name.replace('_', "-");
    if TAKEN_NAMES.contains(&rust.as_str()) || syn::parse_str::<syn::Ident>(&name.replace('-', "_")).is_err()
    {
        return bad(0, name.len(), "has a meaning already");
    }
    Ok(())
}

/// The IDL with all it includes, and its name for messages; warnings are shown.
fn load_idl(args: &Args) -> Result<(Loaded, String), Status> {
    let Some(path) = &args.idl else {
        let source = MemorySource::new([(ITEM_PATH, ITEM_IDL)]);
        return Ok((load(&[ITEM_PATH], &source), ITEM_PATH.to_owned()));
    };
    if Path::new(path).extension().is_some_and(|extension| extension == "proto") {
        let message = "Protocol Buffers are not supported yet: only Thrift is";
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let at = name.chars().count() - ".proto".len();
        let help = "describe the service in a `.thrift` file; nothing was made";
        return Err(report::refuse_usage(&Finding::in_argument(
            message.to_owned(),
            &name,
            at,
            ".proto".len(),
            "not a Thrift file",
            help,
        )));
    }
    let loaded = load(&[path], &FileSource::new(args.includes.clone()));
    report::show(&loaded.diagnostics, &loaded.sources);
    Ok((loaded, path.clone()))
}

const ITEM_PATH: &str = "idl/item.thrift";

/// Where the IDL is, seen from the project: files from elsewhere are copied into its `idl` directory.
fn place_idl(args: &Args, sources: &SourceMap) -> Result<Idl, String> {
    let Some(root) = &args.idl else {
        let copies = vec![File { path: ITEM_PATH.to_owned(), text: ITEM_IDL.to_owned() }];
        return Ok(Idl { path: ITEM_PATH.to_owned(), includes: Vec::new(), copies });
    };
    let canonical =
        |path: &Path| path.canonicalize().map_err(|error| format!("can't read {}: {error}", path.display()));
    let here = canonical(Path::new("."))?;
    let root = canonical(Path::new(root))?;
    let text = |path: &Path| path.display().to_string().replace('\\', "/");
    let mut includes = Vec::new();
    for include in &args.includes {
        let include = canonical(include)?;
        includes.push(text(include.strip_prefix(&here).unwrap_or(&include)));
    }
    if let Ok(path) = root.strip_prefix(&here) {
        return Ok(Idl { path: text(path), includes, copies: Vec::new() });
    }
    let mut bases = vec![root.parent().unwrap_or(&root).to_owned()];
    for include in &args.includes {
        bases.push(canonical(include)?);
    }
    let mut copies: Vec<File> = Vec::new();
    for (_, file) in sources.iter() {
        let path = canonical(Path::new(&file.path))?;
        let below = bases.iter().find_map(|base| path.strip_prefix(base).ok());
        let Some(below) = below.map(|path| format!("idl/{}", text(path))) else {
            return Err(format!("`{}` is in none of the include directories", file.path));
        };
        if copies.iter().any(|copy| copy.path == below) {
            return Err(format!("two files would both be copied to `{below}`"));
        }
        copies.push(File { path: below, text: file.text.clone() });
    }
    let includes = if args.includes.is_empty() { Vec::new() } else { vec!["idl".to_owned()] };
    Ok(Idl { path: copies[0].path.clone(), includes, copies })
}

fn make(args: &Args, files: &[File], example: &str) -> Status {
    if let Err((path, error)) = write_all(Path::new(""), files) {
        return report::unusable(&format!("can't write {}: {error}", path.display()));
    }
    say!("Made `{}`, {} files:\n", args.name, files.len());
    list(files);
    if !args.no_git && !in_git() {
        let made = Command::new("git").args(["init", "--quiet"]).stderr(Stdio::null()).status();
        match made.is_ok_and(|status| status.success()) {
            true => say!("  .git/"),
            false => eprintln!("note: no git repository was made, `git init` failed"),
        }
    }
    say!("\nNext:");
    if args.template == Template::Service {
        say!("  cargo run --bin server    # serves at 127.0.0.1:8080");
    }
    say!("  cargo run --bin client    # calls 127.0.0.1:8080, from another terminal");
    say!("  cargo test                # calls each method once");
    say!("  cargo bench               # measures a call");
    if args.template == Template::Service {
        say!("  volo call 127.0.0.1:8080 {example} -d '{{…}}'");
    }
    Status::Fine
}

fn list(files: &[File]) {
    for file in files {
        say!("  {}", file.path);
    }
}

fn in_git() -> bool {
    let inside = Command::new("git").args(["rev-parse", "--is-inside-work-tree"]).output();
    inside.is_ok_and(|output| output.status.success())
}
