//! Debian packages: installed, or unpacked into a directory of ours beside the installed ones.

use crate::process::{Outcome, output};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// One apt at a time: it holds a lock and would fail rather than wait.
static APT: Mutex<()> = Mutex::new(());

/// Makes sure that `program` can be run, installing `package` if it is missing.
pub(crate) fn require_program(program: &str, package: &str) -> Outcome {
    let found = output(Command::new("sh").args(["-c", &format!("command -v {program}")]));
    if found.is_ok() { Ok(()) } else { install(&[package]) }
}

/// Installs the packages.
pub(crate) fn install(packages: &[&str]) -> Outcome {
    let _turn = APT.lock().map_err(|error| error.to_string())?;
    update()?;
    let options = ["install", "-y", "-q", "--no-install-recommends"];
    let mut command = Command::new("apt-get");
    command.args(options).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    output(&mut command).map(drop)
}

/// Downloads the packages (`name` or `name=version`), whose lists are up to date, and unpacks them under `directory`, without
/// installing them: a second version of a package can stand beside the installed one.
pub(crate) fn unpack(packages: &[&str], directory: &Path) -> Outcome {
    let _turn = APT.lock().map_err(|error| error.to_string())?;
    let archives = directory.join("archives");
    std::fs::create_dir_all(&archives).map_err(|error| format!("{archives:?}: {error}"))?;
    let mut download = Command::new("apt-get");
    output(download.args(["download", "-q"]).args(packages).current_dir(&archives))?;
    let entries = std::fs::read_dir(&archives).map_err(|error| error.to_string())?;
    for entry in entries {
        let archive = entry.map_err(|error| error.to_string())?.path();
        output(Command::new("dpkg").arg("-x").arg(&archive).arg(directory))?;
    }
    std::fs::remove_dir_all(&archives).map_err(|error| error.to_string())
}

/// Fetches the package lists: a new machine has none, or old ones.
pub(crate) fn update() -> Outcome {
    output(Command::new("apt-get").args(["update", "-q"])).map(drop)
}
