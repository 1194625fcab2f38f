//! Storing reports to senders: one bounce per attempt that refused recipients, one
//! delay notice per message, one report of success where NOTIFY asks for it. A report's id
//! follows from message and attempt, so that storing it twice is harmless. Beyond the cap
//! per hour the journal says that a report is owed; the digest that tells it is `digest`'s.

use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;

use super::addressee;
use crate::control::loaded::Loaded;
use crate::deliver::dsn::{self, Affected, Facts, Original, Report};
use crate::deliver::{digest, outgoing};
use crate::log;
use crate::mail::address::{Address, Mailbox, ReversePath};
use crate::mail::outcome::{Outcome, Status, Teller};
use crate::runner::message::OpenMessage;
use crate::runner::report_limit::ReportLimit;
use crate::runner::result::{Addressee, OwedReport};
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::state::State;
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError};

/// Stores a bounce for every attempt that refused recipients and has none yet; adds
/// their ids to `reports`. Says why something could not be returned, if so.
pub fn return_refused(
    message: &mut OpenMessage<'_>,
    limit: &ReportLimit,
    reports: &mut Vec<MessageId>,
) -> Result<Option<String>, SpoolError> {
    let mut unreturnable = None;
    for attempt in attempts_that_refused(message) {
        let id = report_id(&message.stored.envelope.id, attempt, Report::Failed);
        let state = message.journal.state();
        if state.returned.contains(&id) || state.owed.contains(&attempt) || state.digested.contains(&attempt) {
            continue;
        }
        let refused = refused_in(message, attempt);
        if refused.is_empty() {
            continue;
        }
        if is_over_the_cap(message, limit, Report::Failed, &id) {
            message.journal.append(message.now, &[Line::Owed(attempt)])?;
            log::owed(&message.stored.envelope.id);
            continue;
        }
        match store_failed(message, &id, &refused)? {
            Returned::Stored => {}
            Returned::WithoutText(why) => {
                // What has its text only here is not settled by that.
                log::returned(&message.stored.envelope.id, &id);
                reports.push(id);
                unreturnable = Some(why);
                continue;
            }
            Returned::ToNobody(why) => {
                unreturnable = Some(why);
                continue;
            }
        }
        message.journal.append(message.now, &[Line::Returned(id.clone())])?;
        log::returned(&message.stored.envelope.id, &id);
        reports.push(id);
    }
    Ok(unreturnable)
}

/// How a report of a failure was stored.
enum Returned {
    /// As it should.
    Stored,
    /// Without the text of the message that it returns, which has to be kept; why.
    WithoutText(String),
    /// Not at all; why.
    ToNobody(String),
}

/// Stores a bounce; one that is refused for the text that it returns goes to its recipient once more without it.
fn store_failed(message: &OpenMessage<'_>, id: &MessageId, refused: &[usize]) -> Result<Returned, SpoolError> {
    let envelope = &message.stored.envelope;
    if let (Kind::Bounce, [recipient]) = (envelope.kind, refused)
        && let Some(outcome) = message.journal.state().outcome(*recipient)
        && may_be_about_the_content(outcome)
        && let Mailbox::Valid(to) = &envelope.recipients[*recipient].address
        && let Some(content) = content(message).and_then(|content| dsn::without_text(&content))
    {
        put(message, Report::Failed, id, to, &content)?;
        let why = format!(
            "with the text of the message that it returns it cannot be sent ({}), so it went out with the header alone",
            outcome.said()
        );
        return Ok(Returned::WithoutText(why));
    }
    Ok(match store(message, Report::Failed, id, refused)? {
        Stored::Yes => Returned::Stored,
        Stored::Nobody(why) => Returned::ToNobody(why),
    })
}

/// A server's refusal that does not speak of the recipient's address or mailbox (RFC 3463 subjects 1 and 2), or ours that
/// speaks of the size or of the content (3 and 6).
fn may_be_about_the_content(outcome: &Outcome) -> bool {
    match outcome.code {
        Some(_) => !matches!(outcome.enhanced.subject, 1 | 2),
        None => matches!(outcome.enhanced.subject, 3 | 6),
    }
}

/// Whether the sender is to be told of the delay now. Where the message is held, somebody can do something about it:
/// then the notice goes with the second attempt, some minutes after the first, which a mistake of a moment survives.
#[must_use]
pub fn is_warning_due(message: &OpenMessage<'_>, age: Duration) -> bool {
    let state = message.journal.state();
    let is_held = |i: usize| state.outcome(i).is_some_and(Outcome::is_held);
    let was_held_before = state.grace_from.is_some_and(|from| from < message.now);
    let is_still_held = || was_held_before && state.pending().into_iter().any(is_held);
    let is_late = || {
        let is_held = state.pending().into_iter().any(is_held);
        (state.heard > 0 || is_held) && age >= message.loaded.config.queue.warn_after
    };
    !state.warned && (is_late() || (state.heard > 0 && is_still_held()))
}

