//! Changes that people make to queued messages: hold, release, delete, retry. Only the process
//! that holds the runner's lock makes them, so that no journal has two writers: the runner
//! on request, or a command that found the lock free.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::{AccessScope, AuthorisedSelection};
use super::loaded::Loaded;
use super::selection::Selection;
use crate::deliver::history_record;
use crate::log;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::{Envelope, MessageId, SpoolError, Stored, history};
use crate::submit::admit::readmit;
use crate::submit::wire::reply::Refused;
use crate::sys::sysexits::Exit;

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
    Done,
    /// The message was in that state already.
    Already,
    /// Not done; why.
    Refused(String),
}

/// A change to messages that its requester may make. Like [`AuthorisedSelection`], it is made
/// only by asking whether that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorisedChange {
    change: Change,
    selection: AuthorisedSelection,
}

impl AuthorisedChange {
    /// Limits the change to what the scope covers. Users may delete their own messages, but only a scope
    /// over everything may say when messages are tried.
    pub fn new(scope: AccessScope, change: Change, asked: Selection) -> Result<Self, Refused> {
        if change != Change::Delete && !scope.is_everything() {
            let text =
                "permission denied: only root and `operators` may hold, release or retry mail; you may delete your own";
            return Err(Refused { exit: Exit::NoPermission, text: text.to_owned() });
        }
        Ok(Self { change, selection: scope.authorise(asked) })
    }

    /// What is to be done.
    #[must_use]
    pub fn change(&self) -> Change {
        self.change
    }

    /// The same change to these messages, of those that it was about.
    #[must_use]
    pub fn narrowed_to(&self, ids: Vec<MessageId>) -> Self {
        Self { change: self.change, selection: self.selection.narrowed_to(ids) }
    }

    /// The messages in queue/ that it is about, and after them those in failed/, where the change
    /// can be about any.
    pub fn messages(&self, loaded: &Loaded) -> Result<Vec<MessageId>, SpoolError> {
        let Self { change, selection } = self;
        let mut ids = queued(loaded, selection)?;
        let may_be_failed = match change {
            Change::Hold | Change::Release => false,
            Change::Delete => !selection.asked().ids.is_empty(),
            Change::Retry | Change::Readmit => !selection.is_all(),
        };
        if may_be_failed {
            for id in loaded.spool.failed_ids()?.into_iter().filter(|id| selection.names(id)) {
                let is_included = loaded
                    .spool
                    .open_failed(&id)
                    .map_or(selection.includes_unreadable(), |stored| includes(loaded, selection, &stored.envelope));
                ids.extend((is_included && !ids.contains(&id)).then_some(id));
            }
        }
        Ok(ids)
    }

    /// Changes one message that no session works on. The caller holds the lock. Whose mail it is counts
    /// here again, where it is changed.
    pub fn apply(&self, loaded: &Loaded, id: &MessageId) -> Result<Changed, SpoolError> {
        let change = self.change;
        let mut stored = match loaded.spool.open_message(id) {
            Ok(stored) => stored,
            Err(SpoolError::Gone(_)) => return self.apply_to_failed(loaded, id),
            Err(error) => return Err(error),
        };
        self.check_owner(&stored)?;
        let mut journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
        stored.envelope.join(journal.state());
        let now = Timestamp::now();
        match (change, journal.state().held) {
            (Change::Hold, true) | (Change::Release, false) => Ok(Changed::Already),
            (Change::Hold, false) => {
                journal.append(now, &[Line::Hold])?;
                log::held(id, None);
                Ok(Changed::Done)
            }
            (Change::Release, true) => {
                journal.append(now, &[Line::Release])?;
                log::released(id);
                Ok(Changed::Done)
            }
            (Change::Retry | Change::Readmit, true) => {
                Ok(Changed::Refused("it is held; release it with `postrider queue release`".to_owned()))
            }
            (Change::Retry, false) => journal.append(now, &[Line::Next(now)]).map(|()| Changed::Done),
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
                Ok(Changed::Done)
            }
        }
    }

    fn apply_to_failed(&self, loaded: &Loaded, id: &MessageId) -> Result<Changed, SpoolError> {
        let mut stored = loaded.spool.open_failed(id)?;
        self.check_owner(&stored)?;
        let now = Timestamp::now();
        match self.change {
            Change::Hold | Change::Release => Err(SpoolError::Gone(id.clone())),
            Change::Delete => {
                let state = Journal::peek_failed(&loaded.spool, id, stored.envelope.recipients.len())?;
                stored.envelope.join(&state);
                history::append(&loaded.spool, &[history_record::deleted(&stored, &state, now)])?;
                loaded.spool.remove_failed(id)?;
                log::deleted(id);
                Ok(Changed::Done)
            }
            Change::Retry | Change::Readmit => {
                stored.verify()?;
                loaded.spool.bring_back(id)?;
                let mut journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
                journal.append(now, &[Line::Retry])?;
                stored.envelope.join(journal.state());
                log::brought_back(id);
                match self.change {
                    Change::Readmit => readmit(loaded, &stored, &mut journal),
                    _ => Ok(Changed::Done),
                }
            }
        }
    }

    fn check_owner(&self, stored: &Stored) -> Result<(), SpoolError> {
        let Envelope { id, uid, .. } = &stored.envelope;
        if self.selection.scope().covers(*uid) { Ok(()) } else { Err(SpoolError::Gone(id.clone())) }
    }
}

/// The selected messages in queue/. One that cannot be read can still be named.
pub fn queued(loaded: &Loaded, selection: &AuthorisedSelection) -> Result<Vec<MessageId>, SpoolError> {
    let is_included = |id: &MessageId| {
        let envelope = selection.read(&loaded.spool, id);
        envelope.map_or(selection.includes_unreadable(), |envelope| includes(loaded, selection, &envelope))
    };
    let named = loaded.spool.ids()?.into_iter().filter(|id| selection.names(id));
    Ok(named.filter(is_included).collect())
}

fn includes(loaded: &Loaded, selection: &AuthorisedSelection, envelope: &Envelope) -> bool {
    selection.includes(envelope, || loaded.account_of(envelope), &loaded.clock)
}

/// Applies the tables of arrival again to the recipients that wait, and makes the message due.
fn readmit(loaded: &Loaded, stored: &Stored, journal: &mut Journal) -> Result<Changed, SpoolError> {
    let now = Timestamp::now();
    let readmitted = match readmit::readmit(&loaded.config, &stored.envelope.recipients, &journal.state().pending()) {
        Ok(readmitted) => readmitted,
        Err(fault) => return Ok(Changed::Refused(fault.to_string())),
    };
    // Added recipients come first: if a crash cuts the lines off, a recipient too many costs less than one too few.
    let added = readmitted.added.into_iter().map(Line::Added);
    let lines: Vec<Line> =
        added.chain(readmitted.replaced.into_iter().map(Line::Replaced)).chain([Line::Next(now)]).collect();
    journal.append(now, &lines).map(|()| Changed::Done)
}
