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
mod misbehaviour;
mod modes;
mod oddities;
mod operating;
mod pipe;
mod recorded;
mod refusal;
mod runner;
mod session_content;
mod session_login;
mod session_speed;
mod session_test;
mod session_tls;
mod setups;
mod surroundings;
mod tables_rewriting;
mod trouble;
