use std::fs;

use mqtt_broker_core::ApplicationMessage;
use mqtt_codec::{TopicFilter, TopicName};

use super::*;

const NOW: Instant = Instant(1_000_000);

/// Retains a message under each name, and appends what is to be kept.
fn retain(broker: &mut Broker, file: &mut File, topics: &[&str]) {
    let mut unkept = Unkept::default();
    for topic in topics {
        let topic = TopicName::new(topic).unwrap();
        let message = ApplicationMessage { retain: true, ..ApplicationMessage::new(topic, b"x") };
        broker.publish(NOW, &message).unwrap();
    }
    while let Some(record) = broker.poll_journal() {
        unkept.add(&record);
    }
    file.write_all(&unkept.bytes).unwrap();
    broker.durable(unkept.last);
}

fn retained(broker: &mut Broker) -> usize {
    let mut count = 0;
    broker.retained(NOW, TopicFilter::new("#").unwrap(), 1000, |_| {
        count += 1;
        true
    });
    count
}

#[test]
fn what_was_kept_comes_back_without_a_torn_tail() {
    let path = std::env::temp_dir().join(format!("threads-journal-{}", process::id()));
    let _ = fs::remove_file(&path);
    let recover = || recover(&path, Config::default(), NOW);
    let (mut broker, mut file) = recover().unwrap();
    retain(&mut broker, &mut file, &["a", "b"]);
    let whole = fs::metadata(&path).unwrap().len();
    retain(&mut broker, &mut file, &["c"]);
    file.set_len(whole + 7).unwrap();

    let (mut broker, mut file) = recover().unwrap();
    assert_eq!(retained(&mut broker), 2);
    retain(&mut broker, &mut file, &["d"]);
    let (mut broker, _) = recover().unwrap();
    assert_eq!(retained(&mut broker), 3);

    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = recover().unwrap_err().to_string();
    assert!(error.contains("Damage { offset: 0 }"), "{error}");
    fs::remove_file(&path).unwrap();
}
