//! The queue manager: the event loop and what it decides with - scan, scheduler, account
//! backoff, flush requests, timers and watchers. It delivers nothing itself; `delivery` does.

pub mod account_backoff;
pub mod digests;
pub mod event_loop;
pub mod flush;
pub mod modify;
pub mod round_robin;
pub mod scan;
pub mod scheduler;
pub mod startup;
pub mod timer;
pub mod watchers;
