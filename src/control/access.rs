//! Who sees and changes what of a queue: the owner of the spool, root and the operators
//! everything, others the mail that they submitted.
//!
//! A [`Selection`] says only what is requested. Whatever lists, changes or flushes mail takes an
//! [`AuthorisedSelection`], and only [`AccessScope::authorise`] makes one. So no request reaches
//! other people's mail because some code forgot to limit it: that code does not compile.
//!
//! ```
//! # use postrider::{control::{access::AccessScope, listing::QueueView, selection::Selection}, spool::Spool};
//! # fn example(spool: &Spool) {
//! let scope = AccessScope::of_peer(1000, None);
//! let view = QueueView::new(spool, scope.authorise(Selection::default()), Default::default(), None);
//! # }
//! ```
//!
//! Neither the selection alone will do, nor a scope or an authorisation from nowhere:
//!
//! ```compile_fail,E0308
//! # use postrider::{control::{access::AccessScope, listing::QueueView, selection::Selection}, spool::Spool};
//! # fn example(spool: &Spool) {
//! let view = QueueView::new(spool, Selection::default(), Default::default(), None);
//! # }
//! ```
//!
//! ```compile_fail,E0599
//! # use postrider::control::access::AccessScope;
//! let scope = AccessScope::default();
//! ```
//!
//! ```compile_fail,E0277
//! # use postrider::control::access::AuthorisedSelection;
//! let from_the_wire: AuthorisedSelection = serde_json::from_str("{}").unwrap();
//! ```

use std::io;

use jiff::Timestamp;

use super::error::AccessError;
use crate::config::Config;
use crate::config::mailbox::shown_account;
use crate::control::selection::Selection;
use crate::mail::submitter::{ClientName, Submitter};
use crate::spool::clock::Clock;
use crate::spool::history::{self, Record};
use crate::spool::journal::Journal;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};
use crate::sys::user::Caller;

/// Whose mail a requester may see and change. There is no default, and no value without a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessScope(Scope);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Everything,
    /// The mail of a user: what this uid submitted, and what the network clients did that are the user's own.
    Own(u32, Vec<ClientName>),
    Nothing,
}

impl AccessScope {
    /// The scope of a process that could open the spool itself, or connect to the control socket in
    /// it: the file system has let it read and write everybody's mail already.
    #[must_use]
    pub fn of_spool_owner() -> Self {
        Self(Scope::Everything)
    }

    /// The scope of a socket's peer, by the uid that the kernel vouches for. Without a config there are no operators.
    #[must_use]
    pub fn of_peer(uid: u32, config: Option<&Config>) -> Self {
        if uid == 0 || uid == rustix::process::geteuid().as_raw() {
            return Self(Scope::Everything);
        }
        let caller = Caller::of(uid);
        let is_operator = |config: &Config| config.operators.contains(&caller.login);
        Self(match (caller.is_somebody(), config.is_some_and(is_operator)) {
            // The kernel shows all users that this user namespace does not map as one uid, the
            // overflow uid. It identifies no user, so no mail is its own.
            (false, _) => Scope::Nothing,
            (true, true) => Scope::Everything,
            (true, false) => Scope::Own(uid, config.map_or_else(Vec::new, |config| owned_by(&caller.login, config))),
        })
    }

    /// Whether it covers everybody's mail.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == Scope::Everything
    }

    /// Whether it covers mail of this submitter.
    #[must_use]
    pub fn covers(&self, submitter: &Submitter) -> bool {
        match (&self.0, submitter) {
            (Scope::Everything, _) => true,
            (Scope::Own(own, _), Submitter::Local(uid)) => own == uid,
            (Scope::Own(_, clients), Submitter::Client(name)) => clients.contains(name),
            (Scope::Nothing, _) => false,
        }
    }

    /// Shows the records of history that it covers, and their lines, oldest first, from the day of `since` on. An error of
    /// `see` ends it.
    pub fn read_history(
        &self,
        spool: &Spool,
        since: Option<Timestamp>,
        mut see: impl FnMut(&Record, &str) -> io::Result<()>,
    ) -> Result<(), AccessError> {
        let mut seen = Ok(());
        history::read(spool, since, |record, line| {
            seen = if self.covers(&record.submitter) { see(record, line) } else { Ok(()) };
            seen.is_ok()
        })?;
        Ok(seen?)
    }

    /// Limits what is requested to what this scope covers.
    #[must_use]
    pub fn authorise(&self, asked: Selection) -> AuthorisedSelection {
        AuthorisedSelection { asked, scope: self.clone() }
    }
}

