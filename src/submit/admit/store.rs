//! Admission: completes a submission (qualifies, stamps, strips) and stores it, the
//! same way for every entrance. What completing means is in `complete`; here it meets
//! the spool, its limits and chance.

use std::io;
use std::io::Read;

use jiff::Zoned;
use rustix::rand::{GetRandomFlags, getrandom};

use super::complete::{AdmissionContext, EnvelopeError};
use super::context::{Author, Entry, Tables};
use crate::config::{self, ArrivalTables, Config, Queue, Reserve};
use crate::mail::address::ReversePath;
use crate::mail::header::MAX_STORED;
use crate::rules::inbound::Arrival;
use crate::rules::route;
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};
use crate::submit::frontend::collect::{Collected, Origin, Sender};
use crate::submit::frontend::header_reader::Body;
use crate::sys::sysexits::Exit;
use crate::sys::user::Caller;

/// What people count free space in.
const MEGABYTE: u64 = 1_000_000;

/// Why a submission is not stored; nothing of it is left in the spool.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// No sender or recipients to write on it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The sender's account names its users, and the caller is none of them.
    #[error(
        "{login} may not send as <{sender}>, because the account {account} is reserved for other users; use another sender, or have \
         {login} added to `users` in [account.{account}]"
    )]
    NotAllowed {
        /// Who.
        login: String,
        /// As whom.
        sender: String,
        /// Through which account.
        account: String,
    },
    /// The header with what completes it is over [`MAX_STORED`].
    #[error("the header is larger than {} MiB after completing its addresses", MAX_STORED >> 20)]
    HeaderTooLong,
    /// Over `max_message_size`.
    #[error("the message is larger than {0} bytes; to send it, raise max_message_size in [queue]")]
    TooBig(u64),
    /// Under `min_free_space`.
    #[error(
        "disk almost full: {} MB free in {place}, {} MB must stay free ({}); free some space",
        .free / MEGABYTE,
        .least.saturating_add(*.reserve).div_ceil(MEGABYTE),
        if *.reserve == 0 { "min_free_space" } else { "min_free_space + root_reserve" }
    )]
    NoRoom {
        /// Octets free.
        free: u64,
        /// Octets that must stay free.
        least: u64,
        /// And those that are root's alone.
        reserve: u64,
        /// The spool.
        place: String,
    },
    /// The spool cannot store it.
    #[error("cannot store the message: {0}; it was not accepted, try again later")]
    Spool(#[from] SpoolError),
    /// The caller's input cannot be read to its end.
    #[error("cannot read the message: {0}")]
    Read(io::Error),
    /// The system gives no random numbers.
    #[error("the system provides no random numbers: {0}")]
    Random(io::Error),
}

impl AdmitError {
    /// By what it means, as sendmail(8) lists it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Envelope(EnvelopeError::NoRecipients) => Exit::Usage,
            Self::HeaderTooLong
            | Self::TooBig(_)
            | Self::Envelope(
                EnvelopeError::NoUsableRecipient(_)
                | EnvelopeError::BadSender { .. }
                | EnvelopeError::TooManyRecipients(_)
                | EnvelopeError::Expansion(_),
            ) => Exit::DataError,
            Self::Read(_) | Self::Random(_) => Exit::OsError,
            Self::NoRoom { .. } | Self::Spool(_) | Self::Envelope(EnvelopeError::Table(_)) => Exit::TempFail,
            Self::NotAllowed { .. } => Exit::NoPermission,
        }
    }
}

/// Completes and stores the submission. Once this returns its id, the message is safe.
pub fn admit<R: Read>(
    collected: &mut Collected<R>,
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    now: &Zoned,
) -> Result<MessageId, AdmitError> {
    let naming = MessageIds::by_chance(now)?;
    admit_as(
        collected,
        naming,
        &Entry { config, spool, author: Author::User(caller), now, tables: Tables::Fresh, reserve: Reserve::NONE },
    )
}

/// What a message is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageIds {
    /// Its id.
    pub id: MessageId,
    /// Its submission's token.
    pub token: String,
}

