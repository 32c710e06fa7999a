//! How a Session begins, is resumed, and is taken over by a newer connection.

use alloc::boxed::Box;

use mqtt_codec::{Connect, Version};

use super::{FOR_EVER, Session};
use crate::boundary::CloseReason;
use crate::broker::{Broker, Timer};
use crate::config::Limit;
use crate::connection::State;
use crate::defect::Defect;
use crate::journal::{Change, Life, SessionChange};
use crate::store::{Claim, Full};
use crate::time::Instant;

/// A Session that a CONNECT found or made.
#[derive(Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) session: u32,
    /// There was Session State to resume.
    pub(crate) present: bool,
}

impl Broker {
    /// Gives the connection its Session: the one of this Client Identifier, or a new one; the name
    /// of the limit if there is no room.
    pub(crate) fn open_session(
        &mut self,
        now: Instant,
        index: u32,
        client_identifier: &str,
        connect: &Connect<'_>,
    ) -> Result<Opened, Limit> {
        let mut found = self.sessions.find(client_identifier);
        let expiry_interval = self.expiry_interval(connect);
        let claim = if expiry_interval > 0 { Claim::Lasting } else { Claim::New };
        let goes_on = found.and_then(|key| self.sessions.get(key));
        let has_will = goes_on.is_some_and(|state| state.will.is_some());
        if goes_on.is_none_or(|state| expiry_interval > 0 && !state.is_persistent()) {
            let (limits, lasts) = (&self.config.limits, expiry_interval > 0);
            if found.is_none() && self.sessions.len() >= limits.sessions
                || lasts && self.sessions.len() >= limits.lasting_sessions
            {
                return Err(Limit::Sessions);
            }
            let name = connect.user_name.map_or(0, |name| name.as_str().len());
            self.admit_new(claim, client_identifier.len() + name)?;
        }
        let will = match &connect.will {
            Some(will) => Some(self.keep_will(will, has_will)?),
            None => None,
        };
        if let Some(session) = found {
            self.take_over(now, session, connect.clean_start);
            found = self.sessions.find(client_identifier);
        }
        //= [MQTT-3.1.2-5]
        //= [MQTT-3.1.2-6]
        //= [MQTT-3.1.4-4]
        let present = found.is_some();
        let session = match found {
            Some(session) => session,
            None => {
                let new = Session::new(client_identifier.into(), connect.version);
                match self.account.taking_for(claim, || self.sessions.insert(new)) {
                    Ok(session) => session,
                    Err(Full) => {
                        if let Some(will) = &will {
                            self.forget_will(will);
                        }
                        return Err(self.full(Limit::Sessions));
                    }
                }
            }
        };
        if let Some(state) = self.sessions.get_mut(session) {
            self.stats.offline_bytes -= if present { state.queued_bytes as usize } else { 0 };
            state.connection = index;
            state.version = connect.version;
            state.expiry_interval = expiry_interval;
            state.ends_at = Instant::NEVER;
            state.user_name = connect.user_name.map(|name| Box::from(name.as_str()));
            //= 3.1.1 [MQTT-3.1.2-12]
            state.will = will.map(Box::new);
            self.timers.cancel(&mut state.timer);
        }
        if let Some(connection) = self.connections.get_mut(index) {
            connection.state = State::Connected;
            connection.session = session;
        }
        self.recount_session(session);
        self.journal_opened(session, present);
        Ok(Opened { session, present })
    }

