//! How a worker opens a session: with a relay of its account, or while none of them can be reached, with the relays and the
//! login of the account that `fallback` names.

use super::not_sent::NotBegun;
use crate::config::Account;
use crate::control::loaded::Loaded;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::session::Session;
use crate::log;
use crate::rules::trouble::Verdict;
use crate::runner::credential_files::read_at;
use crate::runner::fallbacks::Fallbacks;
use crate::runner::session_watchers::WatchedSession;

/// What sessions are opened with.
pub(super) struct SessionOpener<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) logins: &'a LoginHistory,
    pub(super) hosts: &'a HostStatus,
    pub(super) fallbacks: &'a Fallbacks,
    /// Makes an observer for each try.
    pub(super) watched: &'a dyn Fn() -> WatchedSession,
}

impl SessionOpener<'_> {
    /// A session of the account, and the account that logged in for it, if that is another one.
    ///
    /// What its owner must fix does not lead to another account: mail would go on unnoticed until that one fails as well.
    pub(super) fn open(&self, account: &Account) -> Result<(Session, Option<Account>), Box<NotBegun>> {
        let mut not = match self.of(account) {
            Ok(session) => {
                self.fallbacks.is_over(account);
                return Ok((session, None));
            }
            Err(not) if not.classification.verdict == Verdict::Relay => not,
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
                        return Ok((session, Some(other.clone())));
                    }
                    Err(no) => {
                        if no.classification.verdict != Verdict::Relay {
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
