use super::*;

const NOW: Instant = Instant::from_secs(1);

fn account(most: usize) -> Rc<Account> {
    Rc::new(Account::new(most))
}

#[test]
fn what_is_kept_is_counted_while_it_is_there() {
    let account = account(1 << 20);
    let mut kept = Kept::default();
    assert_eq!(kept.append(&account, NOW, &[1; 100], 1000), Fit::Within);
    assert_eq!(account.buffers().bytes, 200, "room is doubled");
    assert_eq!(kept.append(&account, NOW, &[2; 500], 1000), Fit::Within);
    assert_eq!(account.buffers().bytes, 1000, "never beyond what the packet needs");
    assert_eq!(kept.get(), ([[1; 100].as_slice(), &[2; 500]].concat().as_slice(), 1000));
    kept.consume(NOW, 100, 900);
    assert_eq!(kept.get(), ([2; 500].as_slice(), 900));
    kept.consume(NOW, 500, 0);
    assert_eq!(account.buffers().bytes, 0);
    assert_eq!(kept.append(&account, NOW, &[3; 10], 0), Fit::Within);
    drop(kept);
    assert_eq!(account.buffers().bytes, 0);
}

#[test]
fn the_room_of_a_large_packet_is_given_back_before_its_connection_is_idle() {
    let account = account(1 << 20);
    let mut kept = Kept::default();
    assert_eq!(kept.append(&account, NOW, &[1; 100_000], 100_000), Fit::Within);
    assert_eq!(kept.replace(&account, NOW, &[2; 5], 60_000), Fit::Within);
    assert_eq!(account.buffers().bytes, 100_000, "another one that is large needs it");
    assert_eq!(kept.replace(&account, NOW, &[3; 5], 20), Fit::Within);
    assert_eq!((kept.get(), account.buffers().bytes), (([3; 5].as_slice(), 20), 20));
    assert_eq!(kept.append(&account, NOW, &[4; 100_000], 0), Fit::Within);
    kept.consume(NOW, 100_000, 7);
    assert_eq!((kept.get(), account.buffers().bytes), (([4; 5].as_slice(), 7), 7));
}

#[test]
fn without_room_to_double_there_may_be_room_for_what_came() {
    let account = account(20_000);
    let mut kept = Kept::default();
    assert_eq!(kept.append(&account, NOW, &[0; 15_000], 100_000), Fit::Within);
    assert_eq!(account.buffers().bytes, 15_000);
    assert_eq!(kept.append(&account, NOW, &[0; 5_000], 100_000), Fit::Within);
    assert_eq!(account.buffers().bytes, 20_000);
}

#[test]
fn without_room_it_is_held_until_somebody_gives_way() {
    let account = account(20_000);
    let (mut first, mut second) = (Kept::default(), Kept::default());
    assert_eq!(first.append(&account, NOW, &[0; 15_000], 15_001), Fit::Within);
    assert_eq!(second.append(&account, NOW, &[0; 5_001], 100_000), Fit::Beyond);
    assert_eq!((second.get().0.len(), account.is_beyond()), (5_001, true));
    first.clear();
    assert!(!account.is_beyond());

    let mut unsent = Unsent::default();
    assert_eq!(unsent.put(&account, &[0; 9_998], b"xx"), Fit::Beyond, "three quarters");
    assert_eq!((unsent.get().len(), account.is_beyond()), (10_000, true));
    drop(second);
    assert!(!account.is_beyond());
}

#[test]
fn it_is_known_how_long_more_than_a_little_has_not_moved() {
    let account = account(1 << 20);
    let at = Instant::from_secs;
    let mut kept = Kept::default();
    assert_eq!(kept.append(&account, at(1), &[0; LITTLE], LITTLE), Fit::Within);
    assert_eq!(kept.unmoved_since(), None, "everybody may keep as much");
    assert_eq!(kept.append(&account, at(2), &[0; 10_000], 30_000), Fit::Within);
    assert_eq!(kept.unmoved_since(), Some(at(2)));
    assert_eq!(kept.append(&account, at(3), &[0], 30_000), Fit::Within);
    assert_eq!(kept.unmoved_since(), Some(at(3)));
    kept.consume(at(4), 100, 30_000);
    assert_eq!(kept.unmoved_since(), Some(at(4)));
    assert_eq!(kept.replace(&account, at(5), &[0; 20], 30_000), Fit::Within);
    assert_eq!(kept.unmoved_since(), Some(at(5)));
    kept.clear();
    assert_eq!(kept.unmoved_since(), None);
}

#[test]
fn what_is_not_sent_is_counted_until_all_of_it_is() {
    let account = account(20_000);
    let mut unsent = Unsent::default();
    assert_eq!(unsent.put(&account, b"abc", b"def"), Fit::Within);
    unsent.sent(4);
    assert_eq!((unsent.get(), account.buffers().bytes), (b"ef".as_slice(), 6));
    unsent.clear();
    assert!(unsent.is_empty());
    assert_eq!(account.buffers().bytes, 0);
}
