//! Quality of Service, and the delivery of a PUBLISH that follows from it.

use core::fmt;

use crate::PacketIdentifier;

/// A Quality of Service level. Ordered: a higher level promises more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: at most once.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: at least once.
    AtLeastOnce = 1,
    /// QoS 2: exactly once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level with this number; `None` for any but 0, 1 and 2.
    #[must_use]
    #[inline]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtMostOnce => "0",
            Self::AtLeastOnce => "1",
            Self::ExactlyOnce => "2",
        })
    }
}

/// How a PUBLISH is delivered: its QoS, with what that level needs and nothing it forbids.
///
/// A PUBLISH of QoS 0 with a Packet Identifier or with DUP set cannot be written down:
///
/// ```
/// use mqtt_codec::{Delivery, PacketIdentifier, QoS};
/// let id = PacketIdentifier::new(7);
/// assert!(Delivery::new(QoS::AtLeastOnce, true, id).is_some());
/// assert!(Delivery::new(QoS::AtMostOnce, true, None).is_none());
/// assert!(Delivery::new(QoS::AtMostOnce, false, id).is_none());
/// assert!(Delivery::new(QoS::ExactlyOnce, false, None).is_none());
/// ```
//= [MQTT-2.2.1-2]
//= [MQTT-3.3.1-2]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Delivery {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// The Packet Identifier that the PUBACK will repeat.
        packet_identifier: PacketIdentifier,
        /// Whether this may be a re-delivery of an earlier attempt.
        dup: bool,
    },
    /// QoS 2.
    ExactlyOnce {
        /// The Packet Identifier that PUBREC, PUBREL and PUBCOMP will repeat.
        packet_identifier: PacketIdentifier,
        /// Whether this may be a re-delivery of an earlier attempt.
        dup: bool,
    },
}

impl Delivery {
    /// The delivery with these parts; `None` where they contradict one another.
    #[must_use]
    #[inline]
    pub const fn new(
        qos: QoS,
        dup: bool,
        packet_identifier: Option<PacketIdentifier>,
    ) -> Option<Self> {
        match (qos, packet_identifier) {
            (QoS::AtMostOnce, None) if !dup => Some(Self::AtMostOnce),
            (QoS::AtLeastOnce, Some(packet_identifier)) => {
                Some(Self::AtLeastOnce { packet_identifier, dup })
            }
            (QoS::ExactlyOnce, Some(packet_identifier)) => {
                Some(Self::ExactlyOnce { packet_identifier, dup })
            }
            _ => None,
        }
    }

    /// The QoS level.
    #[must_use]
    #[inline]
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The DUP flag; never set at QoS 0.
    #[must_use]
    #[inline]
    pub const fn dup(self) -> bool {
        match self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { dup, .. } | Self::ExactlyOnce { dup, .. } => dup,
        }
    }

    /// The Packet Identifier; `None` at QoS 0 only.
    #[must_use]
    #[inline]
    pub const fn packet_identifier(self) -> Option<PacketIdentifier> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { packet_identifier, .. }
            | Self::ExactlyOnce { packet_identifier, .. } => Some(packet_identifier),
        }
    }

    /// Bits 3 to 1 of the fixed header of a PUBLISH: DUP and QoS.
    #[inline]
    pub(crate) const fn flags(self) -> u8 {
        (self.qos() as u8) << 1 | (self.dup() as u8) << 3
    }
}
