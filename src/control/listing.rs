//! What the queue holds, entry by entry: the members of `postqueue -j` and ours. Read from the
//! spool; the protocol carries the same entries to those who may not read it.

use std::collections::HashSet;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::AuthorisedSelection;
use super::error::AccessError;
use super::loaded::Loaded;
use crate::config::mailbox::shown_account;
use crate::deliver::outgoing::{self, HeaderExcerpt};
use crate::deliver::plan;
use crate::mail::header::Header;
use crate::mail::outcome::{Outcome, Status};
use crate::mail::printable::printable;
use crate::mail::submitter::Submitter;
use crate::spool::account_health::{self, Health};
use crate::spool::dropped::Place;
use crate::spool::journal::Journal;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, Spool, SpoolError, Stored};

/// A message that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) envelope: Envelope,
    pub(super) state: State,
    /// Why it waits, where its recipients have no reason of their own.
    trouble: Option<String>,
    account: Option<String>,
    subject: Option<String>,
    is_active: bool,
}

impl Entry {
    pub(super) fn read(spool: &Spool, id: &MessageId) -> Result<Self, SpoolError> {
        let stored = spool.open_message(id)?;
        let state = Journal::peek(spool, id, stored.envelope.recipients.len())?;
        if state.done { Err(SpoolError::Gone(id.clone())) } else { Ok(Self::of(stored, state)) }
    }

    /// The same of a message in failed/.
    pub(super) fn read_failed(spool: &Spool, id: &MessageId) -> Result<Self, SpoolError> {
        let stored = spool.open_failed(id)?;
        // A journal that cannot be read may be why it is there.
        let recipients = stored.envelope.recipients.len();
        let state = Journal::peek_failed(spool, id, recipients).unwrap_or_else(|_| State::new(recipients));
        Ok(Self::of(stored, state))
    }

    fn of(mut stored: Stored, state: State) -> Self {
        let subject = subject(&stored);
        stored.envelope.join(&state);
        let envelope = stored.envelope;
        let account = account_of_pending(&state).or_else(|| envelope.account.clone());
        Self { envelope, state, trouble: None, account, subject, is_active: false }
    }

    /// Recipients that wait, with the reason; if only a report is still owed, the recipients it is about.
    fn waiting(&self) -> impl Iterator<Item = ItemRecipient> {
        let mut indices = self.state.pending();
        if indices.is_empty() {
            let owed = self.state.recipients.iter().enumerate();
            let owed = owed.filter(|(_, one)| one.outcome_if(Status::Delivered).is_none() && !one.replaced);
            indices.extend(owed.map(|(index, _)| index));
        }
        let recipients = self.envelope.recipients.iter().enumerate();
        let waiting = recipients.filter(move |(index, _)| indices.binary_search(index).is_ok());
        waiting.map(|(index, recipient)| {
            let outcome = self.state.outcome(index);
            ItemRecipient {
                address: printable(&recipient.address.to_string()),
                delay_reason: outcome.map(reason).or_else(|| self.trouble.as_deref().map(printable)),
                sent_to: outcome.and_then(|outcome| outcome.sent_as.to.as_deref()).map(printable),
            }
        })
    }
}

/// The sender as mailq shows it.
#[must_use]
pub fn sender(envelope: &Envelope) -> String {
    envelope.sender.mailbox().map_or_else(|| "MAILER-DAEMON".to_owned(), |a| printable(&a.to_string()))
}

/// Its subject, decoded. A content that cannot be read costs the list a subject.
#[must_use]
pub fn subject(stored: &Stored) -> Option<String> {
    let header = outgoing::stored_header(stored).unwrap_or_default();
    HeaderExcerpt::of(&Header::read(&header)).subject
}

/// Why a recipient waits, in one line.
pub(super) fn reason(outcome: &Outcome) -> String {
    printable(&match outcome.code {
        Some(code) => format!("host {} said: {code} {}", outcome.relay, outcome.reply),
        None => outcome.reply.clone(),
    })
}

/// An entry with the members of `postqueue -j`, and ours after them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// active, hold, incoming or deferred.
    pub queue_name: String,
    /// The id.
    pub queue_id: MessageId,
    /// Seconds since the epoch.
    pub arrival_time: i64,
    /// Octets.
    pub message_size: u64,
    /// Never: Postfix's member.
    pub forced_expire: bool,
    /// MAILER-DAEMON for the null sender.
    pub sender: String,
    /// Those who wait.
    pub recipients: Vec<ItemRecipient>,
    /// Through which it goes, as far as is known.
    pub account: Option<String>,
    /// So far.
    pub attempts: u32,
    /// RFC 3339, UTC.
    pub next_attempt: Option<String>,
    /// The first reason of all; may be empty.
    pub trouble: String,
    /// The subject, decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The sender that the server was given, where that is another one; empty for null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_from: Option<String>,
    /// Who submitted it.
    #[serde(flatten)]
    pub submitter: Submitter,
}

/// The queue's name of what is held.
const HELD: &str = "hold";

/// A recipient who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecipient {
    /// After admission.
    pub address: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_reason: Option<String>,
    /// The address that the server was given, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
}

