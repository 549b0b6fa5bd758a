//! Control groups below that of this process, where it may make some.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::report::Report;

const ROOT: &str = "/sys/fs/cgroup";

/// A control group for other processes.
pub struct Group {
    folder: PathBuf,
    is_first_version: bool,
}

impl Group {
    /// A new group in which `controller` can be told what it may take; where there can be none, that is said aloud.
    pub fn make(controller: &str, case: &str, report: &mut Report) -> Option<Group> {
        match Group::new(controller) {
            Ok(group) => Some(group),
            Err(why) => {
                eprintln!("SKIPPED: `{case}` needs a control group for {controller}: {why}");
                report.tell(case, "SKIPPED: no control group can be made", 0u64);
                None
            }
        }
    }

    fn new(controller: &str) -> Result<Group, String> {
        let groups = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let (parent, is_first_version) = parent(&groups, controller)?;
        if !is_first_version {
            let control = parent.join("cgroup.subtree_control");
            fs::write(&control, format!("+{controller}")).map_err(|error| of(&control, &error))?;
        }
        let folder = parent.join(format!("volo-torture-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| of(&folder, &error))?;
        Ok(Group { folder, is_first_version })
    }

    /// Says how much processor time it may take per 100 ms.
    pub fn processor_ms(&self, time_ms: u64) -> Result<(), String> {
        let time_us = time_ms * 1000;
        match self.is_first_version {
            true => self.set("cpu.cfs_quota_us", &time_us.to_string()),
            false => self.set("cpu.max", &format!("{time_us} 100000")),
        }
    }

    /// Says how much memory it may take.
    pub fn memory_max(&self, bytes: u64) -> Result<(), String> {
        let file = if self.is_first_version { "memory.limit_in_bytes" } else { "memory.max" };
        self.set(file, &bytes.to_string())
    }

    fn set(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.folder.join(file);
        fs::write(&path, value).map_err(|error| of(&path, &error))
    }

    /// What a shell does to enter it.
    pub fn enter(&self) -> String {
        format!("echo $$ > '{}'", self.folder.join("cgroup.procs").display())
    }
}

impl Drop for Group {
    /// Its processes have ended, but may not have left yet.
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn of(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Where the groups below this process's are, and whether they are of the first version.
fn parent(groups: &str, controller: &str) -> Result<(PathBuf, bool), String> {
    let mut second = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let group = group.trim_start_matches('/');
        if controllers.is_empty() {
            second = Some(Path::new(ROOT).join(group));
        } else if controllers.split(',').any(|it| it == controller) {
            return Ok((Path::new(ROOT).join(controllers).join(group), true));
        }
    }
    second.map(|folder| (folder, false)).ok_or_else(|| "this process is in none".to_owned())
}
