//! One session's thread: takes message after message of its account, attempts each,
//! settles it. What it learns about relay and account goes to the runner.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use jiff::Timestamp;

use super::settings::Settings;
use super::settle::{self, Attempt, Desk, Settled};
use super::watch::Relayed;
use crate::config::Account;
use crate::deliver::letter::{self, Letter, NoLetter};
use crate::deliver::plan::{self, NoPlan, Plan};
use crate::deliver::session::{Session, Transaction};
use crate::events::{self, Delays};
use crate::mail::address::Address;
use crate::mail::outcome::{Enhanced, Fact, Outcome, Phase, Seen, Status};
use crate::rules::rewrite::Generic;
use crate::rules::trouble::{self, AccountTrouble, Verdict};
use crate::spool::health::Trouble;
use crate::spool::journal::Journal;
use crate::spool::{Envelope, MessageId, SpoolError, Stored};

/// Received fields above which a message is taken to be in a loop.
const MAX_HOPS: usize = 50;

/// What an attempt tells the runner.
#[derive(Debug)]
pub enum Told {
    /// The relay answered; outcomes are recorded.
    Sent(Settled),
    /// Outcomes are recorded, and no relay was asked.
    Settled(Settled),
    /// The connection ended inside the transaction; outcomes are recorded.
    Charged(Settled),
    /// Nothing is wrong with the message: relay or account trouble.
    Trouble {
        /// Kind.
        trouble: Trouble,
        /// `host[ip]:port` or `none`.
        relay: String,
        /// What was seen.
        reason: String,
    },
    /// The config says another account now.
    Elsewhere(String),
    /// The message is not there any more, or was set aside.
    Gone,
    /// The spool failed; the message stays as it is.
    Spool(SpoolError),
}

/// From a session's thread to the runner.
#[derive(Debug)]
pub struct Report {
    /// Which thread.
    pub worker: u64,
    /// Which account.
    pub account: String,
    /// Which message.
    pub id: MessageId,
    /// What came of it.
    pub told: Told,
}

/// One session's thread.
pub struct Worker {
    /// Its number.
    pub number: u64,
    /// Its account; `None` where the config names none for these messages.
    pub account: Option<Account>,
    /// Its account's name in the schedule.
    pub name: String,
    /// Settings when it started.
    pub settings: Arc<Settings>,
    session: Option<Session>,
    sent: usize,
}

/// Why a transaction was not begun.
struct NotBegun {
    verdict: Verdict,
    relay: String,
    fact: Fact,
}

impl Worker {
    /// A worker without a session yet.
    #[must_use]
    pub fn new(number: u64, name: String, settings: Arc<Settings>) -> Self {
        let account = settings.config.account(&name).cloned();
        Self { number, account, name, settings, session: None, sent: 0 }
    }

    /// Works until the runner sends no more, or `report_to` says that nobody listens.
    pub fn run(mut self, jobs: &Receiver<MessageId>, report_to: &dyn Fn(Report) -> bool) {
        while let Ok(id) = jobs.recv() {
            let told = self.attempt(&id).unwrap_or_else(Told::Spool);
            let report = Report { worker: self.number, account: self.name.clone(), id, told };
            if !report_to(report) {
                break;
            }
        }
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }

    fn attempt(&mut self, id: &MessageId) -> Result<Told, SpoolError> {
        let settings = Arc::clone(&self.settings);
        let (stored, journal) = match open(&settings, id) {
            Ok(opened) => opened,
            Err(SpoolError::Gone(_)) => return Ok(Told::Gone),
            Err(SpoolError::Damaged { path, what }) => {
                let reason = format!("{} is damaged: {what}", path.display());
                settings.spool.set_aside(id, &reason)?;
                events::set_aside(id, &reason);
                return Ok(Told::Gone);
            }
            Err(other) => return Err(other),
        };
        let pending = journal.state().pending();
        let desk = Desk { settings: &settings, stored: &stored, journal, now: Timestamp::now() };
        if desk.journal.state().held {
            return Ok(Told::Gone);
        }
        if pending.is_empty() {
            return settle::conclude(desk).map(Told::Settled);
        }
        let tables = settings.generic();
        match plan::plan(&settings.config, &tables, &stored.envelope, &pending) {
            Ok(plan) if Some(&plan.account.name) != self.account.as_ref().map(|a| &a.name) => {
                Ok(Told::Elsewhere(plan.account.name.clone()))
            }
            Ok(plan) => self.carry_out(desk, &plan, &Generic { config: &settings.config, tables: &tables }),
            Err(no) => cannot_plan(desk, &pending, &no),
        }
    }

