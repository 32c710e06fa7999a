//! A broker with a few Network Connections, driven by a fuzz target: what holds for every broker is
//! checked at every step.

mod peers;

use mqtt_broker_core::{
    AllowAll, Broker, Config, ConnectionHandle, Instant, Lsn, Output, Peer, play,
};
use mqtt_codec::{
    Connect, Framed, Packet, Properties, Property, QoS, Sender, TopicName, Utf8String, Version,
    Will, frame,
};

/// The Client Identifiers that come.
pub const CLIENTS: [&str; 4] = ["a", "b", "c", "d"];
/// How many Network Connections there are at most.
pub const LINKS: usize = 4;
/// Bytes that a link carries before its client gives up.
const CARRIED: usize = 64 << 10;
/// When a world begins.
const BEGINNING: Instant = Instant::from_secs(1_000_000);

/// A broker, its connections, and the time.
pub struct World {
    pub broker: Broker,
    pub now: Instant,
    links: [Option<Link>; LINKS],
    journaled: Lsn,
    /// What the journal has.
    pub records: Vec<Vec<u8>>,
    /// So many of them are durable.
    durable: usize,
    /// The other ends of links to peers.
    peers: [Option<Broker>; peers::PEERS],
}

struct Link {
    handle: ConnectionHandle,
    /// What its first packet said, if that was a CONNECT.
    version: Option<Version>,
    input: Vec<u8>,
    waiting: bool,
    output: Vec<u8>,
}

impl World {
    /// A broker with small limits, so that a short input reaches them.
    pub fn new(journal: bool) -> Self {
        Self::of(Broker::new(config(journal)), BEGINNING)
    }

    /// A broker that is there.
    pub fn of(broker: Broker, now: Instant) -> Self {
        let links = [const { None }; LINKS];
        let (records, peers) = (Vec::new(), [const { None }; peers::PEERS]);
        Self { broker, now, links, journaled: Lsn(0), records, durable: 0, peers }
    }

    /// Opens a connection, in place of any that is there.
    pub fn open(&mut self, link: usize) {
        self.cut(link);
        if let Ok(handle) = self.broker.handle_accept(self.now, Peer::default()) {
            let (input, output) = (Vec::new(), Vec::new());
            let link = &mut self.links[link % LINKS];
            *link = Some(Link { handle, version: None, input, waiting: false, output });
        }
    }

    /// Bytes come on a connection, which is opened if it was not.
    pub fn input(&mut self, link: usize, bytes: &[u8]) {
        if self.links[link % LINKS].is_none() {
            self.open(link);
        }
        let Some(state) = &mut self.links[link % LINKS] else { return };
        state.input.extend_from_slice(bytes);
        if let Ok(Framed::Complete(first)) = frame(&state.input, Sender::Client, u32::MAX) {
            state.version = state.version.or(first.connect_version());
        }
        self.offer(link);
    }

    /// A packet comes on a connection, in its version.
    pub fn packet(&mut self, link: usize, packet: &Packet<'_>) {
        let version = match packet {
            Packet::Connect(connect) => connect.version,
            _ => self.version(link),
        };
        let mut bytes = vec![0; packet.encoded_len(version)];
        if packet.encode(version, &mut bytes).is_ok() {
            self.input(link, &bytes);
        }
    }

    /// The version that a connection speaks; 3.1.1 before its CONNECT.
    pub fn version(&self, link: usize) -> Version {
        let link = self.links[link % LINKS].as_ref();
        link.and_then(|link| link.version).unwrap_or(Version::V3_1_1)
    }

    /// Gives the broker what the link carries.
    fn offer(&mut self, link: usize) {
        let Some(state) = &mut self.links[link % LINKS] else { return };
        if !state.waiting {
            let len = state.input.len();
            let received =
                self.broker.handle_input(self.now, state.handle, &state.input, &mut AllowAll);
            assert!(received.consumed <= len);
            state.input.drain(..received.consumed);
            state.waiting = received.waiting;
            if !received.waiting && received.consumed < len {
                // Half a packet: more than there is, and no more than a packet may have.
                assert!(received.needed > state.input.len());
                assert!(received.needed <= self.broker.config().maximum_packet_size as usize);
            }
        }
        if state.input.len() > CARRIED {
            self.cut(link);
        }
    }

