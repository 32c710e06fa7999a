//! The cases. Nothing is waited for by sleeping: where something must *not* arrive, a message
//! that must arrive is sent after it.

use super::client::Client;
use super::row::{Message, Open, Row};
use crate::process::Outcome;

/// One behaviour, played by one client in one version at both ends.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) play: fn(&mut Row) -> Outcome,
    /// Why this client cannot play it in this version, if so.
    pub(super) not_for: fn(&Client, &str) -> Option<&'static str>,
}

/// Every case of the suite.
pub(super) const CASES: &[Case] = &[
    Case { name: "qos0", play: |row| quality_of_service(row, 0), not_for: every_client },
    Case { name: "qos1", play: |row| quality_of_service(row, 1), not_for: every_client },
    Case { name: "qos2", play: |row| quality_of_service(row, 2), not_for: every_client },
    Case { name: "retain", play: retained, not_for: every_client },
    Case { name: "will", play: will, not_for: every_client },
    Case { name: "resume", play: resume, not_for: every_client },
    Case { name: "wild", play: wildcards, not_for: every_client },
    Case {
        name: "unsub",
        play: unsubscribe,
        not_for: |client, _| {
            (client.name == "mosquitto").then_some("mosquitto_sub cannot unsubscribe while it runs")
        },
    },
    Case { name: "share", play: shared, not_for: every_client },
    Case { name: "take", play: takeover, not_for: every_client },
    Case { name: "1MiB", play: large_payload, not_for: every_client },
    Case { name: "1000", play: in_order, not_for: every_client },
    Case { name: "cross", play: every_version, not_for: every_client },
];

fn every_client(_: &Client, _: &str) -> Option<&'static str> {
    None
}

/// Published at each QoS, delivered at the lower of that and the subscription's.
fn quality_of_service(row: &mut Row, maximum: u8) -> Outcome {
    let topic = row.topic("a");
    row.subscriber("subscriber", &[(&topic, maximum)])?;
    row.publisher()?;
    for qos in 0..=2 {
        for payload in ["text:hello", "empty"] {
            row.publish(&Message::new(&topic, qos, false, payload))?;
            let delivered = Message::new(&topic, qos.min(maximum), false, payload);
            row.expect_message("subscriber", &delivered)?;
        }
    }
    Ok(())
}

/// Set, replaced, cleared.
fn retained(row: &mut Row) -> Outcome {
    let topic = row.topic("a");
    row.publisher()?;
    row.publish(&Message::new(&topic, 1, true, "text:first"))?;
    row.subscriber("early", &[(&topic, 1)])?;
    row.expect_message("early", &Message::new(&topic, 1, true, "text:first"))?;

    row.publish(&Message::new(&topic, 1, true, "text:second"))?;
    row.expect_message("early", &Message::new(&topic, 1, false, "text:second"))?;
    row.subscriber("late", &[(&topic, 1)])?;
    row.expect_message("late", &Message::new(&topic, 1, true, "text:second"))?;

    row.publish(&Message::new(&topic, 1, true, "empty"))?;
    row.expect_message("early", &Message::new(&topic, 1, false, "empty"))?;
    row.subscriber("last", &[(&topic, 1)])?;
    let marker = Message::new(&topic, 1, false, "text:marker");
    row.publish(&marker)?;
    row.expect_message("last", &marker)
}

/// Sent when the socket is killed; not sent after a DISCONNECT, unless that asks for it.
fn will(row: &mut Row) -> Outcome {
    let topic = row.topic("will");
    let subscribed = row.topic("other");
    row.subscriber("watcher", &[(&topic, 1)])?;
    row.publisher()?;

    let mut polite = row.new_session();
    polite.will = Some(format!("{topic},1,0,text:unwanted"));
    row.open("polite", &polite, &[(&subscribed, 0)])?;
    row.close("polite")?;
    if row.client.disconnects_with_will(row.version) {
        row.expect_message("watcher", &Message::new(&topic, 1, false, "text:unwanted"))?;
    }
    let marker = Message::new(&topic, 1, false, "text:marker");
    row.publish(&marker)?;
    row.expect_message("watcher", &marker)?;

    let mut victim = row.victim()?;
    let mut open = victim.new_session();
    open.will = Some(format!("{topic},1,1,text:gone"));
    victim.open("victim", &open, &[(&subscribed, 0)])?;
    victim.kill();
    row.expect_message("watcher", &Message::new(&topic, 1, false, "text:gone"))?;
    row.subscriber("late", &[(&topic, 1)])?;
    row.expect_message("late", &Message::new(&topic, 1, true, "text:gone"))
}

