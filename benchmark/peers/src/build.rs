//! The build suite: how much code is generated, and what it takes to build the smallest server.

use std::{
    collections::BTreeSet,
    env, fs, io, mem,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use crate::report::{Better, Figure, Report};

const SUITE: &str = "build";
const PEER: &str = "volo";
const PROFILE: &str = "hello";
/// Wall time that one build may take, on a machine that is busy with other things too.
const BUILD_MAX: Duration = Duration::from_secs(30 * 60);
/// How often a build is looked at.
const BUILD_TICK: Duration = Duration::from_millis(100);

/// Measures everything.
pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let lines = (count_lines(peer_ours::SHOP)?, count_lines(peer_volo::SHOP)?);
    let unit = ("lines", Better::Lower);
    report.add(Figure::new((SUITE, "shop idl", "lines"), lines.0, ("pilota", lines.1), unit))?;
    fetch()?;
    let (ours, theirs) = (hello("hello-ours")?, hello("hello-volo")?);
    let figures = [
        ("crates", "crates", ours.crates, theirs.crates),
        ("build_cpu_s", "s", ours.cpu.as_secs_f64(), theirs.cpu.as_secs_f64()),
        ("binary_size", "bytes", ours.size, theirs.size),
    ];
    for (metric, unit, ours, theirs) in figures {
        let unit = (unit, Better::Lower);
        report.add(Figure::new((SUITE, "hello server", metric), ours, (PEER, theirs), unit))?;
    }
    Ok(())
}

/// Lines that hold something, comments included, all laid out by the same formatter where there is one.
fn count_lines(text: &str) -> Result<f64, String> {
    let path = env::temp_dir().join(format!("peers-lines-{}.rs", std::process::id()));
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    let status = Command::new("rustfmt").args(["--edition", "2024", "--quiet"]).arg(&path).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("note: rustfmt refused some generated code; its lines are counted as they are");
    }
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    // Left behind, it is only a file in the temporary directory.
    let _ = fs::remove_file(&path);
    Ok(text.lines().filter(|line| !line.trim().is_empty()).count() as f64)
}

struct Hello {
    crates: f64,
    cpu: Duration,
    size: f64,
}

/// Builds a package from nothing, in a directory of its own; what it needs was downloaded before.
fn hello(package: &str) -> Result<Hello, String> {
    eprintln!("building {package} from nothing");
    let target = env::temp_dir().join(format!("peers-{package}-{}", std::process::id()));
    let before = children_time()?;
    let child = cargo()
        .args(["build", "--quiet", "--locked", "--offline", "--profile", PROFILE, "--package", package])
        .env("CARGO_TARGET_DIR", &target)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cargo can't be run: {error}"))?;
    let status = wait(child, BUILD_MAX);
    let cpu = children_time()?.saturating_sub(before);
    let size = fs::metadata(target.join(PROFILE).join(package)).map(|file| file.len() as f64);
    // Left behind, it is only a directory of the temporary directory.
    let _ = fs::remove_dir_all(&target);
    let status = status.map_err(|error| format!("{package}: {error}"))?;
    if !status.success() {
        return Err(format!("{package} can't be built: {status}"));
    }
    let size = size.map_err(|error| format!("{package} is not where it should be: {error}"))?;
    Ok(Hello { crates: count_crates(package)?, cpu, size })
}

/// Waits for a child that leads a process group; ends the whole group when it takes too long.
fn wait(mut child: Child, limit: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            let group = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
            // SAFETY: the child was not waited for, so its group can't be another's; a failure shows in `wait`.
            unsafe { libc::killpg(group, libc::SIGKILL) };
            child.wait().map_err(|error| error.to_string())?;
            return Err(format!("not built after {} s", limit.as_secs()));
        }
        thread::sleep(BUILD_TICK);
    }
}

/// Downloads all that the workspace needs, so that no build waits for a network.
fn fetch() -> Result<(), String> {
    let status = cargo().args(["fetch", "--quiet", "--locked"]).status();
    match status.map_err(|error| format!("cargo can't be run: {error}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("cargo fetch: {status}")),
    }
}

/// Packages that are compiled for it, itself and build scripts' ones included.
fn count_crates(package: &str) -> Result<f64, String> {
    let words = ["tree", "--quiet", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let output =
        cargo().args(words).args(["--package", package]).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    let names: BTreeSet<_> = names.collect();
    match names.len() {
        0 => Err(format!("no dependencies of {package}: {}", String::from_utf8_lossy(&output.stderr))),
        count => Ok(count as f64),
    }
}

fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(directory());
    command
}

/// Where this workspace was built from.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Processor time of all ended children and theirs.
fn children_time() -> Result<Duration, String> {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: `usage` lives through the call.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) } != 0 {
        return Err(io::Error::last_os_error().to_string());
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.cast_unsigned()) + Duration::from_micros(time.tv_usec.cast_unsigned())
    };
    Ok(time(usage.ru_utime) + time(usage.ru_stime))
}
