//! Mail in: the front end's collecting, admission, handing over
//! to the runner, and the SMTP dialogue (no sockets).

pub mod admit;
pub mod collect;
pub mod complete;
pub mod dialogue;
pub mod entry;
pub mod frame;
pub mod hand_in;
pub mod hand_over;
pub mod head;
pub mod input;
mod kept;
pub mod mail_back;
pub mod pickup;
pub mod readmit;
pub mod recipients;
pub mod serve;
pub mod submission;

#[cfg(test)]
mod any_input;
