//! Properties as the codec writes them, read back.

use core::num::{NonZeroU16, NonZeroU32};

use mqtt_codec::{Property, QoS, SubscriptionIdentifier, TopicName, Utf8String};

use super::fields::Fields;
use super::packet::keep;
use super::token::{Token, Value};

/// Takes everything that is left of a packet's line: its properties, in their order.
pub(crate) fn properties(fields: &mut Fields) -> Result<Vec<Property<'static>>, String> {
    let mut found = Vec::new();
    while let Some(token) = fields.next() {
        match token {
            Token::Field(name, value) => {
                found.push(property(&name, value).map_err(|e| format!("{name}: {e}"))?);
            }
            other => return Err(format!("{other:?} does not belong here")),
        }
    }
    Ok(found)
}

fn property(name: &str, value: Value) -> Result<Property<'static>, String> {
    Ok(match name {
        "payload-format" => Property::PayloadFormatIndicator(value.boolean()?),
        "expiry" => Property::MessageExpiryInterval(value.number()?),
        "content-type" => Property::ContentType(utf8(value)?),
        "response-topic" => Property::ResponseTopic(topic(value)?),
        "correlation" => Property::CorrelationData(keep(value.bytes()?)),
        "sub-id" => Property::SubscriptionIdentifier(identifier(&value)?),
        "session-expiry" => Property::SessionExpiryInterval(value.number()?),
        "assigned-client" => Property::AssignedClientIdentifier(utf8(value)?),
        "server-keep-alive" => Property::ServerKeepAlive(value.number()?),
        "method" => Property::AuthenticationMethod(utf8(value)?),
        "data" => Property::AuthenticationData(keep(value.bytes()?)),
        "request-problem" => Property::RequestProblemInformation(value.boolean()?),
        "will-delay" => Property::WillDelayInterval(value.number()?),
        "request-response" => Property::RequestResponseInformation(value.boolean()?),
        "response-information" => Property::ResponseInformation(utf8(value)?),
        "server-reference" => Property::ServerReference(utf8(value)?),
        "reason" => Property::ReasonString(utf8(value)?),
        "receive-maximum" => Property::ReceiveMaximum(value.number::<NonZeroU16>()?),
        "alias-maximum" => Property::TopicAliasMaximum(value.number()?),
        "alias" => Property::TopicAlias(value.number::<NonZeroU16>()?),
        "maximum-qos" => Property::MaximumQoS(qos(&value)?),
        "retain-available" => Property::RetainAvailable(value.boolean()?),
        "user-property" => return user_property(value),
        "maximum-packet-size" => Property::MaximumPacketSize(value.number::<NonZeroU32>()?),
        "wildcard-available" => Property::WildcardSubscriptionAvailable(value.boolean()?),
        "sub-id-available" => Property::SubscriptionIdentifierAvailable(value.boolean()?),
        "shared-available" => Property::SharedSubscriptionAvailable(value.boolean()?),
        _ => return Err("no such property".into()),
    })
}

fn user_property(value: Value) -> Result<Property<'static>, String> {
    let Value::Pair(name, value) = value else {
        return Err("a User Property is `\"name\":\"value\"`".into());
    };
    Ok(Property::UserProperty(utf8(Value::Text(name))?, utf8(Value::Text(value))?))
}

fn utf8(value: Value) -> Result<Utf8String<'static>, String> {
    let text: &'static String = keep(value.text()?);
    Utf8String::new(text).map_err(|e| e.to_string())
}

fn topic(value: Value) -> Result<TopicName<'static>, String> {
    let text: &'static String = keep(value.text()?);
    TopicName::new(text).map_err(|e| e.to_string())
}

fn identifier(value: &Value) -> Result<SubscriptionIdentifier, String> {
    SubscriptionIdentifier::new(value.number()?).ok_or_else(|| "out of range".into())
}

fn qos(value: &Value) -> Result<QoS, String> {
    QoS::from_u8(value.number()?).ok_or_else(|| "no such Quality of Service".into())
}
