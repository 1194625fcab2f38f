//! The server side of SMTP submission (RFC 5321, RFC 6409) as a pure state machine: bytes in, replies and actions
//! out. The driver (`serve`) has sockets and TLS; the [`Policy`] decides about logins and messages.
//!
//! The machine does nothing that takes time. When something has to be decided or stored elsewhere, `take` returns an
//! action, the phase says what is awaited, and no further input is taken until the driver has reported the result by
//! the function that the action names. So the same machine serves a socket, a pipe and a test, and pipelined input
//! (RFC 2920) cannot overtake a decision: the bytes after a command stay with the driver until it is answered.
//!
//! There are two kinds of refusal. What is wrong with a command itself (an `Err`) counts as a fault of the client, and
//! too many faults close the connection. What the policy refuses is an ordinary reply and is not counted: a mailing to
//! twenty-one recipients that do not exist is no attack.

mod content;
mod login;

use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::auth::Exchange;
use super::command::{Command, Mail, Path, Recipient};
use super::reply::{line, lines};
use crate::config::Mechanism;
use crate::mail::address::Address;
use crate::mail::dsn::Dsn;
use crate::tls::Binding;

pub use super::auth::Attempt;
pub use super::policy::{
    Client, Clients, Decision, Envelope, Limits, LineEnds, LoginRule, Message, Offered, Policy, Service, Settings,
    TlsRule,
};
pub use super::reply::Refusal;
use content::{Intake, Progress, Receiving, too_big};

/// What the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Read more input.
    Read,
    /// Send this reply. It may wait while there is more input (PIPELINING).
    Reply(Vec<u8>),
    /// Send this reply, perform the handshake, then call [`Dialogue::secured`].
    StartTls(Vec<u8>),
    /// Decide about [`Dialogue::attempt`], then call [`Dialogue::decided`].
    Verify,
    /// Take a message on or refuse it, tell [`Dialogue::began`].
    Begin,
    /// Take this content of the message, without dot-stuffing, tell [`Dialogue::received`].
    Content(Vec<u8>),
    /// The content is complete: take responsibility for the message, tell [`Dialogue::stored`].
    Store,
    /// Wait so long, then ask [`Dialogue::resumed`].
    Pause(Duration),
    /// Send this and close.
    Close(Vec<u8>),
}

/// The result of some input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Bytes used. The rest must be passed in again.
    pub used: usize,
    /// What to do first.
    pub action: Action,
}

enum Phase {
    Commands,
    /// The current line is too long and is skipped to its end.
    Overlong,
    Auth(Exchange),
    /// A login is being decided elsewhere.
    Verifying(Attempt),
    /// Somebody else decides on a message.
    Beginning(Receiving),
    Content(Receiving),
    /// Somebody else stores a message.
    Storing,
    Closed,
}

/// Octets of a line that are skipped to find its end.
const LONGEST_LINE: usize = 1 << 20;

/// One connection's dialogue.
pub struct Dialogue<P: Policy> {
    settings: Settings,
    policy: P,
    client: Client,
    phase: Phase,
    envelope: Option<Envelope>,
    /// The message that comes in.
    intake: Option<Intake>,
    /// How far its content had come when it was handed out last.
    handed_out: Progress,
    /// What follows a pause.
    paused: Option<Action>,
    line: Zeroizing<Vec<u8>>,
    /// Bytes of the current line, kept or skipped.
    line_octets: usize,
    faults: usize,
    rejected_logins: usize,
}

impl<P: Policy> Dialogue<P> {
    /// At the start of a connection.
    #[must_use]
    pub fn new(settings: Settings, policy: P) -> Self {
        Self {
            settings,
            policy,
            client: Client::default(),
            phase: Phase::Commands,
            envelope: None,
            intake: None,
            handed_out: Progress::Open,
            paused: None,
            line: Zeroizing::default(),
            line_octets: 0,
            faults: 0,
            rejected_logins: 0,
        }
    }

