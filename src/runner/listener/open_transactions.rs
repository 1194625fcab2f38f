//! The transactions that clients have open. A runner that stops lets them come to their end: a client that has sent its message
//! and gets no reply cannot know whether it was stored, and must wait for an hour or risk a second copy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Shared by all connections.
#[derive(Debug, Default)]
pub struct OpenTransactions {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_stopping: bool,
    open: usize,
}

/// A client is answered, or in a transaction, until this is dropped.
#[derive(Debug)]
pub struct OpenTransaction(Arc<OpenTransactions>);

impl OpenTransactions {
    /// Before input is answered outside of a transaction. `None` if the runner stops.
    pub fn begin(self: &Arc<Self>) -> Option<OpenTransaction> {
        let mut state = self.state.lock();
        if state.is_stopping {
            return None;
        }
        state.open += 1;
        Some(OpenTransaction(Arc::clone(self)))
    }

    /// No other begins from now on; waits for those that are open, but no longer than this.
    pub fn finish(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut state = self.state.lock();
        state.is_stopping = true;
        while state.open > 0 {
            if self.ended.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        self.0.state.lock().open -= 1;
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
