use alloc::{format, vec};

use super::{CLEARED, CLEARED_BYTES, Stamp, Stamps};
use crate::boundary::Shard;
use crate::store::Account;
use crate::time::Instant;

#[test]
fn a_change_is_later_than_all_that_was_seen_and_no_earlier_than_the_time() {
    let mut stamps = Stamps::new(&Account::default(), 1);
    let first = stamps.next(Instant(10), Shard(1));
    assert_eq!(first, Stamp { count: 10, shard: Shard(1) });
    stamps.set(b"a", Stamp { count: 100, shard: Shard(0) }, false).unwrap();
    assert_eq!(stamps.next(Instant(20), Shard(1)).count, 101);
    assert_eq!(stamps.get(b"a").count, 100);
    assert_eq!(stamps.get(b"b"), Stamp::default());
}

#[test]
fn the_topics_cleared_first_are_forgotten_and_no_others() {
    let account = Account::default();
    let mut stamps = Stamps::new(&account, 1);
    let at = |count| Stamp { count, shard: Shard(0) };
    stamps.set(b"kept", at(1), true).unwrap();
    stamps.set(b"kept", at(2), false).unwrap();
    stamps.set(b"gone", at(3), true).unwrap();
    for number in 0..CLEARED as u64 {
        stamps.set(format!("{number}").as_bytes(), at(number + 4), true).unwrap();
    }
    assert_eq!(stamps.get(b"kept"), at(2));
    assert_eq!(stamps.get(b"gone"), Stamp::default());
    assert_eq!(stamps.get(b"0"), at(4));
}

#[test]
fn topics_that_were_cleared_are_bounded_in_bytes() {
    let account = Account::default();
    let mut stamps = Stamps::new(&account, 1);
    let stamp = Stamp { count: 1, shard: Shard(0) };
    let before = account.held();
    for number in 0u32..1000 {
        let mut topic = vec![b'x'; usize::from(u16::MAX)];
        topic[..4].copy_from_slice(&number.to_be_bytes());
        stamps.set(&topic, stamp, true).unwrap();
    }
    assert!(account.held() - before < CLEARED_BYTES + (64 << 10), "{}", account.held());
    assert_eq!(stamps.get(b"x"), Stamp::default());
}
