//! The sensor on a micro:bit: an nRF51822, a Cortex-M0 with 16 KB of RAM, without a heap and without
//! atomics. The serial line is the Network Connection; at its other end, something hands it on to TCP.
#![no_std]
#![no_main]

mod uart;

use core::panic::PanicInfo;
use core::pin::pin;
use core::task::{Context, Waker};

use cortex_m_rt::entry;
use sensor::{Buffers, report};
use uart::Uart;

#[entry]
fn main() -> ! {
    Uart::start();
    let mut buffers = Buffers::new();
    let mut day = pin!(report(Uart, Uart, &mut buffers, b"21.5"));
    // One future, and nothing else to do while it waits.
    let mut context = Context::from_waker(Waker::noop());
    while day.as_mut().poll(&mut context).is_pending() {}
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