    /// The greeting.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        line(220, "", &format!("{} ESMTP postrider", self.settings.hostname))
    }

    /// TLS has started (version such as `TLSv1.3`). What the client said before is discarded (RFC 3207 section 4.2).
    ///
    /// The faults and the rejected logins stay: TLS must not give a client that guesses passwords a fresh start.
    pub fn secured(&mut self, version: &str, binding: Option<Binding>) {
        self.client = Client { tls: Some(version.to_owned()), binding, ..Client::default() };
        self.forget();
        self.line.zeroize();
    }

    /// What is known about the client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What an action that is handed out needs to know.
    pub fn question(&mut self) -> Question<'_, P> {
        let attempt = match &self.phase {
            Phase::Verifying(attempt) => Some(attempt),
            _ => None,
        };
        Question { policy: &mut self.policy, client: &self.client, envelope: self.envelope.as_ref(), attempt }
    }

    /// How far the client has come, as the last command that it gave.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match &self.phase {
            Phase::Content(Receiving::Dots(_)) => "DATA",
            Phase::Content(Receiving::Chunk { .. }) => "BDAT",
            Phase::Auth(_) => "AUTH",
            _ => match (&self.envelope, &self.client) {
                (Some(envelope), _) if !envelope.recipients.is_empty() => "RCPT",
                (Some(_), _) => "MAIL",
                (None, Client { login: Some(_), .. }) => "AUTH",
                (None, Client { helo: Some(_), .. }) => "EHLO",
                (None, Client { tls: Some(_), .. }) => "STARTTLS",
                (None, _) => "CONNECT",
            },
        }
    }

    /// What follows a pause.
    pub fn resumed(&mut self) -> Action {
        self.paused.take().unwrap_or(Action::Read)
    }

    /// The transaction is over.
    fn forget(&mut self) {
        self.envelope = None;
        self.intake = None;
    }

    /// Uses as much of `input` as leads to the next action. `input` is everything that was read and not used yet.
    ///
    /// A command line ends with LF, with or without CR before it. For commands, unlike for content, nothing can be
    /// smuggled that way, since every line is checked by itself.
    pub fn take(&mut self, input: &[u8]) -> Taken {
        if matches!(self.phase, Phase::Content(_)) {
            return self.take_content(input);
        }
        let end = memchr::memchr(b'\n', input);
        if let Some(end) = end.filter(|end| self.line_octets == 0 && *end <= self.settings.limits.line) {
            return self.taken(end + 1, input, &input[..end]);
        }
        self.keep(&input[..end.unwrap_or(input.len())]);
        // A line that is too long is skipped and refused, but not without end: it would keep the connection busy while
        // nothing is counted.
        if self.line_octets > LONGEST_LINE {
            let action = self.close(line(421, "4.7.0", "a line without an end; closing"));
            return Taken { used: input.len(), action };
        }
        let Some(end) = end else { return Taken { used: input.len(), action: Action::Read } };
        self.line_octets = 0;
        // Wiped and freed once it is handled, so that a password in it lives for this call only.
        let text = std::mem::take(&mut self.line);
        self.taken(end + 1, input, &text)
    }

    /// Handles a complete line, which ends behind so many octets of the input.
    fn taken(&mut self, used: usize, input: &[u8], text: &[u8]) -> Taken {
        let action = match self.act(text.strip_suffix(b"\r").unwrap_or(text)) {
            // An attacker in between can append commands to STARTTLS, which would be taken as the client's own.
            Action::StartTls(_) if used < input.len() => {
                self.close(line(554, "5.5.1", "data after STARTTLS before the handshake; closing"))
            }
            action => action,
        };
        Taken { used, action }
    }

    /// Adds to the current line, within its limit.
    ///
    /// Bytes beyond the limit are counted and not kept, so the memory of a connection is bounded whatever is sent.
    fn keep(&mut self, part: &[u8]) {
        self.line_octets = self.line_octets.saturating_add(part.len());
        if self.line.capacity() == 0 {
            // At the full limit: a growing buffer would leave copies of passwords in memory.
            self.line = Zeroizing::new(Vec::with_capacity(self.settings.limits.line));
        }
        if self.line.len() + part.len() <= self.settings.limits.line {
            self.line.extend_from_slice(part);
        } else if !matches!(self.phase, Phase::Closed) {
            self.phase = Phase::Overlong;
        }
    }

    /// Does what a line without its end says.
    fn act(&mut self, text: &[u8]) -> Action {
        let reply = match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Commands => self.obey(text),
            Phase::Overlong => Err(Refusal::new(500, "5.5.6", "line too long")),
            Phase::Auth(exchange) => {
                let next = exchange.answer(text, &mut self.policy);
                next.map(|next| self.authenticate(next))
            }
            // Only a driver that does not report a result comes here. Closing is the one reaction that cannot be
            // wrong.
            Phase::Verifying(_) | Phase::Beginning(_) | Phase::Content(_) | Phase::Storing | Phase::Closed => {
                Ok(self.close(Vec::new()))
            }
        };
        reply.unwrap_or_else(|refusal| self.fault(&refusal))
    }

    fn obey(&mut self, text: &[u8]) -> Result<Action, Refusal> {
        match super::command::parse(text, &self.settings.clients)? {
            Command::Ehlo(name) => Ok(self.ehlo(name)),
            Command::Helo(name) => {
                self.greet(name);
                Ok(Action::Reply(line(250, "", &self.settings.hostname)))
            }
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => {
                self.may_log_in()?;
                let (offered, initial) = (self.offered(), initial.as_ref().map(|text| text.as_str()));
                let binding = self.client.binding.as_ref();
                let next = super::auth::begin(&mechanism, &offered, initial, binding, &mut self.policy)?;
                Ok(self.authenticate(next))
            }
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Bdat { octets, place } => Ok(self.bdat(octets, place)),
            Command::BadBdat => {
                // What follows may be commands or content.
                let farewell = line(
                    501,
                    "5.5.4",
                    "syntax: BDAT octets [LAST]; closing the connection, because the end of the chunk is unknown",
                );
                Ok(self.close(farewell))
            }
            Command::Absent(verb) => Err(Refusal::new(502, "5.5.1", format!("{verb} is not offered here"))),
            Command::Rset => {
                self.forget();
                Ok(Action::Reply(line(250, "2.0.0", "forgotten")))
            }
            Command::Noop => Ok(Action::Reply(line(250, "2.0.0", "nothing done"))),
            Command::Vrfy => Ok(Action::Reply(line(252, "2.5.0", "cannot verify; send a message to find out"))),
            Command::Help => {
                let offered = [(self.offers_tls(), " STARTTLS"), (self.may_log_in().is_ok(), " AUTH")];
                let offered: String = offered.into_iter().filter_map(|(is, word)| is.then_some(word)).collect();
                let known = format!("EHLO{offered} MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT (RFC 5321, RFC 6409)");
                Ok(Action::Reply(line(214, "2.0.0", &known)))
            }
            Command::Quit => {
                let farewell = line(221, "2.0.0", "good-bye");
                Ok(self.close(farewell))
            }
        }
    }

    /// RFC 5321 section 4.1.4: EHLO in the middle of a session ends the transaction as RSET does. The login stays.
    fn greet(&mut self, name: String) {
        self.client.helo = Some(name);
        self.forget();
    }

    /// What is offered depends on what is allowed now: STARTTLS disappears once TLS is active (RFC 3207 section 4.2),
    /// AUTH appears only where a password may be sent and no more after a login.
    fn ehlo(&mut self, name: String) -> Action {
        self.greet(name);
        let mut texts = vec![self.settings.hostname.clone(), "PIPELINING".to_owned()];
        texts.push(format!("SIZE {}", self.settings.limits.size));
        if self.offers_tls() {
            texts.push("STARTTLS".to_owned());
        }
        if self.may_log_in().is_ok() {
            let offered: Vec<_> = self.offered().into_iter().map(Mechanism::name).collect();
            // Old Microsoft clients only understand the second form.
            texts.extend([" ", "="].map(|separator| format!("AUTH{separator}{}", offered.join(" "))));
        }
        texts.extend(["DSN", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"].map(str::to_owned));
        Action::Reply(lines(250, &texts))
    }

    fn awaits_tls(&self) -> bool {
        self.settings.tls == TlsRule::Starttls && self.client.tls.is_none()
    }

    fn offers_tls(&self) -> bool {
        self.settings.tls != TlsRule::Absent && self.client.tls.is_none()
    }

    fn start_tls(&mut self) -> Result<Action, Refusal> {
        self.after_hello()?;
        if self.client.tls.is_some() {
            return Err(Refusal::new(503, "5.5.1", "TLS is active already"));
        }
        match self.settings.tls {
            TlsRule::Starttls | TlsRule::Optional => {
                Ok(Action::StartTls(line(220, "2.0.0", "ready for the handshake")))
            }
            TlsRule::Absent => Err(Refusal::new(502, "5.5.1", "TLS is not offered here")),
        }
    }

    fn after_hello(&self) -> Result<(), Refusal> {
        match self.client.helo {
            Some(_) => Ok(()),
            None => Err(Refusal::new(503, "5.5.1", "send EHLO first")),
        }
    }

    /// The checks are in the order in which the client can act on them: TLS, login, then what concerns this message.
    /// Nothing about accounts or senders is said to a client that has not logged in.
    fn mail(&mut self, mail: Mail) -> Result<Action, Refusal> {
        self.after_hello()?;
        if self.awaits_tls() {
            return Err(Refusal::new(530, "5.7.0", "STARTTLS first"));
        }
        if matches!(self.settings.login, LoginRule::Required(_)) && self.client.login.is_none() {
            return Err(Refusal::new(530, "5.7.0", "log in first (AUTH)"));
        }
        if self.envelope.is_some() {
            return Err(Refusal::new(503, "5.5.1", "a transaction is open; end it with DATA or RSET"));
        }
        // RFC 1870 section 6.1: refused before the content is sent, if the client announces its size. A client that
        // announces less than it sends is stopped while it sends.
        let limit = self.settings.limits.size;
        if mail.size.is_some_and(|size| size > limit) {
            return Ok(Action::Reply(too_big(limit).to_wire()));
        }
        if !mail.utf8 && mail.sender.mailbox().is_some_and(|address| !address.is_ascii()) {
            return Err(needs_utf8());
        }
        if let Err(refusal) = self.policy.sender(&self.client, &mail.sender) {
            return Ok(Action::Reply(refusal.to_wire()));
        }
        let dsn = Dsn { ret: mail.ret, envid: mail.envid, ..Dsn::default() };
        let Mail { sender, body, utf8, .. } = mail;
        self.envelope = Some(Envelope { sender, recipients: Vec::new(), body, utf8, dsn });
        Ok(Action::Reply(line(250, "2.1.0", "sender OK")))
    }

    /// 452 for one recipient too many, and not 552: the client then sends to those that were accepted and to the
    /// others in a further message (RFC 5321 section 4.5.3.1.10).
    fn rcpt(&mut self, recipient: Recipient) -> Result<Action, Refusal> {
        let Some(envelope) = &mut self.envelope else { return Err(Refusal::new(503, "5.5.1", "send MAIL first")) };
        if self.intake.is_some() {
            return Err(Refusal::new(503, "5.5.1", "the message has begun; end it with BDAT LAST, or send RSET"));
        }
        let address = match recipient.path {
            Path::Mailbox(address) => address,
            Path::Postmaster => Address::new("postmaster", &self.settings.hostname)
                .map_err(|_| Refusal::new(550, "5.1.1", "no postmaster is configured"))?,
        };
        if !envelope.utf8 && !address.is_ascii() {
            return Err(needs_utf8());
        }
        if envelope.recipients.len() >= self.settings.limits.recipients {
            return Ok(Action::Reply(line(452, "4.5.3", "too many recipients; send to the others in another message")));
        }
        if let Err(refusal) = self.policy.recipient(&self.client, envelope, &address) {
            return Ok(Action::Reply(refusal.to_wire()));
        }
        envelope.dsn.of.insert(address.to_string(), recipient.asked);
        envelope.recipients.push(address);
        Ok(Action::Reply(line(250, "2.1.5", "recipient OK")))
    }

    /// A refusal for what the client did wrong; too many end the connection.
    ///
    /// The count is never reset. A device that repeats the same mistake with each message is closed in the end,
    /// connects again, and sends its next message.
    fn fault(&mut self, refusal: &Refusal) -> Action {
        self.faults += 1;
        if self.faults < self.settings.limits.faults {
            return Action::Reply(refusal.to_wire());
        }
        self.close(line(421, "4.7.0", "too many errors; closing"))
    }

    fn close(&mut self, farewell: Vec<u8>) -> Action {
        self.phase = Phase::Closed;
        self.forget();
        Action::Close(farewell)
    }
}

/// What an action that is handed out needs to know.
pub struct Question<'d, P> {
    /// The policy.
    pub policy: &'d mut P,
    /// What is known of the client.
    pub client: &'d Client,
    /// The transaction in hand.
    pub envelope: Option<&'d Envelope>,
    /// The login that is to be decided on, behind [`Action::Verify`].
    pub attempt: Option<&'d Attempt>,
}

fn needs_utf8() -> Refusal {
    Refusal::new(553, "5.6.7", "a non-ASCII address needs the parameter SMTPUTF8 in MAIL")
}

#[cfg(test)]
mod tests;