/// The clients that belong to the user.
fn owned_by(login: &str, config: &Config) -> Vec<ClientName> {
    config.clients.iter().filter(|client| client.owner == login).map(|client| client.name.clone()).collect()
}

/// A selection that is limited to what its requester may see and change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorisedSelection {
    asked: Selection,
    scope: AccessScope,
}

impl AuthorisedSelection {
    /// What was requested.
    #[must_use]
    pub fn asked(&self) -> &Selection {
        &self.asked
    }

    /// Whose mail it is limited to.
    #[must_use]
    pub fn scope(&self) -> &AccessScope {
        &self.scope
    }

    /// The same scope, and of what it covers these ids only.
    #[must_use]
    pub fn narrowed_to(&self, ids: Vec<MessageId>) -> Self {
        self.scope.authorise(Selection::of_ids(ids))
    }

    /// Whether it is the whole queue, and the scope covers it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.scope.is_everything() && self.asked.is_all()
    }

    /// Whether the id is among those requested, or none is requested by id.
    #[must_use]
    pub fn names(&self, id: &MessageId) -> bool {
        self.asked.ids.is_empty() || self.asked.ids.contains(id)
    }

    /// Whether it takes reading the message to know whether it is selected.
    #[must_use]
    pub fn looks_inside(&self) -> bool {
        let Selection { sender, recipient, older, .. } = &self.asked;
        sender.is_some() || recipient.is_some() || older.is_some() || !self.scope.is_everything()
    }

    /// Whether a message that cannot be read is selected all the same: by id, or with all of failed/, under a scope
    /// over everything, since nothing says whose such a message is.
    #[must_use]
    pub fn includes_unreadable(&self) -> bool {
        let all_failed = Selection { failed: true, ..Selection::default() };
        (!self.asked.ids.is_empty() || self.asked == all_failed) && self.scope.is_everything()
    }

    /// Reads an envelope to be matched, with the recipients that its journal adds where they matter.
    pub fn read(&self, spool: &Spool, id: &MessageId) -> Result<Envelope, SpoolError> {
        let mut envelope = spool.open_message(id)?.envelope;
        if self.asked.recipient.is_some() {
            let state = Journal::peek(spool, id, envelope.recipients.len())?;
            envelope.join(&state);
        }
        Ok(envelope)
    }

    /// Whether the message is selected; `account` is asked only where it matters.
    #[must_use]
    pub fn includes(&self, envelope: &Envelope, account: impl FnOnce() -> String, clock: &Clock) -> bool {
        self.scope.covers(&envelope.submitter) && self.describes(envelope, account, clock)
    }

    /// Whether the message is as requested, regardless of the scope: for totals alone.
    #[must_use]
    pub(super) fn describes(&self, envelope: &Envelope, account: impl FnOnce() -> String, clock: &Clock) -> bool {
        let Selection { account: asked_account, sender, recipient, older, .. } = &self.asked;
        self.names(&envelope.id)
            && sender.as_deref().is_none_or(|asked| is_from(envelope, asked))
            && recipient.as_deref().is_none_or(|asked| is_to(envelope, asked))
            && older.is_none_or(|age| clock.age(envelope.arrived) >= age)
            && asked_account.as_deref().is_none_or(|asked| shown_account(&account()) == asked)
    }
}

/// Listings show the null sender as `MAILER-DAEMON`; people write `<>`.
fn is_from(envelope: &Envelope, asked: &str) -> bool {
    let sender = envelope.sender.to_string();
    let is_null = envelope.sender.mailbox().is_none();
    sender.eq_ignore_ascii_case(asked) || is_null && (asked == "<>" || asked.eq_ignore_ascii_case("MAILER-DAEMON"))
}

fn is_to(envelope: &Envelope, asked: &str) -> bool {
    let is_asked = |text: &str| text.eq_ignore_ascii_case(asked);
    envelope.recipients.iter().any(|recipient| is_asked(&recipient.address.to_string()) || is_asked(&recipient.given))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
