//! The results of a message's transactions with a server.

use std::time::Duration;

use super::not_sent::NotBegun;
use crate::config::Account;
use crate::deliver::plan::{Plan, Planned};
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
    /// Recipients, as indices, that were not reached: they come first in the next attempt.
    pub(super) not_reached: Vec<usize>,
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
    /// They go on without that one, which would end each session before their mail is sent: first those before it, which the
    /// server had accepted, then those behind it.
    pub(super) fn others_than_ended_it(&self, waiting: &[usize], recipients: &[Planned]) -> (Vec<usize>, Vec<usize>) {
        let Some(ended_at) = self.ended_at.filter(|at| is_end(&self.facts[*at])) else { return Default::default() };
        // Those of the same transaction have the same fact, those of later ones were not reached.
        let is_unanswered = |fact: &Fact| fact.phase == Phase::Idle || *fact == self.facts[ended_at];
        let is_other = |at: &usize| recipients[*at].address != recipients[ended_at].address;
        let place = waiting.iter().position(|at| *at == ended_at).unwrap_or_default();
        let others = |part: &[usize]| {
            part.iter().copied().filter(|at| is_other(at) && is_unanswered(&self.facts[*at])).collect()
        };
        (others(&waiting[..place]), others(&waiting[place..]))
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

/// Whether the session ended in reply to a recipient. The server cannot have the message for those of the same transaction.
pub(super) fn is_end(fact: &Fact) -> bool {
    let is_over = match &fact.seen {
        Seen::Reply(reply) => reply.code == 421,
        Seen::Closed | Seen::Timeout => true,
        _ => false,
    };
    fact.phase == Phase::Rcpt && is_over
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
