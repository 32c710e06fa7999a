//! [`Step`]: what the model is told.

use std::time::Duration;

use mqtt_broker_core::{Instant, Lsn};
use mqtt_codec::{QoS, Version};

use super::Subscription;
use super::sessions::WillKept;
use crate::link::LinkId;
use crate::message::MessageId;

/// A step and when it was taken.
#[derive(Clone, Debug)]
pub struct Timed {
    /// When.
    pub moment: Moment,
    /// What.
    pub step: Step,
}

/// When a step was taken.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time that the broker was told.
    pub at: Instant,
    /// The newest record that the broker made of this call, if it made one.
    pub lsn: Option<Lsn>,
    /// Its place among all steps of the world; never used again.
    pub number: u64,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Step {
    /// A Network Connection was accepted.
    Opened {
        /// Which.
        link: LinkId,
        /// The client behind it.
        client: usize,
    },
    /// A CONNECT was taken.
    Connect {
        /// From.
        link: LinkId,
        /// What it says.
        connect: ConnectNote,
    },
    /// The broker says that a client is connected.
    Connected {
        /// Its connection.
        link: LinkId,
        /// Its Client Identifier.
        name: String,
    },
    /// A DISCONNECT was taken.
    Goodbye {
        /// From.
        link: LinkId,
        /// A new Session Expiry Interval.
        expiry: Option<u32>,
        /// The Will Message is to be forgotten.
        forgets_will: bool,
    },
    /// The broker no longer listens to a connection.
    Closing {
        /// Which.
        link: LinkId,
    },
    /// The broker says that a connected client is gone.
    Disconnected {
        /// Its connection.
        link: LinkId,
    },
    /// The broker says that a Session ended.
    Ended {
        /// Its Client Identifier.
        name: String,
    },
    /// A PUBLISH was taken.
    Publish {
        /// From.
        link: LinkId,
        /// What it says.
        publish: PublishNote,
        /// What became of it.
        fate: Fate,
    },
    /// A PUBREL was taken.
    Release {
        /// From.
        link: LinkId,
        /// Its Packet Identifier.
        identifier: u16,
    },
    /// A SUBSCRIBE was taken; what it led to is told apart.
    Subscribe {
        /// From.
        link: LinkId,
        /// Each filter with what was asked.
        wanted: Vec<(String, Subscription)>,
    },
    /// The broker says that a client subscribed.
    Subscribed {
        /// Its Client Identifier.
        name: String,
        /// The Topic Filter.
        filter: String,
        /// What was granted.
        qos: QoS,
    },
    /// The broker says that a client unsubscribed.
    Unsubscribed {
        /// Its Client Identifier.
        name: String,
        /// The Topic Filter.
        filter: String,
    },
    /// The host published.
    HostPublished {
        /// What.
        publish: PublishNote,
    },
    /// The broker was told the time.
    Tick,
    /// The broker died, and runs again with all that came before this.
    Restarted {
        /// How far its clock has gone back.
        set_back: Duration,
    },
}

/// What matters of a CONNECT.
#[derive(Clone, Debug)]
pub struct ConnectNote {
    /// The version it speaks.
    pub version: Version,
    /// The Client Identifier it asked for.
    pub name: String,
    /// Clean Start.
    pub clean: bool,
    /// How long its Session is to outlive the connection, in seconds; already within the maximum.
    pub expiry: u32,
    /// The same as it was asked for.
    pub asked_expiry: u32,
    /// Its Keep Alive, in seconds.
    pub keep_alive: u16,
    /// Its Receive Maximum.
    pub receive_maximum: Option<u16>,
    /// Its Maximum Packet Size.
    pub maximum_packet_size: Option<u32>,
    /// Its Topic Alias Maximum.
    pub alias_maximum: u16,
    /// It wants to be told of a problem in words.
    pub wants_words: bool,
    /// Its Will Message.
    pub will: Option<WillKept>,
}

/// What matters of a PUBLISH.
#[derive(Clone, Debug)]
pub struct PublishNote {
    /// Which message; `None` is an empty one.
    pub message: Option<MessageId>,
    /// Its Topic Name, if it has one.
    pub topic: Option<String>,
    /// Its Topic Alias, if it has one.
    pub alias: Option<u16>,
    /// Its Packet Identifier, if it has one.
    pub identifier: Option<u16>,
    /// Its Quality of Service.
    pub qos: QoS,
    /// Its RETAIN flag.
    pub retain: bool,
    /// Its Message Expiry Interval.
    pub expiry: Option<u32>,
}

/// What became of a PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was accepted.
    Accepted,
    /// The policy did not allow it.
    Denied,
    /// It was refused, or broke a rule: it has no effect.
    Nothing,
    /// There was no room for it.
    Full,
    /// It cannot be known.
    Unknown,
}
