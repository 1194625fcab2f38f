//! Completes a submission: sender and recipients are completed and rewritten, and the header is cleaned and stamped.
//! Pure; the time is an argument, and `store` stores the result.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use jiff::Zoned;

use super::context::{Author, Trace};
use crate::config::{self, Account, ArrivalTables, Config, MissingTo, TableFault};
use crate::mail::address::{Address, AddressError, Mailbox, ReversePath};
use crate::mail::fold_case::small_letters;
use crate::mail::header::Header;
use crate::mail::list::{self, Spec};
use crate::mail::stamp;
use crate::rules::inbound::{Arrival, Destination};
use crate::rules::missing_to;
use crate::spool::{MessageId, Recipient};
use crate::submit::frontend::collect::{Collected, Sender};
use crate::submit::frontend::recipients::{self, RecipientArgument};
use crate::submit::wire::envelope::BadEnvelope;

/// Why there can be no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Neither the arguments nor the header have a recipient.
    #[error("no recipients: give them as arguments, or use -t with a To, Cc or Bcc field")]
    NoRecipients,
    /// No recipient is a valid address.
    #[error("no usable recipient: '{0}' {not}: {1}", not = cannot_be(*.1))]
    NoUsableRecipient(String, AddressError),
    /// More than `recipients` in `[limits]`.
    #[error("{}", BadEnvelope::TooManyRecipients(*.0))]
    TooManyRecipients(usize),
    /// The arrival tables expand the recipients to too many addresses.
    #[error(
        "the aliases of these recipients expand to more than {0} addresses; send it in several parts, or raise recipients in [limits]"
    )]
    Expansion(usize),
    /// The argument of -f is not an address.
    #[error("bad sender address '{text}': {reason}")]
    BadSender {
        /// The argument.
        text: String,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// A table is needed but unavailable. Later it may work.
    #[error("{0}; the message cannot be accepted until this is fixed")]
    Table(#[from] TableFault),
}

/// The context of an admission.
///
/// Nothing here reads a clock or draws a random number, so with the same tables a submission that is picked up again
/// after a crash becomes the same message.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionContext<'a> {
    /// Names, and whether to add a Received field.
    pub config: &'a Config,
    /// The submitter.
    pub author: Author<'a>,
    /// The time of admission.
    pub now: &'a Zoned,
    /// The message's id.
    pub id: &'a MessageId,
    /// The arrival tables and rules.
    pub arrival: Arrival<'a>,
}

