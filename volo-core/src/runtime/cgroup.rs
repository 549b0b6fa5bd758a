//! The share of processor time and the memory that the process's control group may use.
//!
//! Version 2 has them in `cpu.max` ("QUOTA PERIOD", in microseconds, or "max PERIOD") and `memory.max` (bytes, or "max")
//! of the group and of each of its parents; version 1 in `cpu.cfs_quota_us` (-1: none) and `cpu.cfs_period_us` of the
//! group in the `cpu` hierarchy, and in `memory.limit_in_bytes` (none is a huge number) of the one in `memory`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the hierarchies are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Processor time per period, both in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) quota_us: u64,
    pub(super) period_us: u64,
}

impl Quota {
    /// How many processors' time that is.
    pub(super) fn processors(self) -> f64 {
        self.quota_us as f64 / self.period_us as f64
    }

    /// Whether `processors` can be this quota rounded down.
    pub(super) fn is_part_of(self, processors: usize) -> bool {
        (self.processors() as usize).max(1) == processors
    }

    /// Threads that can use it up, at least one.
    pub(super) fn threads(self) -> usize {
        usize::try_from(self.quota_us.div_ceil(self.period_us)).unwrap_or(usize::MAX).max(1)
    }
}

/// The tightest quota of the process's control group and its parents; `None` without one.
pub(super) fn quota() -> Option<Quota> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    find_quota(&groups, Path::new(ROOT), read_file)
}

/// The tightest limit of memory of the process's control group and its parents, in bytes; `None` without one.
pub(super) fn memory_max() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    find_memory_max(&groups, Path::new(ROOT), read_file)
}

fn read_file(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// A quota for the text of `/proc/self/cgroup`, the place where the hierarchies are mounted and a way to read files.
fn find_quota(groups: &str, root: &Path, read: impl Fn(&Path) -> Option<String>) -> Option<Quota> {
    let quotas = folders(groups, root, "cpu", &read).filter_map(|(version, folder)| match version {
        Version::Two => parse_max(&read(&folder.join("cpu.max"))?),
        Version::One => {
            let number = |name| read(&folder.join(name))?.trim().parse::<u64>().ok();
            checked(number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
        }
    });
    quotas.min_by(|a, b| a.processors().total_cmp(&b.processors()))
}

/// The same for a limit of memory.
fn find_memory_max(groups: &str, root: &Path, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let limits = folders(groups, root, "memory", &read).filter_map(|(version, folder)| {
        let name = match version {
            Version::Two => "memory.max",
            Version::One => "memory.limit_in_bytes",
        };
        read(&folder.join(name))?.trim().parse().ok()
    });
    limits.min()
}

/// Which kind of hierarchy a folder is in.
#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// The folders in which `controller` may have files about the process.
fn folders<'a>(
    groups: &'a str,
    root: &'a Path,
    controller: &'a str,
    read: &'a impl Fn(&Path) -> Option<String>,
) -> impl Iterator<Item = (Version, PathBuf)> {
    let hierarchies = groups.lines().filter_map(move |line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
        if controllers.is_empty() {
            return Some((Version::Two, root.to_owned(), group));
        }
        if !controllers.split(',').any(|it| it == controller) {
            return None;
        }
        let mount = root.join(controllers);
        let is_there = read(&mount.join("cgroup.procs")).is_some();
        Some((Version::One, if is_there { mount } else { root.join(controller) }, group))
    });
    hierarchies.flat_map(|(version, mount, group)| {
        ancestors(&mount, group).into_iter().map(move |folder| (version, folder))
    })
}

/// The folders of a group and its parents. In a container the group's own path may not exist, but the root does.
fn ancestors(root: &Path, group: &str) -> Vec<PathBuf> {
    let group = Path::new(group.trim_start_matches('/'));
    group.ancestors().map(|part| root.join(part)).collect()
}

