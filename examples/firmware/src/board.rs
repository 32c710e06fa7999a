//! The board, a Stellaris LM3S6965: its registers and interrupts, and its memory.
//!
//! All that is `unsafe` in this program is here. What is public is safe to call in any order.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};

use cortex_m::Peripherals;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::{ExceptionFrame, exception};
use embedded_alloc::LlffHeap;

// --- registers -------------------------------------------------------------------------------

/// A register of a peripheral. There are only those named here.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    pub(crate) const RAW_INTERRUPTS: Self = Self(0x400F_E050);
    pub(crate) const RUN_MODE_CLOCK: Self = Self(0x400F_E060);
    pub(crate) const CLOCK_GATES_2: Self = Self(0x400F_E108);
    pub(crate) const UART_DATA: Self = Self(0x4000_C000);
    pub(crate) const UART_FLAGS: Self = Self(0x4000_C018);
    pub(crate) const MAC_INTERRUPTS: Self = Self(0x4004_8000);
    pub(crate) const MAC_INTERRUPT_MASK: Self = Self(0x4004_8004);
    pub(crate) const MAC_RECEIVE_CONTROL: Self = Self(0x4004_8008);
    pub(crate) const MAC_TRANSMIT_CONTROL: Self = Self(0x4004_800C);
    pub(crate) const MAC_DATA: Self = Self(0x4004_8010);
    pub(crate) const MAC_ADDRESS_LOW: Self = Self(0x4004_8014);
    pub(crate) const MAC_ADDRESS_HIGH: Self = Self(0x4004_8018);
    pub(crate) const MAC_FRAMES: Self = Self(0x4004_8034);
    pub(crate) const MAC_TRANSMIT: Self = Self(0x4004_8038);

    pub(crate) fn read(self) -> u32 {
        // SAFETY: the address of a register of this chip, aligned, always readable.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: the address of a register of this chip, aligned. None of them makes the hardware
        // read or write the program's memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

// --- interrupts ------------------------------------------------------------------------------

/// The interrupt of the Ethernet controller.
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

/// Lets the next frame interrupt again.
pub(crate) fn unmask_ethernet() {
    // SAFETY: the handler shares nothing, so it breaks no critical section.
    unsafe { NVIC::unmask(Ethernet) };
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

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("fault at {:#x}", frame.pc());
}

// --- memory ----------------------------------------------------------------------------------

/// Bytes of the heap: what the stack, the sockets and the program's own state leave.
pub(crate) const HEAP_SIZE: usize = 49 << 9;

/// The array behind the heap; not zeroed at the start.
#[unsafe(link_section = ".uninit.HEAP")]
static MEMORY: Memory = Memory(UnsafeCell::new(MaybeUninit::uninit()));

#[repr(align(8))]
struct Memory(UnsafeCell<MaybeUninit<[u8; HEAP_SIZE]>>);

// SAFETY: only the heap uses it, in critical sections.
unsafe impl Sync for Memory {}

#[global_allocator]
static HEAP: Heap = Heap {
    free_list: LlffHeap::empty(),
    peak: AtomicUsize::new(0),
    reach: AtomicUsize::new(0),
    failed: AtomicUsize::new(0),
};

/// The heap, with what was ever asked of it.
struct Heap {
    free_list: LlffHeap,
    peak: AtomicUsize,
    reach: AtomicUsize,
    failed: AtomicUsize,
}

// SAFETY: the free list's own, whose answer is passed on.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises is what is asked of it.
        let pointer = unsafe { self.free_list.alloc(layout) };
        if pointer.is_null() {
            self.failed.store(self.failed.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            raise(&self.peak, self.free_list.used());
            raise(&self.reach, pointer as usize - MEMORY.0.get() as usize + layout.size());
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.free_list.dealloc(pointer, layout) }
    }
}

/// There is one thread, so a load and a store are enough.
fn raise(most: &AtomicUsize, now: usize) {
    if now > most.load(Ordering::Relaxed) {
        most.store(now, Ordering::Relaxed);
    }
}

/// Makes the heap usable. The processor's peripherals; `None` the second time.
pub(crate) fn start() -> Option<Peripherals> {
    let peripherals = Peripherals::take()?;
    // SAFETY: the array is used by nothing else, and this is reached once.
    unsafe { HEAP.free_list.init(MEMORY.0.get() as usize, HEAP_SIZE) };
    Some(peripherals)
}

/// Bytes of the heap in use.
pub(crate) fn heap_used() -> usize {
    HEAP.free_list.used()
}

/// The most bytes of the heap that were ever in use.
pub(crate) fn heap_peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}

/// Bytes from the beginning of the heap to the end of what was ever in use: the lowest place that
/// is large enough is taken, so this is the peak and the holes below it.
pub(crate) fn heap_reach() -> usize {
    HEAP.reach.load(Ordering::Relaxed)
}

/// How often the heap had no room for what was asked of it.
pub(crate) fn heap_failed() -> usize {
    HEAP.failed.load(Ordering::Relaxed)
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
