//! The broker on a Stellaris LM3S6965 with 256 KB of flash and 64 KB of RAM: `mqtt-broker-core` as
//! it is, smoltcp, and no operating system.
//!
//! This is the loop of the core's documentation: what came in, what the broker wants, what it has to
//! send, sleep. All in one thread; interrupts do no more than end the sleep.

#![no_std]
#![no_main]

mod board;
mod clock;
mod configuration;
mod connection;
mod ethernet;
mod mac;
mod rules;
mod serial;
mod statistics;

use core::fmt::Write;
use core::mem::MaybeUninit;

use mqtt_broker_core::{Broker, ConnectionHandle, Instant, Output};
use smoltcp::iface::{
    Config, Interface, PollIngressSingleResult, PollResult, SocketSet, SocketStorage,
};
use smoltcp::wire::{IpCidr, Ipv4Address};

use crate::clock::Clock;
use crate::connection::{Connection, RECEIVE, SOCKETS, Turn};
use crate::ethernet::{Ethernet, FRAME, Frame};
use crate::mac::Mac;
use crate::rules::Rules;
use crate::serial::Serial;
use crate::statistics::Statistics;

/// Where QEMU's network expects the board to be, and where its router is.
const ADDRESS: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
const ROUTER: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
const PREFIX: u8 = 24;

/// Frames that are taken in one turn: however many come, the broker has its turns.
const FRAMES: usize = 16;

/// Everything there is.
struct Firmware {
    clock: Clock,
    device: Ethernet,
    interface: Interface,
    sockets: SocketSet<'static>,
    connections: [Connection; SOCKETS],
    broker: Broker,
    rules: Rules,
    statistics: Statistics,
    /// For what is on its way between a socket and the broker.
    buffer: &'static mut [u8; RECEIVE],
}

/// The memory that the network takes.
struct Memory {
    frames: [Frame; 2],
    sockets: [connection::Buffers; SOCKETS],
    buffer: [u8; RECEIVE],
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory {
        frames: [[0; FRAME]; 2],
        sockets: [connection::Buffers::EMPTY; SOCKETS],
        buffer: [0; RECEIVE],
    };
    static mut STORAGE: [SocketStorage<'static>; SOCKETS] = [SocketStorage::EMPTY; SOCKETS];
    static mut FIRMWARE: MaybeUninit<Firmware> = MaybeUninit::uninit();

    let firmware = start(MEMORY, STORAGE, FIRMWARE);
    let _ = writeln!(Serial, "listening on {ADDRESS}:{}", connection::PORT);
    loop {
        firmware.turn();
    }
}

/// Puts everything in its place. Not inlined: on its way there it is on the stack, which is to be
/// free again afterwards.
#[inline(never)]
fn start(
    memory: &'static mut Memory,
    storage: &'static mut [SocketStorage<'static>; SOCKETS],
    firmware: &'static mut MaybeUninit<Firmware>,
) -> &'static mut Firmware {
    let Some(processor) = board::start() else { panic!("started twice") };
    let (clock, mac) = (Clock::start(processor.SYST), Mac::start());
    firmware.write(Firmware::new(mac, clock, memory, storage))
}

