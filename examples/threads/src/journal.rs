//! The journal in one file: read at the start, then appended to and synced by a thread of its own.
//!
//! While a sync is under way the records of others gather, and share the next. The file is never cut:
//! that takes snapshots, and is what `FileStore` of `mqtt-broker-tokio` does.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process;
use std::sync::PoisonError;

use mqtt_broker_core::{Broker, Config, Instant, Lsn, Record, Records, Stored};

use crate::Host;

/// Records that are not in the file yet.
#[derive(Default)]
pub(crate) struct Unkept {
    bytes: Vec<u8>,
    last: Lsn,
}

impl Unkept {
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        self.bytes.extend_from_slice(record.bytes);
        self.last = record.lsn;
    }
}

/// Makes a broker of what the file holds, and opens it for what comes.
///
/// # Errors
///
/// The system's; or the place where the file cannot be understood.
pub(crate) fn recover(path: &Path, mut config: Config, now: Instant) -> io::Result<(Broker, File)> {
    config.journal = true;
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut replay = Broker::replay(config);
    for stored in Records::new(&bytes) {
        match stored {
            Stored::Record(record) => replay.apply(record.bytes).map_err(io::Error::other)?,
            Stored::TornTail { offset } => {
                println!("cut off after {offset} bytes: the rest was being written at the end");
                file.set_len(offset as u64)?;
            }
            damage => return Err(io::Error::other(format!("{}: {damage:?}", path.display()))),
        }
    }
    file.sync_all()?;
    Ok((replay.finish(now).map_err(io::Error::other)?, file))
}

/// The thread: writes, syncs, and tells the broker, which lets go of what waited for it.
pub(crate) fn keep(host: &Host, mut file: File) {
    loop {
        let mut shared = host.lock();
        while shared.unkept.bytes.is_empty() {
            shared = host.recorded.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
        let Unkept { bytes, last } = core::mem::take(&mut shared.unkept);
        drop(shared);
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data()) {
            // Nobody knows what the file holds now: whoever starts next looks.
            eprintln!("the journal cannot be kept: {error}");
            process::exit(1);
        }
        host.tell(|broker, _| broker.durable(last));
    }
}

#[cfg(test)]
mod tests;
