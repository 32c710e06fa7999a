//! Each change of the journal, made again.

use super::{Phase, Replay, ReplayCause};
use crate::boundary::Shard;
use crate::journal::{Change, Life, PeerChange, Published, SessionChange};
use crate::session::Session;
use crate::session::queue::{Copy, Flags, LOST, NONE};
use crate::session::will::PendingWill;
use crate::time::Instant;

pub(super) type Applied = Result<(), ReplayCause>;

impl Replay {
    /// Makes a change that was journalled at `time`.
    pub(super) fn change(&mut self, time: Instant, change: &Change<'_>) -> Applied {
        let broker = &mut self.broker;
        match *change {
            Change::Session(number, SessionChange::Began { client_identifier, life }) => {
                return self.began(number, client_identifier, life);
            }
            Change::Session(number, change) => match self.sessions.get(&number) {
                Some(&session) => return self.session_change(session, change),
                // It will be told of later, as it is then; or it ended before.
                None if self.phase == Phase::Snapshot => {}
                None => return Err(ReplayCause::Unknown("Session")),
            },
            Change::Published(published) => return self.published(&published),
            Change::Forgotten { sequence } => {
                if let Some(publication) = self.publications.remove(&sequence) {
                    broker.publications.release(publication);
                }
            }
            Change::Retained { sequence } => {
                let publication = self.publication(sequence)?;
                return self.broker.restore_retained(publication);
            }
            Change::RetainedCleared { topic } => {
                if let Some(before) = broker.retained.remove(&broker.publications, topic) {
                    broker.release_retained(before);
                }
            }
            Change::Restarted => self.restart(time),
            Change::Run(run) => broker.restore_run(run),
            Change::Stamped { topic, stamp, cleared } => {
                return broker.restore_stamp(topic, stamp, cleared);
            }
            Change::Peer(peer, change) => return self.peer_change(peer, change),
            Change::Counted { sequence, sessions } => {
                broker.publications.count_from(sequence);
                broker.journal.sessions = broker.journal.sessions.max(sessions);
            }
        }
        Ok(())
    }

    fn peer_change(&mut self, peer: Shard, change: PeerChange<'_>) -> Applied {
        if self.phase == Phase::Snapshot {
            // It will be told of later, as it is then.
            if change == PeerChange::Told {
                self.peers_told.insert(peer);
            } else if !self.peers_told.contains(&peer) {
                return Ok(());
            }
        }
        let publication = match change {
            PeerChange::Kept { publication, .. } => Some(self.publication(publication)?),
            _ => None,
        };
        self.broker.restore_peer(peer, change, publication)
    }

    fn began(&mut self, number: u64, client_identifier: &str, life: Life<'_>) -> Applied {
        let broker = &mut self.broker;
        // A snapshot tells of what its own changes have told of, also of what is left over.
        if let Some(before) = self.sessions.remove(&number) {
            broker.forget_session(before, false)?;
        }
        if let Some(before) = broker.sessions.find(client_identifier) {
            if let Some(state) = broker.sessions.get(before) {
                self.sessions.remove(&state.number);
            }
            broker.forget_session(before, false)?;
        }
        let mut session = Session::new(client_identifier.into(), life.version);
        session.number = number;
        session.is_journalled = life.expiry_interval > 0;
        session.take_life(life);
        let key = broker.sessions.insert(session).map_err(|_| ReplayCause::Limit("sessions"))?;
        broker.journal.sessions = broker.journal.sessions.max(number);
        self.sessions.insert(number, key);
        Ok(())
    }

    fn published(&mut self, published: &Published<'_>) -> Applied {
        // A snapshot tells it once more.
        if self.publications.contains_key(&published.sequence) {
            return Ok(());
        }
        let stored = self.broker.publications.restore(published);
        let stored = stored.map_err(|limit| ReplayCause::Limit(limit.name()));
        self.publications.insert(published.sequence, stored?);
        Ok(())
    }

    fn publication(&self, sequence: u64) -> Result<u32, ReplayCause> {
        self.publications.get(&sequence).copied().ok_or(ReplayCause::Unknown("publication"))
    }

    fn session_change(&mut self, key: u32, change: SessionChange<'_>) -> Applied {
        let broker = &mut self.broker;
        let nothing = Err(ReplayCause::Unknown("Session"));
        let Some(state) = broker.sessions.get_mut(key) else { return nothing };
        match change {
            SessionChange::Resumed(life) => state.take_life(life),
            SessionChange::Left { expiry_interval, ends_at, will_due } => {
                state.connection = NONE;
                (state.expiry_interval, state.ends_at) = (expiry_interval, ends_at);
                if let Some(will) = &mut state.will {
                    will.due = will_due;
                }
            }
            SessionChange::Ended { gives_on } => {
                let number = state.number;
                if !broker.forget_session(key, gives_on)? {
                    self.sessions.remove(&number);
                }
            }
            SessionChange::Dropped if state.ended => {
                let number = state.number;
                if !broker.restore_given_on(key)? {
                    self.sessions.remove(&number);
                }
            }
            SessionChange::WillKept { sequence, delay_interval, expiry_interval } => {
                let publication = self.publication(sequence)?;
                let due = Instant::NEVER;
                let will = PendingWill { publication, expiry_interval, delay_interval, due };
                self.broker.restore_will(key, will);
            }
            SessionChange::WillGone => {
                broker.discard_will(key);
            }
            SessionChange::Subscribed { filter, options, identifier, group } => {
                let (list, all) = (&mut state.subscriptions, &mut broker.subscriptions);
                all.subscribe(list, filter, key, options, identifier)
                    .map_err(|_| ReplayCause::Limit("subscriptions"))?;
                all.name_group(filter, group);
            }
            SessionChange::Unsubscribed { filter } => {
                broker.subscriptions.unsubscribe(&mut state.subscriptions, filter, key);
            }
            SessionChange::Received(identifier) => drop(state.received.insert(identifier)),
            SessionChange::Released(identifier) => drop(state.received.remove(identifier)),
            change => return self.copy_change(key, change),
        }
        Ok(())
    }

    fn copy_change(&mut self, key: u32, change: SessionChange<'_>) -> Applied {
        let broker = &mut self.broker;
        match change {
            SessionChange::Queued { sequence, qos, retain, group, identifier } => {
                let publication = self.publication(sequence)?;
                self.broker.restore_copy(
                    key,
                    Copy {
                        publication,
                        identifiers: identifier.into(),
                        group,
                        qos,
                        flags: Flags::JOURNALLED.with(Flags::RETAIN, retain),
                    },
                )
            }
            SessionChange::Identified(identifier) => broker.restore_identifier(key, identifier),
            SessionChange::Sent(identifier) => broker.restore_sent(key, identifier),
            SessionChange::Dropped => broker.restore_dropped(key),
            SessionChange::Owed(identifier) => broker.restore_owed(key, identifier),
            SessionChange::Completed(identifier) => broker.restore_completed(key, identifier),
            SessionChange::Numbered(identifier) => broker.restore_numbered(key, identifier),
            _ => Ok(()),
        }
    }
}

impl Session {
    /// It has a connection, which said this; the connection is gone by now.
    fn take_life(&mut self, life: Life<'_>) {
        self.connection = LOST;
        self.version = life.version;
        self.expiry_interval = life.expiry_interval;
        self.ends_at = Instant::NEVER;
        self.user_name = life.user_name.map(Into::into);
    }
}
