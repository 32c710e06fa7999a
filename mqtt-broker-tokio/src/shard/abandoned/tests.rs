use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use mqtt_broker_core::{AllowAll, Broker, Config};
use tokio::sync::mpsc;

use super::*;
use crate::buffers::Account;
use crate::clock::Clock;
use crate::command;
use crate::connection::{Connection, Flags};
use crate::handle::Handle;
use crate::hooks::Hooks;
use crate::listener;
use crate::message::Message;
use crate::shard::Parts;

const PACKET: usize = 64 << 10;

/// So many parts of a packet are all that may be held.
const HELD: usize = 4;

const SECOND: Duration = Duration::from_secs(1);

/// The loop, a turn at a time on the test's thread, with a clock that the test moves.
struct Turns {
    shard: Shard,
    address: SocketAddr,
}

impl Turns {
    fn new() -> Self {
        let mut config = Config::default();
        config.maximum_packet_size = u32::try_from(PACKET).unwrap();
        config.limits.memory = 8 * HELD * PACKET;
        let listeners = listener::bind(&["127.0.0.1:0".to_owned()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (command_sender, commands) = mpsc::channel(command::CAPACITY);
        let hooks = Hooks {
            policy: Box::new(AllowAll),
            events: None,
            strangers: None,
            decide: None,
            #[cfg(feature = "recording")]
            recording: None,
        };
        let parts = Parts {
            most_buffered: Account::most(&config),
            broker: Broker::new(config),
            clock: Clock::start(),
            recovered: None,
            hooks,
            shutdown_grace: Duration::ZERO,
            calls: Arc::default(),
            commands,
            command_sender,
        };
        Self { shard: Shard::new(parts, listeners).unwrap(), address }
    }

    /// With clients that hold all there is, each of which came a second after the one before.
    fn full() -> (Self, Vec<TcpStream>) {
        let mut turns = Self::new();
        let mut holders: Vec<_> = (0..HELD).map(|_| turns.connect()).collect();
        // The slots are in another order.
        for (index, holder) in holders.iter_mut().rev().enumerate() {
            turns.skip(SECOND);
            holder.write_all(&part()).unwrap();
            turns.until(|shard| shard.account.buffers().bytes >= (index + 1) * part().len());
        }
        holders.reverse();
        (turns, holders)
    }

    fn skip(&mut self, time: Duration) {
        self.shard.parts.clock.skip(time);
    }

    fn until(&mut self, mut is_so: impl FnMut(&mut Shard) -> bool) {
        let start = std::time::Instant::now();
        let mut sources = Vec::new();
        while !is_so(&mut self.shard) {
            assert!(start.elapsed() < 10 * SECOND, "it does not come to that");
            self.shard.sockets.wait(Some(Duration::from_millis(1))).unwrap();
            self.shard.gather(&mut sources);
            self.shard.turn(&mut sources).unwrap();
        }
    }

    fn connect(&mut self) -> TcpStream {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.write_all(b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0").unwrap();
        client.set_nonblocking(true).unwrap();
        let mut connack = [0; 4];
        self.until(|_| client.read(&mut connack).is_ok_and(|read| read == 4));
        assert_eq!(connack, [0x20, 2, 0, 0]);
        client
    }

    /// A byte comes from each of these.
    fn trickle(&mut self, clients: &mut [TcpStream]) {
        let now = self.shard.parts.clock.now();
        for client in clients {
            client.write_all(&[0]).unwrap();
            let address = client.local_addr().unwrap();
            self.until(|shard| {
                let since = open(shard, address).and_then(|open| open.abandoned_since());
                since.is_some_and(|since| since >= now)
            });
        }
    }

    /// Somebody comes who needs room, and is served or not.
    fn ask(&mut self) -> TcpStream {
        let before = self.gone();
        let mut asker = self.connect();
        asker.write_all(&part()).unwrap();
        self.until(|shard| {
            let buffers = shard.account.buffers();
            (buffers.ended, buffers.abandoned) != before
        });
        // Who is not ended is served.
        let address = asker.local_addr().unwrap();
        self.until(|shard| open(shard, address).is_none_or(|it| it.abandoned_since().is_some()));
        asker
    }

    /// How many were ended for want of room, and as they were abandoned.
    fn gone(&self) -> (u64, u64) {
        let buffers = self.shard.account.buffers();
        (buffers.ended, buffers.abandoned)
    }

    fn are_open(&mut self, clients: &[TcpStream]) -> Vec<bool> {
        let addresses = clients.iter().map(|client| client.local_addr().unwrap());
        addresses.map(|address| open(&mut self.shard, address).is_some()).collect()
    }
}

/// The connection from this address, if it is still there.
fn open(shard: &mut Shard, address: SocketAddr) -> Option<&mut Connection> {
    shard.slots.iter_mut().flatten().find_map(|open| (open.peer() == Some(address)).then_some(open))
}

/// Most of the largest PUBLISH there may be.
fn part() -> Vec<u8> {
    let mut bytes = vec![0; PACKET - 1000];
    let len = PACKET - 4;
    bytes[..4].copy_from_slice(&[
        0x30,
        u8::try_from(len % 128).unwrap() | 0x80,
        u8::try_from(len / 128 % 128).unwrap() | 0x80,
        u8::try_from(len / 16_384).unwrap(),
    ]);
    bytes[4..7].copy_from_slice(b"\0\x01t");
    bytes
}

#[test]
fn what_was_abandoned_first_gives_way_first() {
    let (mut turns, holders) = Turns::full();
    turns.skip(PATIENCE - SECOND);
    let first = turns.ask();
    assert_eq!(turns.gone(), (0, 1));
    assert_eq!(turns.are_open(&holders), [false, true, true, true]);
    turns.skip(SECOND);
    let second = turns.ask();
    assert_eq!(turns.gone(), (0, 2));
    assert_eq!(turns.are_open(&holders), [false, false, true, true]);
    assert_eq!(turns.are_open(&[first, second]), [true, true]);
}

#[test]
fn who_asks_before_the_patience_is_over_is_ended() {
    let (mut turns, holders) = Turns::full();
    turns.skip(PATIENCE - 4 * SECOND);
    let asker = turns.ask();
    assert_eq!(turns.gone(), (1, 0));
    assert_eq!(turns.are_open(&[asker]), [false]);
    assert_eq!(turns.are_open(&holders), [true; HELD]);
}

#[test]
fn who_sends_slowly_is_not_ended_and_the_asker_is() {
    let (mut turns, mut holders) = Turns::full();
    for _ in 0..3 {
        turns.skip(PATIENCE - SECOND);
        turns.trickle(&mut holders);
    }
    let asker = turns.ask();
    assert_eq!(turns.gone(), (1, 0));
    assert_eq!(turns.are_open(&[asker]), [false]);

    // But for one of them, which is ended though it was there last.
    turns.skip(PATIENCE - SECOND);
    turns.trickle(&mut holders[..3]);
    turns.skip(SECOND);
    let asker = turns.ask();
    assert_eq!(turns.gone(), (1, 1));
    assert_eq!(turns.are_open(&[asker]), [true]);
    assert_eq!(turns.are_open(&holders), [true, true, true, false]);
}

#[test]
fn who_waits_for_us_has_abandoned_nothing() {
    let (mut turns, holders) = Turns::full();
    turns.skip(PATIENCE);
    let address = holders[0].local_addr().unwrap();
    open(&mut turns.shard, address).unwrap().flags.add(Flags::WAITING);
    turns.ask();
    assert_eq!(turns.gone(), (0, 1));
    assert_eq!(turns.are_open(&holders), [true, false, true, true]);
}

#[test]
fn so_many_slots_are_looked_at_for_one_and_further_ones_for_the_next() {
    let (mut turns, holders) = Turns::full();
    turns.skip(PATIENCE);
    turns.shard.slots.resize_with(3 * LOOKED_AT - 1, || None);
    turns.shard.hand = HELD;
    for ended in 1..=2 {
        turns.ask();
        assert_eq!(turns.gone(), (ended, 0));
    }
    let _third = turns.ask();
    assert_eq!(turns.gone(), (2, 1));
    assert_eq!(turns.are_open(&holders), [false, true, true, true]);
    let hand = turns.shard.hand;
    let connection = turns.shard.slots[hand].as_mut().expect("the hand is at one that is left");
    let address = connection.peer();
    assert!(holders[1..].iter().any(|holder| holder.local_addr().ok() == address));
    turns.ask();
    assert_eq!(turns.gone(), (2, 2));
}

#[test]
fn what_is_abandoned_gives_way_to_output_too() {
    let (mut turns, holders) = Turns::full();
    let handle = Handle::new(turns.shard.parts.command_sender.clone());
    // What the two systems take is the same for both, so what is left over then is not little for both.
    let readers = [0, PACKET / 4].map(|first| {
        let mut reader = turns.connect();
        reader.write_all(b"\x82\x06\0\x01\0\x01t\0").unwrap();
        let mut suback = [0; 5];
        turns.until(|_| reader.read(&mut suback).is_ok_and(|read| read == 5));
        handle.try_publish(Message::new("t", vec![0; first])).unwrap();
        turns.shard.serve_commands(turns.shard.parts.clock.now());
        reader
    });
    turns.skip(PATIENCE);
    turns.until(|shard| {
        let _ = handle.try_publish(Message::new("t", vec![1; PACKET / 2]));
        shard.serve_commands(shard.parts.clock.now());
        shard.account.buffers().abandoned > 0
    });
    // A quarter of the whole is for input alone.
    assert_eq!(turns.gone(), (0, 2));
    assert_eq!(turns.are_open(&holders), [false, false, true, true]);
    assert_eq!(turns.are_open(&readers), [true, true]);
}
