//! Pickup: admits submissions from drop/ and raw/. The message's id is derived from the file, so that a submission
//! picked up again after a crash gets the same id and is not stored twice.
//!
//! Unlike on the socket, nobody waits for an answer here: the caller has been told that the mail is safe. So every
//! submission ends as a message, as a report to its sender, or in failed/ with the reason, or it stays where it is for
//! a later attempt. A file is removed only once its message is stored.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::tz::TimeZone;

use super::complete::EnvelopeError;
use super::context::{Author, Entry, Tables};
use super::early_bounce::{self, Failed, Rest};
use super::store::{self, AdmitError, MessageIds};
use crate::config::{Config, Reserve};
use crate::spool::dropped::{Found, Place, Waiting};
use crate::spool::{MessageId, Spool, SpoolError};
use crate::submit::frontend::header_reader::HeadError;
use crate::submit::wire::frame::WIDEST;
use crate::submit::wire::submission::{Announced, NotRead, Submission};
use crate::sys::user::Caller;

/// The result for one submission.
#[derive(Debug)]
pub enum Picked {
    /// It is now a message, or its report is.
    Up(MessageId),
    /// The same, but its file could not be removed: until it is gone, another runner could take it for a new submission.
    NotRemoved(MessageId, SpoolError),
    /// It was already a message.
    Known,
    /// It was moved to failed/, with the reason.
    Aside(String),
    /// It stays, with the reason.
    Later(String),
    /// Its user is over a limit, so all their other submissions stay as well.
    Over(String),
    /// There was nothing to pick up.
    Nothing,
}

/// What is known about a submission that may also have come in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    No,
    /// It is being stored, which may still fail.
    InHand,
    /// It is a message.
    Stored,
    /// It is in raw/.
    Raw,
}

/// What pickup needs from the runner.
pub trait Runner {
    /// Whether the same submission came in another way.
    fn known(&self, uid: u32, token: &str) -> Known;
    /// Whether its user may have this many more bytes in the spool, or why not.
    fn may_have(&self, uid: u32, octets: u64) -> Result<(), String>;
    /// A message with this id is about to be stored. It must not be attempted before its file is gone from drop/.
    fn hold_back(&self, id: &MessageId);
    /// The submission with this token is now a message, or its report is.
    fn stored(&self, uid: u32, token: &str, id: &MessageId);
}

