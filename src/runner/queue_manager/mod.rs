//! The queue manager: the event loop, and what it decides with. Parts with a state of their own are lowest (scheduler,
//! account backoff, flush requests, digests, intake), the queue's state puts them together, above it is what happens to
//! several of them, and the event loop is at the top. It delivers nothing itself; `delivery` does.

mod account_backoff;
mod attempts;
mod digest_queue;
mod digests;
pub mod event_loop;
mod flush;
mod flush_requests;
mod housekeeping;
mod intake;
mod modify;
mod owner_pace;
mod reload;
mod round_robin;
mod scan;
mod scheduler;
pub mod state;
mod timer;
pub mod watchers;
mod workers;
