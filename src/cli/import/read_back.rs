//! What was made of the other program's configuration, read and tried as delivery would: an import is done when its
//! result is known to work.

use std::path::Path;

use crate::cli::exit::{Exit, Failure};
use crate::cli::{check, route};
use crate::config::{Config, read};
use crate::mail::address::Address;
use crate::mail::printable::printable;

/// Somebody at no provider of anybody's.
const ELSEWHERE: &str = "somebody@elsewhere.example";

/// No more senders than this are shown; a table may name thousands.
const SHOWN: usize = 20;

/// The config that the text is.
pub(super) fn config(path: &Path, text: &str) -> Result<Config, Failure> {
    read::read(path, text).map_err(|error| {
        let what = "this configuration cannot be converted, and nothing was written; set up an account with \
                    \"postrider init\". The result would have been";
        Failure::new(Exit::Config, format_args!("{what}: {error}"))
    })
}

/// Shows what becomes of mail of and to the users that every machine has, and of each sender that the source names.
pub(super) fn routes(config: &Config) {
    print_line!("\nHow mail is sent now:");
    let named = config.accounts.iter().flat_map(|account| &account.senders).map(String::as_str);
    let named = named.filter(|sender| Address::parse(sender).is_ok()).take(SHOWN);
    for sender in ["root", "postmaster"].into_iter().chain(named) {
        match route::summary(config, sender, ELSEWHERE) {
            Ok((way, _)) => print_line!("- from {sender}: {}", printable(&way)),
            Err(failure) => print_line!("- from {sender}: {}", printable(&failure.message)),
        }
    }
    for recipient in ["root", "postmaster"] {
        match route::summary(config, "root", recipient) {
            Ok((_, to)) => print_line!("- to {recipient}: {}", printable(&to.join(", "))),
            Err(failure) => print_line!("- to {recipient}: {}", printable(&failure.message)),
        }
    }
}

/// Shows what `check` finds in it.
pub(super) fn check(config: &Config) -> Exit {
    let (lines, exit) = check::of_new(config);
    if !lines.is_empty() {
        print_line!("\nTo be looked at:");
        for line in lines {
            print_line!("- {line}");
        }
    }
    exit
}
