//! Stores the reports that a message owes its sender, as decided by `settlement`. This file also determines whether a
//! report can be sent: who gets it, and whether it is within the hourly limit. A report beyond the limit goes into a
//! digest (`digest`), for which this file writes the message's part.
//!
//! Storing a report twice must not produce two. Its id follows from the message and the attempt, its envelope names
//! the message (`about`), and storing under an id that exists is an error. If that error says that the existing file
//! is about the same message, the report was stored before a crash, and all is well.

use jiff::Timestamp;

use super::addressee;
use super::due_report::{self, DueReport};
use super::returned_text::{self, ReturnedText};
use super::settlement::Disposition;
use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::control::loaded::Loaded;
use crate::deliver::digest::{self, Piece};
use crate::deliver::dsn::{self, Affected, Facts, Original, Report, Success};
use crate::deliver::outgoing;
use crate::log;
use crate::mail::address::{Address, Mailbox, ReversePath};
use crate::mail::outcome::{Enhanced, Outcome};
use crate::runner::message::OpenMessage;
use crate::runner::report_limit::ReportLimit;
use crate::runner::result::{Addressee, OwedReport};
use crate::spool::journal::Journal;
use crate::spool::state::{RecipientState, State};
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError, is_expanded};

/// Whether a report can be sent, and to whom. This counts it against the hourly limit, except for a success report,
/// which the sender requested.
#[must_use]
pub fn disposition(message: &OpenMessage<'_>, limit: &ReportLimit, due: &DueReport) -> Disposition {
    if due.report == Report::Failed && was_reported_before(message, due) {
        let reason = reason_of(message, &due.recipients);
        return Disposition::Nobody(format!("refused again; the sender was notified of the first refusal: {reason}"));
    }
    let to = addressee::of_report(message.loaded, &message.stored.envelope, due.report);
    let is_beyond = |to| due.report != Report::Relayed && is_beyond_limit(message, limit, to, &due.id);
    if to.as_ref().is_some_and(is_beyond) {
        return Disposition::Digest;
    }
    let shortened = if due.report == Report::Failed { without_text(message, due) } else { None };
    match (shortened, to) {
        (Some(shortened), _) => shortened,
        (None, Some(to)) => Disposition::Send(to),
        (None, None) => Disposition::Nobody(why_nobody(message, &due.recipients)),
    }
}

/// Whether each of these recipients was refused before the message came back from failed/, and its sender was told.
/// Otherwise each retry would add reports to those that lie there.
///
/// The journal does not have a bounce that was sent again without its text ([`without_text`]); it would be sent so now.
fn was_reported_before(message: &OpenMessage<'_>, due: &DueReport) -> bool {
    let state = message.journal.state();
    let of_all = |is: fn(&RecipientState) -> bool| {
        due.recipients.iter().all(|recipient| state.recipients.get(*recipient).is_some_and(is))
    };
    of_all(|its| its.told_before) || (of_all(|its| its.refused_before) && without_text(message, due).is_some())
}

/// Whether a report to this address is beyond the hourly limit. A report that was already stored before a crash is
/// not.
///
/// `take` comes first and counts in any case. A report that a crash left stored is counted twice then, which only
/// brings the digest a little earlier.
fn is_beyond_limit(message: &OpenMessage<'_>, limit: &ReportLimit, to: &Address, id: &MessageId) -> bool {
    limit.take(message.loaded.config.queue.reports_per_hour, to).is_err() && !is_about(message, id)
}

/// For a bounce that was refused because of the text that it returns: sends it again, without that text.
///
/// Some providers refuse a bounce because of the spam or virus that it returns. The header alone tells the sender
/// which message it was, while the text stays in failed/.
fn without_text(message: &OpenMessage<'_>, due: &DueReport) -> Option<Disposition> {
    let envelope = &message.stored.envelope;
    let &[recipient] = &due.recipients[..] else { return None };
    let outcome = message.journal.state().outcome(recipient)?;
    if envelope.kind != Kind::Bounce || !may_be_about_the_content(outcome) {
        return None;
    }
    let Mailbox::Valid(to) = &envelope.recipients[recipient].address else { return None };
    let content = dsn::without_text(&message.stored.whole_content().ok()?)?;
    let why = format!(
        "the bounce was rejected, probably because of the message text that it quotes ({}); it was sent again with the header only",
        outcome.said()
    );
    Some(Disposition::SendHeader(to.clone(), content, why))
}

/// Whether the refusal may be about the content. A server's refusal may be, unless its enhanced code is about the
/// address or mailbox (RFC 3463 subjects 1 and 2). Ours is, if its code is about the size or the content (3 and 6).
fn may_be_about_the_content(outcome: &Outcome) -> bool {
    match outcome.code {
        Some(_) => !matches!(outcome.enhanced.subject, 1 | 2),
        None => matches!(outcome.enhanced.subject, 3 | 6),
    }
}

