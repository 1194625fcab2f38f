//! Waiting for what must come.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the condition holds; it is an error if it never does.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    wait_until(PATIENCE, || condition().then_some(()), || format!("waited in vain for: {what}"));
}

/// Waits until `look` finds something; panics with the words of `complaint` when `patience` ends.
#[track_caller]
pub fn wait_until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>, complaint: impl FnOnce() -> String) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < patience, "{}", complaint());
        // Often at first, since most things come at once; ever less often then, so that looking leaves the processors to the work.
        thread::sleep((start.elapsed() / 32).clamp(Duration::from_millis(5), Duration::from_millis(100)));
    }
}
