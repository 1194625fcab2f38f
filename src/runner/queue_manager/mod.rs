//! The queue manager: the event loop and its decisions. At the bottom are parts with a state of their own (scheduler,
//! account backoff, flush requests, digests, intake), then the queue's state, which combines them, then what affects
//! several of them, and the event loop at the top. It does not deliver; `delivery` does.

mod account_backoff;
mod account_queue;
mod attempts;
mod counters;
mod digest_queue;
mod digests;
pub mod event_loop;
mod flood_queue;
mod floods;
mod flush;
mod flush_requests;
mod held_lists;
mod housekeeping;
mod idle_exit;
mod idle_period;
mod intake;
mod message_parts;
mod metrics;
mod mixed;
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
