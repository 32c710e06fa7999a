//! `host …`: what the program around the broker wishes.

use mqtt_broker_core::{ApplicationMessage, Verdict};
use mqtt_codec::{
    Properties, QoS, ReasonCode, SubscriptionIdentifier, SubscriptionOptions, TopicFilter,
};

use super::fields::Fields;
use super::packet::{keep, publish, subscription};
use super::property::properties;
use super::rules::verdict;
use super::token::{Token, tokens};

/// One wish.
#[derive(Debug)]
pub(crate) enum Wish {
    /// `publishes q1 retain "a/b" "hello"`
    Publish(ApplicationMessage<'static>),
    /// `subscribes "a/#" q1 sub-id=3`
    Subscribe(TopicFilter<'static>, SubscriptionOptions, Option<SubscriptionIdentifier>),
    /// `unsubscribes "a/#"`
    Unsubscribe(String),
    /// `kicks "alice" 0x98 Administrative action`
    Kick(String, ReasonCode),
    /// `shuts down`
    ShutDown,
    /// `allows alice`, `denies alice 0x87 Not authorized`: answers her oldest open question.
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
                let (filter, options) = subscription(&mut fields)?;
                let identifier = Properties::new(keep(properties(&mut fields)?));
                let identifier = identifier.subscription_identifiers().next();
                Self::Subscribe(filter, options, identifier)
            }
            "unsubscribes" => Self::Unsubscribe(fields.text().ok_or("from what?")?),
            "kicks" => {
                let name = fields.text().ok_or("kicks whom?")?;
                let code = fields.reason_code()?;
                Self::Kick(name, code.unwrap_or(ReasonCode::ADMINISTRATIVE_ACTION))
            }
            "shuts" if fields.flag("down") => Self::ShutDown,
            "allows" | "denies" => {
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