/// What was published while the client was away arrives when it comes back, and not if it starts
/// anew.
fn resume(row: &mut Row) -> Outcome {
    let topic = row.topic("a");
    let session = Open { clean: false, ..row.new_session() };
    row.open("before", &session, &[(&topic, 2)])?;
    row.close("before")?;
    row.publisher()?;
    let mut missed: Vec<Message> = [1, 2, 2, 1, 2]
        .iter()
        .enumerate()
        .map(|(index, qos)| Message::new(&topic, *qos, false, &format!("text:missed{index}")))
        .collect();
    for message in &missed {
        row.publish(message)?;
    }
    let present = row.open("after", &session, &[])?;
    // The CONNACK of 3.1 has no Session Present flag.
    if present == Some(false) && row.version != "3.1" {
        return Err("Session Present is 0 on resuming".to_string());
    }
    let mut received = Vec::new();
    for _ in &missed {
        received.push(row.next_message(&["after"])?.1);
    }
    // A client may deliver a QoS 2 message at its PUBREL, after a QoS 1 message that followed.
    missed.sort_by_key(|message| message.qos);
    received.sort_by_key(|message| message.qos);
    if received != missed {
        return Err(format!("received {received:?} where {missed:?} was expected"));
    }
    row.close("after")?;

    row.publish(&Message::new(&topic, 1, false, "text:unwanted"))?;
    let anew = Open { clean: true, ..session };
    if row.open("anew", &anew, &[(&topic, 1)])? == Some(true) {
        return Err("Session Present is 1 on a clean start".to_string());
    }
    let marker = Message::new(&topic, 1, false, "text:marker");
    row.publish(&marker)?;
    row.expect_message("anew", &marker)
}

/// `+` and `#` match what they should, and nothing else.
fn wildcards(row: &mut Row) -> Outcome {
    let filters = ["+/end", "a/+", "a/#", "#", "+/+/c"];
    let topics = ["a", "a/end", "b/end", "a/b/c", "d"];
    let matching = [
        ("+/end", vec!["a/end", "b/end"]),
        ("a/+", vec!["a/end"]),
        ("a/#", vec!["a", "a/end", "a/b/c"]),
        ("#", topics.to_vec()),
        ("+/+/c", vec!["a/b/c"]),
    ];
    let marker = row.topic("marker");
    for filter in filters {
        let full = row.topic(filter);
        // `#` matches the marker too, and two filters would give it two copies.
        let both = [(full.as_str(), 1), (marker.as_str(), 1)];
        row.subscriber(filter, if filter == "#" { &both[..1] } else { &both })?;
    }
    row.publisher()?;
    for topic in topics {
        row.publish(&Message::new(&row.topic(topic), 1, false, "text:x"))?;
    }
    let end = Message::new(&marker, 1, false, "text:end");
    row.publish(&end)?;
    for (filter, topics) in matching {
        for topic in topics {
            row.expect_message(filter, &Message::new(&row.topic(topic), 1, false, "text:x"))?;
        }
        row.expect_message(filter, &end)?;
    }
    Ok(())
}

