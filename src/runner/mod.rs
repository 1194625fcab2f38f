//! The process that empties the queue: one loop that decides, a thread per open
//! session that works, and small threads that listen (inotify, signals, control).

pub mod care;
pub mod control;
pub mod ears;
pub mod engine;
pub mod errands;
pub mod report;
pub mod schedule;
pub mod settings;
pub mod settle;
pub mod watch;
pub mod work;

pub use engine::{Engine, Until};
