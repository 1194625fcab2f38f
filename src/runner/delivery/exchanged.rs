//! The results of a message's transactions with a server.

use std::time::Duration;

use super::not_sent::NotBegun;
use crate::config::Account;
use crate::deliver::plan::Plan;
use crate::deliver::smtp::session::Server;
use crate::mail::address::ReversePath;
use crate::mail::outcome::{DsnSender, Fact, Phase, Seen};
use crate::rules::consequence::Repeated;
use crate::rules::meaning::Meaning;
use crate::rules::trouble::{self, Classification, Verdict};

/// The results of a transaction.
pub(super) struct Exchanged {
    /// One per recipient, in their order.
    pub(super) facts: Vec<Fact>,
    /// The relay as `host[ip]:port`.
    pub(super) relay: String,
    /// The account that logged in there for the message's own.
    pub(super) through: Option<Account>,
    /// The recipient, as an index, in reply to whom the server ended the session.
    pub(super) ended_at: Option<usize>,
    /// The address in MAIL FROM.
    pub(super) sender: ReversePath,
    pub(super) dsn_sender: DsnSender,
    /// Facts about the session.
    pub(super) session: trouble::Session,
    /// The server among those of the account.
    pub(super) server: Server,
    pub(super) connecting: Duration,
    pub(super) sending: Duration,
}

impl Exchanged {
    /// The recipients among these that have no reply of their own because the server ended the session in reply to another one.
    /// They go on without that one, which would end each session before their mail is sent.
    pub(super) fn others_than_ended_it(&self, waiting: &[usize]) -> Vec<usize> {
        let Some(ended_at) = self.ended_at else { return Vec::new() };
        let is_unanswered = |at: &usize| *at != ended_at && self.facts[*at] == self.facts[ended_at];
        waiting.iter().copied().filter(is_unanswered).collect()
    }

    /// The plan with the account whose server answered, for what is to be done about it.
    pub(super) fn answered<'p>(&'p self, plan: &Plan<'p>) -> Plan<'p> {
        Plan { account: self.through.as_ref().unwrap_or(plan.account), ..plan.clone() }
    }

    /// Whether the server turned the message away, for now and for all recipients, in a way that says nothing of the account
    /// or of the sender: another server may take it. Where the server might have it, it does not count.
    pub(super) fn is_turned_away(&self) -> bool {
        self.facts.iter().all(|fact| {
            let Classification { verdict, meaning, .. } = trouble::classify(fact, &self.session, |_| Repeated::No);
            let is_transient = matches!(&fact.seen, Seen::Reply(reply) if reply.is_transient());
            match (verdict, meaning) {
                (Verdict::Held(_), Some(Meaning::SendingLimit)) => false,
                (Verdict::Held(_), _) => is_transient,
                (Verdict::Deferred | Verdict::Charged, _) => !matches!(fact.seen, Seen::Local(_)),
                (Verdict::Relay, None | Some(Meaning::ServerTrouble | Meaning::SessionOver)) => true,
                _ => false,
            }
        })
    }
}

/// Whether nothing was learnt that is worth a record, where a stop ended the waiting for a server: no reply, and the server cannot
/// have the message.
pub(super) fn has_learnt_nothing(transacted: &Result<Exchanged, Box<NotBegun>>) -> bool {
    let facts = match transacted {
        Ok(exchanged) => &exchanged.facts[..],
        Err(not) => std::slice::from_ref(&not.fact),
    };
    facts.iter().all(|fact| !matches!(fact.seen, Seen::Reply(_)) && fact.phase != Phase::FinalDot)
}
