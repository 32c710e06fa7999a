//! Tests of the retained messages: the rules of scanning, and a naive model.

use crate::store::Account;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_codec::{Properties, QoS, TopicFilter, TopicName};
use proptest::prelude::*;

use super::{Retained, Scan, Step};
use crate::publication::{Draft, Publications};
use crate::store::Full;
use crate::time::Instant;

fn name(topic: &str) -> TopicName<'_> {
    TopicName::new(topic).unwrap()
}

/// Retained messages, and all publications that ever were, numbered from zero.
struct Shelf {
    retained: Retained,
    all: Publications,
}

impl Shelf {
    fn new(limit: u32) -> Self {
        let account = Account::default();
        let all = Publications::new(&account, u32::MAX, usize::MAX);
        Self { retained: Retained::new(&account, 3, limit), all }
    }

    /// Retains the next publication.
    fn set(&mut self, topic: &str) -> Result<Option<u32>, Full> {
        let draft = Draft {
            topic: name(topic),
            properties: &Properties::EMPTY,
            payload: b"on",
            qos: QoS::AtMostOnce,
            retain: true,
            expires_at: Instant::NEVER,
        };
        let publication = self.all.insert(&draft).unwrap();
        self.retained.set(&self.all, publication)
    }

    fn get(&self, topic: &str) -> Option<u32> {
        self.retained.get(&self.all, name(topic))
    }

    fn remove(&mut self, topic: &str) -> Option<u32> {
        self.retained.remove(&self.all, name(topic))
    }

    fn start(&mut self, filter: &str) -> Scan {
        self.retained.scan(TopicFilter::new(filter).unwrap())
    }

    fn next(&mut self, scan: &mut Scan, budget: &mut u32) -> Step {
        self.retained.next(&self.all, scan, budget)
    }

    /// Goes on to the end of a scan, one unit of budget at a time.
    fn finish(&mut self, mut scan: Scan) -> Vec<u32> {
        let mut found = Vec::new();
        loop {
            match self.next(&mut scan, &mut 1) {
                Step::Found(publication) => found.push(publication),
                Step::Budget => {}
                Step::Done => break,
            }
        }
        self.retained.end(scan);
        found
    }

    fn scan(&mut self, filter: &str) -> Vec<u32> {
        let scan = self.start(filter);
        self.finish(scan)
    }

    /// A scan in ascending order of publication.
    fn sorted(&mut self, filter: &str) -> Vec<u32> {
        let mut found = self.scan(filter);
        found.sort_unstable();
        found
    }

    /// How many topics and nodes there are.
    fn len(&self) -> (u32, u32) {
        (self.retained.len(), self.retained.tree.len())
    }
}

fn filled(topics: &[&str]) -> Shelf {
    let mut shelf = Shelf::new(1000);
    for topic in topics {
        assert_eq!(shelf.set(topic), Ok(None));
    }
    shelf
}

//= [MQTT-3.3.1-5] type=test
#[test]
fn the_last_publication_of_a_topic_is_the_one_retained() {
    let mut shelf = filled(&["a/b"]);
    assert_eq!(shelf.set("a/b"), Ok(Some(0)));
    assert_eq!((shelf.get("a/b"), shelf.retained.len()), (Some(1), 1));
    assert_eq!(shelf.get("a"), None);
    assert_eq!(shelf.remove("a"), None);
    assert_eq!(shelf.remove("a/b"), Some(1));
    assert_eq!(shelf.remove("a/b"), None);
    assert_eq!(shelf.len(), (0, 0));
}

#[test]
fn full_changes_nothing() {
    let mut shelf = Shelf::new(1);
    shelf.set("a/b").unwrap();
    for topic in ["a/b/c", "a", "a/c", "b", "//////////"] {
        assert_eq!(shelf.set(topic), Err(Full), "{topic}");
        assert_eq!((shelf.len(), shelf.get(topic)), ((1, 1), None), "{topic}");
    }
    assert_eq!(shelf.set("a/b"), Ok(Some(0)));
}

