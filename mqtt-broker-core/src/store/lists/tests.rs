use super::*;

type Small = Lists<u32, 3>;

fn filled(lists: &mut Small, values: impl IntoIterator<Item = u32>) -> List {
    let mut list = List::default();
    for value in values {
        lists.push(&mut list, value).unwrap();
    }
    list
}

fn all(lists: &Small, list: &List) -> alloc::vec::Vec<u32> {
    lists.iter(list).copied().collect()
}

#[test]
fn values_come_out_in_the_order_in_which_they_went_in() {
    let mut lists = Small::new(&Account::default());
    let (mut odd, mut even) = (List::default(), List::default());
    for value in 0..20 {
        let list = if value % 2 == 0 { &mut even } else { &mut odd };
        lists.push(list, value).unwrap();
    }
    assert_eq!((odd.len(), even.len()), (10, 10));
    assert_eq!(all(&lists, &even), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    for value in (1..20).step_by(2) {
        assert_eq!(lists.pop(&mut odd), Some(value));
    }
    assert_eq!(lists.pop(&mut odd), None);
    assert!(odd.is_empty());
    assert_eq!(lists.pop(&mut even), Some(0));
}

#[test]
fn the_front_is_taken_in_parts() {
    let mut lists = Small::new(&Account::default());
    let mut list = filled(&mut lists, 0..5);
    assert_eq!(lists.front(&list), [0, 1, 2]);
    lists.advance(&mut list, 2);
    assert_eq!(lists.front(&list), [2]);
    lists.advance(&mut list, 200);
    assert_eq!(lists.front(&list), [3, 4]);
    assert_eq!(list.len(), 2);
    *lists.newest_mut(&list).unwrap() = 9;
    lists.advance(&mut list, 1);
    assert_eq!(lists.pop(&mut list), Some(9));
    assert_eq!(lists.newest_mut(&list), None);
    assert!(lists.front(&list).is_empty());
}

#[test]
fn one_list_goes_to_the_end_of_another() {
    let mut lists = Small::new(&Account::default());
    let mut list = filled(&mut lists, 0..4);
    let more = filled(&mut lists, 10..14);
    lists.pop(&mut list);
    lists.append(&mut list, more);
    lists.append(&mut list, List::default());
    lists.push(&mut list, 20).unwrap();
    assert_eq!(all(&lists, &list), [1, 2, 3, 10, 11, 12, 13, 20]);
    assert_eq!(list.len(), 8);
    let mut empty = List::default();
    lists.append(&mut empty, list);
    assert_eq!(empty.len(), 8);
    assert_eq!(lists.pop(&mut empty), Some(1));
}

#[test]
fn many_values_go_in_as_one_by_one() {
    for (before, taken, more) in (0..8).flat_map(|before| {
        (0..=before).flat_map(move |taken| (0..12).map(move |more| (before, taken, more)))
    }) {
        let mut lists = Small::new(&Account::default());
        let mut list = filled(&mut lists, 0..before);
        for value in 0..taken {
            assert_eq!(lists.pop(&mut list), Some(value));
        }
        let values: alloc::vec::Vec<u32> = (before..before + more).collect();
        lists.extend(&mut list, &values).unwrap();
        assert!(all(&lists, &list).into_iter().eq(taken..before + more));
        assert_eq!(list.len(), before + more - taken);
        lists.push(&mut list, 99).unwrap();
        assert_eq!(lists.newest_mut(&list), Some(&mut 99));
        while lists.pop(&mut list).is_some() {}
        assert!(lists.blocks.is_empty() && list.is_empty());
    }
}

#[test]
fn of_many_values_all_go_in_or_none() {
    let account = Account::new(2048);
    let mut lists = Small::new(&account);
    let mut list = filled(&mut lists, [0]);
    while lists.extend(&mut list, &[1, 2, 3, 4, 5, 6, 7]).is_ok() {}
    let (len, blocks) = (list.len(), lists.blocks.len());
    assert_eq!(len % 7, 1);
    assert!(lists.extend(&mut list, &[1, 2, 3, 4, 5, 6, 7]).is_err());
    assert_eq!((list.len(), lists.blocks.len()), (len, blocks));
    assert_eq!(all(&lists, &list).len(), len as usize);
}

#[test]
fn what_is_not_kept_leaves_no_empty_block() {
    let mut lists = Small::new(&Account::default());
    let mut list = filled(&mut lists, 0..12);
    lists.pop(&mut list);
    lists.retain(&mut list, |value| *value == 1 || *value > 8);
    assert_eq!(all(&lists, &list), [1, 9, 10, 11]);
    assert_eq!(list.len(), 4);
    assert_eq!(lists.blocks.len(), 2);
    lists.push(&mut list, 12).unwrap();
    lists.retain(&mut list, |_| false);
    assert!(list.is_empty());
    assert_eq!((lists.blocks.len(), lists.pop(&mut list)), (0, None));
}

#[test]
fn blocks_are_used_again_and_given_back() {
    let account = Account::new(16 << 20);
    let mut lists = Small::new(&account);
    let mut list = filled(&mut lists, 0..300);
    let (held, blocks) = (account.held(), lists.blocks.len());
    assert_eq!(held, lists.bytes());
    for value in 0..3000 {
        lists.pop(&mut list);
        lists.push(&mut list, value).unwrap();
    }
    assert!(lists.blocks.len() <= blocks + 1);
    while lists.pop(&mut list).is_some() {}
    assert_eq!(lists.blocks.len(), 0);
    let mut list = filled(&mut lists, 0..300_000);
    let full = account.held();
    while lists.pop(&mut list).is_some() {}
    assert!(account.held() < full / 10, "{} of {full}", account.held());
}

#[test]
fn without_memory_a_list_stays_as_it_is() {
    let account = Account::new(2048);
    let mut lists = Small::new(&account);
    let mut list = List::default();
    let mut pushed = 0;
    while lists.push(&mut list, pushed).is_ok() {
        pushed += 1;
    }
    assert_eq!(list.len(), pushed);
    assert!(all(&lists, &list).into_iter().eq(0..pushed));
}

#[test]
fn room_that_was_made_is_there() {
    let mut lists = Small::new(&Account::default());
    let mut list = filled(&mut lists, 0..3);
    lists.reserve(&list).unwrap();
    let bytes = lists.bytes();
    lists.reserve(&list).unwrap();
    lists.push(&mut list, 3).unwrap();
    lists.reserve(&list).unwrap();
    lists.push(&mut list, 4).unwrap();
    assert_eq!(lists.bytes(), bytes);
    assert_eq!(all(&lists, &list), [0, 1, 2, 3, 4]);
}

#[test]
fn a_block_takes_nothing_beside_its_values_and_eight_bytes() {
    let account = Account::default();
    let mut lists = Lists::<[u32; 3], 10>::new(&account);
    let mut list = List::default();
    for value in 0..100_000 {
        lists.push(&mut list, [value; 3]).unwrap();
    }
    assert!(account.held() < 100_000 / 10 * 128 + (64 << 10) + 2048, "{}", account.held());
}
