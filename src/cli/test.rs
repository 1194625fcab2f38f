//! `postrider test`: a live conversation with an account's relay, step by step, and with
//! `--to` a mail; secrets masked, each failure with its likely cause and cure.

use std::io::Write;

use jiff::Zoned;

use super::exit::{Exit, Failure};
use super::login_test;
use crate::config::{Account, Config, TableSet};
use crate::deliver::smtp::capabilities::{Capabilities, Extension, Size};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::observer::{Observer, Step};
use crate::deliver::smtp::session::{Session, SessionInfo, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Fact, Seen};
use crate::mail::printable::printable;
use crate::mail::stamp;
use crate::rules::advice;
use crate::rules::consequence::Repeated;
use crate::rules::meaning::AuthOffer;
use crate::rules::outbound::Generic;
use crate::rules::remedy::{Subject, remedy};
use crate::rules::trouble::{self, Verdict};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The account; default: the default account
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
    /// Also send a short test message to this address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Envelope sender of the test message; default: the account's own address, else that of root's mail
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

/// Prints every step as it happens.
struct Printer;

impl Observer for Printer {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Note(text) => say(&format!("- {text}")),
            Step::Sent(text) => say(&format!("> {text}")),
            Step::Received(text) => say(&format!("< {text}")),
        }
    }
}

/// A line on stdout; a reader that has gone is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{}", printable(line));
}

/// Tests.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let account = chosen(config, arguments.account.as_deref())?;
    let mail =
        arguments.to.as_deref().map(|to| Mail::new(config, account, to, arguments.from.as_deref())).transpose()?;
    say(&format!("Account {} ({}):", account.name, relays(account)));
    let mut session = match login_test::open(account, &config.hostname, Box::new(Printer)) {
        Ok(session) => session,
        Err(no) => {
            say("");
            say(&format!("FAILED at {}", no.failure));
            if let Some(cause) = &no.cause {
                say(&format!("Likely cause: {cause}."));
            }
            return Ok(no.exit);
        }
    };
    let outcome = mail.map(|mail| (mail.send(&mut session), mail.sender));
    let summary = summary(session.described(), session.capabilities());
    session.quit();
    say("");
    say(&summary);
    Ok(match outcome {
        None => Exit::Ok,
        Some((fact, sender)) => report_result(&fact, &sender, account, &config.hostname),
    })
}

fn chosen<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c Account, Failure> {
    let known: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    let known = known.join(", ");
    match name.or(config.default_account.as_deref()) {
        Some(name) => config.account(name).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format_args!("there is no account {name} in {}; existing accounts: {known}", config.path.display()),
            )
        }),
        None if config.accounts.is_empty() => {
            Err(Failure::new(Exit::Usage, "no account is set up yet; run \"postrider init\""))
        }
        None => Err(Failure::new(
            Exit::Usage,
            format_args!("which account? There is no default_account; name one of: {known}"),
        )),
    }
}

fn relays(account: &Account) -> String {
    account.relays.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What was achieved, in a few lines.
fn summary(described: &SessionInfo, capabilities: &Capabilities) -> String {
    let over = described.tls.as_deref().map_or_else(|| "without TLS".to_owned(), |tls| format!("over {tls}"));
    let login = match described.auth {
        Some(mechanism) => format!("login successful ({})", mechanism.name()),
        None => "no login (none is configured)".to_owned(),
    };
    let offered = [
        (Extension::Pipelining, "PIPELINING"),
        (Extension::EightBitMime, "8BITMIME"),
        (Extension::SmtpUtf8, "SMTPUTF8"),
        (Extension::Dsn, "DSN"),
        (Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
        (Extension::Chunking, "CHUNKING"),
    ];
    let mut names: Vec<String> =
        offered.iter().filter(|(e, _)| capabilities.offers(*e)).map(|(_, name)| (*name).to_owned()).collect();
    match capabilities.size {
        Size::Limit(limit) => names.push(format!("messages up to {limit} bytes")),
        Size::Unlimited | Size::Absent => {}
    }
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    format!("OK: {} {over}; {login}; the server offers {names}", described.relay)
}

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
            let message =
                format_args!("neither account {name} nor `generic` gives an address to send from; use --from ADDRESS");
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(address)
    }
}

/// The mail of `--to`.
struct Mail {
    sender: ReversePath,
    recipient: Address,
    header: Vec<u8>,
    body: Vec<u8>,
}

impl Mail {
    fn new(config: &Config, account: &Account, to: &str, from: Option<&str>) -> Result<Self, Failure> {
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

    fn send(&self, session: &mut Session) -> Fact {
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

fn report_result(fact: &Fact, sender: &ReversePath, account: &Account, hostname: &str) -> Exit {
    let session = trouble::Session::in_transaction(account, AuthOffer::Offered, sender);
    let about = Subject { account, admitted: sender, outgoing: sender, header_from: None, hostname };
    let trouble::Classification { verdict, meaning, .. } = trouble::classify(fact, &session, |_| Repeated::No);
    match (verdict, &fact.seen) {
        (Verdict::Delivered, Seen::Reply(reply)) => {
            say(&format!("The server accepted the test mail: {reply}"));
        }
        (_, seen) => {
            say(&format!("The test mail was rejected: {seen}"));
            let is_the_owners = matches!(verdict, Verdict::Held(_) | Verdict::Account(_));
            let cure = meaning.filter(|_| is_the_owners).map(|meaning| remedy(meaning, &about));
            if let Some(cause) = cure.or_else(|| advice::likely_cause(fact, account)) {
                say(&format!("Likely cause: {cause}."));
            }
        }
    }
    login_test::exit(verdict)
}
