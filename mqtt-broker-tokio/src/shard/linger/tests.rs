//! Tests of the pauses: a thread of two seconds, clients, and how often it pauses.

use mqtt_broker_core::{Duration, Instant};

use super::{IS_USED, Linger, Turn};

/// Clients whose messages one thread takes.
struct Load {
    /// Microseconds from one message to the next, of all clients together.
    gap: u64,
    /// How many messages are on their way at once, at most.
    most: u64,
    /// Each message is for a connection of its own.
    is_for_each: bool,
    /// Microseconds for each message, and for each write.
    costs: [u64; 2],
}

/// What came of it.
struct Seen {
    turns: u64,
    pauses: u64,
    messages: u64,
}

impl Load {
    const GATHERED: Self = Self { gap: 4, most: 1000, is_for_each: false, costs: [2, 5] };

    fn run(&self) -> Seen {
        let mut linger = Linger::default();
        let (mut now, mut heard_until) = (1_000_000, 1_000_000);
        let mut seen = Seen { turns: 0, pauses: 0, messages: 0 };
        while now < 3_000_000 {
            let heard = ((now - heard_until) / self.gap).clamp(1, self.most);
            // Who has yet to be answered sends nothing meanwhile.
            let answered = now.max(heard_until + self.gap);
            heard_until =
                if heard == self.most { answered } else { heard_until + heard * self.gap };
            let written = if self.is_for_each { heard } else { 1 };
            let end = answered + heard * self.costs[0] + written * self.costs[1];
            let at = |micros| Instant::from_secs(0) + Duration::from_micros(micros);
            let turn = Turn {
                began: at(answered),
                heard: usize::try_from(heard).unwrap(),
                bytes: heard * 80,
                written: usize::try_from(written).unwrap(),
            };
            let pauses = linger.is_due(turn, || at(end));
            now = end + if pauses { 70 } else { 0 };
            seen.turns += 1;
            seen.pauses += u64::from(pauses);
            seen.messages += heard;
        }
        seen
    }
}

#[test]
fn where_many_send_to_few_most_turns_are_followed_by_a_pause() {
    let seen = Load::GATHERED.run();
    let due = if IS_USED { seen.turns * 7 / 10..=seen.turns } else { 0..=0 };
    assert!(due.contains(&seen.pauses), "{} of {}", seen.pauses, seen.turns);
    assert!(seen.messages > 480_000, "all that is sent: {}", seen.messages);
}

#[test]
fn where_clients_wait_for_one_another_there_is_seldom_one() {
    let few = Load { most: 12, ..Load::GATHERED }.run();
    assert!(few.pauses * 50 < few.turns, "{} of {}", few.pauses, few.turns);
    assert!(few.messages > 440_000, "{}", few.messages);
}

#[test]
fn nobody_waits_where_it_saves_no_write_or_there_is_time_or_none() {
    let each = Load { is_for_each: true, ..Load::GATHERED };
    assert_eq!(each.run().pauses, 0, "each message is a write");
    let slow = Load { gap: 200, ..Load::GATHERED };
    assert_eq!(slow.run().pauses, 0, "the thread has time");
    let much = Load { gap: 1, costs: [3, 5], ..Load::GATHERED };
    assert_eq!(much.run().pauses, 0, "the turns are long");
}