#[test]
fn levels_that_no_other_topic_shares_have_one_node() {
    let mut shelf = filled(&["a/b/c/d"]);
    assert_eq!(shelf.len(), (1, 1));
    shelf.set("a/b/e").unwrap();
    // a, b, and then c/d and e.
    assert_eq!(shelf.len(), (2, 4));
    shelf.set("a/b/c").unwrap();
    assert_eq!(shelf.len(), (3, 5));
    assert_eq!(["a/b/c/d", "a/b/e", "a/b/c"].map(|topic| shelf.get(topic)), [0, 1, 2].map(Some));
    assert_eq!(["a", "a/b", "a/b/c/d/e", "a/b/c/"].map(|topic| shelf.get(topic)), [None; 4]);
    assert_eq!(["a/b/c/d", "a/b/e", "a/b/c"].map(|topic| shelf.remove(topic)), [0, 1, 2].map(Some));
    assert_eq!(shelf.len(), (0, 0));
}

#[test]
fn without_room_for_nodes_nothing_is_lost() {
    // There are sixteen nodes for two topics.
    let mut shelf = Shelf::new(2);
    let [first, second] = ["1", "2"].map(|end| "/".repeat(16) + end);
    shelf.set(&first).unwrap();
    assert_eq!(shelf.set(&second), Err(Full));
    assert_eq!((shelf.get(&first), shelf.get(&second)), (Some(0), None));
    assert_eq!((shelf.scan("#"), shelf.scan(&first)), (Vec::from([0]), Vec::from([0])));
    assert_eq!(shelf.set(&first), Ok(Some(0)));
    assert_eq!(shelf.remove(&first), Some(2));
    assert_eq!(shelf.len(), (0, 0));
}

