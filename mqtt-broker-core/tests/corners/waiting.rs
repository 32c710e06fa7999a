//! What waits: retained messages and acknowledgements for their records, input for its turn, a
//! SUBSCRIBE for its verdicts.

use core::num::NonZeroU32;

use mqtt_broker_core::{
    AllowAll, ConnectionHandle, Duration, Output, Peer, Policy, SubscribeRequest, Verdict,
};
use mqtt_codec::Version::V5;
use mqtt_codec::{SubscriptionOptions, TopicFilter};

use super::packets_with::{connect, packet, string};
use super::world::{LASTS, NOW, UNSUBACK, World, message, unsubscribe};

/// The subscription has to be durable before its retained message is sent; a QoS 0 message that is
/// published then has nothing to wait for.
//= [MQTT-4.6.0-5] type=test
#[test]
fn a_retained_message_held_back_is_not_overtaken() {
    let mut world = World::new(|config| config.journal = true);
    let publisher = world.connected("publisher", &[]);
    let subscriber = world.connected("subscriber", LASTS);
    world.send(publisher, &message(0x31, "t", 0, b"old"));
    world.durable();
    world.subscribe(subscriber, "t", 0);
    world.send(publisher, &message(0x31, "t", 0, b"new"));
    let mut read = world.read(subscriber);
    world.durable();
    read.extend(world.read(subscriber));
    let both = [message(0x31, "t", 0, b"old"), message(0x30, "t", 0, b"new")].concat();
    assert!(read.ends_with(&both), "{read:x?}");
}

/// The acknowledgement between the two waits for a later record.
#[test]
fn what_is_behind_a_retained_message_waits_for_that_alone() {
    let mut world = World::new(|config| config.journal = true);
    let publisher = world.connected("publisher", &[]);
    let subscriber = world.connected("subscriber", LASTS);
    world.send(publisher, &message(0x31, "t", 0, b"old"));
    world.durable();
    world.subscribe(subscriber, "t", 0);
    let subscribed = world.broker.newest_record();
    world.send(subscriber, &message(0x33, "kept", 7, b"x"));
    world.send(publisher, &message(0x30, "t", 0, b"new"));
    while world.broker.poll_journal().is_some() {}
    world.broker.durable(subscribed);
    let read = world.read(subscriber);
    let both = [message(0x31, "t", 0, b"old"), message(0x30, "t", 0, b"new")].concat();
    assert!(read.ends_with(&both), "{read:x?}");
    let newest = world.broker.newest_record();
    world.broker.durable(newest);
    assert_eq!(world.read(subscriber)[..4], [0x40, 3, 0, 7], "the PUBACK");
}

/// What is durable leaves over turns if it is much; what is published meanwhile has nothing to wait
/// for, and stays behind it all the same.
//= [MQTT-4.6.0-5] type=test
#[test]
fn what_is_let_go_over_turns_is_not_overtaken() {
    let mut world = World::new(|config| (config.journal, config.steps_per_call) = (true, 64));
    let publisher = world.connected("publisher", &[]);
    let subscribers: Vec<_> = (0..50).map(|n| world.subscribed(&format!("s{n}"), "t", 1)).collect();
    for subscriber in &subscribers {
        world.send(*subscriber, &message(0x33, "kept", 7, b"x"));
    }
    world.send(publisher, &message(0x32, "t", 1, b"first"));
    world.rest();
    world.durable();
    world.send(publisher, &message(0x32, "t", 2, b"second"));
    world.rest();
    for subscriber in subscribers {
        let read = world.read(subscriber);
        let place = |payload: &[u8]| read.windows(payload.len()).position(|part| part == payload);
        assert!(place(b"first") < place(b"second"), "{read:x?}");
        assert!(place(b"second").is_some(), "{read:x?}");
    }
    assert_eq!(world.broker.stats().publish_sent, 100);
}

/// There are more than the queue takes: the rest has yet to be looked for.
//= [MQTT-3.10.4-2] type=test
#[test]
fn no_retained_message_comes_after_an_unsuback() {
    let mut world = World::new(|config| config.queue_messages = 10);
    let publisher = world.connected("publisher", &[]);
    for n in 0..50 {
        world.send(publisher, &message(0x31, &format!("r/{n}"), 0, b"x"));
    }
    let subscriber = world.connected("subscriber", &[]);
    world.subscribe(subscriber, "r/#", 0);
    world.send(subscriber, &unsubscribe("r/#"));
    let read = world.read(subscriber);
    assert!(read.ends_with(&UNSUBACK), "{read:x?}");
}

