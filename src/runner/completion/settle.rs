//! After an attempt: outcomes into the journal, reports to the sender, and either the
//! next time or the message's leaving, in the order of DESIGN section 6, so that a
//! crash at any point costs nothing but a repetition.

use std::time::Duration;

use jiff::Timestamp;

use super::digest::Owes;
use super::dsn;
use crate::deliver::history_record;
use crate::log;
use crate::mail::outcome::{Enhanced, Outcome, Status};
use crate::rules::retry;
use crate::runner::context::Settings;
use crate::runner::durability::UnsyncedGuard;
use crate::spool::history;
use crate::spool::journal::{Journal, Line};
use crate::spool::{MessageId, SpoolError, Stored};

/// A message with everything that settling it needs.
pub struct OpenMessage<'a> {
    /// Config, tables, spool.
    pub settings: &'a Settings,
    /// The message.
    pub stored: &'a Stored,
    /// Its journal.
    pub journal: Journal,
    /// Now.
    pub now: Timestamp,
}

/// What an attempt came to.
#[derive(Debug)]
pub struct Attempt {
    /// Account name.
    pub account: String,
    /// `host[ip]:port` or `none`.
    pub relay: String,
    /// Per recipient (index in the envelope).
    pub outcomes: Vec<(usize, Outcome)>,
    /// Whether it begins with these.
    pub begins: bool,
    /// Whether it is over with these.
    pub ends: bool,
    /// Told when the outcomes are on disk.
    pub ahead: UnsyncedGuard,
}

/// How a message stands after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The message.
    pub id: MessageId,
    /// Recipients delivered, over all attempts.
    pub delivered: usize,
    /// Recipients refused, over all attempts.
    pub refused: usize,
    /// Recipients still waiting.
    pub waiting: usize,
    /// The reason of one that waits or was refused.
    pub reason: String,
    /// What becomes of the message.
    pub then: Then,
    /// Reports stored on the way, to be sent.
    pub reports: Vec<MessageId>,
    /// What it owes its sender in a digest.
    pub owes: Option<Owes>,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The attempt goes on with other recipients.
    More,
    /// Tried again after that time.
    Again(Duration),
    /// Held until released.
    Held,
    /// Stays only until a digest has told its sender.
    Owed,
    /// Left the queue.
    Gone,
}

/// Records an attempt that counts, and draws its consequences.
pub fn settle(mut desk: OpenMessage<'_>, attempt: Attempt) -> Result<Settled, SpoolError> {
    let (ends, is_heard) = (attempt.ends, attempt.outcomes.iter().any(|(_, outcome)| outcome.code.is_some()));
    record_attempt(&mut desk, attempt)?;
    if !ends {
        return Ok(Settled { then: Then::More, ..gone(&desk) });
    }
    if is_heard {
        expire(&mut desk)?;
    }
    conclude(desk)
}

/// Records what became of some of an attempt's recipients.
pub fn record_attempt(desk: &mut OpenMessage<'_>, attempt: Attempt) -> Result<(), SpoolError> {
    let begin = attempt.begins.then(|| Line::Attempt {
        number: desk.journal.state().attempts + 1,
        account: attempt.account,
        relay: attempt.relay,
    });
    let lines: Vec<Line> = begin.into_iter().chain(lines_for(&attempt.outcomes)).collect();
    let appended = desk.settings.safety.append(&mut desk.journal, desk.now, &lines);
    drop(attempt.ahead);
    appended
}

/// Notes why a message waits without charging it an attempt: relay or account trouble.
/// The same reason is noted once.
pub fn note(desk: &mut OpenMessage<'_>, outcomes: &[(usize, Outcome)]) -> Result<(), SpoolError> {
    let known = &desk.journal.state().outcomes;
    let news = outcomes.iter().filter(|(i, outcome)| known.get(*i).and_then(Option::as_ref) != Some(outcome));
    let lines: Vec<Line> = lines_for(news).collect();
    if lines.is_empty() { Ok(()) } else { desk.journal.append(desk.now, &lines) }
}

