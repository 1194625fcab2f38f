//! What counts as a difference: envelope, header and body, without what must differ between any two submissions. Of an address field
//! that the reference wrote anew only addresses, names, comments and their order count.

use super::address_field::{self, Element};
use super::case::Case;
use super::household::{Run, show};
use super::recorder::Transaction;

/// A mail as the provider has it: transactions with the same content are one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mail {
    relay: String,
    login: Option<(String, String)>,
    sender: String,
    recipients: Vec<String>,
    fields: Vec<Vec<u8>>,
    body: Vec<u8>,
}

/// All differences, in words; empty if there is none.
pub fn differences(case: &Case, reference: &Run, ours: &Run) -> Vec<String> {
    let mut found = Vec::new();
    let success = |run: &Run| run.status == Some(0);
    if success(reference) != success(ours) {
        found.push(format!("exit status {:?}, not {:?}", ours.status, reference.status));
    }
    if success(ours) && reference.told.is_empty() && !ours.told.is_empty() {
        found.push(format!("it said {:?}", ours.told));
    }
    found.extend(ours.transactions.iter().filter_map(wrong_parameters));
    let (theirs, mine) = (mails(&reference.transactions), mails(&ours.transactions));
    let counts = (theirs.len(), mine.len());
    if counts.0 != counts.1 {
        found.push(format!("{} mails, not {}", counts.1, counts.0));
    }
    for (their, my) in theirs.iter().zip(&mine) {
        compare(case, their, my, &mut found);
    }
    for mail in theirs.iter().skip(mine.len()) {
        found.push(format!("missing: {}", head(mail)));
    }
    for mail in mine.iter().skip(theirs.len()) {
        found.push(format!("too many: {}", head(mail)));
    }
    found
}

/// What MAIL's parameters say of the mail must be so. They are not compared: the reference says BODY=8BITMIME by what the MIME header
/// declares, whatever the content, and asks for SMTPUTF8 for any 8-bit header.
fn wrong_parameters(transaction: &Transaction) -> Option<String> {
    let Transaction { sender, recipients, parameters, data, .. } = transaction;
    let says = |parameter: &str| parameters.iter().any(|given| given == parameter);
    let beyond_ascii = |address: &String| address.rsplit_once('@').is_some_and(|(local, _)| !local.is_ascii());
    let is_true = says("BODY=8BITMIME") != data.is_ascii()
        && says("SMTPUTF8") == std::iter::once(sender).chain(recipients).any(beyond_ascii);
    (!is_true).then(|| format!("parameters {parameters:?} for {:.300?}", show(data)))
}

fn compare(case: &Case, theirs: &Mail, mine: &Mail, found: &mut Vec<String>) {
    if (&theirs.relay, &theirs.login) != (&mine.relay, &mine.login) {
        found.push(format!("by {} as {:?}, not by {} as {:?}", mine.relay, mine.login, theirs.relay, theirs.login));
    }
    if theirs.sender != mine.sender {
        found.push(format!("sender <{}>, not <{}>", mine.sender, theirs.sender));
    }
    if theirs.recipients != mine.recipients {
        found.push(format!("recipients {:?}, not {:?}", mine.recipients, theirs.recipients));
    }
    // a report is in everybody's own words
    if is_report(theirs) && is_report(mine) {
        return;
    }
    let pairs = theirs.fields.iter().zip(&mine.fields);
    let different = pairs.clone().find(|(theirs, mine)| !is_same_field(case, theirs, mine));
    if let Some((theirs, mine)) = different {
        found.push(format!("field {:?}, not {:?}", show(mine), show(theirs)));
    } else if theirs.fields.len() != mine.fields.len() {
        let at = theirs.fields.len().min(mine.fields.len());
        let behind = |fields: &[Vec<u8>]| show(&fields[at..].concat());
        found.push(format!("header ends with {:?}, not {:?}", behind(&mine.fields), behind(&theirs.fields)));
    }
    if theirs.body != mine.body {
        found.push(format!("body {:.300?}, not {:.300?}", show(&mine.body), show(&theirs.body)));
    }
}

