//! Tests of the subscriptions: one for each rule, and a naive model.

use crate::store::Account;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use mqtt_codec::{QoS, SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName};
use proptest::prelude::*;

use super::table::Subscription;
use super::{Match, Matches, Preference, Subscribed, SubscriberList, Subscriptions};
use crate::store::Full;

/// Subscriptions with the lists of their subscribers, by text.
struct World {
    subscriptions: Subscriptions,
    lists: BTreeMap<u32, SubscriberList>,
    found: Matches,
}

impl World {
    fn new(limit: u32) -> Self {
        let found = Matches::default();
        Self {
            subscriptions: Subscriptions::new(&Account::default(), 7, limit, None),
            lists: BTreeMap::new(),
            found,
        }
    }

    fn subscribe_with(
        &mut self,
        filter: &str,
        subscriber: u32,
        maximum_qos: QoS,
        identifier: Option<u32>,
    ) -> Result<Subscribed, Full> {
        let list = self.lists.entry(subscriber).or_default();
        let filter = TopicFilter::new(filter).unwrap();
        let options = SubscriptionOptions { maximum_qos, ..Default::default() };
        let identifier = identifier.and_then(SubscriptionIdentifier::new);
        self.subscriptions.subscribe(list, filter, subscriber, options, identifier)
    }

    fn subscribe(&mut self, filter: &str, subscriber: u32) -> bool {
        self.subscribe_with(filter, subscriber, QoS::AtMostOnce, None).unwrap().replaced
    }

    fn unsubscribe(&mut self, filter: &str, subscriber: u32) -> bool {
        let list = self.lists.entry(subscriber).or_default();
        self.subscriptions.unsubscribe(list, TopicFilter::new(filter).unwrap(), subscriber)
    }

    /// The subscribers that match, in ascending order, and those in groups likewise.
    fn matches(&mut self, topic: &str) -> (Vec<u32>, Vec<Vec<u32>>) {
        self.subscriptions.matches(TopicName::new(topic).unwrap(), &mut self.found);
        let of = |members: &mut dyn Iterator<Item = Match>| {
            let mut subscribers: Vec<_> = members.map(|found| found.subscriber).collect();
            subscribers.sort_unstable();
            subscribers
        };
        let mut groups: Vec<_> = self
            .found
            .groups
            .iter()
            .map(|group| of(&mut self.subscriptions.members(*group)))
            .collect();
        groups.sort_unstable();
        (of(&mut self.found.subscribers.iter().copied()), groups)
    }

    fn subscribers(&mut self, topic: &str) -> Vec<u32> {
        self.matches(topic).0
    }

    fn turns(&mut self, topic: &str, count: usize, state: impl Fn(u32) -> Preference) -> Vec<u32> {
        self.matches(topic);
        let group = self.found.groups[0];
        let turn = |_| Some(self.subscriptions.next_member(group, |who, _| state(who))?.subscriber);
        (0..count).filter_map(turn).collect()
    }

    fn filters_of(&self, subscriber: u32) -> Vec<String> {
        let held = self.lists.get(&subscriber).into_iter();
        held.flat_map(|list| self.subscriptions.of_subscriber(list))
            .map(|held| {
                let mut filter = Vec::new();
                held.write_filter(&mut filter);
                String::from_utf8(filter).unwrap()
            })
            .collect()
    }

    fn assert_empty(&self) {
        let Subscriptions { tree, table, groups, len, .. } = &self.subscriptions;
        assert_eq!((tree.len(), *len), (0, 0));
        assert_eq!((table.slab.len(), table.index.len()), (0, 0));
        assert_eq!((groups.slab.len(), groups.index.len(), groups.name_bytes), (0, 0, 0));
    }
}

