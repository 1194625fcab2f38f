//! The plan for one attempt at a message: sender and recipients as they are sent, and the account. Pure, so that
//! `postrider route` shows exactly what delivery does.

use crate::config::{Account, Config, TableFault, TableSet};
use crate::deliver::smtp::command::{self, AddressRefused};
use crate::mail::address::{Address, Mailbox, ReversePath};
use crate::rules::outbound::{Generic, Rewritten};
use crate::rules::route::{self, NoAccount, Why};
use crate::spool::{Envelope, Kind, Recipient};

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
    /// Bad address syntax (5.1.3).
    Syntax,
    /// A mailbox of this machine, which has none (5.1.2).
    Own(Address),
    /// Its alias names something that postrider does not deliver to (5.3.5), with the reason.
    Alias(String),
    /// The address cannot be sent safely in a command (5.1.3), with the reason.
    Unsendable(Address, AddressRefused),
}

impl Undeliverable {
    /// The enhanced status code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax | Self::Unsendable(..) => "5.1.3",
            Self::Own(_) => "5.1.2",
            Self::Alias(_) => "5.3.5",
        }
    }

    /// The text for the sender.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Syntax => "bad address syntax".to_owned(),
            Self::Alias(why) => why.clone(),
            Self::Unsendable(address, why) => {
                format!("<{address}> is never sent to a server: {why}; use another address")
            }
            Self::Own(address) => format!(
                "<{address}> is a local address, and this machine has no mailboxes; \
                 map it to a real address in `generic`, `virtual` or `aliases`, as in \"{address}\" = \"you@provider.example\""
            ),
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

/// Plans an attempt for the recipients with these indices.
pub fn plan<'c>(
    config: &'c Config,
    tables: &TableSet,
    envelope: &Envelope,
    pending: &[usize],
) -> Result<Plan<'c>, NoPlan> {
    let generic = Generic { config, tables };
    let (sender, sender_rewritten) = outgoing_sender(&generic, &envelope.sender)?;
    // A report uses the account of the message that it describes. Mail of a client that was removed is held by the
    // caller.
    let client = envelope.submitter.client().filter(|_| envelope.kind == Kind::Mail);
    let choice = match client.and_then(|name| config.client(name)) {
        Some(client) => route::choose_for_client(config, client, &envelope.sender, &sender)?,
        None => route::choose(config, &envelope.sender, &sender, envelope.account.as_deref())?,
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

/// Whether mail to the address can leave this machine, according to its own tables.
#[must_use]
pub fn is_deliverable(config: &Config, tables: &TableSet, address: &Address) -> bool {
    let recipient = Recipient::new(Mailbox::Valid(address.clone()), address.to_string());
    // A table that does not answer may know it.
    !matches!(undeliverable(config, tables, &recipient), Ok(Some(_)))
}

/// Why an attempt would refuse the recipient before any server is asked, if it would.
pub fn undeliverable(
    config: &Config,
    tables: &TableSet,
    recipient: &Recipient,
) -> Result<Option<Undeliverable>, TableFault> {
    Ok(outgoing_recipient(&Generic { config, tables }, recipient)?.err())
}

/// The name of the account that a message uses, according to its envelope.
pub fn account_name<'c>(config: &'c Config, tables: &TableSet, envelope: &Envelope) -> Result<&'c str, NoPlan> {
    plan(config, tables, envelope, &[]).map(|plan| plan.account.name.as_str())
}

fn outgoing_sender(
    generic: &Generic<'_>,
    sender: &ReversePath,
) -> Result<(ReversePath, Option<Rewritten>), TableFault> {
    let ReversePath::Mailbox(address) = sender else { return Ok((ReversePath::Null, None)) };
    let rewritten = generic.address(address)?;
    let outgoing = rewritten.as_ref().map_or_else(|| address.clone(), |r| r.address.clone());
    Ok((ReversePath::Mailbox(outgoing), rewritten))
}

type Outgoing = Result<(Address, Option<Rewritten>), Undeliverable>;

fn outgoing_recipient(generic: &Generic<'_>, recipient: &Recipient) -> Result<Outgoing, TableFault> {
    let Mailbox::Valid(address) = &recipient.address else { return Ok(Err(Undeliverable::Syntax)) };
    if let Some(why) = &recipient.refused {
        return Ok(Err(Undeliverable::Alias(why.clone())));
    }
    let rewritten = generic.address(address)?;
    let outgoing = rewritten.as_ref().map_or(address, |r| &r.address);
    let domain = outgoing.domain();
    if generic.config.is_own_domain(domain) && !generic.config.is_providers_domain(domain) {
        return Ok(Err(Undeliverable::Own(outgoing.clone())));
    }
    if let Err(why) = command::sendable(outgoing) {
        return Ok(Err(Undeliverable::Unsendable(outgoing.clone(), why)));
    }
    Ok(Ok((outgoing.clone(), rewritten)))
}
