//! Packets from their text, which is the codec's `{:#}`.

use mqtt_codec::{
    Ack, Auth, Connack, Connect, Delivery, Disconnect, Packet, Properties, Publish, QoS,
    ReasonCode, ReasonCodes, RetainHandling, Suback, Subscribe, SubscriptionOptions, Subscriptions,
    TopicFilter, TopicFilters, TopicName, Unsuback, Unsubscribe, Utf8String, Version, Will,
};

use super::fields::Fields;
use super::property::properties;
use super::token::{Token, Value, tokens};

/// Reads one packet. What it borrows lives as long as the test run: a script is read once.
pub(crate) fn packet(text: &str) -> Result<Packet<'static>, String> {
    let mut all = tokens(text)?;
    if all.is_empty() {
        return Err("a packet is missing".into());
    }
    let Token::Word(name) = all.remove(0) else {
        return Err("a packet begins with its name".into());
    };
    let mut fields = Fields::new(all);
    let found = read(&name, &mut fields)?;
    if !fields.is_empty() {
        return Err(format!("{fields:?} left over"));
    }
    Ok(found)
}

/// The bytes of a packet in a version.
pub(crate) fn encoded(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; packet.encoded_len(version)];
    let length = packet.encode(version, &mut bytes).map_err(|e| e.to_string())?;
    if length != bytes.len() {
        return Err(format!("encoded_len says {}, encode wrote {length}", bytes.len()));
    }
    Ok(bytes)
}

/// Gives a value the lifetime of the test run.
pub(crate) fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// The versions by their names, and as the codec shows them: by their levels.
const VERSIONS: [(&str, Version); 5] = [
    ("v5", Version::V5),
    ("v3.1.1", Version::V3_1_1),
    ("v4", Version::V3_1_1),
    ("v3.1", Version::V3_1),
    ("v3", Version::V3_1),
];

fn read(name: &str, fields: &mut Fields) -> Result<Packet<'static>, String> {
    Ok(match name {
        "CONNECT" => Packet::Connect(connect(fields)?),
        "CONNACK" => Packet::Connack(Connack {
            reason_code: fields.reason_code()?.unwrap_or(ReasonCode::SUCCESS),
            session_present: fields.flag("session-present"),
            properties: rest(fields)?,
        }),
        "PUBLISH" => Packet::Publish(publish(fields)?),
        "PUBACK" => Packet::Puback(ack(fields)?),
        "PUBREC" => Packet::Pubrec(ack(fields)?),
        "PUBREL" => Packet::Pubrel(ack(fields)?),
        "PUBCOMP" => Packet::Pubcomp(ack(fields)?),
        "SUBSCRIBE" => Packet::Subscribe(subscribe(fields)?),
        "SUBACK" => Packet::Suback(Suback {
            packet_identifier: fields.packet_identifier()?,
            reason_codes: reason_codes(fields)?,
            properties: rest(fields)?,
        }),
        "UNSUBSCRIBE" => Packet::Unsubscribe(unsubscribe(fields)?),
        "UNSUBACK" => Packet::Unsuback(Unsuback {
            packet_identifier: fields.packet_identifier()?,
            reason_codes: reason_codes(fields)?,
            properties: rest(fields)?,
        }),
        "PINGREQ" => Packet::Pingreq,
        "PINGRESP" => Packet::Pingresp,
        "DISCONNECT" => Packet::Disconnect(Disconnect {
            reason_code: fields.reason_code()?.unwrap_or(ReasonCode::NORMAL_DISCONNECTION),
            properties: rest(fields)?,
        }),
        "AUTH" => Packet::Auth(Auth {
            reason_code: fields.reason_code()?.unwrap_or(ReasonCode::SUCCESS),
            properties: rest(fields)?,
        }),
        _ => return Err(format!("no packet is called `{name}`")),
    })
}

fn connect(fields: &mut Fields) -> Result<Connect<'static>, String> {
    let version = VERSIONS.into_iter().find(|(name, _)| fields.flag(name));
    let (_, version) = version.ok_or("CONNECT needs its version")?;
    Ok(Connect {
        version,
        clean_start: fields.flag("clean"),
        keep_alive: fields.number("keep-alive")?.unwrap_or(0),
        client_identifier: utf8(fields.value("client"))?.unwrap_or(Utf8String::EMPTY),
        will: fields.value("will").map(will).transpose()?,
        user_name: utf8(fields.value("user"))?,
        password: fields.value("password").map(Value::bytes).transpose()?.map(|b| &keep(b)[..]),
        properties: rest(fields)?,
    })
}