#[test]
fn topics_in_turn_are_matched_as_subscriptions_change() {
    let mut world = World::new(100);
    world.subscribe("a/+", 1);
    world.subscribe("a/b", 2);
    world.subscribe("$share/g/a/#", 3);
    let long = ["a"; 30].join("/");
    for _ in 0..2 {
        assert_eq!(world.matches("a/b"), (vec![1, 2], vec![vec![3]]));
        assert_eq!(world.matches("a/c"), (vec![1], vec![vec![3]]));
        assert_eq!(world.matches("b/c"), (vec![], vec![]));
        assert_eq!(world.matches(&long), (vec![], vec![vec![3]]));
    }
    // Of more than four filters none is left out, whether they were looked for before or not.
    ["#", "+/#", "+/+", "a/b/#"].iter().zip(4..).for_each(|(filter, n)| {
        world.subscribe(filter, n);
    });
    for _ in 0..2 {
        assert_eq!(world.subscribers("a/b"), [1, 2, 4, 5, 6, 7]);
        assert_eq!(world.subscribers("b/c"), [4, 5, 6]);
    }
    world.unsubscribe("a/+", 1);
    world.unsubscribe("+/+", 6);
    for _ in 0..2 {
        assert_eq!(world.subscribers("a/c"), [4, 5]);
        assert_eq!(world.subscribers("b/c"), [4, 5]);
    }
}

#[test]
fn sizes_are_what_the_memory_budget_counts_on() {
    assert_eq!(size_of::<Option<Subscription>>(), 32);
    assert_eq!(size_of::<Match>(), 12);
    assert_eq!(size_of::<SubscriberList>(), 8);
}

//= [MQTT-4.7.1-1] type=test
#[test]
fn the_multi_level_wildcard_matches_its_parent_and_any_depth_below() {
    let mut world = World::new(100);
    world.subscribe("sport/tennis/#", 1);
    world.subscribe("#", 2);
    assert_eq!(world.subscribers("sport/tennis"), [1, 2]);
    assert_eq!(world.subscribers("sport/tennis/"), [1, 2]);
    assert_eq!(world.subscribers("sport/tennis/a/b/c"), [1, 2]);
    assert_eq!(world.subscribers("sport"), [2]);
    assert_eq!(world.subscribers("sport/tennis2"), [2]);
}

//= [MQTT-4.7.1-2] type=test
#[test]
fn the_single_level_wildcard_matches_exactly_one_level() {
    let mut world = World::new(100);
    for (filter, subscriber) in
        [("+", 1), ("sport/+", 2), ("+/+", 3), ("/+", 4), ("+/tennis/#", 5), ("sport/+/p1", 6)]
    {
        world.subscribe(filter, subscriber);
    }
    assert_eq!(world.subscribers("sport"), [1]);
    assert_eq!(world.subscribers("sport/"), [2, 3]);
    assert_eq!(world.subscribers("sport/tennis"), [2, 3, 5]);
    assert_eq!(world.subscribers("/finance"), [3, 4]);
    assert_eq!(world.subscribers("sport/tennis/p1"), [5, 6]);
    assert_eq!(world.subscribers("sport//p1"), [6]);
}

//= [MQTT-4.7.2-1] type=test
#[test]
fn a_filter_that_starts_with_a_wildcard_does_not_match_a_system_topic() {
    let mut world = World::new(100);
    for (filter, subscriber) in
        [("#", 1), ("+/monitor/Clients", 2), ("$SYS/#", 3), ("$SYS/monitor/+", 4), ("a/#", 5)]
    {
        world.subscribe(filter, subscriber);
    }
    world.subscribe("$share/g/#", 6);
    assert_eq!(world.matches("$SYS/monitor/Clients"), ([3, 4].into(), [].into()));
    assert_eq!(world.matches("a/$SYS"), ([1, 5].into(), [[6].into()].into()));
}

//= [MQTT-4.7.3-4] type=test
#[test]
fn nothing_is_normalised() {
    let mut world = World::new(100);
    world.subscribe("a//b", 1);
    world.subscribe("/", 2);
    world.subscribe("A/b", 3);
    assert_eq!(world.subscribers("a//b"), [1]);
    assert_eq!(world.subscribers("a/b"), [0; 0]);
    assert_eq!(world.subscribers("/"), [2]);
}

