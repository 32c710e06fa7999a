//! Recordings: begun with `--record`, played by `mqtt-broker replay`.
//!
//! The file begins with a line that says how long the configuration is, and the configuration; what
//! follows is the core's.

use core::error::Error;
use core::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mqtt_broker_core::{Instant, PlaybackError, play};

use crate::configuration::Configuration;

/// What the first line begins with.
const TITLE: &str = "mqtt-broker recording, bytes of configuration: ";

/// A recording that is to be made: what is written before it [begins](Self::begin) is refused.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    /// Bytes after which it ends.
    pub(crate) limit: u64,
    file: Arc<OnceLock<File>>,
}

impl Recording {
    /// One in this file, where nothing happens yet.
    pub(crate) fn new(path: &Path, limit: u64) -> Self {
        Self { path: path.into(), limit, file: Arc::default() }
    }

    /// Makes the file, readable by nobody else, and writes the configuration into it.
    ///
    /// # Errors
    ///
    /// A file that is there already; the system's. Both with the path.
    pub(crate) fn begin(&self, configuration: &Configuration) -> Result<(), RecordingError> {
        let text = configuration.annotated();
        let begun = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&self.path)?;
            file.write_all(format!("{TITLE}{}\n{text}", text.len()).as_bytes())?;
            Ok(file)
        };
        let file = begun().map_err(|error: io::Error| {
            let cause = match error.kind() {
                io::ErrorKind::AlreadyExists => Cause::Exists,
                _ => Cause::System(error),
            };
            RecordingError { path: self.path.clone(), cause }
        })?;
        // It begins once.
        let _ = self.file.set(file);
        Ok(())
    }
}

impl io::Write for Recording {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file.get().ok_or(io::ErrorKind::NotConnected)?;
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does again what the file says, and prints it.
///
/// # Errors
///
/// A file that is no recording, or outputs that differ from those recorded.
pub(crate) fn replay(path: &Path) -> Result<(), Box<dyn Error>> {
    let failed = |cause| RecordingError { path: path.into(), cause };
    let bytes = fs::read(path).map_err(|error| failed(Cause::System(error)))?;
    let (text, calls) = parts(&bytes).ok_or_else(|| failed(Cause::NotARecording))?;
    if calls.is_empty() {
        return Err(failed(Cause::Empty).into());
    }
    let mut configuration = Configuration::parse(path, text)?;
    configuration.broker.journal = configuration.journal.is_on();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut start = None;
    let played = play(&configuration.broker, calls, |now: Instant, step| {
        let since = now.since(*start.get_or_insert(now));
        // Nobody listening is no reason to stop checking.
        let _ = writeln!(out, "{:>12.6} {step}", since.as_secs_f64());
    });
    let _ = out.flush();
    drop(out);
    let played = played.map_err(|error| failed(Cause::Playback(error)))?;
    let end = if played.complete { "" } else { "; the last call is cut off" };
    match played.hash {
        Some(hash) => crate::say(&format!(
            "{} calls, the outputs are those recorded (hash {hash:016x}){end}\n",
            played.calls
        )),
        None => crate::say(&format!("{} calls, no outputs{end}\n", played.calls)),
    }
    Ok(())
}

/// The configuration, and the rest.
fn parts(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(TITLE.as_bytes())?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (number, rest) = rest.split_at(end);
    let len = core::str::from_utf8(number).ok()?.parse().ok()?;
    let (text, calls) = rest.get(1..)?.split_at_checked(len)?;
    Some((core::str::from_utf8(text).ok()?, calls))
}

/// A recording that cannot be written or read.
#[derive(Debug)]
pub(crate) struct RecordingError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    System(io::Error),
    Exists,
    NotARecording,
    Empty,
    Playback(PlaybackError),
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::System(error) => write!(f, "{path}: {error}"),
            Cause::Empty => {
                write!(f, "{path}: the broker ended before there was anything to record")
            }
            Cause::Playback(error) => write!(f, "{path}: {error}"),
            Cause::Exists => {
                write!(f, "{path} is there already, and is not written over: name another file")
            }
            Cause::NotARecording => {
                write!(f, "{path}: not a recording; --record FILE makes one")
            }
        }
    }
}

impl Error for RecordingError {}
