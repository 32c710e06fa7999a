//! Whether the children of a node can be listed: [`Ordered`] if so, at eight bytes a node.

use crate::store::{Key, Slab};

use super::node::{Children, Node};

/// How a node knows its siblings, and what its parent knows of several.
pub(crate) trait Siblings: Default + Sized {
    /// What there is when `child` has joined `children`.
    fn link<V>(nodes: &mut Slab<Node<V, Self>>, children: Children, child: u32) -> Children;
    /// What is left of `children` without `child`.
    fn unlink<V>(nodes: &mut Slab<Node<V, Self>>, children: Children, child: u32) -> Children;
}

/// Children are looked up, never listed. Of several, their number is known.
#[derive(Default)]
pub(crate) struct Unordered;

impl Siblings for Unordered {
    fn link<V>(_: &mut Slab<Node<V, Self>>, children: Children, child: u32) -> Children {
        if children.is_empty() {
            return Children::one(child);
        }
        children.many(if children.only().is_some() { 2 } else { children.number() + 1 })
    }

    fn unlink<V>(_: &mut Slab<Node<V, Self>>, children: Children, _: u32) -> Children {
        let is_last = children.only().is_some() || children.number() <= 1;
        if is_last { Children::default() } else { children.many(children.number() - 1) }
    }
}

/// Children form a list, the youngest first: whoever walks it never meets a child born since. Of
/// several, the youngest is known.
#[derive(Default)]
pub(crate) struct Ordered {
    pub(super) next: Option<Key>,
    previous: Option<Key>,
}

impl Siblings for Ordered {
    fn link<V>(nodes: &mut Slab<Node<V, Self>>, children: Children, child: u32) -> Children {
        if children.is_empty() {
            return Children::one(child);
        }
        if let Some(node) = nodes.get_mut(child) {
            node.siblings.next = Some(Key::new(children.number()));
        }
        if let Some(after) = nodes.get_mut(children.number()) {
            after.siblings.previous = Some(Key::new(child));
        }
        children.many(child)
    }

    fn unlink<V>(nodes: &mut Slab<Node<V, Self>>, children: Children, child: u32) -> Children {
        let Some(node) = nodes.get(child) else { return children };
        let Self { next, previous } = node.siblings;
        if let Some(after) = next.and_then(|next| nodes.get_mut(next.get())) {
            after.siblings.previous = previous;
        }
        if let Some(before) = previous.and_then(|previous| nodes.get_mut(previous.get())) {
            before.siblings.next = next;
            return children;
        }
        next.map_or(Children::default(), |next| children.many(next.get()))
    }
}
