//! Mail that uses an account which its submitter may not use. Mail from drop/ was accepted before this could be
//! checked, so it is held instead of returned, and the postmaster is notified.
//!
//! A message without access is held rather than refused, because its sender cannot fix what is wrong: an administrator
//! may add the login to `users`, or may have removed a client by mistake. A hold can be undone; a bounce is final.

use crate::config::Config;
use crate::deliver::plan::Plan;
use crate::log;
use crate::mail::outcome::Outcome;
use crate::mail::submitter::Submitter;
use crate::rules::route;
use crate::runner::completion::{held_notice, settle};
use crate::runner::held_notices::{HeldNotices, Notification};
use crate::runner::message::OpenMessage;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::journal_line::Line;
use crate::spool::{Envelope, Kind, SpoolError};
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
    notices: &HeldNotices,
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
    // The reason and the notice are on disk before the message is held: after a crash in between it is only attempted, told of
    // and held once more.
    settle::note(&mut message, &outcomes)?;
    let envelope = &message.stored.envelope;
    let told = match notices.note(&envelope.id, &envelope.submitter, login, account) {
        Notification::AtOnce => held_notice::of_one(message.loaded, envelope, login, account, &reason),
        Notification::InList => Ok(None),
    };
    message.journal.append(message.now, &[Line::Hold])?;
    log::held(&envelope.id, Some(&reason));
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
