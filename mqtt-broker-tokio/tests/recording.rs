//! What was recorded can be played; a sink that fails ends the recording and nothing else.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod client;

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use client::{Client, PATIENCE, Running};
use mqtt_broker_core::{Config, play};
use mqtt_broker_tokio::{QoS, Server, Version};

/// Sends what it is given to the test, or fails.
struct Sink {
    writes: Sender<Vec<u8>>,
    fails: bool,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fails {
            return Err(io::Error::other("the disk is full"));
        }
        self.writes.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start(fails: bool) -> (Running, Receiver<Vec<u8>>) {
    let (writes, written) = channel();
    let builder = Server::builder().record(1 << 20, Sink { writes, fails });
    (Running::start_with(builder), written)
}

#[test]
fn what_a_client_did_is_played() {
    let (server, written) = start(false);
    let mut client = Client::connect(server.address, Version::V5, "recorded");
    client.subscribe("t", QoS::AtMostOnce);
    server.handle.try_publish(mqtt_broker_tokio::Message::new("t", "payload")).unwrap();
    client.receive();
    server.stop(client);
    let recording: Vec<u8> = written.iter().flatten().collect();
    // As the binding fills it in without a hook for events.
    let mut config = Config::default();
    config.events = false;
    let mut trace = String::new();
    let played = play(&config, &recording, |_, step| trace.push_str(&format!("{step}\n"))).unwrap();
    assert!(played.complete);
    assert!(trace.contains("client=\"recorded\""), "{trace}");
    assert!(trace.contains("< PUBLISH q0 \"t\" \"payload\""), "{trace}");
}

#[test]
fn a_sink_that_fails_is_let_go_and_clients_are_served() {
    let (server, written) = start(true);
    let mut client = Client::connect(server.address, Version::V5, "c");
    // Its other end goes with it.
    assert!(written.recv_timeout(PATIENCE).is_err());
    client.subscribe("t", QoS::AtMostOnce);
    server.handle.try_publish(mqtt_broker_tokio::Message::new("t", "x")).unwrap();
    assert_eq!(client.receive().1, b"x");
    server.stop(client);
}
