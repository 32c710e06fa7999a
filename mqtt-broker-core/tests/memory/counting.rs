//! An allocator that counts what is held by what is done under [`counted`].

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

pub(crate) struct Counting;

/// Does something, with its allocations counted.
pub(crate) fn counted<R>(act: impl FnOnce() -> R) -> R {
    PEAK.set(HELD.get());
    COUNTS.set(true);
    let result = act();
    COUNTS.set(false);
    result
}

/// The bytes that are held, and the most that were during the last [`counted`].
pub(crate) fn held() -> (usize, usize) {
    (HELD.get(), PEAK.get())
}

fn add(bytes: usize) {
    if COUNTS.get() {
        HELD.set(HELD.get().wrapping_add(bytes));
        PEAK.set(PEAK.get().max(HELD.get()));
    }
}

fn take(bytes: usize) {
    if COUNTS.get() {
        HELD.set(HELD.get().wrapping_sub(bytes));
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code, reason = "an allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        take(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both halves are there while one is copied.
        add(size);
        take(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
