//! One session's thread: takes message after message of its account, attempts each,
//! settles it. What it learns about relay and account goes to the runner.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::account_access;
use super::not_sent::{cannot_plan, not_sent, note};
use super::outcome::{MAX_HOPS, grace, kind_of, nowhere, outcome};
use super::recipient_batch::{self, RecipientBatch};
use crate::config::Account;
use crate::deliver::outgoing::{Letter, NoLetter};
use crate::deliver::plan::{self, NoPlan, Plan, Planned};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::session::{Session, Transaction};
use crate::log::{self, Delays};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Fact, Outcome, Phase, Seen, Teller};
use crate::rules::advice;
use crate::rules::outbound::Generic;
use crate::rules::trouble::{self, Verdict};
use crate::runner::completion::batch_finish::CompletedAttempt;
use crate::runner::completion::settle::{self, Attempt, OpenMessage, Settled};
use crate::runner::context::Settings;
use crate::runner::event::{Report, ReportFn, Told, WorkerEvent};
use crate::runner::queue_manager::scan;
use crate::runner::rate_limit::Turn;
use crate::runner::session_watchers::{Relayed, Serving};
use crate::spool::journal::Journal;
use crate::spool::{Envelope, Kind, MessageId, SpoolError, Stored};

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
    serving: Serving,
    sent: usize,
}

/// How far a message was carried.
enum Carried {
    /// To its end.
    Told(Told),
    /// To an answer that is to be recorded.
    CompletedAttempt(Box<Heard>),
}

/// What a relay's answer leaves to be recorded.
struct Heard {
    message_id: String,
    journal: Journal,
    now: Timestamp,
    attempt: Attempt,
}

/// Why a transaction was not begun.
pub(crate) struct NotBegun {
    pub(crate) verdict: Verdict,
    pub(crate) relay: String,
    pub(crate) fact: Fact,
}

/// What goes over the wire in one attempt.
struct Exchange<'a> {
    desk: &'a OpenMessage<'a>,
    plan: &'a Plan<'a>,
    sendable: &'a [Planned],
    recipients: &'a [Address],
}

/// What came of it.
struct Sent {
    facts: Vec<Fact>,
    relay: String,
    teller: Teller,
    connecting: Duration,
    sending: Duration,
}

impl Worker {
    /// A worker without a session yet.
    #[must_use]
    pub fn new(number: u64, name: String, settings: Arc<Settings>) -> Self {
        let account = settings.config.account(&name).cloned();
        Self { number, account, name, settings, session: None, serving: Serving::default(), sent: 0 }
    }

    /// Works until the runner sends no more, or nobody listens.
    pub fn run(mut self, jobs: &Receiver<MessageId>, ear: &ReportFn) {
        while let Ok(id) = jobs.recv() {
            let told = self.attempt(&id, ear).unwrap_or_else(Told::Spool);
            let report = Report { worker: self.number, account: self.name.clone(), id, told };
            if !ear(WorkerEvent::Worked(report)) {
                break;
            }
        }
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }

    fn attempt(&mut self, id: &MessageId, ear: &ReportFn) -> Result<Told, SpoolError> {
        let settings = Arc::clone(&self.settings);
        self.serving.begin(id);
        if !settings.safety.may_begin() {
            return Ok(Told::NotBegun);
        }
        let (stored, journal) = match open(&settings, id) {
            Ok(opened) => opened,
            Err(SpoolError::Gone(_)) => return Ok(Told::Gone),
            Err(damage @ SpoolError::Damaged { .. }) => {
                scan::set_aside(&settings, id, &damage)?;
                return Ok(Told::Gone);
            }
            Err(other) => return Err(other),
        };
        if settings.has_left(&stored.envelope)? {
            settings.spool.remove(id)?;
            log::removed(id);
            return Ok(Told::Gone);
        }
        let mut desk = OpenMessage { settings: &settings, stored: &stored, journal, now: Timestamp::now() };
        if desk.journal.state().held && !desk.journal.state().done {
            return Ok(Told::Gone);
        }
        for _ in 0..recipient_batch::IN_A_ROW {
            let group = RecipientBatch::next(desk.journal.state());
            if group.recipients.is_empty() {
                return settle::resume(desk).map(Told::Settled);
            }
            let heard = match self.attempt_group(desk, group)? {
                Carried::Told(told) => return Ok(told),
                Carried::CompletedAttempt(heard) if heard.attempt.ends => {
                    self.hand_over(stored, *heard, ear);
                    return Ok(Told::CompletedAttempt);
                }
                Carried::CompletedAttempt(heard) => *heard,
            };
            desk = OpenMessage { settings: &settings, stored: &stored, journal: heard.journal, now: Timestamp::now() };
            settle::record_attempt(&mut desk, heard.attempt)?;
            if settings.safety.is_stopping() {
                break;
            }
        }
        Ok(Told::More)
    }

