//! What the caller left behind and must not matter: descriptors, umask, limits, signals.
//! Descriptors 0 to 2 are open already, on /dev/null if need be: std sees to it before main.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// `SIGXFSZ`, and what ignores a signal (signal(7), signal(2)).
const FILE_SIZE_EXCEEDED: i32 = 25;
const IGNORE: usize = 1;

/// The first thing that main does.
#[allow(unsafe_code, reason = "std and rustix cannot close what one did not open, nor ignore a signal")]
pub fn harden() {
    unsafe extern "C" {
        fn close_range(first: u32, last: u32, flags: u32) -> i32;
        fn signal(number: i32, action: usize) -> usize;
    }
    // SAFETY: both are the C library's, declared as in close_range(2) and signal(2). Closing is
    // sound because nothing owns a descriptor above 2: this is main's first call, no thread was
    // started, and what ran before it (the loader, std) keeps none open. Should the kernel not
    // know close_range, they stay open, unused. Ignoring a signal installs no handler.
    unsafe {
        close_range(3, u32::MAX, 0);
        signal(FILE_SIZE_EXCEEDED, IGNORE);
    }
    umask(Mode::RWXO);
    // Its memory holds mail. Where the system refuses, the kernel still dumps no set-id program.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
