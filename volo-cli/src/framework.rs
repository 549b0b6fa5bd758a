//! Where a new project takes the framework's crates from.
//!
//! Never from a registry: their names belong to another project there.

use std::path::{Path, PathBuf};

/// Where the framework's crates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framework {
    /// A checkout.
    Path(PathBuf),
    /// A repository at a commit, tag or branch.
    Git { url: String, revision: String },
}

/// The checkout that this program was built from.
const BUILT_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

impl Framework {
    /// The checkout at `path`, or the one that this program was built from.
    ///
    /// # Errors
    /// A message when there is no checkout.
    pub(crate) fn checkout(path: Option<&Path>) -> Result<Framework, String> {
        let directory = path.unwrap_or(Path::new(BUILT_FROM));
        let complete = ["volo-core", "volo-thrift", "volo-codegen"]
            .iter()
            .all(|name| directory.join(name).join("Cargo.toml").is_file());
        if !complete {
            let what = match path {
                Some(path) => format!("`{}` is no checkout of the framework", path.display()),
                None => "the checkout that this program was built from is gone".to_owned(),
            };
            return Err(format!("{what}: name one with --framework-path, or --framework-git and --rev"));
        }
        let absolute = directory.canonicalize().map_err(|error| error.to_string())?;
        Ok(Framework::Path(absolute))
    }

    /// What stands in a manifest behind a crate's name.
    pub(crate) fn dependency(&self, name: &str, features: &[&str]) -> String {
        let features = match features {
            [] => String::new(),
            features => format!(", features = {features:?}"),
        };
        match self {
            Framework::Path(path) => {
                let path = path.join(name).display().to_string().replace('\\', "/");
                format!("{{ path = {path:?}{features} }}")
            }
            Framework::Git { url, revision } => format!("{{ git = {url:?}, rev = {revision:?}{features} }}"),
        }
    }
}
