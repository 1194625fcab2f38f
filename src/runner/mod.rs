//! The process that delivers the queue: one event loop decides, one thread per open session works, and small threads
//! listen (inotify, signals, sockets).

pub mod account_evidence;
pub mod alarm_thread;
pub mod completion;
pub mod context;
pub mod credential_files;
pub mod delivery;
pub mod durability;
pub mod event;
pub mod fallbacks;
mod finished;
pub mod flood_key;
pub mod held_notices;
pub mod listener;
pub mod message;
pub mod null_senders;
pub mod queue_manager;
pub mod rate_limit;
mod report_limit;
pub mod result;
pub mod session_restarts;
mod session_watchers;
pub mod thread_pool;

pub use crate::runner::queue_manager::event_loop::QueueManager;
pub use crate::runner::queue_manager::state::Until;