//= [MQTT-4.7.1-1] type=test
#[test]
fn the_multi_level_wildcard_finds_the_parent_and_all_below() {
    let mut shelf = filled(&["a", "a/b", "a/b/c", "a/", "ab", "b/a"]);
    assert_eq!(shelf.sorted("a/#"), [0, 1, 2, 3]);
    assert_eq!(shelf.sorted("#"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(shelf.sorted("a/b/c/#"), [2]);
    assert_eq!(shelf.sorted("+/a/#"), [5]);
}

//= [MQTT-4.7.1-2] type=test
#[test]
fn the_single_level_wildcard_finds_one_level() {
    let mut shelf = filled(&["a", "a/b", "a/c", "/a", "a/b/c", "d/b/c"]);
    assert_eq!(shelf.sorted("+"), [0]);
    assert_eq!(shelf.sorted("a/+"), [1, 2]);
    assert_eq!(shelf.sorted("+/+"), [1, 2, 3]);
    assert_eq!(shelf.sorted("+/b/+"), [4, 5]);
    assert_eq!(shelf.sorted("/+"), [3]);
}

//= [MQTT-4.7.2-1] type=test
#[test]
fn a_leading_wildcard_does_not_find_system_topics() {
    let mut shelf = filled(&["$SYS/a", "$", "a/$SYS", "b"]);
    assert_eq!(shelf.sorted("#"), [2, 3]);
    assert_eq!(shelf.sorted("+"), [3]);
    assert_eq!(shelf.sorted("+/#"), [2, 3]);
    assert_eq!(shelf.sorted("+/a"), [0; 0]);
    assert_eq!(shelf.sorted("$SYS/#"), [0]);
    assert_eq!(shelf.sorted("$SYS/+"), [0]);
    assert_eq!(shelf.sorted("+/$SYS"), [2]);
}

//= [MQTT-4.7.3-4] type=test
#[test]
fn nothing_is_normalised() {
    let mut shelf = filled(&["a//b", "a/b", "/", "A/b"]);
    assert_eq!(shelf.scan("a//b"), [0]);
    assert_eq!(shelf.scan("/"), [2]);
    assert_eq!(shelf.scan("a/b"), [1]);
}

#[test]
fn a_shared_filter_scans_the_filter_after_the_share_name() {
    let mut shelf = filled(&["a/b", "$share/g/a/b"]);
    assert_eq!(shelf.scan("$share/g/a/+"), [0]);
}

#[test]
fn the_order_is_youngest_level_first_and_parents_before_children() {
    let mut shelf = filled(&["a/x", "a", "b", "a/y"]);
    assert_eq!(shelf.scan("#"), [2, 1, 3, 0]);
}

#[test]
fn the_budget_bounds_the_nodes_visited_and_is_only_used_up_as_needed() {
    let topics: Vec<_> = (0..50).map(|index| format!("a/{index}/x")).collect();
    let mut shelf = filled(&topics.iter().map(String::as_str).collect::<Vec<_>>());
    let mut scan = shelf.start("a/+/y");
    assert_eq!(shelf.next(&mut scan, &mut 0), Step::Budget);
    assert_eq!(shelf.next(&mut scan, &mut 20), Step::Budget);
    let mut budget = 1000;
    assert_eq!(shelf.next(&mut scan, &mut budget), Step::Done);
    assert!(budget > 800, "{budget}");
    let before = budget;
    assert_eq!(shelf.next(&mut scan, &mut budget), Step::Done);
    assert_eq!(budget, before);
    shelf.retained.end(scan);
}

#[test]
fn a_scan_goes_on_from_a_node_whose_message_was_removed() {
    let mut shelf = filled(&["a/1", "a/2", "a/3", "b"]);
    let mut scan = shelf.start("a/+");
    assert_eq!(shelf.next(&mut scan, &mut 100), Step::Found(2));
    assert_eq!(shelf.remove("a/3"), Some(2));
    assert_eq!(shelf.remove("a/2"), Some(1));
    shelf.set("a/4").unwrap();
    assert_eq!(shelf.finish(scan), [0]);
    assert_eq!(shelf.len(), (3, 4));
}

#[test]
fn an_abandoned_scan_keeps_nothing_once_ended() {
    let mut shelf = filled(&["a/b/c/d"]);
    let mut scan = shelf.start("#");
    assert_eq!(shelf.next(&mut scan, &mut 100), Step::Found(0));
    shelf.remove("a/b/c/d");
    assert_eq!(shelf.len(), (0, 1));
    shelf.retained.end(scan);
    assert_eq!(shelf.len(), (0, 0));
}

#[test]
fn the_deepest_topic_needs_no_stack() {
    let mut shelf = Shelf::new(20_000);
    let topic = "/".repeat(65_535);
    shelf.set(&topic).unwrap();
    // Another one of the same length, which makes a node of each level.
    let other = "/".repeat(65_534) + "a";
    shelf.set(&other).unwrap();
    assert_eq!(shelf.len(), (2, 65_536));
    assert_eq!(shelf.scan("#"), [1, 0]);
    assert_eq!([shelf.scan(&topic), shelf.scan(&other)], [[0], [1]]);
    assert_eq!([&topic, &other].map(|topic| shelf.remove(topic)), [Some(0), Some(1)]);
    assert_eq!(shelf.len(), (0, 0));
}

#[derive(Clone, Debug)]
enum Operation {
    Set(String),
    Remove(String),
    Start(String),
    Advance(usize, u32),
    Abandon(usize),
}

fn topic() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => Just(""), 3 => Just("a"), 3 => Just("b"), 1 => Just("$s")];
    prop::collection::vec(level, 1..6)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a Topic Name is not empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just(""), Just("a"), Just("$s"), Just("+"), Just("+")];
    let path = prop::collection::vec(level, 1..6).prop_map(|levels| levels.join("/"));
    (path, any::<bool>()).prop_map(|(path, multi_level)| match (path.as_str(), multi_level) {
        ("", false) => "#".into(),
        (_, true) => path + "/#",
        (_, false) => path,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => topic().prop_map(Operation::Set),
        3 => topic().prop_map(Operation::Remove),
        1 => filter().prop_map(Operation::Start),
        5 => (0..8usize, 0..6u32).prop_map(|(which, budget)| Operation::Advance(which, budget)),
        1 => (0..8usize).prop_map(Operation::Abandon),
    ]
}

