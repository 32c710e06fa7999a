//! What the standard leaves to the server ([`Config`]), the bounds on what others can make grow
//! ([`Limits`]), and what has been counted ([`Stats`]).

mod limit;

use alloc::string::String;

use mqtt_codec::QoS;

pub use self::limit::{Limit, Reached};
#[cfg(any(feature = "peers", doc))]
use crate::boundary::Shard;

#[doc = include_str!("config/limits.md")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Keys every hash of a stranger's data; give it real entropy. Default 0.
    pub seed: u64,
    /// Emit journal [`Record`](crate::Record)s and hold back what depends on them until
    /// [`durable`](crate::Broker::durable) says they are. Default off: nothing waits. With the feature
    /// `journal` only.
    // The documentation has it in any case: much refers to it.
    #[cfg(any(feature = "journal", doc))]
    pub journal: bool,
    /// Emit [`Event`](crate::Event)s. Default on.
    pub events: bool,
    /// How many brokers are joined to be one, this one included; 0 and 1 are one that is alone. All
    /// of them are given the same number, and it is never changed where there is a journal: Sessions
    /// live where [`Shard::of`](crate::Shard::of) says. Default 1. With the feature `peers` only.
    #[cfg(any(feature = "peers", doc))]
    pub shards: u16,
    /// Which of them this one is, from 0 on. Default 0. With the feature `peers` only.
    #[cfg(any(feature = "peers", doc))]
    pub shard: Shard,

    /// Write down every call, for [`poll_recording`](crate::Broker::poll_recording): at most this
    /// many bytes in all; then the recording ends and the broker goes on. What waits to be polled
    /// is not counted in [`Limits::memory`], so that a broker does the same recorded or not: at the
    /// start, that is all of the journal that it is made from. Default 0: nothing is written down.
    #[cfg(feature = "recording")]
    pub recording: u64,

    /// A defect, to see whether it is found.
    #[cfg(feature = "planted-defects")]
    #[doc(hidden)]
    pub defect: Option<crate::defect::Defect>,

    /// QoS 1 and 2 PUBLISH packets a client may have unacknowledged; 0 counts as 1. Told to 5.0
    /// clients, and 5.0 clients that overrun it are disconnected. Default 1,024.
    pub receive_maximum: u16,
    /// The largest packet accepted, in bytes of the whole packet; at least 128. Default 1 MiB and
    /// a little, so that a payload of 1 MiB fits.
    pub maximum_packet_size: u32,
    /// Topic Aliases a client may use on one connection; 0 for none. Default 16.
    pub topic_alias_maximum: u16,
    /// Topic Aliases the broker uses towards one client, at most; less if the client takes less.
    /// Default 16.
    pub topic_alias_outgoing: u16,
    /// The highest Quality of Service. Default 2.
    pub maximum_qos: QoS,
    /// Whether messages are retained, and sent to new subscriptions. Default yes. What a journal brings
    /// back to a broker that does not is kept and sent to nobody, until it is yes again.
    pub retain_available: bool,
    /// Whether Topic Filters may have wildcards. Default yes.
    pub wildcard_subscriptions: bool,
    /// Whether `$share/…` works. Default yes.
    pub shared_subscriptions: bool,
    /// Whether subscriptions may have identifiers. Default yes.
    pub subscription_identifiers: bool,
    /// The longest Keep Alive, in seconds, imposed on 5.0 clients that ask for more or for none;
    /// 0 leaves it to them. Never a reason to refuse a 3.x client. Default 0.
    pub server_keep_alive: u16,
    /// The longest a Session outlives its connection, in seconds; `u32::MAX` is for ever. Default
    /// for ever.
    pub session_expiry_maximum: u32,
    /// The longest a message waits, in seconds, also where its publisher asked for longer or for
    /// ever; `u32::MAX` is no bound. Default no bound.
    pub message_expiry_maximum: u32,
    /// QoS 1 and 2 messages under way to a client that states no Receive Maximum of its own; 0
    /// counts as 1. What a client is sent in one round trip: with 256, and a tenth of a second, 2,560
    /// a second. Default 256; 64 where addresses have 32 bits.
    pub inflight_messages: u16,
    /// Messages that may wait for one client because it is away or its window is full; what only
    /// waits for the transport is bounded by `queue_bytes`. Default 1,000.
    pub queue_messages: u32,
    /// Bytes that may wait for one client: for each message its topic, properties and payload in
    /// full, and 32 for the entry. Default 16 MiB.
    pub queue_bytes: u32,
    /// What happens to the message that does not fit in a queue. Default `DropNewest`.
    pub queue_overflow: QueueOverflow,
    /// What happens to a client that publishes faster than [`Limits::publish_rate`]. Default `Wait`.
    pub publish_overrate: Overrate,
    /// Whether QoS 0 messages wait for a client that is not connected. Default no.
    pub queue_qos0: bool,
    /// Whether a client may leave its Client Identifier to the broker. Default yes.
    pub allow_empty_client_id: bool,
    /// How long a new connection has for its CONNECT, in seconds; 0 is at once, not never.
    /// Default 10.
    pub connect_timeout: u16,
    /// How long a deferred question may stay open, in seconds; then it is denied. 0 is at once, not
    /// never. Default 10.
    pub decision_timeout: u16,
    /// Whether [`Policy::deliver`](crate::Policy::deliver) is asked for every copy that is sent.
    /// Default no.
    pub ask_deliver: bool,
    /// Tell 5.0 clients in words why they are refused or disconnected (Reason String). Default yes.
    pub reason_strings: bool,
    /// What a client that requests Response Information is told: the root of the topics it should
    /// use for responses. Default none.
    pub response_information: Option<String>,
    /// Whether a payload that is declared UTF-8 is checked to be. Default no.
    pub validate_payload_format: bool,
    /// How many steps of work one call takes before it puts off what is left: fewer make shorter calls,
    /// and more writes of a large burst; 0 counts as 1. Default
    /// [`Broker::STEPS_PER_CALL`](crate::Broker::STEPS_PER_CALL), where a step is explained.
    pub steps_per_call: u32,

    /// The bounds on what others can make grow.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            #[cfg(feature = "journal")]
            journal: false,
            events: true,
            #[cfg(feature = "peers")]
            shards: 1,
            #[cfg(feature = "peers")]
            shard: Shard(0),
            #[cfg(feature = "recording")]
            recording: 0,
            #[cfg(feature = "planted-defects")]
            defect: None,
            receive_maximum: 1024,
            maximum_packet_size: (1 << 20) + 65_536 * 2,
            topic_alias_maximum: 16,
            topic_alias_outgoing: 16,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            shared_subscriptions: true,
            subscription_identifiers: true,
            server_keep_alive: 0,
            session_expiry_maximum: u32::MAX,
            message_expiry_maximum: u32::MAX,
            inflight_messages: if usize::BITS > 32 { 256 } else { 64 },
            queue_messages: 1000,
            queue_bytes: 16 << 20,
            queue_overflow: QueueOverflow::DropNewest,
            publish_overrate: Overrate::Wait,
            queue_qos0: false,
            allow_empty_client_id: true,
            connect_timeout: 10,
            decision_timeout: 10,
            ask_deliver: false,
            reason_strings: true,
            response_information: None,
            validate_payload_format: false,
            steps_per_call: 32_768,
            limits: Limits::default(),
        }
    }
}

