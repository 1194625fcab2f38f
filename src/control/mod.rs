//! What people and programs ask about the queue, and how they reach it: the protocol of
//! the two sockets, who may see and change what, and the answers that the spool alone
//! can give. The event loop, which answers the rest, is in `runner`.

pub mod access;
pub mod client;
pub mod listing;
pub mod loaded;
pub mod message_detail;
pub mod modify;
pub mod protocol;
pub mod queue_access;
pub mod selection;
pub mod status;
pub mod verify;