//= [MQTT-3.8.4-3] type=test
#[test]
fn a_subscription_with_the_same_filter_takes_the_place_of_the_old_one() {
    let mut world = World::new(2);
    assert!(!world.subscribe("a/+", 1));
    assert!(!world.subscribe("a/+", 2));
    let replaced = world.subscribe_with("a/+", 1, QoS::ExactlyOnce, Some(9));
    assert_eq!(replaced, Ok(Subscribed { replaced: true }));
    assert_eq!(world.subscriptions.len(), 2);
    assert_eq!(world.subscribers("a/b"), [1, 2]);
    let found = world.found.subscribers.iter().find(|found| found.subscriber == 1).unwrap();
    assert_eq!(found.options.maximum_qos, QoS::ExactlyOnce);
    assert_eq!(found.identifier, SubscriptionIdentifier::new(9));
    let filter = TopicFilter::new("a/+").unwrap();
    assert_eq!(world.subscriptions.get(filter, 1), Some((found.options, found.identifier)));
    assert_eq!(world.subscriptions.get(filter, 3), None);
}

//= [MQTT-3.10.4-1] type=test
#[test]
fn unsubscribing_compares_filters_and_does_not_match_them() {
    let mut world = World::new(100);
    world.subscribe("a/+", 1);
    assert!(!world.unsubscribe("a/b", 1));
    assert!(!world.unsubscribe("a/#", 1));
    assert!(!world.unsubscribe("a", 1));
    assert!(!world.unsubscribe("a/+", 2));
    assert!(!world.unsubscribe("$share/g/a/+", 1));
    assert!(world.unsubscribe("a/+", 1));
    assert!(!world.unsubscribe("a/+", 1));
    world.assert_empty();
}

#[test]
fn a_shared_subscription_is_its_own_beside_the_plain_one() {
    let mut world = World::new(100);
    world.subscribe("a/+", 1);
    world.subscribe("$share/g/a/+", 1);
    world.subscribe("$share/g/a/+", 2);
    world.subscribe("$share/h/a/+", 2);
    world.subscribe("$share/g/a/b", 3);
    let groups = [[1, 2].into(), [2].into(), [3].into()];
    assert_eq!(world.matches("a/b"), ([1].into(), groups.into()));
    assert_eq!(world.filters_of(1), ["$share/g/a/+", "a/+"]);
    assert!(world.unsubscribe("a/+", 1));
    assert_eq!(world.matches("a/c"), ([].into(), [[1, 2].into(), [2].into()].into()));
}

#[test]
fn members_of_a_group_take_turns() {
    let mut world = World::new(100);
    for subscriber in 1..=3 {
        world.subscribe("$share/g/a", subscriber);
    }
    assert_eq!(world.turns("a", 4, |_| Preference::Ready), [3, 2, 1, 3]);
    // The turn is the leaver's: it goes on to the next.
    assert!(world.unsubscribe("$share/g/a", 2));
    assert_eq!(world.turns("a", 3, |_| Preference::Ready), [1, 3, 1]);
}

#[test]
fn a_ready_member_goes_before_a_willing_one_and_a_refused_one_never_goes() {
    let mut world = World::new(100);
    for subscriber in 1..=4 {
        world.subscribe("$share/g/a", subscriber);
    }
    let state = |subscriber| match subscriber {
        2 => Preference::Ready,
        4 => Preference::Refused,
        _ => Preference::Willing,
    };
    assert_eq!(world.turns("a", 3, state), [2, 2, 2]);
    let offline = |subscriber| match subscriber {
        4 => Preference::Refused,
        _ => Preference::Willing,
    };
    assert_eq!(world.turns("a", 4, offline), [1, 3, 2, 1]);
    assert_eq!(world.turns("a", 1, |_| Preference::Refused), [0; 0]);
    // Who would miss the message is the last to be chosen.
    let away = |subscriber| match subscriber {
        3 => Preference::Willing,
        4 => Preference::Refused,
        _ => Preference::Absent,
    };
    assert_eq!(world.turns("a", 2, away), [3, 3]);
    let all_away = |subscriber| if subscriber == 4 { Preference::Refused } else { away(1) };
    assert_eq!(world.turns("a", 3, all_away), [2, 1, 3]);
}