/// What gives way when a message does not fit in a subscriber's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueOverflow {
    /// The oldest waiting message goes.
    DropOldest,
    /// The new message goes.
    DropNewest,
    /// The subscriber is disconnected (0x97 Quota exceeded); an absent one loses the new message.
    Disconnect,
}

/// What happens to a client that publishes too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overrate {
    /// Its input waits: nothing is lost, and the transport slows it down.
    Wait,
    /// It is disconnected (0x96 Message rate too high; 3.x: closed).
    Disconnect,
}

/// A bound on everything that others can make grow. Counts are of entries unless named bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all that the broker holds at the end of any call: the sum of what it has asked of the
    /// allocator, with the spare room of its tables. Default 2 GiB; 128 KiB where addresses have 32
    /// bits.
    ///
    /// Near the ceiling the broker sheds, in this order: from three quarters on, QoS 0 copies that
    /// would have to wait behind others; from seven eighths on, what is there without a connection:
    /// messages for Sessions without one, the new ones or, with [`QueueOverflow::DropOldest`], their
    /// oldest, retained messages, new Sessions that outlast their connection, what these subscribe
    /// to, and second subscriptions of others; from twenty-nine thirty-seconds on, messages for clients that have left 16 KiB
    /// unread or 64 messages unacknowledged; from fifteen sixteenths on, new connections, other
    /// Sessions and subscriptions, messages of more than 4 KiB (or a thousandth of the ceiling), and
    /// those for clients that have left anything unread; from thirty-one thirty-seconds on, all that
    /// can be refused. What is left is for acknowledgements and other answers. Each of these steps is
    /// 1 KiB at least, or a sixteenth of a tiny ceiling. So a client that takes what it gets is served
    /// while another one fills the memory. While one message is routed, the broker takes up to 64
    /// bytes more for each subscription that matches it.
    pub memory: usize,
    /// Network Connections open at once, with those that have not sent CONNECT yet. Default 1 Mi.
    pub connections: u32,
    /// Network Connections open at once from one [`Peer::address`](crate::Peer), whatever its port;
    /// all IPv6 addresses that share their first 64 bits are one. A peer without address is not
    /// counted. Default `u32::MAX`, no bound: many clients may be behind one address, of a proxy
    /// for example.
    pub connections_per_address: u32,
    /// Sessions, connected or not. Default 1 Mi.
    pub sessions: u32,
    /// Sessions from which on no new one is taken that would outlast its connection: the places
    /// between this and `sessions` are for clients that leave nothing behind, however many Sessions
    /// others have left. Default 1 Mi.
    pub lasting_sessions: u32,
    /// Will Messages that are kept. Default 1 Mi.
    pub wills: u32,
    /// Subscriptions of all clients together. Default 16 Mi.
    pub subscriptions: u32,
    /// Subscriptions of one client. Every message that matches many of them, or many share groups,
    /// costs time for each. Default 100,000.
    pub subscriptions_per_client: u32,
    /// Subscriptions of the host. Default 1,024.
    pub local_subscriptions: u32,
    /// Retained messages. Default 1 Mi.
    pub retained: u32,
    /// Bytes of all retained messages: topics, properties and payloads. Default 512 MiB; 16 KiB
    /// where addresses have 32 bits.
    pub retained_bytes: usize,
    /// Bytes of one retained message: topic, properties and payload. Default `u32::MAX`, no bound
    /// beyond that on packets.
    pub retained_message_size: u32,
    /// Publications held at once: retained, queued, under way and wills. Default 4 Mi.
    pub publications: u32,
    /// Bytes of all publications held: topics, properties and payloads. Default 1 GiB; 32 KiB where
    /// addresses have 32 bits.
    pub publication_bytes: usize,
    /// Queue entries of all Sessions together: one for each copy that waits or is under way, and
    /// each acknowledgement not yet sent. An eighth is for answers, whatever waits. Default 16 Mi.
    pub entries: u32,
    /// Bytes that wait for Sessions without a connection, all together, counted as for
    /// [`Config::queue_bytes`]. Default 512 MiB; 16 KiB where addresses have 32 bits.
    pub offline_bytes: usize,
    /// Bytes of the first packet of a connection, before it is known who it is; at least 128.
    /// Default 128 KiB.
    pub connect_packet_size: u32,
    /// Levels of a Topic Name or Topic Filter. Default 200.
    pub topic_levels: u16,
    /// Bytes of a Topic Name or Topic Filter. Default 65,535, which is no bound.
    pub topic_bytes: u16,
    /// Bytes of the User Properties of one PUBLISH or Will Message, which are kept and sent on; on
    /// other packets nobody keeps them. Default 1 MiB.
    pub user_property_bytes: u32,
    /// PUBLISH packets a second that one client may send, on average; as many as this may come at
    /// once. 0 is no bound. Default 0.
    pub publish_rate: u32,
    /// Questions that a policy has deferred and nobody has answered yet. Default 65,536.
    pub deferred: u32,
    /// Bytes of acknowledgements and other answers that one connection may leave unread before its
    /// input waits. Default 16 KiB.
    pub outgoing: u32,
    /// Bytes of journal records that are not durable. From half of it on, whoever publishes what
    /// would be recorded waits; from all of it on, whoever sends anything else that would. Default
    /// 64 MiB.
    pub journal_bytes: usize,
    /// Messages, and notices to a peer, that wait for one peer; messages beyond are dropped and
    /// counted. Default 1 Mi.
    pub forwards: u32,
    /// Bytes of topics, properties and payloads of messages that wait for one peer. Default 256 MiB;
    /// 8 KiB where addresses have 32 bits.
    pub forward_bytes: usize,
    /// Messages and events that wait for the host to poll them; what comes beyond is dropped and
    /// counted, and so are events beyond a sixty-fourth of `memory`. Default 65,536.
    pub outputs: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: if usize::BITS > 32 { 2 << 30 } else { 128 << 10 },
            connections: 1 << 20,
            connections_per_address: u32::MAX,
            sessions: 1 << 20,
            lasting_sessions: 1 << 20,
            wills: 1 << 20,
            subscriptions: 1 << 24,
            subscriptions_per_client: 100_000,
            local_subscriptions: 1024,
            retained: 1 << 20,
            retained_bytes: if usize::BITS > 32 { 512 << 20 } else { 16 << 10 },
            retained_message_size: u32::MAX,
            publications: 1 << 22,
            publication_bytes: if usize::BITS > 32 { 1 << 30 } else { 32 << 10 },
            entries: 1 << 24,
            offline_bytes: if usize::BITS > 32 { 512 << 20 } else { 16 << 10 },
            connect_packet_size: 128 << 10,
            topic_levels: 200,
            topic_bytes: u16::MAX,
            user_property_bytes: 1 << 20,
            publish_rate: 0,
            deferred: 65_536,
            outgoing: 16 << 10,
            journal_bytes: if usize::BITS > 32 { 64 << 20 } else { 16 << 10 },
            forwards: 1 << 20,
            forward_bytes: if usize::BITS > 32 { 256 << 20 } else { 8 << 10 },
            outputs: 65_536,
        }
    }
}

