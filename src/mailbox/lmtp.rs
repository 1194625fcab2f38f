//! The LMTP server (RFC 2033): what is said on one connection. One recipient a transaction, whose content goes line by line
//! into their mailbox; what MAIL, RCPT and DATA are answered is all that the client learns.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use postrider_mailstore::{CHUNK, Delivery, Envelope, Mailbox, Recipient, Refusal};

/// The longest command, in octets: paths of 256 and some parameters.
const LONGEST: u64 = 4096;

/// What LHLO is answered. `XID=` at MAIL is ours: what the client calls the message, for ever and at every attempt.
const EXTENSIONS: &str =
    "250-localhost\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250-XID\r\n250 SIZE";

/// What stands between MAIL and the last dot.
#[derive(Debug, Default)]
struct Transaction {
    sender: String,
    id: Option<String>,
    size: u64,
    recipient: Option<(Recipient, Mailbox)>,
}

#[derive(Debug)]
struct Session<S> {
    input: BufReader<S>,
    /// Not sent as long as commands wait to be read.
    replies: Vec<u8>,
    transaction: Option<Transaction>,
}

/// Serves one connection to its end. `resolve` says where a recipient's mail is written, and when it returns the process has
/// the rights to do so. How long the client may be silent is for the stream to decide.
pub fn serve<S: Read + Write>(
    stream: S,
    mut resolve: impl FnMut(&Recipient) -> Result<Mailbox, Refusal>,
) -> io::Result<()> {
    let input = BufReader::with_capacity(CHUNK, stream);
    let mut session = Session { input, replies: Vec::new(), transaction: None };
    session.reply("220 localhost postrider-mailbox LMTP");
    while let Some(line) = session.command()? {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        if verb == "LHLO" || verb == "RSET" {
            session.transaction = None;
        }
        let said = match verb.as_str() {
            "LHLO" => Ok(EXTENSIONS),
            "RSET" | "NOOP" => Ok("250 2.0.0 Ok"),
            "QUIT" => Ok("221 2.0.0 Bye"),
            "MAIL" => session.mail(rest),
            "RCPT" => session.rcpt(rest, &mut resolve),
            "DATA" => session.data()?.map(|()| "250 2.0.0 Saved"),
            _ => Err(Refusal::new("500 5.5.1", "Unknown command: this is LMTP")),
        };
        match said {
            Ok(text) => session.reply(text),
            Err(Refusal(text)) => session.reply(&text),
        }
        if verb == "QUIT" {
            break;
        }
    }
    session.flush()
}

impl<S: Read + Write> Session<S> {
    fn reply(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    fn flush(&mut self) -> io::Result<()> {
        let stream = self.input.get_mut();
        stream.write_all(&self.replies)?;
        self.replies.clear();
        stream.flush()
    }

    /// The next command; `None` where the client has gone, or says what is none.
    fn command(&mut self) -> io::Result<Option<String>> {
        if !self.input.buffer().contains(&b'\n') {
            self.flush()?;
        }
        let mut line = Vec::new();
        (&mut self.input).take(LONGEST).read_until(b'\n', &mut line)?;
        let line = String::from_utf8(line).ok().filter(|line| line.is_empty() || line.ends_with('\n'));
        if line.is_none() {
            self.reply("500 5.5.2 Line too long, or not UTF-8");
        }
        Ok(line.filter(|line| !line.is_empty()).map(|line| line.trim_end().to_owned()))
    }

    fn mail(&mut self, rest: &str) -> Result<&'static str, Refusal> {
        let syntax = || Refusal::new("501 5.5.4", "Syntax: MAIL FROM:<address>");
        let (sender, parameters) = argument(rest, "FROM:").ok_or_else(syntax)?;
        let mut transaction = Transaction { sender: sender.to_owned(), ..Transaction::default() };
        for parameter in parameters.split_ascii_whitespace() {
            match parameter.split_once('=').unwrap_or((parameter, "")) {
                ("SIZE", size) if size.bytes().all(|octet| octet.is_ascii_digit()) => {
                    transaction.size = size.parse().unwrap_or_default();
                }
                ("BODY", "7BIT" | "8BITMIME") | ("SMTPUTF8", "") => {}
                ("XID", id) if is_id(id) => transaction.id = Some(id.to_owned()),
                _ => return Err(Refusal::new("555 5.5.4", "Unsupported parameters")),
            }
        }
        if self.transaction.is_some() {
            return Err(Refusal::new("503 5.5.1", "There is a sender already"));
        }
        self.transaction = Some(transaction);
        Ok("250 2.1.0 Ok")
    }

