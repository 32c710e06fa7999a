//! Shared Subscriptions: groups of subscribers of which one gets each message.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use mqtt_codec::{QoS, TopicFilter};

use super::table::{Site, SiteList, Table};
use super::{Match, Subscriber, Subscriptions};
use crate::store::{Account, Full, Index, Key, Slab, boxed};
use crate::topic_tree::TopicTree;

/// How many members that are willing end the search for one that is ready: the first of so many in a
/// row is chosen although another might be ready.
const MEMBERS: usize = 1024;

/// A share group that matched; valid until a subscription is made or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupKey(u32);

impl GroupKey {
    pub(super) const fn new(key: u32) -> Self {
        Self(key)
    }

    pub(super) const fn get(self) -> u32 {
        self.0
    }
}

/// How well a member of a group can take a message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preference {
    /// It is connected.
    Ready,
    /// It would keep the message for later: its session is offline.
    Willing,
    /// It is offline, and would miss the message.
    Absent,
    /// It cannot take the message.
    Refused,
}

impl Subscriptions {
    /// The members of a group, the youngest first.
    #[cfg(test)]
    pub(crate) fn members(&self, group: GroupKey) -> impl Iterator<Item = Match> {
        let list = self.groups.slab.get(group.0).map(|group| group.members).unwrap_or_default();
        self.table.at_site(list).filter_map(|(_, member)| {
            let (subscriber, identifier) = (member.subscriber, member.identifier);
            Some(Match { subscriber, options: member.options?, identifier })
        })
    }

    /// What names a group for as long as it lasts, and nothing after; never 0.
    pub(crate) fn serial(&self, group: GroupKey) -> u32 {
        self.groups.slab.get(group.0).map_or(0, |group| group.serial)
    }

    /// The group of this serial, if it is still there.
    pub(crate) fn group(&self, serial: u32) -> Option<GroupKey> {
        self.groups.by_serial(serial).map(GroupKey)
    }

    /// The serial of the group that subscriptions with this filter are in; 0 if they are in none.
    pub(crate) fn group_of(&self, filter: TopicFilter<'_>) -> u32 {
        let group = self.site(filter).and_then(Site::as_group);
        group.map_or(0, |group| self.serial(GroupKey(group)))
    }

    /// Names a group as it was named before: for subscriptions that a journal tells of.
    pub(crate) fn name_group(&mut self, filter: TopicFilter<'_>, serial: u32) {
        if let Some(group) = self.site(filter).and_then(Site::as_group) {
            self.groups.rename(group, serial);
        }
    }

    /// The member whose turn it is: the next one that is ready, else the next one that is willing, else
    /// the next one that is absent. Each is asked with the highest QoS that it subscribed with.
    ///
    /// It asks each member at most once, and stops at the first that is ready or when it has found
    /// [`MEMBERS`] that are willing or absent.
    pub(crate) fn next_member(
        &mut self,
        group: GroupKey,
        mut accepts: impl FnMut(Subscriber, QoS) -> Preference,
    ) -> Option<Match> {
        let group = self.groups.slab.get_mut(group.0)?;
        let from_turn = core::iter::successors(group.turn, |key| self.table.get(key.get())?.next());
        let from_first = self.table.at_site(group.members).map(|(key, _)| Key::new(key));
        let until = group.turn;
        let around = from_turn.chain(from_first.take_while(|key| Some(*key) != until));
        let (mut willing, mut absent) = (None, None);
        let mut chosen = None;
        let mut able = 0;
        for key in around {
            let Some(member) = self.table.get(key.get()) else { continue };
            let maximum_qos = member.options.map_or(QoS::AtMostOnce, |options| options.maximum_qos);
            match accepts(member.subscriber, maximum_qos) {
                Preference::Ready => {
                    chosen = Some(member);
                    break;
                }
                Preference::Willing => {
                    willing = willing.or(Some(member));
                    able += 1;
                }
                Preference::Absent => {
                    absent = absent.or(Some(member));
                    able += 1;
                }
                Preference::Refused => {}
            }
            if able == MEMBERS {
                break;
            }
        }
        let member = chosen.or(willing).or(absent)?;
        group.turn = member.next();
        let (subscriber, identifier) = (member.subscriber, member.identifier);
        Some(Match { subscriber, options: member.options?, identifier })
    }
}

pub(super) struct Group {
    name: Box<[u8]>,
    /// The node of the filter after the Share Name.
    node: u32,
    /// The entry of the group in the list of that node.
    entry: u32,
    members: SiteList,
    serial: u32,
    /// The member to ask first; `None`: the first of the list.
    turn: Option<Key>,
}

/// The share groups: one for each Share Name and filter.
pub(super) struct Groups {
    pub(super) slab: Slab<Group>,
    /// Keyed by node and Share Name.
    pub(super) index: Index,
    serials: Index,
    seed: SharedSeed,
    /// The sum of the lengths of the names.
    pub(super) name_bytes: usize,
    account: Account,
    last_serial: u32,
}

