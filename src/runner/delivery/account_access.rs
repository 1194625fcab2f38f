//! Mail that uses an account which its submitter may not use. Mail from drop/ was accepted before this could be
//! checked, so it is held instead of returned, and the postmaster is notified.
//!
//! A message without access is held rather than refused, because its sender cannot fix what is wrong: an administrator
//! may add the login to `users`, or may have removed a client by mistake. A hold can be undone; a bounce is final.

use crate::config::{Account, Config};
use crate::deliver::plan::Plan;
use crate::log;
use crate::mail::outcome::Outcome;
use crate::mail::submitter::Submitter;
use crate::rules::route;
use crate::runner::completion::postmaster_notice::{self, Event};
use crate::runner::completion::settle;
use crate::runner::message::OpenMessage;
use crate::runner::report_limit::ReportLimit;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::journal_line::Line;
use crate::spool::{Envelope, Kind, MessageId, SpoolError};
use crate::sys::user::Caller;

/// The submitter, if the account is not for them. Our own reports use the account of the mail they describe.
///
/// Asked at every attempt and not only on arrival, since both the account's `users` and the account that a sender
/// belongs to may have changed while the message waited.
pub(crate) fn refused(plan: &Plan<'_>, envelope: &Envelope, config: &Config) -> Option<Refused> {
    if envelope.kind != Kind::Mail {
        return None;
    }
    match &envelope.submitter {
        Submitter::Local(_) if plan.account.users.is_none() => None,
        Submitter::Local(uid) => Some(Caller::of(*uid))
            .filter(|caller| !route::may_use(plan.account, caller))
            .map(|caller| Refused { who: caller.login, lacks: Lacks::Key("users") }),
        Submitter::Client(name) if config.client(name).is_none() => {
            Some(Refused { who: name.to_string(), lacks: Lacks::Section })
        }
        Submitter::Client(name) => (!route::serves_client(plan.account, name))
            .then(|| Refused { who: name.to_string(), lacks: Lacks::Key("clients") }),
    }
}

/// The submitter, and why they may not use the account.
#[derive(Debug)]
pub(crate) struct Refused {
    who: String,
    lacks: Lacks,
}

/// What is missing for them to use it.
#[derive(Debug)]
enum Lacks {
    /// An entry in this key of the account.
    Key(&'static str),
    /// Its own section: the client was removed after it submitted the message.
    Section,
}

/// Holds the message until somebody decides.
pub(crate) fn hold(
    mut message: OpenMessage<'_>,
    plan: &Plan<'_>,
    pending: &[usize],
    Refused { who: login, lacks }: &Refused,
    limit: &ReportLimit,
) -> Result<AttemptResult, SpoolError> {
    let account = &plan.account.name;
    let sender = &message.stored.envelope.sender;
    let cure = match lacks {
        Lacks::Key(key) => format!("which {login} may not use; add {login} to `{key}` in [account.{account}]"),
        Lacks::Section => format!("and client {login}, which submitted it, was removed; set up [client.{login}] again"),
    };
    let reason = format!(
        "<{sender}> uses the account {account}, {cure} and run \"postrider queue release {id}\", or delete the message",
        id = message.stored.envelope.id
    );
    let outcome = Outcome::no_access(reason.clone());
    let outcomes: Vec<_> = pending.iter().map(|index| (*index, outcome.clone())).collect();
    // The reason is on disk before the message is held: after a crash in between it is only attempted, and held, once
    // more.
    settle::note(&mut message, &outcomes)?;
    message.journal.append(message.now, &[Line::Hold])?;
    log::held(&message.stored.envelope.id, Some(&reason));
    // A user may have thousands of messages held in a minute.
    let is_first = limit.take_of(1, format!("held {} {account}", message.stored.envelope.submitter)).is_ok();
    let told = if is_first { tell_postmaster(&message, plan.account, login, &reason) } else { Ok(None) };
    let reports = match told {
        Ok(told) => told.into_iter().collect(),
        Err(error) => {
            log::warning(error);
            Vec::new()
        }
    };
    Ok(AttemptResult {
        id: message.stored.envelope.id.clone(),
        delivered: 0,
        refused: 0,
        waiting: pending.len(),
        reason,
        next_step: NextStep::Held,
        owes: None,
        reports,
    })
}

/// Stores the notice to the postmaster.
///
/// The notice is mail of its own and is returned for the event loop to schedule.
fn tell_postmaster(
    message: &OpenMessage<'_>,
    account: &Account,
    login: &str,
    reason: &str,
) -> Result<Option<MessageId>, SpoolError> {
    let text = format!(
        "The message {held} is held until you decide what to do with it.\n\
         \n\
         {reason}.\n\
         \n\
         Further messages from {login} for this account are held without a notice for\n\
         an hour: `postrider queue list` lists them.\n",
        held = message.stored.envelope.id,
    );
    let through = &through(&message.loaded.config, &message.stored.envelope.submitter, account).name;
    let event = Event { what: "held", subject: "a message is held", text: &text, through };
    postmaster_notice::tell_postmaster(message.loaded, &event)
}

/// An account that the submitter may use, or else one that root may use: notices about held mail must not use up an
/// account that is reserved for others. If there is neither, the account itself.
fn through<'c>(config: &'c Config, submitter: &Submitter, account: &'c Account) -> &'c Account {
    let caller = submitter.uid().map(Caller::of);
    let is_theirs =
        |account: &&Account| caller.as_ref().map_or(account.users.is_none(), |caller| route::may_use(account, caller));
    let is_roots = |account: &&Account| route::may_use(account, &Caller::of(0));
    let mut accounts = config.accounts.iter();
    accounts.clone().find(is_theirs).or_else(|| accounts.find(is_roots)).unwrap_or(account)
}

#[cfg(test)]
mod tests;
