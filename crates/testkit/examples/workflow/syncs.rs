//! Counts how often this process asks the kernel to sync a file, below the store: SQLite and the standard library
//! call `fdatasync` and `fsync` of the C library by name, and here these names are ours. We count and make the
//! system call ourselves.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

static SYNCS: AtomicU64 = AtomicU64::new(0);

/// Syncs so far.
pub(crate) fn count() -> u64 {
    SYNCS.load(Ordering::Relaxed)
}

fn counted(descriptor: i32, sync: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<()>) -> i32 {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: whoever calls `fsync` holds the descriptor open until it returns.
    #[expect(unsafe_code, reason = "the C library hands over a number")]
    let file = unsafe { BorrowedFd::borrow_raw(descriptor) };
    // Setting `errno` is the C library's own business: a disk that fails ends the measurement.
    sync(file).map_or_else(|error| panic!("the disk failed: {error}"), |()| 0)
}

/// In place of the C library's.
#[expect(unsafe_code, reason = "taking the place of a function of the C library is what counts its calls")]
#[unsafe(no_mangle)]
extern "C" fn fdatasync(descriptor: i32) -> i32 {
    counted(descriptor, |file| rustix::fs::fdatasync(file))
}

/// In place of the C library's.
#[expect(unsafe_code, reason = "taking the place of a function of the C library is what counts its calls")]
#[unsafe(no_mangle)]
extern "C" fn fsync(descriptor: i32) -> i32 {
    counted(descriptor, |file| rustix::fs::fsync(file))
}