/// Why there is no report about these recipients.
fn why_nobody(message: &OpenMessage<'_>, recipients: &[usize]) -> String {
    let original = &message.stored.envelope;
    match (&original.sender, original.kind) {
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
        _ => format!("a report that could not be delivered: {}", reason_of(message, recipients)),
    }
}

/// The report that the message still owes, according to its journal.
#[must_use]
pub fn owes(loaded: &Loaded, limit: &ReportLimit, envelope: &Envelope, state: &State) -> Option<OwedReport> {
    if state.still_owed().is_empty() || state.done {
        return None;
    }
    let to = addressee::of_report(loaded, envelope, Report::Failed)?;
    let wait = limit.left(&to);
    Some(OwedReport {
        to: Addressee { to, submitter: envelope.submitter.clone(), account: leaving_account(loaded, envelope, state) },
        wait,
    })
}

/// The part of a digest to this address that is about the message; `None` if nothing is owed any more.
pub fn piece(loaded: &Loaded, id: &MessageId, to: &Address) -> Result<Option<Piece>, SpoolError> {
    let mut stored = loaded.spool.open_message(id)?;
    let journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
    stored.envelope.join(journal.state());
    let original = &stored.envelope;
    let message = OpenMessage { loaded, stored: &stored, journal, now: Timestamp::now() };
    let state = message.journal.state();
    let owed = state.still_owed();
    if state.held || state.done || owed.is_empty() {
        return Ok(None);
    }
    let header = outgoing::stored_header(&stored).unwrap_or_default();
    let returned = returned_text::of(original, &loaded.config.queue);
    let (mut text, mut is_refused) = (String::new(), false);
    for attempt in &owed {
        let (report, recipients) = match attempt {
            0 => (Report::Delayed, due_report::delayed(original, state)),
            attempt => (Report::Failed, due_report::refused_in(original, state, *attempt)),
        };
        let addresses = addresses(original, &recipients);
        let affected = affected(&message, &recipients, &addresses);
        let attached = match (report, returned) {
            (Report::Failed, ReturnedText::HeaderOfKept) => Original::HeaderOfKept(&header),
            _ => Original::Header(&header),
        };
        let facts = Facts { report, id, original, attached, affected: &affected, to, at: message.now };
        if !affected.is_empty() {
            text.push_str(&digest::text(&facts));
            is_refused |= report == Report::Failed;
        }
    }
    if text.is_empty() {
        return Ok(None);
    }
    let is_returned = is_refused && returned == ReturnedText::Whole;
    Ok(Some(Piece { text, original: if is_returned { Some(stored.whole_content()?) } else { None } }))
}

/// Stores the notice about refused mail that is kept in failed/ because its sender is not an address of this machine.
/// It goes to the submitter or the postmaster, within the hourly limit.
pub fn notify_of_kept(
    message: &OpenMessage<'_>,
    limit: &ReportLimit,
    due: DueReport,
) -> Result<Option<MessageId>, SpoolError> {
    let (loaded, original) = (message.loaded, &message.stored.envelope);
    if original.sender.mailbox().is_none_or(|sender| loaded.is_own_sender(sender)) {
        return Ok(None);
    }
    let Some(to) = addressee::of_submitter(loaded, original) else { return Ok(None) };
    if is_beyond_limit(message, limit, &to, &due.id) {
        return Ok(None);
    }
    store(message, &due, &to)?;
    Ok(Some(due.id))
}

/// Stores the notice to the user to whom a message has come round.
pub fn notify_of_loop(
    message: &OpenMessage<'_>,
    limit: &ReportLimit,
    due: DueReport,
) -> Result<Option<MessageId>, SpoolError> {
    let recipients = &message.stored.envelope.recipients;
    let user = due.recipients.first().and_then(|recipient| recipients.get(*recipient)).map(|one| &one.address);
    let Some(Mailbox::Valid(to)) = user else { return Ok(None) };
    if message.stored.envelope.kind != Kind::Mail || is_beyond_limit(message, limit, to, &due.id) {
        return Ok(None);
    }
    store(message, &due, to)?;
    log::returned(&message.stored.envelope.id, &due.id);
    Ok(Some(due.id))
}

/// Stores a report to this address.
pub fn store(message: &OpenMessage<'_>, due: &DueReport, to: &Address) -> Result<(), SpoolError> {
    let original = &message.stored.envelope;
    let header = outgoing::stored_header(message.stored).unwrap_or_default();
    let returned = returned_text::of(original, &message.loaded.config.queue);
    let whole;
    let attached = match (due.report, returned) {
        (Report::Failed, ReturnedText::Whole) => {
            whole = message.stored.whole_content()?;
            Original::Whole(&whole)
        }
        (Report::Failed, ReturnedText::HeaderOfKept) => Original::HeaderOfKept(&header),
        _ => Original::Header(&header),
    };
    let addresses = addresses(original, &due.recipients);
    let mut affected = affected(message, &due.recipients, &addresses);
    let expansions = expansions(message, &due.recipients);
    if due.report == Report::Relayed {
        affected = with_expansions(affected, &expansions);
    }
    let facts = Facts { report: due.report, id: &due.id, original, attached, affected: &affected, to, at: message.now };
    put(message, due, to, &dsn::build(&message.loaded.config, &facts))
}