    /// The client reads all there is, through a buffer of this size.
    pub fn read(&mut self, link: usize, buffer: usize) {
        self.outputs();
        let Some(state) = &mut self.links[link % LINKS] else { return };
        let mut buffer = vec![0; buffer.max(64)];
        while let Some(sent) =
            self.broker.poll_transmit(self.now, state.handle, &mut buffer, &mut AllowAll)
        {
            assert!(sent.len + sent.payload.len() > 0);
            let payload = sent.payload;
            state.output.extend_from_slice(&buffer[..sent.len]);
            state.output.extend_from_slice(payload);
        }
        let mut rest = &state.output[..];
        while let Framed::Complete(packet) = frame(rest, Sender::Server, u32::MAX).unwrap() {
            rest = &rest[packet.encoded_len()..];
            match state.version {
                Some(version) => assert!(packet.decode(version).is_ok()),
                None => assert!(Version::ALL.iter().any(|v| packet.decode(*v).is_ok())),
            }
        }
        state.output = rest.to_vec();
    }

    /// The transport ends.
    pub fn cut(&mut self, link: usize) {
        if let Some(link) = self.links[link % LINKS].take() {
            self.broker.handle_eof(self.now, link.handle);
        }
    }

    /// Time passes.
    pub fn wait(&mut self, milliseconds: u64) {
        self.now = Instant(self.now.0 + milliseconds * 1000);
        self.broker.handle_timeout(self.now);
    }

    /// Does what the broker wants, as far as it is not about bytes.
    pub fn outputs(&mut self) {
        let (mut closed, mut resumed) = (Vec::new(), Vec::new());
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Close(handle, _) => closed.push(handle),
                Output::Resume(handle) => resumed.push(handle),
                _ => {}
            }
        }
        for link in 0..LINKS {
            let Some(state) = &mut self.links[link] else { continue };
            if closed.contains(&state.handle) {
                self.cut(link);
            } else if resumed.contains(&state.handle) {
                state.waiting = false;
                self.offer(link);
            }
        }
    }

    /// All records there are become durable.
    pub fn sync(&mut self) {
        self.write();
        self.durable = self.records.len();
        self.broker.durable(self.journaled);
    }

    /// All records there are are written.
    fn write(&mut self) {
        while let Some(record) = self.broker.poll_journal() {
            assert!(record.lsn > self.journaled);
            self.journaled = record.lsn;
            self.records.push(record.bytes.to_vec());
        }
    }

    /// The program is killed; what was durable is found again, with `more` all that was written.
    pub fn crash(&mut self, more: bool) {
        if !self.broker.config().journal {
            return;
        }
        self.write();
        self.records.truncate(if more { self.records.len() } else { self.durable });
        let mut replay = Broker::replay(self.broker.config().clone());
        for record in &self.records {
            replay.apply(record).unwrap();
        }
        let broker = replay.finish(self.now).unwrap();
        *self = Self { records: std::mem::take(&mut self.records), ..Self::of(broker, self.now) };
        self.journaled = Lsn(self.records.len() as u64);
        self.durable = self.records.len();
    }

    /// Everybody leaves: only retained messages are left.
    pub fn end(mut self) {
        for link in 0..LINKS {
            self.cut(link);
        }
        let clients: Vec<_> =
            self.broker.sessions().map(|session| session.client_identifier.to_owned()).collect();
        for client in clients {
            self.broker.remove_session(self.now, &client);
        }
        self.leave_peers();
        for _ in 0..10_000 {
            self.outputs();
            self.sync();
            match self.broker.poll_timeout() {
                Some(due) if due <= self.now => self.broker.handle_timeout(self.now),
                _ => break,
            }
        }
        if let Some(recording) = self.broker.poll_recording() {
            let played = play(self.broker.config(), &recording, |_, _| {}).unwrap();
            assert!(played.complete);
            assert_eq!(played.hash, self.broker.output_hash());
        }
        let stats = self.broker.stats();
        assert_eq!((stats.connections, stats.sessions, stats.subscriptions), (0, 0, 0));
        assert_eq!(stats.entries, 0);
        // What peers have not confirmed is kept for them.
        let left = stats.retained..=stats.retained + stats.forwards_kept;
        assert!(left.contains(&stats.publications), "{} publications", stats.publications);
    }
}

