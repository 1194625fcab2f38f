//! Whether a mail arrived as it should: envelope, login, TLS, header and body of what
//! a provider received, against the script.

use mail_parser::{HeaderName, MessageParser};

use super::provider::Received;
use super::script::{Mail, part_of};

/// One provider's account and what it received.
pub(super) struct Haul {
    pub(super) account: &'static str,
    /// The provider's host name.
    pub(super) relay: &'static str,
    pub(super) received: Vec<Received>,
}

/// What became of one mail.
pub(super) struct Comparison {
    /// What was submitted.
    pub(super) mail: Mail,
    /// The sender on this machine.
    pub(super) local: String,
    /// The copy that arrived, if one did.
    pub(super) arrival: Option<Arrival>,
    /// What is not as it should be; empty: all is well.
    pub(super) faults: Vec<String>,
}

/// Where and how a mail arrived.
pub(super) struct Arrival {
    pub(super) account: &'static str,
    pub(super) relay: &'static str,
    pub(super) received: Received,
}

/// Looks for the mail among everything received.
pub(super) fn compare(mail: &Mail, local: &str, hauls: &[Haul]) -> Comparison {
    let mut copies = hauls.iter().flat_map(|haul| {
        let ours = haul.received.iter().filter(|received| is_copy(mail, received));
        ours.map(|received| Arrival { account: haul.account, relay: haul.relay, received: received.clone() })
    });
    let arrival = copies.next();
    let mut faults = match &arrival {
        None => vec!["it did not arrive".to_owned()],
        Some(arrival) => differences(mail, local, arrival),
    };
    if copies.next().is_some() {
        faults.push("it arrived more than once".to_owned());
    }
    Comparison { mail: *mail, local: local.to_owned(), arrival, faults }
}

fn is_copy(mail: &Mail, received: &Received) -> bool {
    let parsed = MessageParser::default().parse(&received.content);
    parsed.is_some_and(|message| message.subject() == Some(mail.subject))
}

fn differences(mail: &Mail, local: &str, arrival: &Arrival) -> Vec<String> {
    let mut faults = Faults::default();
    let (part, received) = (part_of(local), &arrival.received);
    faults.unlike("account", part.account, arrival.account);
    let login = received.client.login.as_ref().map_or("nobody", |(name, _)| name);
    faults.unlike("login", part.username, login);
    faults.unlike("envelope sender", part.sent_as, &received.envelope.sender.to_string());
    let recipients: Vec<String> = received.envelope.recipients.iter().map(ToString::to_string).collect();
    faults.unlike("recipients", &mail.recipients.join(", "), &recipients.join(", "));
    if received.client.tls.is_none() {
        faults.add("it came without TLS");
    }
    compare_content(mail, &received.content, &mut faults);
    faults.0
}

fn compare_content(mail: &Mail, content: &[u8], faults: &mut Faults) {
    let Some(message) = MessageParser::default().parse(content) else {
        return faults.add("what arrived is not a message");
    };
    let author = message.from().and_then(|from| from.first()).and_then(|author| author.address());
    faults.unlike("address in From", part_of(mail.author).sent_as, author.unwrap_or("missing"));
    for (name, field) in [("Date", HeaderName::Date), ("Message-ID", HeaderName::MessageId)] {
        if message.header(field).is_none() {
            faults.add(&format!("it has no {name}"));
        }
    }
    if message.header(HeaderName::Bcc).is_some() {
        faults.add("its header shows the Bcc recipients");
    }
    let (_, body) = split(content);
    if body != mail.body.replace('\n', "\r\n").as_bytes() {
        faults.add("its body differs from the submitted one");
    }
}

/// Header (with its last line end) and body of a message.
pub(super) fn split(content: &[u8]) -> (&[u8], &[u8]) {
    match content.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&content[..at + 2], &content[at + 4..]),
        None => (content, &[]),
    }
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, what: &str) {
        self.0.push(what.to_owned());
    }

    fn unlike(&mut self, what: &str, want: &str, got: &str) {
        if want != got {
            self.0.push(format!("{what} should be {want}, but is {got}"));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
