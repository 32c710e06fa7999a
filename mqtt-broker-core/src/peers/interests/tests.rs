use alloc::string::String;
use alloc::vec::Vec;

use super::Interests;
use crate::store::Account;

fn told(interests: &mut Interests) -> Vec<(String, bool)> {
    let mut told = Vec::new();
    while let Some((filter, wanted)) = interests.next_change() {
        told.push((String::from_utf8_lossy(&filter).into_owned(), wanted));
    }
    told
}

#[test]
fn the_first_and_the_last_are_told() {
    let account = Account::default();
    let mut interests = Interests::new(&account, 1);
    let key = interests.hold(b"a/+").unwrap();
    assert_eq!(interests.hold(b"a/+"), Ok(key));
    assert_eq!(told(&mut interests), [("a/+".into(), true)]);
    interests.release_filter(b"a/+");
    assert_eq!(told(&mut interests), []);
    interests.release(key);
    assert_eq!(told(&mut interests), [("a/+".into(), false)]);
    interests.release_filter(b"a/+");
    assert_eq!(told(&mut interests), []);
    assert_eq!(interests.len(), 0);
}

#[test]
fn a_walk_finds_each_filter() {
    let mut interests = Interests::new(&Account::default(), 1);
    for filter in ["a", "b", "c"] {
        interests.hold(filter.as_bytes()).unwrap();
    }
    interests.release_filter(b"b");
    let mut found = Vec::new();
    let mut place = 0;
    while let Some((at, filter)) = interests.next_from(place) {
        found.push(filter.to_vec());
        place = at + 1;
    }
    assert_eq!(found, [b"a", b"c"]);
}