impl MessageIds {
    /// A name that no other has.
    pub fn by_chance(now: &Zoned) -> Result<Self, AdmitError> {
        let chance = Chance::draw()?;
        Ok(Self { id: chance.id(now), token: chance.token })
    }
}

/// A submission's token.
pub fn token() -> Result<String, AdmitError> {
    Chance::draw().map(|chance| chance.token)
}

/// The same under a name that is given.
pub fn admit_as<R: Read>(
    collected: &mut Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
) -> Result<MessageId, AdmitError> {
    store(collected, naming, entry, may_send)
}

/// The same for a caller who was told already that it is stored: whether the sender's account is for him is seen to
/// when it is attempted.
pub fn admit_unasked<R: Read>(
    collected: &mut Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
) -> Result<MessageId, AdmitError> {
    store(collected, naming, entry, |_, _| Ok(()))
}

fn store<R: Read>(
    collected: &mut Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
    may_send: impl Fn(&Entry<'_>, &ReversePath) -> Result<(), AdmitError>,
) -> Result<MessageId, AdmitError> {
    let Entry { config, spool, tables, reserve, .. } = *entry;
    // The tables are free again before the body is read, from whoever takes his time.
    let (envelope, header) = tables.arriving(config, |tables| complete(collected, naming, entry, tables, may_send))?;
    let mut store = Store::begin(spool, envelope, DiskBudget::of(&config.queue).but(reserve))?;
    store.write_stamped(&header)?;
    write_body(&mut collected.body, |bytes| store.write(bytes))?;
    store.commit()
}

/// Envelope and header of the message.
fn complete<R: Read>(
    collected: &Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
    tables: &ArrivalTables,
    may_send: impl Fn(&Entry<'_>, &ReversePath) -> Result<(), AdmitError>,
) -> Result<(Envelope, Vec<u8>), AdmitError> {
    let Entry { config, author, now, .. } = *entry;
    let MessageIds { id, token } = naming;
    let arrival = Arrival { config, tables, include: config::included };
    let occasion = AdmissionContext { config, author, now, id: &id, arrival };
    let sender = occasion.sender(&collected.sender)?;
    may_send(entry, &sender)?;
    let mut recipients = occasion.recipients(&collected.recipients)?;
    for recipient in &mut recipients {
        let asked = collected.dsn.about(&recipient.given);
        (recipient.notify, recipient.orcpt) = (asked.notify, asked.orcpt);
    }
    let header = match collected.origin {
        Origin::Here => {
            occasion.header(&collected.header, collected.full_name.as_deref(), &sender).map_err(EnvelopeError::Table)?
        }
        Origin::Elsewhere => occasion.foreign_header(&collected.header),
    };
    if header.len() > MAX_STORED {
        return Err(AdmitError::HeaderTooLong);
    }
    let envelope = Envelope {
        submitter: author.submitter(),
        token,
        submitted_sender: as_submitted(&collected.sender),
        ret: collected.dsn.ret.clone(),
        envid: collected.dsn.envid.clone(),
        ..Envelope::mail(id, now.timestamp(), sender, recipients)
    };
    Ok((envelope, header))
}

/// Refuses a caller whom the sender's account is not for. Tables are asked only where an account asks who comes.
fn may_send(entry: &Entry<'_>, sender: &ReversePath) -> Result<(), AdmitError> {
    let Entry { config, author, .. } = *entry;
    if config.accounts.iter().all(|account| account.users.is_none()) {
        return Ok(());
    }
    let account = entry.tables.leaving(config, |tables| route::account_of(config, tables, sender));
    let account = account.map_err(EnvelopeError::Table)?;
    match account.filter(|account| !author.may_use(account)) {
        None => Ok(()),
        Some(account) => Err(AdmitError::NotAllowed {
            login: author.login().to_owned(),
            sender: sender.to_string(),
            account: account.name.clone(),
        }),
    }
}

fn as_submitted(sender: &Sender) -> Option<String> {
    match sender {
        Sender::Login | Sender::FromField => None,
        Sender::Given(text) => Some(String::from_utf8_lossy(text).into_owned()),
    }
}

/// What must differ between any two submissions.
pub(crate) struct Chance {
    suffix: u16,
    pub(crate) token: String,
}

impl Chance {
    pub(crate) fn draw() -> Result<Self, AdmitError> {
        let mut bytes = [0; 18];
        let drawn = getrandom(&mut bytes, GetRandomFlags::empty()).map_err(|e| AdmitError::Random(e.into()))?;
        debug_assert!(drawn == 18, "the kernel gives up to 256 bytes at once");
        let [high, low, token @ ..] = bytes;
        Ok(Self { suffix: u16::from_be_bytes([high, low]), token: format!("{:032x}", u128::from_be_bytes(token)) })
    }
}

impl Chance {
    /// A message's name.
    pub(crate) fn id(&self, now: &Zoned) -> MessageId {
        let micros = u64::try_from(now.timestamp().as_microsecond()).unwrap_or_default();
        MessageId::new(micros, self.suffix)
    }
}

/// How much a message may take, and what it must leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskBudget {
    /// Octets of one message.
    largest: u64,
    /// Octets that must stay free.
    least: u64,
    reserve: Reserve,
}

impl DiskBudget {
    /// For whoever shares it with nobody.
    pub(crate) fn of(queue: &Queue) -> Self {
        Self { largest: queue.max_message_size, least: queue.min_free_space, reserve: Reserve::NONE }
    }

    /// Where this must be left to another.
    pub(crate) fn but(self, reserve: Reserve) -> Self {
        Self { reserve, ..self }
    }

    fn check(self, spool: &Spool) -> Result<(), AdmitError> {
        check_room(spool, self.least, self.reserve)
    }
}

/// Whether so many octets are free on the spool's file system, and what somebody else must find there.
pub fn check_room(spool: &Spool, least: u64, reserve: Reserve) -> Result<(), AdmitError> {
    let space = spool.space()?;
    let reserve = reserve.of(space.whole);
    if space.free < least.saturating_add(reserve) {
        return Err(AdmitError::NoRoom { free: space.free, least, reserve, place: spool.dir().display().to_string() });
    }
    Ok(())
}

/// A message on its way into the spool, and the limits it must keep.
pub(crate) struct Store<'a> {
    incoming: Incoming,
    spool: &'a Spool,
    room: DiskBudget,
    /// Octets written since free space was looked at.
    unchecked: u64,
}

