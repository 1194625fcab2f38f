//! What lets connections and pickup in, and whether any is still in. A runner that leaves closes it first: a connection that it
//! accepted and did not serve would be lost to its client, while one in the backlog of systemd's socket is served by the next
//! runner.

use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Shared by everything that lets mail or requests in.
#[derive(Debug, Default)]
pub struct AcceptGate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    /// Connections that are served, and looks into drop/.
    inside: usize,
    /// Connections accepted so far.
    accepted: u64,
}

/// Something that was let in; until it is dropped, the runner does not leave.
#[derive(Debug)]
pub struct Admitted(Arc<AcceptGate>);

impl AcceptGate {
    /// Accepts a connection, without waiting for one. While the gate is closed, this waits: the process ends meanwhile, or it is
    /// opened again.
    pub fn accept<T>(self: &Arc<Self>, accept: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Admitted)> {
        let mut state = self.state.lock();
        self.opened.wait_while(&mut state, |state| state.is_closed);
        // Under the lock: once it is closed, nothing was accepted that is not counted.
        let connection = accept()?;
        state.inside += 1;
        state.accepted += 1;
        Ok((connection, Admitted(Arc::clone(self))))
    }

    /// Lets in what is no connection.
    pub fn enter(self: &Arc<Self>) -> Admitted {
        let mut state = self.state.lock();
        self.opened.wait_while(&mut state, |state| state.is_closed);
        state.inside += 1;
        Admitted(Arc::clone(self))
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.state.lock().accepted
    }

    /// Closes it if nothing is inside. Returns whether it is closed.
    pub fn close_if_empty(&self) -> bool {
        let mut state = self.state.lock();
        state.is_closed = state.inside == 0;
        state.is_closed
    }

    /// Opens it again.
    pub fn open(&self) {
        self.state.lock().is_closed = false;
        self.opened.notify_all();
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.state.lock().inside -= 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