#[test]
fn full_changes_nothing() {
    let mut world = World::new(2);
    world.subscribe("a/b", 1);
    world.subscribe("$share/g/a", 1);
    let before = world.subscriptions.tree.len();
    for filter in ["a/c/d", "a/b", "$share/h/a", "$share/g/a", "$share/g/x/y"] {
        assert_eq!(world.subscribe_with(filter, 2, QoS::AtMostOnce, None), Err(Full));
    }
    assert_eq!(world.subscriptions.tree.len(), before);
    assert_eq!(world.subscriptions.groups.slab.len(), 1);
    assert_eq!(world.matches("a"), ([].into(), [[1].into()].into()));
    let deep = "/".repeat(17);
    assert!(world.unsubscribe("a/b", 1));
    assert_eq!(world.subscribe_with(&deep, 1, QoS::AtMostOnce, None), Err(Full));
    assert_eq!(world.subscriptions.tree.len(), 1);
}

#[test]
fn all_subscriptions_of_a_subscriber_go_within_a_budget() {
    let mut world = World::new(100);
    for filter in ["a", "b/+", "$share/g/c", "d/#", "e"] {
        world.subscribe(filter, 1);
    }
    let mut list = world.lists.remove(&1).unwrap();
    assert!(!world.subscriptions.unsubscribe_all(&mut list, 0));
    assert!(!world.subscriptions.unsubscribe_all(&mut list, 3));
    assert_eq!((world.subscriptions.len(), list.len()), (2, 2));
    assert!(world.subscriptions.unsubscribe_all(&mut list, 2));
    assert!(world.subscriptions.unsubscribe_all(&mut list, 0));
    world.assert_empty();
}

#[test]
fn a_popular_filter_is_indexed_and_then_no_more() {
    let mut world = World::new(1000);
    for subscriber in 0..200 {
        assert!(!world.subscribe("a", subscriber));
        world.subscribe("$share/g/a", subscriber);
    }
    assert_eq!(world.subscriptions.table.index.len(), 400);
    assert!((0..200).all(|subscriber| world.subscribe("a", subscriber)));
    assert!((0..200).all(|subscriber| world.unsubscribe("a", subscriber)));
    assert!((0..200).all(|subscriber| world.unsubscribe("$share/g/a", subscriber)));
    world.assert_empty();
}

#[test]
fn a_topic_of_many_levels_needs_no_stack() {
    let mut world = World::new(20_000);
    let topic = "/".repeat(65_535);
    world.subscribe(&topic, 1);
    world.subscribe(&("+/".repeat(32_767) + "#"), 2);
    assert_eq!(world.subscribers(&topic), [1, 2]);
}

#[derive(Clone, Debug)]
enum Operation {
    Subscribe(String, u32, u32),
    Unsubscribe(String, u32),
    UnsubscribeAll(u32),
    Match(String),
}

fn topic() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => Just(""), 3 => Just("a"), 3 => Just("b"), 1 => Just("$s")];
    prop::collection::vec(level, 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a Topic Name is not empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just(""), Just("a"), Just("b"), Just("$s"), Just("+"), Just("+")];
    let share = prop_oneof![3 => Just(""), 1 => Just("$share/g/"), 1 => Just("$share/h/")];
    let end = prop_oneof![2 => Just(""), 1 => Just("/#")];
    let path = prop::collection::vec(level, 1..5).prop_map(|levels| levels.join("/"));
    let filter = (share, path, end).prop_map(|(share, path, end)| match (path.as_str(), end) {
        ("", "") => [share, "#"].concat(),
        (path, end) => [share, path, end].concat(),
    });
    prop_oneof![4 => filter, 1 => Just("a/+".into()), 1 => Just("$share/g/a".into())]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (filter(), 0..30u32, 0..5u32)
            .prop_map(|(filter, subscriber, id)| Operation::Subscribe(filter, subscriber, id)),
        2 => (filter(), 0..30u32)
            .prop_map(|(filter, subscriber)| Operation::Unsubscribe(filter, subscriber)),
        1 => (0..30u32).prop_map(Operation::UnsubscribeAll),
        3 => topic().prop_map(Operation::Match),
    ]
}