/// A scan under way, with what it has to find, may find, and has found: topics by name.
struct Running {
    filter: String,
    scan: Scan,
    /// There from the start until now.
    throughout: BTreeSet<String>,
    /// There at some time since the start.
    ever: BTreeSet<String>,
    found: Vec<String>,
}

struct World {
    shelf: Shelf,
    model: BTreeMap<String, u32>,
    running: Vec<Running>,
    publications: Vec<String>,
}

impl World {
    fn apply(&mut self, operation: Operation) -> Result<(), TestCaseError> {
        match operation {
            Operation::Set(topic) => {
                let publication = u32::try_from(self.publications.len()).unwrap();
                self.publications.push(topic.clone());
                let replaced = self.shelf.set(&topic);
                for running in &mut self.running {
                    if TopicFilter::new(&running.filter).unwrap().matches(name(&topic)) {
                        running.ever.insert(topic.clone());
                    }
                }
                prop_assert_eq!(replaced, Ok(self.model.insert(topic, publication)));
            }
            Operation::Remove(topic) => {
                for running in &mut self.running {
                    running.throughout.remove(&topic);
                }
                prop_assert_eq!(self.shelf.remove(&topic), self.model.remove(&topic));
            }
            Operation::Start(filter) => {
                let parsed = TopicFilter::new(&filter).unwrap();
                let matching = self.model.keys().filter(|topic| parsed.matches(name(topic)));
                let throughout: BTreeSet<_> = matching.cloned().collect();
                let scan = self.shelf.start(&filter);
                let (ever, found) = (throughout.clone(), Vec::new());
                self.running.push(Running { filter, scan, throughout, ever, found });
            }
            Operation::Advance(which, budget) => self.advance(which, budget)?,
            Operation::Abandon(which) if which < self.running.len() => {
                self.shelf.retained.end(self.running.swap_remove(which).scan);
            }
            Operation::Abandon(_) => {}
        }
        prop_assert_eq!(self.shelf.retained.len() as usize, self.model.len());
        Ok(())
    }

    fn advance(&mut self, which: usize, mut budget: u32) -> Result<(), TestCaseError> {
        let Some(running) = self.running.get_mut(which) else { return Ok(()) };
        loop {
            match self.shelf.next(&mut running.scan, &mut budget) {
                Step::Budget => return Ok(()),
                Step::Found(publication) => {
                    let topic = &self.publications[publication as usize];
                    // What is found is what is retained now.
                    prop_assert_eq!(self.model.get(topic), Some(&publication));
                    running.found.push(topic.clone());
                }
                Step::Done => break,
            }
        }
        let Running { scan, throughout, ever, found, .. } = self.running.swap_remove(which);
        self.shelf.retained.end(scan);
        for topic in &throughout {
            prop_assert_eq!(found.iter().filter(|found| *found == topic).count(), 1);
        }
        prop_assert!(found.iter().all(|topic| ever.contains(topic)));
        Ok(())
    }
}

proptest! {
    #[test]
    fn scans_among_changes_find_what_stays_once(
        operations in prop::collection::vec(operation(), 0..300),
    ) {
        let mut world = World {
            shelf: Shelf::new(1000),
            model: BTreeMap::new(),
            running: Vec::new(),
            publications: Vec::new(),
        };
        for operation in operations {
            world.apply(operation)?;
        }
        for which in (0..world.running.len()).rev() {
            world.advance(which, u32::MAX)?;
        }
        for (topic, publication) in &world.model {
            prop_assert_eq!(world.shelf.get(topic), Some(*publication));
            prop_assert_eq!(world.shelf.remove(topic), Some(*publication));
        }
        prop_assert_eq!(world.shelf.len(), (0, 0));
    }
}
