//! Storing reports to senders: one bounce per attempt that refused recipients, one
//! delay notice per message, one report of success where NOTIFY asks for it. A report's id
//! follows from message and attempt, so that storing it twice is harmless. Beyond the cap
//! per hour the journal says that a report is owed; the digest that tells it is `digest`'s.

use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;

use super::digest::{Addressee, Owes};
use super::settle::OpenMessage;
use crate::config::Config;
use crate::deliver::dsn::{self, Affected, Facts, Original, Report};
use crate::deliver::{digest, outgoing};
use crate::log;
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Outcome, Status, Teller};
use crate::runner::context::Settings;
use crate::spool::journal::{Journal, Line, State};
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, Recipient, SpoolError};

/// Stores a bounce for every attempt that refused recipients and has none yet; adds
/// their ids to `reports`. Says why something could not be returned, if so.
pub fn return_refused(desk: &mut OpenMessage<'_>, reports: &mut Vec<MessageId>) -> Result<Option<String>, SpoolError> {
    let mut unreturnable = None;
    for attempt in attempts_that_refused(desk) {
        let id = report_id(&desk.stored.envelope.id, attempt, Report::Failed);
        let state = desk.journal.state();
        if state.returned.contains(&id) || state.owed.contains(&attempt) || state.digested.contains(&attempt) {
            continue;
        }
        let refused = refused_in(desk, attempt);
        if refused.is_empty() {
            continue;
        }
        if is_over_the_cap(desk, Report::Failed, &id) {
            desk.journal.append(desk.now, &[Line::Owed(attempt)])?;
            log::owed(&desk.stored.envelope.id);
            continue;
        }
        match store(desk, Report::Failed, &id, &refused)? {
            Stored::Yes => {
                desk.journal.append(desk.now, &[Line::Returned(id.clone())])?;
                log::returned(&desk.stored.envelope.id, &id);
                reports.push(id);
            }
            Stored::Nobody(why) => unreturnable = Some(why),
        }
    }
    Ok(unreturnable)
}

/// Whether the sender is to be told of the delay now.
#[must_use]
pub fn is_warning_due(desk: &OpenMessage<'_>, age: Duration) -> bool {
    let state = desk.journal.state();
    !state.warned && state.heard > 0 && age >= desk.settings.config.queue.warn_after
}

/// Stores the delay notice; its id, unless there is nobody to tell.
pub fn warn_of_delay(desk: &mut OpenMessage<'_>, pending: &[usize]) -> Result<Option<MessageId>, SpoolError> {
    let heard_of: Vec<usize> = pending
        .iter()
        .copied()
        .filter(|i| desk.journal.state().outcomes[*i].is_some() && wants(desk, *i, "delay"))
        .collect();
    let id = report_id(&desk.stored.envelope.id, 0, Report::Delayed);
    if heard_of.is_empty() {
        return Ok(None);
    }
    if is_over_the_cap(desk, Report::Delayed, &id) {
        desk.journal.append(desk.now, &[Line::Owed(0)])?;
        log::owed(&desk.stored.envelope.id);
        return Ok(None);
    }
    match store(desk, Report::Delayed, &id, &heard_of)? {
        Stored::Yes => {
            desk.journal.append(desk.now, &[Line::Warned(id.clone())])?;
            log::warned(&desk.stored.envelope.id, &id);
            Ok(Some(id))
        }
        Stored::Nobody(_) => Ok(None),
    }
}

/// Whether this report is to go into a digest. One that is stored already is not.
fn is_over_the_cap(desk: &OpenMessage<'_>, report: Report, id: &MessageId) -> bool {
    let to = addressee(desk.settings, &desk.stored.envelope, report);
    to.is_some_and(|to| desk.settings.allowance.take(desk.settings, &to).is_err()) && !is_about(desk, id)
}

/// What the message owes, as its journal says.
#[must_use]
pub fn owes(settings: &Settings, envelope: &Envelope, state: &State) -> Option<Owes> {
    if state.owed.is_empty() || state.done {
        return None;
    }
    let to = addressee(settings, envelope, Report::Failed)?;
    let wait = settings.allowance.left(settings, &to);
    Some(Owes { to: Addressee { to, uid: envelope.uid, account: state.account.clone() }, wait })
}

