//! How a worker opens a session: with a relay of its account, or while none of them can be reached, with the relays and the
//! login of the account that `fallback` names.

use std::sync::Arc;

use super::not_sent::NotBegun;
use crate::config::Account;
use crate::control::loaded::Loaded;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::session::Session;
use crate::log;
use crate::mail::outcome::Seen;
use crate::rules::trouble::Verdict;
use crate::runner::credential_files::read_at;
use crate::runner::fallbacks::{Fallbacks, OwnSession};
use crate::runner::session_watchers::WatchedSession;

/// What sessions are opened with.
pub(super) struct SessionOpener<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) logins: &'a LoginHistory,
    pub(super) hosts: &'a HostStatus,
    pub(super) fallbacks: &'a Arc<Fallbacks>,
    /// Makes an observer for each try.
    pub(super) watched: &'a dyn Fn() -> WatchedSession,
}

/// Whose login a session has.
pub(super) enum LoggedIn {
    /// That of the message's account.
    Own(#[expect(dead_code, reason = "counts the session until it is dropped")] OwnSession),
    /// That of the account that takes its place.
    Other(Box<Account>),
}

impl SessionOpener<'_> {
    /// A session of the account, and who logged in for it.
    ///
    /// What its owner must fix does not lead to another account: mail would go on unnoticed until that one fails as well.
    pub(super) fn open(&self, account: &Account) -> Result<(Session, LoggedIn), Box<NotBegun>> {
        let mut not = match self.of(account) {
            Ok(session) => return Ok((session, LoggedIn::Own(self.fallbacks.is_over(account)))),
            Err(not) if self.is_unreached(account, &not) => not,
            Err(not) => return Err(not),
        };
        for other in self.loaded.config.fallbacks(account) {
            let why = if self.fallbacks.may_be_asked(other, self.loaded) {
                match self.of(other) {
                    Ok(session) => {
                        self.fallbacks.takes_over(account, other);
                        log::fallback(
                            &account.name,
                            &not.relay,
                            &not.fact.seen,
                            &other.name,
                            &session.described().relay,
                        );
                        return Ok((session, LoggedIn::Other(Box::new(other.clone()))));
                    }
                    Err(no) => {
                        if matches!(no.classification.verdict, Verdict::Account(_)) {
                            self.fallbacks.was_rejected(other, self.loaded);
                        }
                        format!("{}: {}", no.relay, no.fact.seen)
                    }
                }
            } else {
                "it needs attention".to_owned()
            };
            not.fallbacks.push(format!("fallback account {}: {why}", other.name));
        }
        Err(not)
    }

    /// Whether no relay can be reached. A session that is not let in while others of the account are served is one too many, and
    /// so is one of which the server says it: their mail goes on with fewer.
    fn is_unreached(&self, account: &Account, not: &NotBegun) -> bool {
        match not.classification.verdict {
            Verdict::Relay => true,
            Verdict::TooManySessions => !matches!(not.fact.seen, Seen::Reply(_)) && !self.fallbacks.is_served(account),
            _ => false,
        }
    }

    fn of(&self, account: &Account) -> Result<Session, Box<NotBegun>> {
        // Taken before the secret is read. A password that is changed while the login runs then counts as changed
        // since, and the rejection of the old one is not held against it.
        let read = read_at(self.loaded, &account.name);
        let observer = Box::new((self.watched)());
        Session::open(account, &self.loaded.config.hostname, self.logins, self.hosts, observer).map_err(|not| {
            let login = not.login();
            Box::new(NotBegun { login, read: Some(read), ..NotBegun::before_login(account, not.relay, not.fact) })
        })
    }
}
