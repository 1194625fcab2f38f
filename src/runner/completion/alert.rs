//! Telling people about an account in trouble, once per outage: a log line of priority
//! crit, the `on_stuck` command, one mail to postmaster through another account.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::postmaster_notice::{self, Event};
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::printable::printable;
use crate::spool::account_health::{AlertChannel, Outage};
use crate::spool::{MessageId, SpoolError};

/// Tells what is to be told now and was not; marks it in `sick`. The id of a mail that was stored.
pub fn raise(
    loaded: &Loaded,
    account: &str,
    sick: &mut Outage,
    lasted: Duration,
    works: impl Fn(&str) -> bool,
) -> Option<MessageId> {
    let is_owners = sick.trouble.is_owners();
    let mut is_first = |channel: AlertChannel| {
        let is_first = !sick.told.contains(&channel);
        if is_first {
            sick.told.push(channel);
        }
        is_first
    };
    let log = is_owners && is_first(AlertChannel::Log);
    let command = lasted >= loaded.config.on_stuck_after && is_first(AlertChannel::Command);
    let mail = is_owners && is_first(AlertChannel::Mail);
    if log {
        log::account_stuck(account, &sick.reason);
    }
    if command {
        run(loaded, account, sick);
    }
    if !mail {
        return None;
    }
    let through = loaded.config.accounts.iter().map(|account| account.name.as_str()).find(|name| works(name))?;
    match write(loaded, account, sick, through) {
        Ok(id) => id,
        Err(error) => {
            log::warning(error);
            None
        }
    }
}

/// Starts `on_stuck`, and a thread that waits for its end.
fn run(loaded: &Loaded, account: &str, sick: &Outage) {
    let [program, arguments @ ..] = loaded.config.on_stuck.as_slice() else { return };
    let started = Command::new(program)
        .args(arguments)
        .env("POSTRIDER_ACCOUNT", account)
        .env("POSTRIDER_RELAY", &sick.relay)
        .env("POSTRIDER_REASON", &sick.reason)
        .env("POSTRIDER_SINCE", sick.since.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    match started {
        Ok(mut child) => {
            // Nobody needs its end but the system, which keeps a dead child until it is asked for.
            let _ = std::thread::Builder::new().name("on_stuck".into()).spawn(move || child.wait());
        }
        Err(error) => log::warning(format_args!("cannot start `on_stuck` ({program}): {error}")),
    }
}

/// Stores the mail to postmaster.
fn write(loaded: &Loaded, account: &str, sick: &Outage, through: &str) -> Result<Option<MessageId>, SpoolError> {
    let text = format!(
        "Mail from this machine can no longer be sent through the account {account}.\n\
         \n\
         Reason: {reason}\n\
         Relay:  {relay}\n\
         Since:  {since}\n\
         \n\
         No mail is lost: it waits in the queue and is sent once this is fixed.\n\
         The account is configured in {path}. `postrider flush` tries again now,\n\
         and `postrider status` shows the current state.\n",
        reason = clean(&sick.reason),
        relay = clean(&sick.relay),
        since = sick.since,
        path = loaded.config.path.display(),
    );
    let subject = format!("mail account {account} needs attention");
    let event = Event { what: "alarm", subject: &subject, text: &text, through };
    postmaster_notice::tell_postmaster(loaded, &event)
}

fn clean(text: &str) -> String {
    printable(text).chars().take(900).collect()
}
