//! Which account a sender's mail goes through (`senders` in postrider.toml(5)). Pure: config and
//! addresses in, account and reason out.

use super::outbound::Generic;
use crate::config::client::Client;
use crate::config::sender_pattern::{self, is_pattern};
use crate::config::{Account, Config, TableFault, TableSet};
use crate::mail::address::{Address, ReversePath, without_extension};
use crate::mail::address_class::AddressClass;
use crate::mail::fold_case::fold_case;
use crate::mail::submitter::ClientName;
use crate::sys::user::Caller;

/// Why an account was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A `senders` entry matched the sender as admitted.
    Admitted(String),
    /// A `senders` entry matched the sender as generic rewrote it.
    AfterGeneric(String),
    /// The network client that submitted it names the account.
    Client,
    /// It was asked for when the mail was submitted.
    Asked,
    /// The report belongs to the account of the mail it is about.
    Report,
    /// The recipients have mailboxes on this machine.
    Local,
    /// No entry matched; it is `default_account`, or the only account.
    Default,
}

/// The account for a sender.
#[derive(Debug, Clone)]
pub struct Choice<'c> {
    /// The account.
    pub account: &'c Account,
    /// Why it.
    pub why: Why,
}

/// Why a sender has no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAccount {
    /// There is none yet.
    #[error("no account is set up yet; run `postrider init`")]
    AtAll,
    /// The one that was asked for is gone.
    #[error(
        "there is no account {0}, which this message was submitted for (sendmail -a); set it up again, or delete the message"
    )]
    Asked(String),
    /// None serves the sender, as admitted.
    #[error(
        "no account serves <{0}>, and there is no default_account; add the address to `senders` of an account, or set default_account"
    )]
    Of(String),
}

impl NoAccount {
    fn of(config: &Config, sender: &ReversePath) -> Self {
        if config.accounts.is_empty() { Self::AtAll } else { Self::Of(sender.to_string()) }
    }
}

/// The account for a sender: all forms of the admitted address, then all forms after
/// generic, then the default. `report_of` names the account of the mail that a report is about.
pub fn choose<'c>(
    config: &'c Config,
    admitted: &ReversePath,
    after_generic: &ReversePath,
    report_of: Option<&str>,
) -> Result<Choice<'c>, NoAccount> {
    let leaves = |account: &&Account| account.lmtp.is_none();
    if let Some(account) = report_of.and_then(|name| config.account(name)).filter(leaves) {
        return Ok(Choice { account, why: Why::Report });
    }
    if let Some((account, entry)) = admitted.mailbox().and_then(|sender| serving(config, sender)) {
        return Ok(Choice { account, why: Why::Admitted(entry) });
    }
    if let Some((account, entry)) = after_generic.mailbox().and_then(|sender| serving(config, sender)) {
        return Ok(Choice { account, why: Why::AfterGeneric(entry) });
    }
    match config.default_account.as_deref().and_then(|name| config.account(name)) {
        Some(account) => Ok(Choice { account, why: Why::Default }),
        None => Err(NoAccount::of(config, admitted)),
    }
}

/// The account that was asked for, whoever the sender is.
pub fn asked<'c>(config: &'c Config, name: &str) -> Result<Choice<'c>, NoAccount> {
    let account = config.accounts.iter().find(|account| account.name == name);
    let choice = account.map(|account| Choice { account, why: Why::Asked });
    choice.ok_or_else(|| NoAccount::Asked(name.to_owned()))
}

/// The account that a sender's mail would go through; `None` where no account serves it.
pub fn account_of<'c>(
    config: &'c Config,
    tables: &TableSet,
    sender: &ReversePath,
) -> Result<Option<&'c Account>, TableFault> {
    let rewritten = match sender.mailbox() {
        Some(address) => Generic { config, tables }.address(AddressClass::EnvelopeSender, address)?,
        None => None,
    };
    let after = rewritten.map_or_else(|| sender.clone(), |rewritten| ReversePath::Mailbox(rewritten.address));
    Ok(choose(config, sender, &after, None).ok().map(|choice| choice.account))
}

