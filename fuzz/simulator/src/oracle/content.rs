//! A message arrives as it was published, and as the subscription that it comes for asks.

use std::collections::BTreeSet;

use mqtt_codec::{Properties, Property, Publish, Version};

use super::Given;
use super::delivery::Found;
use crate::message::{MessageId, Messages};
use crate::model::Model;
use crate::reach::reached;

/// A PUBLISH with this message was given to a connection.
///
/// # Errors
///
/// It is not as it should be.
pub fn given(
    model: &Model,
    messages: &Messages,
    given: &Given<'_>,
    found: &Found,
    publish: &Publish<'_>,
) -> Result<(), String> {
    let Some(message) = found.message else { return Ok(()) };
    if given.version == Version::V5 {
        along(messages, message, given, publish)?;
    }
    let times = model.accepted.get(&message).map_or(0, |accepted| accepted.times);
    let copies = model.copies.get(&(found.session, message));
    let what = || format!("link {}, message {message} ({})", given.link, given.packet);
    match model.allowance(found.session, message) {
        (1, 0, 0) if times == 1 => {
            let asked = copies.is_some_and(|copies| copies.retain);
            reached(if asked { "MQTT-3.3.1-13" } else { "MQTT-3.3.1-12" });
            if publish.retain != asked {
                return Err(format!("RETAIN should be {asked}: {}", what()));
            }
        }
        (0, 1, 0) if !publish.retain => {
            return Err(format!("it is a retained message: {}", what()));
        }
        (0, 0, 1..) => as_member(model, found, message, publish, given.version)
            .map_err(|words| format!("{words}: {}", what()))?,
        _ => {}
    }
    Ok(())
}

/// The properties that go from publisher to subscriber.
fn along(
    messages: &Messages,
    message: MessageId,
    given: &Given<'_>,
    publish: &Publish<'_>,
) -> Result<(), String> {
    let along = messages.along(message);
    let list = along.properties();
    reached("MQTT-3.3.2-17");
    if travelling(&publish.properties) == travelling(&Properties::new(&list)) {
        return Ok(());
    }
    let (link, packet) = (given.link, given.packet);
    Err(format!("link {link}, message {message} was published with {list:?}: {packet}"))
}

/// What a publisher says of its message, in an order that means something.
fn travelling<'a>(all: &Properties<'a>) -> Vec<Property<'a>> {
    let mut list = Vec::new();
    list.extend(all.payload_format_indicator().map(Property::PayloadFormatIndicator));
    list.extend(all.content_type().map(Property::ContentType));
    list.extend(all.response_topic().map(Property::ResponseTopic));
    list.extend(all.correlation_data().map(Property::CorrelationData));
    list.extend(all.user_properties().map(|(name, value)| Property::UserProperty(name, value)));
    list
}

/// It comes for a group.
fn as_member(
    model: &Model,
    found: &Found,
    message: MessageId,
    publish: &Publish<'_>,
    version: Version,
) -> Result<(), String> {
    let mut sessions = model.sessions.values();
    let Some(session) = sessions.find(|session| session.number == found.session) else {
        return Ok(());
    };
    let (Some(shared), Some(accepted)) = (model.shared.get(&message), model.accepted.get(&message))
    else {
        return Ok(());
    };
    let asked = || shared.groups.keys().filter_map(|group| session.shared.get(group));
    let levels: BTreeSet<_> =
        asked().flat_map(|asked| &asked.levels).map(|level| accepted.qos.min(*level)).collect();
    reached("MQTT-4.8.2-3");
    if !levels.contains(&publish.delivery.qos()) {
        return Err(format!("its group has {levels:?}"));
    }
    let told: Vec<u32> = publish.properties.subscription_identifiers().map(|id| id.get()).collect();
    let named = match *told {
        [] => asked().any(|asked| asked.identifiers.contains(&None)),
        [told] => asked().any(|asked| asked.identifiers.contains(&Some(told))),
        _ => false,
    };
    if version == Version::V5 && !named {
        return Err("it has the Subscription Identifier of another".into());
    }
    Ok(())
}
