//! The program's own side: publish, subscribe, kick, look; from tasks and from threads.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod client;

use core::future::poll_fn;
use core::pin::Pin;
use std::thread;

use client::{Client, Running};
use futures_core::Stream;
use mqtt_broker_tokio::{Message, OnFull, QoS, ReasonCode, Subscribe, Version};
use mqtt_codec::Packet;

#[test]
fn a_thread_publishes_to_a_client() {
    let server = Running::start();
    let mut client = Client::connect(server.address, Version::V5, "c");
    client.subscribe("t", QoS::AtMostOnce);
    let handle = server.handle.blocking();
    thread::spawn(move || handle.publish(Message::new("t", "x"))).join().unwrap().unwrap();
    assert_eq!(client.receive(), ("t".to_owned(), b"x".to_vec()));
    server.handle.try_publish(Message::new("t", "y")).unwrap();
    assert_eq!(client.receive().1, b"y");
    server.stop(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_embeds_in_a_multi_threaded_runtime() {
    let server = Running::start();
    let mut subscription = server.handle.subscribe("a/#").await.unwrap();
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let handle = server.handle.clone();
            tokio::spawn(async move {
                for count in 0..100_u8 {
                    let message = Message::new(format!("a/{publisher}"), [count])
                        .with_qos(QoS::AtLeastOnce)
                        .with_user_property("from", "task");
                    handle.publish(message).await.unwrap();
                }
            })
        })
        .collect();
    let mut counts = [0_u8; 4];
    for _ in 0..400 {
        let message = poll_fn(|cx| Pin::new(&mut subscription).poll_next(cx)).await.unwrap();
        let publisher: usize = message.topic[2..].parse().unwrap();
        assert_eq!(message.payload, [counts[publisher]], "order within one publisher");
        assert_eq!(message.user_properties, [("from".to_owned(), "task".to_owned())]);
        assert_eq!(message.qos, QoS::AtLeastOnce);
        counts[publisher] += 1;
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    server.shutdown.shutdown();
    assert_eq!(subscription.recv().await, None);
    server.shutdown.done().await;
    server.serving.await.unwrap();
}

#[test]
fn every_property_travels_and_a_retained_message_waits() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let message = Message::new("r", "kept")
        .with_qos(QoS::ExactlyOnce)
        .with_retain(true)
        .with_message_expiry_interval(1000)
        .with_payload_format_indicator(true)
        .with_content_type("text/plain")
        .with_response_topic("answer")
        .with_correlation_data([0, 1])
        .with_user_property("k", "v");
    handle.publish(message.clone()).unwrap();
    let mut subscription = handle.subscribe("r").unwrap();
    assert_eq!(subscription.blocking_recv(), Some(message));
    server.stop(());
}

#[test]
fn a_client_publishes_to_the_program() {
    let server = Running::start();
    let mut subscription = server.handle.blocking().subscribe("from/+").unwrap();
    let mut client = Client::connect(server.address, Version::V3_1_1, "c");
    client.publish("from/client", b"x");
    assert_eq!(subscription.blocking_recv(), Some(Message::new("from/client", "x")));
    server.stop(client);
}

#[test]
fn a_subscription_that_nobody_reads_loses_and_counts() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let mut subscription = handle.subscribe(Subscribe::to("t").capacity(3)).unwrap();
    let mut end = handle.subscribe("end").unwrap();
    for count in 0..10_u8 {
        handle.publish(Message::new("t", [count])).unwrap();
    }
    handle.publish(Message::new("end", "")).unwrap();
    end.blocking_recv().unwrap();
    assert_eq!(subscription.lost(), 7);
    for count in 0..3_u8 {
        assert_eq!(subscription.blocking_recv().unwrap().payload, [count]);
    }
    assert_eq!(subscription.try_recv(), None);

    drop((subscription, end));
    assert_eq!(handle.stats().unwrap().subscriptions, 0, "dropping it unsubscribes");
    server.stop(());
}