/// What a digest to this address says about the message; nothing where nothing is owed to it (any more).
pub fn piece(settings: &Settings, id: &MessageId, to: &Address) -> Result<Option<String>, SpoolError> {
    let mut stored = settings.spool.open_message(id)?;
    let journal = Journal::open(&settings.spool, id, stored.envelope.recipients.len())?;
    stored.envelope.join(journal.state());
    let original = &stored.envelope;
    let desk = OpenMessage { settings, stored: &stored, journal, now: Timestamp::now() };
    let state = desk.journal.state();
    if state.held || state.done || state.owed.is_empty() {
        return Ok(None);
    }
    let header = outgoing::stored_header(&stored).unwrap_or_default();
    let mut text = String::new();
    for attempt in &state.owed {
        let (report, recipients) = match attempt {
            0 => (Report::Delayed, state.pending().into_iter().filter(|i| wants(&desk, *i, "delay")).collect()),
            attempt => (Report::Failed, refused_in(&desk, *attempt)),
        };
        let addresses = addresses(original, &recipients);
        let affected = affected(&desk, &recipients, &addresses);
        let facts =
            Facts { report, id, original, attached: Original::Header(&header), affected: &affected, to, at: desk.now };
        if !affected.is_empty() {
            text.push_str(&digest::piece(&facts));
        }
    }
    Ok((!text.is_empty()).then_some(text))
}

/// Tells the sender who asked for it (NOTIFY=SUCCESS) that the relay took the message, for whom the relay itself
/// does not; once, when nothing waits any more.
pub fn tell_success(desk: &mut OpenMessage<'_>, reports: &mut Vec<MessageId>) -> Result<(), SpoolError> {
    let (envelope, outcomes) = (&desk.stored.envelope, &desk.journal.state().outcomes);
    let is_owed = |i: &usize| outcomes[*i].as_ref().is_some_and(|outcome| owes_success(envelope, *i, outcome));
    let taken: Vec<usize> = (0..outcomes.len()).filter(is_owed).collect();
    let id = report_id(&desk.stored.envelope.id, 0, Report::Relayed);
    if taken.is_empty() || desk.journal.state().returned.contains(&id) {
        return Ok(());
    }
    match store(desk, Report::Relayed, &id, &taken)? {
        Stored::Yes => {
            desk.journal.append(desk.now, &[Line::Returned(id.clone())])?;
            log::told_success(&desk.stored.envelope.id, &id);
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

fn attempts_that_refused(desk: &OpenMessage<'_>) -> Vec<u32> {
    let state = desk.journal.state();
    let refused = state.outcomes.iter().zip(&state.attempt_of).filter(|(outcome, _)| is_refused(outcome.as_ref()));
    let mut attempts: Vec<u32> = refused.map(|(_, attempt)| *attempt).collect();
    attempts.sort_unstable();
    attempts.dedup();
    attempts
}

fn refused_in(desk: &OpenMessage<'_>, attempt: u32) -> Vec<usize> {
    let state = desk.journal.state();
    (0..state.outcomes.len())
        .filter(|i| state.attempt_of[*i] == attempt && is_refused(state.outcomes[*i].as_ref()))
        .filter(|i| wants(desk, *i, "failure"))
        .collect()
}

fn is_refused(outcome: Option<&crate::mail::outcome::Outcome>) -> bool {
    outcome.is_some_and(|o| o.status == Status::Refused)
}

/// RFC 3461 NOTIFY: without it, failures and delays are told.
fn wants(desk: &OpenMessage<'_>, recipient: usize, what: &str) -> bool {
    let is_told_anyway = desk.stored.envelope.recipients.get(recipient).is_none_or(|r| r.notify.is_none());
    is_told_anyway || asks_for(&desk.stored.envelope, recipient, what)
}

fn asks_for(envelope: &Envelope, recipient: usize, what: &str) -> bool {
    let notify = envelope.recipients.get(recipient).and_then(|r| r.notify.as_deref());
    notify.is_some_and(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case(what)))
}

/// A message with more octets than this comes back as its header alone, whatever RET asks for (Postfix's limit).
const MOST_RETURNED: u64 = 50_000;

/// All of the message, where RET=FULL asks for it and it is small.
fn whole(desk: &OpenMessage<'_>, report: Report) -> Option<Vec<u8>> {
    let envelope = &desk.stored.envelope;
    let asked = envelope.ret.as_deref().is_some_and(|ret| ret.eq_ignore_ascii_case("full"));
    if report != Report::Failed || !asked || envelope.size > MOST_RETURNED {
        return None;
    }
    let mut content = Vec::new();
    desk.stored.content().and_then(|mut reader| reader.read_to_end(&mut content)).ok()?;
    Some(content)
}

/// The id of a report: as many microseconds behind the original as the attempt has in number, so that another
/// attempt's report has another id and the same attempt's the same.
fn report_id(original: &MessageId, attempt: u32, report: Report) -> MessageId {
    let (time, random) = original.parts();
    let mark = match report {
        Report::Failed => 0x555,
        Report::Delayed => 0xAAA,
        Report::Relayed | Report::Verified => 0x5AA,
    };
    MessageId::new(time.wrapping_add(attempt.into()), random ^ mark)
}

fn store(desk: &OpenMessage<'_>, report: Report, id: &MessageId, recipients: &[usize]) -> Result<Stored, SpoolError> {
    let original = &desk.stored.envelope;
    let Some(to) = &addressee(desk.settings, original, report) else {
        return Ok(Stored::Nobody(match (&original.sender, original.kind) {
            (ReversePath::Null, Kind::Mail) => "refused, and the null sender gets no report".to_owned(),
            _ => undeliverable_report(desk, recipients),
        }));
    };
    let whole = whole(desk, report);
    let header = outgoing::stored_header(desk.stored).unwrap_or_default();
    let attached = whole.as_deref().map_or(Original::Header(&header), Original::Whole);
    let addresses = addresses(original, recipients);
    let affected = affected(desk, recipients, &addresses);
    let facts = Facts { report, id, original, attached, affected: &affected, to, at: desk.now };
    put(desk, report, id, to, &dsn::build(&desk.settings.config, &facts))
}

fn addresses(original: &Envelope, recipients: &[usize]) -> Vec<String> {
    recipients.iter().map(|i| original.recipients[*i].address.to_string()).collect()
}

/// Those of the recipients of whom something was heard.
fn affected<'a>(desk: &'a OpenMessage<'_>, recipients: &[usize], addresses: &'a [String]) -> Vec<Affected<'a>> {
    let of = |(i, address): (&usize, &'a String)| {
        let outcome = desk.journal.state().outcomes[*i].as_ref()?;
        let recipient = &desk.stored.envelope.recipients[*i];
        Some(Affected { given: &recipient.given, address, orcpt: recipient.orcpt.as_deref(), outcome })
    };
    recipients.iter().zip(addresses).filter_map(of).collect()
}

