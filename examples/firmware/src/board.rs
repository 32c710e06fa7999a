//! The board, a Stellaris LM3S6965: registers, interrupts, the clock, and memory.
//!
//! All that is `unsafe` is here. What is public is safe to call in any order.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SCB, SYST};
use cortex_m_rt::{ExceptionFrame, exception};
use embedded_alloc::LlffHeap;

/// Bytes of the heap: what the stack, the sockets and the program's own state leave.
pub(crate) const HEAP_SIZE: usize = 25 << 10;

/// What the clock of the processor is set to.
const HERTZ: u32 = 50_000_000;
const TICKS_PER_SECOND: u32 = 1000;

/// The board's peripherals, once.
pub(crate) struct Board {
    /// The Ethernet controller.
    pub(crate) mac: Mac,
    /// The time since [`take`](Self::take).
    pub(crate) clock: Clock,
}

impl Board {
    /// Sets the processor's clock, starts the tick, makes the heap usable. `None` the second time.
    pub(crate) fn take() -> Option<Self> {
        let mut core = cortex_m::Peripherals::take()?;
        run_at_50_megahertz();
        // SAFETY: the array is used by nothing else, and this is reached once.
        unsafe { HEAP.free_list.init(MEMORY.0.get() as usize, HEAP_SIZE) };
        Register::CLOCK_GATES_2.write(CLOCK_OF_ETHERNET);
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(HERTZ / TICKS_PER_SECOND - 1);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();
        Some(Self { mac: Mac::start(), clock: Clock { ticks: 0, seen: 0, now: 0 } })
    }
}

// --- registers -------------------------------------------------------------------------------

/// A register of a peripheral. There are only those named here.
#[derive(Clone, Copy)]
struct Register(usize);

impl Register {
    const RAW_INTERRUPTS: Self = Self(0x400F_E050);
    const RUN_MODE_CLOCK: Self = Self(0x400F_E060);
    const CLOCK_GATES_2: Self = Self(0x400F_E108);
    const UART_DATA: Self = Self(0x4000_C000);
    const UART_FLAGS: Self = Self(0x4000_C018);
    const MAC_INTERRUPTS: Self = Self(0x4004_8000);
    const MAC_INTERRUPT_MASK: Self = Self(0x4004_8004);
    const MAC_RECEIVE_CONTROL: Self = Self(0x4004_8008);
    const MAC_TRANSMIT_CONTROL: Self = Self(0x4004_800C);
    const MAC_DATA: Self = Self(0x4004_8010);
    const MAC_ADDRESS_LOW: Self = Self(0x4004_8014);
    const MAC_ADDRESS_HIGH: Self = Self(0x4004_8018);
    const MAC_FRAMES: Self = Self(0x4004_8034);
    const MAC_TRANSMIT: Self = Self(0x4004_8038);

