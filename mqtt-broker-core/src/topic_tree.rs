//! [`TopicTree`]: values filed under the levels of Topic Names or Topic Filters.

mod level;
mod levels;
mod node;
mod siblings;

use alloc::vec::Vec;

use foldhash::SharedSeed;
use smallvec::SmallVec;

use crate::store::{Account, Full, Index, Key, Slab};
pub(crate) use level::Level;
use level::Texts;
pub(crate) use levels::{Levels, levels};
use node::Children;
pub(crate) use node::Node;
pub(crate) use siblings::{Ordered, Siblings, Unordered};

/// A tree with one node for each distinct path of topic levels, and a `V` on each node.
///
/// A node lives as long as it has a value or a child. An only child is found through its parent
/// alone, any other through an index keyed by parent and level text, so a lookup costs the same
/// whatever the number of children. With `S` = [`Ordered`] children can also be listed.
///
/// The hash is seeded: the texts are a stranger's data.
pub(crate) struct TopicTree<V, S = Unordered> {
    nodes: Slab<Node<V, S>>,
    texts: Texts,
    /// The nodes that have siblings, or had some since their parent last had no child.
    index: Index,
    seed: SharedSeed,
}

/// What a [`TopicTree`] files.
pub(crate) trait Filed: Default {
    /// A node whose value is vacant, and that has no children, is removed.
    fn is_vacant(&self) -> bool;
}

/// The node above the first level. It is always there and its value is not used.
pub(crate) const ROOT: u32 = 0;