impl AdmissionContext<'_> {
    /// The envelope sender: the first address given with `-f`, or else the caller's login; completed and rewritten.
    ///
    /// An address that cannot be sent is refused while the caller still has the message. One of this machine may become
    /// another one by `generic` at each attempt.
    pub fn sender(&self, asked: &Sender) -> Result<ReversePath, EnvelopeError> {
        let sender = self.arrival.sender(&completed_sender(self.config, self.author.login(), asked)?)?.0;
        sendable_sender(self.config, &sender)?;
        Ok(sender)
    }

    /// The envelope recipients, completed and rewritten. Duplicates (the same argument with the same result) are
    /// removed. An invalid address is kept next to valid ones and bounces.
    pub fn recipients(&self, given: &[RecipientArgument]) -> Result<Vec<Recipient>, EnvelopeError> {
        let first = given.first().ok_or(EnvelopeError::NoRecipients)?;
        let most = self.config.limits.recipients();
        if given.len() > most {
            return Err(EnvelopeError::TooManyRecipients(most));
        }
        let (mut seen, mut recipients, mut expanded) = (Doubles::default(), Vec::new(), 0_usize);
        // Aliases may expand a list that is itself at the limit. Twice the limit leaves room for that and still bounds
        // the work.
        let most = most.saturating_mul(2);
        for one in given {
            for recipient in rewritten(&self.arrival, one)? {
                // Duplicates count as well, because finding them is the work that this bounds.
                expanded += 1;
                if expanded > most {
                    return Err(EnvelopeError::Expansion(most));
                }
                if seen.is_new(&one.text, &recipient.address) {
                    recipients.push(recipient);
                }
            }
        }
        any_usable(self.config, &first.text, &recipients)?;
        Ok(recipients)
    }

    /// The value of a To field with the recipients as they were given, if an account may need it and they are no secret.
    pub fn to<R>(&self, collected: &Collected<R>) -> Result<Option<String>, TableFault> {
        let wants = |account: &Account| account.missing_to == Some(MissingTo::Recipients);
        let is_open = collected.are_arguments && missing_to::may_name_recipients(&collected.header);
        if !is_open || !self.config.accounts.iter().any(wants) {
            return Ok(None);
        }
        missing_to::recipients(&self.arrival, collected.recipients.iter().map(|given| &given.spec))
    }

    /// The header as stored, with CRLF line ends: addresses completed and rewritten; Bcc and similar fields removed;
    /// Received at the top; and Message-Id, Date and From, or their Resent- forms, at the end if they were missing.
    ///
    /// The order of the result is the one that readers and filters expect: trace fields on top (RFC 5321 section 4.4),
    /// the caller's fields in their order, ours at the end. Bcc is removed although the envelope has its recipients,
    /// because every recipient would see it (RFC 5322 section 3.6.3).
    pub fn header(
        &self,
        header: &Header,
        full_name: Option<&[u8]>,
        sender: &ReversePath,
    ) -> Result<Vec<u8>, TableFault> {
        let mut bytes = Vec::new();
        if self.config.received {
            bytes.extend_from_slice(self.received().as_bytes());
        }
        for field in &self.arrival.whole_header(header, sender)?.fields {
            if !DROPPED.iter().any(|name| field.is(name)) {
                bytes.extend_from_slice(field.raw());
            }
        }
        for (name, value) in self.missing(header, full_name, sender) {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        Ok(bytes)
    }

    /// The header of a message that came through a gateway. Nothing is completed.
    ///
    /// Its addresses belong to another mail system, and completing them with this machine's domain would make them
    /// wrong.
    #[must_use]
    pub fn foreign_header(&self, header: &Header) -> Vec<u8> {
        let mut bytes = if self.config.received { self.received().into_bytes() } else { Vec::new() };
        for field in header.fields.iter().filter(|field| !DROPPED.iter().any(|name| field.is(name))) {
            bytes.extend_from_slice(field.raw());
        }
        bytes
    }

    /// Fields to add, in Postfix's order. An empty field is not missing.
    fn missing(&self, header: &Header, full_name: Option<&[u8]>, sender: &ReversePath) -> Vec<(&'static str, String)> {
        // A resent message keeps its own Message-Id, Date and From. What is missing then are the fields of the
        // resending (RFC 5322 section 3.6.6).
        let resent = header.fields.iter().any(|field| RESENT.iter().any(|name| field.is(name)));
        let [message_id, date, from] =
            if resent { ["Resent-Message-Id", "Resent-Date", "Resent-From"] } else { ["Message-Id", "Date", "From"] };
        let mut missing = Vec::new();
        if header.first(message_id).is_none() {
            missing.push((message_id, stamp::message_id(self.now, self.id.as_str(), &self.config.hostname)));
        }
        if header.first(date).is_none() {
            missing.push((date, stamp::date(self.now)));
        }
        if header.first(from).is_none() {
            let configured = self.config.from_name.as_ref().map(|name| name.replace("%u", self.author.login()));
            let usual = configured.as_deref().unwrap_or(self.author.full_name());
            let name = full_name.unwrap_or(usual.as_bytes());
            // Who calls is not the sender of mail without one.
            let name = if sender.mailbox().is_some() { name } else { b"" };
            missing.extend(self.arrival.address_of(sender).map(|address| (from, stamp::from(name, &address))));
        }
        missing
    }

    fn received(&self) -> String {
        let (hostname, id, date) = (&self.config.hostname, &self.id, stamp::date(self.now));
        match self.author {
            Author::User(caller) => {
                format!("Received: by {hostname} (postrider, from userid {})\r\n\tid {id}; {date}\r\n", caller.uid)
            }
            Author::Client(client, Trace { from, protocol }) => {
                let from = from.as_ref().map_or_else(String::new, |from| format!("from {from}\r\n\t"));
                let name = &client.name;
                format!(
                    "Received: {from}by {hostname} (postrider, from client {name})\r\n\twith {protocol} id {id}; {date}\r\n"
                )
            }
        }
    }
}

/// The sender before any table is asked.
pub(crate) fn completed_sender(config: &Config, login: &str, asked: &Sender) -> Result<ReversePath, EnvelopeError> {
    let (text, spec) = match asked {
        Sender::Login | Sender::FromField => (login.to_owned(), Spec::Bare(login.to_owned())),
        Sender::Given(text) => (
            String::from_utf8_lossy(text).into_owned(),
            list::parse(text).into_iter().next().map_or(Spec::Null, |found| recipients::plain(found.spec)),
        ),
    };
    let bad = |reason| EnvelopeError::BadSender { text: text.clone(), reason };
    match spec {
        Spec::Complete(address) => Ok(ReversePath::Mailbox(address)),
        Spec::Bare(local) => Address::new(&local, &config.origin).map(ReversePath::Mailbox).map_err(bad),
        Spec::Null => Ok(ReversePath::Null),
        Spec::Broken(_, reason) => Err(bad(reason)),
    }
}

