//! [`Recorder`]: writes a recording, if one is made.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use super::call::Call;
use crate::boundary::ConnectionHandle;
use crate::config::Config;
use crate::policy::Verdict;
use crate::time::Instant;

/// The recording of a broker, if one is made.
pub(crate) struct Recorder(Option<Box<Writer>>);

impl Recorder {
    pub(crate) fn new(config: &Config) -> Self {
        let Config { recording, seed, .. } = *config;
        Self((recording > 0).then(|| Box::new(Writer::new(recording, seed))))
    }

    /// One that writes nothing.
    pub(crate) const fn off() -> Self {
        Self(None)
    }

    #[inline]
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A call without a time.
    #[inline]
    pub(crate) fn call(&mut self, call: &Call<'_>) {
        if let Some(writer) = &mut self.0 {
            writer.call(call);
        }
    }

    /// A call with its time.
    #[inline]
    pub(crate) fn call_at(&mut self, now: Instant, call: &Call<'_>) {
        if let Some(writer) = &mut self.0 {
            writer.call_at(now, call);
        }
    }

    /// An input of which so much was consumed, and what was asked meanwhile.
    pub(crate) fn input(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        bytes: &[u8],
        consumed: usize,
        verdicts: &[Verdict],
    ) {
        let Some(writer) = &mut self.0 else { return };
        let index = connection.index();
        if writer.left.len() <= index {
            writer.left.resize(index + 1, 0);
        }
        let Some(left) = writer.left.get_mut(index) else { return };
        let known = (*left).min(bytes.len());
        *left = bytes.len() - consumed.min(bytes.len());
        let bytes = bytes.get(known..).unwrap_or_default();
        writer.verdicts(verdicts);
        writer.call_at(now, &Call::Input { connection, bytes });
    }

    #[inline]
    pub(crate) fn eof(&mut self, now: Instant, connection: ConnectionHandle) {
        let Some(writer) = &mut self.0 else { return };
        if let Some(left) = writer.left.get_mut(connection.index()) {
            *left = 0;
        }
        writer.call_at(now, &Call::Eof { connection });
    }

    /// A request for bytes, and what was asked meanwhile.
    pub(crate) fn transmit(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        buffer: usize,
        verdicts: &[Verdict],
    ) {
        let Some(writer) = &mut self.0 else { return };
        writer.verdicts(verdicts);
        writer.call_at(now, &Call::Transmit { connection, buffer: buffer as u64 });
    }

    /// Bytes that went out.
    #[inline]
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        if let Some(writer) = &mut self.0 {
            writer.hash.bytes(bytes);
        }
    }

    /// An output, or the answer that there is none.
    #[inline]
    pub(crate) fn output(&mut self, output: Option<&impl fmt::Debug>) {
        let Some(writer) = &mut self.0 else { return };
        if writer.records > 0 {
            writer.end_rows();
        }
        writer.outputs += 1;
        if let Some(output) = output {
            // A hash takes all it is given.
            let _ = write!(writer.hash, "{output:?}");
        }
    }

    /// A record of the journal.
    #[inline]
    pub(crate) fn record(&mut self, bytes: &[u8]) {
        let Some(writer) = &mut self.0 else { return };
        if writer.outputs > 0 {
            writer.end_rows();
        }
        writer.records += 1;
        writer.hash.bytes(bytes);
    }

    /// What came since the last time; `None` if nothing did.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.0.as_mut()?.take()
    }

    pub(crate) fn output_hash(&self) -> Option<u64> {
        self.0.as_ref().map(|writer| writer.hash.0)
    }
}

/// The version of the form of a recording.
pub(super) const VERSION: u64 = 3;

/// Writes a recording.
struct Writer {
    /// Not handed out yet.
    bytes: Vec<u8>,
    /// Bytes it may still have.
    room: u64,
    now: Instant,
    /// Bytes that each connection left unconsumed: they are offered again and not recorded twice.
    left: Vec<usize>,
    hash: OutputHash,
    hash_told: u64,
    /// Calls of `poll_output` and of `poll_journal` in a row.
    outputs: u64,
    records: u64,
}

impl Writer {
    fn new(limit: u64, seed: u64) -> Self {
        let mut writer = Self {
            bytes: Vec::new(),
            room: limit,
            now: Instant::default(),
            left: Vec::new(),
            hash: OutputHash::default(),
            hash_told: 0,
            outputs: 0,
            records: 0,
        };
        writer.put(&Call::Begin { version: VERSION, seed });
        writer
    }

    /// A call without a time.
    fn call(&mut self, call: &Call<'_>) {
        self.end_rows();
        self.put(call);
    }

    /// A call with its time.
    fn call_at(&mut self, now: Instant, call: &Call<'_>) {
        self.end_rows();
        if now != self.now {
            let (forward, backward) = (now.0.wrapping_sub(self.now.0), self.now.0 > now.0);
            let distance = if backward { self.now.0 - now.0 } else { forward };
            self.put(&Call::Time { distance, backward });
            self.now = now;
        }
        self.put(call);
    }

    /// What came since the last time; `None` if nothing did.
    fn take(&mut self) -> Option<Vec<u8>> {
        self.end_rows();
        if self.bytes.is_empty() {
            return None;
        }
        if self.hash.0 != self.hash_told {
            self.hash_told = self.hash.0;
            self.put(&Call::Check { hash: self.hash.0 });
        }
        Some(core::mem::take(&mut self.bytes))
    }

    fn verdicts(&mut self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            self.call(&Call::Verdict(verdict.clone()));
        }
    }

    fn end_rows(&mut self) {
        let (outputs, records) = (self.outputs, self.records);
        (self.outputs, self.records) = (0, 0);
        if outputs > 0 {
            self.put(&Call::Outputs(outputs));
        }
        if records > 0 {
            self.put(&Call::Records(records));
        }
    }

    /// The one that does not fit is the last.
    fn put(&mut self, call: &Call<'_>) {
        if self.room == 0 {
            return;
        }
        let before = self.bytes.len();
        call.encode(&mut self.bytes);
        let len = (self.bytes.len() - before) as u64;
        match self.room.checked_sub(len) {
            Some(room) => self.room = room,
            None => {
                self.bytes.truncate(before);
                self.room = 0;
            }
        }
    }
}

/// FNV-1a over everything that came out of a broker. Nobody is to be kept from making two
/// recordings that share it.
#[derive(Clone, Copy)]
struct OutputHash(u64);

impl Default for OutputHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl OutputHash {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl fmt::Write for OutputHash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}
