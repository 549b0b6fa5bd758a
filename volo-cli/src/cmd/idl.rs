//! `volo idl`: which IDL files a project compiles, and copies of those from other repositories.

use std::path::{Component, Path, PathBuf};

use serde_json::json;
use volo_codegen::config::{Entry, Repo, Service, VENDOR_DIRECTORY};
use volo_codegen::load;
use volo_codegen::source::FileSource;

use super::Status;
use crate::config_edit::{Edit, apply};
use crate::project::Project;
use crate::report;
use crate::vendor::{self, Fetched};

/// Adds, lists, removes and updates the IDL files of a project.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Add(AddArgs),
    /// Lists the IDL files of the project.
    List {
        /// As a JSON list.
        #[arg(long)]
        json: bool,
    },
    /// Takes an IDL file out of volo.yml; the file itself stays.
    Remove {
        /// As `volo idl list` shows it, or its path from here.
        path: String,
    },
    /// Fetches repositories anew, and locks the commits found. The only command, with `add --git`, that needs a
    /// network.
    Update {
        /// Repositories; all if none is given.
        repos: Vec<String>,
    },
}

/// Adds an IDL file to volo.yml.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Path of the file: from here, or from the top of the repository.
    path: String,
    /// The repository it is in.
    #[arg(long, short, value_name = "URL")]
    git: Option<String>,
    /// Branch, tag or commit of the repository.
    #[arg(long = "ref", short, value_name = "REF", default_value = "HEAD")]
    reference: String,
    /// Name of the repository in volo.yml; with it alone, one that is there already.
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// Where to search for included files, after the directory of the including file.
    #[arg(short, long, value_name = "DIR")]
    includes: Vec<String>,
    /// Entry of volo.yml.
    #[arg(short = 'n', long, value_name = "NAME")]
    entry: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    let done = Project::find().and_then(|project| match &args.action {
        Action::Add(args) => add(project, args),
        Action::List { json } => Ok(list(&project, *json)),
        Action::Remove { path } => remove(project, path),
        Action::Update { repos } => update(project, repos),
    });
    done.unwrap_or_else(|status| status)
}

fn add(project: Project, args: &AddArgs) -> Result<Status, Status> {
    let entry = match &args.entry {
        Some(name) => project.config.entries.iter().find(|entry| entry.name == *name),
        None => project.config.entries.first(),
    };
    let Some(entry) = entry.cloned() else {
        return Err(report::unusable("volo.yml has no such entry"));
    };
    if args.git.is_none() && args.repo.is_none() {
        return add_local(project, &entry, args);
    }
    let mut text = project.text.clone();
    let (repo, fetched) = repo_for(&project, &entry, args).map_err(|message| report::unusable(&message))?;
    let position = entry.repos.iter().position(|other| other.name == repo.name).unwrap_or(entry.repos.len());
    let copy = copy_of(&project, &repo.name);
    let base = fetched.as_ref().map_or(copy.as_path(), Fetched::path).to_owned();
    let service = service(&args.path, args.includes.clone(), Some(position));
    check(
        &base.join(&args.path),
        &args.includes.iter().map(|dir| base.join(dir)).chain([base.clone()]).collect::<Vec<_>>(),
    )?;
    refuse_twice(&entry, &service)?;
    if fetched.is_some() {
        text = edit(&text, &entry.name, &Edit::AddRepo(&repo))?;
    }
    text = edit(&text, &entry.name, &Edit::AddService(&service))?;
    if let Some(fetched) = fetched {
        fetched.place(&copy).map_err(|message| report::unusable(&message))?;
    }
    write(&project, &text)?;
    say!("added {} of {} at {}", args.path, repo.name, repo.lock.as_deref().unwrap_or(&repo.reference));
    Ok(Status::Fine)
}

