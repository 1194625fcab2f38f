//! The plan for one attempt at a message: sender and recipients as they are sent, and the account. Pure, so that
//! `postrider route` shows exactly what delivery does.

use std::borrow::Cow;

use crate::config::lmtp_server::LmtpServer;
use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::config::{Account, Config, HitBy, LeavingTables, TableFault};
use crate::deliver::smtp::command::{self, AddressRefused};
use crate::mail::address::{Address, AddressError, Mailbox, ReversePath};
use crate::mail::address_class::AddressClass;
use crate::mail::outcome::Outcome;
use crate::rules::locality::LocalUsers;
use crate::rules::mail_loop;
use crate::rules::outbound::{Generic, Rewritten};
use crate::rules::route::{self, NoAccount, Why};
use crate::spool::{Envelope, Kind, Recipient};
use crate::sys::user;

/// A recipient of the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Index in the envelope.
    pub index: usize,
    /// The address that is sent.
    pub address: Address,
    /// The table row that rewrote it.
    pub rewritten: Option<Rewritten>,
}

/// Why a recipient is refused before any server is contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undeliverable {
    /// It is no address (5.1.3), with the reason.
    Syntax(AddressError),
    /// A mailbox of this machine, which has none (5.1.2), and the first table that can map it to another.
    Own(Address, &'static str),
    /// Nobody of this machine, which has mailboxes (5.1.1).
    Unknown(Address),
    /// It was delivered to this address before, and something sent it here again (5.4.6).
    ComeRound(Address),
    /// Its alias names something that postrider does not deliver to (5.3.5), with the reason.
    Alias(String),
    /// The address cannot be sent safely in a command (5.1.3), with the reason.
    Unsendable(Address, AddressRefused),
}

impl Undeliverable {
    fn not_an_address(given: &Mailbox) -> Self {
        Self::Syntax(given.problem().unwrap_or(AddressError::BadSyntax))
    }

    /// The enhanced status code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) | Self::Unsendable(..) => "5.1.3",
            Self::Own(..) => "5.1.2",
            Self::Unknown(_) => "5.1.1",
            Self::ComeRound(_) => Outcome::LOOP,
            Self::Alias(_) => "5.3.5",
        }
    }

    /// The text for the sender.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Syntax(AddressError::TooLong) => "this address is too long".to_owned(),
            Self::Syntax(why) => format!("bad address syntax: {why}"),
            Self::Alias(why) => why.clone(),
            Self::Unsendable(address, why) => {
                format!("<{address}> is never sent to a server: {why}")
            }
            Self::ComeRound(address) => {
                format!("mail loop: this message was delivered to <{address}> before (Delivered-To) and has come back")
            }
            Self::Unknown(address) => format!(
                "no mailbox for <{address}>: this machine has no user of that name, and no entry of `aliases`, `virtual`, \
                 `generic` or `local_users` has it; check the spelling"
            ),
            Self::Own(address, table) => format!(
                "<{address}> is a local address, and this machine has no mailboxes; \
                 map it to a real address in `{table}`{} or `aliases`, as in \"{address}\" = \"you@provider.example\"",
                if *table == GENERIC { ", `virtual`" } else { "" }
            ),
        }
    }
}

impl Undeliverable {
    /// What the sender can do about an address that cannot be sent as it is.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Syntax(AddressError::TooLong) => {
                Some("check the address for mistakes, or use a shorter one of this recipient")
            }
            Self::Syntax(AddressError::Unsafe) | Self::Unsendable(..) => Some("use another address of this recipient"),
            Self::Syntax(_) => Some("write the address as name@domain"),
            Self::Own(..) | Self::Unknown(_) | Self::ComeRound(_) | Self::Alias(_) => None,
        }
    }
}

/// A planned attempt.
#[derive(Debug, Clone)]
pub struct Plan<'c> {
    /// The account to use.
    pub account: &'c Account,
    /// Why this account was chosen.
    pub why: Why,
    /// The address for MAIL FROM.
    pub sender: ReversePath,
    /// The account's forced `from`, which replaces the addresses in the From field.
    pub from: Option<Address>,
    /// The table row that rewrote the sender.
    pub sender_rewritten: Option<Rewritten>,
    /// The recipients for RCPT TO.
    pub recipients: Vec<Planned>,
    /// The recipients that are refused before any server is contacted, with their index in the envelope.
    pub nowhere: Vec<(usize, Undeliverable)>,
}

