//! What the queue holds, as it is listed: the members of `postqueue -j` and ours. Read from
//! the spool by whoever may, and told over the socket to whoever may not.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::AccessScope;
use super::loaded::Loaded;
use super::selection::Selection;
use crate::deliver::plan;
use crate::mail::outcome::{Outcome, Status};
use crate::spool::account_health::{self, Health};
use crate::spool::journal::{Journal, State};
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

/// A message that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) envelope: Envelope,
    pub(super) state: State,
    /// Why it waits, where its recipients have no reason of their own.
    trouble: Option<String>,
    account: Option<String>,
    is_active: bool,
}

impl Entry {
    pub(super) fn read(spool: &Spool, id: &MessageId) -> Result<Self, SpoolError> {
        let mut envelope = spool.open_message(id)?.envelope;
        let state = Journal::peek(spool, id, envelope.recipients.len())?;
        envelope.join(&state);
        if state.done { Err(SpoolError::Gone(id.clone())) } else { Ok(Self::of(envelope, state)) }
    }

    fn of(envelope: Envelope, state: State) -> Self {
        let account = state.account.clone().or_else(|| envelope.account.clone());
        Self { envelope, state, trouble: None, account, is_active: false }
    }

    /// Recipients that are still waited for, with why; where only the report is still owed, those it is about.
    fn waiting(&self) -> impl Iterator<Item = ItemRecipient> {
        let mut indices = self.state.pending();
        if indices.is_empty() {
            let is_owed = |outcome: &Option<Outcome>| outcome.as_ref().is_none_or(|o| o.status != Status::Delivered);
            let owed = self.state.outcomes.iter().zip(&self.state.replaced).enumerate();
            let owed = owed.filter(|(_, (outcome, replaced))| is_owed(outcome) && !**replaced);
            indices.extend(owed.map(|(index, _)| index));
        }
        let recipients = self.envelope.recipients.iter().enumerate();
        let waiting = recipients.filter(move |(index, _)| indices.binary_search(index).is_ok());
        waiting.map(|(index, recipient)| {
            let outcome = self.state.outcomes.get(index).and_then(Option::as_ref);
            ItemRecipient {
                address: printable(&recipient.address.to_string()),
                delay_reason: outcome.map(reason).or_else(|| self.trouble.as_deref().map(printable)),
            }
        })
    }
}

/// Who sent it, as mailq has it.
#[must_use]
pub fn sender(envelope: &Envelope) -> String {
    envelope.sender.mailbox().map_or_else(|| "MAILER-DAEMON".to_owned(), |a| printable(&a.to_string()))
}

/// Why a recipient waits, in one line.
pub(super) fn reason(outcome: &Outcome) -> String {
    printable(&match outcome.code {
        Some(code) => format!("host {} said: {code} {}", outcome.relay, outcome.reply),
        None => outcome.reply.clone(),
    })
}

/// What others wrote, without what could command a terminal or begin a line.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// An entry as `postqueue -j` has it, and our members behind.
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
    /// Who handed it in.
    pub uid: u32,
}

/// A recipient who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecipient {
    /// After admission.
    pub address: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_reason: Option<String>,
}

impl Item {
    pub(super) fn new(entry: &Entry) -> Self {
        let Entry { envelope, state, .. } = entry;
        let recipients: Vec<_> = entry.waiting().collect();
        let queue_name = match (entry.is_active, state.held, state.attempts) {
            (true, ..) => "active",
            (false, true, _) => "hold",
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
            account: entry.account.clone(),
            attempts: state.attempts,
            next_attempt: state.next.map(utc),
            uid: envelope.uid,
        }
    }
}

fn utc(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// All messages that are meant, whoever may see them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many.
    pub messages: u64,
    /// Their sizes together.
    pub octets: u64,
}

/// What a listing meets.
#[derive(Debug)]
pub enum ListEvent {
    /// A message.
    Item(Box<Item>),
    /// One that cannot be shown.
    Unreadable(SpoolError),
}

/// What a listing knows besides the messages: accounts in trouble, what is being sent just now.
#[derive(Debug, Default)]
pub struct Look {
    selection: Selection,
    health: Health,
    active: HashSet<String>,
    settings: Option<Arc<Loaded>>,
}

impl Look {
    /// At this spool; the settings are made where they are needed.
    pub fn at(
        spool: &Spool,
        selection: Selection,
        active: HashSet<String>,
        settings: impl FnOnce() -> Option<Arc<Loaded>>,
    ) -> Self {
        let health = account_health::read(spool);
        let settings = if health.is_empty() && selection.is_all() { None } else { settings() };
        Self { selection, health, active, settings }
    }

    /// Through which account it goes, as far as is known.
    fn account(&self, envelope: &Envelope, state: &State) -> Option<String> {
        let planned = || {
            let settings = self.settings.as_ref()?;
            let name = plan::account_name(&settings.config, &settings.generic(), envelope).ok()?.to_owned();
            Some(name)
        };
        planned().or_else(|| state.account.clone()).or_else(|| envelope.account.clone())
    }

    /// Why a message waits that has no reason of its own.
    fn trouble(&self, envelope: &Envelope, state: &State) -> Option<String> {
        if self.health.is_empty() {
            return None;
        }
        self.health.get(&self.account(envelope, state)?).map(|sick| sick.reason.clone())
    }

    fn is_meant(&self, envelope: &Envelope, state: &State) -> bool {
        let account = || self.account(envelope, state).unwrap_or_default();
        self.settings.as_ref().is_none_or(|settings| self.selection.is_about(envelope, account, &settings.clock))
    }

    /// Shows what is meant and may be seen, oldest first; its totals, or those of the whole queue where all of it is meant:
    /// else whoever asks often enough learns who writes to whom. What `see` fails with ends it.
    pub fn list(&self, spool: &Spool, mut see: impl FnMut(ListEvent) -> io::Result<()>) -> Result<Totals, NotListed> {
        let mut totals = Totals::default();
        let counts_all = Selection { viewer: AccessScope::Everything, ..self.selection.clone() }.is_all();
        for id in spool.ids()?.iter().filter(|id| self.selection.names(id)) {
            let entry = match Entry::read(spool, id) {
                Ok(entry) if !self.is_meant(&entry.envelope, &entry.state) => continue,
                Ok(entry) => entry,
                // Delivered while we were reading.
                Err(SpoolError::Gone(_)) => continue,
                Err(_) if self.selection.viewer != AccessScope::Everything => continue,
                Err(error) => {
                    see(ListEvent::Unreadable(error))?;
                    continue;
                }
            };
            let is_seen = self.selection.viewer.sees(entry.envelope.uid);
            if is_seen || counts_all {
                totals.messages += 1;
                totals.octets = totals.octets.saturating_add(entry.envelope.size);
            }
            if is_seen {
                see(ListEvent::Item(Box::new(Item::new(&self.known(entry)))))?;
            }
        }
        Ok(totals)
    }

    fn known(&self, entry: Entry) -> Entry {
        Entry {
            trouble: self.trouble(&entry.envelope, &entry.state),
            account: self.account(&entry.envelope, &entry.state),
            is_active: self.active.contains(entry.envelope.id.as_str()),
            ..entry
        }
    }
}

/// Why a listing broke off.
#[derive(Debug, thiserror::Error)]
pub enum NotListed {
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Nobody takes it.
    #[error(transparent)]
    Output(#[from] io::Error),
}
