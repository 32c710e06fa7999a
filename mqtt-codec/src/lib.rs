//! MQTT 3.1, 3.1.1 and 5.0 packets: bytes to packets and back.
//!
//! `no_std`, no allocation, no `unsafe`. A packet borrows from the bytes it was decoded from, and is
//! encoded into a buffer of the caller. One set of types serves all versions; the version is an
//! argument. Every rule of shape in the standards is checked, and no input can make it panic.
//!
//! # Decoding
//!
//! [`frame`] finds the next packet at the front of a buffer; [`Frame::decode`] checks and reads it. "Not
//! enough bytes yet" is an answer, not an error, and it says how many are missing. The [`Sender`] tells whose
//! bytes they are, so that a server refuses a CONNACK at its first byte.
//!
//! ```
//! use mqtt_codec::{DecodeError, Framed, Packet, Sender, Version, frame};
//!
//! /// Handles the packets in `received` and gives the number of bytes that they took.
//! fn handle_all(received: &[u8], version: &mut Version) -> Result<usize, DecodeError> {
//!     let mut consumed = 0;
//!     while let Framed::Complete(frame) = frame(&received[consumed..], Sender::Client, 65_536)? {
//!         consumed += frame.encoded_len();
//!         match frame.decode(*version)? {
//!             // A CONNECT brings its own version, which holds for all that follows.
//!             Packet::Connect(connect) => *version = connect.version,
//!             Packet::Publish(publish) => {
//!                 assert_eq!(publish.topic.unwrap().as_bytes(), b"a/b");
//!                 assert_eq!(publish.payload, b"hello");
//!             }
//!             packet => println!("{packet}"),
//!         }
//!     }
//!     Ok(consumed)
//! }
//!
//! // A CONNECT of 3.1.1, a PUBLISH, and the first byte of a packet to come.
//! let received = b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0\x30\x0a\0\x03a/bhello\xc0";
//! let mut version = Version::V5;
//! assert_eq!(handle_all(received, &mut version), Ok(received.len() - 1));
//! assert_eq!(version, Version::V3_1_1);
//! ```
//!
//! [`PacketBuffer`] does the bookkeeping between such a loop and a Network Connection.
//!
//! # Encoding
//!
//! A packet is a plain value. What may not be on the wire mostly cannot be written down (a Packet
//! Identifier of 0, DUP at QoS 0, a wildcard in a Topic Name), and the rest is refused:
//!
//! ```
//! use mqtt_codec::{Delivery, Packet, PacketIdentifier, Properties, Property, Publish, TopicName, Version};
//!
//! let list = [Property::MessageExpiryInterval(60)];
//! let publish = Packet::Publish(Publish {
//!     delivery: Delivery::AtLeastOnce { packet_identifier: PacketIdentifier::MIN, dup: false },
//!     retain: false,
//!     topic: Some(TopicName::new("a/b")?),
//!     properties: Properties::new(&list),
//!     payload: b"hello",
//! });
//! let mut out = [0; 64];
//! let len = publish.encode(Version::V5, &mut out)?;
//! assert_eq!(len, publish.encoded_len(Version::V5));
//! assert_eq!(&out[..len], b"\x32\x12\0\x03a/b\0\x01\x05\x02\0\0\0\x3chello");
//! assert_eq!(publish.to_string(), "PUBLISH q1 id=1 \"a/b\" expiry=60 5B");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # On a microcontroller
//!
//! A sensor's whole use of the crate, with one buffer of 64 bytes in each direction:
//!
//! ```
//! use mqtt_codec::{
//!     Connect, Delivery, Packet, PacketBuffer, Properties, Publish, Sender, TopicName, Utf8String, Version,
//! };
//!
//! /// What the sensor needs of its network.
//! trait Network {
//!     fn send(&mut self, bytes: &[u8]);
//!     fn receive(&mut self, spare: &mut [u8]) -> usize;
//! }
//!
//! fn report(network: &mut impl Network, celsius: &[u8]) -> Option<()> {
//!     let mut out = [0; 64];
//!     let connect = Packet::Connect(Connect {
//!         version: Version::V3_1_1,
//!         clean_start: true,
//!         keep_alive: 60,
//!         client_identifier: Utf8String::new("sensor-1").ok()?,
//!         properties: Properties::EMPTY,
//!         will: None,
//!         user_name: None,
//!         password: None,
//!     });
//!     let len = connect.encode(Version::V3_1_1, &mut out).ok()?;
//!     network.send(out.get(..len)?);
//!
//!     let mut received = PacketBuffer::new([0; 64], Sender::Server);
//!     loop {
//!         let len = network.receive(received.spare());
//!         received.advance(len);
//!         match received.next(Version::V3_1_1).ok()? {
//!             None => {}
//!             Some(Packet::Connack(connack)) if !connack.reason_code.is_error() => break,
//!             Some(_) => return None,
//!         }
//!     }
//!
//!     let publish = Packet::Publish(Publish {
//!         delivery: Delivery::AtMostOnce,
//!         retain: false,
//!         topic: Some(TopicName::new("temperature/1").ok()?),
//!         properties: Properties::EMPTY,
//!         payload: celsius,
//!     });
//!     let len = publish.encode(Version::V3_1_1, &mut out).ok()?;
//!     network.send(out.get(..len)?);
//!     Some(())
//! }
//! # struct Test(Vec<u8>);
//! # impl Network for Test {
//! #     fn send(&mut self, bytes: &[u8]) { self.0.extend_from_slice(bytes) }
//! #     fn receive(&mut self, spare: &mut [u8]) -> usize {
//! #         spare[..4].copy_from_slice(b"\x20\x02\0\0");
//! #         4
//! #     }
//! # }
//! # let mut test = Test(Vec::new());
//! # assert_eq!(report(&mut test, b"21.5"), Some(()));
//! # assert_eq!(test.0.len(), 22 + 21);
//! ```
//!
//! # Features
//!
//! None is on by default, and none changes what the others and the rest do.
//!
//! - `heapless`: `OwnedPacket`, a packet of fixed capacity that owns its bytes.
//! - `embedded-io-async`: `PacketReader` and `PacketWriter` over that crate's `Read` and `Write`.
//! - `defmt`: `defmt::Format` for the types.
//! - `arbitrary`: `ArbitraryPacket`, valid packets that a fuzzer makes up; the one that needs `std`.
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
#[cfg(feature = "heapless")]
mod owned_packet;
mod packet;
mod packet_buffer;
mod packet_identifier;
mod property;
mod qos;
mod reader;
mod reason_code;
#[cfg(feature = "embedded-io-async")]
mod stream;
mod text;
mod topic_filter;
mod topic_name;
mod utf8_string;
mod variable_byte_integer;
mod version;
mod writer;

