//! Turns the facts of an attempt into an outcome per recipient, as journal, log and reports show it. `rules::trouble`
//! classifies the facts.
//!
//! Nothing here decides where the blame lies; the verdict is an argument. What an outcome adds to the verdict is what
//! people read: the words of the server, where they were said, and what can be done about it.

use std::time::Duration;

use crate::config::{Account, Config, units};
use crate::control::local_recipient;
use crate::deliver::outgoing::OutgoingMessage;
use crate::deliver::plan::{Plan, Planned, Undeliverable, table_of_recipients};
use crate::log::{self, Delays};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{DsnSender, Enhanced, Fact, Outcome, Phase, Seen, SentAs, Status};
use crate::rules::consequence::Until;
use crate::rules::meaning::Meaning;
use crate::rules::remedy::{self, Subject};
use crate::rules::trouble::{self, AccountTrouble, Classification, Verdict};
use crate::runner::event::{AccountFailure, AttemptOutcome};
use crate::runner::message::OpenMessage;
use crate::spool::account_health::Trouble;
use crate::spool::{Envelope, Kind};

/// A message with more Received fields than this is assumed to loop.
///
/// Each mail system on the way adds one (RFC 5321 section 4.4). 50 is Postfix's default (`hopcount_limit`), below the
/// 100 that section 6.3 recommends for servers in general: mail that is submitted here has hardly begun its way.
pub(super) const MAX_HOPS: usize = 50;

/// The recipients that no server is asked about: refused permanently, or waiting for a row in a table.
pub(super) fn undeliverable(
    plan: &Plan<'_>,
    outgoing: &OutgoingMessage<'_>,
    message: &OpenMessage<'_>,
) -> Vec<(usize, Outcome)> {
    let (config, kind) = (&message.loaded.config, message.stored.envelope.kind);
    let refused = |code: &str, reply: String| Outcome {
        status: Status::Refused,
        code: None,
        enhanced: Enhanced::parse(code).unwrap_or(Enhanced { class: 5, subject: 0, detail: 0 }),
        reply,
        relay: "none".to_owned(),
        dsn_sender: DsnSender::Us,
        cure: None,
        sent_as: SentAs::default(),
    };
    let here = |no: &Undeliverable| match no {
        // Mail for a person who exists here waits for a row in a table. A bounce or notice that nobody can get is
        // refused at once: it would wait for a row that only its own reader would add.
        Undeliverable::Own(address, _) | Undeliverable::Unknown(address)
            if kind == Kind::Mail && local_recipient::waits(config, no) =>
        {
            unmapped(config, address)
        }
        Undeliverable::ComeRound(address) => {
            let cure =
                format!("find what sends mail of <{address}> back to this machine, such as an alias or fetchmail");
            Outcome { cure: Some(cure), ..refused(no.code(), no.reason()) }
        }
        _ => Outcome { cure: no.remedy().map(str::to_owned), ..refused(no.code(), no.reason()) },
    };
    let mut outcomes: Vec<_> = plan.nowhere.iter().map(|(i, no)| (*i, here(no))).collect();
    if outgoing.hops > MAX_HOPS {
        let reason = format!("too many hops ({} Received fields): mail loop", outgoing.hops);
        // RFC 3463 section 3.5: routing loop detected. Another try would only go round once more.
        outcomes.extend(plan.recipients.iter().map(|p| (p.index, refused("5.4.6", reason.clone()))));
    }
    outcomes
}

fn unmapped(config: &Config, address: &Address) -> Outcome {
    let table = table_of_recipients(config);
    // `generic` is asked at every attempt, the tables of arrival on request.
    let then = if table == "generic" { "" } else { "; then run \"postrider queue retry --readmit --all\"" };
    Outcome {
        status: Status::Deferred,
        code: None,
        enhanced: Enhanced { class: 4, subject: 1, detail: 2 },
        reply: format!(
            "<{address}> is a local user without a known real address; the message waits until there is one"
        ),
        relay: "none".to_owned(),
        dsn_sender: DsnSender::Us,
        cure: Some(format!(
            "in `{table}`, map {address} to a real address, as in \"{address}\" = \"you@provider.example\"{then}"
        )),
        sent_as: SentAs::default(),
    }
}

