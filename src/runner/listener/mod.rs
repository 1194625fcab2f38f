//! Where mail and requests reach the runner: the submission socket, the control socket and
//! pickup from drop/, with the limits on every client. What is accepted goes through
//! `submit::admit`.

pub mod client_limits;
pub mod connection;
pub mod control_socket;
pub mod envelope_budget;
pub mod intake_state;
pub mod pickup;
pub mod query;
pub mod seen_tokens;
pub mod submission_socket;