    fn read(self) -> u32 {
        // SAFETY: the address of a register of this chip, aligned, always readable.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    fn write(self, value: u32) {
        // SAFETY: the address of a register of this chip, aligned. None of them makes the hardware
        // read or write the program's memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

/// RCGC2: the MAC and its PHY.
const CLOCK_OF_ETHERNET: u32 = 1 << 28 | 1 << 30;

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

// --- Ethernet --------------------------------------------------------------------------------

/// Its interrupt.
#[derive(Clone, Copy)]
struct Ethernet;

impl Ethernet {
    const NUMBER: u16 = 42;
}

// SAFETY: the number is the data sheet's, and never another.
unsafe impl InterruptNumber for Ethernet {
    fn number(self) -> u16 {
        Self::NUMBER
    }
}

/// The Ethernet controller: two FIFOs, of whole frames, read and written word by word.
pub(crate) struct Mac(());

impl Mac {
    const FRAME_RECEIVED: u32 = 1;
    const ALL_INTERRUPTS: u32 = 0x7F;

    fn start() -> Self {
        const RECEIVE: u32 = 1 << 0;
        const REJECT_BAD_CHECKSUM: u32 = 1 << 3;
        const TRANSMIT: u32 = 1 << 0;
        const PAD: u32 = 1 << 1;
        const ADD_CHECKSUM: u32 = 1 << 2;
        const FULL_DUPLEX: u32 = 1 << 4;
        Register::MAC_INTERRUPTS.write(Self::ALL_INTERRUPTS);
        Register::MAC_INTERRUPT_MASK.write(Self::FRAME_RECEIVED);
        Register::MAC_RECEIVE_CONTROL.write(RECEIVE | REJECT_BAD_CHECKSUM);
        Register::MAC_TRANSMIT_CONTROL.write(TRANSMIT | PAD | ADD_CHECKSUM | FULL_DUPLEX);
        let mac = Self(());
        mac.listen();
        mac
    }

    /// The hardware's address.
    pub(crate) fn address(&self) -> [u8; 6] {
        let [a, b, c, d] = Register::MAC_ADDRESS_LOW.read().to_le_bytes();
        let [e, f, ..] = Register::MAC_ADDRESS_HIGH.read().to_le_bytes();
        [a, b, c, d, e, f]
    }

    /// Whether a whole frame is in the receive FIFO.
    pub(crate) fn has_frame(&self) -> bool {
        Register::MAC_FRAMES.read() & 0x3F != 0
    }

    /// The next word of the frame that is being received.
    pub(crate) fn read(&mut self) -> [u8; 4] {
        Register::MAC_DATA.read().to_le_bytes()
    }

    /// Whether the transmit FIFO still holds a frame.
    pub(crate) fn is_sending(&self) -> bool {
        Register::MAC_TRANSMIT.read() & 1 != 0
    }

    /// Adds a word to the frame that is being put together.
    pub(crate) fn write(&mut self, word: [u8; 4]) {
        Register::MAC_DATA.write(u32::from_le_bytes(word));
    }

    /// Sends the frame in the transmit FIFO.
    pub(crate) fn send(&mut self) {
        Register::MAC_TRANSMIT.write(1);
    }

    /// Lets the next frame interrupt again. Frames that came before are looked for after this.
    pub(crate) fn listen(&self) {
        Register::MAC_INTERRUPTS.write(Self::FRAME_RECEIVED);
        // SAFETY: the handler shares nothing, so it breaks no critical section.
        unsafe { NVIC::unmask(Ethernet) };
    }
}

/// The interrupt stays raised as long as there is a frame: it is masked until the loop has looked.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if u16::try_from(number) == Ok(Ethernet::NUMBER) {
        NVIC::mask(Ethernet);
    } else {
        panic!("interrupt {number}");
    }
}

// --- time ------------------------------------------------------------------------------------

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

    /// Sleeps until a frame has come, or until `deadline`, to the next tick.
    pub(crate) fn sleep(&mut self, mac: &Mac, deadline: u64) {
        mac.listen();
        while self.now() < deadline {
            let tick = self.seen;
            // An interrupt that comes after the look still ends the sleep: it is only not served.
            let frame = cortex_m::interrupt::free(|_| {
                let frame = mac.has_frame();
                if !frame && TICKS.load(Ordering::Relaxed) == tick {
                    cortex_m::asm::wfi();
                }
                frame
            });
            if frame {
                return;
            }
        }
    }
}

// --- memory ----------------------------------------------------------------------------------

/// The array behind the heap; not zeroed at the start.
#[unsafe(link_section = ".uninit.HEAP")]
static MEMORY: Memory = Memory(UnsafeCell::new(MaybeUninit::uninit()));

#[repr(align(8))]
struct Memory(UnsafeCell<MaybeUninit<[u8; HEAP_SIZE]>>);

// SAFETY: only the heap uses it, in critical sections.
unsafe impl Sync for Memory {}

#[global_allocator]
static HEAP: Heap = Heap { free_list: LlffHeap::empty(), peak: AtomicUsize::new(0) };

/// The heap, with the most that was ever used.
struct Heap {
    free_list: LlffHeap,
    peak: AtomicUsize,
}

// SAFETY: the free list's own, whose answer is passed on.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises is what is asked of it.
        let pointer = unsafe { self.free_list.alloc(layout) };
        let used = self.free_list.used();
        if used > self.peak.load(Ordering::Relaxed) {
            self.peak.store(used, Ordering::Relaxed);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.free_list.dealloc(pointer, layout) }
    }
}

/// Bytes of the heap in use.
pub(crate) fn heap_used() -> usize {
    HEAP.free_list.used()
}

/// The most bytes of the heap that were ever in use.
pub(crate) fn heap_peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}

/// The most bytes of the stack that were ever in use.
pub(crate) fn stack_peak() -> usize {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, bottom) = (&raw const _stack_start, &raw const _stack_end);
    let mut lowest = bottom;
    // SAFETY: words between the ends of the stack, whose lower part is not in use; nothing else is
    // made of them than a comparison.
    while lowest < top && unsafe { lowest.read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE {
        lowest = lowest.wrapping_add(1);
    }
    top as usize - lowest as usize
}

// --- the serial line -------------------------------------------------------------------------

/// The first serial port: what the program has to say.
pub(crate) struct Serial;

impl fmt::Write for Serial {
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
    let _ = fmt::Write::write_fmt(&mut Serial, format_args!("{info}\n"));
    SCB::sys_reset()
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("fault at {:#x}", frame.pc());
}