/// The text of `cpu.max`.
fn parse_max(text: &str) -> Option<Quota> {
    let mut words = text.split_whitespace();
    let quota_us = words.next()?.parse().ok()?;
    let period_us = match words.next() {
        Some(period) => period.parse().ok()?,
        None => 100_000,
    };
    checked(quota_us, period_us)
}

fn checked(quota_us: u64, period_us: u64) -> Option<Quota> {
    (quota_us > 0 && period_us > 0).then_some(Quota { quota_us, period_us })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn quota_of(groups: &str, files: &[(&str, &str)]) -> Option<f64> {
        let files: HashMap<_, _> =
            files.iter().map(|(path, text)| (Path::new(path), text.to_string())).collect();
        find_quota(groups, Path::new("/cg"), |path| files.get(path).cloned()).map(Quota::processors)
    }

    fn memory_max_of(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let files: HashMap<_, _> =
            files.iter().map(|(path, text)| (Path::new(path), text.to_string())).collect();
        find_memory_max(groups, Path::new("/cg"), |path| files.get(path).cloned())
    }

    #[test]
    fn cpu_max_is_read() {
        assert_eq!(parse_max("150000 100000\n"), Some(Quota { quota_us: 150_000, period_us: 100_000 }));
        assert_eq!(parse_max("50000"), Some(Quota { quota_us: 50_000, period_us: 100_000 }));
        for text in ["max 100000", "", "\n", "0 100000", "100000 0", "-1 100000", "1e5 100000", "x y"] {
            assert_eq!(parse_max(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_tightest_of_a_group_and_its_parents_counts() {
        let files = [
            ("/cg/cpu.max", "max 100000"),
            ("/cg/pods/cpu.max", "200000 100000"),
            ("/cg/pods/one/cpu.max", "800000 100000"),
        ];
        assert_eq!(quota_of("0::/pods/one\n", &files), Some(2.0));
        assert_eq!(quota_of("0::/\n", &files), None);
        assert_eq!(quota_of("0::/elsewhere\n", &[("/cg/cpu.max", "300000 100000")]), Some(3.0));
    }

    #[test]
    fn version_one_is_read_where_it_is_mounted() {
        let groups = "12:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n1:name=systemd:/docker/a\n0::/\n";
        let joined = [
            ("/cg/cpu,cpuacct/cgroup.procs", "1"),
            ("/cg/cpu,cpuacct/docker/a/cpu.cfs_quota_us", "250000\n"),
            ("/cg/cpu,cpuacct/docker/a/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(quota_of(groups, &joined), Some(2.5));
        let alone = [("/cg/cpu/cpu.cfs_quota_us", "50000"), ("/cg/cpu/cpu.cfs_period_us", "100000")];
        assert_eq!(quota_of(groups, &alone), Some(0.5));
        let none = [("/cg/cpu/cpu.cfs_quota_us", "-1"), ("/cg/cpu/cpu.cfs_period_us", "100000")];
        assert_eq!(quota_of(groups, &none), None);
    }

    #[test]
    fn the_tightest_memory_limit_counts() {
        let two =
            [("/cg/memory.max", "max\n"), ("/cg/a/memory.max", "4096"), ("/cg/a/b/memory.max", "9000\n")];
        assert_eq!(memory_max_of("0::/a/b\n", &two), Some(4096));
        assert_eq!(memory_max_of("0::/\n", &two), None);
        let one = [
            ("/cg/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/cg/memory/a/memory.limit_in_bytes", "1048576\n"),
            ("/cg/cpu/memory.limit_in_bytes", "1"),
        ];
        assert_eq!(memory_max_of("4:memory:/a\n1:cpu:/\n0::/\n", &one), Some(1_048_576));
    }

    #[test]
    fn nonsense_is_no_quota() {
        assert_eq!(quota_of("", &[]), None);
        assert_eq!(quota_of("0\n:\n0:cpu\nx:y:z:w\n", &[]), None);
    }
}