    /// Attempts what was planned.
    fn carry_out(&mut self, mut desk: Desk<'_>, plan: &Plan<'_>, generic: &Generic<'_>) -> Result<Told, SpoolError> {
        let mut letter = match Letter::open(desk.stored, generic) {
            Ok(letter) => letter,
            Err(NoLetter::Table(fault)) => {
                let pending: Vec<usize> = plan.recipients.iter().map(|p| p.index).collect();
                return cannot_plan(desk, &pending, &NoPlan::Table(fault));
            }
            Err(NoLetter::Io(error)) => {
                let path = desk.settings.spool.dir().join("queue").join(desk.stored.envelope.id.as_str());
                return Err(SpoolError::Io { action: "read", path, error });
            }
        };
        if desk.journal.state().attempts == 0 {
            introduce(&desk.stored.envelope, &letter.message_id);
        }
        let mut outcomes = nowhere(plan, &letter);
        let sendable = if letter.hops > MAX_HOPS { &[][..] } else { &plan.recipients[..] };
        if sendable.is_empty() {
            log(&desk, &outcomes, Delays::default());
            return record(desk, plan, "none", outcomes).map(Told::Settled);
        }
        let started = Instant::now();
        let session = match self.session(plan.account) {
            Ok(session) => session,
            Err(not_begun) => return not_sent(desk, plan, &not_begun),
        };
        let connected = Instant::now();
        let addresses: Vec<Address> = sendable.iter().map(|p| p.address.clone()).collect();
        let facts = session.send(Transaction {
            sender: &plan.sender,
            recipients: &addresses,
            header: &letter.header,
            body: &mut *letter.body,
            size: letter.size,
            eight_bit: letter::is_eight_bit(&desk.stored.envelope),
        });
        let relay = session.described().relay.clone();
        self.sent += 1;
        let verdicts: Vec<Verdict> =
            facts.iter().map(|fact| grace(&desk, plan.account, trouble::classify(fact))).collect();
        let all = sendable.iter().zip(facts.iter().zip(&verdicts));
        outcomes.extend(all.map(|(p, (fact, verdict))| (p.index, outcome(fact, *verdict, &relay))));
        let delays = Delays {
            queued: queued(&desk),
            waiting: std::time::Duration::ZERO,
            connecting: connected - started,
            sending: connected.elapsed(),
        };
        log(&desk, &outcomes, delays);
        let first = facts.first().zip(verdicts.first()).map(|(fact, verdict)| (fact.clone(), *verdict));
        if let Some((fact, Verdict::Account(kind))) = first.filter(|(_, v)| verdicts.iter().all(|other| other == v)) {
            self.session = None;
            settle::note(&mut desk, &outcomes)?;
            return Ok(Told::Trouble { trouble: kind_of(kind), relay, reason: fact.seen.to_string() });
        }
        let charged = verdicts.contains(&Verdict::Charged);
        let settled = record(desk, plan, &relay, outcomes)?;
        Ok(if charged { Told::Charged(settled) } else { Told::Sent(settled) })
    }

    /// The open session, or a new one where it is used up or broken.
    fn session(&mut self, account: &Account) -> Result<&mut Session, NotBegun> {
        let keep = self.session.take().filter(Session::is_usable);
        let keep = match keep {
            Some(session) if self.sent >= account.max_messages_per_connection => {
                session.quit();
                None
            }
            other => other,
        };
        let session = if let Some(session) = keep {
            session
        } else {
            self.sent = 0;
            let observer = Box::new(Relayed(Arc::clone(&self.settings.watchers)));
            Session::open(account, &self.settings.config.hostname, observer).map_err(|not| NotBegun {
                verdict: trouble::classify(&not.fact),
                relay: not.relay,
                fact: not.fact,
            })?
        };
        Ok(self.session.insert(session))
    }
}

fn open(settings: &Settings, id: &MessageId) -> Result<(Stored, Journal), SpoolError> {
    let stored = settings.spool.open_message(id)?;
    stored.verify()?;
    let journal = Journal::open(&settings.spool, id, stored.envelope.recipients.len())?;
    Ok((stored, journal))
}

fn introduce(envelope: &Envelope, message_id: &str) {
    events::picked_up(&envelope.id, envelope.uid, &envelope.sender);
    events::message_id(&envelope.id, message_id);
    events::active(&envelope.id, &envelope.sender, envelope.size, envelope.recipients.len());
}

