//! Brokers joined by links, each with its disk, and the clients around them.

use alloc::collections::{BTreeMap, VecDeque};

use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, Error, Event, Instant, Lsn, Output, Peer, Shard,
    Stats, play,
};
use mqtt_codec::{
    Connect, Delivery, Packet, PacketIdentifier, Properties, Property, Publish, QoS, Subscribe,
    SubscriptionIdentifier, SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters,
    TopicName, Unsubscribe, Utf8String, Version, Will,
};

use super::client::{Client, Delivered};

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    /// Frames on their way, by sender and receiver.
    frames: BTreeMap<(u16, u16), VecDeque<Vec<u8>>>,
    cut: Vec<(u16, u16)>,
    pub(crate) clients: BTreeMap<&'static str, Client>,
    identifier: u16,
    /// Frames stay where they are until they are asked for.
    pub(crate) slow: bool,
    /// No frame is taken from a broker: the links are full.
    pub(crate) full: bool,
}

pub(crate) struct Node {
    pub(crate) broker: Broker,
    pub(crate) records: Vec<Vec<u8>>,
    written: Lsn,
    durable: usize,
    /// The disk takes what is written and makes nothing durable.
    pub(crate) stalled: bool,
    restarted: bool,
    /// Topics of messages that a peer does without.
    dropped: Vec<String>,
}

impl Node {
    fn new(broker: Broker) -> Self {
        let (records, written) = (Vec::new(), Lsn(0));
        let (durable, stalled, restarted, dropped) = (0, false, false, Vec::new());
        Self { broker, records, written, durable, stalled, restarted, dropped }
    }

    /// The journal begins with this record.
    pub(crate) fn forget_before(&mut self, begun: Lsn) {
        let gone = self.records.len() - usize::try_from(self.written.0 - begun.0 + 1).unwrap();
        self.records.drain(..gone);
        self.durable -= gone;
    }

    fn write(&mut self) {
        while let Some(record) = self.broker.poll_journal() {
            self.written = record.lsn;
            self.records.push(record.bytes.to_vec());
        }
        if !self.stalled && self.durable < self.records.len() {
            self.durable = self.records.len();
            self.broker.durable(self.written);
        }
    }
}

impl World {
    pub(crate) fn new(shards: u16, change: impl Fn(&mut Config)) -> Self {
        let node = |shard| {
            let mut config = Config::default();
            (config.shards, config.shard) = (shards, Shard(shard));
            config.seed = 7 + u64::from(shard);
            config.recording = 1 << 30;
            change(&mut config);
            Node::new(Broker::new(config))
        };
        let mut world = Self {
            now: Instant::from_secs(1000),
            nodes: (0..shards).map(node).collect(),
            frames: BTreeMap::new(),
            cut: Vec::new(),
            clients: BTreeMap::new(),
            identifier: 0,
            slow: false,
            full: false,
        };
        for one in 0..shards {
            for other in 0..one {
                world.join(one, other);
            }
        }
        world.settle();
        world
    }

    pub(crate) fn join(&mut self, one: u16, other: u16) {
        let pair = (one.min(other), one.max(other));
        self.cut.retain(|cut| *cut != pair);
        for (here, there) in [(one, other), (other, one)] {
            self.frames.insert((here, there), VecDeque::new());
            self.nodes[usize::from(here)].broker.handle_peer_up(self.now, Shard(there)).unwrap();
        }
    }

    pub(crate) fn cut(&mut self, one: u16, other: u16) {
        self.cut.push((one.min(other), one.max(other)));
        for (here, there) in [(one, other), (other, one)] {
            self.frames.insert((here, there), VecDeque::new());
            self.nodes[usize::from(here)].broker.handle_peer_down(self.now, Shard(there));
        }
        self.settle();
    }

    fn home(&self, client: &str) -> usize {
        Shard::of(client, u16::try_from(self.nodes.len()).unwrap()).0.into()
    }

