//! The mail at the end of `init`: one as root and one as a user of this machine, as cron and logwatch will send theirs. Whether it
//! arrives proves the server, the login and the rows of `generic` together.

use std::env;

use crate::cli::ask::say;
use crate::cli::exit::{Exit, Failure};
use crate::cli::login_test;
use crate::cli::test::mail::{self, Mail};
use crate::config::{Account, Config};
use crate::deliver::smtp::session::Session;
use crate::mail::address::Address;
use crate::mail::outcome::Seen;
use crate::rules::trouble::Verdict;
use crate::sys::user::{self, Caller};

/// Sends them over the session to the address, and says how to see that they arrived.
pub(super) fn send(config: &Config, name: &str, session: &mut Session, to: &Address) -> Result<Exit, Failure> {
    let missing = || Failure::new(Exit::Software, format_args!("[account.{name}] cannot be read"));
    let account = config.account(name).ok_or_else(missing)?;
    let mut subjects = Vec::new();
    for mail in mails(config, account, to)? {
        let fact = mail.send(session);
        let (verdict, cause) = mail::classify(&fact, &mail.sender, account, &config.hostname);
        if let (Verdict::Delivered, Seen::Reply(reply)) = (verdict, &fact.seen) {
            say(&format!("the server accepted \"{}\" from {}: {reply}", mail.subject, mail.sender));
            subjects.push(format!("\"{}\"", mail.subject));
            continue;
        }
        say(&format!("the server rejected \"{}\" from {}: {}", mail.subject, mail.sender, fact.seen));
        if let Some(cause) = cause {
            say(&format!("likely cause: {cause}"));
        }
        print_line!("The account works, but the server rejects its mail. To try again: postrider test --to {to}");
        return Ok(login_test::exit(verdict));
    }
    print_line!("Done. Look in the mailbox of {to} for {}.", subjects.join(" and "));
    print_line!("If one is missing, look among its spam, then run: postrider test {name} --to {to}");
    Ok(Exit::Ok)
}

/// As root and as a user; a further account carries no mail of theirs, so its own address is tried.
fn mails(config: &Config, account: &Account, to: &Address) -> Result<Vec<Mail>, Failure> {
    let of_account = || Mail::new(config, account, &to.to_string(), Some(&to.to_string())).map(|mail| vec![mail]);
    if config.default_account.as_deref() != Some(account.name.as_str()) {
        return of_account();
    }
    let caller = Caller::current();
    let sudoer = || env::var("SUDO_USER").ok().filter(|login| user::is_login(login));
    let own = if caller.uid == 0 { sudoer() } else { Some(caller.login) };
    let user = own.or_else(|| user::people().into_iter().next()).filter(|login| login != "root");
    let logins = std::iter::once("root".to_owned()).chain(user);
    let mails: Result<Vec<Mail>, Failure> = logins.map(|login| Mail::of_login(config, account, &login, to)).collect();
    mails.or_else(|_| {
        let origin = &config.origin;
        say(&format!(
            "`generic` has no entry for root@{origin}, so this machine's mail waits; add one, such as \
             \"@{origin}\" = \"{to}\""
        ));
        of_account()
    })
}