fn unsubscribe(row: &mut Row) -> Outcome {
    let (left, kept) = (row.topic("left"), row.topic("kept"));
    row.subscriber("subscriber", &[(&left, 1), (&kept, 1)])?;
    row.publisher()?;
    let before = Message::new(&left, 1, false, "text:before");
    row.publish(&before)?;
    row.expect_message("subscriber", &before)?;
    row.unsubscribe("subscriber", &left)?;
    row.publish(&Message::new(&left, 1, false, "text:after"))?;
    let marker = Message::new(&kept, 1, false, "text:marker");
    row.publish(&marker)?;
    row.expect_message("subscriber", &marker)
}

/// Each message goes to one of the two members, and both get some.
fn shared(row: &mut Row) -> Outcome {
    const MESSAGES: usize = 20;
    let (topic, marker) = (row.topic("a"), row.topic("marker"));
    let filter = format!("$share/group/{topic}");
    let members = ["member1", "member2"];
    for member in members {
        row.subscriber(member, &[(&filter, 1), (&marker, 1)])?;
    }
    row.publisher()?;
    row.publish_sequence(&topic, 1, MESSAGES)?;
    let mut received: Vec<(String, String)> = Vec::new();
    for _ in 0..MESSAGES {
        let (member, message) = row.next_message(&members)?;
        received.push((member, message.payload));
    }
    let end = Message::new(&marker, 1, false, "text:end");
    row.publish(&end)?;
    for member in members {
        row.expect_message(member, &end)?;
    }
    for index in 0..MESSAGES {
        let payload = format!("text:{index}");
        let copies = received.iter().filter(|(_, received)| *received == payload).count();
        if copies != 1 {
            return Err(format!("message {index} was delivered {copies} times"));
        }
    }
    match members.iter().find(|member| received.iter().all(|(name, _)| name != *member)) {
        Some(member) => Err(format!("{member} received none of {MESSAGES} messages")),
        None => Ok(()),
    }
}

/// A second connection with the same client identifier ends the first.
fn takeover(row: &mut Row) -> Outcome {
    let topic = row.topic("a");
    let open = row.new_session();
    row.open("first", &open, &[(&topic, 1)])?;
    row.open("second", &open, &[(&topic, 1)])?;
    let code = row.expect_closed("first")?;
    if row.version == "5.0" && code.is_some_and(|code| code != 0x8E) {
        return Err(format!("DISCONNECT with reason code {code:?} where 142 was expected"));
    }
    row.publisher()?;
    let message = Message::new(&topic, 1, false, "text:hello");
    row.publish(&message)?;
    row.expect_message("second", &message)
}

fn large_payload(row: &mut Row) -> Outcome {
    let topic = row.topic("a");
    row.subscriber("subscriber", &[(&topic, 2)])?;
    row.publisher()?;
    for qos in 0..=2 {
        let message = Message::new(&topic, qos, false, "fill:1048576");
        row.publish(&message)?;
        row.expect_message("subscriber", &message)?;
    }
    Ok(())
}

/// 1,000 messages of each QoS arrive in the order in which they were published.
fn in_order(row: &mut Row) -> Outcome {
    const MESSAGES: usize = 1000;
    row.publisher()?;
    for qos in 0..=2 {
        let (topic, name) = (row.topic(&qos.to_string()), format!("subscriber{qos}"));
        row.subscriber(&name, &[(&topic, qos)])?;
        row.publish_sequence(&topic, qos, MESSAGES)?;
        for index in 0..MESSAGES {
            let wanted = Message::new(&topic, qos, false, &format!("text:{index}"));
            row.expect_message(&name, &wanted)?;
        }
    }
    Ok(())
}

/// What this version publishes reaches subscribers of every version that the client speaks.
fn every_version(row: &mut Row) -> Outcome {
    let topic = row.topic("a");
    let versions = row.client.versions;
    for version in versions {
        let open = Open { version, ..row.new_session() };
        row.open(version, &open, &[(&topic, 2)])?;
    }
    row.publisher()?;
    for qos in 0..=2 {
        let message = Message::new(&topic, qos, false, "text:hello");
        row.publish(&message)?;
        for version in versions {
            row.expect_message(version, &message)?;
        }
    }
    Ok(())
}
