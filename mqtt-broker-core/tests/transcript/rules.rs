//! `policy …`: a small scripted policy.

use mqtt_broker_core::{
    AuthenticateRequest, ConnectRequest, DeliverRequest, Policy, PublishRequest, SubscribeRequest,
    UnsubscribeRequest, Verdict,
};
use mqtt_codec::{ReasonCode, TopicFilter, TopicName};

use super::fields::Fields;
use super::packet::keep;
use super::script::topic_filter;
use super::token::{Token, Value, tokens};

/// `denies publish "secret/#" 0x87`, `defers connect "alice"`.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    question: String,
    /// A Client Identifier for `connect`, Authentication Data for `authenticate`, else a Topic
    /// Filter.
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
        match question.as_str() {
            "connect" | "authenticate" => {}
            "publish" | "subscribe" | "unsubscribe" | "deliver" => {
                topic_filter(about.clone())?;
            }
            _ => return Err(format!("nobody asks to {question}")),
        }
        let verdict = verdict(&verb, &mut fields)?;
        Ok(Some(Self { question, about: keep(about), verdict }))
    }
}

/// `allows`, `challenges data="…"`, `denies`, `redirects server-reference="…"` or `defers`.
pub(crate) fn verdict(verb: &str, fields: &mut Fields) -> Result<Verdict, String> {
    let data = fields.value("data").map(Value::bytes).transpose()?;
    let verdict = match verb {
        "allows" => data.map_or(Verdict::Allow, Verdict::AllowWith),
        "challenges" => Verdict::Challenge(data.unwrap_or_default()),
        "defers" => Verdict::Defer,
        "denies" => Verdict::Deny(fields.reason_code()?.unwrap_or(ReasonCode::NOT_AUTHORIZED)),
        "redirects" => {
            let (server_reference, permanently) = server_reference(fields)?;
            Verdict::Redirect { server_reference, permanently }
        }
        _ => return Err(format!("no policy {verb}")),
    };
    if fields.is_empty() { Ok(verdict) } else { Err(format!("{fields:?} left over")) }
}

/// `server-reference="…"`, and `permanently` or not.
pub(crate) fn server_reference(fields: &mut Fields) -> Result<(String, bool), String> {
    let server = fields.value("server-reference").ok_or("`server-reference=` is missing")?;
    Ok((server.text()?, fields.flag("permanently")))
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

    fn decide(&self, question: &str, fits: impl Fn(&'static str) -> bool) -> Option<Verdict> {
        let rule = self.0.iter().rev().find(|rule| rule.question == question && fits(rule.about));
        rule.map(|rule| rule.verdict.clone())
    }

    /// A rule fits the filters that it covers when they are read as Topic Names, and itself.
    fn about_filter(&self, question: &str, asked: TopicFilter<'_>) -> Verdict {
        let asked = asked.as_str();
        let verdict = self.decide(question, |about| {
            asked == about || TopicName::new(asked).is_ok_and(|name| covers(about, name))
        });
        verdict.unwrap_or(Verdict::Allow)
    }
}

impl Policy for Rules {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let asked = request.connect.client_identifier.as_str();
        self.decide("connect", |about| asked == about).unwrap_or(Verdict::Allow)
    }

    /// What there is no rule for is a method that is not known.
    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        let verdict = self.decide("authenticate", |about| request.data == about.as_bytes());
        verdict.unwrap_or(Verdict::Deny(ReasonCode::BAD_AUTHENTICATION_METHOD))
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let verdict = self.decide("publish", |about| covers(about, request.topic));
        verdict.unwrap_or(Verdict::Allow)
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        self.about_filter("subscribe", request.filter)
    }

    fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
        self.about_filter("unsubscribe", request.filter)
    }

    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        let verdict = self.decide("deliver", |about| covers(about, request.topic));
        verdict.unwrap_or(Verdict::Allow)
    }
}

fn covers(about: &'static str, topic: TopicName<'_>) -> bool {
    topic_filter(about.to_owned()).is_ok_and(|filter| filter.matches(topic))
}