    /// Attempts some recipients of a message.
    fn attempt_group(&mut self, desk: OpenMessage<'_>, group: RecipientBatch) -> Result<Carried, SpoolError> {
        let (settings, envelope) = (desk.settings, &desk.stored.envelope);
        // Tables are borrowed for the moment only: whoever waits for them must not wait for a server.
        let plan = plan::plan(&settings.config, &settings.generic(), envelope, &group.recipients);
        if let Ok(plan) = &plan
            && let Some(who) = account_access::refused(plan, envelope)
        {
            let pending = [group.recipients, group.rest].concat();
            return account_access::hold(desk, plan, &pending, &who)
                .map(|settled| Carried::Told(Told::Settled(settled)));
        }
        match plan {
            Ok(plan) if Some(&plan.account.name) != self.account.as_ref().map(|a| &a.name) => {
                Ok(Carried::Told(Told::Elsewhere(plan.account.name.clone())))
            }
            Ok(plan) => self.carry_out(desk, &plan, group),
            Err(no) => cannot_plan(desk, &[group.recipients, group.rest].concat(), &no).map(Carried::Told),
        }
    }

    /// The next transaction may begin while the disk takes the outcomes of this one.
    fn hand_over(&self, stored: Stored, heard: Heard, ear: &ReportFn) {
        let Heard { message_id, journal, now, attempt } = heard;
        let (settings, ear) = (Arc::clone(&self.settings), Arc::clone(ear));
        let answered = CompletedAttempt { settings, ear, stored, message_id, journal, now, attempt };
        if answered.leaves_at_once() {
            self.settings.departures.give(answered);
        } else {
            self.settings.settlers.give(move || answered.settle());
        }
    }