/// Stores the delay notice; its id, unless there is nobody to tell.
pub fn warn_of_delay(
    message: &mut OpenMessage<'_>,
    limit: &ReportLimit,
    pending: &[usize],
) -> Result<Option<MessageId>, SpoolError> {
    let heard_of: Vec<usize> = pending
        .iter()
        .copied()
        .filter(|i| message.journal.state().outcome(*i).is_some() && wants(message, *i, "delay"))
        .collect();
    let id = report_id(&message.stored.envelope.id, 0, Report::Delayed);
    if heard_of.is_empty() {
        return Ok(None);
    }
    if is_over_the_cap(message, limit, Report::Delayed, &id) {
        message.journal.append(message.now, &[Line::Owed(0)])?;
        log::owed(&message.stored.envelope.id);
        return Ok(None);
    }
    match store(message, Report::Delayed, &id, &heard_of)? {
        Stored::Yes => {
            message.journal.append(message.now, &[Line::Warned(id.clone())])?;
            log::warned(&message.stored.envelope.id, &id);
            Ok(Some(id))
        }
        Stored::Nobody(_) => Ok(None),
    }
}

/// Whether this report is to go into a digest. One that is stored already is not.
fn is_over_the_cap(message: &OpenMessage<'_>, limit: &ReportLimit, report: Report, id: &MessageId) -> bool {
    let to = addressee::of_report(message.loaded, &message.stored.envelope, report);
    let most = message.loaded.config.queue.reports_per_hour;
    to.is_some_and(|to| limit.take(most, &to).is_err()) && !is_about(message, id)
}

/// What the message owes, as its journal says.
#[must_use]
pub fn owes(loaded: &Loaded, limit: &ReportLimit, envelope: &Envelope, state: &State) -> Option<OwedReport> {
    if state.owed.is_empty() || state.done {
        return None;
    }
    let to = addressee::of_report(loaded, envelope, Report::Failed)?;
    let wait = limit.left(&to);
    Some(OwedReport {
        to: Addressee { to, submitter: envelope.submitter.clone(), account: state.account.clone() },
        wait,
    })
}

/// What a digest to this address says about the message; nothing where nothing is owed to it (any more).
pub fn piece(loaded: &Loaded, id: &MessageId, to: &Address) -> Result<Option<String>, SpoolError> {
    let mut stored = loaded.spool.open_message(id)?;
    let journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
    stored.envelope.join(journal.state());
    let original = &stored.envelope;
    let message = OpenMessage { loaded, stored: &stored, journal, now: Timestamp::now() };
    let state = message.journal.state();
    if state.held || state.done || state.owed.is_empty() {
        return Ok(None);
    }
    let header = outgoing::stored_header(&stored).unwrap_or_default();
    let mut text = String::new();
    for attempt in &state.owed {
        let (report, recipients) = match attempt {
            0 => (Report::Delayed, state.pending().into_iter().filter(|i| wants(&message, *i, "delay")).collect()),
            attempt => (Report::Failed, refused_in(&message, *attempt)),
        };
        let addresses = addresses(original, &recipients);
        let affected = affected(&message, &recipients, &addresses);
        let facts = Facts {
            report,
            id,
            original,
            attached: Original::Header(&header),
            affected: &affected,
            to,
            at: message.now,
        };
        if !affected.is_empty() {
            text.push_str(&digest::piece(&facts));
        }
    }
    Ok((!text.is_empty()).then_some(text))
}

/// Stores a notice of refused mail that goes to failed/ because its sender is somebody else's address: to its submitter,
/// or to postmaster. Beyond the limit per hour there is none.
pub fn tell_of_kept(message: &OpenMessage<'_>, limit: &ReportLimit) -> Result<Option<MessageId>, SpoolError> {
    let (loaded, original) = (message.loaded, &message.stored.envelope);
    let ReversePath::Mailbox(sender) = &original.sender else { return Ok(None) };
    let refused: Vec<usize> =
        attempts_that_refused(message).into_iter().flat_map(|attempt| refused_in(message, attempt)).collect();
    if original.kind != Kind::Mail || refused.is_empty() || loaded.is_own_sender(sender) {
        return Ok(None);
    }
    let Some(to) = addressee::of_submitter(loaded, original) else { return Ok(None) };
    let id = report_id(&original.id, message.journal.state().attempts, Report::Kept);
    if limit.take(loaded.config.queue.reports_per_hour, &to).is_err() && !is_about(message, &id) {
        return Ok(None);
    }
    store_to(message, Report::Kept, &id, &refused, &to)?;
    Ok(Some(id))
}

