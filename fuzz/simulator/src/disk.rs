//! [`Disk`]: the store under a node's journal. It keeps what was synced, and of the rest what a
//! crash happens to leave.

use mqtt_broker_core::Lsn;

/// One journal.
#[derive(Debug, Default)]
pub struct Disk {
    records: Vec<Stored>,
    /// How many of the records are synced.
    synced: usize,
}

#[derive(Clone, Debug)]
struct Stored {
    lsn: Lsn,
    bytes: Vec<u8>,
}

impl Disk {
    /// Appends a record.
    pub fn append(&mut self, lsn: Lsn, bytes: &[u8]) {
        self.records.push(Stored { lsn, bytes: bytes.to_vec() });
    }

    /// The newest record.
    #[must_use]
    pub fn written(&self) -> Lsn {
        self.records.last().map_or(Lsn(0), |record| record.lsn)
    }

    /// The newest record that is synced.
    #[must_use]
    pub fn synced(&self) -> Lsn {
        let last = self.synced.checked_sub(1).and_then(|last| self.records.get(last));
        last.map_or(Lsn(0), |record| record.lsn)
    }

    /// A sync that began when `lsn` was the newest record is done.
    pub fn sync(&mut self, lsn: Lsn) {
        let synced = self.records.partition_point(|record| record.lsn <= lsn);
        self.synced = self.synced.max(synced);
    }

    /// What there is to read after a restart: each record in order.
    pub fn records(&self) -> impl Iterator<Item = (Lsn, &[u8])> {
        self.records.iter().map(|record| (record.lsn, &record.bytes[..]))
    }
}