/// Picks up one submission.
pub fn pick_up(
    place: Place,
    name: &str,
    (config, tables): (&Config, Tables<'_>),
    spool: &Spool,
    runner: &dyn Runner,
) -> Result<Picked, SpoolError> {
    let waiting = match spool.open_waiting(place, name)? {
        Found::Submission(waiting) => waiting,
        Found::Nothing => return Ok(Picked::Nothing),
        Found::Foreign(what) => {
            spool.set_waiting_aside(place, name, &format!("{what}; found in {}/", place.folder()))?;
            return Ok(Picked::Aside(what));
        }
    };
    // Files in raw/ are already counted.
    if place == Place::Drop
        && let Err(why) = runner.may_have(waiting.uid, waiting.octets)
    {
        return Ok(Picked::Over(why));
    }
    let mut submission = match read(&waiting, config) {
        Ok(submission) => submission,
        Err(NotRead::Head(HeadError::Read(error))) => return Ok(Picked::Later(error.to_string())),
        Err(broken) => {
            let what = broken.to_string();
            spool.set_waiting_aside(place, name, &what)?;
            return Ok(Picked::Aside(what));
        }
    };
    if let Some(picked) = came_otherwise(place, name, spool, &runner.known(waiting.uid, &submission.token))? {
        return Ok(picked);
    }
    let id = free_id(spool, id_of(&waiting, &submission.token), &submission.token);
    let naming = MessageIds { id: id.clone(), token: submission.token.clone() };
    // Before it is stored, because the queue manager learns of the file the moment it is linked.
    runner.hold_back(&id);
    let (caller, now) = (Caller::of(waiting.uid), waiting.arrived.to_zoned(TimeZone::system()));
    // It already takes disk space, which is freed once it is delivered.
    let entry = Entry { config, spool, author: Author::User(&caller), now: &now, tables, reserve: Reserve::NONE };
    let admitted = match store::admit_unasked(&mut submission.collected, naming.clone(), &entry) {
        Err(error) if is_final(&error) => match mail_back(&error, &mut submission, naming, &entry) {
            (Ok(Some(report)), _) => Ok(report),
            (Ok(None), why) => {
                spool.set_waiting_aside(place, name, &why)?;
                return Ok(Picked::Aside(why));
            }
            (Err(error), _) => Err(error),
        },
        admitted => admitted,
    };
    let id = match admitted {
        Ok(id) => id,
        // Stored before a crash, as the message or as its report.
        Err(AdmitError::Spool(SpoolError::Exists(_))) if is_stored(spool, &id, &submission.token) => id,
        Err(error) => return Ok(Picked::Later(error.to_string())),
    };
    // Noted before the file is removed. If it cannot be removed, the next check finds the token known and only removes
    // it.
    runner.stored(waiting.uid, &submission.token, &id);
    Ok(match spool.remove_waiting(place, name) {
        Ok(()) => Picked::Up(id),
        Err(error) => Picked::NotRemoved(id, error),
    })
}

/// Stores a report to the sender of a submission that cannot be admitted; `None` if nobody can be notified. Also returns the
/// reason. The report gets the ids of the message, so that it is not stored twice either.
fn mail_back(
    error: &AdmitError,
    submission: &mut Submission<&File>,
    naming: MessageIds,
    entry: &Entry<'_>,
) -> (Result<Option<MessageId>, AdmitError>, String) {
    let (why, asked) = (error.to_string(), submission.collected.sender.clone());
    let rest = match error {
        AdmitError::TooBig(_) => Rest::Header(&submission.collected.header),
        _ => Rest::Whole(&mut submission.collected),
    };
    let mut returned = early_bounce::mail_back(Failed { why: &why, sender: &asked, rest }, naming.clone(), entry);
    if matches!(returned, Err(AdmitError::TooBig(_))) {
        // With the whole message, the report would exceed the size limit.
        let rest: Rest<'_, std::io::Empty> = Rest::Header(&submission.collected.header);
        returned = early_bounce::mail_back(Failed { why: &why, sender: &asked, rest }, naming, entry);
    }
    (returned, why)
}

/// What to do with a submission that came in another way as well; `None` if it did not.
///
/// A front end that got no reply submits its message again in another way, with the same token, and the first copy may
/// have arrived after all. One of the two must go, and the one that is not a message yet is the one that can.
fn came_otherwise(place: Place, name: &str, spool: &Spool, known: &Known) -> Result<Option<Picked>, SpoolError> {
    match (place, known) {
        // For a file in raw/, what is known may be this very file.
        (Place::Raw, Known::Raw) | (_, Known::No) => Ok(None),
        (_, Known::InHand) => Ok(Some(Picked::Later("it is also being submitted over the socket".to_owned()))),
        (_, Known::Stored) | (Place::Drop, Known::Raw) => {
            spool.remove_waiting(place, name)?;
            Ok(Some(Picked::Known))
        }
    }
}

fn read<'w>(waiting: &'w Waiting, config: &Config) -> Result<Submission<&'w File>, NotRead> {
    Announced::read(&waiting.file, WIDEST)?.submission(config.limits.recipients())
}

/// Whether trying again would not help. Its caller was told that it is stored, so its sender must be notified by
/// mail.
fn is_final(error: &AdmitError) -> bool {
    match error {
        AdmitError::HeaderTooLong
        | AdmitError::TooBig(_)
        | AdmitError::NotAllowed { .. }
        | AdmitError::AccountNotAllowed { .. }
        | AdmitError::NoSuchAccount { .. } => true,
        AdmitError::Envelope(envelope) => !matches!(envelope, EnvelopeError::Table(_)),
        AdmitError::NoRoom { .. } | AdmitError::Spool(_) | AdmitError::Read(_) | AdmitError::Random(_) => false,
    }
}

/// Derived from the file's time and name and the submission's token, so that picking it up again gives the same id.
/// Time and name are not enough: names are reused, and some file systems only store seconds.
fn id_of(waiting: &Waiting, token: &str) -> MessageId {
    let mut hasher = DefaultHasher::new();
    (waiting.place.folder(), &waiting.name, waiting.arrived.as_nanosecond(), token).hash(&mut hasher);
    let micros = u64::try_from(waiting.arrived.as_microsecond()).unwrap_or_default();
    #[allow(clippy::cast_possible_truncation, reason = "twelve bits are wanted")]
    MessageId::new(micros, hasher.finish() as u16)
}

/// The first id from this one on that no other message has.
///
/// Two submissions may come to the same id, since only twelve bits of it are from the hash. The token tells them
/// apart.
fn free_id(spool: &Spool, mut id: MessageId, token: &str) -> MessageId {
    while spool.open_message(&id).is_ok_and(|stored| stored.envelope.token != token) {
        id = id.next();
    }
    id
}

/// Whether the message with this id is this submission.
fn is_stored(spool: &Spool, id: &MessageId, token: &str) -> bool {
    spool.open_message(id).is_ok_and(|stored| stored.envelope.token == token)
}
