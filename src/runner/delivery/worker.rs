//! A worker: the thread that owns a session of an account. It attempts one message after another and reports to the
//! event loop. `completion` records the outcomes.
//!
//! An attempt goes through these stages: open the message and its journal (`open`), plan it (`attempt_batch`), send
//! it over the kept session (`send`), and turn the replies into outcomes (`draw_conclusions`). Outcomes of the
//! message are recorded by another thread while this worker starts its next transaction; the durability gate limits
//! how many may be unrecorded. If all replies concern the account or the relay instead, the message is charged
//! nothing: the session ends, the reason is noted, and the event loop backs the account off.
//!
//! What is written when decides what a crash costs. Before the transaction nothing is written: a crash repeats the
//! attempt, which at worst sends a second copy of one batch. After it, a batch that is not the last of its message is
//! recorded at once, on this thread, since the next batch continues from the journal. The last batch goes to another
//! thread. Until that has reported, the message stays active and no other worker gets it.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::account_access;
use super::account_part::{self, Part};
use super::exchanged::{Exchanged, has_learnt_nothing};
use super::kept_session::{Exchange, KeptSession};
use super::not_sent::{cannot_plan, not_sent, note};
use super::opened_files::{open_outgoing, read, unreadable};
use super::outcome::{self, Addresses, MAX_HOPS};
use super::recipient_batch::{self, RecipientBatch};
use crate::config::Account;
use crate::control::loaded::Loaded;
use crate::deliver::outgoing::{HeaderExcerpt, NotReady};
use crate::deliver::plan::{NoPlan, Plan, Planned};
use crate::log::{self, Delays};
use crate::mail::outcome::{Fact, Outcome, Phase, Seen, SentAs};
use crate::mail::submitter::Submitter;
use crate::rules::consequence::History;
use crate::rules::meaning::Meaning;
use crate::rules::trouble::{self, Classification, Verdict};
use crate::runner::completion::batch_finish::CompletedAttempt;
use crate::runner::context::Context;
use crate::runner::durability::Permit;
use crate::runner::event::{AccountFailure, AttemptOutcome, AttemptReport, Met, ReportFn, WorkerEvent};
use crate::runner::finished::RecordStatus;
use crate::runner::message::{self, AnsweredAttempt, Attempt, OpenMessage};
use crate::runner::result::AttemptResult;
use crate::spool::account_health::Trouble;
use crate::spool::journal::Journal;
use crate::spool::{Envelope, Kind, MessageId, SpoolError, Stored};

/// Why a message is set aside if another message had its id.
const SHARES_ID: &str =
    "another message with the same id has left the queue; `postrider queue retry` sends this one under a new id";

/// Serves one account, with one session at a time.
pub struct Worker {
    number: u64,
    /// `None` if the configuration has no account for these messages. Each attempt then reports that.
    account: Option<Account>,
    /// The account's name in the schedule; empty without an account.
    name: String,
    /// The configuration at the start of the worker.
    loaded: Arc<Loaded>,
    session: KeptSession,
    /// The last message that did not reach all its recipients in this worker's turn.
    ///
    /// The journal is kept open with it, and is used again only if the file on disk is still the same: another command
    /// may have changed or removed the message in between (`Journal::is_current`).
    opened: Option<Opened>,
    context: Context,
    report: ReportFn,
}

/// A message that stays open for several turns.
struct Opened {
    stored: Stored,
    journal: Journal,
    /// Recipients that the current attempt has not reached. Empty if the journal must be asked.
    rest: Vec<usize>,
}

/// The result of an attempt for a batch of recipients.
enum BatchOutcome {
    /// The attempt is over, with this result for the event loop.
    Over(Box<AttemptOutcome>),
    /// The relay answered. The outcomes must be recorded.
    Answered(Box<AnsweredAttempt>),
}

impl BatchOutcome {
    fn over(outcome: AttemptOutcome) -> Self {
        Self::Over(Box::new(outcome))
    }
}

impl Worker {
    /// A worker without a session.
    #[must_use]
    pub fn new(number: u64, name: String, loaded: Arc<Loaded>, context: &Context, report: ReportFn) -> Self {
        let account = loaded.config.account(&name).cloned();
        let tell = {
            let (name, report) = (name.clone(), Arc::clone(&report));
            move || {
                report(WorkerEvent::SessionOpened(name.clone()));
            }
        };
        let (session, context) = (KeptSession::new(context, Box::new(tell)), context.clone());
        Self { number, account, name, loaded, session, opened: None, context, report }
    }

