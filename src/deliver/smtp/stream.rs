//! The byte stream of a session: TCP, later TLS. It limits time and length of replies, and reports each line to the
//! observer with secrets masked.
//!
//! What a reply shows to the observer is decided only when it is complete, if a login took place on this connection: a
//! credential may be spread over its lines. Before any login, lines are shown as they arrive.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::lines::Lines;
use super::observer::{Observer, Step};
use super::reply::{Gathered, MAX_REPLY, OtherProtocol, Progress, ReplyError, cleaned};
use super::socket::{Connected, Socket};
use crate::deliver::confidential::{Confidential, WITHHELD};
use crate::mail::outcome::{Reply, Seen, TlsProblem};
use crate::tls::{Binding, Client, HandshakeError, OursRefused, TlsStream};

/// The observer, shared by all connections that are tried for a session.
#[derive(Clone)]
pub struct SharedObserver(Arc<Mutex<Box<dyn Observer>>>);

impl SharedObserver {
    /// Takes the observer.
    #[must_use]
    pub fn new(observer: Box<dyn Observer>) -> Self {
        Self(Arc::new(Mutex::new(observer)))
    }

    /// Reports a step.
    pub fn step(&self, step: Step<'_>) {
        self.0.lock().step(step);
    }

    /// Reports that a stage is complete.
    pub fn reached(&self, text: &str) {
        self.step(Step::Reached(text));
    }

    /// Reports a remark of our own.
    pub fn note(&self, text: &str) {
        self.step(Step::Note(text));
    }
}

/// How much of a reply is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    Text,
    /// Only the codes, because the text may repeat a credential.
    Code,
}

/// A reply in an AUTH exchange.
pub struct AuthReply {
    /// The reply as far as it may be kept.
    pub reply: Reply,
    /// The challenge: the rest of the first line, usually base64.
    pub challenge: Zeroizing<String>,
}

/// Whether bytes have arrived that were not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// None.
    Quiet,
    /// At least one.
    Bytes,
}

enum Channel {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// A handshake failed, so the connection cannot be used any more.
    Gone,
}

/// A connection.
pub struct Stream {
    channel: Channel,
    observer: SharedObserver,
    lines: Lines,
    /// What the logins on this connection sent. Replies that show any of it are not kept.
    sent: Vec<Confidential>,
}

impl Stream {
    /// For a connected TCP socket.
    pub fn new(socket: TcpStream, observer: SharedObserver) -> Result<Self, Seen> {
        Self::of(Connected::Tcp(socket), observer)
    }

    /// For a connected socket.
    pub fn of(socket: Connected, observer: SharedObserver) -> Result<Self, Seen> {
        let mut socket = Socket::new(socket).map_err(|error| seen(&error))?;
        socket.set_interruption(observer.0.lock().interruption()).map_err(|error| seen(&error))?;
        Ok(Self { channel: Channel::Plain(socket), observer, lines: Lines::default(), sent: Vec::new() })
    }

    /// The session is open: a stop of the runner gives each reply a few seconds.
    pub fn wait_for_replies(&mut self) {
        match &mut self.channel {
            Channel::Plain(socket) => socket.wait_for_replies(),
            Channel::Tls(stream) => stream.io_mut().wait_for_replies(),
            Channel::Gone => {}
        }
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

    /// The TLS version, such as `TLSv1.3`; `None` without TLS.
    #[must_use]
    pub fn tls_version(&self) -> Option<String> {
        match &self.channel {
            Channel::Tls(stream) => Some(stream.version()),
            Channel::Plain(_) | Channel::Gone => None,
        }
    }

    /// Whether bytes were received that no reply used.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Performs the handshake and verifies that the server is `name`. What arrived in clear text is refused before, in
    /// `starttls`.
    pub fn start_tls(&mut self, client: &Client, name: &str, limit: Duration) -> Result<(), Seen> {
        debug_assert!(!self.has_unread(), "clear text would be read as if it had come over TLS");
        // `Gone` stays if the handshake fails, so that nothing can be sent in the clear over a socket that was meant
        // to be secured.
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

    /// Sends command lines together. Each ends with CRLF.
    pub fn send_lines<'l>(&mut self, lines: impl Iterator<Item = &'l str>, limit: Duration) -> Result<(), Seen> {
        self.send_lines_and(lines, &[], limit)
    }

    /// The same, followed by content.
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

    /// Sends a line with a secret. The observer gets `masked`.
    ///
    /// The whole line is one write and one buffer, which is wiped; the observer never sees it.
    pub fn send_secret(&mut self, line: &str, masked: &str, limit: Duration) -> Result<(), Seen> {
        self.observer.step(Step::Sent(masked));
        let mut bytes = Zeroizing::new(Vec::with_capacity(line.len() + 2));
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes, limit)
    }

    /// Sends content. `limit` is how long the transfer may make no progress.
    pub fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Seen> {
        self.socket().and_then(|socket| socket.allow_stall(limit)).map_err(|error| seen(&error))?;
        let sent = match &mut self.channel {
            Channel::Plain(socket) => socket.write_all(bytes),
            Channel::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Channel::Gone => Err(ErrorKind::NotConnected.into()),
        };
        sent.map_err(|error| seen(&error))
    }

    /// Reads a complete reply within the limit.
    pub fn reply(&mut self, limit: Duration, keep: Keep) -> Result<Reply, Seen> {
        let (gathered, keep) = self.gather(limit, keep)?;
        Ok(within(keep, gathered.reply()))
    }

