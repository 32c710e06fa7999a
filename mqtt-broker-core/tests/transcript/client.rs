//! A client of a transcript: its Network Connection, and what came out of it.

use alloc::collections::VecDeque;

use mqtt_codec::{Connect, Framed, Sender, Version, frame};

/// A client, by the name that the transcript gives it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    /// It has a Network Connection.
    pub(crate) is_open: bool,
    pub(crate) version: Version,
    /// What it told the broker about the packets it takes.
    pub(crate) maximum_packet_size: u32,
    /// Bytes that came to it and are not yet a packet.
    arriving: Vec<u8>,
    /// What came to it and the transcript has not mentioned yet.
    pub(crate) inbox: VecDeque<Seen>,
}

/// Something that a client, or the host, has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A packet, as `{}` and as `{:#}`.
    Packet(String, String),
    /// The broker closed the Network Connection.
    Closed(String),
}

impl Client {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            is_open: false,
            version: Version::V5,
            maximum_packet_size: u32::MAX,
            arriving: Vec::new(),
            inbox: VecDeque::new(),
        }
    }

    /// A new Network Connection: nothing of the old one is left but what was seen.
    pub(crate) fn opened(&mut self) {
        let inbox = core::mem::take(&mut self.inbox);
        let name = core::mem::take(&mut self.name);
        *self = Self { is_open: true, inbox, ..Self::new(name) };
    }

    /// Its CONNECT tells how to read the answers.
    pub(crate) fn says(&mut self, connect: &Connect<'_>) {
        self.version = connect.version;
        let maximum = connect.properties.maximum_packet_size();
        self.maximum_packet_size = maximum.map_or(u32::MAX, Into::into);
    }

    /// Raw bytes may be a CONNECT, of whatever version.
    pub(crate) fn says_bytes(&mut self, bytes: &[u8]) {
        if let Ok(Framed::Complete(frame)) = frame(bytes, Sender::Client, u32::MAX) {
            let level = frame.connect_level();
            let unknown = match level {
                Some(level) if (Version::V5.level() + 1..0x80).contains(&level) => {
                    Some(Version::V5)
                }
                Some(_) => Some(Version::V3_1_1),
                None => None,
            };
            self.version = frame.connect_version().or(unknown).unwrap_or(self.version);
        }
    }

    /// Bytes from the broker: every whole packet among them goes to the inbox.
    pub(crate) fn receives(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.arriving.extend_from_slice(bytes);
        loop {
            let framed = frame(&self.arriving, Sender::Server, self.maximum_packet_size);
            let length = match framed {
                Ok(Framed::Incomplete { .. }) => return Ok(()),
                Ok(Framed::Complete(frame)) => {
                    let packet = frame.decode(self.version).map_err(|e| self.garbled(&e))?;
                    let seen = Seen::Packet(packet.to_string(), format!("{packet:#}"));
                    self.inbox.push_back(seen);
                    frame.encoded_len()
                }
                Err(error) => return Err(self.garbled(&error)),
            };
            self.arriving.drain(..length);
        }
    }

    /// The broker closed.
    pub(crate) fn closed(&mut self, reason: String) -> Result<(), String> {
        self.is_open = false;
        self.inbox.push_back(Seen::Closed(reason));
        if self.arriving.is_empty() {
            return Ok(());
        }
        Err(format!("{}: closed amid a packet: {:02x?}", self.name, self.arriving))
    }

    fn garbled(&self, error: &mqtt_codec::DecodeError) -> String {
        format!(
            "{}: the broker sent bytes that are wrong: {error}: {:02x?}",
            self.name, self.arriving
        )
    }
}

impl core::fmt::Display for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Packet(_, text) => write!(f, "`{text}`"),
            Self::Closed(reason) => write!(f, "`is closed: {reason}`"),
        }
    }
}
