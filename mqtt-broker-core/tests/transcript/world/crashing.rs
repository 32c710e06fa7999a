//! A world in which the broker crashes, one in which only the connections end, and what tells them
//! apart.

use core::time::Duration;

use mqtt_broker_core::Broker;
use mqtt_codec::{Connect, Packet, Properties, Property, Utf8String, Version};

use super::super::packet::encoded;
use super::super::subject::Subject;
use super::World;

impl World {
    /// What lasts.
    pub(crate) fn durable_state(&self) -> String {
        self.broker.durable_state()
    }

    /// All that there is becomes durable, whatever the disk did before. A replay of the journal holds
    /// what the broker holds then.
    pub(crate) fn compare_with_journal(&mut self) -> Result<(), String> {
        self.become_durable()?;
        let mut replay = Broker::replay(self.broker.config().clone());
        for record in &self.records {
            replay.apply(record).map_err(|e| e.to_string())?;
        }
        let (broker, replay) = (self.broker.durable_state(), replay.durable_state());
        if broker == replay {
            return Ok(());
        }
        Err(format!("the broker holds\n{broker}and its journal says\n{replay}"))
    }

    /// All that there is becomes durable; every client's connection ends.
    pub(crate) fn lose_connections(&mut self) -> Result<(), String> {
        self.become_durable()?;
        for (link, client) in self.links.iter_mut().zip(&mut self.scene.clients) {
            client.is_open = false;
            if let Some(connection) = core::mem::take(link).connection {
                self.broker.handle_eof(self.now, connection);
            }
        }
        self.come_to_rest()
    }

    /// The broker crashes and comes back.
    pub(crate) fn crash_and_rest(&mut self) -> Result<(), String> {
        self.crash(Duration::ZERO, Duration::ZERO)?;
        self.come_to_rest()
    }

    /// Whoever has a Session comes back to it: what each is sent, but for QoS 0.
    pub(crate) fn everybody_returns(&mut self) -> Result<Vec<String>, String> {
        let sessions = self.broker.sessions();
        let mut names: Vec<String> = sessions.map(|view| view.client_identifier.into()).collect();
        names.sort();
        let mut all = Vec::new();
        for name in names {
            let place = self.scene.client(&format!("{name} again"));
            self.accept(place)?;
            let properties = [Property::SessionExpiryInterval(60)];
            let connect = Connect {
                version: Version::V5,
                clean_start: false,
                keep_alive: 0,
                client_identifier: Utf8String::new(&name).map_err(|e| e.to_string())?,
                properties: Properties::new(&properties),
                will: None,
                user_name: None,
                password: None,
            };
            self.scene.clients[place].says(&connect);
            self.write(place, &encoded(&Packet::Connect(connect), Version::V5)?)?;
            self.settle()?;
            let seen = self.scene.clients[place].inbox.drain(..).map(|seen| seen.to_string());
            let lasting = seen.filter(|seen| !seen.starts_with("`PUBLISH q0"));
            all.extend(lasting.map(|seen| format!("{name} < {seen}\n")));
        }
        Ok(all)
    }

    fn become_durable(&mut self) -> Result<(), String> {
        self.disk_stalls = false;
        self.drain(true)
    }

    fn come_to_rest(&mut self) -> Result<(), String> {
        self.broker.handle_timeout(self.now);
        self.drain(true)
    }
}
