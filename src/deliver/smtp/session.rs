//! One SMTP session with a relay: connect, TLS, AUTH, then transaction after transaction,
//! each with a fact per recipient. What follows from the facts is decided in `rules::trouble`.

use super::login_history::LoginHistory;
use super::observer::Observer;
use super::{connect, transaction};
use crate::config::Account;
use crate::mail::outcome::Fact;

pub use super::connection::{Body, NotOpened, Session, SessionInfo, Transaction};

impl Session {
    /// Tries the account's relays in order, each with all its addresses. What concerns one relay
    /// (no address, no connection, a bad greeting, no TLS, 4xx) leads to the next; what concerns the
    /// account (its credential, 5xx at EHLO, STARTTLS or AUTH, no mechanism that fits) ends the walk.
    pub fn open(
        account: &Account,
        hostname: &str,
        history: &LoginHistory,
        observer: Box<dyn Observer>,
    ) -> Result<Self, NotOpened> {
        connect::open(account, hostname, history, observer)
    }

    /// Runs one transaction: one fact per recipient, in their order. A recipient is delivered when
    /// its fact is a 2xx reply in `Phase::FinalDot`. A fact in `Phase::FinalDot` without a reply
    /// (closed, timeout, garbage, failed) means that nobody knows.
    ///
    /// What is not even tried is [`Seen::Refused`](crate::mail::outcome::Seen): 5.3.4 in `Phase::Mail` for a message beyond
    /// the announced SIZE, 5.6.7 and 5.1.3 in `Phase::Mail` or `Phase::Rcpt` for an address that cannot be sent, 5.6.3 in
    /// `Phase::Mail` for content that the server cannot take.
    pub fn send(&mut self, mut transaction: Transaction<'_>) -> Vec<Fact> {
        transaction::run(self, &mut transaction)
    }
}

#[cfg(test)]
mod tests;
