//! The test message of `postrider test --to`, addressed as delivery would do it.

use jiff::Zoned;

use crate::cli::exit::{Exit, Failure};
use crate::config::{Account, Config, TableSet};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::session::{Session, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::Fact;
use crate::mail::stamp;
use crate::rules::outbound::Generic;

/// Which address goes out for one that is given: completed and rewritten, as delivery does.
struct WaysOut<'a>(Generic<'a>);

impl WaysOut<'_> {
    fn of(&self, text: &str) -> Result<Address, Failure> {
        let given = if text.contains('@') { text.to_owned() } else { format!("{text}@{}", self.0.config.origin) };
        let address = Address::parse(&given)
            .map_err(|error| Failure::new(Exit::Usage, format_args!("{text} is not a valid address: {error}")))?;
        let rewritten = self.0.address(&address).map_err(|fault| Failure::new(Exit::Config, fault))?;
        Ok(rewritten.map_or(address, |rewritten| rewritten.address))
    }

    /// What the machine's own mail goes out under, if the provider may know that.
    fn of_root(&self, account: &Account) -> Result<Address, Failure> {
        let address = self.of("root")?;
        let config = self.0.config;
        if config.is_own_domain(address.domain()) && !config.is_providers_domain(address.domain()) {
            let name = &account.name;
            let message = format_args!(
                "no address to send from: account {name} has none, and `generic` maps root to none; use --from ADDRESS"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(address)
    }
}

/// The message of `--to`.
pub(super) struct Mail {
    pub(super) sender: ReversePath,
    recipient: Address,
    header: Vec<u8>,
    body: Vec<u8>,
}

impl Mail {
    pub(super) fn new(config: &Config, account: &Account, to: &str, from: Option<&str>) -> Result<Self, Failure> {
        let tables = TableSet::load("generic", &config.generic);
        let ways_out = WaysOut(Generic { config, tables: &tables });
        let recipient = ways_out.of(to)?;
        let own = account.own_address().map(|own| own.to_string());
        let sender = match from.or(own.as_deref()) {
            Some(text) => ways_out.of(text)?,
            None => account.from.clone().map_or_else(|| ways_out.of_root(account), Ok)?,
        };
        let now = Zoned::now();
        let id = format!("{:016X}", now.timestamp().as_microsecond());
        let header = format!(
            "From: {sender}\r\nTo: {recipient}\r\nSubject: postrider test of account {}\r\nDate: {}\r\nMessage-ID: {}\r\n\
             Auto-Submitted: auto-generated\r\n",
            account.name,
            stamp::date(&now),
            stamp::message_id(&now, &id, &config.hostname)
        );
        let body = format!(
            "\r\nThis is a test message: account {} of postrider on {} can send mail.\r\n",
            account.name, config.hostname
        );
        Ok(Self { sender: ReversePath::Mailbox(sender), recipient, header: header.into(), body: body.into() })
    }

    pub(super) fn send(&self, session: &mut Session) -> Fact {
        let mut facts = session.send(Transaction {
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
