//! Clients, host, clock and disk around one broker.

use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, ConnectionHandle, Instant, LocalSubscription,
    Lsn, Output, Peer, QueueOverflow, play,
};
use mqtt_codec::{
    Ack, Connect, Delivery, Disconnect, Packet, PacketIdentifier, Properties, Property, Publish,
    QoS, ReasonCode, RetainHandling, Subscribe, SubscriptionIdentifier, SubscriptionOptions,
    Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Utf8String, Version, Will,
};

use super::{CLIENTS, FILTERS, Operation, TOPICS};

/// A broker and all that is around it.
pub(crate) struct World {
    pub(crate) journal: Disk,
    pub(crate) broker: Broker,
    pub(crate) now: Instant,
    links: [Option<(ConnectionHandle, Version)>; CLIENTS.len()],
    locals: Vec<LocalSubscription>,
}

impl World {
    pub(crate) fn config(journal: bool, overflow: QueueOverflow, tight: bool) -> Config {
        let mut config = Config::default();
        config.journal = journal;
        config.queue_overflow = overflow;
        config.recording = 1 << 30;
        config.queue_messages = 3;
        config.queue_qos0 = tight;
        config.inflight_messages = 2;
        config.receive_maximum = 2;
        if tight {
            config.queue_bytes = 6000;
            config.limits.publication_bytes = 20_000;
            config.limits.entries = 40;
            config.limits.sessions = 3;
            config.limits.retained = 2;
            config.limits.outputs = 8;
        }
        config
    }

    pub(crate) fn new(config: Config) -> Self {
        Self::around(Broker::new(config), Instant::from_secs(1000))
    }

    /// A world in which nobody is connected yet.
    pub(crate) fn around(broker: Broker, now: Instant) -> Self {
        let (links, locals) = ([None; CLIENTS.len()], Vec::new());
        Self { journal: Disk::default(), broker, now, links, locals }
    }

    pub(crate) fn play(&mut self, operation: &Operation) {
        use Operation as O;
        match *operation {
            O::Connect { client, version, clean, expiry, will, maximum } => {
                self.connect(client, version, clean, expiry, will, maximum);
            }
            O::Subscribe { client, filter, qos, handling, identifier } => {
                self.subscribe(client, filter, qos, handling, identifier);
            }
            O::Unsubscribe { client, filter } => self.unsubscribe(client, filter),
            O::Publish { client, topic, qos, retain, len, id, expiry } => {
                self.publish(client, topic, qos, len, id, (retain, expiry));
            }
            O::Acknowledge { client, kind, id } => {
                let ack = Ack::success(PacketIdentifier::new(id).unwrap());
                let packet = [
                    Packet::Puback(ack),
                    Packet::Pubrec(ack),
                    Packet::Pubrel(ack),
                    Packet::Pubcomp(ack),
                ];
                self.send(client, &packet[usize::from(kind)]);
            }
            O::Disconnect { client, code } => {
                let code = if code {
                    ReasonCode::DISCONNECT_WITH_WILL_MESSAGE
                } else {
                    ReasonCode::NORMAL_DISCONNECTION
                };
                self.send(client, &Packet::Disconnect(Disconnect::new(code)));
            }
            O::Bytes { client, ref bytes } => self.input(client, bytes),
            O::Cut { client } => self.cut(client),
            O::Read { client, buffer } => self.read(client, buffer),
            O::Wait { milliseconds } => {
                self.now = Instant(self.now.0 + milliseconds * 1000);
                self.broker.handle_timeout(self.now);
            }
            O::HostPublish { topic, qos, retain, len } => {
                let payload = vec![b'y'; len];
                let topic = TopicName::new(TOPICS[topic]).unwrap();
                self.match_all(topic);
                let message =
                    ApplicationMessage { qos, retain, ..ApplicationMessage::new(topic, &payload) };
                let _ = self.broker.publish(self.now, &message);
            }
            O::HostSubscribe { filter } => self.host_subscribe(filter),
            O::Kick { client } => {
                self.broker.kick(self.now, CLIENTS[client], ReasonCode::BANNED);
            }
            O::Remove { client } => {
                self.broker.remove_session(self.now, CLIENTS[client]);
            }
            O::Sync => self.sync(),
            O::Snapshot => {
                self.broker.snapshot(self.now);
            }
            O::Crash { milliseconds, set_back, kept } => self.crash(milliseconds, set_back, kept),
        }
    }

