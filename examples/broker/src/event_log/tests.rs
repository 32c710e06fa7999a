use mqtt_broker_core::{AllowAll, Broker, Config, Instant, Output};

use super::*;

#[test]
fn strangers_text_is_escaped_and_cut() {
    assert_eq!(Text("sensor-7").to_string(), "\"sensor-7\"");
    assert_eq!(Text("a\nb\u{1b}[31m").to_string(), r#""a\nb\u{1b}[31m""#);
    let long = "ö".repeat(SHOWN + 1);
    let shown = Text(&long).to_string();
    assert_eq!(shown, format!("\"{}\"… (162 bytes)", "ö".repeat(SHOWN)));
}

/// What a broker tells of a client that connects.
fn connected() -> Event {
    let mut broker = Broker::new(Config::default());
    let connection = broker.handle_accept(Instant::from_secs(1), Peer::default()).unwrap();
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c";
    broker.handle_input(Instant::from_secs(1), connection, connect, &mut AllowAll);
    while let Some(output) = broker.poll_output() {
        if let Output::Event(event @ Event::Connected { .. }) = output {
            return event;
        }
    }
    panic!("nothing is told");
}

#[test]
fn a_sender_never_blocks_and_counts_what_is_lost() {
    let (entries, waiting) = mpsc::sync_channel(1);
    let sender = EventSender { entries, lost: Arc::default(), level: LogLevel::Info };
    for _ in 0..3 {
        sender.send(&connected());
    }
    assert_eq!(waiting.try_iter().count(), 1);
    assert_eq!(sender.lost.load(Ordering::Relaxed), 2);
}

#[test]
fn what_the_level_leaves_out_is_not_even_sent() {
    let (entries, waiting) = mpsc::sync_channel(1);
    let sender = EventSender { entries, lost: Arc::default(), level: LogLevel::Warn };
    sender.send(&connected());
    assert_eq!(waiting.try_iter().count(), 0);
    assert_eq!(sender.lost.load(Ordering::Relaxed), 0);
}
