//! Unit tests of `runner::completion::held_notice`.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::config::read::read;
use crate::mail::submitter::ClientName;

/// The account of the notice about held mail of a user whose login is that of this process.
fn notice_through(accounts: &[(&str, &str)], submitter: &Submitter) -> String {
    let section = |(name, users): &(&str, &str)| format!("[account.{name}]\nrelay = \"{name}.example\"\n{users}\n");
    let sections = accounts.iter().map(section).collect::<Vec<_>>().concat();
    let config = read(Path::new("/home/ana/config.toml"), &sections).unwrap();
    through(&config, submitter, "reserved").unwrap().name.clone()
}

#[test]
fn a_notice_about_held_mail_uses_up_no_account_that_is_reserved_for_others() {
    let uid = rustix::process::geteuid().as_raw();
    let (me, user) = (Caller::of(uid).login, Submitter::Local(uid));
    let mine = format!("users = [\"{me}\"]");
    let reserved = ("reserved", "users = [\"nobody-else\"]");
    let roots = ("roots", "users = [\"root\"]");
    let client = Submitter::Client(ClientName::parse("scanner").unwrap());
    for (accounts, submitter, expected) in [
        (vec![reserved, ("all", "")], &user, "all"),
        (vec![reserved, ("mine", mine.as_str())], &user, "mine"),
        (vec![reserved, ("mine", mine.as_str()), ("all", "")], &client, "all"),
        (vec![reserved, roots], &client, "roots"),
        (vec![reserved], &user, "reserved"),
    ] {
        assert_eq!(notice_through(&accounts, submitter), expected, "{accounts:?} {submitter:?}");
    }
}
