//! Governance from one document, in TOML or JSON, that may change at any time.
//!
//! ```text
//! text → parse → check → Document → every client and server attached, each by its own handles
//! ```
//! A document is taken as a whole or not at all: one that can't be read, or makes no sense, changes nothing, and says
//! where it is wrong. What it has no keys for stays as the program set it, also after a key is gone again.
#![forbid(unsafe_code)]

mod check;
pub mod document;
pub mod overlay;
mod parse;
#[cfg(test)]
mod tests;
pub mod value;
mod watch;

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

pub use self::document::Document;
use self::overlay::Section;
use crate::{
    Error, Result,
    discover::file,
    layers::trace::Side,
    observe::{self, Event},
};

/// How often a watched file is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// The document in use; clones share it.
///
/// Clients and servers that were built with it keep it, and the task that watches its file, alive.
///
/// ```no_run
/// # fn main() -> volo_core::Result<()> {
/// use volo_core::config::Config;
///
/// let config = Config::watch("/etc/shop/governance.toml")?; // then `.config(&config)` on builders
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Config(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    document: Arc<Document>,
    attached: Vec<Weak<Hold>>,
    /// Names that were complained about already.
    unknown: BTreeSet<String>,
    applied: u64,
    refused: u64,
}

/// What a document governs: a client or a server.
pub trait Governed: Send + Sync {
    /// Changes its settings to what it was made with and the document adds. Must not fail, nor use the [`Config`].
    fn apply(&self, document: &Document);

    /// Which end of calls it is.
    fn side(&self) -> Side;

    /// Whether it has the service, or with a name its method. Where it can't know, it has.
    fn has(&self, service: &str, method: Option<&str>) -> bool;
}

/// A client's or server's hold on a document.
#[derive(Clone)]
pub struct Attached {
    _hold: Arc<Hold>,
}

struct Hold {
    governed: Arc<dyn Governed>,
    _config: Config,
}

impl Config {
    /// An empty document.
    pub fn new() -> Self {
        Config(Arc::new(Shared { state: Mutex::default() }))
    }

    /// The document in this file, as it is now.
    ///
    /// # Errors
    /// When the file can't be read, or the document is refused.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self> {
        let (config, path) = (Config::new(), path.into());
        config.replace(&file::read(&path)?, &path.display().to_string())?;
        Ok(config)
    }

    /// The document in this file, now and whenever it changes: the file is read once a second, so that it may lie on any
    /// file system and be replaced in any way, as by swapped links.
    ///
    /// # Errors
    /// As [`Config::load`], and without a runtime of tokio.
    pub fn watch(path: impl Into<PathBuf>) -> Result<Self> {
        Config::watch_every(INTERVAL, path)
    }

    /// The same, reading the file so often.
    ///
    /// # Errors
    /// As there.
    pub fn watch_every(interval: Duration, path: impl Into<PathBuf>) -> Result<Self> {
        let (config, path) = (Config::new(), path.into());
        let text = file::read(&path)?;
        config.replace(&text, &path.display().to_string())?;
        watch::start(&config, path, text, interval)?;
        Ok(config)
    }

    /// Takes a new document, from wherever it came; `origin` names it in errors.
    ///
    /// # Errors
    /// When it is refused: where it is wrong, and how. The document before stays in use then.
    pub fn replace(&self, text: &str, origin: &str) -> Result<()> {
        let parsed = parse::parse(text, origin);
        let mut state = self.0.state();
        match parsed {
            Ok(document) => state.take(document, origin),
            Err(error) => {
                state.refuse(&error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The document in use.
    pub fn document(&self) -> Arc<Document> {
        self.0.state().document.clone()
    }

    /// How many documents were taken, and how many refused.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.0.state();
        (state.applied, state.refused)
    }

    /// Lets the document govern something, from now until what this returns is dropped.
    pub fn attach(&self, governed: Arc<dyn Governed>) -> Attached {
        let mut state = self.0.state();
        governed.apply(&state.document);
        state.attached.retain(|it| it.strong_count() > 0);
        let hold = Arc::new(Hold { governed, _config: self.clone() });
        state.attached.push(Arc::downgrade(&hold));
        Attached { _hold: hold }
    }

    /// The sections that are for nothing attached: paths of misspelt services and methods, or of such that are attached
    /// later.
    pub fn unknown(&self) -> Vec<String> {
        let state = self.0.state();
        let attached = state.attached();
        state.unknown_to(&attached).into_iter().collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Config::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("document", &self.document()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attached")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, document: Document, origin: &str) {
        self.document = Arc::new(document);
        self.applied += 1;
        observe::tell(&Event::Document { taken: true });
        let attached = self.attached();
        attached.iter().for_each(|it| it.apply(&self.document));
        tracing::info!(origin, attached = attached.len(), "governance changed");
        self.warn_of_unknown(&attached);
    }

    fn refuse(&mut self, error: &Error) {
        self.refused += 1;
        observe::tell(&Event::Document { taken: false });
        let cause = std::error::Error::source(error);
        tracing::error!(%error, cause, "the document is refused; governance stays as it was");
    }

    fn attached(&self) -> Vec<Arc<dyn Governed>> {
        self.attached.iter().filter_map(Weak::upgrade).map(|hold| hold.governed.clone()).collect()
    }

    /// Says once of each name that nobody has it, if there is anybody who could.
    fn warn_of_unknown(&mut self, attached: &[Arc<dyn Governed>]) {
        let unknown = self.unknown_to(attached);
        for section in unknown.difference(&self.unknown) {
            tracing::warn!(section, "no client or server has what this section governs");
        }
        self.unknown = unknown;
    }

    fn unknown_to(&self, attached: &[Arc<dyn Governed>]) -> BTreeSet<String> {
        let mut unknown = BTreeSet::new();
        let Document { client, server } = &*self.document;
        collect_unknown(Side::Client, client, attached, &mut unknown);
        collect_unknown(Side::Server, server, attached, &mut unknown);
        unknown
    }
}

/// Adds the names in `section` that nobody of its side has; without anybody of that side, nothing is known.
fn collect_unknown<S: Section>(
    side: Side,
    section: &S,
    attached: &[Arc<dyn Governed>],
    unknown: &mut BTreeSet<String>,
) {
    let of_side: Vec<_> = attached.iter().filter(|it| it.side() == side).collect();
    if of_side.is_empty() {
        return;
    }
    let is_known = |service: &str, method: Option<&str>| of_side.iter().any(|it| it.has(service, method));
    for (service, methods) in section.names() {
        if !is_known(service, None) {
            unknown.insert(format!("{side}.services.{service}"));
            continue;
        }
        let strange = methods.filter(|method| !is_known(service, Some(method)));
        unknown.extend(strange.map(|method| format!("{side}.services.{service}.methods.{method}")));
    }
}