#[test]
fn a_publisher_waits_for_a_slow_subscription_and_nobody_else_does() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let slow = Subscribe::to("t").capacity(2).on_full(OnFull::Wait);
    let mut subscription = handle.subscribe(slow).unwrap();
    let mut publisher = Client::connect(server.address, Version::V5, "p");
    for count in 0..100_u8 {
        publisher.publish("t", &[count]);
    }
    let mut other = Client::connect(server.address, Version::V5, "o");
    other.subscribe("u", QoS::AtMostOnce);
    other.publish("u", b"served");
    assert_eq!(other.receive().1, b"served");
    assert!(handle.stats().unwrap().publish_received < 100);
    for count in 0..100_u8 {
        assert_eq!(subscription.blocking_recv().unwrap().payload, [count]);
    }
    assert_eq!((subscription.lost(), handle.stats().unwrap().dropped_outputs), (0, 0));

    for count in 0..10_u8 {
        publisher.publish("t", &[count]);
    }
    drop(subscription);
    publisher.subscribe("end", QoS::AtMostOnce);
    assert_eq!(handle.stats().unwrap().publish_received, 111, "nobody waits for what is dropped");
    server.stop((publisher, other));
}

#[test]
fn clients_are_listed_and_kicked() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let mut client = Client::connect(server.address, Version::V5, "c");
    client.subscribe("t", QoS::AtMostOnce);
    let clients = handle.clients().unwrap();
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].client_identifier, "c");
    assert_eq!(clients[0].peer, Some(client.stream.local_addr().unwrap()));
    assert_eq!((clients[0].version, clients[0].subscriptions), (Version::V5, 1));
    assert!(clients[0].connected && clients[0].connected_at.is_some());
    assert_eq!(handle.stats().unwrap().connections, 1);

    assert!(!handle.kick("nobody", ReasonCode::ADMINISTRATIVE_ACTION).unwrap());
    assert!(handle.kick("c", ReasonCode::ADMINISTRATIVE_ACTION).unwrap());
    client.expect(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.reason_code, ReasonCode::ADMINISTRATIVE_ACTION);
        }
        other => panic!("no DISCONNECT but {other}"),
    });
    client.expect_end();
    server.stop(client);
}

#[test]
fn clients_are_listed_in_pages() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let names = ["a", "b", "c", "d", "e"];
    let clients: Vec<_> =
        names.iter().map(|name| Client::connect(server.address, Version::V5, name)).collect();
    let (mut listed, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from {
        let page = handle.clients_page(place, 2).unwrap();
        assert!(page.clients.len() == 2 || page.next.is_none());
        listed.extend(page.clients.into_iter().map(|client| client.client_identifier));
        from = page.next;
    }
    listed.sort();
    assert_eq!(listed, names);
    assert_eq!(handle.clients_page(0, 5).unwrap().next, None);
    server.stop(clients);
}

#[test]
fn subscriptions_of_a_client_are_shown_and_taken() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let mut client = Client::connect(server.address, Version::V5, "c");
    client.subscribe("t", QoS::AtLeastOnce);
    client.subscribe("end", QoS::AtMostOnce);
    let held = handle.subscriptions("c").unwrap();
    let shown: Vec<_> =
        held.iter().map(|held| (held.filter.as_str(), held.options.maximum_qos)).collect();
    assert!(shown.contains(&("t", QoS::AtLeastOnce)), "{shown:?}");
    assert!(shown.contains(&("end", QoS::AtMostOnce)), "{shown:?}");
    assert_eq!(handle.subscriptions("nobody").unwrap(), []);

    assert!(handle.remove_subscription("c", "t").unwrap());
    assert!(!handle.remove_subscription("c", "t").unwrap());
    assert!(!handle.remove_subscription("nobody", "t").unwrap());
    assert!(handle.remove_subscription("c", "a/#/b").unwrap_err().is_invalid());
    handle.publish(Message::new("t", "x")).unwrap();
    handle.publish(Message::new("end", "y")).unwrap();
    assert_eq!(client.receive().0, "end");
    server.stop(client);
}