/// What the broker has counted since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Network Connections open now.
    pub connections: u32,
    /// Sessions held now.
    pub sessions: u32,
    /// Subscriptions held now, the host's included.
    pub subscriptions: u32,
    /// Retained messages held now.
    pub retained: u32,
    /// Publications held now.
    pub publications: u32,
    /// Bytes of topics, properties and payloads held now.
    pub publication_bytes: usize,
    /// Queue entries held now.
    pub entries: u32,
    /// Bytes of everything held now, which [`Limits::memory`] bounds.
    pub memory: usize,
    /// Bytes of journal records that are not durable.
    pub journal_bytes: usize,
    /// Bytes of retained messages held now.
    pub retained_bytes: usize,
    /// Bytes that wait now for Sessions without a connection.
    pub offline_bytes: usize,
    /// Will Messages kept now.
    pub wills: u32,
    /// Questions deferred now.
    pub deferred: u32,
    /// Bytes of the tables behind subscriptions, retained messages, queues and timers.
    pub table_bytes: usize,
    /// Steps of work done: what [`Config::steps_per_call`] bounds.
    pub steps: u64,
    /// Network Connections accepted.
    pub accepted: u64,
    /// CONNECT packets answered with success.
    pub connected: u64,
    /// CONNECT packets refused.
    pub refused: u64,
    /// Packets received that can be read, whatever became of them.
    pub packets_received: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Bytes of these packets.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// PUBLISH packets received.
    pub publish_received: u64,
    /// PUBLISH packets sent.
    pub publish_sent: u64,
    /// Copies dropped because their Message Expiry Interval passed.
    pub dropped_expired: u64,
    /// Copies dropped because a subscriber's queue was full.
    pub dropped_queue_full: u64,
    /// Copies dropped because Sessions without a connection held as much as they may.
    pub dropped_offline_full: u64,
    /// Copies dropped because they exceed the client's Maximum Packet Size.
    pub dropped_too_large: u64,
    /// Messages or copies dropped because a limit of the broker was reached.
    pub dropped_broker_full: u64,
    /// Copies of QoS 0 dropped because their connection ended before the transport took them.
    pub dropped_connection_ended: u64,
    /// Copies that the subscriber refused.
    pub dropped_refused: u64,
    /// Messages of a share group that nobody is left of.
    pub dropped_no_member: u64,
    /// Copies of QoS 0 not kept for clients that were away.
    pub missed: u64,
    /// PUBLISH packets denied by the policy, or because of what they hold.
    pub denied_publish: u64,
    /// Subscriptions denied by the policy.
    pub denied_subscribe: u64,
    /// Copies that the policy did not let a subscriber have.
    pub denied_deliver: u64,
    /// Messages that peers have not said they have, now.
    pub forwards_kept: u32,
    /// Messages sent to peers, those sent again included.
    pub forwards_sent: u64,
    /// Messages taken from peers.
    pub forwards_received: u64,
    /// Messages of peers that had been taken before.
    pub forwards_repeated: u64,
    /// Messages dropped because too many waited for a peer.
    pub dropped_forwards: u64,
    /// How often each limit refused somebody.
    pub reached: Reached,
    /// Events and host messages dropped because the host did not poll them in time.
    pub dropped_outputs: u64,
}

#[cfg(test)]
mod tests;
