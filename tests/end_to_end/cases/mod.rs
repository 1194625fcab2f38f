//! The stories, by what they are about.

mod background;
mod bounce;
mod content;
mod crash;
mod delivery;
mod front;
mod input;
mod looking;
mod memory;
mod oddities;
mod refusal;
mod runner;
mod setups;
mod trouble;
