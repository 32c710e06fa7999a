//! The Will Message: kept with its Session, published when the connection ends without a goodbye,
//! after its delay or at the end of the Session, whichever comes first [MQTT-3.1.2-8].

use alloc::boxed::Box;

use mqtt_codec::Will;

use crate::broker::Broker;
use crate::config::Limit;
use crate::defect::Defect;
use crate::journal::{Change, SessionChange};
use crate::publication::Draft;
use crate::time::{Duration, Instant};

/// A Will Message that has not been published.
pub(crate) struct PendingWill {
    /// It lies with the publications, with one reference.
    pub(crate) publication: u32,
    /// Its Message Expiry Interval counts from its publication.
    pub(crate) expiry_interval: Option<u32>,
    /// Seconds.
    pub(crate) delay_interval: u32,
    /// When it is to be published, while the client is away.
    pub(crate) due: Instant,
}

/// A Will Message whose time has come.
pub(crate) struct Due {
    pub(crate) publication: u32,
    /// Its Session, if that goes on.
    pub(crate) origin: Option<u32>,
    /// Whose it is, if it is to be retained.
    pub(crate) client_identifier: Option<Box<str>>,
}

impl Broker {
    /// Stores the Will Message of a CONNECT; whether there is one already that gives way to it.
    //= [MQTT-3.1.2-7]
    pub(crate) fn keep_will(
        &mut self,
        will: &Will<'_>,
        replaces: bool,
    ) -> Result<PendingWill, Limit> {
        if self.stats.wills - u32::from(replaces) >= self.config.limits.wills {
            return Err(Limit::Wills);
        }
        let publication = self.publications.insert(&Draft {
            topic: will.topic,
            properties: &will.properties,
            payload: will.payload,
            qos: will.qos,
            //= [MQTT-3.1.2-14]
            //= [MQTT-3.1.2-15]
            retain: will.retain,
            expires_at: Instant::NEVER,
        })?;
        self.stats.wills += 1;
        Ok(PendingWill {
            publication,
            expiry_interval: will.properties.message_expiry_interval(),
            delay_interval: will.properties.will_delay_interval().unwrap_or(0),
            due: Instant::NEVER,
        })
    }

    /// Forgets the Will Message of a Session; whether it had one.
    pub(crate) fn discard_will(&mut self, session: u32) -> bool {
        let Some(will) = self.take_will(session) else { return false };
        self.forget_will(&will);
        true
    }

    /// Lets go of a Will Message that no Session has.
    pub(crate) fn forget_will(&mut self, will: &PendingWill) {
        self.stats.wills = self.stats.wills.saturating_sub(1);
        self.publications.release(will.publication);
    }

    /// Publishes the Will Message of a Session; it has one no longer.
    //= [MQTT-3.1.2-8]
    pub(crate) fn publish_will(&mut self, now: Instant, session: u32) {
        if let Some(will) = self.take_will(session) {
            self.publish_kept_will(now, &will, session, true);
        }
    }

    /// Takes the Will Message from a Session that goes on.
    fn take_will(&mut self, session: u32) -> Option<Box<PendingWill>> {
        let state = self.sessions.get_mut(session)?;
        let will = state.will.take()?;
        if state.number != 0 {
            let gone = Change::Session(state.number, SessionChange::WillGone);
            self.journal.change(&gone);
            self.unname(will.publication);
        }
        self.recount_session(session);
        Some(will)
    }

    /// Publishes a Will Message that its Session no longer holds, which may go on.
    pub(crate) fn publish_kept_will(
        &mut self,
        now: Instant,
        will: &PendingWill,
        session: u32,
        goes_on: bool,
    ) {
        if self.is_planted(Defect::SkippedWill) {
            return self.forget_will(will);
        }
        self.stats.wills = self.stats.wills.saturating_sub(1);
        let expires_at = self.expires_at(now, will.expiry_interval);
        self.publications.renew(will.publication, expires_at);
        let retained = self.publications.get(will.publication).is_some_and(|p| p.retain());
        let state = self.sessions.get(session).filter(|_| retained && self.config.events);
        // Routing may end connections whose Will Messages come in turn: they wait in line.
        self.wills.push_back(Due {
            publication: will.publication,
            origin: goes_on.then_some(session),
            client_identifier: state.map(|state| state.client_identifier.clone()),
        });
    }

    /// When a message published now expires: as its publisher asks, within this server's bound.
    pub(crate) fn expires_at(&self, now: Instant, asked: Option<u32>) -> Instant {
        let maximum = self.config.message_expiry_maximum;
        match asked.map_or(maximum, |asked| asked.min(maximum)) {
            u32::MAX if asked != Some(u32::MAX) => Instant::NEVER,
            seconds => now + Duration::from_secs(seconds.into()),
        }
    }
}
