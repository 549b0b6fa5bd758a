//! The project that a command is called in.

use std::path::{Component, Path, PathBuf};

use volo_codegen::config::{Config, Parsed};
use volo_codegen::source::FileSource;
use volo_codegen::{Loaded, load};

use crate::cmd::Status;
use crate::report;

/// A project with its `volo.yml`.
#[derive(Debug)]
pub(crate) struct Project {
    /// Where the package with the handlers is.
    pub(crate) root: PathBuf,
    /// The directory of `volo.yml`.
    pub(crate) directory: PathBuf,
    /// The text of `volo.yml`.
    pub(crate) text: String,
    /// What it says.
    pub(crate) config: Config,
}

impl Project {
    /// The project around the current directory: the nearest `volo.yml` here or above, also in a `volo-gen`
    /// beside. What is wrong has been said.
    pub(crate) fn find() -> Result<Project, Status> {
        let message = "no volo.yml here or in a directory above\nhelp: `volo init` makes a project with one";
        Project::read(&locate().ok_or_else(|| report::unusable(message))?)
    }

    /// Whether there is one.
    pub(crate) fn exists() -> bool {
        locate().is_some()
    }

    fn read(path: &Path) -> Result<Project, Status> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| report::unusable(&format!("can't read {shown}: {error}")))?;
        let Parsed { config, diagnostics, sources } = Config::parse(&shown, &text);
        report::show(&diagnostics, &sources);
        let Some(config) = config else { return Err(Status::Findings) };
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        let root = root_of(&directory);
        Ok(Project { root, directory, text, config })
    }

    /// The path of `volo.yml`.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.directory.join("volo.yml")
    }

    /// The IDL of each entry.
    pub(crate) fn load(&self) -> Vec<Loaded> {
        let entries = self.config.entries.iter();
        let load_entry = |entry: &volo_codegen::config::Entry| {
            let plan = entry.plan(&self.directory);
            let roots: Vec<String> = plan.roots.iter().map(|root| shorter(root)).collect();
            let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
            load(&roots, &FileSource::new(plan.include_dirs.iter().map(|dir| shorter(dir))))
        };
        entries.map(load_entry).collect()
    }
}

/// The same path without detours such as `volo-gen/..`, if it leads to the same place: links may turn off.
fn shorter(path: &str) -> String {
    let mut short = PathBuf::new();
    for part in Path::new(path).components() {
        let returns = part == Component::ParentDir;
        match short.components().next_back() {
            Some(Component::Normal(_)) if returns => drop(short.pop()),
            _ => short.push(part),
        }
    }
    let same = short.canonicalize().ok() == Path::new(path).canonicalize().ok();
    if same { short.display().to_string() } else { path.to_owned() }
}

/// The nearest `volo.yml`, by a relative path, which reads better in messages.
fn locate() -> Option<PathBuf> {
    let here = Path::new(".").canonicalize().ok()?;
    here.ancestors().enumerate().find_map(|(up, directory)| {
        let inner =
            ["volo.yml", "volo-gen/volo.yml"].into_iter().find(|inner| directory.join(inner).is_file())?;
        let above: PathBuf = std::iter::repeat_n("..", up).collect();
        Some(above.join(inner))
    })
}

/// The package beside a crate for generated code, or that crate itself if it stands alone.
fn root_of(directory: &Path) -> PathBuf {
    let parent = match directory.file_name() {
        Some(_) => directory.parent().unwrap_or(Path::new("")).to_owned(),
        None => directory.join(".."),
    };
    if parent.join("Cargo.toml").is_file() && !directory.join("src/bin").is_dir() {
        let generated = directory.canonicalize().ok();
        let is_generated =
            generated.as_deref().and_then(Path::file_name).is_some_and(|name| name == "volo-gen");
        if is_generated {
            return parent;
        }
    }
    directory.to_owned()
}