/// Whether the machine is of the kind for which speed comes before size: a second, faster way to an
/// answer is taken there only.
const WIDE: bool = cfg!(target_pointer_width = "64");

#[cfg(feature = "arbitrary")]
pub use crate::arbitrary::ArbitraryPacket;
pub use crate::error::{DecodeError, EncodeError};
pub use crate::fixed_header::{Frame, Framed, PacketType, Sender, frame};
#[cfg(feature = "heapless")]
pub use crate::owned_packet::OwnedPacket;
pub use crate::packet::Packet;
pub use crate::packet::ack::Ack;
pub use crate::packet::auth::Auth;
pub use crate::packet::connack::Connack;
pub use crate::packet::connect::Connect;
pub use crate::packet::disconnect::Disconnect;
pub use crate::packet::publish::Publish;
pub use crate::packet::publish_head::{PlainPublish, PublishHead};
pub use crate::packet::suback::{ReasonCodeIter, ReasonCodes, Suback};
pub use crate::packet::subscribe::{
    RetainHandling, Subscribe, SubscriptionIter, SubscriptionOptions, Subscriptions,
};
pub use crate::packet::unsuback::Unsuback;
pub use crate::packet::unsubscribe::{TopicFilterIter, TopicFilters, Unsubscribe};
pub use crate::packet::will::Will;
pub use crate::packet_buffer::PacketBuffer;
pub use crate::packet_identifier::PacketIdentifier;
pub use crate::property::{
    PassThrough, PassThroughRuns, Properties, Property, PropertyIter, SubscriptionIdentifier,
    SubscriptionIdentifiers, UserProperties,
};
pub use crate::qos::{Delivery, QoS};
pub use crate::reason_code::ReasonCode;
#[cfg(feature = "embedded-io-async")]
pub use crate::stream::{PacketReader, PacketWriter, ReadError, WriteError};
pub use crate::topic_filter::TopicFilter;
pub use crate::topic_name::{Levels, TopicName};
pub use crate::utf8_string::Utf8String;
pub use crate::version::Version;
