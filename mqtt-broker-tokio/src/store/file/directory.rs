//! [`Directory`]: the directory of a journal, its lock, and the names of its pieces.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use mqtt_broker_core::Lsn;

/// A directory that nobody else uses.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// The name of a piece. They are in the order of their records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Its first record.
    pub(super) first: Lsn,
    /// A snapshot that is whole begins with it.
    pub(super) is_snapshot: bool,
}

impl Directory {
    /// Makes it if need be, and locks it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        make(path).map_err(|error| named(path, &error))?;
        let lock_path = path.join("lock");
        let lock = lock(&lock_path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                let text = format!("{}: another broker keeps its journal there", path.display());
                io::Error::new(error.kind(), text)
            }
            _ => named(&lock_path, &error),
        })?;
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// Every piece, the oldest first.
    pub(super) fn names(&self) -> io::Result<Vec<Name>> {
        let entries = fs::read_dir(&self.path).map_err(|error| named(&self.path, &error))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| named(&self.path, &error))?;
            names.extend(Name::read(&entry.file_name().to_string_lossy()));
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn path(&self, name: Name) -> PathBuf {
        let extension = if name.is_snapshot { "snapshot" } else { "journal" };
        self.path.join(format!("{:020}.{extension}", name.first.0))
    }

    /// Renames a piece, durably.
    pub(super) fn rename(&self, from: Name, to: Name) -> io::Result<()> {
        let path = self.path(from);
        fs::rename(&path, self.path(to)).map_err(|error| named(&path, &error))?;
        self.sync()
    }

    pub(super) fn remove(&self, names: impl IntoIterator<Item = Name>) -> io::Result<()> {
        for path in names.into_iter().map(|name| self.path(name)) {
            fs::remove_file(&path).map_err(|error| named(&path, &error))?;
        }
        Ok(())
    }

    /// Makes durable what files there are. Systems that do not open directories do so by themselves.
    pub(super) fn sync(&self) -> io::Result<()> {
        if cfg!(unix) {
            let directory = File::open(&self.path).map_err(|error| named(&self.path, &error))?;
            let synced = directory.sync_all();
            return synced.map_err(|error| io::Error::other(named(&self.path, &error)));
        }
        Ok(())
    }
}

impl Name {
    /// The piece of this file name, if it is one.
    fn read(name: &str) -> Option<Self> {
        let (number, extension) = name.split_once('.')?;
        let is_snapshot = match extension {
            "journal" => false,
            "snapshot" => true,
            _ => return None,
        };
        if number.len() != 20 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { first: Lsn(number.parse().ok()?), is_snapshot })
    }
}

/// Makes a directory and those above it, if they are not there, durably.
fn make(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(path)?;
    let above = missing.into_iter().filter_map(Path::parent);
    above.into_iter().filter(|_| cfg!(unix)).try_for_each(|directory| {
        let here = Path::new(".");
        let directory = if directory.as_os_str().is_empty() { here } else { directory };
        File::open(directory)?.sync_all()
    })
}

/// The error with the path in its text, of the same kind. That no file can be opened now has a kind
/// only here.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    let kind = if no_file_is_left(error) { io::ErrorKind::ResourceBusy } else { error.kind() };
    io::Error::new(kind, format!("{}: {error}", path.display()))
}

/// Whether this process, or the system, has as many files open as it may.
fn no_file_is_left(error: &io::Error) -> bool {
    #[cfg(unix)]
    let numbers = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(|it| it.raw_os_error());
    // ERROR_TOO_MANY_OPEN_FILES
    #[cfg(windows)]
    let numbers = [4];
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

/// Opens a file for nobody else to read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn lock(path: &Path) -> io::Result<File> {
    let file = private().write(true).create(true).truncate(false).open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// A file that nobody else can open meanwhile.
#[cfg(windows)]
fn lock(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const SHARING_VIOLATION: i32 = 32;
    let opened = private().write(true).create(true).truncate(false).share_mode(0).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}
