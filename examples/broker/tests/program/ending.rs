//! Signals, and what they must not wait for.

use core::time::Duration;
use std::time::Instant;

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::Running;

const HERE: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn a_signal_ends_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let broker = Running::start(&HERE);
        let mut client = Client::connected(broker.address(), Version::V5, "c");
        let start = Instant::now();
        broker.signal(signal);
        let (code, log) = broker.ended();
        assert_eq!(code, Some(0), "{log:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(log.last().unwrap().contains("ended"), "{log:?}");
        let answer = client.receive();
        assert!(answer.to_lowercase().starts_with("disconnect 0x8b"), "{answer}");
        assert_eq!(client.receive(), "end of the connection");
    }
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_it_up() {
    let broker = Running::start(&HERE);
    let _deaf = deaf_client(&broker);
    let start = Instant::now();
    broker.signal("TERM");
    let (code, log) = broker.ended();
    assert_eq!(code, Some(0), "{log:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_later_signal_ends_it_at_once() {
    let mut broker = Running::start(&HERE);
    let _deaf = deaf_client(&broker);
    broker.signal("TERM");
    broker.logged("a second signal, after half a second, ends at once");
    while !broker.has_ended() {
        broker.signal("TERM");
    }
    let (code, log) = broker.ended();
    assert_eq!(code, Some(143), "{log:?}");
    let last = log.last().unwrap();
    assert!(last.contains("a second signal (terminate): ended at once"), "{log:?}");
}

#[test]
fn what_an_end_waits_for_is_told() {
    let line = |more: &[&str]| {
        let broker = Running::start(&[&HERE[..], more].concat());
        broker.signal("INT");
        broker.logged("signal=interrupt")
    };
    let first = line(&[]);
    assert!(
        first.contains("ending: clients have 2 s to take what is to be sent; a second"),
        "{first}"
    );
    let directory = concat!(env!("CARGO_TARGET_TMPDIR"), "/ending");
    let with_journal = line(&["--journal", directory]);
    assert!(
        with_journal.contains("sent, and the journal is written to its end;"),
        "{with_journal}"
    );
}

/// A shell and a supervisor may both pass on the same wish.
#[test]
fn two_signals_in_quick_succession_are_one() {
    let broker = Running::start(&HERE);
    let _deaf = deaf_client(&broker);
    broker.signal_twice("TERM");
    let (code, log) = broker.ended();
    assert_eq!(code, Some(0), "{log:?}");
}

#[test]
fn a_hangup_is_no_end_where_there_is_no_terminal() {
    let broker = Running::start(&HERE);
    broker.signal("HUP");
    broker.logged("SIGHUP is ignored");
    Client::connected(broker.address(), Version::V5, "c");
    broker.signal("TERM");
    assert_eq!(broker.ended().0, Some(0));
}

/// Every line fails: the device is full.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_costs_nothing_else() {
    let broker =
        Running::start_after("exec 2>/dev/full", &[&HERE[..], &["--log", "debug"]].concat());
    for _ in 0..2 {
        Client::connected(broker.address(), Version::V5, "c");
    }
    broker.signal("TERM");
    assert_eq!(broker.ended().0, Some(0));
}

#[test]
fn a_flood_of_refusals_is_counted_in_the_log() {
    let refuse = ["--set", "mqtt.allow_empty_client_id=false"];
    let broker = Running::start(&[HERE, refuse].concat());
    for _ in 0..50 {
        Client::connect(broker.address(), Version::V5, "");
    }
    broker.signal("TERM");
    let (_, log) = broker.ended();
    let lines = log.iter().filter(|line| line.contains("client refused")).count();
    let told: usize = log
        .iter()
        .filter_map(|line| line.split_once(" more refusals within"))
        .filter_map(|(before, _)| before.rsplit(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(lines + told, 50, "{log:?}");
    assert!(told > 0, "{log:?}");
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let broker = Running::start_unread(&HERE);
    // Far more lines than a pipe holds.
    for _ in 0..2000 {
        Client::connected(broker.address(), Version::V5, "a client with a name of some length");
    }
    let start = Instant::now();
    broker.signal("TERM");
    assert_eq!(broker.ended().0, Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// A client with more on its way than any socket buffer holds, that never reads.
fn deaf_client(broker: &Running) -> Client {
    let mut deaf = Client::connected(broker.address(), Version::V5, "deaf");
    deaf.subscribe("big", QoS::AtMostOnce);
    let mut publisher = Client::connected(broker.address(), Version::V5, "publisher");
    let payload = vec![0; 1 << 20];
    for _ in 0..15 {
        publisher.publish("big", QoS::AtMostOnce, &payload);
    }
    // Answered after all of those.
    publisher.publish("last", QoS::AtLeastOnce, b"");
    assert!(publisher.receive().starts_with("PUBACK"));
    deaf
}
