//! What a broker is after it has died and come back.

use std::time::Duration;

use mqtt_broker_core::Instant;

use super::{Model, Moment};
use crate::clock::after;

impl Model {
    /// Everything up to here is what the broker has found; nobody is connected to it any more.
    pub(super) fn restarted(&mut self, moment: &Moment, set_back: Duration) {
        for bond in self.bonds.values_mut() {
            bond.is_open = false;
        }
        let unknown = |session: &super::Session| !session.is_known;
        let gone: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, session)| unknown(session))
            .map(|(name, _)| name.clone())
            .collect();
        for shared in self.shared.values_mut() {
            shared.is_restored = true;
            shared.is_due &= !shared.is_fragile;
        }
        // The journal has nothing of what waited for those that were not to outlive their connection,
        // nor of what they subscribed to.
        for session in self.sessions.values_mut().filter(|session| !session.lasts) {
            session.subscriptions.clear();
            for shared in self.shared.values_mut() {
                shared.member_gone(|group| session.shared.contains_key(group), false);
            }
        }
        for name in gone {
            let Some(session) = self.sessions.remove(&name) else { continue };
            for shared in self.shared.values_mut() {
                shared.member_gone(|group| session.shared.contains_key(group), true);
            }
        }
        let back = |deadline| earlier(deadline, set_back);
        for session in self.sessions.values_mut() {
            let before = (session.link, session.ends_at, session.will.as_ref().and_then(|w| w.due));
            session.leave(moment);
            // They are all looked at anew, in the order in which they began.
            session.left = session.number;
            // No deadline is further away than it was when it was set.
            if before.0.is_none() {
                session.ends_at = session.ends_at.min(back(before.1));
                if let Some(will) = &mut session.will {
                    will.due = will.due.min(before.2.map(back).or(will.due));
                }
            }
        }
        let maximum = match self.settings.message_expiry_maximum {
            u32::MAX => Instant::NEVER,
            seconds => after(moment.at, u64::from(seconds) * 1000),
        };
        for accepted in self.accepted.values_mut() {
            accepted.expires_at = back(accepted.expires_at).min(maximum);
        }
        for kept in self.retained.values_mut() {
            kept.expires_at = back(kept.expires_at).min(maximum);
        }
    }
}

fn earlier(deadline: Instant, set_back: Duration) -> Instant {
    let micros = u64::try_from(set_back.as_micros()).unwrap_or(u64::MAX);
    match deadline {
        Instant::NEVER => deadline,
        Instant(at) => Instant(at.saturating_sub(micros)),
    }
}
