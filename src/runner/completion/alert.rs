//! Alerts people to an account's outage, once per outage: a log line of priority crit, the `on_stuck` command, and a
//! mail to the postmaster through another account.
//!
//! An outage alerts each channel once and not once per message or probe: a thousand waiting messages must not become a
//! thousand alerts, and the mail is itself mail that has to be delivered. So it goes through another account, one
//! without an outage. The log line and the command do not depend on any mail.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::postmaster_notice::{self, Event};
use crate::config::mailbox::shown_account;
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::printable::printable;
use crate::spool::account_health::{AlertChannel, Outage};
use crate::spool::{MessageId, SpoolError};

/// Sends the alerts that are due and not sent yet, and marks them in `outage`. Returns the id of the mail, if one was
/// stored.
pub fn raise(
    loaded: &Loaded,
    account: &str,
    outage: &mut Outage,
    lasted: Duration,
    works: impl Fn(&str) -> bool,
) -> Option<MessageId> {
    let is_owners = outage.trouble.is_owners();
    let mut is_first = |channel: AlertChannel| {
        let is_first = !outage.told.contains(&channel);
        if is_first {
            outage.told.push(channel);
        }
        is_first
    };
    let log = is_owners && is_first(AlertChannel::Log);
    // Also for relay trouble, which usually ends by itself and becomes worth an alert only with time.
    let command = lasted >= loaded.config.on_stuck_after && is_first(AlertChannel::Command);
    let mail = is_owners && is_first(AlertChannel::Mail);
    if log {
        log::account_stuck(shown_account(account), &outage.reason);
    }
    if command {
        run(loaded, account, outage);
    }
    if !mail {
        return None;
    }
    // With a single account there is no other way out for mail; the log and the command remain.
    let through = loaded.config.accounts.iter().map(|account| account.name.as_str()).find(|name| works(name))?;
    match write(loaded, shown_account(account), outage, through) {
        Ok(id) => id,
        Err(error) => {
            log::warning(error);
            None
        }
    }
}

/// Starts `on_stuck`, and a thread that waits for it to end.
///
/// The event loop must not wait for the program: it is somebody's script and may hang.
fn run(loaded: &Loaded, account: &str, outage: &Outage) {
    let [program, arguments @ ..] = loaded.config.on_stuck.as_slice() else { return };
    let started = Command::new(program)
        .args(arguments)
        .env("POSTRIDER_ACCOUNT", shown_account(account))
        .env("POSTRIDER_RELAY", &outage.relay)
        .env("POSTRIDER_REASON", &outage.reason)
        .env("POSTRIDER_SINCE", outage.since.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    match started {
        Ok(mut child) => {
            // Nobody needs the result, but without a wait the process would remain as a zombie.
            let _ = std::thread::Builder::new().name("on_stuck".into()).spawn(move || child.wait());
        }
        Err(error) => log::warning(format_args!("cannot start `on_stuck` ({program}): {error}")),
    }
}

/// Stores the mail to the postmaster.
fn write(loaded: &Loaded, account: &str, outage: &Outage, through: &str) -> Result<Option<MessageId>, SpoolError> {
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
        reason = clean(&outage.reason),
        relay = clean(&outage.relay),
        since = outage.since,
        path = loaded.config.path.display(),
    );
    let subject = format!("mail account {account} needs attention");
    let event = Event { what: "alarm", subject: &subject, text: &text, through };
    postmaster_notice::tell_postmaster(loaded, &event)
}

fn clean(text: &str) -> String {
    printable(text).chars().take(900).collect()
}