/// The verdict, given how long the message has been held. The server may accept it after somebody changes a setting
/// or a limit passes, but after the grace period the refusal is final.
///
/// The time runs from the first such refusal, which the journal has as `grace_from`, and not from the message's
/// arrival: mail that waited for a week because of a dead server still gets its whole grace period.
pub(super) fn verdict(message: &OpenMessage<'_>, account: &Account, classification: Classification) -> Verdict {
    let Verdict::Held(until) = classification.verdict else { return classification.verdict };
    let longest = match until {
        Until::SenderGrace => account.sender_grace,
        Until::Lifetime => message.loaded.config.queue.lifetime,
    };
    let grace_from = message.journal.state().grace_from;
    let waited = message.loaded.clock.age(grace_from.unwrap_or(message.now));
    // At least one more attempt, unless there is no grace period.
    let was_refused_before = grace_from.is_some() || longest.is_zero();
    if was_refused_before && waited >= longest { Verdict::Refused } else { classification.verdict }
}

/// The outcome for a recipient.
pub(super) fn outcome(account: &Account, fact: &Fact, verdict: Verdict, relay: &str, dsn_sender: DsnSender) -> Outcome {
    // As long as `retry::after_unknown`.
    let wait = if account.lmtp.is_some() { "a minute" } else { "1 h" };
    let unconfirmed = format!("it may have been delivered, so the next try is in {wait} to avoid a duplicate");
    let perhaps_delivered = format!("after the message was sent; {unconfirmed}");
    let (code, reply) = match &fact.seen {
        Seen::Reply(reply) => (Some(reply.code), reply.text.clone()),
        Seen::Closed if fact.phase == Phase::FinalDot => (None, format!("connection lost {perhaps_delivered}")),
        Seen::Timeout if fact.phase == Phase::FinalDot => (None, format!("{} {perhaps_delivered}", fact.seen)),
        // These texts alone do not say where it happened.
        bare @ (Seen::Closed | Seen::Timeout) => (None, format!("{bare} {}", phase_words(fact.phase))),
        telling if verdict == Verdict::Unknown => (None, format!("{telling}; {unconfirmed}")),
        telling => (None, telling.to_string()),
    };
    Outcome {
        status: trouble::status(verdict),
        code,
        enhanced: trouble::enhanced(fact, verdict),
        reply,
        relay: relay.to_owned(),
        dsn_sender,
        cure: None,
        sent_as: SentAs::default(),
    }
}

/// The addresses used in the attempt, where they differ from the envelope's.
///
/// Reports and the log show the address that the provider saw beside the one that the submitter knows. Where nothing
/// was rewritten, both are left out and take no space in the journal.
pub(super) fn sent_as(envelope: &Envelope, planned: &Planned, sender: &ReversePath) -> SentAs {
    let admitted = envelope.recipients.get(planned.index).map(|recipient| recipient.address.to_string());
    let (from, to) = (sender.to_string(), planned.address.to_string());
    SentAs {
        from: (from != envelope.sender.to_string()).then_some(from),
        to: (Some(&to) != admitted.as_ref()).then_some(to),
    }
}

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

/// What the owner can do about held mail, or about an account that stopped, given the server's reply in a
/// transaction.
///
/// Only for verdicts that an owner can do something about. Beside a plain bounce or a retry, advice would only
/// distract.
pub(super) fn remedy_for(
    classification: Classification,
    plan: &Plan<'_>,
    message: &OpenMessage<'_>,
    seen: Addresses<'_>,
) -> Option<String> {
    let meaning: Meaning = classification.meaning?;
    if !matches!(classification.verdict, Verdict::Held(_) | Verdict::Account(_)) {
        return None;
    }
    Some(with_wait(&remedy::remedy(meaning, &subject(plan, message, seen)), classification.wait))
}

