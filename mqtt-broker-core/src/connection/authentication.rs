//! AUTH: enhanced authentication, at CONNECT and again later, in as many rounds as the host's method
//! takes.
//!
//! The CONNECT is kept as it came until the exchange has succeeded; nothing of it has had an effect
//! before.

use alloc::boxed::Box;
use alloc::string::String;

use mqtt_codec::{
    Auth, Connect, Framed, Packet, Properties, Property, ReasonCode, Sender, Utf8String, Version,
    frame,
};

use super::State;
use super::answers::PropertyList;
use super::handshake::Refusal;
use super::inbound::{Flow, Handled};
use super::policy::Ask;
use crate::boundary::CloseReason;
use crate::broker::Broker;
use crate::policy::{AuthenticationStep, Policy, Verdict};
use crate::time::Instant;

/// The enhanced authentication of one connection.
pub(crate) struct Authentication {
    method: Box<str>,
    /// The CONNECT, until it is answered.
    connect: Box<[u8]>,
    /// A challenge is out.
    challenged: bool,
}

impl Authentication {
    /// The bytes it holds.
    pub(super) fn heap(&self) -> usize {
        self.method.len() + self.connect.len()
    }
}

impl Broker {
    /// Accepts a CONNECT without an Authentication Method; begins the exchange of one that has it.
    /// `bytes` is the whole packet. `None` while a verdict is awaited.
    pub(super) fn authenticate_connect(
        &mut self,
        now: Instant,
        index: u32,
        bytes: &[u8],
        connect: &Connect<'_>,
        policy: &mut dyn Policy,
    ) -> Option<Result<(), Refusal>> {
        let Some(method) = connect.properties.authentication_method() else {
            //= [MQTT-4.12.0-6]
            return Some(self.accept_connect(now, index, connect, None));
        };
        let ask = Ask::Authenticate {
            connect: Some(connect),
            method: method.as_str(),
            data: connect.properties.authentication_data().unwrap_or_default(),
            step: AuthenticationStep::Connect,
        };
        let verdict = self.ask(now, index, 2, ask, policy)?;
        let method = method.as_str();
        let mut authentication =
            Authentication { method: method.into(), connect: Box::default(), challenged: false };
        Some(match verdict {
            //= [MQTT-4.12.0-2]
            Verdict::Challenge(data) => {
                authentication.connect = bytes.into();
                authentication.challenged = true;
                self.send_auth(index, ReasonCode::CONTINUE_AUTHENTICATION, method, Some(&data));
                self.keep_authentication(index, authentication, Some(State::Authenticating));
                Ok(())
            }
            Verdict::Allow | Verdict::AllowWith(_) => {
                self.keep_authentication(index, authentication, None);
                self.accept_connect(now, index, connect, data_of(&verdict))
            }
            //= [MQTT-4.12.0-1]
            //= [MQTT-4.12.0-4]
            denied => Err(refusal_of(&denied)),
        })
    }

    /// AUTH from a client: the answer to a challenge, or the beginning of another exchange.
    pub(super) fn on_auth(
        &mut self,
        now: Instant,
        index: u32,
        auth: &Auth<'_>,
        policy: &mut dyn Policy,
    ) -> Handled {
        let Some(connection) = self.connections.get(index) else { return Ok(Flow::Next) };
        let Some(authentication) = &connection.authentication else {
            //= [MQTT-4.12.0-7]
            return violation("AUTH without an Authentication Method in CONNECT");
        };
        let connecting = connection.state == State::Authenticating;
        let step = match (auth.reason_code, authentication.challenged) {
            (ReasonCode::CONTINUE_AUTHENTICATION, true) => AuthenticationStep::Continue,
            (ReasonCode::RE_AUTHENTICATE, false) if !connecting => AuthenticationStep::Again,
            _ => return violation("an AUTH that nothing has asked for"),
        };
        //= [MQTT-4.12.1-1]
        if auth.properties.authentication_method().map(|method| method.as_str())
            != Some(&*authentication.method)
        {
            return violation("another Authentication Method than in CONNECT");
        }
        let method = authentication.method.clone();
        let data = auth.properties.authentication_data().unwrap_or_default();
        if connecting {
            return self.continue_connect(now, index, &method, data, policy);
        }
        let ask = Ask::Authenticate { connect: None, method: &method, data, step };
        let Some(verdict) = self.ask(now, index, 0, ask, policy) else { return Ok(Flow::Wait) };
        let challenged = matches!(verdict, Verdict::Challenge(_));
        let code = match &verdict {
            Verdict::Challenge(_) => ReasonCode::CONTINUE_AUTHENTICATION,
            Verdict::Allow | Verdict::AllowWith(_) => ReasonCode::SUCCESS,
            //= [MQTT-4.12.1-2]
            denied => {
                let code = denied.denial().unwrap_or(ReasonCode::NOT_AUTHORIZED);
                return Err(CloseReason::NotAuthenticated(code));
            }
        };
        self.send_auth(index, code, &method, data_of(&verdict));
        let authentication =
            self.connections.get_mut(index).and_then(|c| c.authentication.as_mut());
        if let Some(authentication) = authentication {
            authentication.challenged = challenged;
        }
        Ok(Flow::Next)
    }

