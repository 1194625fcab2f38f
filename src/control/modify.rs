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
use crate::spool::failed::is_mail;
use crate::spool::history::{self, Extent, Whose};
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::{Envelope, MessageId, SpoolError, Stored};
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
    /// Done; the message has this id now.
    As(MessageId),
    /// Not done; why.
    Refused(String),
}

/// A name in failed/, and what became of the change there.
pub type NamedChange = (String, Result<Changed, SpoolError>);

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
    pub fn new(scope: &AccessScope, change: Change, asked: Selection) -> Result<Self, Refused> {
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
        let asked = selection.asked();
        let mut ids = if asked.failed { Vec::new() } else { queued(loaded, selection)? };
        let may_be_failed = asked.failed
            || match change {
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
                remove(loaded, &stored, &mut journal)?;
                Ok(Changed::Done)
            }
        }
    }

    /// Changes what lies in failed/ under a name that is no id, where everything there is selected: submissions that were
    /// never taken in, and messages of an id that was taken. What became of each.
    pub fn apply_to_names(&self, loaded: &Loaded) -> Result<Vec<NamedChange>, SpoolError> {
        let all = Selection { failed: true, ..Selection::default() };
        if *self.selection.asked() != all || !self.selection.scope().is_everything() {
            return Ok(Vec::new());
        }
        let is_asked = |name: &String| match self.change {
            Change::Delete => MessageId::parse(name).is_none(),
            Change::Hold | Change::Release => false,
            Change::Retry | Change::Readmit => MessageId::parse(name).is_none() && is_mail(name),
        };
        let names = loaded.spool.failed()?.into_iter().filter(is_asked);
        let change = |name: String| {
            let changed = self.apply_to_name(loaded, &name);
            (name, changed)
        };
        Ok(names.map(change).collect())
    }

    fn apply_to_name(&self, loaded: &Loaded, name: &str) -> Result<Changed, SpoolError> {
        let spool = &loaded.spool;
        match (self.change, spool.open_failed_name(name)) {
            (Change::Delete, _) => {
                spool.remove_failed(name)?;
                log::deleted(name);
                Ok(Changed::Done)
            }
            (_, Ok(stored)) => {
                stored.verify()?;
                let id = spool.bring_back_as_new(name)?;
                log::brought_back(&id);
                Ok(Changed::As(id))
            }
            (_, Err(_)) => spool.resubmit_failed(name).map(|()| Changed::Done),
        }
    }

    fn apply_to_failed(&self, loaded: &Loaded, id: &MessageId) -> Result<Changed, SpoolError> {
        let mut stored = match loaded.spool.open_failed(id) {
            // Nothing can be sent or recorded of it.
            Err(SpoolError::Damaged { .. })
                if self.change == Change::Delete && self.selection.includes_unreadable() =>
            {
                loaded.spool.remove_failed(id.as_str())?;
                log::deleted(id);
                return Ok(Changed::Done);
            }
            opened => opened?,
        };
        self.check_owner(&stored)?;
        let now = Timestamp::now();
        match self.change {
            Change::Hold | Change::Release => Err(SpoolError::Gone(id.clone())),
            Change::Delete => {
                let state = Journal::peek_failed(&loaded.spool, id, stored.envelope.recipients.len())?;
                stored.envelope.join(&state);
                history::append(&loaded.spool, &[history_record::deleted(&stored, &state, now)])?;
                loaded.spool.remove_failed(id.as_str())?;
                log::deleted(id);
                Ok(Changed::Done)
            }
            Change::Retry | Change::Readmit => {
                stored.verify()?;
                let recipients = stored.envelope.recipients.len();
                if let Err(SpoolError::Damaged { .. }) = Journal::peek_failed(&loaded.spool, id, recipients) {
                    Journal::salvage_failed(&loaded.spool, id, recipients)?;
                }
                if has_anothers_id(loaded, &stored)? {
                    let new = loaded.spool.bring_back_as_new(id.as_str())?;
                    Journal::open(&loaded.spool, &new, recipients)?.append(now, &[Line::Retry])?;
                    log::brought_back(&new);
                    return Ok(Changed::As(new));
                }
                loaded.spool.bring_back(id)?;
                let mut journal = Journal::open(&loaded.spool, id, recipients)?;
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
        let Envelope { id, submitter, .. } = &stored.envelope;
        if self.selection.scope().covers(submitter) { Ok(()) } else { Err(SpoolError::Gone(id.clone())) }
    }
}

/// Takes a message out of the queue, as somebody who deletes it does. Nobody may be sending it, and the caller holds the lock.
pub fn delete(loaded: &Loaded, stored: &Stored) -> Result<(), SpoolError> {
    let mut journal = Journal::open(&loaded.spool, &stored.envelope.id, stored.envelope.recipients.len())?;
    remove(loaded, stored, &mut journal)
}

fn remove(loaded: &Loaded, stored: &Stored, journal: &mut Journal) -> Result<(), SpoolError> {
    let (id, now) = (&stored.envelope.id, Timestamp::now());
    history::append(&loaded.spool, &[history_record::deleted(stored, journal.state(), now)])?;
    journal.append(now, &[Line::Done])?;
    loaded.spool.remove(id)?;
    log::deleted(id);
    Ok(())
}

/// Whether another message of the same id is in the queue, or has left it.
fn has_anothers_id(loaded: &Loaded, stored: &Stored) -> Result<bool, SpoolError> {
    let id = &stored.envelope.id;
    let traces = history::traces(&loaded.spool, &Extent::default(), |of| of == id)?;
    let is_anothers = traces.get(id).is_some_and(|trace| trace.whose(&stored.envelope) == Whose::Anothers);
    Ok(is_anothers || loaded.spool.holds(id))
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
    let account = || {
        let state = Journal::peek(&loaded.spool, &envelope.id, envelope.recipients.len());
        // A journal that cannot be read says nothing of who waits.
        state.map_or_else(|_| loaded.account_of(envelope), |state| loaded.account_for(envelope, &state.pending()))
    };
    selection.includes(envelope, account, &loaded.clock)
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