    /// The connection of a Session is gone. Its Will Message is published or waits; the Session
    /// ends or waits.
    pub(crate) fn session_left(&mut self, now: Instant, session: u32) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        //= [MQTT-3.1.2-23]
        if !state.is_persistent() {
            if self.is_planted(Defect::LeakedSession) {
                return;
            }
            self.end_session(now, session);
            return;
        }
        if let Some(will) = &mut state.will {
            will.due = now + core::time::Duration::from_secs(will.delay_interval.into());
        }
        let left = SessionChange::Left {
            expiry_interval: state.expiry_interval,
            ends_at: state.ends_at,
            will_due: state.will.as_ref().map_or(Instant::NEVER, |will| will.due),
        };
        self.journal_session(session, left);
        self.session_timer(now, session);
    }

    /// Publishes a Will Message that is due, ends a Session whose time has come, and arms the timer
    /// for what is left.
    pub(crate) fn session_timer(&mut self, now: Instant, session: u32) {
        let Some(state) = self.sessions.get(session) else { return };
        //= [MQTT-4.1.0-1]
        if state.is_connected() {
            return;
        }
        if state.ends_at <= now {
            self.end_session(now, session);
            return;
        }
        if state.will.as_ref().is_some_and(|will| will.due <= now) {
            self.publish_will(now, session);
        }
        let Some(state) = self.sessions.get_mut(session) else { return };
        let will = state.will.as_ref().map_or(Instant::NEVER, |will| will.due);
        let next = will.min(state.ends_at);
        if next == Instant::NEVER {
            self.timers.cancel(&mut state.timer);
        } else {
            self.timers.arm(&mut state.timer, next, Timer::Session(session));
        }
    }

    /// Ends what an earlier connection with the same Client Identifier has begun.
    fn take_over(&mut self, now: Instant, session: u32, clean_start: bool) {
        let Some(state) = self.sessions.get(session) else { return };
        if state.is_connected() {
            //= [MQTT-3.1.4-3]
            self.close(now, state.connection, CloseReason::TakenOver);
        }
        // The earlier connection may have ended the Session with it.
        let Some(state) = self.sessions.get(session).filter(|state| !state.ended) else { return };
        if clean_start || state.ends_at <= now {
            //= [MQTT-3.1.2-4]
            self.end_session(now, session);
        } else if state.will.as_ref().is_some_and(|will| will.due <= now) {
            self.publish_will(now, session);
        } else {
            // Resumed before the delay has passed: the Will Message is not sent.
            //= [MQTT-3.1.3-9]
            self.discard_will(session);
        }
    }

    /// How long the Session outlives its connection, in seconds.
    pub(crate) fn expiry_interval(&self, connect: &Connect<'_>) -> u32 {
        let asked = match connect.version {
            Version::V5 => connect.properties.session_expiry_interval().unwrap_or(0),
            // Clean Session 1 is a Session as long as the connection, 0 one without end.
            Version::V3_1 | Version::V3_1_1 if connect.clean_start => 0,
            Version::V3_1 | Version::V3_1_1 => FOR_EVER,
        };
        asked.min(self.config.session_expiry_maximum)
    }

    /// Journals a Session that was begun or resumed, with its Will Message.
    fn journal_opened(&mut self, session: u32, present: bool) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let lasts = state.is_persistent() || state.will.is_some();
        if !self.journal.is_enabled() || !(present || lasts) {
            return;
        }
        let life = Life {
            version: state.version,
            expiry_interval: state.expiry_interval,
            user_name: state.user_name.as_deref(),
        };
        let opened = if present {
            SessionChange::Resumed(life)
        } else {
            self.journal.sessions += 1;
            state.number = self.journal.sessions;
            state.is_journalled = state.is_persistent();
            SessionChange::Began { client_identifier: &state.client_identifier, life }
        };
        self.journal.change(&Change::Session(state.number, opened));
        state.lsn = self.journal.open_lsn();
        let number = state.number;
        let Some(will) = &state.will else { return };
        let (publication, delay_interval) = (will.publication, will.delay_interval);
        let expiry_interval = will.expiry_interval;
        self.name(publication);
        let Some(stored) = self.publications.get(publication) else { return };
        let sequence = stored.sequence;
        let kept = SessionChange::WillKept { sequence, delay_interval, expiry_interval };
        self.journal.change(&Change::Session(number, kept));
    }
}
