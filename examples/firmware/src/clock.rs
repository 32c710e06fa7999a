//! [`Clock`]: the processor's speed, the time, and sleep.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

use crate::board::Register;

/// What the clock of the processor is set to.
const HERTZ: u32 = 50_000_000;
const TICKS_PER_SECOND: u32 = 1000;

static TICKS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// The time since the start.
pub(crate) struct Clock {
    /// Ticks that have been seen: the interrupt's counter wraps around after 49 days.
    ticks: u64,
    seen: u32,
    /// What was answered last: it never goes back.
    now: u64,
}

impl Clock {
    /// Sets the processor's clock, and starts the tick.
    pub(crate) fn start(mut timer: SYST) -> Self {
        run_at_50_megahertz();
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(HERTZ / TICKS_PER_SECOND - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        Self { ticks: 0, seen: 0, now: 0 }
    }

    /// Microseconds since the start. To be asked once in 49 days.
    pub(crate) fn now(&mut self) -> u64 {
        let (tick, left) = loop {
            let tick = TICKS.load(Ordering::Relaxed);
            let left = SYST::get_current();
            if tick == TICKS.load(Ordering::Relaxed) {
                break (tick, left);
            }
        };
        self.ticks += u64::from(tick.wrapping_sub(self.seen));
        self.seen = tick;
        let within = (HERTZ / TICKS_PER_SECOND - 1).saturating_sub(left) / (HERTZ / 1_000_000);
        let now = self.ticks * u64::from(1_000_000 / TICKS_PER_SECOND) + u64::from(within);
        // The counter may start over a moment before its interrupt is served.
        self.now = self.now.max(now);
        self.now
    }

    /// Sleeps until `deadline`, to the next tick, or until an interrupt has made `is_awaited` true.
    pub(crate) fn sleep(&mut self, deadline: u64, is_awaited: impl Fn() -> bool) {
        while self.now() < deadline {
            let tick = self.seen;
            // An interrupt that comes after the look still ends the sleep: it is only not served.
            let awaited = cortex_m::interrupt::free(|_| {
                let awaited = is_awaited();
                if !awaited && TICKS.load(Ordering::Relaxed) == tick {
                    cortex_m::asm::wfi();
                }
                awaited
            });
            if awaited {
                return;
            }
        }
    }
}

/// From the crystal of 8 MHz by way of the PLL: 200 MHz divided by four.
fn run_at_50_megahertz() {
    const DIVISOR: u32 = 0xF << 23;
    const USE_DIVISOR: u32 = 1 << 22;
    const POWER_DOWN: u32 = 1 << 13;
    const BYPASS: u32 = 1 << 11;
    const CRYSTAL_AND_SOURCE: u32 = 0x3F0;
    const CRYSTAL_OF_8_MEGAHERTZ: u32 = 0xE << 6;
    const PLL_LOCKED: u32 = 1 << 6;
    let clock = Register::RUN_MODE_CLOCK;
    // The order is the data sheet's: without the PLL while it starts, with it once it is stable.
    let mut value = (clock.read() | BYPASS) & !USE_DIVISOR;
    clock.write(value);
    value = value & !(CRYSTAL_AND_SOURCE | POWER_DOWN) | CRYSTAL_OF_8_MEGAHERTZ;
    clock.write(value);
    value = value & !DIVISOR | 3 << 23 | USE_DIVISOR;
    clock.write(value);
    while Register::RAW_INTERRUPTS.read() & PLL_LOCKED == 0 {}
    clock.write(value & !BYPASS);
}