/// Why an attempt cannot be planned. The message waits until its owner solves the problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// A table is needed but unavailable.
    #[error(transparent)]
    Table(#[from] TableFault),
    /// No account is configured for the sender.
    #[error(transparent)]
    Account(#[from] NoAccount),
}

/// Recipients by where they have their mailboxes, as indices in the envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// On this machine: they are delivered to by the account of its mailboxes.
    pub here: Vec<usize>,
    /// Elsewhere: their mail leaves through the sender's account, or is refused.
    pub away: Vec<usize>,
}

/// Divides the recipients with these indices.
pub fn split(
    config: &Config,
    tables: &LeavingTables,
    envelope: &Envelope,
    pending: &[usize],
) -> Result<Split, TableFault> {
    let mut split = Split::default();
    if config.local.is_none() {
        split.away = pending.to_vec();
        return Ok(split);
    }
    for (index, recipient) in pending.iter().filter_map(|&i| envelope.recipients.get(i).map(|r| (i, r))) {
        let part = if is_here(config, tables, recipient)? { &mut split.here } else { &mut split.away };
        part.push(index);
    }
    Ok(split)
}

fn is_here(config: &Config, tables: &LeavingTables, recipient: &Recipient) -> Result<bool, TableFault> {
    match &recipient.address {
        Mailbox::Valid(address) if recipient.refused.is_none() => {
            // A user's own configuration writes into that user's mailbox alone.
            let is_own = config.local.as_ref().is_some_and(|local| matches!(local.lmtp, Some(LmtpServer::Own(_))));
            let is_login = if is_own { user::is_callers } else { user::is_login };
            LocalUsers { config, tables: &tables.local_users, is_login }.include(address)
        }
        Mailbox::Valid(_) | Mailbox::Invalid(_) => Ok(false),
    }
}

/// Plans an attempt for recipients with mailboxes on this machine: what stays keeps the addresses that admission gave it,
/// in envelope and header. `None` if the configuration has no mailboxes.
#[must_use]
pub fn plan_here<'c>(config: &'c Config, envelope: &Envelope, here: &[usize]) -> Option<Plan<'c>> {
    let (account, sender) = (config.local.as_ref()?, envelope.sender.clone());
    let (why, sender_rewritten, from) = (Why::Local, None, None);
    let (recipients, nowhere) = (Vec::with_capacity(here.len()), Vec::new());
    let mut plan = Plan { account, why, sender, from, sender_rewritten, recipients, nowhere };
    for (index, recipient) in here.iter().filter_map(|&i| envelope.recipients.get(i).map(|r| (i, r))) {
        match &recipient.address {
            Mailbox::Invalid(_) => plan.nowhere.push((index, Undeliverable::not_an_address(&recipient.address))),
            Mailbox::Valid(address) => match command::sendable(address) {
                Ok(()) => plan.recipients.push(Planned { index, address: address.clone(), rewritten: None }),
                Err(why) => plan.nowhere.push((index, Undeliverable::Unsendable(address.clone(), why))),
            },
        }
    }
    Some(plan)
}

impl<'c> Plan<'c> {
    /// Without those to whom a message with these marks has come round.
    #[must_use]
    pub fn without_loops(&self, delivered_to: &[String]) -> Cow<'_, Plan<'c>> {
        if self.why != Why::Local || delivered_to.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut plan = self.clone();
        let comes_round = |planned: &mut Planned| mail_loop::has_come_round(delivered_to, &planned.address);
        let looping = plan.recipients.extract_if(.., comes_round);
        plan.nowhere.extend(looping.map(|planned| (planned.index, Undeliverable::ComeRound(planned.address))));
        Cow::Owned(plan)
    }
}

/// Plans an attempt for the recipients with these indices, whose mail leaves this machine.
pub fn plan<'c>(
    config: &'c Config,
    tables: &LeavingTables,
    envelope: &Envelope,
    pending: &[usize],
) -> Result<Plan<'c>, NoPlan> {
    let generic = Generic { config, tables: &tables.generic };
    let (sender, sender_rewritten) = outgoing_sender(&generic, &envelope.sender)?;
    // A report uses the account of the message that it describes. Mail of a client that was removed is held by the
    // caller.
    let client = envelope.submitter.client().filter(|_| envelope.kind == Kind::Mail);
    let asked = envelope.account.as_deref().filter(|_| envelope.kind == Kind::Mail);
    let choice = match (client.and_then(|name| config.client(name)), asked) {
        (Some(client), _) => route::choose_for_client(config, client, &envelope.sender, &sender)?,
        (None, Some(name)) => route::asked(config, name)?,
        (None, None) => route::choose(config, &envelope.sender, &sender, envelope.account.as_deref())?,
    };
    let from = sender.mailbox().and(choice.account.from.clone());
    let sender = from.clone().map_or(sender, ReversePath::Mailbox);
    let mut plan = Plan {
        account: choice.account,
        why: choice.why,
        sender,
        sender_rewritten,
        from,
        recipients: Vec::with_capacity(pending.len()),
        nowhere: Vec::new(),
    };
    for (index, recipient) in pending.iter().filter_map(|&i| envelope.recipients.get(i).map(|r| (i, r))) {
        match outgoing_recipient(&generic, recipient)? {
            Ok((address, rewritten)) => plan.recipients.push(Planned { index, address, rewritten }),
            Err(nowhere) => plan.nowhere.push((index, nowhere)),
        }
    }
    Ok(plan)
}