    /// The clients of one shard.
    fn residents(&self, node: usize) -> Vec<&'static str> {
        self.clients.keys().copied().filter(|name| self.home(name) == node).collect()
    }

    pub(crate) fn stats(&self, node: usize) -> Stats {
        self.nodes[node].broker.stats()
    }

    /// Everything happens that can.
    pub(crate) fn settle(&mut self) {
        while self.turn() {}
    }

    /// One round of everybody; whether anything happened.
    pub(crate) fn turn(&mut self) -> bool {
        let mut busy = false;
        for node in 0..self.nodes.len() {
            busy |= self.outputs(node);
        }
        let names: Vec<_> = self.clients.keys().copied().collect();
        for name in names {
            busy |= self.exchange(name);
        }
        if !self.slow {
            let ways: Vec<_> = self.frames.keys().copied().collect();
            for (from, to) in ways {
                busy |= self.carry(from, to, usize::MAX) > 0;
            }
        }
        busy
    }

    /// Brings so many frames from one to another; how many there were.
    pub(crate) fn carry(&mut self, from: u16, to: u16, count: usize) -> usize {
        self.outputs(from.into());
        let mut carried = 0;
        while carried < count {
            let frame = self.frames.get_mut(&(from, to)).and_then(VecDeque::pop_front);
            let Some(frame) = frame else { break };
            let broker = &mut self.nodes[usize::from(to)].broker;
            if let Err(error) = broker.handle_forward(self.now, Shard(from), &frame) {
                assert!(matches!(error, Error::Full(_)), "{error}");
                self.frames.entry((from, to)).or_default().push_front(frame);
                break;
            }
            carried += 1;
        }
        carried
    }

    /// Brings the first frame there is; whether there was any.
    pub(crate) fn carry_one(&mut self) -> bool {
        let way = self.frames.iter().find(|(_, frames)| !frames.is_empty()).map(|(way, _)| *way);
        way.is_some_and(|(from, to)| self.carry(from, to, 1) > 0)
    }

    /// Every disk works again; whether one did not.
    pub(crate) fn flow(&mut self) -> bool {
        let mut stalled = false;
        for node in &mut self.nodes {
            stalled |= core::mem::take(&mut node.stalled);
        }
        stalled
    }

    /// What each shard retains.
    pub(crate) fn retained(&mut self) -> Vec<BTreeMap<String, Vec<u8>>> {
        let of = |node: &mut Node| {
            let (mut all, any) = (BTreeMap::new(), TopicFilter::new("#").unwrap());
            node.broker.retained(self.now, any, u32::MAX, |message| {
                all.insert(message.topic.as_str().into(), message.payload.into());
                true
            });
            all
        };
        self.nodes.iter_mut().map(of).collect()
    }

    /// Every link that is cut is there again.
    pub(crate) fn mend(&mut self) {
        for (one, other) in self.cut.clone() {
            self.join(one, other);
        }
    }

    fn outputs(&mut self, node: usize) -> bool {
        let mut busy = false;
        let now = self.now;
        self.nodes[node].write();
        while self.nodes[node].broker.poll_timeout().is_some_and(|due| due <= now) {
            self.nodes[node].broker.handle_timeout(now);
            busy = true;
        }
        let (mut closed, mut resumed, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(output) = self.nodes[node].broker.poll_output() {
            busy = true;
            match output {
                Output::Close(handle, _) => closed.push(handle),
                Output::Resume(handle) => resumed.push(handle),
                Output::Forward(peer) => peers.push(peer),
                Output::Snapshot(begun) => self.nodes[node].forget_before(begun),
                Output::Event(Event::ForwardDropped { topic, .. }) => {
                    self.nodes[node].dropped.push(topic);
                }
                _ => {}
            }
        }
        let from = u16::try_from(node).unwrap();
        for peer in peers.into_iter().filter(|_| !self.full) {
            while let Some(frame) = self.nodes[node].broker.poll_forward(now, peer) {
                let frame = frame.to_vec();
                self.frames.get_mut(&(from, peer.0)).unwrap().push_back(frame);
            }
        }
        for name in self.residents(node) {
            let Some(handle) = self.clients[name].handle else { continue };
            if resumed.contains(&handle) {
                self.clients.get_mut(name).unwrap().waiting = false;
            }
            if closed.contains(&handle) {
                self.exchange(name);
                self.hang_up(name);
            }
        }
        self.nodes[node].write();
        busy
    }

    /// Topics of the messages that a broker was told a peer does without, since this was last asked.
    pub(crate) fn dropped_forwards(&mut self, node: usize) -> Vec<String> {
        core::mem::take(&mut self.nodes[node].dropped)
    }

    /// Bytes go both ways between a client and its broker.
    fn exchange(&mut self, name: &'static str) -> bool {
        let home = self.home(name);
        let (client, node) = (self.clients.get_mut(name).unwrap(), &mut self.nodes[home]);
        let Some(handle) = client.handle else { return false };
        let mut busy = false;
        if !client.waiting && !client.input.is_empty() {
            let received = node.broker.handle_input(self.now, handle, &client.input, &mut AllowAll);
            client.input.drain(..received.consumed);
            client.waiting = received.waiting;
            busy = true;
        }
        node.write();
        let mut buffer = vec![0; 4096];
        while let Some(sent) =
            node.broker.poll_transmit(self.now, handle, &mut buffer, &mut AllowAll)
        {
            client.output.extend_from_slice(&buffer[..sent.len]);
            client.output.extend_from_slice(sent.payload);
            busy = true;
        }
        client.read();
        busy
    }

    pub(crate) fn hang_up(&mut self, name: &'static str) {
        let home = self.home(name);
        let client = self.clients.get_mut(name).unwrap();
        if let Some(handle) = client.handle.take() {
            self.nodes[home].broker.handle_eof(self.now, handle);
        }
        client.forget_connection();
    }

    /// Connects a client of MQTT 5.0; its Session outlives the connection by so many seconds.
    pub(crate) fn connect(&mut self, name: &'static str, clean: bool, expiry: u32) {
        self.connect_with(name, clean, expiry, None);
    }

    pub(crate) fn connect_with(
        &mut self,
        name: &'static str,
        clean: bool,
        expiry: u32,
        will: Option<Will<'_>>,
    ) {
        let home = self.home(name);
        self.clients.entry(name).or_default();
        self.hang_up(name);
        let handle = self.nodes[home].broker.handle_accept(self.now, Peer::default()).unwrap();
        let client = self.clients.get_mut(name).unwrap();
        client.handle = Some(handle);
        client.send(&Packet::Connect(Connect {
            version: Version::V5,
            clean_start: clean,
            keep_alive: 0,
            client_identifier: Utf8String::new(name).unwrap(),
            properties: Properties::new(&[Property::SessionExpiryInterval(expiry)]),
            will,
            user_name: None,
            password: None,
        }));
        self.after();
    }

    pub(crate) fn subscribe(&mut self, name: &'static str, filter: &str, qos: QoS) {
        self.subscribe_with(name, filter, SubscriptionOptions::new(qos), None);
    }

    pub(crate) fn subscribe_with(
        &mut self,
        name: &'static str,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<u32>,
    ) {
        let list = [(TopicFilter::new(filter).unwrap(), options)];
        let identifier = identifier.and_then(SubscriptionIdentifier::new);
        let properties: Vec<_> =
            identifier.map(Property::SubscriptionIdentifier).into_iter().collect();
        let packet_identifier = self.next_identifier();
        self.clients.get_mut(name).unwrap().send(&Packet::Subscribe(Subscribe {
            packet_identifier,
            properties: Properties::new(&properties),
            subscriptions: Subscriptions::new(&list),
        }));
        self.after();
    }

    pub(crate) fn unsubscribe(&mut self, name: &'static str, filter: &str) {
        let filters = [TopicFilter::new(filter).unwrap()];
        let packet_identifier = self.next_identifier();
        self.clients.get_mut(name).unwrap().send(&Packet::Unsubscribe(Unsubscribe {
            packet_identifier,
            properties: Properties::EMPTY,
            filters: TopicFilters::new(&filters),
        }));
        self.after();
    }

    pub(crate) fn publish(&mut self, name: &'static str, topic: &str, qos: QoS, payload: &str) {
        self.publish_with(name, topic, qos, payload, false, None);
    }

    pub(crate) fn publish_with(
        &mut self,
        name: &'static str,
        topic: &str,
        qos: QoS,
        payload: &str,
        retain: bool,
        expiry: Option<u32>,
    ) {
        let identifier = (qos > QoS::AtMostOnce).then(|| self.next_identifier());
        let properties: Vec<_> = expiry.map(Property::MessageExpiryInterval).into_iter().collect();
        self.clients.get_mut(name).unwrap().send(&Packet::Publish(Publish {
            delivery: Delivery::new(qos, false, identifier).unwrap(),
            retain,
            topic: Some(TopicName::new(topic).unwrap()),
            properties: Properties::new(&properties),
            payload: payload.as_bytes(),
        }));
        self.after();
    }

    pub(crate) fn host_publish(&mut self, node: usize, topic: &str, qos: QoS, payload: &str) {
        let topic = TopicName::new(topic).unwrap();
        let message =
            ApplicationMessage { qos, ..ApplicationMessage::new(topic, payload.as_bytes()) };
        self.nodes[node].broker.publish(self.now, &message).unwrap();
        self.after();
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = Instant(self.now.0 + seconds * 1_000_000);
        self.after();
    }

    /// One broker stops, with its clients' connections and its links, and comes back from its disk.
    pub(crate) fn crash(&mut self, node: u16) {
        self.crash_with(node, 0);
    }

    /// The same, and so many records were on its disk that it has not said it of.
    pub(crate) fn crash_with(&mut self, node: u16, records: usize) {
        let here = usize::from(node);
        for name in self.residents(here) {
            self.clients.get_mut(name).unwrap().forget_connection();
        }
        let state = &mut self.nodes[here];
        state.records.truncate(state.durable + records);
        let mut replay = Broker::replay(state.broker.config().clone());
        for record in &state.records {
            replay.apply(record).unwrap();
        }
        let broker = replay.finish(self.now).unwrap();
        let records = core::mem::take(&mut state.records);
        let (durable, written) = (records.len(), broker.newest_record());
        *state = Node { records, durable, written, restarted: true, ..Node::new(broker) };
        let others: Vec<_> = (0..self.nodes.len()).filter(|other| *other != here).collect();
        for other in others {
            let other = u16::try_from(other).unwrap();
            self.nodes[usize::from(other)].broker.handle_peer_down(self.now, Shard(node));
            self.join(node, other);
        }
        self.after();
    }

    /// What a client has got since it was last asked.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Delivered> {
        core::mem::take(&mut self.clients.get_mut(name).unwrap().delivered)
    }

    /// The payloads of that.
    pub(crate) fn payloads(&mut self, name: &str) -> Vec<String> {
        self.take(name).into_iter().map(|delivered| delivered.payload).collect()
    }

    /// What a client was answered since it was last asked.
    pub(crate) fn answers(&mut self, name: &str) -> Vec<String> {
        core::mem::take(&mut self.clients.get_mut(name).unwrap().answers)
    }

    /// What was recorded of each broker does the same again, and its journal brings back what there
    /// is.
    pub(crate) fn end(mut self) {
        self.slow = false;
        for node in &mut self.nodes {
            node.stalled = false;
        }
        self.settle();
        for node in &mut self.nodes {
            if !node.restarted {
                let recording = node.broker.poll_recording().unwrap();
                let played = play(node.broker.config(), &recording, |_, _| {}).unwrap();
                assert_eq!(played.hash, node.broker.output_hash());
            }
            if node.broker.config().journal {
                let mut replay = Broker::replay(node.broker.config().clone());
                for record in &node.records {
                    replay.apply(record).unwrap();
                }
                assert_eq!(replay.durable_state(), node.broker.durable_state());
            }
        }
    }

    fn after(&mut self) {
        self.settle();
    }

    fn next_identifier(&mut self) -> PacketIdentifier {
        self.identifier = self.identifier % 60_000 + 1;
        PacketIdentifier::new(self.identifier).unwrap()
    }
}
