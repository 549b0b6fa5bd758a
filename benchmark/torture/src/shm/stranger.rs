//! A process of another user can neither connect nor look into the memory.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use volo_core::BoxError;

use super::{Server, liar};
use crate::report::Report;

/// The word that makes this program a process of another user.
pub const STRANGER: &str = "role-stranger";

/// The user `nobody`.
const NOBODY: u32 = 65534;

/// Runs the case, which needs root.
pub fn run(report: &mut Report) -> Result<(), BoxError> {
    let case = "another user";
    if rustix::process::geteuid().as_raw() != 0 {
        eprintln!("SKIPPED: `{case}` has to be run as root");
        report.tell(case, "SKIPPED: not run as root", 0u64);
        return Ok(());
    }
    let server = Server::start("stranger")?;
    let session = liar::Liar::connect(&server.path())?;
    fs::set_permissions(&server.directory, fs::Permissions::from_mode(0o755))?;
    // The program itself may lie where nobody else can read it.
    let program = server.directory.join("program");
    fs::copy(std::env::current_exe()?, &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    for (what, mode, expected) in
        [("socket as it is", 0o600, "PermissionDenied"), ("socket open to all", 0o666, "refused")]
    {
        fs::set_permissions(server.path(), fs::Permissions::from_mode(mode))?;
        let mut command = Command::new(&program);
        command.arg(STRANGER).arg(server.path()).arg(server.process.id().to_string());
        let output = command.uid(NOBODY).gid(NOBODY).current_dir("/").stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines().map(str::to_owned);
        for (tried, expected) in [
            ("connecting", expected),
            ("opening its descriptors", "PermissionDenied"),
            ("listing its mappings", "PermissionDenied"),
        ] {
            let outcome = lines.next().unwrap_or_else(|| "nothing".to_owned());
            report.equal(&format!("{case}: {tried}, {what}"), "outcome", outcome, expected.to_owned());
        }
    }
    drop(session);
    Ok(())
}

/// Tries everything, and says how each ended.
pub fn intrude(words: &[String]) -> Result<(), BoxError> {
    let [path, process] = words else { return Err("a path and a process are needed".into()) };
    println!("{}", connect(Path::new(path)));
    for list in ["fd", "map_files"] {
        let opened = fs::read_dir(format!("/proc/{process}/{list}"));
        println!("{}", opened.map_or_else(|error| format!("{:?}", error.kind()), |_| "opened".to_owned()));
    }
    Ok(())
}

fn connect(path: &Path) -> String {
    let socket = match UnixStream::connect(path) {
        Ok(socket) => socket,
        Err(error) => return format!("{:?}", error.kind()),
    };
    let _ = socket.set_read_timeout(Some(Duration::from_secs(5)));
    let offered = liar::memory().and_then(|(file, _own)| liar::send(&socket, &liar::offer(), &[&file]));
    match offered.and_then(|()| liar::receive(&socket)) {
        Ok((answer, None)) if answer[8] == 3 => "refused".to_owned(),
        Ok((_, file)) => format!("accepted, with a descriptor: {}", file.is_some()),
        Err(_) => "refused".to_owned(),
    }
}