/// Whether a sender can be named to a server, after the tables of arrival.
pub(crate) fn sendable_sender(config: &Config, sender: &ReversePath) -> Result<(), EnvelopeError> {
    match sender.mailbox().filter(|address| is_never_sent(config, address)) {
        Some(address) => Err(EnvelopeError::BadSender { text: address.to_string(), reason: AddressError::Unsafe }),
        None => Ok(()),
    }
}

/// Whether mail can go to one of the recipients at least; `given` is the first as it was given.
pub(crate) fn any_usable(config: &Config, given: &str, recipients: &[Recipient]) -> Result<(), EnvelopeError> {
    let problem = |recipient: &Recipient| match &recipient.address {
        // What is refused for another reason bounces with that.
        Mailbox::Valid(address) if recipient.refused.is_none() && is_never_sent(config, address) => {
            Some(AddressError::Unsafe)
        }
        Mailbox::Valid(_) => None,
        invalid @ Mailbox::Invalid(_) => Some(invalid.problem().unwrap_or(AddressError::BadSyntax)),
    };
    if recipients.iter().any(|recipient| problem(recipient).is_none()) {
        return Ok(());
    }
    let first = recipients.first();
    let text = match first.map(|recipient| &recipient.address) {
        // An alias may have led to it.
        Some(Mailbox::Valid(address)) => address.to_string(),
        Some(Mailbox::Invalid(_)) | None => given.to_owned(),
    };
    Err(EnvelopeError::NoUsableRecipient(text, first.and_then(problem).unwrap_or(AddressError::BadSyntax)))
}

/// Whether no command can name an address. One of this machine may become another one by `generic`.
fn is_never_sent(config: &Config, address: &Address) -> bool {
    !address.is_safe() && !config.is_users_domain(address.domain())
}

/// A long address, or one with a blank, is an address all the same.
fn cannot_be(reason: AddressError) -> &'static str {
    match reason {
        AddressError::Unsafe | AddressError::TooLong => "cannot be used",
        _ => "is not an address",
    }
}

/// The recipients so far, as keyed hashes: the texts of thousands of recipients would take more memory than the
/// message.
///
/// Keyed, because the addresses come from users: with a known hash somebody could choose two that collide, and one
/// recipient would not get the mail.
#[derive(Debug, Default)]
struct Doubles {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Doubles {
    fn is_new(&mut self, given: &str, address: &Mailbox) -> bool {
        let key = (small_letters(given), address.folded());
        self.seen.insert(self.hasher.hash_one(key))
    }
}

/// The addresses that a recipient expands to.
pub(crate) fn rewritten(arrival: &Arrival<'_>, given: &RecipientArgument) -> Result<Vec<Recipient>, TableFault> {
    let recipient = |address, refused| Recipient { refused, ..Recipient::new(address, given.text.clone()) };
    Ok(match given.spec.qualify(&arrival.config.origin) {
        None => Vec::new(),
        Some(Mailbox::Valid(address)) => {
            let (destinations, _) = arrival.recipient(&address)?;
            let recipients = destinations.into_iter().map(|destination| match destination {
                Destination::Address(address) => recipient(Mailbox::Valid(address), None),
                Destination::Refused(address, why) => recipient(Mailbox::Valid(address), Some(why)),
            });
            recipients.collect()
        }
        Some(invalid) => vec![recipient(invalid, None)],
    })
}

/// The recipients of a message of our own to this address: those that it expands to, as for any mail. If a table is unavailable,
/// or nobody is left, the address itself: such a message has no sender who could be told.
#[must_use]
pub fn own_recipients(config: &Config, tables: &ArrivalTables, to: &Address) -> Vec<Recipient> {
    let (found, _) = Arrival { config, tables, include: config::included }.recipient(to).unwrap_or_default();
    let found = found.into_iter().filter_map(|destination| match destination {
        Destination::Address(address) => Some(Recipient::new(Mailbox::Valid(address), to.to_string())),
        Destination::Refused(..) => None,
    });
    let found: Vec<Recipient> = found.collect();
    if found.is_empty() { vec![Recipient::of(to)] } else { found }
}

/// Fields that are always removed.
const DROPPED: [&str; 4] = ["Bcc", "Resent-Bcc", "Return-Path", "Content-Length"];

/// Fields that make a message a resent one, even if they are removed.
const RESENT: [&str; 8] = [
    "Resent-Bcc",
    "Resent-Cc",
    "Resent-Date",
    "Resent-From",
    "Resent-Message-Id",
    "Resent-Reply-To",
    "Resent-Sender",
    "Resent-To",
];

#[cfg(test)]
pub(crate) mod tests;
