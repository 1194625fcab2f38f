//! `postrider route`: what delivery would do with an address, step by step, without
//! sending. It asks the same pure plan that delivery carries out.

mod json;
mod plans;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::plans::Plans;
use super::exit::{Exit, Failure};
use crate::config::mailbox::shown_account;
use crate::config::{self, Account, ArrivalTables, Config, LeavingTables, TableFault, TlsMode};
use crate::control::local_recipient;
use crate::deliver::plan::{Plan, Undeliverable};
use crate::deliver::smtp::command::as_sent;
use crate::mail::address::{Mailbox, ReversePath};
use crate::mail::header::{Header, LineKind, line_kind};
use crate::mail::list;
use crate::mail::printable::printable;
use crate::rules::inbound::{Arrival, Destination, Step};
use crate::rules::missing_to;
use crate::rules::outbound::{self, Generic, Rewritten};
use crate::rules::route::{Why, may_use};
use crate::spool::{Envelope, MessageId, Recipient};
use crate::submit::admit::complete::{self, EnvelopeError};
use crate::submit::frontend::collect::Sender;
use crate::submit::frontend::recipients::in_argument;
use crate::sys::user::Caller;

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Recipients
    #[arg(required = true, value_name = "ADDRESS")]
    recipients: Vec<String>,
    /// Envelope sender; default: your login
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    from: Option<String>,
    /// Also show how the header of this message changes
    #[arg(long, value_name = "FILE")]
    header: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, conflicts_with = "header")]
    json: bool,
}

/// A message as admission would store it, and how it came to that.
struct Admitted {
    envelope: Envelope,
    given_sender: String,
    sender_steps: Vec<Step>,
    /// For each recipient given: its text, its steps, and how many it became.
    given: Vec<(String, Vec<Step>, usize)>,
    /// Why it is not accepted at all: none of its recipients can be used.
    refused: Option<Failure>,
}

/// Explains.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let arriving = ArrivalTables::load(&config.rewriting);
    let arrival = Arrival { config, tables: &arriving, include: config::included };
    if arguments.json {
        return json::run(config, &arrival, arguments);
    }
    let admitted = admit(config, &arrival, arguments)?;
    let header = arguments
        .header
        .as_deref()
        .map(|path| AdmittedHeader::read(path, &admitted.envelope.sender, &arguments.recipients, &arrival))
        .transpose()?;
    let tables = LeavingTables::load(config);
    let plans = Plans::of(config, &tables, &admitted.envelope).map_err(would_wait)?;
    let mut text = explain(config, &admitted, &plans);
    if let Some(header) = &header {
        header.explain(&mut text, &Generic { config, tables: &tables.generic }, plans.away.as_ref())?;
    }
    for line in text.lines() {
        // A folded field may go on after a tab.
        print_line!("{}", line.split('\t').map(printable).collect::<Vec<_>>().join("\t"));
    }
    admitted.refused.map_or(Ok(Exit::Ok), Err)
}

/// Where a message goes, and as whose.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) account: String,
    /// Why that account.
    pub(super) why: Why,
    /// In the order in which they are tried.
    pub(super) relays: Vec<(String, TlsMode)>,
    pub(super) login: Option<String>,
    /// For MAIL FROM.
    pub(super) sender: String,
    /// The address that replaces the one in From, whatever it is.
    pub(super) forced: Option<String>,
    /// Each recipient, or why it is refused, and where its mail goes.
    pub(super) recipients: Vec<(String, Goes)>,
}

/// Where mail to a recipient goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// Into a mailbox of this machine.
    Here,
    /// To the relay.
    Away,
    /// To the relay, although the domain is one of this machine's own names: by `generic`, or because it is the provider's, too.
    AwayFromOwnName,
    /// Nowhere until a table has it.
    Waits,
    /// Nowhere.
    Refused,
}