fn will(value: Value) -> Result<Will<'static>, String> {
    let Value::Group(group) = value else {
        return Err("a Will Message is `will=(q0 \"topic\" \"payload\")`".into());
    };
    let mut fields = Fields::new(group);
    Ok(Will {
        qos: fields.qos().unwrap_or(QoS::AtMostOnce),
        retain: fields.flag("retain"),
        topic: topic(fields.text())?.ok_or("a Will Message needs a topic")?,
        payload: keep(fields.payload().unwrap_or_default()),
        properties: rest(&mut fields)?,
    })
}

/// The fields of a PUBLISH.
pub(crate) fn publish(fields: &mut Fields) -> Result<Publish<'static>, String> {
    let qos = fields.qos().unwrap_or(QoS::AtMostOnce);
    let identifier = match qos {
        QoS::AtMostOnce => None,
        _ => Some(fields.packet_identifier()?),
    };
    let dup = fields.flag("dup");
    Ok(Publish {
        delivery: Delivery::new(qos, dup, identifier).ok_or("QoS 0 has no `dup`: use `hex`")?,
        retain: fields.flag("retain"),
        topic: if fields.has_topic() { topic(fields.text())? } else { None },
        payload: keep(fields.payload().unwrap_or_default()),
        properties: rest(fields)?,
    })
}

fn ack(fields: &mut Fields) -> Result<Ack<'static>, String> {
    Ok(Ack {
        packet_identifier: fields.packet_identifier()?,
        reason_code: fields.reason_code()?.unwrap_or(ReasonCode::SUCCESS),
        properties: rest(fields)?,
    })
}

fn subscribe(fields: &mut Fields) -> Result<Subscribe<'static>, String> {
    let packet_identifier = fields.packet_identifier()?;
    let mut subscriptions = Vec::new();
    let mut found = Vec::new();
    for mut part in core::mem::replace(fields, Fields::new(Vec::new())).split() {
        subscriptions.push(subscription(&mut part)?);
        found.extend(properties(&mut part)?);
    }
    Ok(Subscribe {
        packet_identifier,
        subscriptions: Subscriptions::new(keep(subscriptions)),
        properties: Properties::new(keep(found)),
    })
}

/// A Topic Filter with its options: `"a/+" q1 no-local rap rh=2`.
pub(crate) fn subscription(
    fields: &mut Fields,
) -> Result<(TopicFilter<'static>, SubscriptionOptions), String> {
    let filter = filter(fields)?;
    let retain_handling = match fields.number::<u8>("rh")? {
        None | Some(0) => RetainHandling::SendAtSubscribe,
        Some(1) => RetainHandling::SendIfNew,
        Some(2) => RetainHandling::DoNotSend,
        Some(_) => return Err("rh= is 0, 1 or 2".into()),
    };
    let options = SubscriptionOptions {
        maximum_qos: fields.qos().unwrap_or(QoS::AtMostOnce),
        no_local: fields.flag("no-local"),
        retain_as_published: fields.flag("rap"),
        retain_handling,
    };
    Ok((filter, options))
}

fn unsubscribe(fields: &mut Fields) -> Result<Unsubscribe<'static>, String> {
    let packet_identifier = fields.packet_identifier()?;
    let mut filters = Vec::new();
    let mut found = Vec::new();
    for mut part in core::mem::replace(fields, Fields::new(Vec::new())).split() {
        filters.push(filter(&mut part)?);
        found.extend(properties(&mut part)?);
    }
    Ok(Unsubscribe {
        packet_identifier,
        filters: TopicFilters::new(keep(filters)),
        properties: Properties::new(keep(found)),
    })
}

fn reason_codes(fields: &mut Fields) -> Result<ReasonCodes<'static>, String> {
    let mut codes = Vec::new();
    while let Some(code) = fields.listed_code()? {
        codes.push(code);
    }
    Ok(ReasonCodes::new(keep(codes)))
}

fn rest(fields: &mut Fields) -> Result<Properties<'static>, String> {
    Ok(Properties::new(keep(properties(fields)?)))
}

fn filter(fields: &mut Fields) -> Result<TopicFilter<'static>, String> {
    let text: &'static String = keep(fields.text().ok_or("a Topic Filter is missing")?);
    TopicFilter::new(text).map_err(|e| format!("{text:?}: {e}"))
}

fn topic(text: Option<String>) -> Result<Option<TopicName<'static>>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let text: &'static String = keep(text);
    TopicName::new(text).map(Some).map_err(|e| format!("{text:?}: {e}"))
}

fn utf8(value: Option<Value>) -> Result<Option<Utf8String<'static>>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let text: &'static String = keep(value.text()?);
    Utf8String::new(text).map(Some).map_err(|e| format!("{text:?}: {e}"))
}