fn addresses(original: &Envelope, recipients: &[usize]) -> Vec<String> {
    recipients.iter().map(|i| original.recipients[*i].address.to_string()).collect()
}

/// The recipients among these that have an outcome.
fn affected<'a>(message: &'a OpenMessage<'_>, recipients: &[usize], addresses: &'a [String]) -> Vec<Affected<'a>> {
    let state = message.journal.state();
    let of = |(i, address): (&usize, &'a String)| {
        let its = state.recipients.get(*i)?;
        let (outcome, recipient) = (its.outcome.as_ref()?, &message.stored.envelope.recipients[*i]);
        let success = if state.account_of(its) == Some(LOCAL_ACCOUNT) { Success::Delivered } else { Success::Relayed };
        Some(Affected { given: &recipient.given, address, orcpt: recipient.orcpt.as_deref(), outcome, success })
    };
    recipients.iter().zip(addresses).filter_map(of).collect()
}

/// The outcome of each alias that stands for several of these recipients, by what the caller wrote.
fn expansions(message: &OpenMessage<'_>, recipients: &[usize]) -> Vec<(String, Outcome)> {
    let (all, state) = (&message.stored.envelope.recipients, message.journal.state());
    let mut expansions: Vec<(String, Outcome)> = Vec::new();
    for &index in recipients.iter().filter(|index| is_expanded(all, **index)) {
        let given = &all[index].given;
        let Some(outcome) = state.outcome(index).filter(|_| !expansions.iter().any(|(known, _)| known == given)) else {
            continue;
        };
        let members = all.iter().filter(|one| one.given.eq_ignore_ascii_case(given)).count();
        let reply = format!("sent on to the {members} recipients that this address stands for");
        let enhanced = Enhanced { class: 2, subject: 0, detail: 0 };
        expansions.push((given.clone(), Outcome { code: None, enhanced, reply, ..outcome.clone() }));
    }
    expansions
}

/// With an alias in the place of its members, who are nobody whom the sender has written to.
fn with_expansions<'a>(affected: Vec<Affected<'a>>, expansions: &'a [(String, Outcome)]) -> Vec<Affected<'a>> {
    let expanded = expansions.iter().map(|(given, outcome)| Affected {
        given,
        address: given,
        orcpt: affected.iter().find(|one| one.given.eq_ignore_ascii_case(given)).and_then(|one| one.orcpt),
        outcome,
        success: Success::Expanded,
    });
    let expanded: Vec<_> = expanded.collect();
    let is_member = |one: &Affected<'_>| expansions.iter().any(|(given, _)| given.eq_ignore_ascii_case(one.given));
    affected.into_iter().filter(|one| !is_member(one)).chain(expanded).collect()
}

fn reason_of<'m>(message: &'m OpenMessage<'_>, recipients: &[usize]) -> &'m str {
    let outcomes = recipients.iter().filter_map(|i| message.journal.state().outcome(*i));
    outcomes.map(|outcome| outcome.reply.as_str()).next().unwrap_or("unknown reason")
}

fn is_about(message: &OpenMessage<'_>, report: &MessageId) -> bool {
    let stored = message.loaded.spool.open_message(report);
    stored.is_ok_and(|stored| stored.envelope.about.as_ref() == Some(&message.stored.envelope.id))
}

/// The account that a report leaves through: that of the last attempt, unless it was at a mailbox of this machine; then that of
/// the sender.
fn leaving_account(loaded: &Loaded, original: &Envelope, state: &State) -> Option<String> {
    match state.account.as_deref() {
        Some(LOCAL_ACCOUNT) => Some(loaded.account_for(original, &[])).filter(|account| !account.is_empty()),
        account => account.map(str::to_owned),
    }
}

/// Stores a report with this content.
pub fn put(message: &OpenMessage<'_>, due: &DueReport, to: &Address, content: &[u8]) -> Result<(), SpoolError> {
    let original = &message.stored.envelope;
    let kind = match due.report {
        Report::Failed => Kind::Bounce,
        Report::Kept | Report::Looped | Report::Delayed | Report::Unconfirmed | Report::Relayed | Report::Verified => {
            Kind::Notice
        }
    };
    let envelope = Envelope {
        submitter: original.submitter.clone(),
        // Derived like the id, so that a repetition is the same submission in every respect.
        token: format!("report-{}", original.token),
        about: Some(original.id.clone()),
        account: leaving_account(message.loaded, original, message.journal.state()),
        ..Envelope::own(due.id.clone(), message.now, kind, message.loaded.own_recipients(to))
    };
    let mut incoming = Incoming::begin(&message.loaded.spool, envelope)?;
    incoming.write(content)?;
    match incoming.commit() {
        Ok(_) => Ok(()),
        // The attempt that a crash interrupted stored it already, unless another message happens to have this id.
        Err(SpoolError::Exists(id)) if is_about(message, &id) => Ok(()),
        Err(error) => Err(error),
    }
}
