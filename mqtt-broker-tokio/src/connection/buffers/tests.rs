use super::*;

fn account(most: usize) -> Rc<Account> {
    Rc::new(Account::new(most))
}

#[test]
fn what_is_kept_is_counted_while_it_is_there() {
    let account = account(1 << 20);
    let mut kept = Kept::default();
    kept.append(&account, &[1; 100], 1000).unwrap();
    assert_eq!(account.buffers().bytes, 200, "room is doubled");
    kept.append(&account, &[2; 500], 1000).unwrap();
    assert_eq!(account.buffers().bytes, 1000, "never beyond what the packet needs");
    assert_eq!(kept.get(), ([[1; 100].as_slice(), &[2; 500]].concat().as_slice(), 1000));
    kept.consume(100, 900);
    assert_eq!(kept.get(), ([2; 500].as_slice(), 900));
    kept.consume(500, 0);
    assert_eq!(account.buffers().bytes, 0);
    kept.append(&account, &[3; 10], 0).unwrap();
    drop(kept);
    assert_eq!(account.buffers().bytes, 0);
}

#[test]
fn the_room_of_a_large_packet_is_given_back_before_its_connection_is_idle() {
    let account = account(1 << 20);
    let mut kept = Kept::default();
    kept.append(&account, &[1; 100_000], 100_000).unwrap();
    kept.replace(&account, &[2; 5], 60_000).unwrap();
    assert_eq!(account.buffers().bytes, 100_000, "another one that is large needs it");
    kept.replace(&account, &[3; 5], 20).unwrap();
    assert_eq!((kept.get(), account.buffers().bytes), (([3; 5].as_slice(), 20), 20));
    kept.append(&account, &[4; 100_000], 0).unwrap();
    kept.consume(100_000, 7);
    assert_eq!((kept.get(), account.buffers().bytes), (([4; 5].as_slice(), 7), 7));
}

#[test]
fn without_room_to_double_there_may_be_room_for_what_came() {
    let account = account(20_000);
    let mut kept = Kept::default();
    kept.append(&account, &[0; 15_000], 100_000).unwrap();
    assert_eq!(account.buffers().bytes, 15_000);
    kept.append(&account, &[0; 5_000], 100_000).unwrap();
    kept.append(&account, &[0; 1], 100_000).unwrap_err();
    assert_eq!(account.buffers().bytes, 20_000);
}

#[test]
fn what_is_not_sent_is_counted_until_all_of_it_is() {
    let account = account(20_000);
    let mut unsent = Unsent::default();
    unsent.put(&account, b"abc", b"def").unwrap();
    unsent.sent(4);
    assert_eq!((unsent.get(), account.buffers().bytes), (b"ef".as_slice(), 6));
    unsent.clear();
    assert!(unsent.is_empty());
    assert_eq!(account.buffers().bytes, 0);
    unsent.put(&account, &[0; 20_000], b"x").unwrap_err();
    assert!(unsent.is_empty());
    assert_eq!(account.buffers().bytes, 0);
}
