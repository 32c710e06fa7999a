//! Nobody is disconnected without cause, whoever breaks a rule is, and who is disconnected is told
//! why, as far as its version has words for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mqtt_broker_core::{CloseReason, Config, Event, Instant, QueueOverflow};
use mqtt_codec::{Disconnect, Packet, PacketType, ReasonCode, Version};

use super::{Call, Cause, Told};
use crate::link::LinkId;
use crate::model::{Bond, ConnectNote, Model, PublishNote};
use crate::reach::reached;

/// How much later than it should a host tells the time, at most, and some more.
const LATE: Duration = Duration::from_secs(2);

/// What was seen of how connections are kept and ended.
#[derive(Debug, Default)]
pub struct Conduct {
    /// Clients that break rules.
    pub breakers: BTreeSet<usize>,
    /// When a whole packet was last taken from a connection.
    packets: BTreeMap<LinkId, Instant>,
    /// When a connection that has a Keep Alive was last listened to; `None` while the broker does not.
    listened: BTreeMap<LinkId, Option<Instant>>,
    /// Why the broker has closed a connection.
    reasons: BTreeMap<LinkId, CloseReason>,
    /// Who was sent a DISCONNECT.
    told: BTreeSet<LinkId>,
    /// How many QoS 2 messages a connection has brought, less those released on it.
    unreleased: BTreeMap<LinkId, usize>,
}

/// The Keep Alive in force: the client's, or the server's where that is shorter and can be told.
#[must_use]
pub fn keep_alive(config: &Config, connect: &ConnectNote) -> u16 {
    let (asked, imposed) = (connect.keep_alive, config.server_keep_alive);
    let imposes = connect.version == Version::V5 && imposed > 0;
    if imposes && (asked == 0 || imposed < asked) { imposed } else { asked }
}

impl Conduct {
    /// The host has offered what a connection brought, and the broker listened, or does not now.
    pub fn listened(&mut self, link: LinkId, at: Instant, is_listening: bool) {
        self.listened.insert(link, is_listening.then_some(at));
    }

    /// A whole packet was taken.
    pub fn packet(&mut self, link: LinkId, at: Instant) {
        self.packets.insert(link, at);
    }

    /// A QoS 2 message that is new was accepted from a client of 5.0.
    ///
    /// # Errors
    ///
    /// It is one more than the client was allowed to send.
    pub fn received(&mut self, config: &Config, link: LinkId) -> Result<(), String> {
        let unreleased = self.unreleased.entry(link).or_default();
        *unreleased += 1;
        reached("MQTT-3.3.4-7");
        let most = usize::from(config.receive_maximum);
        if *unreleased > most {
            return Err(format!("link {link} may have {most} unreleased, and one more is taken"));
        }
        Ok(())
    }

    /// PUBREL was taken: its PUBCOMP lets the client send one more, whichever connection the message
    /// came on.
    pub fn released(&mut self, link: LinkId) {
        let unreleased = self.unreleased.entry(link).or_default();
        *unreleased = unreleased.saturating_sub(1);
    }