#[test]
fn a_client_is_not_silent_while_its_input_is_stopped() {
    let mut world = World::new(|_| {});
    let (filter, options) = (TopicFilter::new("t").unwrap(), SubscriptionOptions::default());
    let broker = &mut world.broker;
    let local = broker.subscribe_within(NOW, filter, options, None, NonZeroU32::MIN).unwrap();
    let handle = broker.handle_accept(NOW, Peer::default()).unwrap();
    let mut connect = connect(V5, 0, &[], &[string("client")]);
    connect[11] = 10; // Keep Alive
    world.send(handle, &connect);
    let one = message(0x30, "t", 0, b"");
    let received = world.offer(handle, &one.repeat(2));
    assert_eq!((received.consumed, received.waiting), (one.len(), true));
    // The host has room for one message, and takes its time.
    let broker = &mut world.broker;
    for seconds in 1..29 {
        broker.handle_timeout(NOW + Duration::from_secs(seconds));
    }
    while broker.poll_output().is_some() {}
    let now = NOW + Duration::from_secs(30);
    broker.taken(now, local, 1);
    broker.handle_timeout(now);
    let mut is_resumed = false;
    while let Some(output) = broker.poll_output() {
        assert!(!matches!(output, Output::Close(..)), "{output:?}");
        is_resumed |= matches!(output, Output::Resume(it) if it == handle);
    }
    assert!(is_resumed);
    assert_eq!(broker.handle_input(now, handle, &one, &mut AllowAll).consumed, one.len());
}

/// A client that takes packets of 20 bytes, for which a longer message waits, and the publisher.
fn one_too_large(world: &mut World) -> (ConnectionHandle, ConnectionHandle) {
    let client = world.connected("client", &[LASTS, &[0x27, 0, 0, 0, 20]].concat());
    world.subscribe(client, "t", 1);
    world.durable();
    world.read(client);
    let publisher = world.connected("publisher", &[]);
    world.send(publisher, &message(0x32, "t", 1, &[b'x'; 50]));
    world.durable();
    (client, publisher)
}

/// A message that is too large for the client is dropped, which a record tells; the PUBACKs behind it
/// wait for that record.
//= [MQTT-3.3.4-7] type=test
#[test]
fn pubacks_that_are_put_off_count_against_the_receive_maximum() {
    let mut world = World::new(|config| {
        config.journal = true;
        config.receive_maximum = 2;
    });
    let (client, _) = one_too_large(&mut world);
    for id in 1..3 {
        world.send(client, &message(0x32, "u", id, b""));
    }
    assert_eq!(world.read(client), []);
    assert_eq!(world.broker.stats().dropped_too_large, 1);
    world.offer(client, &message(0x32, "u", 3, b""));
    let read = world.read(client);
    assert_eq!((read[0], read[2]), (0xe0, 0x93), "{read:x?}");
}

/// A message that is too large is dropped while the next one waits for a record of its own already: it
/// waits for that of the drop, too, or a broker that lost it would send both, in the wrong order.
//= [MQTT-4.6.0-2] type=test
#[test]
fn what_is_held_already_waits_for_the_drop_before_it() {
    let mut world = World::new(|config| config.journal = true);
    let (client, publisher) = one_too_large(&mut world);
    world.send(publisher, &message(0x32, "t", 2, b"next"));
    let sent = world.broker.newest_record();
    assert_eq!(world.read(client), []);
    assert_eq!(world.broker.stats().dropped_too_large, 1);
    assert!(world.broker.newest_record() > sent);
    while world.broker.poll_journal().is_some() {}
    world.broker.durable(sent);
    assert_eq!(world.read(client), []);
    world.broker.durable(world.broker.newest_record());
    assert_eq!(world.read(client), message(0x32, "t", 2, b"next"));
}

/// Defers what is asked about every other Topic Filter, and counts the questions.
#[derive(Default)]
struct EveryOther {
    asked: u32,
}

impl Policy for EveryOther {
    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        self.asked += 1;
        if request.filter.as_str().starts_with('d') { Verdict::Defer } else { Verdict::Allow }
    }
}

#[test]
fn a_policy_is_asked_once_about_each_filter_whatever_it_puts_off() {
    let mut world = World::new(|_| {});
    let handle = world.connected("client", &[]);
    let mut body = vec![0, 1, 0];
    for n in 0..100 {
        body.extend([string(&format!("a{n}")), vec![0]].concat());
        body.extend([string(&format!("d{n}")), vec![0]].concat());
    }
    let (bytes, mut policy) = (packet(0x82, &body), EveryOther::default());
    while world.broker.handle_input(NOW, handle, &bytes, &mut policy).consumed < bytes.len() {
        let mut tickets = Vec::new();
        while let Some(output) = world.broker.poll_output() {
            if let Output::Decide(ticket, ..) = output {
                tickets.push(ticket);
            }
        }
        assert!(!tickets.is_empty(), "nothing is left to be decided");
        for ticket in tickets {
            world.broker.resolve(NOW, ticket, Verdict::Allow);
        }
    }
    assert_eq!(policy.asked, 200);
}
