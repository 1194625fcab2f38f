//! Where mail and requests reach the runner: submission socket, control socket, SMTP listeners and pickup from drop/,
//! with limits for every client. Accepted mail goes through `submit::admit`.

pub mod accept_gate;
pub mod activity;
pub mod connection;
pub mod control_socket;
pub mod envelope_budget;
pub mod idle_connections;
pub mod intake_state;
pub mod login_guard;
pub mod open_transactions;
pub mod pickup;
mod private_certificate;
pub mod query;
pub mod seen_tokens;
mod served_certificate;
pub mod smtp_accepted;
pub mod smtp_connection;
pub mod smtp_counts;
pub mod smtp_listeners;
pub mod smtp_login;
pub mod smtp_message;
pub mod smtp_places;
pub mod smtp_policy;
pub mod smtp_state;
pub mod smtp_times;
pub mod submission_socket;
pub mod submitter_limits;