    /// Runs until the event loop sends no more messages.
    ///
    /// The channel has one message at most, since the event loop sends the next one only after the report of the last.
    /// A report that nobody receives means that the runner has ended. QUIT comes after the last report, so that a slow
    /// server delays nothing but this thread.
    pub fn run(mut self, messages: &Receiver<MessageId>) {
        while let Ok(id) = messages.recv() {
            let outcome = self.attempt(&id).unwrap_or_else(AttemptOutcome::SpoolFailed);
            let report = AttemptReport { worker: self.number, account: self.name.clone(), id, outcome };
            if !(self.report)(WorkerEvent::Finished(report)) {
                break;
            }
        }
        self.session.quit();
    }

    fn attempt(&mut self, id: &MessageId) -> Result<AttemptOutcome, SpoolError> {
        let loaded = Arc::clone(&self.loaded);
        self.session.serve(id);
        // Before the message is opened. If the disk refuses outcomes, no further message is sent whose outcome it
        // would refuse as well.
        if self.context.gate.pass() == Permit::Stopping {
            return Ok(AttemptOutcome::NotBegun);
        }
        let Some(opened) = self.open_or_go_on(id)? else { return Ok(AttemptOutcome::Gone) };
        let Opened { stored, journal, mut rest } = opened;
        let mut message = OpenMessage { loaded: &loaded, stored: &stored, journal, now: Timestamp::now() };
        // A list of ten thousand recipients gives the others a turn after every thousand.
        for _ in 0..recipient_batch::IN_A_ROW {
            let batch = match std::mem::take(&mut rest) {
                none if none.is_empty() => match account_part::of(&message, &self.name) {
                    Part::Own(recipients) => RecipientBatch::next(message.journal.state(), &self.name, recipients),
                    Part::Of(other) => return Ok(AttemptOutcome::Rerouted(other)),
                },
                some => RecipientBatch::of_rest(some),
            };
            rest.clone_from(&batch.rest);
            // Every recipient has a final outcome. A crash interrupted what follows from that, or only a digest is
            // owed.
            if batch.recipients.is_empty() {
                return self.context.settler.resume(message).map(AttemptOutcome::Settled);
            }
            let answered = match self.attempt_batch(message, batch)? {
                BatchOutcome::Over(outcome) => return Ok(*outcome),
                BatchOutcome::Answered(answered) if answered.attempt.ends => {
                    self.hand_over(stored, *answered);
                    return Ok(AttemptOutcome::Answered);
                }
                BatchOutcome::Answered(answered) => *answered,
            };
            let (journal, now) = (answered.journal, Timestamp::now());
            message = OpenMessage { loaded: &loaded, stored: &stored, journal, now };
            // Synced before the next batch is sent, so that a crash repeats one batch at most.
            self.context.settler.record_attempt(&mut message, answered.attempt)?;
            if self.context.gate.is_stopping() {
                break;
            }
        }
        let journal = message.journal;
        self.opened = Some(Opened { stored, journal, rest });
        Ok(AttemptOutcome::More)
    }

    /// Continues with the message that this worker had open, if nobody else changed it. Reading a message with many
    /// recipients again for each turn would take time proportional to the square of their number.
    fn open_or_go_on(&mut self, id: &MessageId) -> Result<Option<Opened>, SpoolError> {
        let kept = self.opened.take_if(|opened| opened.stored.envelope.id == *id);
        if let Some(kept) = kept.filter(|kept| kept.journal.is_current()) {
            return Ok(Some(kept));
        }
        Ok(self.open(id)?.map(|(stored, journal)| Opened { stored, journal, rest: Vec::new() }))
    }

