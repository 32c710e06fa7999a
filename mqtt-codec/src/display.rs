//! One line for each packet. The format is documented on [`Packet`].

use core::fmt::{self, Formatter};

use crate::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, Properties, Property, Publish, ReasonCode,
    ReasonCodes, Suback, Subscribe, SubscriptionOptions, Unsuback, Unsubscribe, Will,
};

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.packet_type().name())?;
        match self {
            Self::Connect(packet) => connect(f, packet),
            Self::Connack(packet) => connack(f, packet),
            Self::Publish(packet) => publish(f, packet),
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => {
                acknowledgement(f, ack)
            }
            Self::Subscribe(packet) => subscribe(f, packet),
            Self::Suback(Suback { packet_identifier, properties: p, reason_codes })
            | Self::Unsuback(Unsuback { packet_identifier, properties: p, reason_codes }) => {
                write!(f, " id={packet_identifier}")?;
                codes(f, reason_codes)?;
                properties(f, p)
            }
            Self::Unsubscribe(packet) => unsubscribe(f, packet),
            Self::Pingreq | Self::Pingresp => Ok(()),
            Self::Disconnect(packet) => disconnect(f, packet),
            Self::Auth(Auth { reason_code, properties: p }) => {
                write!(f, " {reason_code}")?;
                properties(f, p)
            }
        }
    }
}

/// Validated text as it is.
pub(crate) fn plain(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.pad(core::str::from_utf8(bytes).unwrap_or_default())
}

/// Validated text in quotes, escaped.
pub(crate) fn quoted(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    fmt::Debug::fmt(core::str::from_utf8(bytes).unwrap_or_default(), f)
}

