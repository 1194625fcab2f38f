//! End-to-end tests: the real programs, in a world of their own, against a provider
//! that does what its script says. The crate `support` has both; here are the stories, each
//! of which reads as a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod submit {
    mod account_option;
    mod background_delivery;
    mod caller_environment;
    mod client_files;
    mod content;
    mod dialogue_fuzz;
    mod idle_clients;
    mod large_message;
    mod network_clients;
    mod private_ca;
    mod recorded_callers;
    mod sendmail_bs;
    mod sendmail_modes;
    mod sendmail_options;
    pub mod smtp_client;
    mod smtp_listener;
    mod smtp_rights;
    mod smtp_stages;
    mod submission_errors;
    mod test_listener;
}
mod rules {
    mod aliases;
    mod postfix_setups;
    mod rewriting;
    mod route;
}
mod deliver {
    mod account_trouble;
    mod auth;
    mod bounce;
    mod capabilities;
    mod delivery;
    mod digest;
    mod fallback;
    mod held_lists;
    mod login_words;
    mod mailbox_schedule;
    mod mailbox_servers;
    mod mailboxes;
    mod many_recipients;
    mod mechanisms;
    mod message_trouble;
    mod null_sender;
    mod relays;
    mod reply_meaning;
    mod report_recipients;
    mod round_trips;
    mod session_oddities;
    mod session_over;
    mod smtp_limits;
    mod smtp_replies;
    mod timeouts;
    mod tls;
}
mod queue {
    mod failed;
    mod ids;
    mod mailq;
    mod queue_commands;
    mod readmit;
    mod retention;
    mod selection;
}
mod runner {
    mod alarm_channels;
    mod alarm_hosts;
    mod alarm_secrets;
    mod alarms;
    mod crash;
    mod daemon;
    mod floods;
    mod large_envelope;
    mod lifetime;
    mod parallel_use;
    mod scheduling;
}
mod config {
    mod check;
    mod conf_d;
    mod passwords;
}
mod import {
    mod conversion;
    mod left_out;
    mod other_programs;
    mod own_mail;
}
mod cli {
    mod backup;
    mod completion;
    mod conversation;
    mod init;
    mod issuer;
    mod login;
    mod login_in_keyring;
    mod metrics;
    mod report;
    mod route;
    mod schemas;
    pub mod status;
    mod status_ahead;
    mod test_command;
    mod token_answers;
    mod token_endpoint;
    mod unread;
}
mod docs {
    mod docs_are_tested;
    mod examples;
    mod formats_manual;
    mod machines_manual;
    mod submission_manual;
    mod trouble_manual;
}
mod scripted_provider;
