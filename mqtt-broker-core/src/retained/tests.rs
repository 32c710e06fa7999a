//! Tests of the retained messages: the rules of scanning, and a naive model.

use crate::store::Account;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_codec::{TopicFilter, TopicName};
use proptest::prelude::*;

use super::{Retained, Scan, Step};
use crate::store::Full;

fn name(topic: &str) -> TopicName<'_> {
    TopicName::new(topic).unwrap()
}

fn start(retained: &mut Retained, filter: &str) -> Scan {
    retained.scan(TopicFilter::new(filter).unwrap())
}

/// Goes on to the end of a scan, one unit of budget at a time.
fn finish(retained: &mut Retained, mut scan: Scan) -> Vec<u32> {
    let mut found = Vec::new();
    loop {
        match retained.next(&mut scan, &mut 1) {
            Step::Found(publication) => found.push(publication),
            Step::Budget => {}
            Step::Done => break,
        }
    }
    retained.end(scan);
    found
}

fn scan(retained: &mut Retained, filter: &str) -> Vec<u32> {
    let scan = start(retained, filter);
    finish(retained, scan)
}

/// A scan in ascending order of publication.
fn sorted(retained: &mut Retained, filter: &str) -> Vec<u32> {
    let mut found = scan(retained, filter);
    found.sort_unstable();
    found
}

fn filled(topics: &[&str]) -> Retained {
    let mut retained = Retained::new(&Account::default(), 3, 1000);
    for (publication, topic) in (0..).zip(topics) {
        assert_eq!(retained.set(name(topic), publication), Ok(None));
    }
    retained
}

//= [MQTT-3.3.1-5] type=test
#[test]
fn the_last_publication_of_a_topic_is_the_one_retained() {
    let mut retained = filled(&["a/b"]);
    assert_eq!(retained.set(name("a/b"), 5), Ok(Some(0)));
    assert_eq!((retained.get(name("a/b")), retained.len()), (Some(5), 1));
    assert_eq!(retained.get(name("a")), None);
    assert_eq!(retained.remove(name("a")), None);
    assert_eq!(retained.remove(name("a/b")), Some(5));
    assert_eq!(retained.remove(name("a/b")), None);
    assert_eq!((retained.len(), retained.tree.len()), (0, 0));
}

#[test]
fn full_changes_nothing() {
    let mut retained = Retained::new(&Account::default(), 3, 1);
    retained.set(name("a/b"), 1).unwrap();
    assert_eq!(retained.set(name("a/b/c"), 2), Err(Full));
    assert_eq!(retained.set(name("a"), 2), Err(Full));
    assert_eq!(retained.set(name("a/b"), 2), Ok(Some(1)));
    assert_eq!(retained.tree.len(), 2);
    let deep = "/".repeat(8);
    assert_eq!(retained.set(name(&deep), 2), Err(Full));
    assert_eq!((retained.len(), retained.tree.len()), (1, 2));
}

