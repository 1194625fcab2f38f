//! An SMTP session with a relay: connecting, TLS, AUTH, then any number of transactions, with a fact per recipient.
//! `rules::trouble` decides what follows from the facts.

use super::host_status::HostStatus;
use super::login_history::LoginHistory;
use super::observer::Observer;
use super::{connect, lmtp, transaction};
use crate::config::Account;
use crate::mail::outcome::Fact;

pub(crate) use super::connection::LeftOut;
pub use super::connection::{Body, NotOpened, Server, Session, SessionInfo, Transaction};

impl Session {
    /// Tries the account's relays in order, each with all its addresses; those that failed lately come last. A failure of one relay (no address, no
    /// connection, bad greeting, no TLS, a 4xx reply) leads to the next one. A failure of the account (its
    /// credential, a 5xx reply to EHLO, STARTTLS or AUTH, no suitable mechanism) ends the search. The observer may end the
    /// waiting until the session is open.
    pub fn open(
        account: &Account,
        hostname: &str,
        history: &LoginHistory,
        hosts: &HostStatus,
        observer: Box<dyn Observer>,
    ) -> Result<Self, NotOpened> {
        let mut session = match &account.lmtp {
            Some(server) => lmtp::open(account, server, hostname, observer)?,
            None => connect::open(account, hostname, history, hosts, observer)?,
        };
        // A transaction that is left halfway may have been a delivery.
        session.stream.wait_for_replies();
        Ok(session)
    }

    /// Runs a transaction and returns a fact per recipient, in their order. A recipient is delivered if its fact is a
    /// 2xx reply in `Phase::FinalDot`. A fact in `Phase::FinalDot` without a reply (closed, timeout, garbage, failed)
    /// means that the outcome is unknown.
    ///
    /// What is not even tried is [`Seen::Refused`](crate::mail::outcome::Seen): 5.3.4 in `Phase::Mail` for a message
    /// larger than the announced SIZE, 5.6.7 and 5.1.3 in `Phase::Mail` or `Phase::Rcpt` for an address that cannot
    /// be sent, 5.6.3 in `Phase::Mail` for content that the server cannot accept.
    pub fn send(&mut self, mut transaction: Transaction<'_>) -> Vec<Fact> {
        transaction::run(self, &mut transaction)
    }
}

#[cfg(test)]
mod tests;
