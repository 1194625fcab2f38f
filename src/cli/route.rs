//! `postrider route`: what delivery would do with an address, step by step, without
//! sending. It asks the same pure plan that delivery carries out.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::exit::{Exit, Failure};
use crate::config::caller::Caller;
use crate::config::{Account, Config, TableSet, TlsMode};
use crate::deliver::plan::{self, Plan};
use crate::mail::address::{Mailbox, ReversePath};
use crate::mail::list;
use crate::rules::rewrite::Rewritten;
use crate::rules::route::Why;
use crate::spool::{Body, Envelope, Kind, MessageId, Recipient};

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Recipients
    #[arg(required = true, value_name = "ADDRESS")]
    recipients: Vec<String>,
    /// Envelope sender; default: your login
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    from: Option<String>,
}

/// Explains.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let envelope = envelope(config, arguments)?;
    let tables = TableSet::load(&config.generic);
    let all: Vec<usize> = (0..envelope.recipients.len()).collect();
    let plan = plan::plan(config, &tables, &envelope, &all)
        .map_err(|no| Failure::new(Exit::Config, format_args!("this mail would wait: {no}")))?;
    print!("{}", explain(&envelope, &plan));
    Ok(Exit::Ok)
}

fn envelope(config: &Config, arguments: &Arguments) -> Result<Envelope, Failure> {
    let sender = match arguments.from.as_deref() {
        None => mailbox(config, &Caller::current().login)?,
        Some("" | "<>") => ReversePath::Null,
        Some(text) => mailbox(config, text)?,
    };
    let recipients = arguments.recipients.iter().flat_map(|text| {
        let found = list::parse(text.as_bytes());
        found.into_iter().filter_map(|found| found.spec.qualify(&config.origin)).map(|address| Recipient {
            given: text.clone(),
            address,
            notify: None,
            orcpt: None,
        })
    });
    Ok(Envelope {
        v: 1,
        id: MessageId::new(0, 0),
        arrived: Timestamp::UNIX_EPOCH,
        uid: 0,
        token: String::new(),
        sender,
        submitted_sender: arguments.from.clone(),
        recipients: recipients.collect(),
        ret: None,
        envid: None,
        body: Body::SevenBit,
        kind: Kind::Mail,
        about: None,
        account: None,
        size: 0,
        crc32: 0,
    })
}

fn mailbox(config: &Config, text: &str) -> Result<ReversePath, Failure> {
    let found = list::parse(text.as_bytes()).into_iter().next().and_then(|found| found.spec.qualify(&config.origin));
    match found {
        Some(Mailbox::Valid(address)) => Ok(ReversePath::Mailbox(address)),
        Some(Mailbox::Invalid(_)) | None => Err(Failure::new(
            Exit::Usage,
            format_args!("{text} is not an address; write name@domain, or <> for the null sender"),
        )),
    }
}

fn explain(envelope: &Envelope, plan: &Plan<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "sender     <{}>", envelope.sender);
    step(&mut text, plan.sender_rewritten.as_ref());
    let _ = writeln!(text, "account    {} ({})", plan.account.name, why(&plan.why));
    for relay in &plan.account.relays {
        let mode = match plan.account.tls_mode(relay) {
            TlsMode::Starttls => "STARTTLS",
            TlsMode::Implicit => "implicit TLS",
            TlsMode::None => "no TLS",
        };
        let _ = writeln!(text, "relay      {relay}, {mode}, {}", login(plan.account));
    }
    let _ = writeln!(text, "MAIL FROM  <{}>", plan.sender);
    for one in &plan.recipients {
        let _ = writeln!(text, "recipient  <{}>", envelope.recipients[one.index].address);
        step(&mut text, one.rewritten.as_ref());
        let _ = writeln!(text, "RCPT TO    <{}>", one.address);
    }
    for (index, nowhere) in &plan.nowhere {
        let _ = writeln!(text, "recipient  <{}>", envelope.recipients[*index].address);
        let _ = writeln!(text, "refused    {} {}", nowhere.code(), nowhere.reason());
    }
    text
}

fn step(text: &mut String, rewritten: Option<&Rewritten>) {
    let _ = match rewritten {
        None => writeln!(text, "  generic  no row"),
        Some(Rewritten { address, key, place }) => writeln!(text, "  generic  {key} -> <{address}> ({place})"),
    };
}

fn why(why: &Why) -> String {
    match why {
        Why::Admitted(entry) => format!("its senders have \"{entry}\""),
        Why::AfterGeneric(entry) => format!("its senders have \"{entry}\", which generic made of the sender"),
        Why::Report => "the report's original went through it".to_owned(),
        Why::Default => "default_account".to_owned(),
    }
}

fn login(account: &Account) -> String {
    account.username.as_ref().map_or_else(|| "no login".to_owned(), |name| format!("login {name}"))
}