impl<'a> Store<'a> {
    pub(crate) fn begin(spool: &'a Spool, envelope: Envelope, room: DiskBudget) -> Result<Self, AdmitError> {
        room.check(spool)?;
        Ok(Self { incoming: Incoming::begin(spool, envelope)?, spool, room, unchecked: 0 })
    }

    pub(crate) fn commit(self) -> Result<MessageId, AdmitError> {
        Ok(self.incoming.commit_under_free_id()?)
    }

    /// Writes content of our making, in which the id may stand.
    pub(crate) fn write_stamped(&mut self, bytes: &[u8]) -> Result<(), AdmitError> {
        self.check(bytes)?;
        Ok(self.incoming.write_stamped(bytes)?)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), AdmitError> {
        self.check(bytes)?;
        Ok(self.incoming.write(bytes)?)
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), AdmitError> {
        const BETWEEN_CHECKS: u64 = 4 * 1024 * 1024;
        let length = bytes.len() as u64;
        if self.incoming.size() + length > self.room.largest {
            return Err(AdmitError::TooBig(self.room.largest));
        }
        self.unchecked += length;
        if self.unchecked > BETWEEN_CHECKS {
            self.unchecked = 0;
            self.room.check(self.spool)?;
        }
        Ok(())
    }
}

/// Hands on the body as stored, block by block.
pub(crate) fn write_body<R: Read>(
    body: &mut Body<R>,
    mut write: impl FnMut(&[u8]) -> Result<(), AdmitError>,
) -> Result<(), AdmitError> {
    while let Some(block) = body.next_block().map_err(AdmitError::Read)? {
        write(block)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
