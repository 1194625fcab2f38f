//! Changes that people make to queued messages: hold, release, delete, retry. Only whoever
//! holds the runner's lock makes them, so that no journal has two writers: the runner on
//! request, or a command that found the lock free.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::loaded::Loaded;
use super::selection::Selection;
use crate::deliver::history_record;
use crate::log;
use crate::spool::journal::{Journal, Line};
use crate::spool::{Envelope, MessageId, SpoolError, Stored, history};
use crate::submit::admit::readmit;

/// What is to be done with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Not to be tried until released.
    Hold,
    /// To be tried again.
    Release,
    /// Out of the queue, without a report; history has it as deleted.
    Delete,
    /// Due now; what was set aside in failed/ comes back.
    Retry,
    /// The same, and the tables of arrival are applied again to recipients that wait.
    Readmit,
}

impl Change {
    /// As in "3 messages held".
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Hold => "held",
            Self::Release => "released",
            Self::Delete => "deleted",
            Self::Retry => "retrying now",
            Self::Readmit => "readmitted, retrying now",
        }
    }
}

/// What became of a change to one message.
#[derive(Debug)]
pub enum Changed {
    /// Done.
    Yes,
    /// It was so already.
    WasSo,
    /// Not done; why.
    No(String),
}

/// The messages that are meant, those in failed/ behind those in queue/ where they can be meant at all.
pub fn chosen(loaded: &Loaded, change: Change, selection: &Selection) -> Result<Vec<MessageId>, SpoolError> {
    let mut ids = queued(loaded, selection)?;
    let may_be_failed = match change {
        Change::Hold | Change::Release => false,
        Change::Delete => !selection.ids.is_empty(),
        Change::Retry | Change::Readmit => !selection.is_all(),
    };
    if may_be_failed {
        for id in loaded.spool.failed_ids()?.into_iter().filter(|id| selection.names(id)) {
            let meant = loaded
                .spool
                .open_failed(&id)
                .map_or(selection.means_unreadable(), |stored| is_meant(loaded, selection, &stored.envelope));
            ids.extend((meant && !ids.contains(&id)).then_some(id));
        }
    }
    Ok(ids)
}

/// Those in queue/.
pub fn queued(loaded: &Loaded, selection: &Selection) -> Result<Vec<MessageId>, SpoolError> {
    let mut ids = Vec::new();
    for id in loaded.spool.ids()?.into_iter().filter(|id| selection.names(id)) {
        // One that cannot be read can still be named.
        let meant = selection
            .read(&loaded.spool, &id)
            .map_or(selection.means_unreadable(), |envelope| is_meant(loaded, selection, &envelope));
        ids.extend(meant.then_some(id));
    }
    Ok(ids)
}

fn is_meant(loaded: &Loaded, selection: &Selection, envelope: &Envelope) -> bool {
    selection.matches(envelope, || loaded.account_of(envelope), &loaded.clock)
}

/// Changes one message that nobody works on. The caller holds the lock.
pub fn apply(loaded: &Loaded, change: Change, id: &MessageId) -> Result<Changed, SpoolError> {
    let mut stored = match loaded.spool.open_message(id) {
        Ok(stored) => stored,
        Err(SpoolError::Gone(_)) => return apply_to_failed(loaded, change, id),
        Err(error) => return Err(error),
    };
    let mut journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
    stored.envelope.join(journal.state());
    let now = Timestamp::now();
    match (change, journal.state().held) {
        (Change::Hold, true) | (Change::Release, false) => Ok(Changed::WasSo),
        (Change::Hold, false) => {
            journal.append(now, &[Line::Hold])?;
            log::held(id, None);
            Ok(Changed::Yes)
        }
        (Change::Release, true) => {
            journal.append(now, &[Line::Release])?;
            log::released(id);
            Ok(Changed::Yes)
        }
        (Change::Retry | Change::Readmit, true) => {
            Ok(Changed::No("it is held; release it with `postrider queue release`".to_owned()))
        }
        (Change::Retry, false) => journal.append(now, &[Line::Next(now)]).map(|()| Changed::Yes),
        (Change::Readmit, false) => {
            let changed = readmit(loaded, &stored, &mut journal)?;
            log::brought_back(id);
            Ok(changed)
        }
        (Change::Delete, _) => {
            history::append(&loaded.spool, &[history_record::deleted(&stored, journal.state(), now)])?;
            journal.append(now, &[Line::Done])?;
            loaded.spool.remove(id)?;
            log::deleted(id);
            Ok(Changed::Yes)
        }
    }
}

fn apply_to_failed(loaded: &Loaded, change: Change, id: &MessageId) -> Result<Changed, SpoolError> {
    let mut stored = loaded.spool.open_failed(id)?;
    let now = Timestamp::now();
    match change {
        Change::Hold | Change::Release => Err(SpoolError::Gone(id.clone())),
        Change::Delete => {
            let state = Journal::peek_failed(&loaded.spool, id, stored.envelope.recipients.len())?;
            stored.envelope.join(&state);
            history::append(&loaded.spool, &[history_record::deleted(&stored, &state, now)])?;
            loaded.spool.remove_failed(id)?;
            log::deleted(id);
            Ok(Changed::Yes)
        }
        Change::Retry | Change::Readmit => {
            stored.verify()?;
            loaded.spool.bring_back(id)?;
            let mut journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
            journal.append(now, &[Line::Retry])?;
            stored.envelope.join(journal.state());
            log::brought_back(id);
            match change {
                Change::Readmit => readmit(loaded, &stored, &mut journal),
                _ => Ok(Changed::Yes),
            }
        }
    }
}

/// Makes it due, for whom the tables of arrival name today in place of those who wait.
fn readmit(loaded: &Loaded, stored: &Stored, journal: &mut Journal) -> Result<Changed, SpoolError> {
    let now = Timestamp::now();
    let readmitted = match readmit::readmit(&loaded.config, &stored.envelope.recipients, &journal.state().pending()) {
        Ok(readmitted) => readmitted,
        Err(fault) => return Ok(Changed::No(fault.to_string())),
    };
    // Who is added comes first: of lines that a crash cuts off, a recipient too many costs less than one too few.
    let added = readmitted.added.into_iter().map(Line::Added);
    let lines: Vec<Line> =
        added.chain(readmitted.replaced.into_iter().map(Line::Replaced)).chain([Line::Next(now)]).collect();
    journal.append(now, &lines).map(|()| Changed::Yes)
}
