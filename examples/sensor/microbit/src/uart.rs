//! [`Uart`]: the serial line of the nRF51, asked and not interrupted.
//!
//! All that is `unsafe` is here. What is public is safe to call in any order.

#![allow(unsafe_code)]

use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use embedded_io_async::{ErrorType, Read, Write};

/// The serial line, 115,200 baud, without flow control.
#[derive(Debug)]
pub(crate) struct Uart;

/// A register of the chip. There are only those named here.
#[derive(Clone, Copy)]
struct Register(usize);

impl Register {
    const START_RECEIVER: Self = Self(0x4000_2000);
    const START_TRANSMITTER: Self = Self(0x4000_2008);
    const RECEIVED: Self = Self(0x4000_2108);
    const SENT: Self = Self(0x4000_211C);
    const ENABLE: Self = Self(0x4000_2500);
    const PIN_OUT: Self = Self(0x4000_250C);
    const PIN_IN: Self = Self(0x4000_2514);
    const RECEIVE: Self = Self(0x4000_2518);
    const SEND: Self = Self(0x4000_251C);
    const BAUD_RATE: Self = Self(0x4000_2524);
    const SET_PINS: Self = Self(0x5000_0508);
    const MAKE_OUTPUTS: Self = Self(0x5000_0518);

    fn read(self) -> u32 {
        // SAFETY: the address of a register of this chip, aligned, always readable.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    fn write(self, value: u32) {
        // SAFETY: the address of a register of this chip, aligned. None of them makes the hardware
        // write to memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

impl Uart {
    /// The pins that the micro:bit connects to its USB.
    const OUT: u32 = 24;
    const IN: u32 = 25;

    /// Switches the line on.
    pub(crate) fn start() {
        // The line is high when nothing is said.
        Register::SET_PINS.write(1 << Self::OUT);
        Register::MAKE_OUTPUTS.write(1 << Self::OUT);
        Register::PIN_OUT.write(Self::OUT);
        Register::PIN_IN.write(Self::IN);
        Register::BAUD_RATE.write(0x01D7_E000);
        Register::ENABLE.write(4);
        Register::START_RECEIVER.write(1);
        Register::START_TRANSMITTER.write(1);
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    /// Takes what is there: one byte or more.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let mut len = 0;
        poll_fn(|_| {
            for place in buffer.iter_mut() {
                if Register::RECEIVED.read() == 0 {
                    break;
                }
                // In this order: reading makes room for the next one, which says so again.
                Register::RECEIVED.write(0);
                let [byte, ..] = Register::RECEIVE.read().to_le_bytes();
                *place = byte;
                len += 1;
            }
            if len > 0 || buffer.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        Ok(len)
    }
}

impl Write for Uart {
    /// Sends one byte.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(byte) = bytes.first() else { return Ok(0) };
        Register::SENT.write(0);
        Register::SEND.write(u32::from(*byte));
        poll_fn(|_| if Register::SENT.read() == 0 { Poll::Pending } else { Poll::Ready(()) }).await;
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
