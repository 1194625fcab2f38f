//! The test message of `postrider test --to`, addressed as delivery would do it.

use jiff::Zoned;

use crate::cli::exit::{Exit, Failure};
use crate::config::mailbox::shown_account;
use crate::config::{Account, Config, TableSet};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::session::{Session, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::address_class::AddressClass;
use crate::mail::outcome::Fact;
use crate::mail::stamp;
use crate::rules::advice::{self, Place};
use crate::rules::consequence::Repeated;
use crate::rules::meaning::{AuthOffer, Meaning};
use crate::rules::outbound::Generic;
use crate::rules::remedy::{Subject, is_called_for, remedy};
use crate::rules::trouble::{self, Verdict};

/// Which address goes out for one that is given: completed and rewritten, as delivery does.
struct WaysOut<'a>(Generic<'a>);

impl WaysOut<'_> {
    fn of(&self, class: AddressClass, text: &str) -> Result<Address, Failure> {
        let given = if text.contains('@') { text.to_owned() } else { format!("{text}@{}", self.0.config.origin) };
        let address = Address::parse(&given)
            .map_err(|error| Failure::new(Exit::Usage, format_args!("{text} is not a valid address: {error}")))?;
        let rewritten = self.0.address(class, &address).map_err(|fault| Failure::new(Exit::Config, fault))?;
        Ok(rewritten.map_or(address, |rewritten| rewritten.address))
    }

    /// What this user's mail goes out under, if the provider may know that.
    fn of_login(&self, login: &str, account: &Account) -> Result<Address, Failure> {
        let address = self.of(AddressClass::EnvelopeSender, login)?;
        let config = self.0.config;
        let is_local = config.is_own_domain(address.domain()) && !config.is_providers_domain(address.domain());
        if is_local && account.lmtp.is_none() {
            let name = &account.name;
            let message = format_args!(
                "no address to send from: account {name} has none, and `generic` maps {login} to none; use --from ADDRESS"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(address)
    }
}

/// A test message.
pub(in crate::cli) struct Mail {
    pub(in crate::cli) sender: ReversePath,
    pub(in crate::cli) subject: String,
    recipient: Address,
    header: Vec<u8>,
    body: Vec<u8>,
}

/// Who a test message is from, and what it says.
struct Draft {
    sender: Address,
    /// In front of the address in From.
    name: Option<String>,
    subject: String,
    text: String,
}

impl Mail {
    /// The message of `--to`.
    pub(in crate::cli) fn new(
        config: &Config,
        account: &Account,
        to: &str,
        from: Option<&str>,
    ) -> Result<Self, Failure> {
        // What stays keeps its addresses.
        let stays = account.lmtp.is_some();
        let tables = if stays { TableSet::default() } else { TableSet::load("generic", &config.generic) };
        let ways_out = WaysOut(Generic { config, tables: &tables });
        let recipient = ways_out.of(AddressClass::EnvelopeRecipient, to)?;
        let own = account.own_address().map(|own| own.to_string());
        let sender = match from.or(own.as_deref()) {
            Some(text) => ways_out.of(AddressClass::EnvelopeSender, text)?,
            None => account.from.clone().map_or_else(|| ways_out.of_login("root", account), Ok)?,
        };
        let (name, hostname) = (shown_account(&account.name), &config.hostname);
        let draft = Draft {
            sender,
            name: None,
            subject: format!("postrider test of account {name}"),
            text: format!("This is a test message: account {name} of postrider on {hostname} can send mail.\r\n"),
        };
        Ok(Self::of(config, draft, recipient))
    }

    /// A message as a local program of this user would send it, to an address as it is.
    pub(in crate::cli) fn of_login(
        config: &Config,
        account: &Account,
        login: &str,
        to: &Address,
    ) -> Result<Self, Failure> {
        let tables = TableSet::load("generic", &config.generic);
        let ways_out = WaysOut(Generic { config, tables: &tables });
        let sender = account.from.clone().map_or_else(|| ways_out.of_login(login, account), Ok)?;
        let local = format!("{login}@{}", config.origin);
        let draft = Draft {
            subject: format!("postrider test of mail from {local}"),
            text: format!(
                "This is a test message. Mail from {local} leaves this machine as\r\n\
                 mail from {sender}; that of cron and other programs arrives as this did.\r\n"
            ),
            name: Some(config.from_name.as_ref().map_or_else(|| login.to_owned(), |name| name.replace("%u", login))),
            sender,
        };
        Ok(Self::of(config, draft, to.clone()))
    }

    fn of(config: &Config, draft: Draft, recipient: Address) -> Self {
        let Draft { sender, name, subject, text } = draft;
        let now = Zoned::now();
        let id = format!("{:016X}", now.timestamp().as_microsecond());
        let from = stamp::from(name.unwrap_or_default().as_bytes(), &sender);
        let sender = ReversePath::Mailbox(sender);
        let header = format!(
            "From: {from}\r\nTo: {recipient}\r\nSubject: {subject}\r\nDate: {}\r\nMessage-ID: {}\r\n\
             Auto-Submitted: auto-generated\r\n",
            stamp::date(&now),
            stamp::message_id(&now, &id, &config.hostname)
        );
        let (header, body) = (header.into_bytes(), format!("\r\n{text}").into_bytes());
        Self { sender, subject, recipient, header, body }
    }

    /// Sends it.
    pub(in crate::cli) fn send(&self, session: &mut Session) -> Fact {
        let mut facts = session.send(Transaction {
            id: None,
            sender: &self.sender,
            recipients: std::slice::from_ref(&self.recipient),
            wishes: DsnRequest::default(),
            header: &self.header,
            body: &self.body.as_slice(),
            size: (self.header.len() + self.body.len()) as u64,
        });
        // One recipient, one fact.
        facts.swap_remove(0)
    }
}

/// What the answer to such a message means, and what to do about a refusal. A test message is neither changed nor retried: where
/// that would be the cure, the likely cause is given instead.
pub(in crate::cli) fn classify(
    fact: &Fact,
    sender: &ReversePath,
    account: &Account,
    hostname: &str,
) -> (Verdict, Option<String>) {
    let session = trouble::Session::in_transaction(account, AuthOffer::Offered, sender);
    let about = Subject { account, admitted: sender, outgoing: sender, header_from: None, hostname };
    let trouble::Classification { verdict, meaning, .. } = trouble::classify(fact, &session, |_| Repeated::No);
    let meaning = meaning.filter(|meaning| {
        !matches!(meaning, Meaning::RecipientUnknown | Meaning::ContentRefused | Meaning::PolicyRefused)
    });
    let cure = meaning.map(|meaning| remedy(meaning, &about)).filter(|cure| is_called_for(cure));
    let cure = cure.map(|cure| cure.trim_start_matches("no change needed: ").to_owned());
    (verdict, cure.or_else(|| advice::likely_cause(fact, Place::Account(account))))
}