impl Item {
    /// Whether it waits for somebody to release it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.queue_name == HELD
    }

    pub(super) fn new(entry: &Entry) -> Self {
        let Entry { envelope, state, .. } = entry;
        let recipients: Vec<_> = entry.waiting().collect();
        let queue_name = match (entry.is_active, state.held, state.attempts) {
            (true, ..) => "active",
            (false, true, _) => HELD,
            (false, false, 0) => "incoming",
            (false, false, _) => "deferred",
        };
        Self {
            queue_name: queue_name.to_owned(),
            queue_id: envelope.id.clone(),
            arrival_time: envelope.arrived.as_second(),
            message_size: envelope.size,
            forced_expire: false,
            sender: sender(envelope),
            trouble: recipients.iter().find_map(|one| one.delay_reason.clone()).unwrap_or_default(),
            recipients,
            account: entry.account.as_deref().map(|account| shown_account(account).to_owned()),
            attempts: state.attempts,
            next_attempt: state.next.map(utc),
            subject: entry.subject.as_deref().map(printable),
            sent_from: state.outcomes().find_map(|outcome| outcome.sent_as.from.as_deref().map(printable)),
            submitter: envelope.submitter.clone(),
        }
    }
}

fn utc(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// What was listed, or the whole queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many.
    pub messages: u64,
    /// Their sizes together.
    pub octets: u64,
    /// Submissions in drop/ and raw/, which are no messages yet.
    #[serde(default)]
    pub submitted: u64,
}

/// One step of a listing.
#[derive(Debug)]
pub enum Listed {
    /// A message.
    Item(Box<Item>),
    /// One that cannot be shown; why.
    Unreadable(String),
}

/// The queue as one requester sees it. Beyond the messages it knows which accounts are in trouble
/// and which messages are being sent.
#[derive(Debug)]
pub struct QueueView<'a> {
    spool: &'a Spool,
    selection: AuthorisedSelection,
    health: Health,
    active: HashSet<MessageId>,
    loaded: Option<&'a Loaded>,
}

impl<'a> QueueView<'a> {
    /// With the configuration, if it could be read. It is used only where it matters: loading
    /// tables may take long.
    #[must_use]
    pub fn new(
        spool: &'a Spool,
        selection: AuthorisedSelection,
        active: HashSet<MessageId>,
        loaded: Option<&'a Loaded>,
    ) -> Self {
        let health = account_health::current(spool, loaded.map(|loaded| &loaded.config));
        let loaded = loaded.filter(|_| !health.is_empty() || !selection.is_all());
        Self { spool, selection, health, active, loaded }
    }

    /// Through which account it goes, as far as is known.
    fn account(&self, envelope: &Envelope, state: &State) -> Option<String> {
        let planned = || {
            let loaded = self.loaded?;
            let name =
                plan::account_name(&loaded.config, &loaded.leaving(), envelope, &state.pending()).ok()?.to_owned();
            Some(name)
        };
        planned().or_else(|| account_of_pending(state)).or_else(|| envelope.account.clone())
    }

    /// Why a message waits that has no reason of its own.
    fn trouble(&self, envelope: &Envelope, state: &State) -> Option<String> {
        if self.health.is_empty() {
            return None;
        }
        self.health.get(&self.account(envelope, state)?).map(|sick| sick.reason.clone())
    }

    fn is_asked_for(&self, envelope: &Envelope, state: &State) -> bool {
        let account = || self.account(envelope, state).unwrap_or_default();
        self.loaded.is_none_or(|loaded| self.selection.describes(envelope, account, &loaded.clock))
    }

    /// Shows the selected messages, oldest first, and returns their totals. Where the whole queue is requested, the totals
    /// are of all messages: every user may know how full the queue is, but the totals of a
    /// narrower selection would tell who writes to whom. An error of `see` ends the listing.
    pub fn list(&self, mut see: impl FnMut(Listed) -> io::Result<()>) -> Result<Totals, AccessError> {
        let submitted = Place::ALL.map(|place| self.spool.waiting_names(place).map_or(0, |names| names.len() as u64));
        let mut totals = Totals { submitted: submitted.iter().sum(), ..Totals::default() };
        let (counts_all, scope) = (self.selection.asked().is_all(), self.selection.scope());
        for id in self.spool.ids()?.iter().filter(|id| self.selection.names(id)) {
            let entry = match Entry::read(self.spool, id) {
                Ok(entry) if !self.is_asked_for(&entry.envelope, &entry.state) => continue,
                Ok(entry) => entry,
                // Delivered while we were reading.
                Err(SpoolError::Gone(_)) => continue,
                Err(_) if !scope.is_everything() => continue,
                Err(error) => {
                    see(Listed::Unreadable(error.to_string()))?;
                    continue;
                }
            };
            let is_seen = scope.covers(&entry.envelope.submitter);
            if is_seen || counts_all {
                totals.messages += 1;
                totals.octets = totals.octets.saturating_add(entry.envelope.size);
            }
            if is_seen {
                see(Listed::Item(Box::new(Item::new(&self.known(entry)))))?;
            }
        }
        Ok(totals)
    }

    fn known(&self, entry: Entry) -> Entry {
        Entry {
            trouble: self.trouble(&entry.envelope, &entry.state),
            account: self.account(&entry.envelope, &entry.state),
            is_active: self.active.contains(&entry.envelope.id),
            ..entry
        }
    }
}
/// The account that last tried a recipient who waits; a message to people here and elsewhere has two.
fn account_of_pending(state: &State) -> Option<String> {
    let waiting = state.recipients.iter().find(|recipient| recipient.is_pending());
    waiting.map_or(state.account.as_deref(), |recipient| state.account_of(recipient)).map(str::to_owned)
}