fn head(mail: &Mail) -> String {
    format!("<{}> to {:?}: {:.300?}", mail.sender, mail.recipients, show(&mail.fields.concat()))
}

/// Reports come last: the two programs need not send in the same order.
fn mails(transactions: &[Transaction]) -> Vec<Mail> {
    let mut mails: Vec<Mail> = Vec::new();
    for transaction in transactions {
        let (fields, body) = message(&transaction.data);
        let Transaction { relay, login, sender, recipients, .. } = transaction.clone();
        let mail = Mail { relay, login, sender, recipients: Vec::new(), fields, body };
        let same = |other: &Mail| Mail { recipients: Vec::new(), ..other.clone() } == mail;
        match mails.iter_mut().find(|other| same(other)) {
            Some(other) => other.recipients.extend(recipients),
            None => mails.push(Mail { recipients, ..mail }),
        }
    }
    for mail in &mut mails {
        mail.recipients.sort();
        // Postfix names a mailbox once for each recipient that its maps bring there; we name it once.
        mail.recipients.dedup();
    }
    mails.sort_by(|a, b| (is_report(a), &a.recipients).cmp(&(is_report(b), &b.recipients)));
    mails
}

fn is_report(mail: &Mail) -> bool {
    mail.sender.is_empty()
        && mail.fields.iter().any(|field| field.windows(16).any(|part| part.eq_ignore_ascii_case(b"multipart/report")))
}

/// The header's fields without the Received that this machine made, generated values as a mark; and the rest, from the empty line on.
fn message(data: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut rest = data;
    while !rest.is_empty() && !rest.starts_with(b"\r\n") {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
        rest = behind;
    }
    // Who gave it on by an alias says whose mail it was.
    let own = |field: &&Vec<u8>| field.starts_with(b"Delivered-To:") || is_trace_of_the_machine(field);
    let front = fields.iter().take_while(own).count();
    let traces = fields[..front].iter().rposition(|field| is_trace_of_the_machine(field)).map_or(0, |at| at + 1);
    fields.drain(..traces);
    (fields.iter().map(|field| without_the_generated(field)).collect(), rest.to_vec())
}

fn is_trace_of_the_machine(field: &[u8]) -> bool {
    let field = String::from_utf8_lossy(field);
    field.starts_with("Received:") && field.contains("by homebox.")
}

fn without_the_generated(field: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(field) else { return field.to_vec() };
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y").to_string();
    let is_generated = match name {
        "Message-Id" | "Resent-Message-Id" => value.starts_with(&format!(" <{today}")) && value.contains("@homebox."),
        "Date" | "Resent-Date" => value.contains(&format!(" {today} ")) && value.contains(" +0000"),
        _ => false,
    };
    if is_generated { format!("{name}: generated\r\n").into_bytes() } else { field.to_vec() }
}

/// The same bytes; or both say the same, in a field that the reference did not leave as the caller wrote it.
fn is_same_field(case: &Case, theirs: &[u8], mine: &[u8]) -> bool {
    if theirs == mine {
        return true;
    }
    let Some(name) = address_field::name(theirs) else { return false };
    if address_field::name(mine) != Some(name) || is_of_the_input(case, theirs) {
        return false;
    }
    let elements = |field: &[u8]| -> Vec<Element> { address_field::elements(&field[name.len() + 1..]) };
    elements(theirs) == elements(mine)
}

fn is_of_the_input(case: &Case, field: &[u8]) -> bool {
    let field: Vec<u8> = field.iter().copied().filter(|byte| *byte != b'\r').collect();
    let input: Vec<u8> = case.stdin.iter().copied().filter(|byte| *byte != b'\r').collect();
    input.windows(field.len()).any(|part| part == field)
}