/// Who gets a report about the message: its sender; where a report of a failure fails itself, whoever looks after
/// this machine, and no further.
fn addressee(settings: &Settings, original: &Envelope, report: Report) -> Option<Address> {
    match (&original.sender, original.kind, report) {
        (ReversePath::Mailbox(to), Kind::Mail, _) => Some(to.clone()),
        (_, Kind::Bounce | Kind::Digest, Report::Failed) => postmaster(settings, original),
        _ => None,
    }
}

/// The postmaster's address, unless this message went there already.
fn postmaster(settings: &Settings, original: &Envelope) -> Option<Address> {
    let address = postmaster_address(&settings.config)?;
    let went_there = |recipient: &Recipient| recipient.given.eq_ignore_ascii_case(&address.to_string());
    (!original.recipients.iter().any(went_there)).then_some(address)
}

/// `postmaster` of the config, complete.
#[must_use]
pub fn postmaster_address(config: &Config) -> Option<Address> {
    let name = &config.postmaster;
    let complete = if name.contains('@') { name.clone() } else { format!("{name}@{}", config.origin) };
    Address::parse(&complete).ok()
}

fn undeliverable_report(desk: &OpenMessage<'_>, recipients: &[usize]) -> String {
    let outcomes = recipients.iter().filter_map(|i| desk.journal.state().outcomes[*i].as_ref());
    let reason = outcomes.map(|o| o.reply.as_str()).next().unwrap_or("unknown reason");
    format!("a report that could not be delivered: {reason}")
}

fn is_about(desk: &OpenMessage<'_>, report: &MessageId) -> bool {
    let stored = desk.settings.spool.open_message(report);
    stored.is_ok_and(|stored| stored.envelope.about.as_ref() == Some(&desk.stored.envelope.id))
}

fn put(
    desk: &OpenMessage<'_>,
    report: Report,
    id: &MessageId,
    to: &Address,
    content: &[u8],
) -> Result<Stored, SpoolError> {
    let original = &desk.stored.envelope;
    let kind = match report {
        Report::Failed => Kind::Bounce,
        Report::Delayed | Report::Relayed | Report::Verified => Kind::Notice,
    };
    let envelope = Envelope {
        uid: original.uid,
        token: format!("report-{}", original.token),
        about: Some(original.id.clone()),
        account: desk.journal.state().account.clone(),
        ..Envelope::own(id.clone(), desk.now, kind, to)
    };
    let mut incoming = Incoming::begin(&desk.settings.spool, envelope)?;
    incoming.write(content)?;
    match incoming.commit() {
        Ok(_) => Ok(Stored::Yes),
        // Stored by the attempt that a crash interrupted, unless chance gave another message this id.
        Err(SpoolError::Exists(id)) if is_about(desk, &id) => Ok(Stored::Yes),
        Err(error) => Err(error),
    }
}
