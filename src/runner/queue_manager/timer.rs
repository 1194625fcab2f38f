//! The runner's timer. It runs on the boot clock, which counts time spent suspended. A channel's timeout does not,
//! and would attempt mail hours late after a suspend.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::runner::event::Event;
use crate::sys::boot_clock::BootTimer;

/// Sends [`Event::Due`] when it expires.
#[derive(Debug)]
pub struct Timer {
    timer: Arc<BootTimer>,
}

impl Timer {
    /// Starts the thread that waits for the timer.
    ///
    /// The thread ends when the event loop has ended and the next expiry finds no receiver, or with the process. It
    /// must not be joined, because it may be waiting for a time that is hours away.
    pub fn start(events: Sender<Event>) -> io::Result<Self> {
        let timer = Arc::new(BootTimer::new()?);
        let waited_for = Arc::clone(&timer);
        std::thread::Builder::new().name("alarm".into()).spawn(move || {
            while waited_for.wait().is_ok() {
                if events.send(Event::Due).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { timer })
    }

    /// Expires once after this time. Replaces an earlier setting.
    pub fn set(&self, wait: Duration) -> io::Result<()> {
        self.timer.set(wait)
    }
}