    fn rcpt(
        &mut self,
        rest: &str,
        resolve: &mut impl FnMut(&Recipient) -> Result<Mailbox, Refusal>,
    ) -> Result<&'static str, Refusal> {
        let Some((address, "")) = argument(rest, "TO:") else {
            return Err(Refusal::new("501 5.5.4", "Syntax: RCPT TO:<address>"));
        };
        let transaction = self.transaction.as_mut().ok_or_else(|| Refusal::new("503 5.5.1", "Say MAIL first"))?;
        if transaction.recipient.is_some() {
            return Err(Refusal::new("452 4.5.3", "One recipient at a time"));
        }
        let unknown = || Refusal::new("550 5.1.1", format_args!("<{address}> is not a user of this machine"));
        let recipient = Recipient::parse(address).ok_or_else(unknown)?;
        let mailbox = resolve(&recipient)?;
        transaction.recipient = Some((recipient, mailbox));
        Ok("250 2.1.5 Ok")
    }

    fn data(&mut self) -> io::Result<Result<(), Refusal>> {
        let Some(Transaction { sender, id, size, recipient: Some((recipient, mailbox)) }) = self.transaction.take()
        else {
            return Ok(Err(Refusal::new("503 5.5.1", "No valid recipients")));
        };
        match mailbox.begin(&Envelope { sender: &sender, id: id.as_deref(), size, recipient: &recipient }) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(delivery) => {
                self.reply("354 End with a dot");
                self.flush()?;
                self.content(delivery)
            }
        }
    }

    /// Reads the content to its end, also of a delivery that has failed. Only CRLF ends a line for the sake of dots, so that no
    /// content is taken for its end.
    fn content(&mut self, delivery: Delivery) -> io::Result<Result<(), Refusal>> {
        let (mut delivery, mut line, mut is_start) = (Ok(delivery), Vec::new(), true);
        loop {
            let before = line.len();
            (&mut self.input).take(CHUNK as u64).read_until(b'\n', &mut line)?;
            if line.len() == before {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if is_start && line == b".\r\n" {
                return Ok(delivery.and_then(Delivery::finish));
            }
            let is_crlf = line.ends_with(b"\r\n");
            // What follows a carriage return decides what it is.
            let is_open = line.pop_if(|last| *last == b'\r').is_some();
            if is_crlf {
                line.truncate(line.len().saturating_sub(2));
                line.push(b'\n');
            }
            let piece = line.strip_prefix(b".").filter(|_| is_start).unwrap_or(&line);
            let passed = delivery.as_mut().map_or(Ok(()), |delivery| delivery.pass(piece));
            if let Err(refusal) = passed {
                // Its locks and its space are given back before the rest comes.
                delivery = Err(refusal);
            }
            is_start = is_crlf;
            line.clear();
            if is_open {
                line.push(b'\r');
            }
        }
    }
}

/// What the client calls a message, as part of a file name.
fn is_id(id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=100).contains(&id.len()) && id.chars().all(is_plain) && !id.starts_with('.')
}

/// The path behind `FROM:` or `TO:` without its brackets, and the parameters, none of which may hold a bracket.
fn argument<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = rest.split_at_checked(keyword.len()).filter(|(begin, _)| begin.eq_ignore_ascii_case(keyword))?;
    rest.trim_start().strip_prefix('<')?.rsplit_once('>').map(|(path, parameters)| (path, parameters.trim_start()))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