fn add_local(project: Project, entry: &Entry, args: &AddArgs) -> Result<Status, Status> {
    let includes: Vec<PathBuf> = args.includes.iter().map(PathBuf::from).collect();
    check(Path::new(&args.path), &includes)?;
    let relative = |path: &str| relative_to(&project.directory, Path::new(path));
    let shown = |path: &str| relative(path).ok_or_else(|| report::unusable(&format!("can't find {path}")));
    let includes = args.includes.iter().map(|include| shown(include)).collect::<Result<Vec<_>, _>>()?;
    let service = service(&shown(&args.path)?, includes, None);
    refuse_twice(entry, &service)?;
    let text = edit(&project.text, &entry.name, &Edit::AddService(&service))?;
    write(&project, &text)?;
    say!("added {}", service.path);
    Ok(Status::Fine)
}

/// The repository that a file is added from; fetched, unless it is there.
fn repo_for(project: &Project, entry: &Entry, args: &AddArgs) -> Result<(Repo, Option<Fetched>), String> {
    let Some(url) = &args.git else {
        let name = args.repo.as_deref().unwrap_or_default();
        let known = entry.repos.iter().find(|repo| repo.name == name);
        return known
            .map(|repo| (repo.clone(), None))
            .ok_or_else(|| format!("no repository `{name}` in volo.yml: say where it is with --git"));
    };
    // A path means the same from everywhere once it is whole.
    let url = match Path::new(url).canonicalize() {
        Ok(path) if path.is_dir() => path.display().to_string(),
        _ => url.clone(),
    };
    let last = url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let name = args.repo.clone().unwrap_or_else(|| last.trim_end_matches(".git").to_owned());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(is_plain) {
        return Err(format!("`{name}` can't name a repository: give one with --repo"));
    }
    if let Some(known) = entry.repos.iter().find(|repo| repo.name == name) {
        return match known.url == url && known.reference == args.reference {
            true => Ok((known.clone(), None)),
            false => {
                Err(format!("volo.yml has another repository `{name}`: give this one a name with --repo"))
            }
        };
    }
    let fetched = vendor::fetch(&project.directory.join(VENDOR_DIRECTORY), &url, &args.reference)?;
    let lock = Some(fetched.commit.clone());
    Ok((Repo { name, url, reference: args.reference.clone(), lock }, Some(fetched)))
}

/// Compiles the file, so that nothing broken is added.
fn check(path: &Path, include_dirs: &[PathBuf]) -> Result<(), Status> {
    let path = path.display().to_string();
    let loaded = load(&[&path], &FileSource::new(include_dirs.to_vec()));
    report::show(&loaded.diagnostics, &loaded.sources);
    match loaded.model {
        Some(_) => Ok(()),
        None => Err(report::status_of(&loaded.diagnostics)),
    }
}

fn refuse_twice(entry: &Entry, service: &Service) -> Result<(), Status> {
    let is_same = |other: &Service| other.path == service.path && other.repo == service.repo;
    match entry.services.iter().any(is_same) {
        true => Err(report::unusable(&format!("`{}` is in volo.yml already", service.path))),
        false => Ok(()),
    }
}

fn service(path: &str, includes: Vec<String>, repo: Option<usize>) -> Service {
    let span = volo_codegen::model::Span::default();
    Service { repo, path: path.to_owned(), includes, touch: Vec::new(), keep_unknown_fields: false, span }
}

fn list(project: &Project, as_json: bool) -> Status {
    let mut objects = Vec::new();
    for entry in &project.config.entries {
        for service in &entry.services {
            let repo = service.repo.map(|repo| &entry.repos[repo]);
            let base = repo.map_or_else(|| project.directory.clone(), |repo| copy_of(project, &repo.name));
            let is_there = base.join(&service.path).is_file();
            objects.push(json!({
                "entry": entry.name, "path": service.path, "includes": service.includes, "is_there": is_there,
                "repo": repo.map(|repo| json!({
                    "name": repo.name, "url": repo.url, "ref": repo.reference, "lock": repo.lock,
                })),
            }));
            if !as_json {
                let from = repo.map_or_else(String::new, |repo| {
                    let lock: String =
                        repo.lock.as_deref().unwrap_or("not locked").chars().take(12).collect();
                    format!("  from {} at {} ({lock})", repo.url, repo.reference)
                });
                let missing = if is_there { "" } else { "  MISSING" };
                say!("{}: {}{from}{missing}", entry.name, service.path);
            }
        }
    }
    if as_json {
        say!("{:#}", json!(objects));
    }
    Status::Fine
}

