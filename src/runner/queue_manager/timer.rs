//! The runner's one timer. It runs on the boot clock, which counts while the machine sleeps: the timeout of a channel
//! does not, and would attempt mail hours late after a suspend.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::runner::event::Event;

/// Sends [`Event::Due`] when it expires.
#[derive(Debug)]
pub struct Timer {
    timer: Arc<OwnedFd>,
}

impl Timer {
    /// Starts the thread that waits for it.
    pub fn start(events: Sender<Event>) -> io::Result<Self> {
        let timer = Arc::new(timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)?);
        let waited_for = Arc::clone(&timer);
        std::thread::Builder::new().name("alarm".into()).spawn(move || {
            let mut count = [0; 8];
            loop {
                match rustix::io::read(&*waited_for, &mut count) {
                    Ok(_) if events.send(Event::Due).is_err() => return,
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => return,
                }
            }
        })?;
        Ok(Self { timer })
    }

    /// Expires once after this time, and not when an earlier call said.
    pub fn set(&self, wait: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let wait = wait.max(Duration::from_millis(1));
        let once =
            Timespec { tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX), tv_nsec: wait.subsec_nanos().into() };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Itimerspec { it_interval: never, it_value: once };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }
}