/// Tells the sender who asked for it (NOTIFY=SUCCESS) that the relay took the message, for whom the relay itself
/// does not; once, when nothing waits any more.
pub fn tell_success(message: &mut OpenMessage<'_>, reports: &mut Vec<MessageId>) -> Result<(), SpoolError> {
    let (envelope, state) = (&message.stored.envelope, message.journal.state());
    let is_owed = |i: &usize| state.outcome(*i).is_some_and(|outcome| owes_success(envelope, *i, outcome));
    let taken: Vec<usize> = (0..state.recipients.len()).filter(is_owed).collect();
    let id = report_id(&message.stored.envelope.id, 0, Report::Relayed);
    if taken.is_empty() || message.journal.state().returned.contains(&id) {
        return Ok(());
    }
    match store(message, Report::Relayed, &id, &taken)? {
        Stored::Yes => {
            message.journal.append(message.now, &[Line::Returned(id.clone())])?;
            log::told_success(&message.stored.envelope.id, &id);
            reports.push(id);
        }
        // Who has no address asked in vain; nothing failed.
        Stored::Nobody(_) => {}
    }
    Ok(())
}

/// Whether its sender wants to be told that the relay took it for this recipient, and the relay itself does not tell.
#[must_use]
pub fn owes_success(envelope: &Envelope, recipient: usize, outcome: &Outcome) -> bool {
    outcome.status == Status::Delivered && outcome.teller == Teller::Us && asks_for(envelope, recipient, "success")
}

/// Whether a report was stored.
enum Stored {
    Yes,
    /// There is nobody to send it to; why.
    Nobody(String),
}

fn attempts_that_refused(message: &OpenMessage<'_>) -> Vec<u32> {
    let state = message.journal.state();
    let refused = state.recipients.iter().filter(|recipient| recipient.outcome_if(Status::Refused).is_some());
    let mut attempts: Vec<u32> = refused.map(|recipient| recipient.attempt).collect();
    attempts.sort_unstable();
    attempts.dedup();
    attempts
}

fn refused_in(message: &OpenMessage<'_>, attempt: u32) -> Vec<usize> {
    let state = message.journal.state();
    let all = state.recipients.iter().enumerate();
    all.filter(|(_, recipient)| recipient.attempt == attempt && recipient.outcome_if(Status::Refused).is_some())
        .map(|(index, _)| index)
        .filter(|index| wants(message, *index, "failure"))
        .collect()
}

/// RFC 3461 NOTIFY: without it, failures and delays are told.
fn wants(message: &OpenMessage<'_>, recipient: usize, what: &str) -> bool {
    let is_told_anyway = message.stored.envelope.recipients.get(recipient).is_none_or(|r| r.notify.is_none());
    is_told_anyway || asks_for(&message.stored.envelope, recipient, what)
}

fn asks_for(envelope: &Envelope, recipient: usize, what: &str) -> bool {
    let notify = envelope.recipients.get(recipient).and_then(|r| r.notify.as_deref());
    notify.is_some_and(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case(what)))
}

/// What a bounce adds to the message that it returns, at most. A bounce that cannot be delivered is returned with that.
const BOUNCE_FRAME: u64 = 64 << 10;

/// All of the message, where it is not too large and RET=HDRS does not ask for the header alone.
fn whole(message: &OpenMessage<'_>, report: Report) -> Option<Vec<u8>> {
    let envelope = &message.stored.envelope;
    let is_header_asked = envelope.ret.as_deref().is_some_and(|ret| ret.eq_ignore_ascii_case("hdrs"));
    let frame = if envelope.kind == Kind::Mail { 0 } else { BOUNCE_FRAME };
    if report != Report::Failed || is_header_asked || envelope.size > message.loaded.config.queue.bounce_size + frame {
        return None;
    }
    content(message)
}

fn content(message: &OpenMessage<'_>) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    message.stored.content().and_then(|mut reader| reader.read_to_end(&mut content)).ok()?;
    Some(content)
}