    /// The broker closes a connection.
    ///
    /// # Errors
    ///
    /// Nothing has happened for which it should.
    pub fn closes(
        &mut self,
        (config, is_tight): (&Config, bool),
        model: &Model,
        call: &Call<'_>,
        (link, reason): (LinkId, CloseReason),
    ) -> Result<(), String> {
        self.reasons.insert(link, reason);
        self.listened.remove(&link);
        let Some(bond) = model.bonds.get(&link) else { return Ok(()) };
        let name = bond.name.as_str();
        let is_right = match reason {
            CloseReason::Disconnected(_) => {
                matches!(call.cause, Cause::Packet(of, Packet::Disconnect(_), _) if *of == link)
            }
            CloseReason::TakenOver => {
                let is_new = |told: &Told| match told {
                    Told::Event(_, Event::Connected { client_identifier, .. }) => {
                        client_identifier == name
                    }
                    _ => false,
                };
                reached("MQTT-3.1.4-3");
                is_tight || call.told.iter().any(is_new)
            }
            CloseReason::Kicked(_) => {
                matches!(call.cause, Cause::Kicked(of) | Cause::Removed(of) if of == name)
            }
            CloseReason::KeepAliveTimeout => {
                reached("MQTT-3.1.2-22");
                let grace = bond.connect.as_ref().map(|connect| grace(config, connect));
                let last = self.packets.get(&link).copied().unwrap_or_default();
                grace.is_some_and(|grace| !grace.is_zero() && call.at >= last + grace)
            }
            CloseReason::ConnectTimeout => bond.session.is_none(),
            CloseReason::Refused(code) => {
                let asked = bond.connect.as_ref().map_or("", |connect| connect.name.as_str());
                let is_banned = asked.starts_with(crate::rules::BANNED);
                let is_full = is_tight && code == ReasonCode::QUOTA_EXCEEDED;
                is_full || is_banned && code == crate::rules::BAN || self.breaks(bond)
            }
            CloseReason::Violation(code, _) => {
                let overflows = config.queue_overflow == QueueOverflow::Disconnect;
                let is_full = code == ReasonCode::QUOTA_EXCEEDED && (is_tight || overflows);
                let is_large = code == ReasonCode::PACKET_TOO_LARGE;
                let takes_little =
                    bond.connect.as_ref().is_some_and(|c| c.maximum_packet_size.is_some());
                is_full || is_large && takes_little || self.breaks(bond)
            }
            _ => self.breaks(bond),
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("link {link} is closed without cause: {reason}"))
        }
    }

    fn breaks(&self, bond: &Bond) -> bool {
        self.breakers.contains(&bond.client)
    }

    /// A packet was taken that breaks a rule for which this is the reason code; `closed` is why its
    /// connection was closed.
    ///
    /// # Errors
    ///
    /// It was not, or for another reason.
    pub fn broken(
        link: LinkId,
        packet: &Packet<'_>,
        code: ReasonCode,
        closed: Option<CloseReason>,
    ) -> Result<(), String> {
        match closed {
            Some(reason) if reason.reason_code() == code => {
                reached("MQTT-4.13.1-1");
                Ok(())
            }
            Some(reason) => Err(format!("link {link} should be closed with {code}: {reason}")),
            None => Err(format!("link {link} may break any rule: {packet}")),
        }
    }

    /// The time was told.
    ///
    /// # Errors
    ///
    /// Somebody has been silent for too long and is still connected.
    pub fn timeout(&self, config: &Config, model: &Model, now: Instant) -> Result<(), String> {
        for (link, at) in &self.listened {
            let bond = model.bonds.get(link).filter(|b| b.is_open && b.session.is_some());
            let Some(connect) = bond.and_then(|bond| bond.connect.as_ref()) else { continue };
            let (grace, Some(at)) = (grace(config, connect), *at) else { continue };
            if !grace.is_zero() && now >= at + grace + LATE {
                return Err(format!("link {link} is silent since {at:?}, and open"));
            }
        }
        Ok(())
    }

    /// DISCONNECT was given to a connection.
    ///
    /// # Errors
    ///
    /// It should not have been, or says something else than what happened.
    pub fn goodbye(
        &mut self,
        link: LinkId,
        version: Version,
        disconnect: &Disconnect<'_>,
    ) -> Result<(), String> {
        let told = disconnect.reason_code;
        let is_first = self.told.insert(link);
        let Some(reason) = self.reasons.get(&link).filter(|_| is_first && version == Version::V5)
        else {
            return Err(format!("link {link} is told goodbye: {told}"));
        };
        reached("MQTT-3.14.0-1");
        if is_goodbye(*reason) || told != code(*reason) {
            return Err(format!("link {link} is told {told}, and is closed because of: {reason}"));
        }
        Ok(())
    }

    /// The host closes a connection, which has been given all that there was for it.
    ///
    /// # Errors
    ///
    /// It was not told why.
    pub fn ends(&self, model: &Model, link: LinkId) -> Result<(), String> {
        // Whoever is refused is told so by a CONNACK.
        let bond = model.bonds.get(&link).filter(|bond| bond.session.is_some());
        let connect = bond.and_then(|bond| bond.connect.as_ref());
        let has_words =
            connect.is_some_and(|c| c.version == Version::V5 && c.maximum_packet_size.is_none());
        match self.reasons.get(&link) {
            Some(reason) if has_words && !is_goodbye(*reason) && !self.told.contains(&link) => {
                Err(format!("link {link} is not told why it is closed: {reason}"))
            }
            _ => Ok(()),
        }
    }

    /// The broker died: all connections are gone.
    pub fn crashed(&mut self) {
        *self = Self { breakers: std::mem::take(&mut self.breakers), ..Self::default() };
    }
}

fn grace(config: &Config, connect: &ConnectNote) -> Duration {
    Duration::from_millis(u64::from(keep_alive(config, connect)) * 1500)
}

/// Whether the client has said it itself, or has sent what has the place of that.
fn is_goodbye(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::Disconnected(_)
            | CloseReason::Malformed(mqtt_codec::DecodeError::InvalidDisconnectReasonCode)
    )
}

/// What a DISCONNECT says of this.
fn code(reason: CloseReason) -> ReasonCode {
    let code = reason.reason_code();
    if code.is_valid_in(PacketType::Disconnect) { code } else { ReasonCode::UNSPECIFIED_ERROR }
}

/// The rule that a PUBLISH breaks with its alias, as a reason code.
#[must_use]
pub fn wrong_alias(
    config: &Config,
    publish: &PublishNote,
    topic: Option<&str>,
) -> Option<ReasonCode> {
    let alias = publish.alias.unwrap_or(0);
    if alias > config.topic_alias_maximum {
        reached("MQTT-3.3.2-9");
        return Some(ReasonCode::TOPIC_ALIAS_INVALID);
    }
    if topic.is_none() { Some(ReasonCode::PROTOCOL_ERROR) } else { None }
}