fn remove(project: Project, path: &str) -> Result<Status, Status> {
    let here = relative_to(&project.directory, Path::new(path));
    let is_meant = |service: &Service| service.path == path || here.as_deref() == Some(&service.path);
    let found = project.config.entries.iter().find_map(|entry| {
        let at = entry.services.iter().position(is_meant)?;
        Some((entry, at))
    });
    let Some((entry, at)) = found else {
        let message = format!("`{path}` is not in volo.yml\nhelp: `volo idl list` shows what is");
        return Err(report::unusable(&message));
    };
    let mut text = edit(&project.text, &entry.name, &Edit::RemoveService(at))?;
    let repo = entry.services[at].repo;
    let used = entry.services.iter().enumerate().any(|(other, service)| other != at && service.repo == repo);
    let unused = repo.filter(|_| !used).map(|repo| &entry.repos[repo]);
    if let Some(repo) = unused {
        text = edit(&text, &entry.name, &Edit::RemoveRepo(&repo.name))?;
    }
    write(&project, &text)?;
    say!("removed {path}");
    let elsewhere = |repo: &Repo| {
        let others = project.config.entries.iter().filter(|other| other.name != entry.name);
        others.flat_map(|other| &other.repos).any(|other| other.name == repo.name)
    };
    if let Some(repo) = unused.filter(|repo| !elsewhere(repo)) {
        let copy = copy_of(&project, &repo.name);
        if copy.is_dir() && std::fs::remove_dir_all(&copy).is_ok() {
            say!("removed {}", copy.display());
        }
    }
    Ok(Status::Fine)
}

fn update(project: Project, names: &[String]) -> Result<Status, Status> {
    let all: Vec<(&Entry, &Repo)> = project
        .config
        .entries
        .iter()
        .flat_map(|entry| entry.repos.iter().map(move |repo| (entry, repo)))
        .filter(|(_, repo)| names.is_empty() || names.contains(&repo.name))
        .collect();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|(_, repo)| repo.name != **name)) {
        return Err(report::unusable(&format!("no repository `{unknown}` in volo.yml")));
    }
    if all.is_empty() {
        say!("volo.yml names no repository.");
    }
    let mut text = project.text.clone();
    for (entry, repo) in all {
        let unusable = |message: String| report::unusable(&format!("{}: {message}", repo.name));
        let vendor = project.directory.join(VENDOR_DIRECTORY);
        let fetched = vendor::fetch(&vendor, &repo.url, &repo.reference).map_err(unusable)?;
        let (new, copy) = (fetched.commit.clone(), copy_of(&project, &repo.name));
        let old = repo.lock.as_deref().unwrap_or("nothing");
        if old == new && copy.is_dir() {
            say!("{}: {} is the newest", repo.name, short(&new));
            continue;
        }
        text = edit(&text, &entry.name, &Edit::Lock(&repo.name, &new))?;
        fetched.place(&copy).map_err(unusable)?;
        write(&project, &text)?;
        say!("{}: {} → {}", repo.name, short(old), short(&new));
    }
    Ok(Status::Fine)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn copy_of(project: &Project, repo: &str) -> PathBuf {
    project.directory.join(VENDOR_DIRECTORY).join(repo)
}

fn edit(text: &str, entry: &str, change: &Edit<'_>) -> Result<String, Status> {
    apply(text, entry, change).map_err(|message| report::unusable(&message))
}

fn write(project: &Project, text: &str) -> Result<(), Status> {
    let path = project.config_path();
    std::fs::write(&path, text)
        .map_err(|error| report::unusable(&format!("can't write {}: {error}", path.display())))
}

/// The path from a directory to something that exists, with `/`.
fn relative_to(directory: &Path, path: &Path) -> Option<String> {
    let (from, to) = (directory.join(".").canonicalize().ok()?, path.canonicalize().ok()?);
    let parts = |path: &Path| -> Vec<String> {
        path.components()
            .filter(|part| !matches!(part, Component::CurDir))
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let (from, to) = (parts(&from), parts(&to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
    Some(up.chain(to[common..].iter().cloned()).collect::<Vec<_>>().join("/"))
}