/// The id of a report: as many microseconds behind the original as the attempt has in number, so that another
/// attempt's report has another id and the same attempt's the same.
fn report_id(original: &MessageId, attempt: u32, report: Report) -> MessageId {
    let (time, random) = original.parts();
    let mark = match report {
        Report::Failed | Report::Kept => 0x555,
        Report::Delayed => 0xAAA,
        Report::Relayed | Report::Verified => 0x5AA,
    };
    MessageId::new(time.wrapping_add(attempt.into()), random ^ mark)
}

fn store(
    message: &OpenMessage<'_>,
    report: Report,
    id: &MessageId,
    recipients: &[usize],
) -> Result<Stored, SpoolError> {
    let original = &message.stored.envelope;
    let Some(to) = &addressee::of_report(message.loaded, original, report) else {
        return Ok(Stored::Nobody(match (&original.sender, original.kind) {
            (ReversePath::Null, Kind::Mail) => "refused, and the null sender gets no report".to_owned(),
            (ReversePath::Mailbox(sender), Kind::Mail) => format!(
                "refused, and its sender <{sender}> {}: {}",
                if message.loaded.is_own_sender(sender) {
                    "has no address outside this machine that a report could go to"
                } else {
                    "is not an address of this machine, so it gets no report"
                },
                reason_of(message, recipients)
            ),
            _ => undeliverable_report(message, recipients),
        }));
    };
    store_to(message, report, id, recipients, to)
}

fn store_to(
    message: &OpenMessage<'_>,
    report: Report,
    id: &MessageId,
    recipients: &[usize],
    to: &Address,
) -> Result<Stored, SpoolError> {
    let original = &message.stored.envelope;
    let whole = whole(message, report);
    let header = outgoing::stored_header(message.stored).unwrap_or_default();
    let attached = whole.as_deref().map_or(Original::Header(&header), Original::Whole);
    let addresses = addresses(original, recipients);
    let affected = affected(message, recipients, &addresses);
    let facts = Facts { report, id, original, attached, affected: &affected, to, at: message.now };
    put(message, report, id, to, &dsn::build(&message.loaded.config, &facts))
}

fn addresses(original: &Envelope, recipients: &[usize]) -> Vec<String> {
    recipients.iter().map(|i| original.recipients[*i].address.to_string()).collect()
}

/// Those of the recipients of whom something was heard.
fn affected<'a>(message: &'a OpenMessage<'_>, recipients: &[usize], addresses: &'a [String]) -> Vec<Affected<'a>> {
    let of = |(i, address): (&usize, &'a String)| {
        let outcome = message.journal.state().outcome(*i)?;
        let recipient = &message.stored.envelope.recipients[*i];
        Some(Affected { given: &recipient.given, address, orcpt: recipient.orcpt.as_deref(), outcome })
    };
    recipients.iter().zip(addresses).filter_map(of).collect()
}

fn undeliverable_report(message: &OpenMessage<'_>, recipients: &[usize]) -> String {
    format!("a report that could not be delivered: {}", reason_of(message, recipients))
}

fn reason_of<'m>(message: &'m OpenMessage<'_>, recipients: &[usize]) -> &'m str {
    let outcomes = recipients.iter().filter_map(|i| message.journal.state().outcome(*i));
    outcomes.map(|outcome| outcome.reply.as_str()).next().unwrap_or("unknown reason")
}

fn is_about(message: &OpenMessage<'_>, report: &MessageId) -> bool {
    let stored = message.loaded.spool.open_message(report);
    stored.is_ok_and(|stored| stored.envelope.about.as_ref() == Some(&message.stored.envelope.id))
}

fn put(
    message: &OpenMessage<'_>,
    report: Report,
    id: &MessageId,
    to: &Address,
    content: &[u8],
) -> Result<Stored, SpoolError> {
    let original = &message.stored.envelope;
    let kind = match report {
        Report::Failed => Kind::Bounce,
        Report::Kept | Report::Delayed | Report::Relayed | Report::Verified => Kind::Notice,
    };
    let envelope = Envelope {
        submitter: original.submitter.clone(),
        token: format!("report-{}", original.token),
        about: Some(original.id.clone()),
        account: message.journal.state().account.clone(),
        ..Envelope::own(id.clone(), message.now, kind, to)
    };
    let mut incoming = Incoming::begin(&message.loaded.spool, envelope)?;
    incoming.write(content)?;
    match incoming.commit() {
        Ok(_) => Ok(Stored::Yes),
        // Stored by the attempt that a crash interrupted, unless chance gave another message this id.
        Err(SpoolError::Exists(id)) if is_about(message, &id) => Ok(Stored::Yes),
        Err(error) => Err(error),
    }
}
