//! Finds the recipient of a report: the sender, if its address is one of this machine; otherwise the submitter or the
//! postmaster. `dsn` writes the report.
//!
//! A report is never sent to an address that somebody else may own. Anybody can submit mail with a foreign sender, and
//! a bounce to it would make this machine a source of mail to strangers (backscatter). And a report about a report
//! goes to the postmaster once and then no further, or two machines could return their bounces to each other without
//! end.

use crate::config::Config;
use crate::control::loaded::Loaded;
use crate::deliver::dsn::Report;
use crate::deliver::plan;
use crate::mail::address::{Address, ReversePath};
use crate::mail::submitter::Submitter;
use crate::spool::{Envelope, Kind, Recipient};
use crate::sys::user::Caller;

/// The recipient of a report about the message: its sender. If a report of a failure fails itself, it goes to the
/// postmaster, and no further.
pub(super) fn of_report(loaded: &Loaded, original: &Envelope, report: Report) -> Option<Address> {
    let to = match (&original.sender, original.kind, report) {
        (ReversePath::Mailbox(to), Kind::Mail, _) => match owner(&loaded.config, original) {
            Some(owner) => owner,
            None => Some(to).filter(|to| loaded.is_own_sender(to))?.clone(),
        },
        (_, Kind::Bounce | Kind::Digest, Report::Failed) => postmaster(&loaded.config, original)?,
        _ => return None,
    };
    // A report that cannot leave this machine would be lost. Without it the message is kept in failed/, from where it
    // can be sent again.
    is_deliverable(loaded, &to).then_some(to)
}

/// The recipient of a notice about mail that is not returned to its sender.
pub(super) fn of_submitter(loaded: &Loaded, original: &Envelope) -> Option<Address> {
    let login = match &original.submitter {
        Submitter::Local(uid) => Some(Caller::of(*uid).login),
        Submitter::Client(name) => loaded.config.client(name).map(|client| client.owner.clone()),
    };
    let submitter = login.and_then(|login| Address::new(&login, &loaded.config.origin).ok());
    let submitter = submitter.filter(|submitter| loaded.is_own_sender(submitter));
    submitter.into_iter().chain(postmaster_address(&loaded.config)).find(|reader| is_deliverable(loaded, reader))
}

/// The owner of the network client that submitted it, because nobody reads mail sent to a device. If the client is a
/// mail system, its senders read their own mail.
fn owner(config: &Config, original: &Envelope) -> Option<Address> {
    let client = original.submitter.client().and_then(|name| config.client(name))?;
    Address::new(&client.owner, &config.origin).ok().filter(|_| !client.relay_for_others)
}

fn is_deliverable(loaded: &Loaded, address: &Address) -> bool {
    let (recipients, tables) = (loaded.own_recipients(address), loaded.leaving());
    recipients.iter().any(|recipient| plan::is_deliverable(&loaded.config, &tables, recipient))
}

/// The postmaster's address, unless this message was already sent there.
fn postmaster(config: &Config, original: &Envelope) -> Option<Address> {
    let address = postmaster_address(config)?;
    let went_there = |recipient: &Recipient| recipient.given.eq_ignore_ascii_case(&address.to_string());
    (!original.recipients.iter().any(went_there)).then_some(address)
}

/// `postmaster` of the configuration, as a complete address.
#[must_use]
pub fn postmaster_address(config: &Config) -> Option<Address> {
    let name = &config.postmaster;
    let complete = if name.contains('@') { name.clone() } else { format!("{name}@{}", config.origin) };
    Address::parse(&complete).ok()
}
