//! How a server begins and ends.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod client;

use core::error::Error as _;
use core::time::Duration;
use std::net::TcpListener;
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use client::{Client, Running};
use mqtt_broker_tokio::{
    ConnectRequest, Message, Policy, QoS, ReasonCode, Server, Verdict, Version,
};
use mqtt_codec::Packet;

#[test]
fn shutdown_tells_the_clients_and_says_when_it_is_done() {
    let server = Running::start();
    let mut v5 = Client::connect(server.address, Version::V5, "v5");
    let mut v3 = Client::connect(server.address, Version::V3_1_1, "v3");
    let mut subscription = server.handle.blocking().subscribe("#").unwrap();
    server.shutdown.shutdown();
    v5.expect(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.reason_code, ReasonCode::SERVER_SHUTTING_DOWN);
        }
        other => panic!("no DISCONNECT but {other}"),
    });
    v5.expect_end();
    v3.expect_end();
    drop((v5, v3));
    server.shutdown.blocking_done();
    server.serving.wait().unwrap();
    assert_eq!(subscription.blocking_recv(), None);
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn what_was_published_before_the_shutdown_is_delivered() {
    let server = Running::start();
    let mut client = Client::connect(server.address, Version::V3_1_1, "c");
    client.subscribe("t", QoS::AtMostOnce);
    for _ in 0..100 {
        server.handle.try_publish(Message::new("t", [1; 10_000])).unwrap();
    }
    server.shutdown.shutdown();
    for _ in 0..100 {
        assert_eq!(client.receive().1, [1; 10_000]);
    }
    client.expect_end();
    drop(client);
    server.serving.wait().unwrap();
}

#[test]
fn a_client_that_does_not_read_holds_up_a_shutdown_for_the_grace_time_only() {
    let grace = Duration::from_millis(300);
    let server = Running::start_with(Server::builder().shutdown_grace(grace));
    let mut deaf = Client::connect(server.address, Version::V5, "deaf");
    deaf.subscribe("t", QoS::AtMostOnce);
    for _ in 0..30 {
        server.handle.blocking().publish(Message::new("t", vec![0; 1 << 20])).unwrap();
    }
    let begun = Instant::now();
    server.stop(());
    let took = begun.elapsed();
    assert!(took >= grace && took < Duration::from_secs(2), "{took:?}");
}

/// Puts off everything that is asked.
struct Later;

impl Policy for Later {
    fn connect(&mut self, _: &ConnectRequest<'_>) -> Verdict {
        Verdict::Defer
    }
}

#[test]
fn a_verdict_that_never_comes_does_not_hold_up_a_shutdown() {
    let (dropped, was_dropped) = std::sync::mpsc::channel::<()>();
    let (ask, asked) = std::sync::mpsc::channel();
    let builder = Server::builder().policy(Later).decide(move |_| {
        let dropped = dropped.clone();
        ask.send(()).unwrap();
        async move {
            let () = core::future::pending().await;
            drop(dropped);
            Verdict::Allow
        }
    });
    let server = Running::start_with(builder);
    let mut waits = Client::open(server.address, Version::V3_1_1);
    waits.send_connect("waits");
    asked.recv().unwrap();
    server.stop(waits);
    assert!(was_dropped.try_recv().is_err_and(|error| error == TryRecvError::Disconnected));
}

#[test]
fn a_server_that_was_never_served_is_done_when_dropped() {
    let server = Server::builder().listen("127.0.0.1:0").bind().unwrap();
    let shutdown = server.shutdown_handle();
    drop(server);
    shutdown.blocking_done();
}

#[test]
fn shutdown_may_come_before_serve() {
    let server = Server::builder().listen("127.0.0.1:0").bind().unwrap();
    server.shutdown_handle().shutdown();
    server.serve().wait().unwrap();
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::builder().listen(address).bind().unwrap_err();
    assert!(error.is_bind() && error.is_address_in_use());
    assert_eq!(error.address(), Some(address.to_string().as_str()));
    assert_eq!(error.to_string(), format!("cannot listen on {address}: the port is in use"));
    assert!(error.source().is_some());
}

#[test]
fn an_address_that_is_none_is_named() {
    let error = Server::builder().listen("127.0.0.1").bind().unwrap_err();
    assert!(error.is_bind() && !error.is_address_in_use());
    assert_eq!(error.to_string(), "cannot listen on 127.0.0.1");
}

#[test]
fn several_addresses_are_served() {
    let server = Server::builder().listen("127.0.0.1:0").listen("localhost:0").bind().unwrap();
    let addresses = server.local_addrs();
    assert!(addresses.len() >= 2, "{addresses:?}");
    let shutdown = server.shutdown_handle();
    let serving = server.serve();
    for address in addresses {
        Client::connect(address, Version::V5, &address.port().to_string()).disconnect();
    }
    shutdown.shutdown();
    serving.wait().unwrap();
}

#[test]
fn a_hook_may_spawn_in_the_runtime_that_the_program_serves_in() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (told, tell) = std::sync::mpsc::channel();
    let builder = Server::builder().events(move |_| {
        let told = told.clone();
        drop(tokio::spawn(async move { told.send(()) }));
    });
    let entered = runtime.enter();
    let server = Running::start_with(builder);
    drop(entered);
    let _client = Client::connect(server.address, Version::V5, "c");
    tell.recv_timeout(Duration::from_secs(10)).unwrap();
}