    /// The next round for a client whose CONNECT is kept.
    fn continue_connect(
        &mut self,
        now: Instant,
        index: u32,
        method: &str,
        data: &[u8],
        policy: &mut dyn Policy,
    ) -> Handled {
        let kept = self.connections.get_mut(index).and_then(|c| c.authentication.as_mut());
        let kept = kept.map(|kept| core::mem::take(&mut kept.connect)).unwrap_or_default();
        let Some(connect) = decode_connect(&kept) else {
            return violation("the CONNECT is gone");
        };
        let client_identifier = connect.client_identifier.as_str();
        let step = AuthenticationStep::Continue;
        let ask = Ask::Authenticate { connect: Some(&connect), method, data, step };
        let verdict = self.ask(now, index, 0, ask, policy);
        let outcome = match verdict {
            None | Some(Verdict::Challenge(_)) => {
                if let Some(Verdict::Challenge(data)) = &verdict {
                    let code = ReasonCode::CONTINUE_AUTHENTICATION;
                    self.send_auth(index, code, method, Some(data));
                }
                let slot = self.connections.get_mut(index).and_then(|c| c.authentication.as_mut());
                if let Some(authentication) = slot {
                    authentication.connect = kept;
                }
                return Ok(if verdict.is_none() { Flow::Wait } else { Flow::Next });
            }
            Some(verdict @ (Verdict::Allow | Verdict::AllowWith(_))) => {
                let slot = self.connections.get_mut(index).and_then(|c| c.authentication.as_mut());
                if let Some(authentication) = slot {
                    authentication.challenged = false;
                }
                self.accept_connect(now, index, &connect, data_of(&verdict))
            }
            //= [MQTT-4.12.0-4]
            Some(denied) => Err(refusal_of(&denied)),
        };
        if let Err(refusal) = outcome {
            self.refuse(index, connect.version, &refusal, String::from(client_identifier));
        }
        Ok(Flow::Next)
    }

    fn keep_authentication(
        &mut self,
        index: u32,
        authentication: Authentication,
        state: Option<State>,
    ) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.authentication = Some(Box::new(authentication));
        connection.state = state.unwrap_or(connection.state);
    }

    fn send_auth(
        &mut self,
        index: u32,
        reason_code: ReasonCode,
        method: &str,
        data: Option<&[u8]>,
    ) {
        let mut list: PropertyList<'_> = PropertyList::new();
        //= [MQTT-4.12.0-5]
        list.extend(Utf8String::new(method).ok().map(Property::AuthenticationMethod));
        list.extend(data.map(Property::AuthenticationData));
        let properties = Properties::new(&list);
        //= [MQTT-3.15.2-2]
        //= [MQTT-3.15.2-3]
        self.send_packet(index, &Packet::Auth(Auth { reason_code, properties }));
    }
}

/// The data that goes with a verdict.
fn data_of(verdict: &Verdict) -> Option<&[u8]> {
    match verdict {
        Verdict::AllowWith(data) | Verdict::Challenge(data) => Some(data),
        _ => None,
    }
}

fn refusal_of(verdict: &Verdict) -> Refusal {
    let plain = || Refusal::new(ReasonCode::NOT_AUTHORIZED, crate::boundary::RefusalCause::Policy);
    Refusal::of(verdict).unwrap_or_else(plain)
}

/// The CONNECT in bytes that were one before.
fn decode_connect(bytes: &[u8]) -> Option<Connect<'_>> {
    let Ok(Framed::Complete(frame)) = frame(bytes, Sender::Client, u32::MAX) else { return None };
    match frame.decode(Version::V5) {
        Ok(Packet::Connect(connect)) => Some(connect),
        _ => None,
    }
}

fn violation(rule: &'static str) -> Handled {
    Err(CloseReason::Violation(ReasonCode::PROTOCOL_ERROR, rule))
}
