//! How connections end in a world of several brokers, and what becomes of their Will Messages.

use mqtt_broker_core::{CloseReason, ConnectionHandle};

use super::Nodes;
use crate::node::NodeId;

impl Nodes {
    /// The transport of a client ends without a word.
    pub(super) fn hang_up(&mut self, name: &str) {
        let home = self.home(name);
        let Some(client) = self.clients.get_mut(name) else { return };
        let Some(handle) = client.handle else { return };
        self.wills.lost(&client.will, client.is_welcome);
        client.lose();
        self.nodes[home].eof(self.now, handle);
        self.after(home);
    }

    /// A client says goodbye before its transport ends.
    pub(super) fn leave(&mut self, name: &str) {
        let home = self.home(name);
        let Some(client) = self.clients.get_mut(name).filter(|client| client.is_welcome) else {
            return self.hang_up(name);
        };
        client.leave();
        let (handle, will) = (client.handle, client.will.clone());
        self.exchange(name);
        // If the broker has read it, it has closed the connection.
        let is_heard = self.clients.get(name).is_some_and(|client| client.handle != handle);
        if is_heard {
            let lsn = self.nodes[home].broker.newest_record();
            self.wills.taken_back(&will, home, lsn);
        } else {
            self.hang_up(name);
        }
    }

    /// A client comes on another connection while it has one.
    pub(super) fn take_over(&mut self, name: &str) {
        let home = self.home(name);
        if !self.nodes[home].is_up {
            return;
        }
        let Some(client) = self.clients.get_mut(name) else { return };
        if let Some(former) = client.handle {
            // It ends when the new one is heard, or the broker dies.
            self.wills.lost(&client.will, client.is_welcome);
            self.left_behind.push((home, former));
            client.lose();
        }
        self.look_after(name);
        self.exchange(name);
    }

    /// Connections that nobody uses any more end when the broker closes them.
    pub(super) fn end_left_behind(
        &mut self,
        node: NodeId,
        closed: &[(ConnectionHandle, CloseReason)],
    ) {
        let is_closed = |&(at, handle): &(NodeId, ConnectionHandle)| {
            at == node && closed.iter().any(|(closed, _)| *closed == handle)
        };
        let ended: Vec<_> = self.left_behind.iter().copied().filter(is_closed).collect();
        self.left_behind.retain(|place| !is_closed(place));
        for (_, handle) in ended {
            self.nodes[node].eof(self.now, handle);
        }
    }
}