/// Like [`note`], where the message itself must wait: a table or account is missing.
pub fn note_and_wait(mut desk: OpenMessage<'_>, outcomes: &[(usize, Outcome)]) -> Result<Settled, SpoolError> {
    note(&mut desk, outcomes)?;
    let lifetime = desk.settings.config.queue.lifetime;
    let blocked = desk.journal.state().blocked_from.map(|since| desk.settings.clock.age(since));
    if age(&desk) >= lifetime && blocked.is_some_and(|blocked| blocked >= lifetime) {
        return park(&desk);
    }
    conclude(desk)
}

fn lines_for<'a>(outcomes: impl IntoIterator<Item = &'a (usize, Outcome)>) -> impl Iterator<Item = Line> {
    outcomes.into_iter().map(|(recipient, outcome)| Line::Outcome { recipient: *recipient, outcome: outcome.clone() })
}

/// Takes out of the queue what its owner did not mend in all its lifetime; `queue retry` brings it back.
fn park(desk: &OpenMessage<'_>) -> Result<Settled, SpoolError> {
    let id = &desk.stored.envelope.id;
    let state = desk.journal.state();
    let reason = telling_reason(&state.outcomes);
    let settled = Settled {
        id: id.clone(),
        delivered: 0,
        refused: 0,
        waiting: state.pending().len(),
        reason: format!("{reason}; moved to failed/, `postrider queue retry {id}` returns it to the queue"),
        then: Then::Gone,
        reports: Vec::new(),
        owes: None,
    };
    desk.settings.spool.set_aside(id, &settled.reason)?;
    log::set_aside(id, &settled.reason);
    Ok(settled)
}

/// Whether a message's record may be in history already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    /// It ends here and now.
    No,
    /// It may have ended before a crash.
    Perhaps,
}

/// Draws the consequences of what the journal says.
fn conclude(desk: OpenMessage<'_>) -> Result<Settled, SpoolError> {
    draw(desk, Recorded::No)
}

/// The same where a crash may have interrupted that.
pub fn resume(desk: OpenMessage<'_>) -> Result<Settled, SpoolError> {
    draw(desk, Recorded::Perhaps)
}

fn draw(mut desk: OpenMessage<'_>, recorded: Recorded) -> Result<Settled, SpoolError> {
    if desk.journal.state().done {
        // A crash came between the last line and the leaving.
        desk.settings.spool.remove(&desk.stored.envelope.id)?;
        log::removed(&desk.stored.envelope.id);
        return Ok(gone(&desk));
    }
    let mut reports = Vec::new();
    let unreturnable = dsn::return_refused(&mut desk, &mut reports)?;
    if desk.journal.state().pending().is_empty() {
        dsn::tell_success(&mut desk, &mut reports)?;
    }
    let state = desk.journal.state();
    let count = |status| state.outcomes.iter().flatten().filter(|o| o.status == status).count();
    let pending = state.pending();
    let mut settled = Settled {
        id: desk.stored.envelope.id.clone(),
        delivered: count(Status::Delivered),
        refused: count(Status::Refused),
        waiting: pending.len(),
        reason: telling_reason(&state.outcomes),
        then: Then::Gone,
        reports,
        owes: None,
    };
    let owes = |desk: &OpenMessage<'_>| dsn::owes(desk.settings, &desk.stored.envelope, desk.journal.state());
    if !pending.is_empty() {
        settled.then = wait(&mut desk, &pending, &mut settled.reports)?;
        settled.owes = owes(&desk);
    } else if let Some(owed) = owes(&desk) {
        (settled.then, settled.owes) = (Then::Owed, Some(owed));
    } else {
        let nobody = || "refused, and there is nobody to notify".to_owned();
        let unreturnable = unreturnable.or_else(|| (!desk.journal.state().owed.is_empty()).then(nobody));
        leave(&mut desk, unreturnable, recorded)?;
    }
    Ok(settled)
}

fn gone(desk: &OpenMessage<'_>) -> Settled {
    let id = desk.stored.envelope.id.clone();
    let (reason, reports) = (String::new(), Vec::new());
    Settled { id, delivered: 0, refused: 0, waiting: 0, reason, then: Then::Gone, reports, owes: None }
}