/// Whether the account is for this caller. One who may be anybody uses only what is for everyone.
#[must_use]
pub fn may_use(account: &Account, caller: &Caller) -> bool {
    account.users.as_ref().is_none_or(|users| caller.is_somebody() && users.contains(&caller.login))
}

/// Whether the account is for this network client. An account that is reserved for users serves no client that it does not name.
#[must_use]
pub fn serves_client(account: &Account, client: &ClientName) -> bool {
    match &account.clients {
        Some(names) => names.iter().any(|name| name == client.as_str()),
        None => account.users.is_none(),
    }
}

/// The account for mail of a network client: the one that it names, else the one that lists its sender; never the default alone.
pub fn choose_for_client<'c>(
    config: &'c Config,
    client: &Client,
    admitted: &ReversePath,
    after_generic: &ReversePath,
) -> Result<Choice<'c>, NoAccount> {
    if let Some(account) = client.account.as_deref().and_then(|name| config.account(name)) {
        return Ok(Choice { account, why: Why::Client });
    }
    match choose(config, admitted, after_generic, None)? {
        Choice { why: Why::Default, .. } => Err(NoAccount::of(config, admitted)),
        choice => Ok(choice),
    }
}

/// The first account with the first matching form: exact, without extension, pattern, `@domain`.
pub(super) fn serving<'c>(config: &'c Config, sender: &Address) -> Option<(&'c Account, String)> {
    lookups(sender, &config.recipient_delimiter).iter().find_map(|lookup| {
        config.accounts.iter().find_map(|account| {
            let entry = account.senders.iter().find(|entry| lookup.finds(entry, &config.origin));
            entry.map(|entry| (account, entry.clone()))
        })
    })
}

/// One of the ways in which a sender is looked up among entries of `senders`.
#[derive(Debug)]
pub(super) enum Lookup {
    /// An entry of this form.
    Form(String),
    /// A pattern that this form fits.
    Pattern(String),
}

impl Lookup {
    /// Whether it finds the entry.
    pub(super) fn finds(&self, entry: &str, origin: &str) -> bool {
        match self {
            Self::Form(form) => !is_pattern(entry) && entry_form(entry, origin) == *form,
            Self::Pattern(form) => is_pattern(entry) && sender_pattern::fits(&entry_form(entry, origin), form),
        }
    }
}

/// The ways in their order: a pattern says less than an address and more than a domain.
pub(super) fn lookups(sender: &Address, delimiter: &str) -> Vec<Lookup> {
    let mut addresses = forms(sender, delimiter);
    let domain = addresses.pop();
    let patterns = addresses.clone().into_iter().map(Lookup::Pattern);
    let addresses = addresses.into_iter().map(Lookup::Form);
    addresses.chain(patterns).chain(domain.map(Lookup::Form)).collect()
}

/// The forms under which a sender is looked up, case-folded.
pub(super) fn forms(sender: &Address, delimiter: &str) -> Vec<String> {
    let mut forms = vec![form(sender.local(), sender.domain())];
    if let Some(bare) = without_extension(sender.local(), delimiter) {
        forms.push(form(bare, sender.domain()));
    }
    forms.push(form("", sender.domain()));
    forms
}

/// The domain is compared as it goes over the wire, in A-labels: another spelling of it must not pass by an entry.
fn form(local: &str, domain: &str) -> String {
    let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| fold_case(domain).into_owned());
    format!("{}@{domain}", fold_case(local))
}

/// A `senders` entry in the form of look-ups: a bare login gets the origin.
#[must_use]
pub fn entry_form(entry: &str, origin: &str) -> String {
    if is_pattern(entry) {
        return sender_pattern::folded(entry, origin);
    }
    match (Address::parse(entry), entry.rsplit_once('@')) {
        // Quotes that the local part does not need must not hide a match.
        (Ok(address), _) => form(address.local(), address.domain()),
        (Err(_), Some((local, domain))) => form(local, domain),
        (Err(_), None) => match Address::parse(&format!("{entry}@{origin}")) {
            Ok(address) => form(address.local(), address.domain()),
            Err(_) => form(entry, origin),
        },
    }
}
