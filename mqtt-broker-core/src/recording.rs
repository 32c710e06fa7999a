//! Recordings: every call that changed a [`Broker`](crate::Broker), so that what it did can be done
//! and looked at again.
//!
//! With [`Config::recording`](crate::Config::recording) the broker writes down each call, with its
//! time and what the [`Policy`] answered; [`poll_recording`](crate::Broker::poll_recording) hands it
//! out. [`play`] makes the same calls again. Since the same calls give the same outputs, so does
//! that; a hash of all outputs, written into the recording each time it is handed out, shows it.
//!
//! A recording is a row of calls: a byte that tells which, then its fields. Numbers are 7 bits to a
//! byte, the lowest first, the top bit set in all but the last; text and bytes follow their length;
//! a time is its distance from the time before. It begins with its version and the seed, and is for
//! this version of the broker only. It holds all that clients sent, passwords too.

mod call;
mod playback;

use alloc::vec::Vec;
use core::fmt::{self, Write as _};

pub(crate) use self::call::Call;
pub use self::playback::{PlaybackError, Played, Step, play};
use crate::boundary::ConnectionHandle;
use crate::policy::{
    AuthenticateRequest, ConnectRequest, DeliverRequest, Policy, PublishRequest, SubscribeRequest,
    UnsubscribeRequest, Verdict,
};
use crate::time::Instant;

/// The version of the form of a recording.
const VERSION: u64 = 2;

/// Writes a recording.
pub(crate) struct Recorder {
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

impl Recorder {
    pub(crate) fn new(limit: u64, seed: u64) -> Self {
        let mut recorder = Self {
            bytes: Vec::new(),
            room: limit,
            now: Instant::default(),
            left: Vec::new(),
            hash: OutputHash::default(),
            hash_told: 0,
            outputs: 0,
            records: 0,
        };
        recorder.put(&Call::Begin { version: VERSION, seed });
        recorder
    }

    /// A call without a time.
    pub(crate) fn call(&mut self, call: &Call<'_>) {
        self.end_rows();
        self.put(call);
    }

    /// A call with its time.
    pub(crate) fn call_at(&mut self, now: Instant, call: &Call<'_>) {
        self.end_rows();
        if now != self.now {
            let (forward, backward) = (now.0.wrapping_sub(self.now.0), self.now.0 > now.0);
            let distance = if backward { self.now.0 - now.0 } else { forward };
            self.put(&Call::Time { distance, backward });
            self.now = now;
        }
        self.put(call);
    }

    pub(crate) fn input(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        bytes: &[u8],
        consumed: usize,
        verdicts: &[Verdict],
    ) {
        self.verdicts(verdicts);
        let index = connection.index();
        if self.left.len() <= index {
            self.left.resize(index + 1, 0);
        }
        let Some(left) = self.left.get_mut(index) else { return };
        let known = (*left).min(bytes.len());
        *left = bytes.len() - consumed.min(bytes.len());
        let bytes = bytes.get(known..).unwrap_or_default();
        self.call_at(now, &Call::Input { connection, bytes });
    }

    pub(crate) fn eof(&mut self, now: Instant, connection: ConnectionHandle) {
        if let Some(left) = self.left.get_mut(connection.index()) {
            *left = 0;
        }
        self.call_at(now, &Call::Eof { connection });
    }

    pub(crate) fn transmit(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        buffer: usize,
        verdicts: &[Verdict],
    ) {
        self.verdicts(verdicts);
        self.call_at(now, &Call::Transmit { connection, buffer: buffer as u64 });
    }

    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        self.hash.bytes(bytes);
    }

    pub(crate) fn output(&mut self, output: Option<&impl fmt::Debug>) {
        if self.records > 0 {
            self.end_rows();
        }
        self.outputs += 1;
        if let Some(output) = output {
            // A hash takes all it is given.
            let _ = write!(self.hash, "{output:?}");
        }
    }

    pub(crate) fn record(&mut self, bytes: &[u8]) {
        if self.outputs > 0 {
            self.end_rows();
        }
        self.records += 1;
        self.hash.bytes(bytes);
    }

    pub(crate) const fn output_hash(&self) -> u64 {
        self.hash.0
    }

    /// What came since the last time; `None` if nothing did.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
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
pub(crate) struct OutputHash(u64);

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

/// A policy that is listened to.
pub(crate) struct Overheard<'a> {
    pub(crate) policy: &'a mut dyn Policy,
    pub(crate) verdicts: Vec<Verdict>,
}

impl<'a> Overheard<'a> {
    pub(crate) fn new(policy: &'a mut dyn Policy) -> Self {
        Self { policy, verdicts: Vec::new() }
    }

    fn note(&mut self, verdict: Verdict) -> Verdict {
        self.verdicts.push(verdict.clone());
        verdict
    }
}

impl Policy for Overheard<'_> {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let verdict = self.policy.connect(request);
        self.note(verdict)
    }

    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        let verdict = self.policy.authenticate(request);
        self.note(verdict)
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let verdict = self.policy.publish(request);
        self.note(verdict)
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        let verdict = self.policy.subscribe(request);
        self.note(verdict)
    }

    fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
        let verdict = self.policy.unsubscribe(request);
        self.note(verdict)
    }

    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        let verdict = self.policy.deliver(request);
        self.note(verdict)
    }
}
