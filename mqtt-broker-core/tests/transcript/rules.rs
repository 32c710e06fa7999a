//! `policy …`: a small scripted policy.

use mqtt_broker_core::{ConnectRequest, Policy, PublishRequest, SubscribeRequest, Verdict};
use mqtt_codec::{ReasonCode, TopicName};

use super::fields::Fields;
use super::packet::keep;
use super::script::topic_filter;
use super::token::{Token, tokens};

/// `denies publish "secret/#" 0x87`, `defers connect "alice"`.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    question: String,
    /// A Client Identifier for `connect`, a Topic Filter for the others.
    about: &'static str,
    verdict: Verdict,
}

impl Rule {
    /// `None` is `allows everything`.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, String> {
        if text == "allows everything" {
            return Ok(None);
        }
        let mut fields = Fields::new(tokens(text)?);
        let (Some(Token::Word(verb)), Some(Token::Word(question)), Some(Token::Text(about))) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err("`policy denies publish \"a/#\"`".into());
        };
        if question != "connect" {
            topic_filter(about.clone())?;
        }
        let verdict = verdict(&verb, &mut fields)?;
        Ok(Some(Self { question, about: keep(about), verdict }))
    }
}

/// `allows`, `defers`, or `denies` with a reason code or without one.
pub(crate) fn verdict(verb: &str, fields: &mut Fields) -> Result<Verdict, String> {
    let code = fields.reason_code()?;
    let verdict = match verb {
        "allows" => Verdict::Allow,
        "defers" => Verdict::Defer,
        "denies" => Verdict::Deny(code.unwrap_or(ReasonCode::NOT_AUTHORIZED)),
        _ => return Err(format!("a policy allows, defers or denies, not `{verb}`")),
    };
    if fields.is_empty() { Ok(verdict) } else { Err(format!("{fields:?} left over")) }
}

/// The rules in force; the last that fits decides.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    pub(crate) fn add(&mut self, rule: Option<Rule>) {
        match rule {
            Some(rule) => self.0.push(rule),
            None => self.0.clear(),
        }
    }

    fn decide(&self, question: &str, fits: impl Fn(&'static str) -> bool) -> Verdict {
        let rule = self.0.iter().rev().find(|rule| rule.question == question && fits(rule.about));
        rule.map_or(Verdict::Allow, |rule| rule.verdict.clone())
    }
}

impl Policy for Rules {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        self.decide("connect", |about| request.connect.client_identifier.as_str() == about)
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        self.decide("publish", |about| covers(about, request.topic))
    }

    /// A rule fits the filters that it covers when they are read as Topic Names, and itself.
    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        let asked = request.filter.as_str();
        self.decide("subscribe", |about| {
            asked == about || TopicName::new(asked).is_ok_and(|name| covers(about, name))
        })
    }
}

fn covers(about: &'static str, topic: TopicName<'_>) -> bool {
    topic_filter(about.to_owned()).is_ok_and(|filter| filter.matches(topic))
}
