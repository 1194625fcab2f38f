//! `postrider test --server`: what a server is and offers, before there is an account (msmtp's --serverinfo).

use std::fmt::Display;
use std::path::Path;

use super::report_failure;
use super::steps::{self, Detail, Printer};
use crate::cli::exit::{Exit, Failure};
use crate::cli::login_test;
use crate::cli::print::{say, say_verdict};
use crate::config::relay::Relay;
use crate::config::{Config, read};
use crate::import::draft::quoted;
use crate::rules::advice::Place;
use crate::sys::host;

/// The ports of submission: implicit TLS first (RFC 8314 section 3.3).
const PORTS: [u16; 2] = [465, 587];

/// Talks to the server, on the port that is named or on each of [`PORTS`]. Good if one of them is.
pub(super) fn run(server: &str, detail: Detail) -> Result<Exit, Failure> {
    let mut exit = Exit::TempFail;
    let places = places(server);
    for (number, place) in places.iter().enumerate() {
        if number > 0 {
            say("");
        }
        let config = config(place)?;
        match one(&config, place, detail) {
            Exit::Ok => exit = Exit::Ok,
            other if places.len() == 1 => exit = other,
            _ => {}
        }
    }
    Ok(exit)
}

/// Where to connect to, as `relay` has it.
fn places(server: &str) -> Vec<String> {
    let behind_brackets = server.rsplit_once(']').map_or(server, |(_, rest)| rest);
    if behind_brackets.contains(':') {
        return vec![server.to_owned()];
    }
    PORTS.iter().map(|port| format!("{server}:{port}")).collect()
}

/// A config with nothing but this relay.
fn config(place: &str) -> Result<Config, Failure> {
    let wrong = |error: &dyn Display| Failure::new(Exit::Usage, format_args!("--server {place}: {error}"));
    Relay::parse(place, host::service).map_err(|error| wrong(&error))?;
    // The name stands for the one that an account will have, in what is said of a failure.
    let text = format!("spool = \"/nonexistent\"\n[account.NAME]\nrelay = {}\n", quoted(place));
    read::read(Path::new("--server"), &text).map_err(|error| wrong(&error))
}

fn one(config: &Config, place: &str, detail: Detail) -> Exit {
    // The config has this one account.
    let Some(account) = config.accounts.first() else { return Exit::Software };
    say(&format!("Server {place}:"));
    match login_test::open_named(account, Place::CommandLine, &host::this_machine(), Box::new(Printer(detail))) {
        Ok(session) => {
            let summary = steps::summary(session.described(), session.capabilities());
            session.quit();
            say_verdict(&summary);
            Exit::Ok
        }
        Err(no) => {
            report_failure(&no, no.cause.as_deref(), Some("NAME"));
            no.exit
        }
    }
}
