//! The guarded byte stream of a session: TCP, then TLS over it. It bounds replies in
//! time and length, refuses clear text that is left over at STARTTLS, and tells the
//! observer of each line, secrets masked. What is said on it is others' business.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::lines::Lines;
use super::observer::{Observer, Step};
use super::reply::{Gathered, MAX_REPLY, Progress, ReplyError, cleaned};
use super::sasl::confidential::Confidential;
use super::socket::Socket;
use crate::mail::outcome::{Reply, Seen, TlsProblem};
use crate::tls::{Binding, Client, HandshakeError, OursRefused, TlsStream};

/// The observer, shared by the connections that one opening tries.
#[derive(Clone)]
pub struct SharedObserver(Arc<Mutex<Box<dyn Observer>>>);

impl SharedObserver {
    /// Takes the observer over.
    #[must_use]
    pub fn new(observer: Box<dyn Observer>) -> Self {
        Self(Arc::new(Mutex::new(observer)))
    }

    /// Tells one step.
    pub fn step(&self, step: Step<'_>) {
        self.0.lock().step(step);
    }

    /// Tells of a stage that is behind us.
    pub fn reached(&self, text: &str) {
        self.step(Step::Reached(text));
    }

    /// Tells a remark of ours.
    pub fn note(&self, text: &str) {
        self.step(Step::Note(text));
    }
}

/// How much of a reply is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    Text,
    /// Code and enhanced code only: the text may repeat a credential.
    Code,
}

/// A reply of an AUTH exchange.
pub struct AuthReply {
    /// As far as it may be kept.
    pub reply: Reply,
    /// What it says to the mechanism: the rest of its first line, base64 as a rule.
    pub challenge: Zeroizing<String>,
}

/// Whether something has come that nobody has read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Nothing.
    Quiet,
    /// Some bytes, at least.
    Bytes,
}

enum Channel {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// A handshake failed half-way: nothing can be said any more.
    Gone,
}

/// One connection.
pub struct Stream {
    channel: Channel,
    observer: SharedObserver,
    lines: Lines,
    /// What the logins of this connection have sent: no later reply is kept that shows it.
    sent: Vec<Confidential>,
}

impl Stream {
    /// Over a connected socket.
    pub fn new(socket: TcpStream, observer: SharedObserver) -> Result<Self, Seen> {
        let socket = Socket::new(socket).map_err(|error| seen(&error))?;
        Ok(Self { channel: Channel::Plain(socket), observer, lines: Lines::default(), sent: Vec::new() })
    }

    /// Our own address on this connection.
    #[must_use]
    pub fn local_ip(&self) -> Option<IpAddr> {
        match &self.channel {
            Channel::Plain(socket) => socket.local_ip().ok(),
            Channel::Tls(stream) => stream.io().local_ip().ok(),
            Channel::Gone => None,
        }
    }

    /// As in `TLSv1.3`; none in the clear.
    #[must_use]
    pub fn tls_version(&self) -> Option<String> {
        match &self.channel {
            Channel::Tls(stream) => Some(stream.version()),
            Channel::Plain(_) | Channel::Gone => None,
        }
    }

    /// Shakes hands and verifies that the server is `name`. Clear text that arrived before
    /// would be read as if it had come over TLS: it ends the session.
    pub fn start_tls(&mut self, client: &Client, name: &str, limit: Duration) -> Result<(), Seen> {
        if !self.lines.is_empty() {
            return Err(Seen::Garbage(
                "the server sent data after its reply to STARTTLS, which would be read as if it had come over TLS \
                 (somebody may be tampering with the connection); nothing secret was sent"
                    .to_owned(),
            ));
        }
        let Channel::Plain(mut socket) = std::mem::replace(&mut self.channel, Channel::Gone) else {
            return Err(Seen::Closed);
        };
        socket.allow(limit);
        socket.allow_stall(limit).map_err(|error| seen(&error))?;
        let stream = client.connect(name, socket).map_err(|error| match error {
            HandshakeError::Local(error) => Seen::Local(error.to_string()),
            HandshakeError::Io(error) => seen(&error),
            HandshakeError::Problem(problem) => Seen::Tls(problem),
        })?;
        for line in stream.described() {
            self.observer.note(&line);
        }
        self.observer.reached(&format!("{}; the certificate is valid for {name}", stream.version()));
        self.channel = Channel::Tls(Box::new(stream));
        Ok(())
    }

