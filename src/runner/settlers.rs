//! Threads that write down what sessions learnt, so that a session need not wait for the disk before its next
//! transaction: syncs of several messages happen at the same time, and the file system makes one of them. How far
//! sessions may be ahead of the disk is `safe`'s.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most threads.
const MOST: usize = 16;
/// Most messages that wait for one.
const WAITING: usize = 32;
/// A thread without work ends after that time.
const IDLE: Duration = Duration::from_secs(5);

/// What is to be done for one message.
type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// The threads; they come and go with the work.
#[derive(Default)]
pub struct Settlers {
    state: Mutex<State>,
    /// Work has come.
    come: Condvar,
    /// Work was taken.
    taken: Condvar,
}

impl std::fmt::Debug for Settlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settlers").finish_non_exhaustive()
    }
}

impl Settlers {
    /// Has it done soon, by another thread; by this one where there can be no other. Waits while too much is waiting.
    pub fn give(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        while state.waiting.len() >= WAITING {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.push_back(Box::new(job));
        if state.idle >= state.waiting.len() || state.threads >= MOST {
            self.come.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        let own = Arc::clone(self);
        if std::thread::Builder::new().name("settler".into()).spawn(move || own.work()).is_err() {
            let mut state = self.state();
            state.threads -= 1;
            let job = state.waiting.pop_front();
            drop(state);
            if let Some(job) = job {
                job();
            }
        }
    }

    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                drop(state);
                self.taken.notify_one();
                job();
                state = self.state();
                continue;
            }
            state.idle += 1;
            let (woken, wait) = self.come.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn all_is_done_and_by_several_at_a_time() {
        let (settlers, (tell, hear)) = (Arc::new(Settlers::default()), channel());
        let together = Arc::new(std::sync::Barrier::new(4));
        for number in 0..100 {
            let (tell, together) = (tell.clone(), Arc::clone(&together));
            settlers.give(move || {
                if number < 4 {
                    // Goes on only when four are at it.
                    together.wait();
                }
                tell.send(number).unwrap();
            });
        }
        let mut done: Vec<i32> = (0..100).map(|_| hear.recv().unwrap()).collect();
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        assert!(settlers.state().threads <= MOST);
    }
}