fn telling_reason(outcomes: &[Option<Outcome>]) -> String {
    let worst = outcomes.iter().flatten().filter(|o| o.status != Status::Delivered);
    worst.map(Outcome::said).next().unwrap_or_default()
}

/// Gives up what is too old, at the end of an answered attempt.
fn expire(desk: &mut OpenMessage<'_>) -> Result<(), SpoolError> {
    let state = desk.journal.state();
    // What the owner of the account must mend does not expire.
    let is_owners = |outcome: &Outcome| outcome.status == Status::Deferred && outcome.code.is_some_and(|c| c >= 500);
    if !retry::is_expired(age(desk), state.heard, &desk.settings.config.queue) {
        return Ok(());
    }
    let lines: Vec<Line> = state
        .pending()
        .into_iter()
        .filter_map(|recipient| {
            let last = state.outcomes.get(recipient)?.as_ref().filter(|outcome| !is_owners(outcome))?;
            let outcome = Outcome {
                status: Status::Refused,
                enhanced: Enhanced { class: 4, subject: 4, detail: 7 },
                reply: format!("delivery time expired; last reply: {}", last.reply),
                ..last.clone()
            };
            Some(Line::Outcome { recipient, outcome })
        })
        .collect();
    if lines.is_empty() { Ok(()) } else { desk.journal.append(desk.now, &lines) }
}

fn age(desk: &OpenMessage<'_>) -> Duration {
    desk.settings.clock.age(desk.stored.envelope.arrived)
}

/// The next time, a hold, or a delay notice for what is still to be tried.
fn wait(desk: &mut OpenMessage<'_>, pending: &[usize], reports: &mut Vec<MessageId>) -> Result<Then, SpoolError> {
    let state = desk.journal.state();
    if pending.iter().any(|i| state.unknowns[*i] >= retry::UNKNOWN_BEFORE_HOLD) {
        let reason = "three times the connection was lost after the data was sent, so delivery is unconfirmed";
        log::held(&desk.stored.envelope.id, Some(reason));
        desk.journal.append(desk.now, &[Line::Hold])?;
        return Ok(Then::Held);
    }
    let unknown = pending.iter().any(|i| state.outcomes[*i].as_ref().is_some_and(|o| o.status == Status::Unknown));
    let queue = &desk.settings.config.queue;
    let mut wait = retry::message_wait(age(desk), queue, chance());
    if unknown {
        wait = wait.max(retry::AFTER_UNKNOWN);
    }
    let next = desk
        .now
        .saturating_add(jiff::SignedDuration::try_from(wait).unwrap_or(jiff::SignedDuration::MAX))
        .unwrap_or(desk.now);
    if dsn::is_warning_due(desk, age(desk)) {
        reports.extend(dsn::warn_of_delay(desk, pending)?);
    }
    desk.journal.append(desk.now, &[Line::Next(next)])?;
    Ok(Then::Again(wait))
}

/// Uniform in 0..1; without randomness, the middle.
pub(crate) fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        _ => 0.5,
    }
}

/// A name for a message of our own that follows from no other.
pub(crate) fn fresh_id(now: Timestamp) -> MessageId {
    let micros = u64::try_from(now.as_microsecond()).unwrap_or_default();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "twelve random bits are wanted")]
    MessageId::new(micros, (chance() * 4095.0) as u16)
}

/// Takes a finished message out: history, `done`, unlink; or sets it aside where its
/// failure could not be returned to anybody. Once history has it on disk, it has left: `done` need not be synced,
/// since a runner that finds neither looks there.
fn leave(desk: &mut OpenMessage<'_>, unreturnable: Option<String>, recorded: Recorded) -> Result<(), SpoolError> {
    let settings = desk.settings;
    let id = &desk.stored.envelope.id;
    if recorded == Recorded::No || !settings.is_recorded(id)? {
        history::append(&settings.spool, &[history_record::of_stored(desk.stored, desk.journal.state(), desk.now)])?;
    }
    if let Some(reason) = unreturnable {
        settings.spool.set_aside(id, &reason)?;
        log::set_aside(id, &reason);
        return Ok(());
    }
    desk.journal.hint(desk.now, &Line::Done)?;
    settings.spool.remove(id)?;
    log::removed(id);
    Ok(())
}
