//! Tests of the tree: against a map of paths, and its layout.

use crate::store::Account;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;

use super::node::Node;
use super::{Filed, Ordered, ROOT, TopicTree, Unordered, levels};
use crate::store::{Full, Key};

#[derive(Default)]
struct Value(Option<Key>);

impl Filed for Value {
    fn is_vacant(&self) -> bool {
        self.0.is_none()
    }
}

fn tree(limit: u32) -> TopicTree<Value, Ordered> {
    TopicTree::new(&Account::default(), 1, limit)
}

fn put(tree: &mut TopicTree<Value, Ordered>, path: &[u8], value: u32) -> Result<u32, Full> {
    let key = tree.insert(levels(path))?;
    tree.value_mut(key).unwrap().0 = Some(Key::new(value));
    Ok(key)
}

fn take(tree: &mut TopicTree<Value, Ordered>, path: &[u8]) -> Option<u32> {
    let key = tree.find(levels(path))?;
    let value = tree.value_mut(key)?.0.take();
    tree.prune(key);
    value.map(Key::get)
}

fn find(tree: &TopicTree<Value, Ordered>, path: &[u8]) -> Option<u32> {
    tree.value(tree.find(levels(path))?)?.0.map(Key::get)
}

fn path_of(tree: &TopicTree<Value, Ordered>, key: u32) -> Vec<u8> {
    let mut path = Vec::new();
    tree.write_path(key, &mut path);
    path
}

#[test]
fn a_node_is_28_bytes() {
    assert_eq!(size_of::<Option<Node<Value, Unordered>>>(), 28);
    assert_eq!(size_of::<Option<Node<Value, Ordered>>>(), 36);
}

//= [MQTT-4.7.3-4] type=test
#[test]
fn an_empty_level_is_a_level() {
    let mut tree = tree(100);
    for (value, path) in (0u32..).zip(["a", "/a", "a/", "/", "//", "a//b"]) {
        put(&mut tree, path.as_bytes(), value).unwrap();
    }
    assert_eq!(find(&tree, b"/"), Some(3));
    assert_eq!(find(&tree, b"//"), Some(4));
    assert_eq!(find(&tree, b"a/b"), None);
    assert_eq!(find(&tree, b"a//b"), Some(5));
    assert_eq!(find(&tree, b""), None);
}

//= [MQTT-4.7.3-4] type=test
#[test]
fn levels_are_compared_byte_for_byte() {
    let mut tree = tree(100);
    put(&mut tree, b"ACCOUNTS", 1).unwrap();
    put(&mut tree, "\u{e9}".as_bytes(), 2).unwrap();
    assert_eq!(find(&tree, b"Accounts"), None);
    assert_eq!(find(&tree, "e\u{301}".as_bytes()), None);
}

#[test]
fn the_root_is_not_its_own_child() {
    let mut tree = tree(100);
    for path in ["a", "b", "c"] {
        put(&mut tree, path.as_bytes(), 0).unwrap();
    }
    assert_eq!(tree.find(levels(b"")), None);
    assert_eq!(tree.find(levels(b"/")), None);
    assert_ne!(put(&mut tree, b"", 1), Ok(ROOT));
}

#[test]
fn long_texts_are_told_apart_and_freed() {
    let mut tree = tree(100);
    let texts: Vec<_> = (12..20).map(|len| vec![b'x'; len]).collect();
    for (value, text) in (0..).zip(&texts) {
        let key = put(&mut tree, text, value).unwrap();
        assert_eq!(path_of(&tree, key), *text);
    }
    for (value, text) in (0..).zip(&texts) {
        assert_eq!(find(&tree, text), Some(value));
        assert_eq!(take(&mut tree, text), Some(value));
    }
    assert_eq!((tree.len(), tree.texts.bytes), (0, 0));
    assert_eq!(tree.index.len(), 0);
}

#[test]
fn a_full_tree_refuses_and_stays_as_it_was() {
    let mut tree = tree(3);
    put(&mut tree, b"a/b", 1).unwrap();
    assert_eq!(put(&mut tree, b"a/c/d", 2), Err(Full));
    assert_eq!(tree.len(), 2);
    put(&mut tree, b"a/c", 3).unwrap();
    assert_eq!(put(&mut tree, b"e", 4), Err(Full));
    assert_eq!(find(&tree, b"a/b"), Some(1));
    assert_eq!(find(&tree, b"a/c"), Some(3));
}

#[test]
fn the_deepest_path_needs_no_stack() {
    let mut tree = tree(70_000);
    let path = vec![b'/'; 65_535];
    let key = put(&mut tree, &path, 1).unwrap();
    assert_eq!(tree.len(), 65_536);
    assert_eq!(path_of(&tree, key), path);
    assert_eq!(take(&mut tree, &path), Some(1));
    assert_eq!(tree.len(), 0);
}

#[test]
fn children_are_listed_youngest_first() {
    let mut tree = tree(100);
    for path in ["r/a", "r/b", "r/c", "r/d"] {
        put(&mut tree, path.as_bytes(), 0).unwrap();
    }
    take(&mut tree, b"r/c");
    let parent = tree.find(levels(b"r")).unwrap();
    let mut paths = Vec::new();
    let mut child = tree.first_child(parent);
    while let Some(key) = child {
        paths.push(path_of(&tree, key));
        child = tree.next_sibling(key);
    }
    assert_eq!(paths, [b"r/d", b"r/b", b"r/a"]);
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let level = prop_oneof!["", "a", "b", "\\+", "#", "sixteen-letters!", "sixteen-letters\\?"];
    prop::collection::vec(level, 1..5).prop_map(|levels| levels.join("/").into_bytes())
}

proptest! {
    #[test]
    fn behaves_like_a_map_of_paths(
        operations in prop::collection::vec((any::<bool>(), path()), 0..50),
    ) {
        let mut tree = tree(1000);
        let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        for (value, (insert, path)) in (0..).zip(operations) {
            if insert {
                let key = put(&mut tree, &path, value).unwrap();
                prop_assert_eq!(path_of(&tree, key), path.clone());
                model.insert(path, value);
            } else {
                prop_assert_eq!(take(&mut tree, &path), model.remove(&path));
            }
            let prefixes: BTreeSet<&[u8]> = model
                .keys()
                .flat_map(|path| {
                    let ends = (0..path.len()).filter(|at| path[*at] == b'/').chain([path.len()]);
                    ends.map(|end| &path[..end])
                })
                .collect();
            prop_assert_eq!(tree.len() as usize, prefixes.len());
            for (path, value) in &model {
                prop_assert_eq!(find(&tree, path), Some(*value));
            }
            for parent in prefixes {
                let key = tree.find(levels(parent)).unwrap();
                let node = tree.node(key).unwrap();
                for (text, child) in [
                    ("+", tree.single_level_child(key, node)),
                    ("#", tree.multi_level_child(key, node)),
                ] {
                    let path = format!("{}/{text}", core::str::from_utf8(parent).unwrap());
                    prop_assert_eq!(child, tree.find(levels(path.as_bytes())));
                }
            }
        }
        for path in model.keys() {
            prop_assert!(take(&mut tree, path).is_some());
        }
        prop_assert_eq!(tree.first_child(ROOT), None);
        prop_assert_eq!(tree.index.len(), 0);
        prop_assert_eq!(tree.texts.bytes, 0);
    }
}
