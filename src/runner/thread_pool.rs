//! A pool of threads that grows with the work. An idle thread waits briefly for another job, because starting a
//! thread costs more than most jobs.
//!
//! There are four pools. One settles attempts, so that a session need not wait for the disk before its next
//! transaction. One serves clients of the submission socket and one those of listeners, one thread each. One stores
//! submissions with many recipients.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// An idle thread exits after this time.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// The system could not start a thread. The job was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoThread;

/// The bounds of a pool.
#[derive(Debug, Clone, Copy)]
struct Size {
    threads: usize,
    /// Jobs that may wait for a thread.
    waiting: usize,
}

/// All decisions are made under this lock. `idle` counts threads that wait for a job, and they are taken into account
/// only as far as there are more of them than jobs that wait already: an idle thread that has been woken for one job
/// is not there for another.
#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// Threads of one name that share a queue of jobs.
pub struct ThreadPool {
    name: &'static str,
    size: Size,
    jobs: Mutex<Jobs>,
    job_added: Condvar,
    job_taken: Condvar,
}

impl std::fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadPool").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// For recording attempts: as many threads as can usefully share one sync of the file system.
    #[must_use]
    pub fn for_settling() -> Arc<Self> {
        Self::of("settler", Size { threads: 16, waiting: 32 })
    }

    /// For clients of the submission socket. The listener limits their number.
    #[must_use]
    pub fn for_clients() -> Arc<Self> {
        Self::of("guest", Size { threads: usize::MAX, waiting: usize::MAX })
    }

    /// For clients of listeners, while they say something. The listener limits their number.
    #[must_use]
    pub fn for_smtp_clients() -> Arc<Self> {
        Self::of("smtp-client", Size { threads: usize::MAX, waiting: usize::MAX })
    }

    /// For storing messages with many recipients. The allocator keeps the memory that a thread once used; with a
    /// thread per client, each would keep the memory of its largest submission.
    #[must_use]
    pub fn for_large_envelopes() -> Arc<Self> {
        Self::of("large envelopes", Size { threads: 4, waiting: usize::MAX })
    }

    fn of(name: &'static str, size: Size) -> Arc<Self> {
        let (jobs, job_added, job_taken) = (Mutex::default(), Condvar::new(), Condvar::new());
        Arc::new(Self { name, size, jobs, job_added, job_taken })
    }

    /// Runs the job soon on another thread, or on this one if the system cannot start a thread: an outcome must be
    /// recorded in any case. Blocks while too many jobs are waiting.
    ///
    /// A job that was put into the queue may be run by any thread of the pool, also by an older one that finishes in
    /// the meantime. So a thread that could not be started does not mean that this very job is still there; whichever
    /// job is left is run here.
    pub fn submit(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) {
        let mut jobs = self.jobs.lock();
        self.job_taken.wait_while(&mut jobs, |jobs| jobs.waiting.len() >= self.size.waiting);
        jobs.waiting.push_back(Box::new(job));
        if jobs.idle >= jobs.waiting.len() || jobs.threads >= self.size.threads {
            self.job_added.notify_one();
            return;
        }
        drop(jobs);
        if self.start_thread(None).is_err() {
            let job = self.jobs.lock().waiting.pop_front();
            if let Some(job) = job {
                job();
            }
        }
    }

    /// Runs the job immediately on another thread.
    ///
    /// For jobs that must not wait for others, because others may wait for a client. The queue is used only if a
    /// thread is idle for this job.
    pub fn start(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) -> Result<(), NoThread> {
        let mut jobs = self.jobs.lock();
        if jobs.idle > jobs.waiting.len() {
            jobs.waiting.push_back(Box::new(job));
            self.job_added.notify_one();
            return Ok(());
        }
        drop(jobs);
        self.start_thread(Some(Box::new(job)))
    }

    /// Counted before the thread exists, and no longer if it cannot be started. `submit` looks at the bound before,
    /// without holding the lock until here, so threads that submit at the same moment may exceed it by their number.
    fn start_thread(self: &Arc<Self>, first: Option<Job>) -> Result<(), NoThread> {
        self.jobs.lock().threads += 1;
        let own = Arc::clone(self);
        let run = move || {
            if let Some(job) = first {
                job();
            }
            own.work();
        };
        let started = std::thread::Builder::new().name(self.name.into()).spawn(run);
        if started.is_err() {
            self.jobs.lock().threads -= 1;
        }
        started.map(drop).map_err(|_| NoThread)
    }

    fn work(&self) {
        let mut jobs = self.jobs.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                drop(jobs);
                self.job_taken.notify_one();
                job();
                jobs = self.jobs.lock();
                continue;
            }
            jobs.idle += 1;
            let wait = self.job_added.wait_for(&mut jobs, IDLE);
            jobs.idle -= 1;
            // A job may have been added at the moment of the timeout, by a caller that still counted this thread as
            // idle. It must not leave then.
            if wait.timed_out() && jobs.waiting.is_empty() {
                jobs.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