/// Binary data: its size, or in the alternate form itself.
fn data(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    if !f.alternate() {
        return write!(f, "{}B", bytes.len());
    }
    match core::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => fmt::Debug::fmt(text, f),
        _ => {
            f.write_str("0x")?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

fn connect(f: &mut Formatter<'_>, packet: &Connect<'_>) -> fmt::Result {
    write!(f, " v{}", packet.version.level())?;
    if packet.clean_start {
        f.write_str(" clean")?;
    }
    write!(f, " keep-alive={} client={:?}", packet.keep_alive, packet.client_identifier)?;
    if let Some(message) = &packet.will {
        will(f, message)?;
    }
    if let Some(user_name) = packet.user_name {
        write!(f, " user={user_name:?}")?;
    }
    if let Some(password) = packet.password {
        write!(f, " password={}B", password.len())?;
    }
    properties(f, &packet.properties)
}

fn will(f: &mut Formatter<'_>, will: &Will<'_>) -> fmt::Result {
    let retain = if will.retain { " retain" } else { "" };
    write!(f, " will=(q{}{retain} {:?}", will.qos, will.topic)?;
    properties(f, &will.properties)?;
    f.write_str(" ")?;
    data(f, will.payload)?;
    f.write_str(")")
}

fn connack(f: &mut Formatter<'_>, packet: &Connack<'_>) -> fmt::Result {
    write!(f, " {}", packet.reason_code)?;
    if packet.session_present {
        f.write_str(" session-present")?;
    }
    properties(f, &packet.properties)
}

fn publish(f: &mut Formatter<'_>, packet: &Publish<'_>) -> fmt::Result {
    let dup = if packet.delivery.dup() { " dup" } else { "" };
    let retain = if packet.retain { " retain" } else { "" };
    write!(f, " q{}{dup}{retain}", packet.delivery.qos())?;
    if let Some(packet_identifier) = packet.delivery.packet_identifier() {
        write!(f, " id={packet_identifier}")?;
    }
    if let Some(topic) = packet.topic {
        write!(f, " {topic:?}")?;
    }
    properties(f, &packet.properties)?;
    f.write_str(" ")?;
    data(f, packet.payload)
}

fn acknowledgement(f: &mut Formatter<'_>, packet: &Ack<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_identifier)?;
    if packet.reason_code != ReasonCode::SUCCESS {
        write!(f, " {}", packet.reason_code)?;
    }
    properties(f, &packet.properties)
}

fn subscribe(f: &mut Formatter<'_>, packet: &Subscribe<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_identifier)?;
    let mut comma = "";
    for (filter, options) in packet.subscriptions.iter() {
        write!(f, "{comma} {filter:?} {options}")?;
        comma = ",";
    }
    properties(f, &packet.properties)
}

impl fmt::Display for SubscriptionOptions {
    /// As in a SUBSCRIBE: `q1 no-local rap rh=2`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "q{}", self.maximum_qos)?;
        if self.no_local {
            f.write_str(" no-local")?;
        }
        if self.retain_as_published {
            f.write_str(" rap")?;
        }
        match self.retain_handling as u8 {
            0 => Ok(()),
            handling => write!(f, " rh={handling}"),
        }
    }
}

fn unsubscribe(f: &mut Formatter<'_>, packet: &Unsubscribe<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_identifier)?;
    let mut comma = "";
    for filter in packet.filters.iter() {
        write!(f, "{comma} {filter:?}")?;
        comma = ",";
    }
    properties(f, &packet.properties)
}

fn disconnect(f: &mut Formatter<'_>, packet: &Disconnect<'_>) -> fmt::Result {
    match packet.reason_code {
        ReasonCode::NORMAL_DISCONNECTION => f.write_str(" 0x00 Normal disconnection")?,
        reason_code => write!(f, " {reason_code}")?,
    }
    properties(f, &packet.properties)
}

fn codes(f: &mut Formatter<'_>, reason_codes: &ReasonCodes<'_>) -> fmt::Result {
    reason_codes.iter().try_for_each(|code| write!(f, " 0x{:02x}", code.value()))
}

fn properties(f: &mut Formatter<'_>, properties: &Properties<'_>) -> fmt::Result {
    for property in properties.iter() {
        f.write_str(" ")?;
        fmt::Display::fmt(&property, f)?;
    }
    Ok(())
}

impl fmt::Display for Property<'_> {
    /// As in a packet: `expiry=10`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadFormatIndicator(v) => write!(f, "payload-format={}", u8::from(*v)),
            Self::MessageExpiryInterval(v) => write!(f, "expiry={v}"),
            Self::ContentType(v) => write!(f, "content-type={v:?}"),
            Self::ResponseTopic(v) => write!(f, "response-topic={v:?}"),
            Self::CorrelationData(v) => {
                f.write_str("correlation=")?;
                data(f, v)
            }
            Self::SubscriptionIdentifier(v) => write!(f, "sub-id={}", v.get()),
            Self::SessionExpiryInterval(v) => write!(f, "session-expiry={v}"),
            Self::AssignedClientIdentifier(v) => write!(f, "assigned-client={v:?}"),
            Self::ServerKeepAlive(v) => write!(f, "server-keep-alive={v}"),
            Self::AuthenticationMethod(v) => write!(f, "method={v:?}"),
            // Like a Password, it is never shown.
            Self::AuthenticationData(v) => write!(f, "data={}B", v.len()),
            Self::RequestProblemInformation(v) => write!(f, "request-problem={}", u8::from(*v)),
            Self::WillDelayInterval(v) => write!(f, "will-delay={v}"),
            Self::RequestResponseInformation(v) => write!(f, "request-response={}", u8::from(*v)),
            Self::ResponseInformation(v) => write!(f, "response-information={v:?}"),
            Self::ServerReference(v) => write!(f, "server-reference={v:?}"),
            Self::ReasonString(v) => write!(f, "reason={v:?}"),
            Self::ReceiveMaximum(v) => write!(f, "receive-maximum={v}"),
            Self::TopicAliasMaximum(v) => write!(f, "alias-maximum={v}"),
            Self::TopicAlias(v) => write!(f, "alias={v}"),
            Self::MaximumQoS(v) => write!(f, "maximum-qos={v}"),
            Self::RetainAvailable(v) => write!(f, "retain-available={}", u8::from(*v)),
            Self::UserProperty(name, value) => write!(f, "user-property={name:?}:{value:?}"),
            Self::MaximumPacketSize(v) => write!(f, "maximum-packet-size={v}"),
            Self::WildcardSubscriptionAvailable(v) => {
                write!(f, "wildcard-available={}", u8::from(*v))
            }
            Self::SubscriptionIdentifierAvailable(v) => {
                write!(f, "sub-id-available={}", u8::from(*v))
            }
            Self::SharedSubscriptionAvailable(v) => write!(f, "shared-available={}", u8::from(*v)),
        }
    }
}

#[cfg(test)]
mod tests;
