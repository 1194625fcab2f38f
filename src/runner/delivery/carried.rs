//! What was sent over a session, and after how many transactions its server ends sessions.

use crate::mail::outcome::{Fact, Phase, Seen};
use crate::rules::consequence::History;
use crate::rules::trouble;

/// What was sent over a session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    /// Transactions started.
    pub(super) transactions: usize,
    /// Whether the server refused a command in one of them.
    refused: bool,
}

/// The number of transactions after which the server ended a session. If two sessions end at the same number, it is
/// taken as the server's limit and later sessions respect it.
///
/// One end proves nothing: the server may have been restarted, or the network failed. Ends after different numbers of
/// transactions prove nothing either. A limit that is known saves every later session the refused transaction at its
/// end, with the round trips and the restart that it costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EndedAfter {
    last: Option<usize>,
    pub(super) limit: Option<usize>,
}

impl Carried {
    /// Adds a transaction, and learns the server's limit from its end.
    ///
    /// Only an end in place of a reply to MAIL counts, after transactions in which nothing was refused. A server that
    /// hangs up because of errors, or in the middle of a message, has no limit of that kind, and taking it for one
    /// would cost a login per few messages from then on.
    pub(super) fn add(&mut self, facts: &[Fact], session: &trouble::Session, ended_after: &mut EndedAfter) {
        let session = trouble::Session { history: History::Used, ..*session };
        let is_over = |fact: &Fact| fact.phase == Phase::Mail && trouble::goes_on_in_new_session(fact, &session);
        let Self { transactions, refused } = *self;
        if transactions > 0 && !refused && facts.iter().all(is_over) {
            let is_again = ended_after.last == Some(transactions);
            let limit = if is_again { Some(transactions) } else { ended_after.limit };
            *ended_after = EndedAfter { last: Some(transactions), limit };
        }
        let is_refused = |fact: &Fact| matches!(&fact.seen, Seen::Reply(reply) if !reply.is_positive());
        *self = Self { transactions: transactions + 1, refused: refused || facts.iter().any(is_refused) };
    }
}
