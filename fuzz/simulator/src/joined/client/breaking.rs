//! How a client of a joined world breaks the rules, and what must come of it.

use mqtt_codec::{Ack, Delivery, Packet, PacketIdentifier, QoS, Version};

use super::Client;

/// Packet Identifiers that no honest exchange uses.
const STRANGE: u16 = 61_000;
const STRANGERS: u16 = 4000;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::joined) enum Rule {
    /// A packet of a type that there is not.
    NoType,
    /// A second CONNECT.
    Connect,
    /// QoS 3.
    QoS3,
    /// A wildcard in a Topic Name.
    Wildcard,
    /// What only a server sends.
    Suback,
    /// SUBSCRIBE with the wrong flags.
    Flags,
    /// More aliases than the broker takes.
    Alias,
    /// Half a packet, and silence.
    Half,
    /// A length that nobody means, and silence.
    Length,
    /// PUBACK, PUBREC and PUBREL of what is not under way.
    Strangers,
}

impl Rule {
    /// Those that a client of this version can break.
    pub(in crate::joined) fn all(version: Version) -> &'static [Self] {
        const ALL: [Rule; 10] = [
            Rule::NoType,
            Rule::Connect,
            Rule::QoS3,
            Rule::Wildcard,
            Rule::Suback,
            Rule::Flags,
            Rule::Half,
            Rule::Length,
            Rule::Strangers,
            Rule::Alias,
        ];
        // 3.1.1 has no aliases.
        if version == Version::V5 { &ALL } else { &ALL[..ALL.len() - 1] }
    }

    /// Whether the broker has to close the connection.
    pub(in crate::joined) const fn must_end(self) -> bool {
        !matches!(self, Self::Half | Self::Length | Self::Strangers)
    }

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::NoType => b"\x00\x00",
            Self::Connect => b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01x",
            Self::QoS3 => b"\x36\x07\0\x03t/0\0\x01",
            Self::Wildcard => b"\x30\x06\0\x03t/#\0",
            Self::Suback => b"\x90\x04\0\x01\0\0",
            Self::Flags => b"\x80\x06\0\x01\0\x01a\0",
            Self::Alias => b"\x30\x07\0\0\x03\x23\xff\xffx",
            Self::Half => b"\x30\x20\0\x03t/",
            Self::Length => b"\x30\xff\xff\xff\x7f\0\x03",
            Self::Strangers => b"",
        }
    }
}

impl Client {
    /// Breaks a rule, on a connection that is there.
    pub(in crate::joined) fn break_a_rule(&mut self, rule: Rule) {
        self.breaks = true;
        if rule == Rule::Strangers {
            let Some(identifier) = self.stranger() else { return };
            let strange = Ack::success(identifier);
            for packet in
                [Packet::Puback(strange), Packet::Pubrec(strange), Packet::Pubrel(strange)]
            {
                self.send(&packet);
            }
        }
        self.is_mute = rule != Rule::Strangers;
        self.input.extend_from_slice(rule.bytes());
    }

    /// Sends QoS 2 messages, more at once than it may. Whatever it had taken over of them it releases
    /// when it is back.
    pub(in crate::joined) fn flood(&mut self, topic: &str, payloads: &[String]) {
        self.breaks = true;
        for payload in payloads {
            let Some(identifier) = self.stranger() else { return };
            let Some(delivery) = Delivery::new(QoS::ExactlyOnce, false, Some(identifier)) else {
                return;
            };
            self.send_publish(delivery, topic, payload, false);
            self.flooded.insert(identifier);
        }
    }

    /// Sends PUBREL for all that it sent beyond what it may.
    pub(super) fn release_the_flood(&mut self) {
        for identifier in self.flooded.clone() {
            self.send(&Packet::Pubrel(Ack::success(identifier)));
        }
    }

    fn stranger(&mut self) -> Option<PacketIdentifier> {
        self.strangers = (self.strangers + 1) % STRANGERS;
        PacketIdentifier::new(STRANGE + self.strangers)
    }
}