/// What a message from one address to another becomes.
pub(super) fn way(config: &Config, from: &str, to: &str) -> Result<Way, Failure> {
    let arriving = ArrivalTables::load(&config.rewriting);
    let arrival = Arrival { config, tables: &arriving, include: config::included };
    let arguments =
        Arguments { recipients: vec![to.to_owned()], from: Some(from.to_owned()), header: None, json: false };
    let admitted = admit(config, &arrival, &arguments)?;
    let tables = LeavingTables::load(config);
    let plans = Plans::of(config, &tables, &admitted.envelope).map_err(would_wait)?;
    let plan = plans.main().ok_or_else(|| would_wait("nothing delivers it"))?;
    let relays = plan.account.relays.iter().map(|relay| (relay.to_string(), plan.account.tls_mode(relay)));
    let taken = plan.recipients.iter().map(|one| {
        let given = admitted.envelope.recipients.get(one.index).map(|given| &given.address);
        let domain =
            given.and_then(|given| if let Mailbox::Valid(address) = given { Some(address.domain()) } else { None });
        let goes = match plan.why {
            Why::Local => Goes::Here,
            _ if domain.is_some_and(|domain| config.is_own_domain(domain)) => Goes::AwayFromOwnName,
            _ => Goes::Away,
        };
        (format!("<{}>", one.address), goes)
    });
    let refused = plan.nowhere.iter().map(|(_, why)| {
        let goes = if local_recipient::waits(config, why) { Goes::Waits } else { Goes::Refused };
        (format!("{}: {}", fate(config, why), why.reason()), goes)
    });
    Ok(Way {
        account: shown_account(&plan.account.name).to_owned(),
        why: plan.why.clone(),
        relays: relays.collect(),
        login: plan.account.username.clone(),
        sender: plan.sender.to_string(),
        forced: plan.from.as_ref().map(ToString::to_string),
        recipients: taken.chain(refused).collect(),
    })
}

