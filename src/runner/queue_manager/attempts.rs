//! The effect of a worker's report on the queue: when the message is attempted next, what a flush is told, and
//! whether the account backs off.
//!
//! A message stays active, and so out of reach of other workers, from the moment that a worker gets it until its
//! outcomes are on disk. `Answered` therefore changes nothing about the message; the `Recorded` event that follows
//! puts it back or removes it. A second worker that got it in between would read a journal without these outcomes and
//! deliver a second copy.

use jiff::Timestamp;

use super::account_backoff::FailedAttempt;
use super::account_queue::later;
use super::mixed::Progress;
use super::state::QueueState;
use super::workers::Beginning;
use crate::control::protocol::Response;
use crate::log;
use crate::runner::event::{AttemptOutcome, AttemptReport, Met, RecordedAttempt};
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::{MessageId, SpoolError};

impl QueueState {
    /// A worker has finished with a message.
    pub(super) fn on_attempt_finished(&mut self, report: AttemptReport, begun: Beginning) {
        let AttemptReport { worker: _, account, id, outcome } = report;
        let now = self.now();
        if !matches!(outcome, AttemptOutcome::Answered) || self.backoff.has_outage(&account) {
            self.alarms.look();
        }
        self.metrics.attempted(&account, &outcome);
        match outcome {
            // The message stays active until its outcomes are on disk.
            AttemptOutcome::Answered => self.account_recovered(&account),
            AttemptOutcome::More => {
                self.account_recovered(&account);
                self.go_on(&id, &account);
            }
            AttemptOutcome::Settled(result) => self.apply_result(&account, result),
            AttemptOutcome::Charged(result, failure) => {
                self.apply_result(&account, result);
                // The result is applied first: the message waits for its own next attempt whether or not the account
                // backs off as well.
                if self.schedule.charge(&account, &id) {
                    self.account_failed(&FailedAttempt { account, failure, begun: Timestamp::now() });
                }
            }
            // With other sessions open the account works, only with fewer of them. Without any, nothing shows that it
            // works, and the arm below backs it off.
            AttemptOutcome::TooManySessions(_) if self.schedule.limit_sessions(&account, begun.beside, now) => {
                self.go_on(&id, &account);
            }
            AttemptOutcome::AccountFailed(failure) | AttemptOutcome::TooManySessions(failure) => {
                if failure.met == Met::ByMessage {
                    self.schedule.suspect(&account, &id);
                }
                // Due now rather than after the backoff: nothing is wrong with the message, and the account's backoff
                // alone decides when it goes on. A flush that ends the backoff then finds the message ready.
                self.schedule.requeue(&id, &account, now);
                let begun = failure.read.unwrap_or(begun.at);
                let attempt = FailedAttempt { account, failure, begun };
                if attempt.is_out_of_date(&self.loaded) {
                    self.on_files_changed();
                } else {
                    self.flushes.report_waiting(&id, &attempt.failure.reason);
                    self.account_failed(&attempt);
                }
            }
            AttemptOutcome::Rerouted(other) => self.go_on(&id, &other),
            AttemptOutcome::NotBegun => self.go_on(&id, &account),
            AttemptOutcome::Gone => {
                self.floods.had_its_turn(&id);
                self.schedule.remove(&id);
                self.flushes.drop_message(&id);
            }
            AttemptOutcome::SpoolFailed(error) => self.on_spool_failed(&account, &id, &error),
        }
    }

    /// The login of an account was accepted.
    pub(super) fn on_session_opened(&mut self, account: &str) {
        let now = self.now();
        self.schedule.session_opened(account, now);
    }

    /// The outcomes of an earlier attempt are on disk, or could not be written.
    pub(super) fn on_attempt_recorded(&mut self, recorded: RecordedAttempt) {
        match recorded.result {
            Ok(result) => {
                self.metrics.settled(&recorded.account, &result);
                if result.waiting > 0 || result.refused > 0 {
                    self.alarms.look();
                } else {
                    self.alarms.look_whether_over();
                }
                self.apply_result(&recorded.account, result);
            }
            Err(error) => self.on_spool_failed(&recorded.account, &recorded.id, &error),
        }
    }

    /// The message is due again immediately. If the account is backing off now, a flush does not wait for it.
    fn go_on(&mut self, id: &MessageId, account: &str) {
        self.schedule.requeue(id, account, self.now());
        self.report_backoff_to(id, account);
    }

    /// The message is intact on disk, as it was before the attempt or with the outcomes that were synced. After
    /// `retry_min` it is read again from there.
    fn on_spool_failed(&mut self, account: &str, id: &MessageId, error: &SpoolError) {
        log::warning(format_args!("{id}: {error}; trying again later"));
        self.schedule.requeue(id, account, self.soon());
        self.floods.had_its_turn(id);
        self.flushes.report_waiting(id, &error.to_string());
    }

    fn apply_result(&mut self, account: &str, result: AttemptResult) {
        self.digest_settled(&result);
        self.floods.had_its_turn(&result.id);
        let now = self.now();
        let mut is_wanted_again =
            matches!(result.next_step, NextStep::Retry(_)) && self.schedule.wants_another_attempt(&result.id);
        match result.next_step {
            NextStep::Retry(_) if self.mixed.contains_key(&result.id) => {
                is_wanted_again = self.continue_mixed(&result.id, account, &result.next_step) == Progress::GoesOn;
            }
            NextStep::More => return self.go_on(&result.id, account),
            NextStep::Retry(_) if is_wanted_again => self.go_on(&result.id, account),
            NextStep::Retry(wait) => self.schedule.requeue(&result.id, account, later(now, wait)),
            NextStep::Held | NextStep::Gone | NextStep::AwaitDigest => self.schedule.remove(&result.id),
        }
        let AttemptResult { id, delivered, refused, waiting, reason, next_step, reports, owes } = result;
        if let Some(owes) = owes {
            self.owe_digest(&id, owes);
        }
        for report in reports {
            self.load(report);
        }
        // A flush that was requested during the attempt waits for the next one.
        if !is_wanted_again {
            // A message that moved to failed/ may have recipients without an outcome, but nothing is going to be
            // attempted for them.
            let waiting = if next_step == NextStep::Gone { 0 } else { waiting };
            self.flushes.report(&id.clone(), &Response::Result { id, delivered, refused, waiting, reason });
        }
    }

    fn account_recovered(&mut self, account: &str) {
        let has_failed = self.schedule.failures(account) > 0;
        self.backoff.recovered(account, &self.loaded, &mut self.schedule);
        if has_failed {
            self.reassign_mixed();
        }
    }

    fn account_failed(&mut self, attempt: &FailedAttempt) {
        // The first session to report the trouble does all that follows. For the others it has been done.
        let is_first = self.backoff.failed(attempt, &self.loaded, &mut self.schedule);
        self.reassign_mixed();
        if !is_first {
            return;
        }
        let account = &attempt.account;
        self.report_backoff(account);
        if let Some(alert) = self.backoff.raise_alert(account, &self.loaded, &self.schedule) {
            self.load(alert);
        }
        for id in self.backoff.set_aside_expired(account, &self.loaded, &self.schedule) {
            self.schedule.remove(&id);
            self.flushes.drop_message(&id);
        }
    }

    /// Allows accounts with an outage to be probed now, if that does no harm.
    pub(super) fn end_backoffs(&mut self) {
        self.backoff.end(&self.loaded, &mut self.schedule);
        self.reassign_mixed();
    }
}