type Model = BTreeMap<(String, u32), Option<SubscriptionIdentifier>>;

fn apply(world: &mut World, model: &mut Model, operation: Operation) -> Result<(), TestCaseError> {
    match operation {
        Operation::Subscribe(filter, subscriber, id) => {
            let made = world.subscribe_with(&filter, subscriber, QoS::AtLeastOnce, Some(id));
            let identifier = SubscriptionIdentifier::new(id);
            let replaced = model.insert((filter, subscriber), identifier).is_some();
            prop_assert_eq!(made, Ok(Subscribed { replaced }));
        }
        Operation::Unsubscribe(filter, subscriber) => {
            let removed = world.unsubscribe(&filter, subscriber);
            prop_assert_eq!(removed, model.remove(&(filter, subscriber)).is_some());
        }
        Operation::UnsubscribeAll(subscriber) => {
            let list = world.lists.entry(subscriber).or_default();
            prop_assert!(world.subscriptions.unsubscribe_all(list, usize::MAX));
            model.retain(|(_, other), _| *other != subscriber);
        }
        Operation::Match(topic) => {
            let mut plain = Vec::new();
            let mut groups: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (filter, subscriber) in model.keys() {
                let parsed = TopicFilter::new(filter).unwrap();
                if !parsed.matches(TopicName::new(&topic).unwrap()) {
                    continue;
                }
                if parsed.share_name().is_some() {
                    groups.entry(filter).or_default().push(*subscriber);
                } else {
                    plain.push(*subscriber);
                }
            }
            plain.sort_unstable();
            let mut groups: Vec<_> = groups.into_values().collect();
            groups.sort_unstable();
            prop_assert_eq!(world.matches(&topic), (plain, groups));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn behaves_like_a_list_of_filters(
        operations in prop::collection::vec(operation(), 0..200),
    ) {
        let mut world = World::new(1000);
        let mut model = Model::new();
        for operation in operations {
            apply(&mut world, &mut model, operation)?;
            prop_assert_eq!(world.subscriptions.len() as usize, model.len());
        }
        for subscriber in 0..30 {
            let filters: BTreeSet<_> = world.filters_of(subscriber).into_iter().collect();
            let expected = model.keys().filter(|key| key.1 == subscriber).map(|key| key.0.clone());
            prop_assert_eq!(filters, expected.collect());
        }
        for ((filter, subscriber), identifier) in &model {
            let filter = TopicFilter::new(filter).unwrap();
            let (options, found) = world.subscriptions.get(filter, *subscriber).unwrap();
            prop_assert_eq!((options.maximum_qos, found), (QoS::AtLeastOnce, *identifier));
        }
        for list in world.lists.values_mut() {
            prop_assert!(world.subscriptions.unsubscribe_all(list, usize::MAX));
        }
        world.assert_empty();
    }

    #[test]
    fn turns_go_round_whoever_comes_and_goes(
        operations in prop::collection::vec((0..3u8, 0..8u32), 0..100),
    ) {
        let mut world = World::new(100);
        let mut members = BTreeSet::from([99]);
        world.subscribe("$share/g/a", 99);
        for (kind, subscriber) in operations {
            match kind {
                0 => prop_assert_eq!(
                    world.subscribe("$share/g/a", subscriber),
                    !members.insert(subscriber)
                ),
                1 => prop_assert_eq!(
                    world.unsubscribe("$share/g/a", subscriber),
                    members.remove(&subscriber)
                ),
                _ => {
                    // As many turns as members: each has one.
                    let turns = world.turns("a", members.len(), |_| Preference::Ready);
                    prop_assert_eq!(turns.into_iter().collect::<BTreeSet<_>>(), members.clone());
                }
            }
        }
    }
}