impl Firmware {
    fn new(
        mac: Mac,
        mut clock: Clock,
        memory: &'static mut Memory,
        storage: &'static mut [SocketStorage<'static>; SOCKETS],
    ) -> Self {
        let now = clock.now();
        let mut device = Ethernet::new(mac, &mut memory.frames);
        let mut config = Config::new(device.address());
        config.random_seed = now;
        let mut interface = Interface::new(config, &mut device, network_time(now));
        interface.update_ip_addrs(|addresses| {
            // There is room for one.
            let _ = addresses.push(IpCidr::new(ADDRESS.into(), PREFIX));
        });
        // As there is for one router.
        let _ = interface.routes_mut().add_default_ipv4_route(ROUTER);
        let mut sockets = SocketSet::new(&mut storage[..]);
        let buffers = memory.sockets.each_mut();
        let connections = buffers.map(|buffers| Connection::new(&mut sockets, buffers));
        Self {
            clock,
            device,
            interface,
            sockets,
            connections,
            broker: Broker::new(configuration::config(now)),
            rules: Rules::default(),
            statistics: Statistics::default(),
            buffer: &mut memory.buffer,
        }
    }

    /// One round; sleeps if it had nothing to do.
    fn turn(&mut self) {
        let now = self.clock.now();
        let mut turn = Turn {
            now: Instant(now),
            broker: &mut self.broker,
            rules: &mut self.rules,
            sockets: &mut self.sockets,
            buffer: self.buffer,
            worked: false,
        };
        // 1. What came in.
        turn.worked |= exchange(&mut self.interface, &mut self.device, turn.sockets, now);
        for connection in &mut self.connections {
            connection.receive(&mut turn);
        }
        turn.broker.handle_timeout(turn.now);
        turn.statistics(&mut self.statistics);
        // 2. What the broker wants.
        turn.obey(&mut self.connections);
        // 3. What it has to send.
        for connection in &mut self.connections {
            connection.transmit(&mut turn);
        }
        turn.obey(&mut self.connections);
        turn.make_room(&mut self.connections);
        // 4. Sleep.
        if !turn.worked {
            let deadline = self.deadline(now);
            let mac = self.device.mac();
            mac.listen();
            self.clock.sleep(deadline, || mac.has_frame());
        }
    }

    /// When there is something to do even if nothing comes.
    fn deadline(&mut self, now: u64) -> u64 {
        let network = self.interface.poll_at(network_time(now), &self.sockets);
        let network = network.map(|at| at.total_micros().unsigned_abs());
        let broker = self.broker.poll_timeout().map(|at| at.0);
        let connections = self.connections.iter().filter_map(Connection::deadline);
        let deadlines = connections.map(|at| at.0).chain(network).chain(broker);
        deadlines.min().unwrap_or(u64::MAX).min(self.statistics.next().0)
    }
}

impl Turn<'_> {
    /// Publishes the numbers if it is time, or if somebody has asked.
    fn statistics(&mut self, statistics: &mut Statistics) {
        let asked = core::mem::take(&mut self.rules.asked_for_statistics);
        if asked || statistics.next() <= self.now {
            statistics.publish(self.now, self.broker);
            self.worked = true;
        }
    }

    /// Does what the broker wants.
    fn obey(&mut self, connections: &mut [Connection; SOCKETS]) {
        while let Some(output) = self.broker.poll_output() {
            self.worked = true;
            match output {
                Output::Transmit(handle) => with(connections, handle, Connection::has_to_send),
                Output::Resume(handle) => with(connections, handle, Connection::resume),
                Output::Close(handle, reason) => {
                    with(connections, handle, |connection| connection.close(self.now, reason));
                }
                _ => {} // events are off, no verdict is deferred, and this host subscribes to nothing
            }
        }
    }

    /// A socket is kept free for the next client: the one that has been closing for longest.
    fn make_room(&mut self, connections: &mut [Connection; SOCKETS]) {
        if connections.iter().any(|connection| connection.is_free(self.sockets)) {
            return;
        }
        let closing = connections.iter_mut().filter(|one| one.closing_since().is_some());
        if let Some(oldest) = closing.min_by_key(|one| one.closing_since()) {
            oldest.cut(self);
        }
    }
}

/// Takes some frames and sends what the sockets have to send; whether that may lead to more. A
/// frame that is left behind keeps the loop from sleeping.
fn exchange(
    interface: &mut Interface,
    device: &mut Ethernet,
    sockets: &mut SocketSet<'_>,
    now: u64,
) -> bool {
    let time = network_time(now);
    let mut changed = false;
    for _ in 0..FRAMES {
        match interface.poll_ingress_single(time, device, sockets) {
            PollIngressSingleResult::None => break,
            PollIngressSingleResult::PacketProcessed => {}
            PollIngressSingleResult::SocketStateChanged => changed = true,
        }
    }
    changed | (interface.poll_egress(time, device, sockets) == PollResult::SocketStateChanged)
}

fn with(
    connections: &mut [Connection; SOCKETS],
    handle: ConnectionHandle,
    tell: impl FnOnce(&mut Connection),
) {
    if let Some(connection) = connections.iter_mut().find(|connection| connection.is(handle)) {
        tell(connection);
    }
}

fn network_time(now: u64) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(now.cast_signed())
}
