//! Whether the children of a node can be listed: [`Ordered`] if so, at twelve bytes a node.

use crate::store::{Key, Slab};

use super::node::Node;

/// How a node knows its siblings.
pub(crate) trait Siblings: Default + Sized {
    /// Makes `child` the first child of `parent`.
    fn link<V>(nodes: &mut Slab<Node<V, Self>>, parent: u32, child: u32);
    /// Takes `child` out of its parent's list.
    fn unlink<V>(nodes: &mut Slab<Node<V, Self>>, child: u32);
}

/// Children are looked up, never listed.
#[derive(Default)]
pub(crate) struct Unordered;

impl Siblings for Unordered {
    fn link<V>(_: &mut Slab<Node<V, Self>>, _: u32, _: u32) {}
    fn unlink<V>(_: &mut Slab<Node<V, Self>>, _: u32) {}
}

/// Children form a list, the youngest first: whoever walks it never meets a child born since.
#[derive(Default)]
pub(crate) struct Ordered {
    pub(super) first_child: Option<Key>,
    pub(super) next: Option<Key>,
    previous: Option<Key>,
}

impl Siblings for Ordered {
    fn link<V>(nodes: &mut Slab<Node<V, Self>>, parent: u32, child: u32) {
        let Some(above) = nodes.get_mut(parent) else { return };
        let next = above.siblings.first_child.replace(Key::new(child));
        if let Some(node) = nodes.get_mut(child) {
            node.siblings.next = next;
        }
        if let Some(after) = next.and_then(|next| nodes.get_mut(next.get())) {
            after.siblings.previous = Some(Key::new(child));
        }
    }

    fn unlink<V>(nodes: &mut Slab<Node<V, Self>>, child: u32) {
        let Some(node) = nodes.get(child) else { return };
        let (parent, next, previous) = (node.parent, node.siblings.next, node.siblings.previous);
        if let Some(after) = next.and_then(|next| nodes.get_mut(next.get())) {
            after.siblings.previous = previous;
        }
        match previous {
            Some(previous) => {
                if let Some(before) = nodes.get_mut(previous.get()) {
                    before.siblings.next = next;
                }
            }
            None => {
                if let Some(above) = nodes.get_mut(parent.get()) {
                    above.siblings.first_child = next;
                }
            }
        }
    }
}