/// The addresses as the provider sees them.
#[derive(Clone, Copy)]
pub(super) struct Addresses<'a> {
    /// The address in MAIL FROM.
    pub(super) sender: &'a ReversePath,
    /// The address in the From field.
    pub(super) header_from: Option<&'a Address>,
}

/// The context of a remedy.
fn subject<'a>(plan: &'a Plan<'_>, message: &'a OpenMessage<'_>, seen: Addresses<'a>) -> Subject<'a> {
    Subject {
        account: plan.account,
        admitted: &message.stored.envelope.sender,
        outgoing: seen.sender,
        header_from: seen.header_from,
        hostname: &message.loaded.config.hostname,
    }
}

/// What the owner can do if the server refuses the greeting or the login.
pub(super) fn remedy_before_login(
    classification: Classification,
    plan: &Plan<'_>,
    message: &OpenMessage<'_>,
) -> Option<String> {
    let meaning = classification.meaning?;
    let is_worth_telling = match classification.verdict {
        Verdict::Account(_) | Verdict::TooManySessions => true,
        _ => matches!(meaning, Meaning::TooManyLogins | Meaning::LoginRejected),
    };
    let seen = Addresses { sender: &plan.sender, header_from: None };
    is_worth_telling.then(|| with_wait(&remedy::remedy(meaning, &subject(plan, message, seen)), classification.wait))
}

/// The first remedy by which somebody can do something. That time will help is not worth a warning for each message.
pub(super) fn remedy_called_for(outcomes: &[(usize, Outcome)]) -> Option<&str> {
    let mut remedies = outcomes.iter().filter_map(|(_, outcome)| outcome.cure.as_deref());
    remedies.find(|text| remedy::is_called_for(text))
}

/// The remedy, with the wait that the server names or that is usual for these words.
fn with_wait(cure: &str, wait: Option<Duration>) -> String {
    match wait {
        Some(wait) => format!("{cure} (it should be over in {})", units::in_words(wait)),
        None => cure.to_owned(),
    }
}

/// The kind of account trouble, if the verdict is about the account.
pub(super) fn trouble_of(verdict: Verdict) -> Option<Trouble> {
    match verdict {
        Verdict::Account(AccountTrouble::Login) => Some(Trouble::Login),
        Verdict::Account(AccountTrouble::Setup) => Some(Trouble::Setup),
        Verdict::Relay | Verdict::TooManySessions => Some(Trouble::Relay),
        Verdict::Delivered
        | Verdict::Deferred
        | Verdict::Refused
        | Verdict::Unknown
        | Verdict::Charged
        | Verdict::Held(_) => None,
    }
}

/// The result for the event loop if the account is in trouble.
pub(super) fn account_failed(verdict: Verdict, failure: AccountFailure) -> AttemptOutcome {
    match verdict {
        Verdict::TooManySessions => AttemptOutcome::TooManySessions(failure),
        _ => AttemptOutcome::AccountFailed(failure),
    }
}

/// How long the message was in the queue before this attempt.
pub(super) fn queued(message: &OpenMessage<'_>) -> Duration {
    message.now.duration_since(message.stored.envelope.arrived).try_into().unwrap_or_default()
}

/// Writes a log line per recipient. `answered` is the phase that the server replied in.
pub(super) fn log_outcomes(
    message: &OpenMessage<'_>,
    outcomes: &[(usize, Outcome)],
    delays: Delays,
    answered: impl Fn(usize) -> Option<Phase>,
) {
    for (index, outcome) in outcomes {
        if let Some(recipient) = message.stored.envelope.recipients.get(*index) {
            let to = outcome.sent_as.to.clone().unwrap_or_else(|| recipient.address.to_string());
            log::outcome(&message.stored.envelope.id, &to, &recipient.given, delays, outcome, answered(*index));
        }
    }
}
