//! The first serial port: what the program has to say, and its last words.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;

use crate::board::Register;

/// The port. It waits for room: what is said is short, and seldom.
pub(crate) struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const FULL: u32 = 1 << 5;
        for byte in text.bytes() {
            while Register::UART_FLAGS.read() & FULL != 0 {}
            Register::UART_DATA.write(byte.into());
        }
        Ok(())
    }
}

/// Says where and why, and starts anew.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // The port takes everything.
    let _ = writeln!(Serial, "{info}");
    SCB::sys_reset()
}