/// The recipients that are refused before any server is asked.
fn nowhere(plan: &Plan<'_>, letter: &Letter) -> Vec<(usize, Outcome)> {
    let here = |code: &str, reply: String| Outcome {
        status: Status::Refused,
        code: None,
        enhanced: Enhanced::parse(code).unwrap_or(Enhanced { class: 5, subject: 0, detail: 0 }),
        reply,
        relay: "none".to_owned(),
    };
    let mut outcomes: Vec<_> = plan.nowhere.iter().map(|(i, no)| (*i, here(no.code(), no.reason()))).collect();
    if letter.hops > MAX_HOPS {
        let reason = format!("too many hops: {} Received fields; mail is going round in a loop", letter.hops);
        outcomes.extend(plan.recipients.iter().map(|p| (p.index, here("5.4.6", reason.clone()))));
    }
    outcomes
}

/// Sender trouble waits for its owner, but not longer than the account's `sender_grace`.
fn grace(desk: &Desk<'_>, account: &Account, verdict: Verdict) -> Verdict {
    if verdict != Verdict::Sender {
        return verdict;
    }
    let since = desk.journal.state().grace_from.unwrap_or(desk.now);
    let waited = std::time::Duration::try_from(desk.now.duration_since(since)).unwrap_or_default();
    let asked_before = desk.journal.state().grace_from.is_some() || account.sender_grace.is_zero();
    if asked_before && waited >= account.sender_grace { Verdict::Refused } else { Verdict::Sender }
}

fn outcome(fact: &Fact, verdict: Verdict, relay: &str) -> Outcome {
    let (code, reply) = match &fact.seen {
        Seen::Reply(reply) => (Some(reply.code), reply.text.clone()),
        other => (None, format!("{other} ({})", phase_words(fact.phase))),
    };
    Outcome {
        status: trouble::status(verdict),
        code,
        enhanced: trouble::enhanced(fact, verdict),
        reply,
        relay: relay.to_owned(),
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

fn kind_of(kind: AccountTrouble) -> Trouble {
    match kind {
        AccountTrouble::Login => Trouble::Login,
        AccountTrouble::Setup => Trouble::Setup,
    }
}

fn queued(desk: &Desk<'_>) -> std::time::Duration {
    desk.now.duration_since(desk.stored.envelope.arrived).try_into().unwrap_or_default()
}

fn log(desk: &Desk<'_>, outcomes: &[(usize, Outcome)], delays: Delays) {
    for (index, outcome) in outcomes {
        if let Some(recipient) = desk.stored.envelope.recipients.get(*index) {
            let to = recipient.address.to_string();
            events::outcome(&desk.stored.envelope.id, &to, &recipient.given, delays, outcome);
        }
    }
}

fn record(
    desk: Desk<'_>,
    plan: &Plan<'_>,
    relay: &str,
    outcomes: Vec<(usize, Outcome)>,
) -> Result<Settled, SpoolError> {
    settle::settle(desk, &Attempt { account: &plan.account.name, relay, outcomes })
}

/// No session came about: the reason is noted with the message for mailq, and nothing is charged.
fn not_sent(mut desk: Desk<'_>, plan: &Plan<'_>, not: &NotBegun) -> Result<Told, SpoolError> {
    let trouble = match not.verdict {
        Verdict::Account(kind) => kind_of(kind),
        _ => Trouble::Relay,
    };
    let mut outcome = outcome(&not.fact, not.verdict, &not.relay);
    if not.verdict == Verdict::Account(AccountTrouble::Login) {
        let account = &plan.account.name;
        outcome.reply = format!(
            "{}: the server rejects the login of account {account}; check its username and password \
             (some providers want an app password)",
            outcome.reply
        );
    }
    let reason = outcome.said();
    let outcomes: Vec<_> = plan.recipients.iter().map(|p| (p.index, outcome.clone())).collect();
    log(&desk, &outcomes, Delays { queued: queued(&desk), ..Delays::default() });
    settle::note(&mut desk, &outcomes)?;
    Ok(Told::Trouble { trouble, relay: not.relay.clone(), reason })
}

/// A table or account is missing: the mail waits for its owner, and nothing is charged.
fn cannot_plan(desk: Desk<'_>, pending: &[usize], no: &NoPlan) -> Result<Told, SpoolError> {
    let outcome = Outcome {
        status: Status::Deferred,
        code: None,
        enhanced: Enhanced { class: 4, subject: 3, detail: 5 },
        reply: no.to_string(),
        relay: "none".to_owned(),
    };
    let outcomes: Vec<_> = pending.iter().map(|i| (*i, outcome.clone())).collect();
    log(&desk, &outcomes, Delays { queued: queued(&desk), ..Delays::default() });
    settle::note_and_wait(desk, &outcomes).map(Told::Settled)
}
