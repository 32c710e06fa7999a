//! The keys of `[journal]`: whether and how what lasts is kept over restarts.

use mqtt_broker_tokio::{FileStore, SyncLevel};

use super::keys::{Access, Key, Kind, Section};

/// Where the journal is, and what it promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JournalSettings {
    /// The directory; empty is none.
    pub(crate) path: String,
    /// When something counts as kept.
    pub(crate) sync: Sync,
    /// Bytes that it grows before it is told anew.
    pub(crate) snapshot_after: u64,
}

/// When something counts as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    Fsync,
    Os,
    Memory,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { path: String::new(), sync: Sync::Fsync, snapshot_after: 16 << 20 }
    }
}

impl JournalSettings {
    /// Whether anything is written.
    pub(crate) fn is_on(&self) -> bool {
        self.store().is_some()
    }

    /// The store, if there is to be one.
    pub(crate) fn store(&self) -> Option<FileStore> {
        let level = match self.sync {
            Sync::Fsync => SyncLevel::Fsync,
            Sync::Os => SyncLevel::Os,
            Sync::Memory => return None,
        };
        let store = FileStore::new(&self.path, level).with_snapshot_after(self.snapshot_after);
        (!self.path.is_empty()).then_some(store)
    }

    /// How the level is called.
    pub(crate) fn sync_name(&self) -> &'static str {
        SYNC_WORDS.get(self.sync as usize).copied().unwrap_or_default()
    }
}

const SYNC_WORDS: &[&str] = &["fsync", "os", "memory"];

/// Every key, in the order of the printed configuration.
pub(crate) static KEYS: &[Key<JournalSettings>] = &[
    Key {
        section: Section::Journal,
        name: "path",
        about: "The directory in which Sessions, retained and Will Messages are kept over restarts.",
        kind: Kind::Text,
        range: 0..=4096,
        access: Access::Text {
            read: |journal| &journal.path,
            write: |journal, text| text.clone_into(&mut journal.path),
        },
    },
    Key {
        section: Section::Journal,
        name: "sync",
        about: "What acknowledged messages survive: a power cut (fsync), the end of the process (os), \
                nothing (memory).",
        kind: Kind::Word(SYNC_WORDS),
        range: 0..=2,
        access: Access::Number {
            read: |journal| journal.sync as u64,
            write: |journal, number| {
                journal.sync = match number {
                    0 => Sync::Fsync,
                    1 => Sync::Os,
                    2 => Sync::Memory,
                    _ => return None,
                };
                Some(())
            },
        },
    },
    Key {
        section: Section::Journal,
        name: "snapshot_after",
        about: "How much is written before the journal is made short again.",
        kind: Kind::Size,
        range: 4_096..=1 << 40,
        access: Access::Number {
            read: |journal| journal.snapshot_after,
            write: |journal, number| {
                journal.snapshot_after = number;
                Some(())
            },
        },
    },
];

#[cfg(test)]
mod tests;
