//! What the broker journals of what lasts.

use super::Broker;
use crate::boundary::Lsn;
use crate::journal::{Change, Published, SessionChange};

impl Broker {
    /// The newest record that has been made, polled or not. All that the broker was told before is
    /// durable when it is: for a host that has something to promise itself, of a message it has
    /// [published](Self::publish), say.
    #[must_use]
    pub fn newest_record(&self) -> Lsn {
        self.journal.last().max(self.journal.gate())
    }

    /// Journals a change of a Session, if it lasts. The record that it is in.
    pub(crate) fn journal_session(&mut self, session: u32, change: SessionChange<'_>) -> Lsn {
        if !self.journal.is_enabled() {
            return Lsn(0);
        }
        match self.sessions.get_mut(session) {
            Some(session) if session.is_journalled => {
                self.journal.change(&Change::Session(session.number, change));
                session.lsn = self.journal.open_lsn();
                session.lsn
            }
            _ => Lsn(0),
        }
    }

    /// Something that lasts is about to name a publication: the journal is told of it, unless it
    /// knows it.
    pub(crate) fn name(&mut self, publication: u32) {
        if !self.journal.is_enabled() {
            return;
        }
        let Some(stored) = self.publications.get_mut(publication) else { return };
        let is_untold = stored.tell(self.journal.snapshots) || stored.named == 0;
        stored.named += 1;
        if is_untold {
            self.journal.change(&Change::Published(Published::from(&*stored)));
        }
    }

    /// Something that lasts names a publication no longer.
    pub(crate) fn unname(&mut self, publication: u32) {
        if !self.journal.is_enabled() {
            return;
        }
        let Some(stored) = self.publications.get_mut(publication) else { return };
        if stored.named == 0 {
            return;
        }
        stored.named -= 1;
        if stored.named == 0 {
            let sequence = stored.sequence;
            self.journal.change(&Change::Forgotten { sequence });
        }
    }
}
