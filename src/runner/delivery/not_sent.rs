//! Messages that were not sent because there is no session or no plan. The reason is recorded with the message, so
//! that mailq can show it. No attempt is charged, because the reason says nothing about the message.
//!
//! The outcome that is noted here is not an attempt: it changes neither the number of attempts nor the time of the
//! next one, it is not counted towards expiry, and it is written only if it differs from what the journal has. A
//! server that is down for a day costs each message one line, not one per probe.

use std::time::Duration;

use jiff::Timestamp;

use super::outcome::{self, log_outcomes, queued};
use crate::config::Account;
use crate::deliver::plan::{NoPlan, Plan, Planned};
use crate::log::{self, Delays};
use crate::mail::outcome::{DsnSender, Enhanced, Fact, Outcome, Seen, SentAs, Status};
use crate::rules::consequence::Repeated;
use crate::rules::route::NoAccount;
use crate::rules::trouble::{self, Classification};
use crate::runner::completion::settle::{self, Settler};
use crate::runner::event::{AccountFailure, AttemptOutcome, Met};
use crate::runner::message::OpenMessage;
use crate::spool::SpoolError;
use crate::spool::account_health::Trouble;

/// Why no transaction was started.
pub(super) struct NotBegun {
    pub(super) classification: Classification,
    /// The relay as `host[ip]:port`, or `none`.
    pub(super) relay: String,
    pub(super) fact: Fact,
    /// The login mechanisms that were tried.
    pub(super) login: Option<String>,
    /// When the files that the login depends on were read.
    pub(super) read: Option<Timestamp>,
    /// Why no account took its place.
    pub(super) fallbacks: Vec<String>,
}

impl NotBegun {
    /// What a relay did before any login that could be named.
    pub(super) fn before_login(account: &Account, relay: String, fact: Fact) -> Self {
        let classification = trouble::classify(&fact, &trouble::Session::before_login(account), |_| Repeated::No);
        Self { classification, relay, fact, login: None, read: None, fallbacks: Vec::new() }
    }
}

/// Records that no session could be opened, which took so long.
pub(super) fn not_sent(
    mut message: OpenMessage<'_>,
    plan: &Plan<'_>,
    not: &NotBegun,
    connecting: Duration,
) -> AttemptOutcome {
    let trouble = outcome::trouble_of(not.classification.verdict).unwrap_or(Trouble::Relay);
    let mut outcome = outcome::outcome(plan.account, &not.fact, not.classification.verdict, &not.relay, DsnSender::Us);
    if let Some(login) = &not.login {
        outcome.reply = format!("{} [login with {login}]", outcome.reply);
    }
    let cure = outcome::remedy_before_login(not.classification, plan, &message);
    if let Some(cure) = &cure {
        outcome.reply = format!("{}: {cure}", outcome.reply);
    }
    for why in &not.fallbacks {
        outcome.reply = format!("{}; {why}", outcome.reply);
    }
    let reason = outcome.said();
    let with_addresses = |planned: &Planned| {
        let sent_as = outcome::sent_as(&message.stored.envelope, planned, &plan.sender);
        (planned.index, Outcome { sent_as, ..outcome.clone() })
    };
    let outcomes: Vec<_> = plan.recipients.iter().map(with_addresses).collect();
    let delays = Delays { queued: queued(&message), connecting, ..Delays::default() };
    log_outcomes(&message, &outcomes, delays, |_| None);
    note(&mut message, &outcomes);
    let cure = cure.or_else(|| own_remedy(&not.fact.seen));
    let (relay, wait, read) = (not.relay.clone(), not.classification.wait, not.read);
    let failure = AccountFailure { trouble, relay, reason, cure, wait, read, met: Met::BySession };
    outcome::account_failed(not.classification.verdict, failure)
}

/// What our own words about the account say to do.
fn own_remedy(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Local(text) | Seen::NotOffered(text) => text.split_once("; ").map(|(_, cure)| cure.to_owned()),
        _ => None,
    }
}

/// Records why the message waits. A failure to do so is only logged: if it replaced the account's failure, the event
/// loop would not back off, and the next message would fail in the same way at once.
pub(super) fn note(message: &mut OpenMessage<'_>, outcomes: &[(usize, Outcome)]) {
    if let Err(error) = settle::note(message, outcomes) {
        log::warning(error);
    }
}

/// Records that a table or an account is missing. The message waits until the owner provides it.
///
/// This is about a message whose account or table is missing, so there is no account that could back off: the message
/// itself waits, by its own age.
pub(super) fn cannot_plan(
    settler: &Settler,
    message: OpenMessage<'_>,
    pending: &[usize],
    no: &NoPlan,
) -> Result<AttemptOutcome, SpoolError> {
    let outcome = Outcome {
        status: Status::Deferred,
        code: None,
        enhanced: match no {
            NoPlan::Account(NoAccount::Asked(_)) => Outcome::WITHOUT_ACCOUNT,
            NoPlan::Account(_) | NoPlan::Table(_) => Enhanced { class: 4, subject: 3, detail: 5 },
        },
        reply: no.to_string(),
        relay: "none".to_owned(),
        dsn_sender: DsnSender::Us,
        cure: None,
        sent_as: SentAs::default(),
    };
    let outcomes: Vec<_> = pending.iter().map(|i| (*i, outcome.clone())).collect();
    log_outcomes(&message, &outcomes, Delays { queued: queued(&message), ..Delays::default() }, |_| None);
    settler.note_and_wait(message, &outcomes).map(AttemptOutcome::Settled)
}
