//! The values that sendmail(8)'s options take: modes (`-b`), settings (`-o`, `-O`), how
//! errors are told (`-e`), and which of the queue is meant (`-q`). Options themselves
//! are in `options`.

use crate::control::listing::Item;
use crate::spool::Envelope;

/// What a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// `-bm`: take a message.
    Deliver,
    /// `-bp`: show the queue.
    ListQueue,
    /// `-bs`: SMTP on stdin and stdout.
    Smtp,
    /// `-bv`: report on addresses.
    Verify,
    /// `-bi`, `-I`: rebuild aliases.
    Aliases,
    /// `-bd`, `-bl`, `-q30m`: see that somebody empties the queue.
    Daemon,
    /// `-bD`: be that somebody.
    Foreground,
    /// `-q...`: attempt what waits, of that what passes all these.
    RunQueue(Vec<Test>),
    /// `-bh`, `-bH`, `-bt`: host status and address tests, of which there are none.
    Nothing,
}

/// The modes of Sendmail and Postfix; behind the first letter nothing is looked at.
pub const MODES: &[(u8, Mode)] = &[
    (b'm', Mode::Deliver),
    (b'a', Mode::Deliver),
    (b'p', Mode::ListQueue),
    (b'P', Mode::ListQueue),
    (b's', Mode::Smtp),
    (b'v', Mode::Verify),
    (b'i', Mode::Aliases),
    (b'C', Mode::Aliases),
    (b'd', Mode::Daemon),
    (b'l', Mode::Daemon),
    (b'D', Mode::Foreground),
    (b'h', Mode::Nothing),
    (b'H', Mode::Nothing),
    (b't', Mode::Nothing),
];

/// The mode that `-b` names.
pub fn mode(value: &[u8]) -> Option<Mode> {
    let letter = value.first()?;
    MODES.iter().find(|(known, _)| known == letter).map(|(_, mode)| mode.clone())
}

/// How soon a message is attempted, where the caller says so (`-od`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// As the config says.
    AsConfigured,
    /// `-odi`: before the command ends.
    AtOnce,
}

/// How the caller is told of a failure (`-oe`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// `p`: a line on stderr and the exit status.
    Print,
    /// `q`: the exit status only.
    Quiet,
    /// `m`, `w`: by mail to the sender, where that is possible; else printed.
    Mail,
    /// `e`: the same, and then the exit status is 0.
    MailAndSucceed,
}

/// The letters behind `-oe`.
pub const ERRORS: &[(u8, Errors)] = &[
    (b'p', Errors::Print),
    (b'q', Errors::Quiet),
    (b'm', Errors::Mail),
    (b'w', Errors::Mail),
    (b'e', Errors::MailAndSucceed),
];

/// The way that `-e` names; `None`: an unknown one, which changes nothing.
pub fn errors(value: &[u8]) -> Option<Errors> {
    let letter = value.first()?;
    ERRORS.iter().find(|(known, _)| known == letter).map(|(_, errors)| *errors)
}

/// What `-o` or `-O` sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// `i`, `IgnoreDots`.
    LoneDotIsText,
    /// `d`, `DeliveryMode`.
    Attempt(Attempt),
    /// `e`, `ErrorMode`.
    Errors(Errors),
    /// Anything else: it means nothing here.
    Other,
}

/// Reads what stands behind `-o`.
pub fn setting(value: &[u8]) -> Setting {
    match value {
        [b'i'] => Setting::LoneDotIsText,
        [b'i', value @ ..] => ignore_dots(value),
        [b'd', b'i', ..] => Setting::Attempt(Attempt::AtOnce),
        [b'd', ..] => Setting::Attempt(Attempt::AsConfigured),
        [b'e', value @ ..] => errors(value).map_or(Setting::Other, Setting::Errors),
        _ => Setting::Other,
    }
}

/// Reads `Name=value`, as behind `-O`.
pub fn named_setting(text: &[u8]) -> Setting {
    let (name, value) = text.split_at(text.iter().position(|byte| *byte == b'=').unwrap_or(text.len()));
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    match name.trim_ascii().to_ascii_lowercase().as_slice() {
        b"ignoredots" => ignore_dots(value),
        b"deliverymode" => setting(&[b"d", value].concat()),
        b"errormode" => setting(&[b"e", value].concat()),
        _ => Setting::Other,
    }
}

/// Sendmail's truth: a value that begins with f, F, n or N is false.
fn ignore_dots(value: &[u8]) -> Setting {
    if matches!(value, [b'f' | b'F' | b'n' | b'N', ..]) { Setting::Other } else { Setting::LoneDotIsText }
}

/// What `-q` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunQueue {
    /// `-q`, `-qI...`: what waits and passes, now.
    Now(Vec<Test>),
    /// `-q30m`: from time to time.
    Periodically,
}

/// A test of a waiting message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    what: What,
    part: String,
    sense: Sense,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Id,
    Recipient,
    Sender,
    /// Nothing here has what is asked for (a quarantine reason, say).
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Has,
    HasNot,
}

impl Test {
    /// Whether the message has, or has not, the part in its id, in a recipient or in its sender; ignoring case.
    pub fn passes(&self, message: &Parts) -> bool {
        let has = |text: &String| text.to_lowercase().contains(&self.part);
        let found = match self.what {
            What::Id => has(&message.id),
            What::Sender => has(&message.sender),
            What::Recipient => message.recipients.iter().any(has),
            What::Absent => false,
        };
        found == (self.sense == Sense::Has)
    }
}

/// What of a message is tested.
#[derive(Debug)]
pub struct Parts {
    id: String,
    sender: String,
    recipients: Vec<String>,
}

impl From<&Envelope> for Parts {
    fn from(envelope: &Envelope) -> Self {
        let recipients = envelope.recipients.iter().flat_map(|one| [one.address.to_string(), one.given.clone()]);
        Self { id: envelope.id.to_string(), sender: envelope.sender.to_string(), recipients: recipients.collect() }
    }
}

impl From<&Item> for Parts {
    fn from(item: &Item) -> Self {
        let recipients = item.recipients.iter().map(|one| one.address.clone());
        Self { id: item.queue_id.to_string(), sender: item.sender.clone(), recipients: recipients.collect() }
    }
}

/// Reads what stands behind `-q`.
pub fn run_queue(value: &[u8]) -> Option<RunQueue> {
    let (sense, rest) = match value {
        [b'!', rest @ ..] => (Sense::HasNot, rest),
        rest => (Sense::Has, rest),
    };
    let test = |what, part: &[u8]| {
        let part = String::from_utf8_lossy(part).to_lowercase();
        Some(RunQueue::Now(vec![Test { what, part, sense }]))
    };
    match rest {
        [b'I', part @ ..] => test(What::Id, part),
        [b'R', part @ ..] => test(What::Recipient, part),
        [b'S', part @ ..] => test(What::Sender, part),
        [b'Q' | b'L', ..] => test(What::Absent, b""),
        _ if sense == Sense::HasNot => None,
        // In the foreground, and a queue group: there is one queue, and it is run in the foreground.
        [] | [b'f' | b'G', ..] => Some(RunQueue::Now(Vec::new())),
        [b'p' | b'0'..=b'9', ..] => Some(RunQueue::Periodically),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