/// Whether mail to the recipient can reach a mailbox, here or elsewhere, according to this machine's tables.
#[must_use]
pub fn is_deliverable(config: &Config, tables: &LeavingTables, recipient: &Recipient) -> bool {
    // A table that does not answer may know it.
    !matches!(undeliverable(config, tables, recipient), Ok(Some(_)))
}

/// Why an attempt would refuse the recipient before any server is asked, if it would.
pub fn undeliverable(
    config: &Config,
    tables: &LeavingTables,
    recipient: &Recipient,
) -> Result<Option<Undeliverable>, TableFault> {
    if is_here(config, tables, recipient)? {
        return Ok(None);
    }
    Ok(outgoing_recipient(&Generic { config, tables: &tables.generic }, recipient)?.err())
}

/// The name of the account that a message uses, according to its envelope, for the recipients with these indices: that of the
/// mailboxes if all of them have theirs here.
pub fn account_name<'c>(
    config: &'c Config,
    tables: &LeavingTables,
    envelope: &Envelope,
    pending: &[usize],
) -> Result<&'c str, NoPlan> {
    let Split { here, away } = split(config, tables, envelope, pending)?;
    if away.is_empty() && !here.is_empty() {
        return Ok(LOCAL_ACCOUNT);
    }
    plan(config, tables, envelope, &[]).map(|plan| plan.account.name.as_str())
}

fn outgoing_sender(
    generic: &Generic<'_>,
    sender: &ReversePath,
) -> Result<(ReversePath, Option<Rewritten>), TableFault> {
    let ReversePath::Mailbox(address) = sender else { return Ok((ReversePath::Null, None)) };
    let rewritten = generic.address(AddressClass::EnvelopeSender, address)?;
    let outgoing = rewritten.as_ref().map_or_else(|| address.clone(), |r| r.address.clone());
    Ok((ReversePath::Mailbox(outgoing), rewritten))
}

const GENERIC: &str = "generic";

/// The table in which a recipient on this machine is mapped to an address elsewhere: `generic`, unless it is for senders only.
#[must_use]
pub fn table_of_recipients(config: &Config) -> &'static str {
    if config.generic_classes.contains(&AddressClass::EnvelopeRecipient) { GENERIC } else { "virtual" }
}

/// Whether mail to every user of the machine stays on it. A user's own configuration keeps that user's alone.
fn keeps_mail_of_all(config: &Config) -> bool {
    config.local.as_ref().is_some_and(|local| !matches!(local.lmtp, Some(LmtpServer::Own(_))))
}

type Outgoing = Result<(Address, Option<Rewritten>), Undeliverable>;

fn outgoing_recipient(generic: &Generic<'_>, recipient: &Recipient) -> Result<Outgoing, TableFault> {
    let Mailbox::Valid(address) = &recipient.address else {
        return Ok(Err(Undeliverable::not_an_address(&recipient.address)));
    };
    if let Some(why) = &recipient.refused {
        return Ok(Err(Undeliverable::Alias(why.clone())));
    }
    let config = generic.config;
    let is_own = |domain| config.is_own_domain(domain) && !config.is_providers_domain(domain);
    let mut rewritten = generic.address(AddressClass::EnvelopeRecipient, address)?;
    // Where the machine has mailboxes, no entry for everybody makes somebody at the provider of a name that is nobody's here.
    if keeps_mail_of_all(config) && is_own(address.domain()) {
        rewritten = rewritten.filter(|row| row.by == HitBy::Key && !row.key.starts_with('@'));
    }
    let outgoing = rewritten.as_ref().map_or(address, |r| &r.address);
    if is_own(outgoing.domain()) {
        let outgoing = outgoing.clone();
        return Ok(Err(match config.local {
            Some(_) => Undeliverable::Unknown(outgoing),
            None => Undeliverable::Own(outgoing, table_of_recipients(config)),
        }));
    }
    if let Err(why) = command::sendable(outgoing) {
        return Ok(Err(Undeliverable::Unsendable(outgoing.clone(), why)));
    }
    Ok(Ok((outgoing.clone(), rewritten)))
}
