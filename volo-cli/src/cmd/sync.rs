//! `volo sync`: handlers for what is new in the IDL.

use std::path::{Path, PathBuf};

use serde_json::json;
use volo_codegen::{ServiceOutline, diag, outline};

use super::Status;
use crate::project::Project;
use crate::report;
use crate::scaffold::File;
use crate::sync::{Change, Kind, plan};
use crate::write::write_all;

/// Adds handlers for new methods, and names those that are gone; what is written already stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what would be added, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Report as a JSON list.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    synchronise(args).unwrap_or_else(|status| status)
}

fn synchronise(args: &Args) -> Result<Status, Status> {
    let project = Project::find()?;
    let services = declared_services(&project)?;
    let files = rust_files(&project.root).map_err(|message| report::unusable(&message))?;
    let plan = plan(&files, &services).map_err(|message| report::unusable(&message))?;
    if !args.dry_run
        && let Err((path, error)) = write_all(&project.root, &plan.files)
    {
        return Err(report::unusable(&format!("can't write {}: {error}", path.display())));
    }
    if args.json {
        let changes = plan.changes.iter().map(object).collect::<Vec<_>>();
        say!("{}", json!(changes));
    } else {
        tell(&plan.changes, args.dry_run);
    }
    let left = plan.changes.iter().any(|change| !change.kind.is_done());
    Ok(if left { Status::Findings } else { Status::Fine })
}

/// The services of all IDL files that `volo.yml` names, and all they extend.
fn declared_services(project: &Project) -> Result<Vec<ServiceOutline>, Status> {
    let mut services: Vec<ServiceOutline> = Vec::new();
    for loaded in project.load() {
        report::show(&loaded.diagnostics, &loaded.sources);
        let Some(model) = &loaded.model else { return Err(report::status_of(&loaded.diagnostics)) };
        debug_assert!(!diag::has_errors(&loaded.diagnostics));
        let all = outline(model, "volo_gen");
        let mut wanted: Vec<usize> = (0..all.len()).filter(|at| model[all[*at].file].root).collect();
        let mut next = 0;
        while let Some(&at) = wanted.get(next) {
            wanted.extend(all[at].extends.filter(|base| !wanted.contains(base)));
            next += 1;
        }
        wanted.sort_unstable();
        services.extend(wanted.into_iter().map(|at| all[at].clone()));
    }
    Ok(services)
}

/// The Rust files of the package, relative to it.
fn rust_files(root: &Path) -> Result<Vec<File>, String> {
    let mut paths = Vec::new();
    let mut open = vec![PathBuf::from("src")];
    while let Some(directory) = open.pop() {
        let shown = root.join(&directory);
        let entries =
            std::fs::read_dir(&shown).map_err(|error| format!("can't read {}: {error}", shown.display()))?;
        for entry in entries {
            let path = directory.join(entry.map_err(|error| error.to_string())?.file_name());
            match root.join(&path).is_dir() {
                true => open.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => paths.push(path),
                false => {}
            }
        }
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(root.join(path))
            .map_err(|error| format!("can't read {}: {error}", root.join(path).display()))?;
        Ok(File { path: path.display().to_string().replace('\\', "/"), text })
    };
    paths.iter().map(read).collect()
}

fn tell(changes: &[Change], dry_run: bool) {
    for change in changes {
        let place = format!("{}:{}", change.file, change.line);
        let name = match &change.method {
            Some(method) => format!("{}::{method}", change.service),
            None => change.service.clone(),
        };
        match &change.kind {
            Kind::Added if dry_run => say!("would add  {name}  {place}"),
            Kind::Added => say!("added      {name}  {place}"),
            Kind::Removed => say!("gone       {name}  {place}: the IDL has it no more, remove it"),
            Kind::Reshaped { written, declared } => {
                say!("reshaped   {name}  {place}: takes {written} arguments, the IDL has {declared}");
            }
        }
    }
    if changes.is_empty() {
        say!("Everything is there: no method is new, none is gone.");
    }
    let new_services = changes.iter().filter(|change| change.method.is_none() && change.kind.is_done());
    for change in new_services {
        say!("\nAdd it to the server in src/bin: `.add_service({}Server::from_handler(…))`", change.service);
    }
}

fn object(change: &Change) -> serde_json::Value {
    let kind = match change.kind {
        Kind::Added => "added",
        Kind::Removed => "removed",
        Kind::Reshaped { .. } => "reshaped",
    };
    json!({
        "kind": kind, "service": change.service, "method": change.method,
        "file": change.file, "line": change.line,
    })
}
