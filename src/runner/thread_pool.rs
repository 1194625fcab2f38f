//! Threads that come and go with the work: one that has done its job waits a moment for another, since starting a
//! thread costs more than most jobs. Settlers write down what sessions learnt, so that a session need not wait for
//! the disk before its next transaction; guests' threads serve the socket, one each.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A thread without work ends after that time.
const IDLE: Duration = Duration::from_secs(5);

/// What is to be done.
type Job = Box<dyn FnOnce() + Send>;

/// No thread could be started for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoThread;

/// How many may be at it.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Most threads.
    most: usize,
    /// Most jobs that wait for one.
    waiting: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// The threads of one name.
pub struct ThreadPool {
    name: &'static str,
    size: Size,
    state: Mutex<State>,
    /// Work has come.
    come: Condvar,
    /// Work was taken.
    taken: Condvar,
}

impl std::fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crew").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// Those who write down: as many as may share one sync of the file system.
    #[must_use]
    pub fn settlers() -> Arc<Self> {
        Self::of("settler", Size { most: 16, waiting: 32 })
    }

    /// Those who serve the socket: one for each guest, whose number is limited at the door.
    #[must_use]
    pub fn for_guests() -> Arc<Self> {
        Self::of("guest", Size { most: usize::MAX, waiting: usize::MAX })
    }

    fn of(name: &'static str, size: Size) -> Arc<Self> {
        let (state, come, taken) = (Mutex::default(), Condvar::new(), Condvar::new());
        Arc::new(Self { name, size, state, come, taken })
    }

    /// Has it done soon, by another thread; by this one where there can be no other. Waits while too much is waiting.
    pub fn give(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        while state.waiting.len() >= self.size.waiting {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.push_back(Box::new(job));
        if state.idle >= state.waiting.len() || state.threads >= self.size.most {
            self.come.notify_one();
            return;
        }
        drop(state);
        if self.hire(None).is_err() {
            let job = self.state().waiting.pop_front();
            if let Some(job) = job {
                job();
            }
        }
    }

    /// Has it begun at once, by another thread.
    pub fn begin(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) -> Result<(), NoThread> {
        let mut state = self.state();
        if state.idle > state.waiting.len() {
            state.waiting.push_back(Box::new(job));
            self.come.notify_one();
            return Ok(());
        }
        drop(state);
        self.hire(Some(Box::new(job)))
    }

    fn hire(self: &Arc<Self>, first: Option<Job>) -> Result<(), NoThread> {
        self.state().threads += 1;
        let own = Arc::clone(self);
        let begin = move || {
            if let Some(job) = first {
                job();
            }
            own.work();
        };
        let hired = std::thread::Builder::new().name(self.name.into()).spawn(begin);
        if hired.is_err() {
            self.state().threads -= 1;
        }
        hired.map(drop).map_err(|_| NoThread)
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
        let (settlers, (tell, hear)) = (ThreadPool::settlers(), channel());
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
        assert!(settlers.state().threads <= settlers.size.most);
    }
}