impl Groups {
    pub(super) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        Self {
            slab: Slab::new(account, limit),
            index: Index::new(account),
            serials: Index::new(account),
            seed: SharedSeed::from_u64(seed),
            name_bytes: 0,
            account: account.clone(),
            last_serial: 0,
        }
    }

    pub(super) fn find(&self, node: u32, name: &[u8]) -> Option<u32> {
        self.index.find(hash(&self.seed, node, name), |key| {
            self.slab.get(key).is_some_and(|group| group.node == node && *group.name == *name)
        })
    }

    /// Makes a group that is not there yet, and enters it in the list of its node.
    pub(super) fn insert(
        &mut self,
        table: &mut Table,
        list: &mut SiteList,
        node: u32,
        name: &[u8],
    ) -> Result<u32, Full> {
        let bytes = name.len();
        let (name, members) = (boxed(name, &self.account)?, SiteList::default());
        self.last_serial = self.last_serial.checked_add(1).unwrap_or(1);
        let serial = self.last_serial;
        let key = self
            .slab
            .insert(Group { name, node, entry: 0, members, serial, turn: None })
            .inspect_err(|_| self.account.give(bytes))?;
        let entered = table.insert_group(list, node, key).and_then(|entry| {
            self.slab.get_mut(key).ok_or(Full)?.entry = entry;
            self.enter(key).inspect_err(|_| table.remove(list, None, entry))
        });
        if let Err(full) = entered {
            self.slab.remove(key);
            self.account.give(bytes);
            return Err(full);
        }
        self.name_bytes += bytes;
        Ok(key)
    }

    fn enter(&mut self, key: u32) -> Result<(), Full> {
        let hash_of = |key| hash_of(&self.slab, &self.seed, key);
        self.index.insert(hash_of(key), key, hash_of)?;
        let serial_of = |key| self.slab.get(key).map_or(0, |group| spread(group.serial));
        let entered = self.serials.insert(serial_of(key), key, serial_of);
        entered.inspect_err(|_| self.index.remove(hash_of(key), key))
    }

    /// Gives a group the serial it had before.
    fn rename(&mut self, key: u32, serial: u32) {
        let Some(group) = self.slab.get_mut(key) else { return };
        let before = core::mem::replace(&mut group.serial, serial);
        self.last_serial = self.last_serial.max(serial);
        self.serials.remove(spread(before), key);
        let serial_of = |key| self.slab.get(key).map_or(0, |group| spread(group.serial));
        // There is room: one was taken out.
        let _ = self.serials.insert(spread(serial), key, serial_of);
    }

    fn by_serial(&self, serial: u32) -> Option<u32> {
        let is_it = |key| self.slab.get(key).is_some_and(|group| group.serial == serial);
        self.serials.find(spread(serial), is_it)
    }

    /// Removes a group, and its entry in the list of its node.
    pub(super) fn remove(&mut self, table: &mut Table, list: &mut SiteList, key: u32) {
        let hash = hash_of(&self.slab, &self.seed, key);
        let Some(group) = self.slab.remove(key) else { return };
        table.remove(list, None, group.entry);
        self.index.remove(hash, key);
        self.serials.remove(spread(group.serial), key);
        self.name_bytes -= group.name.len();
        self.account.give(group.name.len());
    }

    /// The node of a group that has no member.
    pub(super) fn node_if_empty(&self, key: u32) -> Option<u32> {
        self.slab.get(key).filter(|group| group.members.first().is_none()).map(|group| group.node)
    }

    /// A member is about to leave: if it is its turn, it is the next one's.
    pub(super) fn pass_over(&mut self, table: &Table, key: u32, member: u32) {
        if let Some(group) = self.slab.get_mut(key) {
            if group.turn == Some(Key::new(member)) {
                group.turn = table.get(member).and_then(|member| member.next());
            }
        }
    }

    pub(super) fn site_list(&self, tree: &TopicTree<SiteList>, site: Site) -> Option<SiteList> {
        match site.as_group() {
            Some(group) => self.slab.get(group).map(|group| group.members),
            None => tree.value(site.index()).copied(),
        }
    }

    pub(super) fn site_list_mut<'a>(
        &'a mut self,
        tree: &'a mut TopicTree<SiteList>,
        site: Site,
    ) -> Option<&'a mut SiteList> {
        match site.as_group() {
            Some(group) => self.slab.get_mut(group).map(|group| &mut group.members),
            None => tree.value_mut(site.index()),
        }
    }

    /// Appends `$share/NAME/`, and answers the node of the filter that follows.
    pub(super) fn write_share(&self, key: u32, filter: &mut Vec<u8>) -> Option<u32> {
        let group = self.slab.get(key)?;
        filter.extend_from_slice(b"$share/");
        filter.extend_from_slice(&group.name);
        filter.push(b'/');
        Some(group.node)
    }

    pub(super) fn bytes(&self) -> usize {
        self.slab.bytes() + self.index.bytes() + self.serials.bytes() + self.name_bytes
    }
}

/// A hash of a serial: no stranger chooses it.
const fn spread(serial: u32) -> u64 {
    (serial as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn hash_of(slab: &Slab<Group>, seed: &SharedSeed, key: u32) -> u64 {
    slab.get(key).map_or(0, |group| hash(seed, group.node, &group.name))
}

fn hash(seed: &SharedSeed, node: u32, name: &[u8]) -> u64 {
    let mut hasher = FoldHasher::with_seed(0, seed);
    hasher.write_u32(node);
    hasher.write(name);
    hasher.finish()
}
