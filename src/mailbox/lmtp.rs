//! The LMTP server (RFC 2033): what is said on one connection. One recipient a transaction, whose content goes line by line
//! into his mailbox; what MAIL, RCPT and DATA are answered is all that the client learns.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use crate::mailbox::{CHUNK, Delivery, Envelope, Mailbox};
use crate::{Recipient, Refusal};

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
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" => session.restart(EXTENSIONS),
            "MAIL" => session.mail(rest),
            "RCPT" => session.rcpt(rest, &mut resolve),
            "DATA" => session.data()?,
            "RSET" => session.restart("250 2.0.0 Ok"),
            "NOOP" => session.reply("250 2.0.0 Ok"),
            "QUIT" => {
                session.reply("221 2.0.0 Bye");
                return session.flush();
            }
            "HELO" | "EHLO" => session.reply("500 5.5.1 This is LMTP: say LHLO"),
            _ => session.reply("500 5.5.1 Unknown command"),
        }
    }
    Ok(())
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

    fn restart(&mut self, text: &str) {
        self.transaction = None;
        self.reply(text);
    }

    /// The next command; `None` where the client has gone. What is no command is answered here.
    fn command(&mut self) -> io::Result<Option<String>> {
        loop {
            if !self.input.buffer().contains(&b'\n') {
                self.flush()?;
            }
            let mut line = Vec::new();
            (&mut self.input).take(LONGEST).read_until(b'\n', &mut line)?;
            let is_whole = line.ends_with(b"\n");
            match String::from_utf8(line) {
                Ok(line) if line.is_empty() => return Ok(None),
                Ok(line) if is_whole => return Ok(Some(line.trim_end().to_owned())),
                _ if is_whole => self.reply("500 5.5.2 This is not UTF-8"),
                _ => {
                    self.input.skip_until(b'\n')?;
                    self.reply("500 5.5.2 Line too long");
                }
            }
        }
    }

    fn mail(&mut self, rest: &str) {
        let Some((sender, parameters)) = argument(rest, "FROM:") else {
            return self.reply("501 5.5.4 Syntax: MAIL FROM:<address>");
        };
        let mut transaction = Transaction { sender: sender.to_owned(), ..Transaction::default() };
        for parameter in parameters.split_ascii_whitespace() {
            match parameter.split_once('=').map_or((parameter, ""), |(name, value)| (name, value)) {
                ("SIZE", size) if size.bytes().all(|octet| octet.is_ascii_digit()) => {}
                ("BODY", "7BIT" | "8BITMIME") | ("SMTPUTF8", "") => {}
                ("XID", id) if is_id(id) => transaction.id = Some(id.to_owned()),
                _ => return self.reply("555 5.5.4 Unsupported parameters"),
            }
        }
        if self.transaction.is_some() {
            return self.reply("503 5.5.1 There is a sender already");
        }
        self.transaction = Some(transaction);
        self.reply("250 2.1.0 Ok");
    }

    fn rcpt(&mut self, rest: &str, resolve: &mut impl FnMut(&Recipient) -> Result<Mailbox, Refusal>) {
        let Some((address, "")) = argument(rest, "TO:") else {
            return self.reply("501 5.5.4 Syntax: RCPT TO:<address>");
        };
        let Some(transaction) = &mut self.transaction else { return self.reply("503 5.5.1 Say MAIL first") };
        let said = if transaction.recipient.is_some() {
            Err(Refusal::new("452 4.5.3", "One recipient at a time"))
        } else {
            let unknown = || Refusal::new("550 5.1.1", format_args!("<{address}> is no user of this machine"));
            Recipient::parse(address).ok_or_else(unknown).and_then(|recipient| {
                let mailbox = resolve(&recipient)?;
                transaction.recipient = Some((recipient, mailbox));
                Ok(())
            })
        };
        self.answer(said, "250 2.1.5 Ok");
    }

    fn answer(&mut self, said: Result<(), Refusal>, good: &str) {
        match said {
            Ok(()) => self.reply(good),
            Err(Refusal(text)) => self.reply(&text),
        }
    }

    fn data(&mut self) -> io::Result<()> {
        let Some(Transaction { sender, id, recipient: Some((recipient, mailbox)) }) = self.transaction.take() else {
            self.reply("503 5.5.1 No valid recipients");
            return Ok(());
        };
        match mailbox.begin(&Envelope { sender: &sender, id: id.as_deref(), recipient: &recipient }) {
            Err(Refusal(text)) => self.reply(&text),
            Ok(delivery) => {
                self.reply("354 End with a dot");
                self.flush()?;
                let stored = self.content(delivery)?;
                self.answer(stored, &format!("250 2.0.0 <{}> Saved", recipient.address));
            }
        }
        Ok(())
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

/// The path behind `FROM:` or `TO:` without its brackets, and the parameters.
fn argument<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = rest.split_at_checked(keyword.len()).filter(|(begin, _)| begin.eq_ignore_ascii_case(keyword))?;
    let path = rest.trim_start().strip_prefix('<')?;
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = path.find(|c| {
        let is_end = c == '>' && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = is_quoted && c == '\\' && !is_escaped;
        is_end
    })?;
    let (path, rest) = path.split_at_checked(end)?;
    Some((path, rest.strip_prefix('>')?.trim_start()))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
