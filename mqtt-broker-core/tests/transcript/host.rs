//! `host …`: what the program around the broker wishes.

use core::num::NonZeroU32;

use mqtt_broker_core::{ApplicationMessage, Verdict};
use mqtt_codec::{
    Properties, QoS, ReasonCode, SubscriptionIdentifier, SubscriptionOptions, TopicFilter,
};

use super::fields::Fields;
use super::packet::{keep, publish, subscription};
use super::property::properties;
use super::rules::{server_reference, verdict};
use super::script::topic_filter;
use super::token::{Token, tokens};

/// One wish.
#[derive(Debug)]
pub(crate) enum Wish {
    /// `publishes q1 retain "a/b" "hello"`
    Publish(ApplicationMessage<'static>),
    /// `subscribes "a/#" q1 sub-id=3`
    Subscribe(TopicFilter<'static>, SubscriptionOptions, Option<SubscriptionIdentifier>),
    /// `subscribes "a/#" q1 sub-id=3 window=2`
    SubscribeWithin(
        TopicFilter<'static>,
        SubscriptionOptions,
        Option<SubscriptionIdentifier>,
        NonZeroU32,
    ),
    /// `takes 2 of "a/#"`
    Take(u32, String),
    /// `unsubscribes "a/#"`
    Unsubscribe(String),
    /// `kicks "alice" 0x98 Administrative action`
    Kick(String, ReasonCode),
    /// `redirects "alice" server-reference="b.example" permanently`
    Redirect(String, String, bool),
    /// `removes session "alice"`
    RemoveSession(String),
    RemoveWill(String),
    /// `removes subscription "alice" "a/#"`
    RemoveSubscription(String, TopicFilter<'static>),
    /// `shuts down`
    ShutDown,
    /// `allows alice`, `denies alice 0x87`, `challenges alice data="…"`: answers her oldest open
    /// question.
    Resolve(String, Verdict),
}

impl Wish {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut fields = Fields::new(tokens(text)?);
        let Some(Token::Word(verb)) = fields.next() else {
            return Err("the host does what?".into());
        };
        let wish = match verb.as_str() {
            "publishes" => publication(fields)?,
            "subscribes" => {
                let window: Option<NonZeroU32> =
                    fields.value("window").map(|value| value.number()).transpose()?;
                let (filter, options) = subscription(&mut fields)?;
                let identifier = Properties::new(keep(properties(&mut fields)?));
                let identifier = identifier.subscription_identifiers().next();
                match window {
                    None => Self::Subscribe(filter, options, identifier),
                    Some(window) => Self::SubscribeWithin(filter, options, identifier, window),
                }
            }
            "takes" => match (fields.next(), fields.flag("of"), fields.text()) {
                (Some(Token::Word(count)), true, Some(filter)) => {
                    Self::Take(count.parse().map_err(|_| "how many?")?, filter)
                }
                _ => return Err("`takes 2 of \"a/#\"`".into()),
            },
            "unsubscribes" => Self::Unsubscribe(fields.text().ok_or("from what?")?),
            "kicks" => {
                let name = fields.text().ok_or("kicks whom?")?;
                let code = fields.reason_code()?;
                Self::Kick(name, code.unwrap_or(ReasonCode::ADMINISTRATIVE_ACTION))
            }
            "redirects" => {
                let name = fields.text().ok_or("redirects whom?")?;
                let (server_reference, permanently) = server_reference(&mut fields)?;
                Self::Redirect(name, server_reference, permanently)
            }
            "removes" => removal(fields)?,
            "shuts" if fields.flag("down") => Self::ShutDown,
            "allows" | "denies" | "challenges" => {
                let Some(Token::Word(name)) = fields.next() else {
                    return Err(format!("{verb} whom?"));
                };
                Self::Resolve(name, verdict(&verb, &mut fields)?)
            }
            _ => return Err(format!("no host {verb}")),
        };
        Ok(wish)
    }
}

fn removal(mut fields: Fields) -> Result<Wish, String> {
    let (session, will) = (fields.flag("session"), fields.flag("will"));
    let name = fields.text().ok_or("of whom?")?;
    if session {
        return Ok(Wish::RemoveSession(name));
    }
    if will {
        return Ok(Wish::RemoveWill(name));
    }
    let filter = fields.flag("subscription").then(|| fields.text()).flatten();
    let filter = filter.ok_or("`removes session \"alice\"` or `subscription \"alice\" \"a\"`")?;
    Ok(Wish::RemoveSubscription(name, topic_filter(filter)?))
}

/// The fields of a PUBLISH without its Packet Identifier.
fn publication(mut fields: Fields) -> Result<Wish, String> {
    let qos = fields.qos().unwrap_or(QoS::AtMostOnce);
    let publish = publish(&mut fields)?;
    let topic = publish.topic.ok_or("the host has no Topic Aliases")?;
    let mut message = ApplicationMessage::new(topic, publish.payload);
    message.qos = qos;
    message.retain = publish.retain;
    message.properties = publish.properties;
    Ok(Wish::Publish(message))
}