    /// Attempts what was planned.
    fn carry_out(
        &mut self,
        mut desk: OpenMessage<'_>,
        plan: &Plan<'_>,
        mut group: RecipientBatch,
    ) -> Result<Carried, SpoolError> {
        let letter = match open_letter(&desk, plan) {
            Ok(letter) => letter,
            Err(NoLetter::Table(fault)) => {
                let pending = [group.recipients, group.rest].concat();
                return cannot_plan(desk, &pending, &NoPlan::Table(fault)).map(Carried::Told);
            }
            Err(NoLetter::Io(error)) => return Err(unreadable(&desk, error)),
        };
        // Once: what a relay in trouble keeps waiting is noted, and known already.
        if desk.journal.state().outcomes.iter().all(Option::is_none) {
            introduce(&desk.stored.envelope, &letter.message_id);
        }
        let mut outcomes = nowhere(plan, &letter);
        let sendable = if letter.hops > MAX_HOPS { &[][..] } else { &plan.recipients[..] };
        if sendable.is_empty() {
            log(&desk, &outcomes, Delays::default());
            return record(desk, plan, &group, "none", outcomes).map(|settled| Carried::Told(Told::Settled(settled)));
        }
        if desk.settings.tempo.wait(plan.account, &desk.settings.safety) == Turn::Over {
            return Ok(Carried::Told(Told::NotBegun));
        }
        let addresses: Vec<Address> = sendable.iter().map(|p| p.address.clone()).collect();
        let exchange = Exchange { desk: &desk, plan, sendable, recipients: &addresses };
        let sent = match self.exchange(&exchange, &letter) {
            Ok(sent) => sent,
            Err(not_begun) => return Ok(Carried::Told(not_sent(desk, plan, &not_begun))),
        };
        let Sent { facts, relay, teller, connecting, sending } = sent;
        let verdicts: Vec<Verdict> =
            facts.iter().map(|fact| grace(&desk, plan.account, trouble::classify(fact))).collect();
        let all = sendable.iter().zip(facts.iter().zip(&verdicts));
        outcomes.extend(all.map(|(p, (fact, verdict))| {
            let cure = cure(fact, plan, &desk.stored.envelope);
            (p.index, Outcome { cure, ..outcome(fact, *verdict, &relay, teller) })
        }));
        if let Some(cure) = outcomes.iter().find_map(|(_, outcome)| outcome.cure.as_ref()) {
            log::warning(format_args!("{}: {cure}", desk.stored.envelope.id));
        }
        if facts.iter().all(|fact| fact.phase == Phase::Mail) {
            // What is said to MAIL is said to all.
            let rest = std::mem::take(&mut group.rest);
            if let Some((_, to_all)) = outcomes.last().cloned() {
                outcomes.extend(rest.into_iter().map(|index| (index, to_all.clone())));
            }
        }
        let delays = Delays { queued: queued(&desk), waiting: Duration::ZERO, connecting, sending };
        log(&desk, &outcomes, delays);
        let first = facts.first().zip(verdicts.first()).map(|(fact, verdict)| (fact.clone(), *verdict));
        if let Some((fact, Verdict::Account(kind))) = first.filter(|(_, v)| verdicts.iter().all(|other| other == v)) {
            self.session = None;
            note(&mut desk, &outcomes);
            return Ok(Carried::Told(Told::Trouble { trouble: kind_of(kind), relay, reason: fact.seen.to_string() }));
        }
        if verdicts.contains(&Verdict::Charged) {
            // Its turn is over, whoever it did not reach.
            group.rest.clear();
            return record(desk, plan, &group, &relay, outcomes).map(|settled| Carried::Told(Told::Charged(settled)));
        }
        let ahead = desk.settings.safety.ahead(outcomes.len());
        let (account, begins, ends) = (self.name.clone(), group.begins, group.ends());
        let attempt = Attempt { account, relay, outcomes, begins, ends, ahead };
        let (message_id, journal, now) = (letter.message_id, desk.journal, desk.now);
        Ok(Carried::CompletedAttempt(Box::new(Heard { message_id, journal, now, attempt })))
    }

    /// One transaction; another at once where the first could not be the message's own fault: the kept
    /// connection had ended, or the relay takes no null sender from anybody.
    fn exchange(&mut self, what: &Exchange<'_>, letter: &Letter<'_>) -> Result<Sent, NotBegun> {
        let started = Instant::now();
        let (mut sender, mut again) = (what.plan.sender.clone(), false);
        loop {
            let is_kept = self.session.is_some();
            let session = self.session(what.plan.account)?;
            let connected = Instant::now();
            let facts = session.send(Transaction {
                sender: &sender,
                recipients: what.recipients,
                header: &letter.header,
                wishes: DsnRequest::of(&what.desk.stored.envelope, what.sendable.iter().map(|p| p.index)),
                body: &letter.body,
                size: letter.size,
            });
            let relay = session.described().relay.clone();
            let teller = if session.described().dsn { Teller::Relay } else { Teller::Us };
            self.sent += 1;
            let all_at = |phase| facts.iter().all(|fact| fact.phase == phase);
            if all_at(Phase::Idle) {
                self.session = None;
                if !is_kept {
                    let fact = facts.into_iter().next().unwrap_or_else(nothing_seen);
                    return Err(NotBegun { verdict: Verdict::Relay, relay, fact });
                }
            } else if let Some(own) = own_address(what, &facts).filter(|_| !again) {
                (sender, again) = (ReversePath::Mailbox(own), true);
            } else {
                return Ok(Sent {
                    facts,
                    relay,
                    teller,
                    connecting: connected - started,
                    sending: connected.elapsed(),
                });
            }
        }
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
            let watchers = Arc::clone(&self.settings.watchers);
            let observer = Box::new(Relayed { watchers, serving: self.serving.clone() });
            Session::open(account, &self.settings.config.hostname, observer).map_err(|not| NotBegun {
                verdict: trouble::classify(&not.fact),
                relay: not.relay,
                fact: not.fact,
            })?
        };
        Ok(self.session.insert(session))
    }
}