    /// From now on, replies that show what was sent in this login are not kept.
    pub(crate) fn withhold(&mut self, confidential: Confidential) {
        self.sent.push(confidential);
    }

    fn shows_secret(&self, gathered: &Gathered) -> bool {
        if self.sent.is_empty() {
            return false;
        }
        let shows = |lines: &[String]| self.sent.iter().any(|sent| sent.shows_secret(lines));
        let (lines, text) = (gathered.lines(), gathered.reply().text);
        // The text for display is without the enhanced codes between the lines. Of a single line it is just that line.
        shows(lines) || (*lines != [text.as_str()] && shows(&[text]))
    }

    /// Reads a complete reply within the limit, and returns its lines as well (for EHLO).
    pub fn reply_lines(&mut self, limit: Duration) -> Result<(Reply, Vec<String>), Seen> {
        let (gathered, keep) = self.gather(limit, Keep::Text)?;
        Ok((within(keep, gathered.reply()), gathered.lines().to_vec()))
    }

    /// Reads a complete reply of an AUTH exchange. The text of a challenge is never kept. Other text is kept if it
    /// shows no credential.
    pub(crate) fn auth_reply(&mut self, limit: Duration, confidential: &Confidential) -> Result<AuthReply, Seen> {
        let (gathered, _) = self.gather(limit, Keep::Code)?;
        let challenge = Zeroizing::new(gathered.lines().first().cloned().unwrap_or_default());
        // In the text for display, the enhanced codes between the lines are removed, so both forms are checked.
        let is_withheld = (300..400).contains(&gathered.reply().code)
            || confidential.occurs_in(gathered.lines())
            || confidential.occurs_in(&[gathered.reply().text]);
        let keep = if is_withheld { Keep::Code } else { Keep::Text };
        let reply = within(keep, gathered.reply());
        self.observer.step(Step::Received(&reply.to_string()));
        Ok(AuthReply { reply, challenge })
    }

    /// When the server's certificate ends, in seconds since the epoch.
    #[must_use]
    pub fn certificate_end(&self) -> Option<u64> {
        match &self.channel {
            Channel::Tls(stream) => stream.certificate_end(),
            Channel::Plain(_) | Channel::Gone => None,
        }
    }

    /// The channel binding for a login.
    #[must_use]
    pub fn binding(&self) -> Option<Binding> {
        match &self.channel {
            Channel::Tls(stream) => stream.binding(),
            Channel::Plain(_) | Channel::Gone => None,
        }
    }

    /// Checks without waiting whether bytes have arrived or the connection was closed.
    ///
    /// Also tells whether the server has closed the connection, which a write would not notice: the first write to a
    /// closed connection succeeds.
    pub fn pending(&mut self) -> Result<Pending, Seen> {
        if self.has_unread() {
            return Ok(Pending::Bytes);
        }
        self.socket().map_err(|error| seen(&error))?.only_what_is_there();
        match self.fill() {
            Ok(_) => Ok(Pending::Bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Pending::Quiet),
            Err(error) => Err(seen(&error)),
        }
    }

    /// The observer of this connection.
    #[must_use]
    pub fn observer(&self) -> &SharedObserver {
        &self.observer
    }

    /// Closes the connection, with a TLS `close_notify`.
    pub fn close(mut self) {
        if let Channel::Tls(stream) = &mut self.channel {
            stream.close();
        }
    }

    /// Reads a complete reply. Returns it with how much of it may be kept.
    fn gather(&mut self, limit: Duration, keep: Keep) -> Result<(Gathered, Keep), Seen> {
        self.socket().map_err(|error| seen(&error))?.allow(limit);
        let mut gathered = Gathered::default();
        let (mut received, mut shown) = (0, Vec::new());
        loop {
            let Some(line) = self.lines.next_line() else {
                received += self.fill().map_err(|error| seen(&error))?;
                // The deadline alone does not bound the length: on a fast line a server could send gigabytes within
                // it.
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
        let mut kept = keep;
        if keep == Keep::Text && self.shows_secret(&gathered) {
            kept = Keep::Code;
            shown = vec![within(kept, gathered.reply()).to_string()];
        }
        for line in &shown {
            self.observer.step(Step::Received(line));
        }
        Ok((gathered, kept))
    }

    /// Reads more bytes into the buffer and returns their number. The end of the stream is an error.
    ///
    /// An end of file in the middle of a reply is never a reply, also if the bytes before it look like one.
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

/// The reply, reduced to what may be kept.
fn within(keep: Keep, reply: Reply) -> Reply {
    match keep {
        Keep::Text => reply,
        Keep::Code => {
            let text = match reply.enhanced {
                Some(enhanced) => format!("{enhanced} {WITHHELD}"),
                None => WITHHELD.to_owned(),
            };
            Reply { text, ..reply }
        }
    }
}

fn garbage(error: &ReplyError, keep: Keep) -> Seen {
    match (error, keep) {
        (ReplyError::NotSmtp(_) | ReplyError::Other(..), Keep::Code) => {
            Seen::Garbage("the server's reply to the login is not SMTP".to_owned())
        }
        // A server for reading mail is there because `relay` has its port, and goes on being there.
        (ReplyError::Other(OtherProtocol::Imap | OtherProtocol::Pop3, _), Keep::Text) => Seen::Local(error.to_string()),
        (error, _) => Seen::Garbage(error.to_string()),
    }
}

/// Converts an error of a read or write.
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

/// The system's error text without the error number.
pub(super) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let (before, rest) = text.split_once(" (os error ").unwrap_or((&text, ""));
    format!("{before}{}", rest.split_once(')').map_or("", |(_, after)| after))
}