/// Small limits.
pub fn config(journal: bool) -> Config {
    let mut config = Config::default();
    config.journal = journal;
    config.recording = u64::from(journal) << 24;
    config.maximum_packet_size = 4096;
    config.receive_maximum = 3;
    config.inflight_messages = 2;
    config.queue_messages = 4;
    config.queue_bytes = 8192;
    config.limits.connect_packet_size = 1024;
    config.limits.publication_bytes = 32 << 10;
    config.limits.entries = 64;
    config.limits.retained = 8;
    config.limits.sessions = 6;
    config.limits.subscriptions_per_client = 16;
    config.limits.outputs = 64;
    // Whatever can wait for a turn does.
    config.steps_per_call = 8;
    config
}

/// A client's CONNECT.
pub fn connect(
    world: &mut World,
    link: usize,
    client: u8,
    version: Version,
    clean: bool,
    expiry: u8,
    will: bool,
) {
    let properties = [Property::SessionExpiryInterval(u32::from(expiry))];
    let delay = [Property::WillDelayInterval(u32::from(expiry % 4))];
    let of_5 =
        |list| if version == Version::V5 { Properties::new(list) } else { Properties::EMPTY };
    let will = will.then(|| Will {
        qos: QoS::ExactlyOnce,
        retain: clean,
        topic: TopicName::new("t/will").unwrap(),
        payload: b"gone",
        properties: of_5(&delay),
    });
    let connect = Connect {
        version,
        clean_start: clean,
        keep_alive: u16::from(expiry),
        client_identifier: Utf8String::new(CLIENTS[usize::from(client) % 4]).unwrap(),
        properties: of_5(&properties),
        will,
        user_name: None,
        password: None,
    };
    world.packet(link, &Packet::Connect(connect));
}

/// A PUBLISH, a SUBSCRIBE, an UNSUBSCRIBE or an acknowledgement, of few topics and identifiers.
pub fn common(packet: u8, flags: u8, version: Version) -> Vec<u8> {
    let properties: &[u8] = if version == Version::V5 { b"\0" } else { b"" };
    let filters: [&[u8]; 6] = [b"t/#", b"t/+", b"t/a", b"#", b"$share/g/t/#", b"$share/g/t/a"];
    let topics: [&[u8]; 3] = [b"t/a", b"t/b", b"t/will"];
    let filter = filters[usize::from(flags >> 2) % filters.len()];
    let topic = topics[usize::from(flags >> 4) % topics.len()];
    let (id, qos) = ([0, 1 + (flags >> 6)], flags % 3);
    let text = |text: &[u8]| [&[0, text.len() as u8], text].concat();
    let (first, body) = match packet % 8 {
        0 => (0x82, [&id, properties, &text(filter), &[qos]].concat()),
        1 => (0xA2, [&id, properties, &text(filter)].concat()),
        2..4 => {
            let id: &[u8] = if qos > 0 { &id } else { b"" };
            let first = 0x30 | qos << 1 | (packet >> 7);
            (first, [&text(topic), id, properties, b"x"].concat())
        }
        4 => (0x40, id.to_vec()),
        5 => (0x50, id.to_vec()),
        6 => (0x62, id.to_vec()),
        _ => (0x70, id.to_vec()),
    };
    let bytes = [&[first, body.len() as u8], &body[..]].concat();
    // Some of QoS 0 come together.
    if first == 0x30 { bytes.repeat(1 + usize::from(flags >> 2)) } else { bytes }
}

/// A record of the journal's form, with a right checksum around whatever body.
pub fn record(kind: u8, lsn: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend([1, kind, 0, 0]);
    bytes.extend(lsn.to_le_bytes());
    bytes.extend((lsn - 1).to_le_bytes());
    bytes.extend(1_000_000_000_000_u64.to_le_bytes());
    bytes.extend(body);
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes[4..]);
    bytes[..4].copy_from_slice(&sum.to_le_bytes());
    bytes
}