#[test]
fn a_client_is_sent_elsewhere() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let mut client = Client::connect(server.address, Version::V5, "c");
    assert!(!handle.redirect("nobody", "b.example", false).unwrap());
    assert!(handle.redirect("c", "b.example", true).unwrap());
    client.expect(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.reason_code, ReasonCode::SERVER_MOVED);
            let reference = disconnect.properties.server_reference();
            assert_eq!(reference.map(|text| text.as_str()), Some("b.example"));
        }
        other => panic!("no DISCONNECT but {other}"),
    });
    client.expect_end();
    server.stop(client);
}

#[test]
fn a_session_is_ended() {
    let server = Running::start();
    let handle = server.handle.blocking();
    let mut client = Client::connect(server.address, Version::V5, "c");
    client.subscribe("t", QoS::AtMostOnce);
    assert!(handle.remove_session("c").unwrap());
    assert!(!handle.remove_session("c").unwrap());
    client.expect(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.reason_code, ReasonCode::ADMINISTRATIVE_ACTION);
        }
        other => panic!("no DISCONNECT but {other}"),
    });
    assert_eq!(handle.clients().unwrap(), []);
    assert_eq!(handle.stats().unwrap().subscriptions, 0);
    server.stop(client);
}

#[test]
fn retained_messages_are_listed() {
    let server = Running::start();
    let handle = server.handle.blocking();
    for topic in ["a/1", "a/2", "a/3", "b"] {
        handle.publish(Message::new(topic, topic).with_retain(true)).unwrap();
    }
    let all = handle.retained("a/+", 10).unwrap();
    assert!(all.is_complete);
    let mut topics: Vec<_> = all.messages.iter().map(|message| message.topic.as_str()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["a/1", "a/2", "a/3"]);
    assert!(all.messages.iter().all(|message| message.payload == message.topic.as_bytes()));
    let some = handle.retained("a/+", 2).unwrap();
    assert_eq!((some.messages.len(), some.is_complete), (2, false));
    assert!(handle.retained("a/#/b", 1).unwrap_err().is_invalid());
    server.stop(());
}

#[test]
fn retained_messages_are_listed_in_pages() {
    let server = Running::start();
    let handle = server.handle.blocking();
    for number in 0..20 {
        let topic = format!("{}/{number}/is/on", if number % 2 == 0 { "even" } else { "odd" });
        handle.publish(Message::new(topic, "x").with_retain(true)).unwrap();
    }
    let (mut topics, mut from, mut pages) = (Vec::new(), Some(0), 0);
    while let Some(place) = from {
        let page = handle.retained_page("even/+/is/on", place, 3).unwrap();
        assert!(page.messages.len() <= 3);
        topics.extend(page.messages.into_iter().map(|message| message.topic));
        (from, pages) = (page.next, pages + 1);
        // What comes and goes meanwhile moves nothing else.
        handle
            .publish(Message::new(format!("odd/{}/is/on", pages * 2 - 1), "").with_retain(true))
            .unwrap();
        for other in [format!("new/{pages}"), format!("even/{}/is/off", pages * 4)] {
            handle.publish(Message::new(other, "x").with_retain(true)).unwrap();
        }
    }
    topics.sort_unstable();
    let mut even: Vec<_> =
        (0..20).step_by(2).map(|number| format!("even/{number}/is/on")).collect();
    even.sort_unstable();
    assert_eq!(topics, even);
    assert!(pages >= 4, "{pages}");
    assert!(handle.retained_page("a/#/b", 0, 1).unwrap_err().is_invalid());
    server.stop(());
}

#[test]
fn what_is_wrong_is_said() {
    let server = Running::start();
    let handle = server.handle.blocking();
    assert!(handle.publish(Message::new("a/+", "")).unwrap_err().is_invalid());
    assert!(handle.subscribe("a/#/b").unwrap_err().is_invalid());
    assert!(handle.subscribe("$share/g/t").unwrap_err().is_refused());
    server.stop(());
    assert!(handle.publish(Message::new("t", "")).unwrap_err().is_closed());
    assert!(handle.subscribe("t").unwrap_err().is_closed());
}
