//! [`Counting`]: the system's allocator, which counts for each thread what it gives and takes back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// The allocator. A program that measures makes it its `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

/// How many allocations this thread has made, those that made one larger included.
#[must_use]
pub fn count() -> u64 {
    COUNT.get()
}

/// The bytes this thread has allocated and not freed, as they were asked for: what the allocator adds
/// to each is not in it.
#[must_use]
pub fn held() -> usize {
    HELD.get()
}

fn add(bytes: usize) {
    // A thread that is ending has no counters any more, and nobody to ask for them.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    let _ = HELD.try_with(|held| held.set(held.get().wrapping_add(bytes)));
}

fn take(bytes: usize) {
    let _ = HELD.try_with(|held| held.set(held.get().wrapping_sub(bytes)));
}

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code, reason = "an allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        take(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(layout.size());
        add(size);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
