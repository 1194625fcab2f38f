//! Admission: completes a submission with `complete` and stores it, within the limits of the spool. The same for all
//! ways in.
//!
//! Envelope and header are completed before anything is written, while the tables are locked; the body, which may
//! arrive slowly, is streamed to the file afterwards. Free space is checked at the start and again every few
//! megabytes, because other messages arrive at the same time.

use std::io;
use std::io::Read;

use jiff::Zoned;

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
use crate::sys::random;
use crate::sys::sysexits::Exit;
use crate::sys::user::Caller;

/// The unit in which free space is shown.
const MEGABYTE: u64 = 1_000_000;

/// Why a submission was not stored. Nothing of it is left in the spool.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The envelope is not valid.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The sender's account is reserved for other users.
    #[error(
        "{login} may not send as <{sender}>, because the account {account} is reserved for other users; use another sender, or have \
         {login} added to `users` in [account.{account}]"
    )]
    NotAllowed {
        /// The caller's login.
        login: String,
        /// The sender.
        sender: String,
        /// The account.
        account: String,
    },
    /// `-a` names an account that is reserved for other users, whoever the sender is.
    #[error(
        "{login} may not use the account {account} (-a), because it is reserved for other users; use another account, or have {login} \
         added to `users` in [account.{account}]"
    )]
    AccountNotAllowed {
        /// The caller's login.
        login: String,
        /// The account.
        account: String,
    },
    /// `-a` names none of the accounts.
    #[error("there is no account {name}; existing accounts: {known}")]
    NoSuchAccount {
        /// What it names.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The completed header is larger than [`MAX_STORED`].
    #[error("the header is larger than {} MiB after completing its addresses", MAX_STORED >> 20)]
    HeaderTooLong,
    /// Larger than `max_message_size`.
    #[error("the message is larger than {0} bytes; to send it, raise max_message_size in [queue]")]
    TooBig(u64),
    /// Less than `min_free_space` would be left.
    #[error(
        "disk almost full: {} MB free in {place}, {} MB must stay free ({}); free some space",
        .free / MEGABYTE,
        .least.saturating_add(*.reserve).div_ceil(MEGABYTE),
        if *.reserve == 0 { "min_free_space" } else { "min_free_space + root_reserve" }
    )]
    NoRoom {
        /// Free bytes.
        free: u64,
        /// Bytes that must stay free.
        least: u64,
        /// Additional bytes reserved for root.
        reserve: u64,
        /// The spool's directory.
        place: String,
    },
    /// The spool reported an error.
    #[error("cannot store the message: {0}; it was not accepted, try again later")]
    Spool(#[from] SpoolError),
    /// The caller's input could not be read completely.
    #[error("cannot read the message: {0}")]
    Read(io::Error),
    /// The system provides no random numbers.
    #[error("the system provides no random numbers: {0}")]
    Random(io::Error),
}

impl AdmitError {
    /// The exit code, as sendmail(8) lists it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Envelope(EnvelopeError::NoRecipients) | Self::NoSuchAccount { .. } => Exit::Usage,
            Self::HeaderTooLong
            | Self::TooBig(_)
            | Self::Envelope(
                EnvelopeError::NoUsableRecipient(..)
                | EnvelopeError::BadSender { .. }
                | EnvelopeError::TooManyRecipients(_)
                | EnvelopeError::Expansion(_),
            ) => Exit::DataError,
            Self::Read(_) | Self::Random(_) => Exit::OsError,
            Self::NoRoom { .. } | Self::Spool(_) | Self::Envelope(EnvelopeError::Table(_)) => Exit::TempFail,
            Self::NotAllowed { .. } | Self::AccountNotAllowed { .. } => Exit::NoPermission,
        }
    }
}

/// Completes and stores the submission. Once this returns an id, the message is safe on disk.
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

/// The identifiers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageIds {
    /// The message's id.
    pub id: MessageId,
    /// The submission's token.
    pub token: String,
}

impl MessageIds {
    /// Random identifiers.
    pub fn by_chance(now: &Zoned) -> Result<Self, AdmitError> {
        let chance = Chance::draw()?;
        Ok(Self { id: chance.id(now), token: chance.token })
    }
}

/// A random token for a submission.
pub fn token() -> Result<String, AdmitError> {
    Chance::draw().map(|chance| chance.token)
}

/// Like [`admit`], with these identifiers.
pub fn admit_as<R: Read>(
    collected: &mut Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
) -> Result<MessageId, AdmitError> {
    store(collected, naming, entry, may_send)
}

/// Like [`admit_as`], for a caller who was already told that the message is stored. Whether they may use the sender's
/// account is checked at delivery.
pub fn admit_unasked<R: Read>(
    collected: &mut Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
) -> Result<MessageId, AdmitError> {
    store(collected, naming, entry, |_, _, _| Ok(()))
}

