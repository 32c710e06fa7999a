//! What clients do in a world of several brokers, several of them at the same time.

use super::super::client::{Client, breaking::Rule};
use super::super::deeds::Deed;
use super::{Nodes, Wrong};
use crate::node::NodeId;
use crate::reach::reached;

/// How many things may happen until clients are answered; in the second half, nothing goes wrong.
const PATIENCE: u32 = 50_000;

/// Which brokers may die, and whether links may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calm {
    /// Anything may happen.
    No,
    /// Only this one may die, and no link is cut but its own.
    Around(NodeId),
    /// Nobody dies, and no link is cut.
    Everywhere,
}

impl Calm {
    pub(super) const fn around(self) -> Option<NodeId> {
        match self {
            Self::Around(node) => Some(node),
            Self::No | Self::Everywhere => None,
        }
    }

    pub(super) fn lets_die(self, node: NodeId) -> bool {
        self == Self::No || self == Self::Around(node)
    }
}

impl Nodes {
    /// Clients do something at the same time, until all are answered.
    pub(in crate::joined) fn act(&mut self, deeds: &[(String, Deed)]) -> Result<(), Wrong> {
        for (name, deed) in deeds {
            self.note(|| format!("{name} does {deed:?}"));
            self.clients.entry(name.clone()).or_insert_with(|| Client::new(name));
        }
        self.calm = self.calm_for(deeds);
        if self.calm != Calm::No {
            for node in 0..self.len() {
                self.rise(node).map_err(|words| ("recovery", words))?;
            }
        }
        for (name, deed) in deeds {
            match deed {
                Deed::HangUp => self.hang_up(name),
                Deed::Leave => self.leave(name),
                Deed::TakeOver => self.take_over(name),
                Deed::Break(rule) => self.break_a_rule(name, *rule)?,
                Deed::Flood { topic, payloads } => self.flood(name, topic, payloads),
                Deed::Publish { .. } | Deed::Subscribe { .. } | Deed::Unsubscribe { .. } => {
                    if let Some(client) = self.clients.get_mut(name) {
                        client.begin(deed.clone());
                    }
                }
            }
        }
        let names: Vec<_> = deeds.iter().filter(|(_, deed)| deed.is_answered()).collect();
        let names: Vec<_> = names.into_iter().map(|(name, _)| name.as_str()).collect();
        let done = self.wait_for(&names);
        (self.calm, self.at_peace) = (Calm::No, false);
        done.map_err(|(oracle, words)| (oracle, format!("{words} to {deeds:?}")))?;
        if self.len() == 1 {
            // Nobody hangs up with something unread.
            let names: Vec<_> = self.clients.keys().cloned().collect();
            names.iter().for_each(|name| self.exchange(name));
        }
        Ok(())
    }

    /// A subscription that is made while a link is cut does not see what is beyond.
    fn calm_for(&self, deeds: &[(String, Deed)]) -> Calm {
        let mut homes: Vec<_> = deeds
            .iter()
            .filter(|(_, deed)| deed.is_everybodys())
            .map(|(name, _)| self.home(name))
            .collect();
        homes.dedup();
        match *homes {
            [] => Calm::No,
            [home] => Calm::Around(home),
            _ => Calm::Everywhere,
        }
    }

    /// Things happen until these clients are answered.
    fn wait_for(&mut self, names: &[&str]) -> Result<(), Wrong> {
        for turn in 0..PATIENCE {
            if turn == PATIENCE / 2 {
                // Without an end of what goes wrong, who has bad luck is not told from who is stuck.
                self.at_peace = true;
                self.ease();
            }
            if self.calm != Calm::No {
                self.mend();
            }
            loop {
                // None is always the first.
                let first = self.random.index(names.len());
                let mut is_any = false;
                for name in names.iter().cycle().skip(first).take(names.len()) {
                    self.look_after(name);
                    is_any |= self.exchange_some(name);
                }
                if !is_any {
                    break;
                }
            }
            if let Some(wrong) = self.broken.take() {
                return Err(wrong);
            }
            let is_busy = |name: &&str| self.clients.get(*name).is_some_and(Client::is_busy);
            if !names.iter().any(is_busy) {
                return Ok(());
            }
            self.happen();
        }
        Err(("liveness", format!("one of {names:?} waits for an answer")))
    }

    /// A client breaks a rule: it is disconnected, if it has to be, or hangs up itself.
    fn break_a_rule(&mut self, name: &str, rule: Rule) -> Result<(), Wrong> {
        let Some(client) = self.clients.get_mut(name) else { return Ok(()) };
        let handle = client.handle.filter(|_| client.is_welcome && !client.is_busy());
        let Some(handle) = handle else { return Ok(()) };
        client.break_a_rule(rule);
        self.exchange(name);
        let Some(client) = self.clients.get(name) else { return Ok(()) };
        let is_there = client.handle == Some(handle);
        // What waits has not been read.
        if is_there && rule.must_end() && !client.waiting {
            return Err(("conduct", format!("{name} may break any rule: {rule:?}")));
        }
        if rule.must_end() && !is_there {
            reached("MQTT-4.13.1-1");
        }
        self.hang_up(name);
        Ok(())
    }

    /// A client sends more than it may, and goes.
    fn flood(&mut self, name: &str, topic: &str, payloads: &[String]) {
        let Some(client) = self.clients.get_mut(name) else { return };
        if client.is_welcome && !client.is_busy() {
            client.flood(topic, payloads);
            self.exchange(name);
            self.hang_up(name);
        }
    }
}
