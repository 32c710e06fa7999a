//! [`Piece`]: one file of records, appended to.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::directory::{named, private};

/// A file that ends with a whole record.
#[derive(Debug)]
pub(super) struct Piece {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Piece {
    /// Begins one. What a failed attempt left under its name is gone.
    pub(super) fn begin(path: PathBuf) -> io::Result<Self> {
        Self::open(path, 0)
    }

    /// Goes on with one, of which the first `len` bytes are whole; the rest is cut off.
    pub(super) fn reopen(path: PathBuf, len: u64) -> io::Result<Self> {
        let mut piece = Self::open(path, len)?;
        // Durable from here on, whatever it was before: nothing tells it from what comes.
        piece.sync()?;
        Ok(piece)
    }

    fn open(path: PathBuf, len: u64) -> io::Result<Self> {
        let opened = private().append(true).create(true).open(&path).and_then(|file| {
            file.set_len(len)?;
            Ok(file)
        });
        match opened {
            Ok(file) => Ok(Self { file, path, len }),
            Err(error) => Err(named(&path, &error)),
        }
    }

    /// If this is the file at `from`, it is at `to` now.
    pub(super) fn is_renamed(&mut self, from: &Path, to: PathBuf) {
        if self.path == from {
            self.path = to;
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Appends all of `bytes`, or nothing if the disk is full.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            self.file.set_len(self.len).map_err(|error| self.fatal(&error))?;
            return Err(named(&self.path, &error));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Makes all of it durable. There is no second try: after an error the system may have dropped
    /// what it could not write, and a second call would not tell.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data().map_err(|error| self.fatal(&error))
    }

    /// An error that is not that of a full disk, whatever the system calls it.
    fn fatal(&self, error: &io::Error) -> io::Error {
        io::Error::other(named(&self.path, error))
    }
}