/// Until `commit` returns, nothing is visible, and an error on the way leaves nothing behind (`spool::writer`). After
/// it, the message is on disk and the caller may be told so.
fn store<R: Read>(
    collected: &mut Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
    may_send: impl Fn(&Entry<'_>, &ReversePath, Option<&str>) -> Result<(), AdmitError>,
) -> Result<MessageId, AdmitError> {
    let Entry { config, spool, tables, reserve, .. } = *entry;
    // The tables are unlocked before the body is read, because a slow caller must not block them.
    let (envelope, header) = tables.arriving(config, |tables| complete(collected, naming, entry, tables, may_send))?;
    let mut store = Store::begin(spool, envelope, DiskBudget::of(&config.queue).but(reserve))?;
    store.write_stamped(&header)?;
    write_body(&mut collected.body, |bytes| store.write(bytes))?;
    store.commit()
}

/// The message's envelope and header.
fn complete<R: Read>(
    collected: &Collected<R>,
    naming: MessageIds,
    entry: &Entry<'_>,
    tables: &ArrivalTables,
    may_send: impl Fn(&Entry<'_>, &ReversePath, Option<&str>) -> Result<(), AdmitError>,
) -> Result<(Envelope, Vec<u8>), AdmitError> {
    let Entry { config, author, now, .. } = *entry;
    let MessageIds { id, token } = naming;
    let arrival = Arrival { config, tables, include: config::included };
    let occasion = AdmissionContext { config, author, now, id: &id, arrival };
    let sender = occasion.sender(&collected.sender)?;
    // As soon as the sender is known, before the work of expanding the recipients.
    may_send(entry, &sender, collected.account.as_deref())?;
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
    let to = occasion.to(collected).map_err(EnvelopeError::Table)?;
    let envelope = Envelope {
        submitter: author.submitter(),
        to,
        account: collected.account.clone(),
        token,
        submitted_sender: as_submitted(&collected.sender),
        ret: collected.dsn.ret.clone(),
        envid: collected.dsn.envid.clone(),
        ..Envelope::mail(id, now.timestamp(), sender, recipients)
    };
    Ok((envelope, header))
}

/// Refuses a caller who may not use the account that is asked for, or else the sender's. Tables are consulted only if
/// some account has `users`.
///
/// Refused here, the user sees the reason at once. At delivery the message could only be held.
fn may_send(entry: &Entry<'_>, sender: &ReversePath, asked: Option<&str>) -> Result<(), AdmitError> {
    let Entry { config, author, .. } = *entry;
    let unknown = |name: &str| {
        let known: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
        AdmitError::NoSuchAccount { name: name.to_owned(), known: known.join(", ") }
    };
    let found = |name: &str| route::asked(config, name).map_err(|_| unknown(name));
    let asked = asked.map(found).transpose()?.map(|choice| choice.account);
    if let Some(account) = asked.filter(|account| !author.may_use(account)) {
        return Err(AdmitError::AccountNotAllowed { login: author.login().to_owned(), account: account.name.clone() });
    }
    if asked.is_some() || config.accounts.iter().all(|account| account.users.is_none()) {
        return Ok(());
    }
    let of_sender = entry.tables.leaving(config, |tables| route::account_of(config, &tables.generic, sender));
    match of_sender.map_err(EnvelopeError::Table)?.filter(|account| !author.may_use(account)) {
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

/// The random parts of a submission's identifiers.
pub(crate) struct Chance {
    suffix: u16,
    pub(crate) token: String,
}

impl Chance {
    pub(crate) fn draw() -> Result<Self, AdmitError> {
        let mut bytes = [0; 18];
        random::fill(&mut bytes).map_err(AdmitError::Random)?;
        let [high, low, token @ ..] = bytes;
        Ok(Self { suffix: u16::from_be_bytes([high, low]), token: format!("{:032x}", u128::from_be_bytes(token)) })
    }
}

impl Chance {
    /// A message's id.
    pub(crate) fn id(&self, now: &Zoned) -> MessageId {
        let micros = u64::try_from(now.timestamp().as_microsecond()).unwrap_or_default();
        MessageId::new(micros, self.suffix)
    }
}

/// The limits for a message on disk.
///
/// Space is left free on purpose: the outcomes of mail that is already queued must still be recorded. A disk that is
/// filled by new mail would stop the delivery of the old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskBudget {
    /// Largest message in bytes.
    largest: u64,
    /// Bytes that must stay free.
    least: u64,
    reserve: Reserve,
}

impl DiskBudget {
    /// Without a reserve for anybody else.
    pub(crate) fn of(queue: &Queue) -> Self {
        Self { largest: queue.max_message_size, least: queue.min_free_space, reserve: Reserve::NONE }
    }

    /// With a reserve that this submitter may not use.
    pub(crate) fn but(self, reserve: Reserve) -> Self {
        Self { reserve, ..self }
    }

    fn check(self, spool: &Spool) -> Result<(), AdmitError> {
        check_room(spool, self.least, self.reserve)
    }
}

/// Whether enough bytes are free on the spool's file system, the reserve included.
pub fn check_room(spool: &Spool, least: u64, reserve: Reserve) -> Result<(), AdmitError> {
    let space = spool.space()?;
    let reserve = reserve.of(space.whole);
    if space.free < least.saturating_add(reserve) {
        return Err(AdmitError::NoRoom { free: space.free, least, reserve, place: spool.dir().display().to_string() });
    }
    Ok(())
}

/// A message being written to the spool, with its limits.
pub(crate) struct Store<'a> {
    incoming: Incoming,
    spool: &'a Spool,
    room: DiskBudget,
    /// Bytes written since free space was last checked.
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

    /// Writes content of our own that may contain the id.
    pub(crate) fn write_stamped(&mut self, bytes: &[u8]) -> Result<(), AdmitError> {
        self.check(bytes)?;
        Ok(self.incoming.write_stamped(bytes)?)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), AdmitError> {
        self.check(bytes)?;
        Ok(self.incoming.write(bytes)?)
    }

    /// The size is checked for each block, before it is written; the space only now and then, because asking is a
    /// system call.
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

/// Passes the body on block by block.
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
