//! `volo breaking`: what a change of an IDL does to peers.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use volo_codegen::breaking::{Change, Level, Policy, Side, Version, compare};
use volo_codegen::source::FileSource;
use volo_codegen::{Loaded, diag, load};

use super::Status;
use crate::git::Snapshot;
use crate::paths::idl_files;
use crate::report::{self, Format};

/// Says whether a change of an IDL breaks peers that know the one before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
OLD and NEW are files, directories or git commits. A commit alone means the other
path at that commit; COMMIT:PATH names another one.

  volo breaking HEAD idl                   what I am about to commit
  volo breaking v1.2.0 idl/shop.thrift     since a release
  volo breaking old.thrift new.thrift")]
pub(crate) struct Args {
    /// What peers were built from.
    old: String,
    /// What is to replace it.
    new: String,
    /// Whose troubles count: each level includes those before it.
    #[arg(long, value_enum, default_value_t = LevelName::Http)]
    level: LevelName,
    /// What may be changed at all.
    #[arg(long, value_enum, default_value_t = PolicyName::Compatible)]
    policy: PolicyName,
    /// Where to search for included files, after the directory of the including file.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include_dirs: Vec<PathBuf>,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LevelName {
    /// Peers that speak Binary or Compact.
    Wire,
    /// And users of JSON.
    Json,
    /// And users of the HTTP routes in annotations.
    Http,
    /// And whoever compiles the generated code.
    Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PolicyName {
    /// Whatever breaks nobody.
    Compatible,
    /// Additions only; what was marked `deprecated = "DATE"` may go after 120 days.
    Additive,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    run_inner(args).unwrap_or_else(|status| status)
}

fn run_inner(args: &Args) -> Result<Status, Status> {
    let old = load_side(&args.old, &args.new, args)?;
    let new = load_side(&args.new, &args.old, args)?;
    for loaded in [&old, &new] {
        if loaded.model.is_none() {
            report::show(&loaded.diagnostics, &loaded.sources);
        }
    }
    let (Some(old_model), Some(new_model)) = (&old.model, &new.model) else {
        return Err(report::status_of(&old.diagnostics).worse(report::status_of(&new.diagnostics)));
    };
    let level = match args.level {
        LevelName::Wire => Level::Wire,
        LevelName::Json => Level::Json,
        LevelName::Http => Level::Http,
        LevelName::Source => Level::Source,
    };
    let policy = Policy { additive: args.policy == PolicyName::Additive, today: today() };
    let changes = compare(
        Version { model: old_model, sources: &old.sources },
        Version { model: new_model, sources: &new.sources },
        level,
        &policy,
    );
    write(args.format, &changes, &old, &new);
    let breaks = changes.iter().any(|change| change.diagnostic.severity == diag::Severity::Error);
    let fails = breaks || (args.strict && !changes.is_empty());
    Ok(if fails { Status::Findings } else { Status::Fine })
}

fn load_side(side: &str, other: &str, args: &Args) -> Result<Loaded, Status> {
    let unusable = |message: String| report::unusable(&message);
    if Path::new(side).exists() {
        let files = idl_files(&[PathBuf::from(side)]).map_err(unusable)?;
        let roots: Vec<&str> = files.iter().map(String::as_str).collect();
        return Ok(load(&roots, &FileSource::new(args.include_dirs.clone())));
    }
    let (reference, path) = match side.split_once(':') {
        Some((reference, path)) => (reference, path),
        // The path of the other side, which may be at a commit itself.
        None => (
            side,
            other.split_once(':').filter(|_| !Path::new(other).exists()).map_or(other, |(_, path)| path),
        ),
    };
    let snapshot = Snapshot::open(reference, &args.include_dirs).map_err(unusable)?;
    let inside = snapshot.inside(Path::new(path)).map_err(unusable)?;
    let files = snapshot.below(&inside);
    if files.is_empty() {
        return Err(report::unusable(&format!("no IDL file `{path}` at `{reference}`")));
    }
    let roots: Vec<&str> = files.iter().map(String::as_str).collect();
    Ok(load(&roots, &snapshot))
}

fn today() -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(now.as_secs() / 86_400).ok()
}

fn write(format: Format, changes: &[Change], old: &Loaded, new: &Loaded) {
    let sources = |change: &Change| match change.side {
        Side::New => &new.sources,
        Side::Old => &old.sources,
    };
    match format {
        Format::Human => {
            for (at, change) in changes.iter().enumerate() {
                if at > 0 {
                    eprintln!();
                }
                let mut diagnostic = change.diagnostic.clone();
                diagnostic.notes.push(format!("noticed by users of: {}", level_text(change.level)));
                report::show(&[diagnostic], sources(change));
            }
            if changes.is_empty() {
                say!("Nobody notices.");
            }
        }
        Format::Json => {
            let objects = changes.iter().map(|change| {
                let mut object = report::object(&change.diagnostic, sources(change));
                object["level"] = json!(change.level.name());
                object["side"] = json!(if change.side == Side::New { "new" } else { "old" });
                object
            });
            say!("{:#}", objects.collect::<serde_json::Value>());
        }
        Format::Github => {
            for change in changes {
                report::put(&report::github(std::slice::from_ref(&change.diagnostic), sources(change)));
            }
        }
    }
}

fn level_text(level: Level) -> &'static str {
    match level {
        Level::Wire => "the wire and everything above it",
        Level::Json => "JSON and HTTP",
        Level::Http => "HTTP",
        Level::Source => "the generated code",
    }
}
