//! The process that empties the queue: one loop that decides, a thread per open
//! session that works, and small threads that listen (inotify, signals, control).

mod alarm;
mod allowance;
pub mod care;
pub mod change;
pub mod clock;
pub mod control;
mod counter;
pub mod crew;
mod departures;
pub mod desk;
pub mod digest;
pub mod door;
pub mod ears;
pub mod engine;
mod entrances;
pub mod errands;
pub mod front;
mod group;
pub mod guests;
mod intake;
mod judge;
pub mod listing;
pub mod news;
mod outage;
mod permission;
pub mod porter;
pub mod readiness;
mod recorded;
pub mod report;
pub mod safe;
pub mod schedule;
pub mod seat;
pub mod selection;
pub mod settings;
pub mod settle;
pub mod shown;
pub mod standing;
pub mod tempo;
mod turns;
mod unsent;
pub mod verification;
pub mod viewer;
pub mod watch;
pub mod work;

pub use engine::{Engine, Until};