impl<V: Filed, S: Siblings> TopicTree<V, S> {
    /// An empty tree of at most `limit` nodes (and never more than [`Children::MAXIMUM`]).
    pub(crate) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        let limit = limit.min(Children::MAXIMUM);
        let mut nodes = Slab::new(account, limit.saturating_add(1));
        // The first key of a slab is 0, `ROOT`.
        let _ = nodes.insert(Node::new(ROOT, Level::new(&[]).text()));
        Self {
            nodes,
            texts: Texts::new(account, limit),
            index: Index::new(account),
            seed: SharedSeed::from_u64(seed),
        }
    }

    /// The node of `path`.
    pub(crate) fn find(&self, path: Levels<'_>) -> Option<u32> {
        let mut key = ROOT;
        for level in path {
            key = self.child(key, self.nodes.get(key)?, &level)?;
        }
        Some(key)
    }

    /// The node of `path`, made if need be; [`TopicTree::prune`] it if no value is put there.
    ///
    /// # Errors
    ///
    /// [`Full`] at the limit of nodes; nothing is changed.
    pub(crate) fn insert(&mut self, path: Levels<'_>) -> Result<u32, Full> {
        let mut key = ROOT;
        for level in path {
            let node = self.nodes.get(key).ok_or(Full)?;
            key = match self.child(key, node, &level) {
                Some(child) => child,
                None => match self.add(key, &level) {
                    Ok(child) => child,
                    Err(full) => {
                        self.prune(key);
                        return Err(full);
                    }
                },
            };
        }
        Ok(key)
    }

    /// A new child of the node `parent`, which has none with the text of `level`;
    /// [`TopicTree::prune`] it if no value is put there.
    ///
    /// # Errors
    ///
    /// [`Full`] at the limit of nodes; nothing is changed.
    pub(crate) fn add(&mut self, parent: u32, level: &Level<'_>) -> Result<u32, Full> {
        let siblings = self.nodes.get(parent).ok_or(Full)?.children;
        let text = self.texts.store(level)?;
        let Ok(key) = self.nodes.insert(Node::new(parent, text)) else {
            self.texts.remove(&text);
            return Err(Full);
        };
        if let Err(full) = self.enter_siblings(siblings, key) {
            self.nodes.remove(key);
            self.texts.remove(&text);
            return Err(full);
        }
        let children = S::link(&mut self.nodes, siblings, key).with(text);
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children = children;
        }
        Ok(key)
    }

    /// Removes the node, if it has neither value nor child, and then its ancestors likewise.
    pub(crate) fn prune(&mut self, key: u32) {
        let mut key = key;
        while key != ROOT {
            match self.nodes.get(key) {
                Some(node) if node.children.is_empty() && node.value.is_vacant() => {}
                _ => return,
            }
            match self.remove(key) {
                Some(parent) => key = parent,
                None => return,
            }
        }
    }

    #[inline]
    pub(crate) fn node(&self, key: u32) -> Option<&Node<V, S>> {
        self.nodes.get(key)
    }

    pub(crate) fn value(&self, key: u32) -> Option<&V> {
        self.nodes.get(key).map(|node| &node.value)
    }

    /// What is filed, in the order of the nodes' keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.nodes.from(ROOT).map(|(_, node)| &node.value)
    }

    pub(crate) fn value_mut(&mut self, key: u32) -> Option<&mut V> {
        self.nodes.get_mut(key).map(|node| &mut node.value)
    }

    /// The child of the node `key`, which is `node`, that has the text of `level`.
    #[inline]
    pub(crate) fn child(&self, key: u32, node: &Node<V, S>, level: &Level<'_>) -> Option<u32> {
        match node.children.only() {
            Some(child) => self.has_text(child, level).then_some(child),
            None if node.children.is_empty() => None,
            None => self.indexed_child(key, level),
        }
    }

    /// The child of the node `key` with that text, if it is in the index.
    #[inline(never)]
    fn indexed_child(&self, key: u32, level: &Level<'_>) -> Option<u32> {
        self.index.find(level.hash(&self.seed, key), |child| {
            self.nodes.get(child).is_some_and(|child| {
                child.parent.get() == key && self.texts.matches(&child.text, level)
            })
        })
    }

    /// The child of the node `key`, which is `node`, for the filter level `+`.
    #[inline]
    pub(crate) fn single_level_child(&self, key: u32, node: &Node<V, S>) -> Option<u32> {
        if node.children.has_single_level() { self.child(key, node, &Level::SINGLE) } else { None }
    }

    /// The child of the node `key`, which is `node`, for the filter level `#`.
    #[inline]
    pub(crate) fn multi_level_child(&self, key: u32, node: &Node<V, S>) -> Option<u32> {
        if node.children.has_multi_level() { self.child(key, node, &Level::MULTI) } else { None }
    }

    /// Appends the path of the node to `path`, with a slash between levels.
    pub(crate) fn write_path(&self, key: u32, path: &mut Vec<u8>) {
        let mut ascent: SmallVec<[&Node<V, S>; 16]> = SmallVec::new();
        let mut key = key;
        while let Some(node) = self.nodes.get(key).filter(|_| key != ROOT) {
            ascent.push(node);
            key = node.parent.get();
        }
        for (depth, node) in ascent.iter().rev().enumerate() {
            if depth > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(self.texts.bytes_of(&node.text));
        }
    }

    /// How many nodes there are besides the root.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> u32 {
        self.nodes.len().saturating_sub(1)
    }

    /// The heap memory held, in bytes, without what the values hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.bytes() + self.texts.bytes() + self.index.bytes()
    }

    #[inline]
    fn has_text(&self, key: u32, level: &Level<'_>) -> bool {
        self.nodes.get(key).is_some_and(|node| self.texts.matches(&node.text, level))
    }

    /// Puts a new node into the index if it has siblings, and its only sibling too.
    fn enter_siblings(&mut self, siblings: Children, key: u32) -> Result<(), Full> {
        if siblings.is_empty() {
            return Ok(());
        }
        let Some(only) = siblings.only() else {
            return self.enter(key);
        };
        self.enter(only)?;
        let entered = self.enter(key);
        if entered.is_err() {
            self.index.remove(hash_of(&self.nodes, &self.texts, &self.seed, only), only);
        }
        entered
    }

    fn enter(&mut self, key: u32) -> Result<(), Full> {
        let hash_of = |key| hash_of(&self.nodes, &self.texts, &self.seed, key);
        self.index.insert(hash_of(key), key, hash_of)
    }

    /// Removes a node that has no children, and answers its parent.
    fn remove(&mut self, key: u32) -> Option<u32> {
        let parent = self.nodes.get(key)?.parent.get();
        let hash = hash_of(&self.nodes, &self.texts, &self.seed, key);
        let siblings = self.nodes.get(parent)?.children;
        if siblings.only().is_none() {
            self.index.remove(hash, key);
        }
        let left = S::unlink(&mut self.nodes, siblings, key);
        let Node { text, .. } = self.nodes.remove(key)?;
        self.texts.remove(&text);
        self.nodes.get_mut(parent)?.children = left.without(text);
        Some(parent)
    }
}

impl<V: Filed> TopicTree<V, Ordered> {
    /// The youngest child of a node.
    pub(crate) fn first_child(&self, key: u32) -> Option<u32> {
        let children = self.nodes.get(key)?.children;
        (!children.is_empty()).then_some(children.number())
    }

    /// The child of the same parent that is next in age.
    pub(crate) fn next_sibling(&self, key: u32) -> Option<u32> {
        self.nodes.get(key)?.siblings.next.map(Key::get)
    }

    pub(crate) fn parent(&self, key: u32) -> Option<u32> {
        self.nodes.get(key).map(|node| node.parent.get())
    }

    /// Whether the text of the node starts with `$`.
    pub(crate) fn is_system(&self, key: u32) -> bool {
        self.nodes.get(key).is_some_and(|node| self.texts.bytes_of(&node.text).starts_with(b"$"))
    }
}

fn hash_of<V, S>(nodes: &Slab<Node<V, S>>, texts: &Texts, seed: &SharedSeed, key: u32) -> u64 {
    nodes.get(key).map_or(0, |node| texts.hash(&node.text, seed, node.parent.get()))
}

#[cfg(test)]
mod tests;