    /// Opens a message and its journal; `None` if there is nothing to attempt any more.
    ///
    /// A record in history overrules the file: a power cut may have brought back a message that was delivered and
    /// unlinked (`finished`). This is checked at each opening, because history may not have been readable at the
    /// start.
    fn open(&self, id: &MessageId) -> Result<Option<(Stored, Journal)>, SpoolError> {
        let (stored, journal) = match read(&self.loaded.spool, id) {
            Ok(read) => read,
            Err(SpoolError::Gone(_)) => return Ok(None),
            Err(damage @ SpoolError::Damaged { .. }) => {
                message::set_aside(&self.loaded.spool, id, &damage)?;
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        match self.context.finished.record_status(&stored.envelope, journal.state())? {
            RecordStatus::Open => {}
            RecordStatus::Finished => {
                self.loaded.spool.remove(id)?;
                log::removed_as_delivered(id);
                return Ok(None);
            }
            RecordStatus::SharesId => {
                drop(journal);
                message::set_aside_because(&self.loaded.spool, id, SHARES_ID)?;
                return Ok(None);
            }
        }
        let is_held = journal.state().held && !journal.state().done;
        Ok((!is_held).then_some((stored, journal)))
    }

    /// Plans the delivery to these recipients and carries it out.
    ///
    /// The checks go from cheap to costly and end with the network. The account comes last of the local ones: a
    /// message that now belongs to another account is handed back, rather than sent over a session that is logged in
    /// as somebody else.
    fn attempt_batch(&mut self, message: OpenMessage<'_>, batch: RecipientBatch) -> Result<BatchOutcome, SpoolError> {
        let (loaded, envelope) = (message.loaded, &message.stored.envelope);
        let plan = account_part::plan(message.loaded, envelope, &self.name, &batch.recipients);
        let plan = match plan {
            Ok(plan) => plan,
            Err(no) => return cannot_plan(&self.context.settler, message, &batch.all(), &no).map(BatchOutcome::over),
        };
        if let Some(caller) = account_access::refused(&plan, envelope, &loaded.config) {
            let held = account_access::hold(message, &plan, &batch.all(), &caller, &self.context.held_notices);
            return held.map(|result| BatchOutcome::over(AttemptOutcome::Settled(result)));
        }
        if Some(&plan.account.name) != self.account.as_ref().map(|account| &account.name) {
            return Ok(BatchOutcome::over(AttemptOutcome::Rerouted(plan.account.name.clone())));
        }
        self.send(message, &plan, batch)
    }

    /// Sends the message as planned, unless no recipient is left to send it to.
    fn send(
        &mut self,
        message: OpenMessage<'_>,
        plan: &Plan<'_>,
        batch: RecipientBatch,
    ) -> Result<BatchOutcome, SpoolError> {
        let outgoing = match open_outgoing(&message, plan) {
            Ok(outgoing) => outgoing,
            Err(NotReady::Table(fault)) => {
                return cannot_plan(&self.context.settler, message, &batch.all(), &NoPlan::Table(fault))
                    .map(BatchOutcome::over);
            }
            Err(NotReady::Io(error)) => return Err(unreadable(&message, error)),
        };
        let plan = &*plan.without_loops(&outgoing.delivered_to);
        // Logged once per message: later attempts already have outcomes.
        if message.journal.state().outcomes().next().is_none() {
            introduce(&message.stored.envelope, &outgoing.excerpt.message_id);
        }
        let undeliverable = outcome::undeliverable(plan, &outgoing, &message);
        let recipients = if outgoing.hops > MAX_HOPS { &[][..] } else { &plan.recipients[..] };
        if recipients.is_empty() {
            outcome::log_outcomes(&message, &undeliverable, Delays::default(), |_| None);
            if undeliverable.iter().all(|(_, outcome)| outcome.is_held()) {
                return self
                    .context
                    .settler
                    .note_and_wait(message, &undeliverable)
                    .map(AttemptOutcome::Settled)
                    .map(BatchOutcome::over);
            }
            let result = self.settle_batch(message, plan, &batch, "none", undeliverable)?;
            return Ok(BatchOutcome::over(AttemptOutcome::Settled(result)));
        }
        // After everything that can end the attempt without a transaction, because the permit that is taken here
        // counts against `max_per_minute` and is not given back.
        if self.context.rate_limiter.wait(plan.account, &self.context.gate) == Permit::Stopping {
            return Ok(BatchOutcome::over(AttemptOutcome::NotBegun));
        }
        let exchange = Exchange { message: &message, plan, recipients, outgoing: &outgoing };
        let begun = Instant::now();
        let transacted = self.session.transact(&exchange);
        if self.context.gate.is_stopping() && has_learnt_nothing(&transacted) {
            return Ok(BatchOutcome::over(AttemptOutcome::NotBegun));
        }
        let exchanged = match transacted {
            Ok(exchanged) => exchanged,
            Err(not_begun) => return Ok(BatchOutcome::over(not_sent(message, plan, &not_begun, begun.elapsed()))),
        };
        let mut classifications = Vec::with_capacity(recipients.len());
        // The undeliverable ones come first, then those of the recipients that are sent to, in the order of
        // `classifications`. `draw_conclusions` relies on that.
        let mut outcomes = undeliverable;
        for (planned, fact) in recipients.iter().zip(&exchanged.facts) {
            let classification = self.classify(&message, plan, planned, fact, &exchanged.session);
            let verdict = outcome::verdict(&message, plan.account, classification);
            let outcome = outcome::outcome(plan.account, fact, verdict, &exchanged.relay, exchanged.dsn_sender);
            let seen = Addresses { sender: &exchanged.sender, header_from: outgoing.from.as_ref() };
            let cure = outcome::remedy_for(classification, &exchanged.answered(plan), &message, seen);
            let sent_as = outcome::sent_as(&message.stored.envelope, planned, &exchanged.sender);
            outcomes.push((planned.index, Outcome { cure, sent_as, ..outcome }));
            classifications.push(classification);
        }
        self.context.evidence.attempted(&plan.account.name, outcomes.iter().map(|(_, outcome)| outcome.status));
        let answered = AnsweredExchange { exchanged, classifications, outcomes, excerpt: outgoing.excerpt };
        self.draw_conclusions(message, plan, batch, answered)
    }

    /// Classifies a fact, also by what other messages of the account met.
    fn classify(
        &self,
        message: &OpenMessage<'_>,
        plan: &Plan<'_>,
        planned: &Planned,
        fact: &Fact,
        session: &trouble::Session,
    ) -> Classification {
        if let Some(classification) = trouble::by_own_server(fact).filter(|_| plan.account.lmtp.is_some()) {
            return classification;
        }
        // A reply to RCPT concerns one recipient, a reply to any other command all of them. One to MAIL that passes is the
        // provider's own, whoever the message is for; what does not pass may be about this sender.
        let concerned = |meaning| match (fact.phase, &fact.seen) {
            (Phase::Rcpt, _) => vec![planned.address.to_string()],
            // What one sender is asked for after the login is nothing that all of them are.
            (Phase::Mail, _) if matches!(meaning, Meaning::LoginWanted | Meaning::TlsSettings) => {
                vec![plan.sender.to_string()]
            }
            (Phase::Mail, Seen::Reply(reply)) if reply.is_transient() => Vec::new(),
            _ => plan.recipients.iter().map(|planned| planned.address.to_string()).collect(),
        };
        let id = &message.stored.envelope.id;
        trouble::classify(fact, session, |meaning| {
            self.context.evidence.note(&plan.account.name, meaning, id, &concerned(meaning))
        })
    }

    /// Decides from the verdicts whether message, account or relay is to blame, and so what is recorded.
    ///
    /// A verdict about the relay or the account counts only if it is that of every recipient. As soon as one recipient
    /// got a reply of its own, the server works, and the message is settled recipient by recipient.
    fn draw_conclusions(
        &mut self,
        mut message: OpenMessage<'_>,
        plan: &Plan<'_>,
        mut batch: RecipientBatch,
        answered: AnsweredExchange,
    ) -> Result<BatchOutcome, SpoolError> {
        let AnsweredExchange { exchanged, classifications, mut outcomes, excerpt } = answered;
        let Exchanged { facts, relay, session, connecting, sending, not_reached, .. } = exchanged;
        if let Some(cure) = outcome::remedy_called_for(&outcomes) {
            log::warning(format_args!("{}: {cure}", message.stored.envelope.id));
        }
        if facts.iter().all(|fact| fact.phase == Phase::Mail) {
            // A reply to MAIL concerns all recipients, including those of later batches.
            let rest = std::mem::take(&mut batch.rest);
            if let Some((_, to_all)) = outcomes.last().cloned() {
                let of_rest = Outcome { sent_as: SentAs { to: None, ..to_all.sent_as.clone() }, ..to_all };
                outcomes.extend(rest.into_iter().map(|index| (index, of_rest.clone())));
            }
        }
        let delays = Delays { queued: outcome::queued(&message), waiting: Duration::ZERO, connecting, sending };
        // Recipients that were not reached have the same fact as all.
        let place = |index| plan.recipients.iter().position(|planned| planned.index == index).unwrap_or(0);
        outcome::log_outcomes(&message, &outcomes, delays, |index| facts.get(place(index)).map(|fact| fact.phase));
        if let (Some(fact), Some(classification)) = (facts.first(), classifications.first())
            && let Some(trouble) = outcome::trouble_of(classification.verdict)
            && classifications.iter().all(|other| other.verdict == classification.verdict)
        {
            self.session.discard();
            note(&mut message, &outcomes);
            let cure = outcomes.iter().find_map(|(_, outcome)| outcome.cure.clone());
            let said = fact.seen.to_string();
            let reason = cure.as_ref().map_or_else(|| said.clone(), |cure| format!("{said}; {cure}"));
            let (wait, met) = (classification.wait, Met::ByMessage);
            let failure = AccountFailure { trouble, relay, reason, cure, wait, read: None, met };
            return Ok(BatchOutcome::over(outcome::account_failed(classification.verdict, failure)));
        }
        // They have had no attempt, and so come first in the next.
        let is_reached = |index: usize| !not_reached.iter().any(|at| plan.recipients[*at].index == index);
        outcomes.retain(|(index, _)| is_reached(*index));
        let verdicts = || classifications.iter().map(|classification| classification.verdict);
        if verdicts().any(|verdict| verdict == Verdict::Charged) {
            // The turn of the message is over, also for recipients that were not reached.
            batch.rest.clear();
            let charged = verdicts().zip(&plan.recipients).filter(|(verdict, _)| *verdict == Verdict::Charged);
            let mut charged = charged.map(|(_, planned)| planned.index).filter(|index| is_reached(*index));
            let said =
                |charged| outcomes.iter().find(|(index, _)| *index == charged).map(|(_, outcome)| outcome.said());
            let reason = charged.next().and_then(said).unwrap_or_default();
            let (trouble, met) = (Trouble::Relay, Met::ByMessage);
            let failure = AccountFailure { trouble, relay, reason, cure: None, wait: None, read: None, met };
            let result = self.settle_batch(message, plan, &batch, &failure.relay, outcomes)?;
            // A final reply for any recipient shows that the server works, and so does what the session carried before:
            // it ended because of what was sent over it. A server in trouble ends the next, fresh session as well.
            let is_progress = session.history == History::Used
                || verdicts().any(|verdict| matches!(verdict, Verdict::Delivered | Verdict::Refused));
            let outcome =
                if is_progress { AttemptOutcome::Settled(result) } else { AttemptOutcome::Charged(result, failure) };
            return Ok(BatchOutcome::over(outcome));
        }
        // Counted here, before the thread that records them has started. Counted there, the next transaction could
        // pass the gate first, and any number of outcomes could be waiting for the disk.
        let unsynced = self.context.gate.run_ahead(outcomes.len());
        let (account, begins, ends) = (self.name.clone(), batch.begins, batch.ends());
        let attempt = Attempt { account, relay, outcomes, begins, ends, unsynced };
        let (journal, now) = (message.journal, message.now);
        Ok(BatchOutcome::Answered(Box::new(AnsweredAttempt { journal, excerpt, now, attempt })))
    }

    fn settle_batch(
        &self,
        message: OpenMessage<'_>,
        plan: &Plan<'_>,
        batch: &RecipientBatch,
        relay: &str,
        outcomes: Vec<(usize, Outcome)>,
    ) -> Result<AttemptResult, SpoolError> {
        let unsynced = self.context.gate.run_ahead(outcomes.len());
        let (account, relay) = (plan.account.name.clone(), relay.to_owned());
        let (begins, ends) = (batch.begins, batch.ends());
        self.context.settler.settle(message, Attempt { account, relay, outcomes, begins, ends, unsynced })
    }

    /// Lets another thread record the attempt, so that the next transaction can start while the disk is busy.
    fn hand_over(&self, stored: Stored, answered: AnsweredAttempt) {
        let (loaded, report) = (Arc::clone(&self.loaded), Arc::clone(&self.report));
        self.context.batch_finisher.submit(CompletedAttempt { loaded, report, stored, answered });
    }
}

/// A transaction with the meaning of its replies.
struct AnsweredExchange {
    exchanged: Exchanged,
    /// Of the recipients that were sent to, in their order.
    classifications: Vec<Classification>,
    /// Of all recipients of the batch.
    outcomes: Vec<(usize, Outcome)>,
    excerpt: HeaderExcerpt,
}

fn introduce(envelope: &Envelope, message_id: &str) {
    // Our own reports have no submitter; their `bounce` line names them. The listener has already logged its client.
    if envelope.kind == Kind::Mail
        && let Submitter::Local(uid) = envelope.submitter
    {
        log::picked_up(&envelope.id, uid, &envelope.sender);
    }
    log::message_id(&envelope.id, message_id);
    log::active(&envelope.id, &envelope.sender, envelope.size, envelope.recipients.len());
}