//= [MQTT-4.7.1-1] type=test
#[test]
fn the_multi_level_wildcard_finds_the_parent_and_all_below() {
    let mut retained = filled(&["a", "a/b", "a/b/c", "a/", "ab", "b/a"]);
    assert_eq!(sorted(&mut retained, "a/#"), [0, 1, 2, 3]);
    assert_eq!(sorted(&mut retained, "#"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(sorted(&mut retained, "a/b/c/#"), [2]);
    assert_eq!(sorted(&mut retained, "+/a/#"), [5]);
}

//= [MQTT-4.7.1-2] type=test
#[test]
fn the_single_level_wildcard_finds_one_level() {
    let mut retained = filled(&["a", "a/b", "a/c", "/a", "a/b/c", "d/b/c"]);
    assert_eq!(sorted(&mut retained, "+"), [0]);
    assert_eq!(sorted(&mut retained, "a/+"), [1, 2]);
    assert_eq!(sorted(&mut retained, "+/+"), [1, 2, 3]);
    assert_eq!(sorted(&mut retained, "+/b/+"), [4, 5]);
    assert_eq!(sorted(&mut retained, "/+"), [3]);
}

//= [MQTT-4.7.2-1] type=test
#[test]
fn a_leading_wildcard_does_not_find_system_topics() {
    let mut retained = filled(&["$SYS/a", "$", "a/$SYS", "b"]);
    assert_eq!(sorted(&mut retained, "#"), [2, 3]);
    assert_eq!(sorted(&mut retained, "+"), [3]);
    assert_eq!(sorted(&mut retained, "+/#"), [2, 3]);
    assert_eq!(sorted(&mut retained, "+/a"), [0; 0]);
    assert_eq!(sorted(&mut retained, "$SYS/#"), [0]);
    assert_eq!(sorted(&mut retained, "$SYS/+"), [0]);
    assert_eq!(sorted(&mut retained, "+/$SYS"), [2]);
}

//= [MQTT-4.7.3-4] type=test
#[test]
fn nothing_is_normalised() {
    let mut retained = filled(&["a//b", "a/b", "/", "A/b"]);
    assert_eq!(scan(&mut retained, "a//b"), [0]);
    assert_eq!(scan(&mut retained, "/"), [2]);
    assert_eq!(scan(&mut retained, "a/b"), [1]);
}

#[test]
fn a_shared_filter_scans_the_filter_after_the_share_name() {
    let mut retained = filled(&["a/b", "$share/g/a/b"]);
    assert_eq!(scan(&mut retained, "$share/g/a/+"), [0]);
}

#[test]
fn the_order_is_youngest_level_first_and_parents_before_children() {
    let mut retained = filled(&["a/x", "a", "b", "a/y"]);
    assert_eq!(scan(&mut retained, "#"), [2, 1, 3, 0]);
}

#[test]
fn the_budget_bounds_the_nodes_visited_and_is_only_used_up_as_needed() {
    let topics: Vec<_> = (0..50).map(|index| format!("a/{index}/x")).collect();
    let mut retained = filled(&topics.iter().map(String::as_str).collect::<Vec<_>>());
    let mut scan = start(&mut retained, "a/+/y");
    assert_eq!(retained.next(&mut scan, &mut 0), Step::Budget);
    assert_eq!(retained.next(&mut scan, &mut 20), Step::Budget);
    let mut budget = 1000;
    assert_eq!(retained.next(&mut scan, &mut budget), Step::Done);
    assert!(budget > 800, "{budget}");
    let before = budget;
    assert_eq!(retained.next(&mut scan, &mut budget), Step::Done);
    assert_eq!(budget, before);
    retained.end(scan);
}

#[test]
fn a_scan_goes_on_from_a_node_whose_message_was_removed() {
    let mut retained = filled(&["a/1", "a/2", "a/3", "b"]);
    let mut scan = start(&mut retained, "a/+");
    assert_eq!(retained.next(&mut scan, &mut 100), Step::Found(2));
    assert_eq!(retained.remove(name("a/3")), Some(2));
    assert_eq!(retained.remove(name("a/2")), Some(1));
    retained.set(name("a/4"), 9).unwrap();
    assert_eq!(finish(&mut retained, scan), [0]);
    assert_eq!(retained.tree.len(), 4);
}

#[test]
fn an_abandoned_scan_keeps_nothing_once_ended() {
    let mut retained = filled(&["a/b/c/d"]);
    let mut scan = start(&mut retained, "#");
    assert_eq!(retained.next(&mut scan, &mut 100), Step::Found(0));
    retained.remove(name("a/b/c/d"));
    assert_eq!(retained.tree.len(), 4);
    retained.end(scan);
    assert_eq!(retained.tree.len(), 0);
}

#[test]
fn the_deepest_topic_needs_no_stack() {
    let mut retained = Retained::new(&Account::default(), 3, 20_000);
    let topic = "/".repeat(65_535);
    retained.set(name(&topic), 1).unwrap();
    assert_eq!(scan(&mut retained, "#"), [1]);
    assert_eq!(scan(&mut retained, &topic), [1]);
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
    prop::collection::vec(level, 1..4)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a Topic Name is not empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just(""), Just("a"), Just("$s"), Just("+"), Just("+")];
    let path = prop::collection::vec(level, 1..4).prop_map(|levels| levels.join("/"));
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
    retained: Retained,
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
                let replaced = self.retained.set(name(&topic), publication);
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
                prop_assert_eq!(self.retained.remove(name(&topic)), self.model.remove(&topic));
            }
            Operation::Start(filter) => {
                let parsed = TopicFilter::new(&filter).unwrap();
                let matching = self.model.keys().filter(|topic| parsed.matches(name(topic)));
                let throughout: BTreeSet<_> = matching.cloned().collect();
                let scan = self.retained.scan(parsed);
                let (ever, found) = (throughout.clone(), Vec::new());
                self.running.push(Running { filter, scan, throughout, ever, found });
            }
            Operation::Advance(which, budget) => self.advance(which, budget)?,
            Operation::Abandon(which) if which < self.running.len() => {
                self.retained.end(self.running.swap_remove(which).scan);
            }
            Operation::Abandon(_) => {}
        }
        prop_assert_eq!(self.retained.len() as usize, self.model.len());
        Ok(())
    }

    fn advance(&mut self, which: usize, mut budget: u32) -> Result<(), TestCaseError> {
        let Some(running) = self.running.get_mut(which) else { return Ok(()) };
        loop {
            match self.retained.next(&mut running.scan, &mut budget) {
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
        self.retained.end(scan);
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
            retained: Retained::new(&Account::default(), 3, 1000),
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
            prop_assert_eq!(world.retained.get(name(topic)), Some(*publication));
            prop_assert_eq!(world.retained.remove(name(topic)), Some(*publication));
        }
        prop_assert_eq!(world.retained.tree.len(), 0);
    }
}
