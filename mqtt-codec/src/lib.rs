//! MQTT 3.1, 3.1.1 and 5.0 packets: bytes to packets and back.
//!
//! `no_std`, no allocation, no `unsafe`. A packet borrows from the bytes it was decoded from, and is
//! encoded into a buffer of the caller. One set of types serves all versions; the version is an
//! argument. Every rule of shape in the standards is checked, and no input can make it panic.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used))]

#[cfg(any(test, feature = "arbitrary"))]
extern crate alloc;
// The derive macro of `arbitrary` names it.
#[cfg(feature = "arbitrary")]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod display;
mod error;
mod fixed_header;
mod packet;
mod packet_identifier;
mod property;
mod qos;
mod reader;
mod reason_code;
mod text;
mod topic_filter;
mod topic_name;
mod utf8_string;
mod variable_byte_integer;
mod version;
mod writer;

#[cfg(feature = "arbitrary")]
pub use crate::arbitrary::ArbitraryPacket;
pub use crate::error::{DecodeError, EncodeError};
pub use crate::fixed_header::{Frame, Framed, PacketType, Sender, frame};
pub use crate::packet::Packet;
pub use crate::packet::ack::Ack;
pub use crate::packet::auth::Auth;
pub use crate::packet::connack::Connack;
pub use crate::packet::connect::Connect;
pub use crate::packet::disconnect::Disconnect;
pub use crate::packet::publish::Publish;
pub use crate::packet::publish_head::PublishHead;
pub use crate::packet::suback::{ReasonCodeIter, ReasonCodes, Suback};
pub use crate::packet::subscribe::{
    RetainHandling, Subscribe, SubscriptionIter, SubscriptionOptions, Subscriptions,
};
pub use crate::packet::unsuback::Unsuback;
pub use crate::packet::unsubscribe::{TopicFilterIter, TopicFilters, Unsubscribe};
pub use crate::packet::will::Will;
pub use crate::packet_identifier::PacketIdentifier;
pub use crate::property::{
    PassThrough, PassThroughRuns, Properties, Property, PropertyIter, SubscriptionIdentifier,
    SubscriptionIdentifiers, UserProperties,
};
pub use crate::qos::{Delivery, QoS};
pub use crate::reason_code::ReasonCode;
pub use crate::topic_filter::TopicFilter;
pub use crate::topic_name::{Levels, TopicName};
pub use crate::utf8_string::Utf8String;
pub use crate::version::Version;
