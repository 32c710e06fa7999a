//! What a host uses of `mqtt-broker-core`: the verbs of its loop, and its own wishes.
//!
//! `cargo xtask size` builds and links this for a Cortex-M3 and measures it. The allocator is the
//! least there can be: it hands out an array from front to back.
#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

use mqtt_broker_core::codec::{
    Properties, QoS, ReasonCode, SubscriptionOptions, TopicFilter, TopicName,
};
use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, ConnectionHandle, Instant, Output, Peer,
};

const HEAP: usize = 24 << 10;

struct Heap {
    memory: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

// SAFETY: one thread; each part of the array is handed out once.
unsafe impl Sync for Heap {}

// SAFETY: what is handed out lies in the array, is aligned, and overlaps nothing else.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.memory.get() as usize;
        let free = base + self.used.load(Ordering::Relaxed);
        let start = (free + layout.align() - 1) & !(layout.align() - 1);
        let end = start + layout.size();
        if end > base + HEAP {
            return core::ptr::null_mut();
        }
        self.used.store(end - base, Ordering::Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Heap =
    Heap { memory: UnsafeCell::new([0; HEAP]), used: AtomicUsize::new(0) };

/// What the program does with what it is told.
static SEEN: AtomicUsize = AtomicUsize::new(0);

fn look(number: usize) {
    SEEN.fetch_add(number, Ordering::Relaxed);
}

/// One turn: what came in, what the broker wants, what it has to send.
#[inline(never)]
fn turn(broker: &mut Broker, buffer: &mut [u8; 512], len: usize, now: Instant) -> Option<Instant> {
    let connection = broker.handle_accept(now, Peer::default()).ok()?;
    let received = broker.handle_input(now, connection, buffer.get(..len)?, &mut AllowAll);
    look(received.consumed + received.needed);
    broker.handle_timeout(now);
    let mut ready: Option<ConnectionHandle> = None;
    while let Some(output) = broker.poll_output() {
        match output {
            Output::Transmit(connection) => ready = Some(connection),
            Output::Close(connection, _) | Output::Resume(connection) => look(connection.index()),
            Output::Message(_, message) => look(message.payload.len()),
            _ => {}
        }
    }
    while let Some(sent) = broker.poll_transmit(now, ready?, buffer, &mut AllowAll) {
        look(sent.len + sent.payload.len());
    }
    broker.handle_eof(now, connection);
    broker.poll_timeout()
}

/// What a host says itself.
#[inline(never)]
fn wish(broker: &mut Broker, now: Instant, payload: &[u8; 64]) -> Option<()> {
    let filter = TopicFilter::new("sensors/#").ok()?;
    let local = broker.subscribe(now, filter, SubscriptionOptions::default(), None).ok()?;
    let message = ApplicationMessage {
        topic: TopicName::new("sensors/1/temperature").ok()?,
        qos: QoS::AtLeastOnce,
        retain: true,
        payload,
        properties: Properties::EMPTY,
    };
    broker.publish(now, &message).ok()?;
    broker.unsubscribe(now, local);
    broker.kick(now, "sensor-1", ReasonCode::SUCCESS);
    look(broker.stats().memory);
    Some(())
}

/// The entry: nothing is known of its arguments, so nothing of the core can be left out. As on any
/// microcontroller, it serves until the power goes.
#[unsafe(no_mangle)]
pub extern "C" fn _start(
    buffer: &'static mut [u8; 512],
    payload: &'static [u8; 64],
    number: u32,
) -> ! {
    let mut config = Config::default();
    config.events = false;
    config.limits.memory = HEAP;
    let mut broker = Broker::new(config);
    let now = Instant(number.into());
    loop {
        look(turn(&mut broker, buffer, number as usize, now).is_some().into());
        look(wish(&mut broker, now, payload).is_some().into());
        broker.shutdown(now);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
