//! Connections of listeners whose clients say nothing for now. They wait in one poll loop; a connection has a thread only while there
//! is input. Hundreds of clients that keep a connection open cost the memory of what is known of them, and no thread's.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::smtp_connection::Connection;
use crate::log;
use crate::runner::thread_pool::ThreadPool;

/// How long to wait where polling fails, for lack of memory.
const BREATH: Duration = Duration::from_millis(50);

/// All of them.
#[derive(Debug)]
pub struct IdleConnections {
    entering: Mutex<Entering>,
    threads: Arc<ThreadPool>,
}

/// Those that the loop has not seen yet.
#[derive(Debug, Default)]
struct Entering {
    connections: Vec<Connection>,
    /// Wakes the loop; `None`: nobody has waited yet, and there is none.
    wake: Option<UnixStream>,
}

impl Default for IdleConnections {
    fn default() -> Self {
        Self { entering: Mutex::default(), threads: ThreadPool::for_smtp_clients() }
    }
}

impl IdleConnections {
    /// Gives the connection a thread for as long as there is input. Without one it closes, and the client tries again.
    pub fn go_on(self: &Arc<Self>, connection: Connection) {
        let idle = Arc::clone(self);
        let serve = move || {
            if let Some(waiting) = connection.go_on() {
                idle.add(waiting);
            }
        };
        let _ = self.threads.start(serve);
    }

    fn add(self: &Arc<Self>, connection: Connection) {
        let mut entering = self.entering.lock();
        if entering.wake.is_none() {
            match self.start() {
                Ok(wake) => entering.wake = Some(wake),
                // It closes, as without a thread.
                Err(error) => return log::warning(format_args!("cannot wait for SMTP clients: {error}")),
            }
        }
        entering.connections.push(connection);
        if let Some(wake) = &mut entering.wake {
            // Where there is no room for it, the loop is about to wake.
            let _ = wake.write(&[0]);
        }
    }

    fn start(self: &Arc<Self>) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let idle = Arc::clone(self);
        std::thread::Builder::new().name("smtp-idle".into()).spawn(move || idle.wait(&theirs))?;
        Ok(ours)
    }

    fn wait(self: &Arc<Self>, woken: &UnixStream) {
        let mut waiting = Vec::new();
        loop {
            waiting.append(&mut std::mem::take(&mut self.entering.lock().connections));
            // The last first, so that the others keep their places.
            for at in with_input(&waiting, woken).into_iter().rev() {
                self.go_on(waiting.swap_remove(at));
            }
        }
    }
}

/// Waits until a client says something, goes away or is late, or another connection comes; the places of those that can go on.
fn with_input(waiting: &[Connection], woken: &UnixStream) -> Vec<usize> {
    let soonest = waiting.iter().map(Connection::left).min();
    let soonest = soonest.and_then(|left| Timespec::try_from(left).ok());
    let mut fds = vec![PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN)];
    fds.extend(waiting.iter().map(|connection| PollFd::from_borrowed_fd(connection.socket(), PollFlags::IN)));
    match poll(&mut fds, soonest.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(_) => std::thread::sleep(BREATH),
    }
    let has_input: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    let [was_woken, clients @ ..] = has_input.as_slice() else { return Vec::new() };
    if *was_woken {
        // That it was woken is all that matters.
        let _ = (&*woken).read(&mut [0; 64]);
    }
    let can_go_on = |(at, connection): (usize, &Connection)| (clients[at] || connection.left().is_zero()).then_some(at);
    waiting.iter().enumerate().filter_map(can_go_on).collect()
}