    fn connect(
        &mut self,
        client: usize,
        version: Version,
        clean: bool,
        expiry: u32,
        will: bool,
        maximum: u16,
    ) {
        self.cut(client);
        let Ok(handle) = self.broker.handle_accept(self.now, Peer::default()) else {
            return;
        };
        self.links[client] = Some((handle, version));
        let list = [
            Property::SessionExpiryInterval(expiry),
            Property::ReceiveMaximum(maximum.try_into().unwrap()),
            Property::TopicAliasMaximum(maximum),
        ];
        let properties =
            if version == Version::V5 { Properties::new(&list) } else { Properties::EMPTY };
        let delay = [Property::WillDelayInterval(1)];
        let will = will.then(|| Will {
            qos: QoS::AtLeastOnce,
            retain: clean,
            topic: TopicName::new("a/b").unwrap(),
            payload: b"gone",
            properties: if version == Version::V5 && !clean {
                Properties::new(&delay)
            } else {
                Properties::EMPTY
            },
        });
        self.send(
            client,
            &Packet::Connect(Connect {
                version,
                clean_start: clean,
                keep_alive: 1,
                client_identifier: Utf8String::new(CLIENTS[client]).unwrap(),
                properties,
                will,
                user_name: None,
                password: None,
            }),
        );
    }

    fn subscribe(
        &mut self,
        client: usize,
        filter: usize,
        qos: QoS,
        handling: u8,
        identifier: bool,
    ) {
        let Some((_, version)) = self.links[client] else { return };
        let v5 = version == Version::V5;
        let mut options =
            SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
        if v5 {
            options.retain_handling = [
                RetainHandling::SendAtSubscribe,
                RetainHandling::SendIfNew,
                RetainHandling::DoNotSend,
            ][usize::from(handling)];
        }
        let list = [(TopicFilter::new(FILTERS[filter]).unwrap(), options)];
        let number = SubscriptionIdentifier::new(7 + u32::try_from(filter).unwrap()).unwrap();
        let properties = [Property::SubscriptionIdentifier(number)];
        self.send(
            client,
            &Packet::Subscribe(Subscribe {
                packet_identifier: PacketIdentifier::MIN,
                properties: if v5 && identifier {
                    Properties::new(&properties)
                } else {
                    Properties::EMPTY
                },
                subscriptions: Subscriptions::new(&list),
            }),
        );
    }

    fn unsubscribe(&mut self, client: usize, filter: usize) {
        let filters = [TopicFilter::new(FILTERS[filter]).unwrap()];
        self.send(
            client,
            &Packet::Unsubscribe(Unsubscribe {
                packet_identifier: PacketIdentifier::MIN,
                properties: Properties::EMPTY,
                filters: TopicFilters::new(&filters),
            }),
        );
    }

    fn publish(
        &mut self,
        client: usize,
        topic: usize,
        qos: QoS,
        len: usize,
        id: u16,
        (retain, expiry): (bool, bool),
    ) {
        let Some((_, version)) = self.links[client] else { return };
        // What is no Packet Identifier says how many of them come at once.
        let times = if qos == QoS::AtMostOnce { usize::from(id).pow(3) } else { 1 };
        let id = PacketIdentifier::new(id).filter(|_| qos > QoS::AtMostOnce);
        let properties = [Property::MessageExpiryInterval(1)];
        let expiring = expiry && version == Version::V5;
        let payload = vec![b'x'; len];
        let packet = Packet::Publish(Publish {
            delivery: Delivery::new(qos, false, id).unwrap(),
            retain,
            topic: Some(TopicName::new(TOPICS[topic]).unwrap()),
            properties: if expiring { Properties::new(&properties) } else { Properties::EMPTY },
            payload: &payload,
        });
        self.send_times(client, &packet, times);
    }

    /// Compares how many subscriptions match with what the Sessions are shown to have, one by one.
    fn match_all(&mut self, topic: TopicName<'_>) {
        let matching = self.broker.matching_subscriptions(topic);
        let (mut groups, mut plain) = (Vec::new(), 0);
        for session in self.broker.sessions() {
            for (filter, _, _) in self.broker.subscriptions(session.client_identifier) {
                let filter = TopicFilter::new(&filter).unwrap();
                match filter.share_name() {
                    _ if !filter.matches(topic) => {}
                    Some(_) => groups.push(filter.as_bytes().to_vec()),
                    None => plain += 1,
                }
            }
        }
        groups.sort();
        groups.dedup();
        let least = plain + groups.len();
        assert!(matching >= least, "{matching} of {topic}");
        // Those of a Session that has ended are counted until they are freed.
        let rests = self.broker.poll_timeout().is_none_or(|due| due > self.now);
        assert!(!rests || matching <= least + self.locals.len(), "{matching} of {topic}");
    }

    fn host_subscribe(&mut self, filter: usize) {
        let options = SubscriptionOptions::default();
        let filter = TopicFilter::new(FILTERS[filter]).unwrap();
        if let Ok(local) = self.broker.subscribe(self.now, filter, options, None) {
            self.locals.push(local);
        }
        if self.locals.len() > 2 {
            let local = self.locals.remove(0);
            self.broker.unsubscribe(self.now, local);
        }
    }

