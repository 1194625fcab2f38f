//! What an attempt's facts come to for its recipients: outcomes in the journal's words,
//! refusals before any server is asked, the patience with a refused sender.

use crate::config::Account;
use crate::deliver::outgoing::Letter;
use crate::deliver::plan::Plan;
use crate::mail::outcome::{Enhanced, Fact, Outcome, Phase, Seen, Status, Teller};
use crate::rules::trouble::{self, AccountTrouble, Verdict};
use crate::runner::completion::settle::OpenMessage;
use crate::spool::account_health::Trouble;

/// Received fields above which a message is taken to be in a loop.
pub(crate) const MAX_HOPS: usize = 50;

/// The recipients that are refused before any server is asked.
pub(crate) fn nowhere(plan: &Plan<'_>, letter: &Letter<'_>) -> Vec<(usize, Outcome)> {
    let here = |code: &str, reply: String| Outcome {
        status: Status::Refused,
        code: None,
        enhanced: Enhanced::parse(code).unwrap_or(Enhanced { class: 5, subject: 0, detail: 0 }),
        reply,
        relay: "none".to_owned(),
        teller: Teller::Us,
        cure: None,
    };
    let mut outcomes: Vec<_> = plan.nowhere.iter().map(|(i, no)| (*i, here(no.code(), no.reason()))).collect();
    if letter.hops > MAX_HOPS {
        let reason = format!("too many hops ({} Received fields): mail loop", letter.hops);
        outcomes.extend(plan.recipients.iter().map(|p| (p.index, here("5.4.6", reason.clone()))));
    }
    outcomes
}

/// Sender trouble waits for its owner, but not longer than the account's `sender_grace`.
pub(crate) fn grace(desk: &OpenMessage<'_>, account: &Account, verdict: Verdict) -> Verdict {
    if verdict != Verdict::Sender {
        return verdict;
    }
    let since = desk.journal.state().grace_from.unwrap_or(desk.now);
    let waited = desk.settings.clock.age(since);
    let asked_before = desk.journal.state().grace_from.is_some() || account.sender_grace.is_zero();
    if asked_before && waited >= account.sender_grace { Verdict::Refused } else { Verdict::Sender }
}

/// A fact in the words of the journal.
pub(crate) fn outcome(fact: &Fact, verdict: Verdict, relay: &str, teller: Teller) -> Outcome {
    let (code, reply) = match &fact.seen {
        Seen::Reply(reply) => (Some(reply.code), reply.text.clone()),
        Seen::Closed if fact.phase == Phase::FinalDot => (None, format!("connection lost {PERHAPS_DELIVERED}")),
        Seen::Timeout if fact.phase == Phase::FinalDot => (None, format!("{} {PERHAPS_DELIVERED}", fact.seen)),
        // These words do not say by themselves where it happened.
        bare @ (Seen::Closed | Seen::Timeout) => (None, format!("{bare} ({})", phase_words(fact.phase))),
        telling => (None, telling.to_string()),
    };
    Outcome {
        status: trouble::status(verdict),
        code,
        enhanced: trouble::enhanced(fact, verdict),
        reply,
        relay: relay.to_owned(),
        teller,
        cure: None,
    }
}

/// Why a message is not tried again soon.
const PERHAPS_DELIVERED: &str =
    "after the message was sent; it may have been delivered, so the next try is in 1 h to avoid a duplicate";

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Credential => "while reading the credential",
        Phase::Resolve => "while looking up the relay's address",
        Phase::Connect => "while connecting",
        Phase::Greeting => "while waiting for the greeting",
        Phase::Ehlo => "at EHLO",
        Phase::StartTls => "at STARTTLS",
        Phase::Tls => "during the TLS handshake",
        Phase::Auth => "at AUTH",
        Phase::Mail => "at MAIL FROM",
        Phase::Rcpt => "at RCPT TO",
        Phase::Data => "at DATA",
        Phase::Content => "while sending the content",
        Phase::FinalDot => "after the final dot",
        Phase::Idle => "between messages",
    }
}

/// The trouble that mailq and `status` tell of.
pub(crate) fn kind_of(kind: AccountTrouble) -> Trouble {
    match kind {
        AccountTrouble::Login => Trouble::Login,
        AccountTrouble::Setup => Trouble::Setup,
    }
}