/// Where a relay refuses the null sender of our own report as such: the account's address, for another try. What
/// stops loops is the spool's mark, not the address.
fn own_address(what: &Exchange<'_>, facts: &[Fact]) -> Option<Address> {
    let refused = |fact: &Fact| {
        fact.phase == Phase::Mail
            && matches!(&fact.seen, Seen::Reply(reply) if reply.is_permanent() && reply.code != 552)
    };
    let is_report = what.desk.stored.envelope.kind != Kind::Mail && what.plan.sender == ReversePath::Null;
    if !is_report || !facts.iter().all(refused) {
        return None;
    }
    let account = what.plan.account;
    let mut names = account.username.iter().chain(&account.senders);
    names.find_map(|name| Address::parse(name).ok())
}

fn open_letter<'s>(desk: &OpenMessage<'s>, plan: &Plan<'_>) -> Result<Letter<'s>, NoLetter> {
    let tables = desk.settings.generic();
    Letter::open(desk.stored, &Generic { config: &desk.settings.config, tables: &tables }, plan.from.as_ref())
}

/// The row or key that would mend a refusal of the sender.
fn cure(fact: &Fact, plan: &Plan<'_>, envelope: &Envelope) -> Option<String> {
    match (trouble::classify(fact), &fact.seen) {
        (Verdict::Sender, Seen::Reply(reply)) => {
            Some(advice::sender_trouble(reply, plan.account, &envelope.sender, &plan.sender))
        }
        _ => None,
    }
}

fn nothing_seen() -> Fact {
    Fact { phase: Phase::Idle, seen: Seen::Closed }
}

fn unreadable(desk: &OpenMessage<'_>, error: std::io::Error) -> SpoolError {
    let path = desk.settings.spool.dir().join("queue").join(desk.stored.envelope.id.as_str());
    SpoolError::Io { action: "read", path, error }
}

fn open(settings: &Settings, id: &MessageId) -> Result<(Stored, Journal), SpoolError> {
    let mut stored = settings.spool.open_message(id)?;
    stored.verify()?;
    let journal = Journal::open(&settings.spool, id, stored.envelope.recipients.len())?;
    stored.envelope.join(journal.state());
    Ok((stored, journal))
}

fn introduce(envelope: &Envelope, message_id: &str) {
    // Our own reports were picked up from nobody; their `bounce` line has named them.
    if envelope.kind == Kind::Mail {
        log::picked_up(&envelope.id, envelope.uid, &envelope.sender);
    }
    log::message_id(&envelope.id, message_id);
    log::active(&envelope.id, &envelope.sender, envelope.size, envelope.recipients.len());
}

pub(crate) fn queued(desk: &OpenMessage<'_>) -> Duration {
    desk.now.duration_since(desk.stored.envelope.arrived).try_into().unwrap_or_default()
}

pub(crate) fn log(desk: &OpenMessage<'_>, outcomes: &[(usize, Outcome)], delays: Delays) {
    for (index, outcome) in outcomes {
        if let Some(recipient) = desk.stored.envelope.recipients.get(*index) {
            let to = recipient.address.to_string();
            log::outcome(&desk.stored.envelope.id, &to, &recipient.given, delays, outcome);
        }
    }
}

fn record(
    desk: OpenMessage<'_>,
    plan: &Plan<'_>,
    group: &RecipientBatch,
    relay: &str,
    outcomes: Vec<(usize, Outcome)>,
) -> Result<Settled, SpoolError> {
    let ahead = desk.settings.safety.ahead(outcomes.len());
    let (account, relay) = (plan.account.name.clone(), relay.to_owned());
    let (begins, ends) = (group.begins, group.ends());
    settle::settle(desk, Attempt { account, relay, outcomes, begins, ends, ahead })
}