fn would_wait(why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Config, format_args!("this message would wait: {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_accepted(fault: TableFault) -> Failure {
    Failure::new(Exit::Config, format_args!("this message would not be accepted: {fault}"))
}

/// What sendmail(8) would do, by the same rules.
fn admit(config: &Config, arrival: &Arrival<'_>, arguments: &Arguments) -> Result<Admitted, Failure> {
    let asked = arguments.from.as_ref().map_or(Sender::Login, |text| Sender::Given(text.as_bytes().to_vec()));
    let given_sender =
        complete::completed_sender(config, &Caller::current().login, &asked).map_err(unusable_address)?;
    let (sender, sender_steps) = arrival.sender(&given_sender).map_err(not_accepted)?;
    complete::sendable_sender(config, &sender).map_err(unusable_address)?;
    let (mut recipients, mut given) = (Vec::new(), Vec::new());
    for text in &arguments.recipients {
        for address in in_argument(text.as_bytes()).iter().filter_map(|one| one.spec.qualify(&config.origin)) {
            let (destinations, steps) = match &address {
                Mailbox::Valid(address) => arrival.recipient(address).map_err(not_accepted)?,
                Mailbox::Invalid(_) => (Vec::new(), Vec::new()),
            };
            let mut became: Vec<Recipient> = destinations.into_iter().map(|one| recipient(text, one)).collect();
            if became.is_empty() {
                became.push(unusable(text, &address));
            }
            given.push((address.to_string(), steps, became.len()));
            recipients.extend(became);
        }
    }
    let first = arguments.recipients.first().map_or("", String::as_str);
    let refused = complete::any_usable(config, first, &recipients).map_err(unusable_address).err();
    let envelope = envelope(sender, arguments.from.clone(), recipients);
    Ok(Admitted { envelope, given_sender: given_sender.to_string(), sender_steps, given, refused })
}

fn recipient(given: &str, destination: Destination) -> Recipient {
    let (address, refused) = match destination {
        Destination::Address(address) => (address, None),
        Destination::Refused(address, why) => (address, Some(why)),
    };
    Recipient { refused, ..Recipient::new(Mailbox::Valid(address), given.to_owned()) }
}

fn unusable(given: &str, address: &Mailbox) -> Recipient {
    Recipient::new(address.clone(), given.to_owned())
}

fn envelope(sender: ReversePath, submitted_sender: Option<String>, recipients: Vec<Recipient>) -> Envelope {
    let nothing = Envelope::mail(MessageId::new(0, 0), Timestamp::UNIX_EPOCH, sender, recipients);
    Envelope { submitted_sender, ..nothing }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unusable_address(error: EnvelopeError) -> Failure {
    Failure::new(Exit::DataError, format_args!("this message would not be accepted: {error}"))
}

fn explain(config: &Config, admitted: &Admitted, plans: &Plans<'_>) -> String {
    let mut text = String::new();
    let envelope = &admitted.envelope;
    let _ = writeln!(text, "sender     <{}>", admitted.given_sender);
    steps(&mut text, &admitted.sender_steps);
    if let Some(away) = &plans.away {
        leaving(&mut text, config, away);
    }
    if let Some(here) = &plans.here {
        staying(&mut text, here);
    }
    let mut index = 0;
    for (given, taken, count) in &admitted.given {
        let _ = writeln!(text, "recipient  <{given}>");
        steps(&mut text, taken);
        for at in index..index + count {
            if *count > 1 || !taken.is_empty() {
                let _ = writeln!(text, "becomes    <{}>", envelope.recipients[at].address);
            }
            outgoing(config, &mut text, plans, at);
        }
        index += count;
    }
    text
}

/// The sender as the server sees it; empty for the null sender.
fn mail_from(plan: &Plan<'_>) -> String {
    plan.sender.mailbox().map(as_sent).unwrap_or_default()
}

/// How mail leaves this machine.
fn leaving(text: &mut String, config: &Config, plan: &Plan<'_>) {
    step(text, plan.sender_rewritten.as_ref());
    if let Some(from) = &plan.from {
        let _ = writeln!(text, "  from     <{from}> (forced by account {})", plan.account.name);
    }
    let _ = writeln!(text, "account    {} ({})", plan.account.name, why(&plan.why));
    if let Some(users) = &plan.account.users {
        let _ = writeln!(text, "users      {}{}", users.join(", "), objection(plan.account));
    }
    for relay in &plan.account.relays {
        let mode = tls_words(plan.account.tls_mode(relay));
        let _ = writeln!(text, "relay      {relay}, {mode}, {}", login(plan.account));
    }
    for other in config.fallbacks(plan.account) {
        let (relays, login) = (other.servers().join(", "), login(other));
        let _ = writeln!(text, "fallback   {} (while no relay can be reached): {relays}, {login}", other.name);
    }
    let _ = writeln!(text, "MAIL FROM  <{}>", mail_from(plan));
}

/// How mail stays on this machine, where `generic` never applies.
fn staying(text: &mut String, plan: &Plan<'_>) {
    let _ = writeln!(text, "account    {} ({})", shown_account(&plan.account.name), why(&plan.why));
    for server in plan.account.servers() {
        let _ = writeln!(text, "mailbox    {server}, no generic");
    }
    let _ = writeln!(text, "MAIL FROM  <{}>", mail_from(plan));
}

/// What the plans do with one recipient of the envelope.
fn outgoing(config: &Config, text: &mut String, plans: &Plans<'_>, index: usize) {
    if let Some((plan, one)) = plans.recipient(index) {
        match plan.why {
            Why::Local => drop(writeln!(text, "stays      in a mailbox of this machine")),
            _ => step(text, one.rewritten.as_ref()),
        }
        let _ = writeln!(text, "RCPT TO    <{}>", as_sent(&one.address));
    }
    if let Some(nowhere) = plans.refused(index) {
        let _ = match fate(config, nowhere) {
            "waits" => writeln!(text, "waits      {}", nowhere.reason()),
            fate => writeln!(text, "{fate:<10} {} {}", nowhere.code(), nowhere.reason()),
        };
    }
}

/// What becomes of mail to a recipient with nowhere to go.
fn fate(config: &Config, why: &Undeliverable) -> &'static str {
    if local_recipient::waits(config, why) { "waits" } else { "refused" }
}

fn steps(text: &mut String, steps: &[Step]) {
    for Step { by, key, result, place } in steps {
        let _ = writeln!(text, "  {by}  {key} -> {result} ({place})");
    }
}

fn step(text: &mut String, rewritten: Option<&Rewritten>) {
    let _ = match rewritten {
        None => writeln!(text, "  generic  no match"),
        Some(Rewritten { address, key, place, .. }) => writeln!(text, "  generic  {key} -> <{address}> ({place})"),
    };
}

/// The header of a message, as given and as admission would store it.
struct AdmittedHeader {
    given: Header,
    stored: Header,
    /// The value of a To field with the recipients, if they may be named in one.
    named: Option<String>,
}

impl AdmittedHeader {
    fn read(path: &Path, sender: &ReversePath, recipients: &[String], arrival: &Arrival<'_>) -> Result<Self, Failure> {
        let read = std::fs::read(path).map_err(|error| {
            Failure::new(
                Exit::NoInput,
                format_args!("cannot read {}: {error}; name a file that contains a message header", path.display()),
            )
        })?;
        let given = Header::read(&header_lines(&read));
        let stored = arrival.whole_header(&given, sender).map_err(not_accepted)?;
        let found: Vec<_> = recipients.iter().flat_map(|text| list::parse(text.as_bytes())).collect();
        let named = if missing_to::may_name_recipients(&given) {
            missing_to::recipients(arrival, found.iter().map(|found| &found.spec)).map_err(not_accepted)?
        } else {
            None
        };
        Ok(Self { given, stored, named })
    }

    /// Each field that delivery changes, before and after.
    fn explain(&self, text: &mut String, generic: &Generic<'_>, away: Option<&Plan<'_>>) -> Result<(), Failure> {
        let mut after = match away {
            Some(plan) => {
                let whole = missing_to::add(&self.stored, plan.account.missing_to, self.named.as_deref());
                generic.header(&whole).map_err(would_wait)?
            }
            None => self.stored.clone(),
        };
        if let Some(from) = away.and_then(|plan| plan.from.as_ref()) {
            after = outbound::force_from(&after, from);
        }
        let missing_to = away.and_then(|plan| plan.account.missing_to);
        let removed = missing_to::replaced(&self.stored, missing_to).unwrap_or_default();
        let (gone, given): (Vec<_>, Vec<_>) =
            self.given.fields.iter().enumerate().partition(|(at, _)| removed.contains(at));
        for (_, field) in gone {
            let _ = writeln!(text, "removes    {}", String::from_utf8_lossy(field.raw()).trim_end());
        }
        let kept = given.iter().map(|(_, field)| *field);
        for (before, after) in kept.zip(&after.fields).filter(|(before, after)| before != after) {
            let _ = writeln!(text, "field      {}", String::from_utf8_lossy(before.raw()).trim_end());
            let _ = writeln!(text, "becomes    {}", String::from_utf8_lossy(after.raw()).trim_end());
        }
        for added in after.fields.iter().skip(given.len()) {
            let _ = writeln!(text, "adds       {}", String::from_utf8_lossy(added.raw()).trim_end());
        }
        Ok(())
    }
}

/// The lines up to the first that is no header's, with CRLF.
fn header_lines(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if matches!(line_kind(line), LineKind::Blank | LineKind::Other) {
            break;
        }
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

fn why(why: &Why) -> String {
    match why {
        Why::Admitted(entry) => format!("\"{entry}\" in its `senders`"),
        Why::AfterGeneric(entry) => format!("\"{entry}\" in its `senders` matches the sender after generic"),
        Why::Client => "`account` of the network client".to_owned(),
        Why::Asked => "asked for with sendmail -a".to_owned(),
        Why::Report => "account of the message that the report is about".to_owned(),
        Why::Local => "its mailboxes are on this machine".to_owned(),
        Why::Default => "default_account".to_owned(),
    }
}

/// That whoever asks may not use the account.
fn objection(account: &Account) -> String {
    let caller = Caller::current();
    if may_use(account, &caller) {
        return String::new();
    }
    format!(" (not {0}: mail submitted by {0} would be refused)", caller.login)
}

/// When TLS begins.
pub(super) fn tls_words(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Starttls => "STARTTLS",
        TlsMode::Implicit => "implicit TLS",
        TlsMode::None => "no TLS",
    }
}

fn login(account: &Account) -> String {
    account.username.as_ref().map_or_else(|| "no login".to_owned(), |name| format!("login {name}"))
}