    /// Sends command lines in one go; each ends with CRLF.
    pub fn send_lines<'l>(&mut self, lines: impl Iterator<Item = &'l str>, limit: Duration) -> Result<(), Seen> {
        self.send_lines_and(lines, &[], limit)
    }

    /// The same, with content behind them.
    pub fn send_lines_and<'l>(
        &mut self,
        lines: impl Iterator<Item = &'l str>,
        content: &[u8],
        limit: Duration,
    ) -> Result<(), Seen> {
        let mut bytes = Vec::new();
        for line in lines {
            self.observer.step(Step::Sent(line.trim_end()));
            bytes.extend_from_slice(line.as_bytes());
        }
        bytes.extend_from_slice(content);
        self.send(&bytes, limit)
    }

    /// Sends a line that holds a secret; the observer is shown `masked`.
    pub fn send_secret(&mut self, line: &str, masked: &str, limit: Duration) -> Result<(), Seen> {
        self.observer.step(Step::Sent(masked));
        let mut bytes = Zeroizing::new(Vec::with_capacity(line.len() + 2));
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes, limit)
    }

    /// Sends bytes of content; `limit` is how long nothing may move.
    pub fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Seen> {
        self.socket().and_then(|socket| socket.allow_stall(limit)).map_err(|error| seen(&error))?;
        let sent = match &mut self.channel {
            Channel::Plain(socket) => socket.write_all(bytes),
            Channel::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Channel::Gone => Err(ErrorKind::NotConnected.into()),
        };
        sent.map_err(|error| seen(&error))
    }

    /// Reads one whole reply within the limit.
    pub fn reply(&mut self, limit: Duration, keep: Keep) -> Result<Reply, Seen> {
        let gathered = self.gather(limit, keep)?;
        let keep = if self.shows_secret(&gathered) { Keep::Code } else { keep };
        Ok(within(keep, gathered.reply()))
    }

    /// From now on no reply is kept that shows what was sent in this login.
    pub(crate) fn withhold(&mut self, confidential: Confidential) {
        self.sent.push(confidential);
    }

    fn shows_secret(&self, gathered: &Gathered) -> bool {
        let shows = |lines: &[String]| self.sent.iter().any(|sent| sent.shows_secret(lines));
        !self.sent.is_empty() && (shows(gathered.lines()) || shows(&[gathered.reply().text]))
    }

    /// Reads one whole reply within the limit; its lines are wanted one by one (EHLO).
    pub fn reply_lines(&mut self, limit: Duration) -> Result<(Reply, Vec<String>), Seen> {
        let gathered = self.gather(limit, Keep::Text)?;
        let keep = if self.shows_secret(&gathered) { Keep::Code } else { Keep::Text };
        Ok((within(keep, gathered.reply()), gathered.lines().to_vec()))
    }

    /// Reads one whole reply of an AUTH exchange. The text of a challenge is not kept, that of another reply only if it
    /// shows no credential.
    pub(crate) fn auth_reply(&mut self, limit: Duration, confidential: &Confidential) -> Result<AuthReply, Seen> {
        let gathered = self.gather(limit, Keep::Code)?;
        let challenge = Zeroizing::new(gathered.lines().first().cloned().unwrap_or_default());
        // What is shown has the enhanced codes between the lines taken out.
        let is_withheld = (300..400).contains(&gathered.reply().code)
            || confidential.occurs_in(gathered.lines())
            || confidential.occurs_in(&[gathered.reply().text]);
        let keep = if is_withheld { Keep::Code } else { Keep::Text };
        let reply = within(keep, gathered.reply());
        self.observer.step(Step::Received(&reply.to_string()));
        Ok(AuthReply { reply, challenge })
    }

    /// What ties a login to this connection.
    #[must_use]
    pub fn binding(&self) -> Option<Binding> {
        match &self.channel {
            Channel::Tls(stream) => stream.binding(),
            Channel::Plain(_) | Channel::Gone => None,
        }
    }

    /// Looks, without waiting, whether something has come, or the connection is closed.
    pub fn pending(&mut self) -> Result<Pending, Seen> {
        if !self.lines.is_empty() {
            return Ok(Pending::Bytes);
        }
        self.socket().map_err(|error| seen(&error))?.only_what_is_there();
        match self.fill() {
            Ok(_) => Ok(Pending::Bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Pending::Quiet),
            Err(error) => Err(seen(&error)),
        }
    }

    /// The observer.
    #[must_use]
    pub fn observer(&self) -> &SharedObserver {
        &self.observer
    }

    /// Ends the connection in order.
    pub fn close(mut self) {
        if let Channel::Tls(stream) = &mut self.channel {
            stream.close();
        }
    }

    fn gather(&mut self, limit: Duration, keep: Keep) -> Result<Gathered, Seen> {
        self.socket().map_err(|error| seen(&error))?.allow(limit);
        let mut gathered = Gathered::default();
        let (mut received, mut shown) = (0, Vec::new());
        loop {
            let Some(line) = self.lines.next_line() else {
                received += self.fill().map_err(|error| seen(&error))?;
                if received > MAX_REPLY {
                    return Err(Seen::Garbage(format!("the server sent a reply of more than {MAX_REPLY} bytes")));
                }
                continue;
            };
            let progress = gathered.line(&line).map_err(|error| garbage(&error, keep))?;
            match keep {
                Keep::Text if self.sent.is_empty() => self.observer.step(Step::Received(&cleaned(&line))),
                Keep::Text => shown.push(cleaned(&line)),
                Keep::Code => {}
            }
            if progress == Progress::Complete {
                break;
            }
        }
        if self.shows_secret(&gathered) {
            shown = vec![within(Keep::Code, gathered.reply()).to_string()];
        }
        shown.iter().filter(|_| keep == Keep::Text).for_each(|line| self.observer.step(Step::Received(line)));
        Ok(gathered)
    }

    /// Reads some more into the buffer, so many octets; the end of the stream is an error.
    fn fill(&mut self) -> io::Result<usize> {
        let room = self.lines.room();
        let count = loop {
            let read = match &mut self.channel {
                Channel::Plain(socket) => socket.read(room),
                Channel::Tls(stream) => stream.read(room),
                Channel::Gone => Ok(0),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.lines.received(count);
        Ok(count)
    }

    fn socket(&mut self) -> io::Result<&mut Socket> {
        match &mut self.channel {
            Channel::Plain(socket) => Ok(socket),
            Channel::Tls(stream) => Ok(stream.io_mut()),
            Channel::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }
}

/// The reply as far as it may be kept.
fn within(keep: Keep, reply: Reply) -> Reply {
    match keep {
        Keep::Text => reply,
        Keep::Code => {
            let text = match reply.enhanced {
                Some(enhanced) => format!("{enhanced} (text withheld)"),
                None => "(text withheld)".to_owned(),
            };
            Reply { text, ..reply }
        }
    }
}

fn garbage(error: &ReplyError, keep: Keep) -> Seen {
    match (error, keep) {
        (ReplyError::NotSmtp(_), Keep::Code) => Seen::Garbage("the server's reply to the login is not SMTP".to_owned()),
        (error, _) => Seen::Garbage(error.to_string()),
    }
}

/// A failed read or write as what was seen.
pub(crate) fn seen(error: &io::Error) -> Seen {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Seen::Timeout,
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::WriteZero => Seen::Closed,
        ErrorKind::InvalidData => match error.get_ref().and_then(|inner| inner.downcast_ref::<OursRefused>()) {
            Some(refused) => Seen::Tls(TlsProblem::Ours(refused.to_string())),
            None => Seen::Failed(format!("the TLS connection broke: {error}")),
        },
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::NetworkDown => {
            Seen::Unreachable(in_words(error))
        }
        _ => Seen::Failed(in_words(error)),
    }
}

/// The system's words without its number, which is nobody's word.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let (before, rest) = text.split_once(" (os error ").unwrap_or((&text, ""));
    format!("{before}{}", rest.split_once(')').map_or("", |(_, after)| after))
}