    fn send(&mut self, client: usize, packet: &Packet<'_>) {
        self.send_times(client, packet, 1);
    }

    fn send_times(&mut self, client: usize, packet: &Packet<'_>, times: usize) {
        let Some((_, version)) = self.links[client] else { return };
        let mut bytes = vec![0; packet.encoded_len(version)];
        if packet.encode(version, &mut bytes).is_ok() {
            self.input(client, &bytes.repeat(times));
        }
    }

    fn input(&mut self, client: usize, bytes: &[u8]) {
        let Some((handle, _)) = self.links[client] else { return };
        let received = self.broker.handle_input(self.now, handle, bytes, &mut AllowAll);
        assert!(received.consumed <= bytes.len());
        // What is left over is half a packet, or the connection has to wait: this client gives up.
        if received.consumed < bytes.len() {
            self.cut(client);
        }
    }

    fn read(&mut self, client: usize, buffer: usize) {
        self.outputs();
        let Some((handle, _)) = self.links[client] else { return };
        let mut buffer = vec![0; buffer];
        while let Some(sent) =
            self.broker.poll_transmit(self.now, handle, &mut buffer, &mut AllowAll)
        {
            assert!(sent.len + sent.payload.len() > 0);
        }
    }

    fn outputs(&mut self) {
        let mut closed = Vec::new();
        while let Some(output) = self.broker.poll_output() {
            if let Output::Close(handle, _) = output {
                closed.push(handle);
            }
        }
        for client in 0..CLIENTS.len() {
            if self.links[client].is_some_and(|(handle, _)| closed.contains(&handle)) {
                self.cut(client);
            }
        }
    }

    /// Writes what is to be written; durable is what an [`Operation::Sync`] says.
    pub(crate) fn write(&mut self) {
        while let Some(record) = self.broker.poll_journal() {
            assert_eq!(record.lsn.0, self.journal.written.0 + 1);
            self.journal.written = record.lsn;
            self.journal.records.push(record.bytes.to_vec());
        }
    }

    fn sync(&mut self) {
        self.write();
        self.journal.durable = self.journal.written;
        self.broker.durable(self.journal.durable);
    }

    fn crash(&mut self, milliseconds: u64, set_back: bool, kept: usize) {
        self.write();
        let (durable, written) = (self.journal.durable.0, self.journal.written.0);
        let kept = durable + (written - durable) * kept as u64 / 100;
        self.journal.records.truncate(usize::try_from(kept).unwrap());
        let mut replay = Broker::replay(self.broker.config().clone());
        for record in &self.journal.records {
            replay.apply(record).unwrap();
        }
        let away = milliseconds * 1000;
        self.now = Instant(if set_back { self.now.0 - away } else { self.now.0 + away });
        let journal = core::mem::take(&mut self.journal);
        *self = Self::around(replay.finish(self.now).unwrap(), self.now);
        self.journal = Disk { written: Lsn(kept), durable: Lsn(kept), ..journal };
    }

    fn cut(&mut self, client: usize) {
        if let Some((handle, _)) = self.links[client].take() {
            self.broker.handle_eof(self.now, handle);
        }
    }

    /// Made again, the same calls have the same outputs.
    fn play_back(&mut self) {
        let recording = self.broker.poll_recording().unwrap();
        let played = play(self.broker.config(), &recording, |_, _| {}).unwrap();
        assert!(played.complete);
        assert_eq!(played.hash, self.broker.output_hash());
    }

    /// Everybody leaves, everything retained is cleared.
    pub(crate) fn end(mut self) {
        for (client, name) in CLIENTS.iter().enumerate() {
            self.cut(client);
            self.broker.remove_session(self.now, name);
        }
        for local in core::mem::take(&mut self.locals) {
            self.broker.unsubscribe(self.now, local);
        }
        for topic in TOPICS {
            let topic = TopicName::new(topic).unwrap();
            let clear = ApplicationMessage { retain: true, ..ApplicationMessage::new(topic, b"") };
            self.broker.publish(self.now, &clear).unwrap();
        }
        self.outputs();
        self.sync();
        while self.broker.poll_timeout().is_some_and(|due| due <= self.now) {
            self.broker.handle_timeout(self.now);
        }
        self.play_back();
        let stats = self.broker.stats();
        let left = (stats.connections, stats.sessions, stats.subscriptions, stats.retained);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!((stats.entries, stats.publications, stats.publication_bytes), (0, 0, 0));
    }
}

/// What the host has kept of the journal.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) written: Lsn,
    pub(crate) durable: Lsn,
}
