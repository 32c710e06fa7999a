//! Any Topic Filters and Topic Names: the broker routes, and replays what is retained, exactly as a
//! filter by filter comparison says.
#![no_main]
use fuzz::{World, config};
use mqtt_broker_core::{ApplicationMessage, Broker, LocalSubscription, Output};
use mqtt_codec::{SubscriptionOptions, TopicFilter, TopicName};

type Input<'a> = (Vec<(TopicFilter<'a>, bool)>, Vec<(TopicName<'a>, bool)>, Vec<TopicFilter<'a>>);

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (filters, names, late) = input;
    let mut world = World::new(false);
    world.broker = Broker::new({
        let mut config = config(false);
        config.limits.retained = 1 << 20;
        config.limits.publication_bytes = 1 << 30;
        config.limits.outputs = 1 << 20;
        config
    });
    let now = world.now;
    let subscribe = |broker: &mut Broker, filter| {
        broker.subscribe(now, filter, SubscriptionOptions::default(), None).ok()
    };
    let mut live: Vec<_> = filters
        .into_iter()
        .filter_map(|(filter, stays)| Some((filter, subscribe(&mut world.broker, filter)?, stays)))
        .collect();
    live.retain(|(_, subscription, stays)| {
        if !stays {
            world.broker.unsubscribe(now, *subscription);
        }
        *stays
    });
    let mut retained: Vec<TopicName<'_>> = Vec::new();
    for (name, keep) in names {
        let mut message = ApplicationMessage::new(name, b"x");
        message.retain = keep;
        if world.broker.publish(now, &message).is_err() {
            continue;
        }
        let matching = live.iter().filter(|(filter, ..)| filter.matches(name));
        let expected = matching.map(|(_, subscription, _)| (*subscription, vec![name.to_string()]));
        check(&mut world, expected);
        if keep && !retained.iter().any(|known| *known == name) {
            retained.push(name);
        }
    }
    for filter in late {
        let Some(subscription) = subscribe(&mut world.broker, filter) else { continue };
        while world.broker.poll_timeout().is_some_and(|due| due <= now) {
            world.broker.handle_timeout(now);
        }
        let found = retained.iter().filter(|name| filter.matches(**name));
        let mut found: Vec<_> = found.map(|name| name.to_string()).collect();
        found.sort();
        check(&mut world, (!found.is_empty()).then_some((subscription, found)).into_iter());
        world.broker.unsubscribe(now, subscription);
    }
});

/// What comes out is exactly this, in any order.
fn check(world: &mut World, expected: impl Iterator<Item = (LocalSubscription, Vec<String>)>) {
    let mut came = std::collections::BTreeMap::<_, Vec<_>>::new();
    while let Some(output) = world.broker.poll_output() {
        if let Output::Message(subscription, message) = output {
            came.entry(subscription).or_default().push(message.topic.to_string());
        }
    }
    came.values_mut().for_each(|topics| topics.sort());
    assert_eq!(came, expected.collect());
}
