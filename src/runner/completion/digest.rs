//! Digests: what was to be reported to a sender beyond the cap per hour waits in the queue
//! and is told in one message. The digest names in its envelope what it reports on, and is
//! not sent before each of these has it in its journal: a crash in between costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{dsn, settle};
use crate::deliver::digest;
use crate::log;
use crate::mail::address::Address;
use crate::runner::context::Settings;
use crate::runner::queue_manager::event_loop::{Engine, later};
use crate::spool::journal::{Journal, Line};
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError};

/// Octets of text above which a further digest is begun.
const MOST_TEXT: usize = 4 << 20;

/// Who is owed a digest: one address, on behalf of one user, through one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// The sender of what is reported on, or postmaster.
    pub to: Address,
    /// Whose mail it was.
    pub uid: u32,
    /// Which account it went through.
    pub account: Option<String>,
}

/// What a message owes after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owes {
    /// To whom.
    pub to: Addressee,
    /// How long until the digest.
    pub wait: Duration,
}

#[derive(Debug)]
struct Batch {
    due: Timestamp,
    ids: BTreeSet<MessageId>,
}

/// All messages that are to be named in a digest.
#[derive(Debug, Default)]
pub struct Owed(BTreeMap<Addressee, Batch>);

impl Owed {
    /// Takes a message in; the first sets the time for all of its addressee.
    pub fn add(&mut self, id: MessageId, to: Addressee, due: Timestamp) {
        self.0.entry(to).or_insert_with(|| Batch { due, ids: BTreeSet::new() }).ids.insert(id);
    }

    /// Forgets a message.
    pub fn forget(&mut self, id: &MessageId) {
        self.0.retain(|_, batch| {
            batch.ids.remove(id);
            !batch.ids.is_empty()
        });
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All messages.
    pub fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.0.values().flat_map(|batch| &batch.ids)
    }

    /// When the next digest is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.0.values().map(|batch| batch.due).min()
    }

    /// Makes the digests due that name one of these.
    pub fn hurry(&mut self, is_meant: impl Fn(&MessageId) -> bool, now: Timestamp) {
        for batch in self.0.values_mut().filter(|batch| batch.ids.iter().any(&is_meant)) {
            batch.due = batch.due.min(now);
        }
    }

    fn take_due(&mut self, now: Timestamp) -> Vec<(Addressee, BTreeSet<MessageId>)> {
        let due: Vec<Addressee> = self.0.iter().filter(|(_, b)| b.due <= now).map(|(to, _)| to.clone()).collect();
        due.into_iter().filter_map(|to| self.0.remove(&to).map(|batch| (to, batch.ids))).collect()
    }
}

impl Engine {
    /// Remembers what a message owes.
    pub(crate) fn owe(&mut self, id: &MessageId, owes: Owes) {
        self.owed.add(id.clone(), owes.to, later(self.now(), owes.wait));
    }

    /// Stores the digests that are due.
    pub(crate) fn send_digests(&mut self, now: Timestamp) {
        for (to, mut ids) in self.owed.take_due(now) {
            // What is being attempted owes it again when that is over.
            ids.retain(|id| !self.schedule.is_active(id));
            let all = ids.clone();
            while !ids.is_empty() {
                match make(&self.settings, &to, &mut ids) {
                    Ok(Some(stored)) => self.take_in(stored),
                    Ok(None) => {}
                    Err(error) => {
                        log::warning(format_args!("{error}; the digest will be created later"));
                        let due = later(now, self.settings.config.queue.retry_min);
                        for id in std::mem::take(&mut ids) {
                            self.tell_waiting(&id, &error.to_string());
                            self.owed.add(id, to.clone(), due);
                        }
                    }
                }
            }
            for id in all {
                if !self.schedule.knows(&id) {
                    self.strike_off(&id);
                }
            }
            for account in self.accounts_in_trouble() {
                self.tell_resting(&account);
            }
        }
    }

    /// Before a digest is sent, every message that it names has it in its journal, and those with nothing else to
    /// wait for may leave.
    pub(crate) fn finish_digest(&mut self, envelope: &Envelope) {
        for id in &envelope.reports {
            match mark(&self.settings, id, &envelope.id) {
                Ok(Marked::Yes { account }) => {
                    self.owed.forget(id);
                    let (origin, now) = (crate::runner::queue_manager::round_robin::Origin::default(), self.now());
                    self.schedule.add(id.clone(), &account, origin, now);
                }
                Ok(Marked::Before) => {}
                // It will be in a further digest: told twice, but told.
                Err(error) => log::warning(format_args!("{id}: {error}")),
            }
        }
    }
}

/// Whether a message has the digest in its journal.
enum Marked {
    Yes {
        account: String,
    },
    /// It had, or is gone.
    Before,
}

fn mark(settings: &Settings, id: &MessageId, digest: &MessageId) -> Result<Marked, SpoolError> {
    let envelope = match settings.spool.open_message(id) {
        Ok(stored) => stored.envelope,
        Err(SpoolError::Gone(_)) => return Ok(Marked::Before),
        Err(error) => return Err(error),
    };
    let mut journal = Journal::open(&settings.spool, id, envelope.recipients.len())?;
    if journal.state().owed.is_empty() || journal.state().returned.contains(digest) {
        return Ok(Marked::Before);
    }
    journal.append(Timestamp::now(), &[Line::Digest(digest.clone())])?;
    log::returned(id, digest);
    Ok(Marked::Yes { account: settings.account_of(&envelope) })
}

/// Stores one digest about as many of these as it holds, and takes them from `ids`; none where nothing is left to tell.
fn make(settings: &Settings, to: &Addressee, ids: &mut BTreeSet<MessageId>) -> Result<Option<MessageId>, SpoolError> {
    let (mut pieces, mut told) = (String::new(), Vec::new());
    while pieces.len() < MOST_TEXT {
        let Some(id) = ids.first().cloned() else { break };
        match dsn::piece(settings, &id, &to.to) {
            Ok(Some(piece)) => {
                pieces.push_str(&piece);
                told.push(id.clone());
            }
            Ok(None) | Err(SpoolError::Gone(_)) => {}
            Err(error) => log::warning(format_args!("{id}: {error}; it is not in any digest")),
        }
        ids.remove(&id);
    }
    if told.is_empty() {
        return Ok(None);
    }
    let stored = store(settings, to, &pieces, &told);
    if stored.is_err() {
        ids.extend(told);
    }
    stored.map(Some)
}

fn store(settings: &Settings, to: &Addressee, pieces: &str, told: &[MessageId]) -> Result<MessageId, SpoolError> {
    let now = Timestamp::now();
    let id = settle::fresh_id(now);
    let content = digest::build(&settings.config, &id, &to.to, now, told.len(), pieces);
    let envelope = Envelope {
        uid: to.uid,
        token: format!("digest-{id}"),
        account: to.account.clone(),
        reports: told.to_vec(),
        ..Envelope::own(id, now, Kind::Digest, &to.to)
    };
    let mut incoming = Incoming::begin(&settings.spool, envelope)?;
    incoming.write(&content)?;
    incoming.commit()
}
