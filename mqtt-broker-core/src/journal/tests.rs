//! Records found again, whole or not.

use alloc::vec::Vec;

use super::frame::HEADER;
use super::*;
use crate::time::Instant;

/// Three records, each made when all before were durable or none was.
fn journal(synced: bool) -> (Vec<u8>, [usize; 4]) {
    let mut journal = Journal::new(true, 1 << 20);
    let mut bytes = Vec::new();
    let mut ends = [0; 4];
    for (number, end) in (0..).zip(&mut ends).skip(1) {
        journal.change(&Change::Counted { sequence: number, sessions: 0 });
        journal.commit(Instant(number));
        while let Some(record) = journal.poll() {
            assert_eq!(record.lsn, Lsn(number));
            bytes.extend_from_slice(record.bytes);
        }
        if synced {
            journal.durable(Lsn(number));
        }
        *end = bytes.len();
    }
    (bytes, ends)
}

fn lsns(bytes: &[u8]) -> (Vec<u64>, Option<Stored<'_>>) {
    let mut found = Vec::new();
    for stored in Records::new(bytes) {
        match stored {
            Stored::Record(record) => found.push(record.lsn.0),
            other => return (found, Some(other)),
        }
    }
    (found, None)
}

#[test]
fn records_are_found_in_order() {
    let (bytes, _) = journal(false);
    assert_eq!(lsns(&bytes), (alloc::vec![1, 2, 3], None));
    assert_eq!(lsns(b""), (alloc::vec![], None));
}

#[test]
fn cut_anywhere_the_tail_is_torn() {
    for synced in [false, true] {
        let (bytes, ends) = journal(synced);
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let offset = ends[whole];
            let torn = (offset < cut).then_some(Stored::TornTail { offset });
            assert_eq!(lsns(&bytes[..cut]), ((1..=whole as u64).collect(), torn), "at {cut}");
        }
    }
}

#[test]
fn a_flipped_bit_is_found() {
    for synced in [false, true] {
        let (bytes, ends) = journal(synced);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let record = ends.iter().filter(|end| **end <= bit / 8).count() - 1;
            let offset = ends[record];
            // The last one may always be torn; another may if those after it do not say otherwise.
            let damaged = synced && record < 2;
            let (found, end) = lsns(&bytes);
            assert_eq!(found, (1..=record as u64).collect::<Vec<_>>());
            let expected =
                if damaged { Stored::Damage { offset } } else { Stored::TornTail { offset } };
            assert_eq!(end, Some(expected), "bit {bit}");
        }
    }
}

#[test]
fn a_missing_record_is_damage_if_it_was_durable() {
    for synced in [false, true] {
        let (mut bytes, ends) = journal(synced);
        bytes.drain(ends[1]..ends[2]);
        let offset = ends[1];
        let end = if synced { Stored::Damage { offset } } else { Stored::TornTail { offset } };
        assert_eq!(lsns(&bytes), (alloc::vec![1], Some(end)));
    }
}

#[test]
fn another_version_is_named() {
    let (mut bytes, ends) = journal(true);
    bytes[ends[1] + 8] = 7;
    let crc = checksum::crc32c(&bytes[ends[1] + 4..ends[2]]).to_le_bytes();
    bytes[ends[1]..ends[1] + 4].copy_from_slice(&crc);
    let end = Stored::UnknownVersion { offset: ends[1], version: 7 };
    assert_eq!(lsns(&bytes), (alloc::vec![1], Some(end)));
}

#[test]
fn a_journal_in_pieces() {
    let (bytes, ends) = journal(true);
    let (first, second) = bytes.split_at(ends[1]);
    assert_eq!(Records::after(Lsn(1), second).count(), 2);
    assert_eq!(Records::after(Lsn(0), first).count(), 1);
    // A piece of another journal, or one that was taken back.
    let odd = Records::after(Lsn(7), second).next();
    assert_eq!(odd, Some(Stored::TornTail { offset: 0 }));
}

#[test]
fn what_waits_for_the_disk_is_counted() {
    let mut journal = Journal::new(true, 150);
    let mut record = || {
        journal.change(&Change::Restarted);
        journal.commit(Instant(0));
        while journal.poll().is_some() {}
        (journal.is_half_full(), journal.is_full())
    };
    assert_eq!(record(), (false, false));
    assert_eq!(record(), (false, false));
    assert_eq!(record(), (true, false));
    assert_eq!((record(), record()), ((true, false), (true, true)));
    journal.durable(Lsn(4));
    assert_eq!(journal.pending_bytes(), HEADER + 1);
    journal.durable(Lsn(9));
    assert_eq!((journal.pending_bytes(), journal.is_durable(Lsn(6))), (0, false));
}

#[test]
fn the_end_of_a_session_is_known_until_it_is_durable() {
    let mut journal = Journal::new(true, 1 << 20);
    for client in [1, 2, 1] {
        journal.change(&Change::Restarted);
        journal.note_end(client);
        journal.commit(Instant(0));
    }
    assert_eq!((journal.end_of(1), journal.end_of(2), journal.end_of(3)), (Lsn(3), Lsn(2), Lsn(0)));
    journal.durable(Lsn(2));
    assert_eq!((journal.end_of(1), journal.end_of(2)), (Lsn(3), Lsn(0)));
    journal.durable(Lsn(3));
    assert_eq!(journal.end_of(1), Lsn(0));
}
