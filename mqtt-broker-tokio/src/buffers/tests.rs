use super::*;

#[test]
fn connections_may_hold_an_eighth_of_the_memory_and_a_few_packets_of_a_small_one() {
    let mut config = Config::default();
    config.maximum_packet_size = 1 << 20;
    for (memory, most) in [(1 << 30, 1 << 27), (1 << 23, 1 << 22), (1 << 16, 1 << 16)] {
        config.limits.memory = memory;
        assert_eq!(Account::most(&config), most, "{memory}");
    }
}

#[test]
fn who_holds_little_is_served_beyond_the_bound() {
    let account = Account::new(10 * LITTLE);
    assert!(account.has_room_for_input(0, 10 * LITTLE));
    assert!(!account.has_room_for_input(0, 10 * LITTLE + 1));
    account.resized(0, 10 * LITTLE);
    assert!(!account.has_room_for_input(0, LITTLE + 1));
    for _ in 0..10 {
        assert!(account.has_room_for_input(0, LITTLE));
        account.resized(0, LITTLE);
    }
    assert!(!account.has_room_for_input(0, 1), "there is a bound for all of them, too");
    account.resized(10 * LITTLE, 5 * LITTLE);
    assert!(account.has_room_for_input(0, LITTLE));
    assert!(!account.has_room_for_input(0, 2 * LITTLE));
}

#[test]
fn who_does_not_read_leaves_a_quarter_to_those_who_publish() {
    let account = Account::new(16 * LITTLE);
    assert!(account.has_room_for_output(12 * LITTLE));
    account.resized(0, 12 * LITTLE);
    assert!(!account.has_room_for_output(2 * LITTLE));
    assert!(account.has_room_for_output(LITTLE));
    assert!(account.has_room_for_input(0, 4 * LITTLE));
}

#[test]
fn the_log_is_told_once_a_second_and_the_host_of_all() {
    let account = Account::new(0);
    let start = Instant::from_millis(0);
    let told = Cell::new(None);
    assert!(is_to_be_told(&told, start));
    assert!(!is_to_be_told(&told, start + Duration::from_millis(999)));
    assert!(is_to_be_told(&told, start + QUIET));
    for _ in 0..3 {
        account.note_ended(start, None);
    }
    for _ in 0..2 {
        account.note_abandoned(start, None, PATIENCE);
    }
    assert_eq!(account.buffers(), Buffers { bytes: 0, most: 0, ended: 3, abandoned: 2 });
}
