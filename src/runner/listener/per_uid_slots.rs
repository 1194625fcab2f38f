//! Where those wait who ask about the queue: of each uid one is served at a time, so that
//! nobody has the queue read for them many times at once.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The uids that are being served.
#[derive(Debug, Default)]
pub struct Counter {
    served: Mutex<HashSet<u32>>,
    left: Condvar,
}

/// One's place; given back when dropped.
#[derive(Debug)]
pub struct Place<'a> {
    counter: &'a Counter,
    uid: u32,
}

impl Counter {
    /// Waits for one's turn; `None` where it does not come in time.
    pub fn wait(&self, uid: u32, patience: Duration) -> Option<Place<'_>> {
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_timeout_while(served, patience, |served| served.contains(&uid));
        let (mut served, _) = waited.unwrap_or_else(PoisonError::into_inner);
        served.insert(uid).then(|| Place { counter: self, uid })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.counter.served.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
        self.counter.left.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests {
    use super::*;

    #[test]
    fn of_each_uid_one_is_served_at_a_time() {
        let counter = Counter::default();
        let place = counter.wait(1000, Duration::ZERO).unwrap();
        let _other = counter.wait(1001, Duration::ZERO).unwrap();
        assert!(counter.wait(1000, Duration::from_millis(10)).is_none());
        std::thread::scope(|scope| {
            let next = scope.spawn(|| counter.wait(1000, Duration::from_secs(30)).is_some());
            drop(place);
            assert!(next.join().unwrap());
        });
        assert!(counter.wait(1000, Duration::ZERO).is_some());
    }
}
