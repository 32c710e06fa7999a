use super::*;

/// Spares of a broker that may hold so many bytes, and the account they are in.
fn spares(ceiling: usize) -> (Spares, Account) {
    let account = Account::new(ceiling);
    (Spares::new(&account, ceiling), account)
}

#[test]
fn a_buffer_is_found_again_by_a_message_of_its_size() {
    let (mut spares, account) = spares(64 << 20);
    for len in [20, 100, 1000, 4100, 65_600] {
        let buffer = spares.take(len).unwrap();
        spares.put(buffer);
    }
    let held = account.held();
    for len in [20, 100, 1000, 4100, 65_600] {
        assert_eq!(spares.take(len).unwrap().len(), len);
    }
    assert_eq!((spares.bytes, account.held()), (0, held));
}

#[test]
fn what_is_kept_is_bounded_and_in_the_account() {
    let (mut spares, account) = spares(64 << 20);
    for len in [64, 2000, 4096, 10_000, 20_000, 65_536, 120_000, 500_000] {
        let buffers: Vec<_> = (0..(4 << 20) / len).map(|_| spares.take(len).unwrap()).collect();
        for buffer in buffers {
            spares.put(buffer);
        }
    }
    let kept = spares.classes.iter().flat_map(|class| &class.buffers).map(|buffer| buffer.len());
    let lists = spares.classes.iter().map(|class| class.buffers.capacity() * 16).sum::<usize>();
    assert_eq!(kept.sum::<usize>(), spares.bytes);
    assert!(spares.bytes <= 1 << 20, "a sixty-fourth of the ceiling: {}", spares.bytes);
    assert_eq!(account.held(), spares.bytes + lists);
}

#[test]
fn a_small_machine_keeps_none_that_is_large() {
    let (mut spares, account) = spares(64 << 10);
    let buffer = spares.take(2048).unwrap();
    spares.put(buffer);
    assert_eq!((spares.bytes, account.held()), (0, 0));
}

#[test]
fn where_memory_is_short_buffers_are_given_back() {
    let (mut spares, account) = spares(1 << 20);
    let buffers: Vec<_> = (0..20).map(|_| spares.take(500).unwrap()).collect();
    for buffer in buffers {
        spares.put(buffer);
    }
    assert!(spares.bytes > 0, "there was room");
    let last = spares.take(500).unwrap();
    account.take_anyway(900 << 10);
    let before = (account.held(), spares.bytes);
    spares.put(last);
    assert_eq!((account.held(), spares.bytes), (before.0 - 1000, before.1 - 500));
}
