//! The server's side of SMTP submission (RFC 5321, RFC 6409) as a pure state machine:
//! bytes in, replies and effects out. Sockets and TLS are the driver's (`serve`); who
//! may log in and what becomes of a message is the [`Policy`]'s.

mod login;

use zeroize::{Zeroize, Zeroizing};

use super::auth::Exchange;
use super::command::{Command, Mail, Path, Recipient};
use super::dot_unstuffing::{Fed, LineEnd, Unstuffer};
use super::reply::{line, lines};
use crate::config::Mechanism;
use crate::mail::address::Address;
use crate::mail::dsn::Dsn;
use crate::tls::Binding;

pub use super::auth::Attempt;
pub use super::policy::{Client, Clients, Envelope, Limits, LoginRule, Message, Offered, Policy, Settings, TlsRule};
pub use super::reply::Refusal;

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Read more.
    Read,
    /// Send this (it may wait while there is input left: PIPELINING).
    Reply(Vec<u8>),
    /// Send this, do the handshake, tell [`Dialogue::secured`].
    StartTls(Vec<u8>),
    /// Decide on [`Dialogue::attempt`], tell [`Dialogue::decided`].
    Verify,
    /// Send this and close.
    Close(Vec<u8>),
}

/// What came of some input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Bytes used; the rest is to be handed in again.
    pub used: usize,
    /// What to do first.
    pub action: Action,
}

enum Phase<M> {
    Commands,
    /// The line in hand is longer than allowed: skipped to its end.
    Overlong,
    Auth(Exchange),
    /// Somebody else decides on a login.
    Verifying(Attempt),
    Content(Receiving<M>),
    Closed,
}

struct Receiving<M> {
    unstuffer: Unstuffer,
    intake: Intake<M>,
}

/// Where content goes. RFC 5321 has no place for a refusal before its end; a client that does not come to an end within
/// twice the limit (and [`ALLOWANCE`]) is refused where it is.
struct Intake<M> {
    message: Result<M, Refusal>,
    size: u64,
    /// Octets as they came in, also those that followed a refusal.
    received: u64,
    limit: u64,
}

/// Octets of a line that are skipped to find its end.
const LONGEST_LINE: usize = 1 << 20;

/// Octets of a message that is refused which are read in any case, so that its client reads the reply.
const ALLOWANCE: u64 = 1 << 20;

/// One connection's dialogue.
pub struct Dialogue<P: Policy> {
    settings: Settings,
    policy: P,
    client: Client,
    phase: Phase<P::Message>,
    envelope: Option<Envelope>,
    line: Zeroizing<Vec<u8>>,
    /// Octets of the line in hand, kept or skipped.
    line_octets: usize,
    faults: usize,
    rejected_logins: usize,
}

impl<P: Policy> Dialogue<P> {
    /// At the beginning of a connection.
    #[must_use]
    pub fn new(settings: Settings, policy: P) -> Self {
        // The whole limit at once: a buffer that grows would leave copies of passwords behind.
        let line = Zeroizing::new(Vec::with_capacity(settings.limits.line));
        Self {
            settings,
            policy,
            client: Client::default(),
            phase: Phase::Commands,
            envelope: None,
            line,
            line_octets: 0,
            faults: 0,
            rejected_logins: 0,
        }
    }

    /// The first thing to send.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        line(220, "", &format!("{} ESMTP postrider", self.settings.hostname))
    }

    /// TLS is there now (version as in `TLSv1.3`). What the client said before is forgotten (RFC 3207 section 4.2).
    pub fn secured(&mut self, version: &str, binding: Option<Binding>) {
        self.client = Client { tls: Some(version.to_owned()), binding, ..Client::default() };
        self.envelope = None;
        self.line.zeroize();
    }

    /// What is known of the client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The policy, for what is not decided within the dialogue.
    pub fn policy(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Takes as much of `input` as leads to the next action. `input` is everything that the driver
    /// has read and not yet handed in.
    pub fn take(&mut self, input: &[u8]) -> Taken {
        if matches!(self.phase, Phase::Content(_)) {
            return self.take_content(input);
        }
        let end = input.iter().position(|&byte| byte == b'\n');
        self.keep(&input[..end.unwrap_or(input.len())]);
        if self.line_octets > LONGEST_LINE {
            let action = self.close(line(421, "4.7.0", "a line without an end; closing"));
            return Taken { used: input.len(), action };
        }
        let Some(end) = end else { return Taken { used: input.len(), action: Action::Read } };
        self.line_octets = 0;
        let used = end + 1;
        let action = match self.act() {
            // Whoever sits in the line can put commands behind STARTTLS that would be taken as the client's own.
            Action::StartTls(_) if used < input.len() => {
                self.close(line(554, "5.5.1", "data after STARTTLS before the handshake; closing"))
            }
            action => action,
        };
        Taken { used, action }
    }

    /// Adds to the line in hand, within its limit.
    fn keep(&mut self, part: &[u8]) {
        self.line_octets = self.line_octets.saturating_add(part.len());
        if self.line.len() + part.len() <= self.settings.limits.line {
            self.line.extend_from_slice(part);
        } else {
            self.phase = match std::mem::replace(&mut self.phase, Phase::Overlong) {
                Phase::Closed => Phase::Closed,
                Phase::Commands | Phase::Overlong | Phase::Auth(_) | Phase::Verifying(_) | Phase::Content(_) => {
                    Phase::Overlong
                }
            };
        }
    }

    /// The line in hand is complete.
    fn act(&mut self) -> Action {
        let mut text = std::mem::replace(&mut self.line, Zeroizing::new(Vec::new()));
        let reply = match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Commands => self.obey(text.strip_suffix(b"\r").unwrap_or(&text)),
            Phase::Overlong => Err(Refusal::new(500, "5.5.6", "line too long")),
            Phase::Auth(exchange) => {
                let next = exchange.answer(text.strip_suffix(b"\r").unwrap_or(&text), &mut self.policy);
                next.map(|next| self.authenticate(next))
            }
            Phase::Verifying(_) | Phase::Content(_) | Phase::Closed => Ok(self.close(Vec::new())),
        };
        text.zeroize();
        self.line = text;
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
            Command::Rset => {
                self.envelope = None;
                Ok(Action::Reply(line(250, "2.0.0", "forgotten")))
            }
            Command::Noop => Ok(Action::Reply(line(250, "2.0.0", "nothing done"))),
            Command::Vrfy => Ok(Action::Reply(line(252, "2.5.0", "cannot verify; send a message to find out"))),
            Command::Help => {
                let known = "EHLO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY QUIT (RFC 5321, RFC 6409)";
                Ok(Action::Reply(line(214, "2.0.0", known)))
            }
            Command::Quit => {
                let farewell = line(221, "2.0.0", "good-bye");
                Ok(self.close(farewell))
            }
        }
    }

    fn greet(&mut self, name: String) {
        self.client.helo = Some(name);
        self.envelope = None;
    }

    fn ehlo(&mut self, name: String) -> Action {
        self.greet(name);
        let mut texts = vec![self.settings.hostname.clone(), "PIPELINING".to_owned()];
        texts.push(format!("SIZE {}", self.settings.limits.size));
        if self.offers_tls() {
            texts.push("STARTTLS".to_owned());
        }
        if self.may_log_in().is_ok() {
            let offered: Vec<_> = self.offered().into_iter().map(Mechanism::name).collect();
            // Old clients of Microsoft read only the second form.
            texts.extend([" ", "="].map(|separator| format!("AUTH{separator}{}", offered.join(" "))));
        }
        texts.extend(["DSN", "8BITMIME", "ENHANCEDSTATUSCODES"].map(str::to_owned));
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
        let limit = self.settings.limits.size;
        if mail.size.is_some_and(|size| size > limit) {
            return Ok(Action::Reply(too_big(limit).to_wire()));
        }
        if let Err(refusal) = self.policy.sender(&self.client, &mail.sender) {
            return Ok(Action::Reply(refusal.to_wire()));
        }
        let dsn = Dsn { ret: mail.ret, envid: mail.envid, ..Dsn::default() };
        self.envelope = Some(Envelope { sender: mail.sender, recipients: Vec::new(), body: mail.body, dsn });
        Ok(Action::Reply(line(250, "2.1.0", "sender OK")))
    }

    fn rcpt(&mut self, recipient: Recipient) -> Result<Action, Refusal> {
        let Some(envelope) = &mut self.envelope else { return Err(Refusal::new(503, "5.5.1", "send MAIL first")) };
        let address = match recipient.path {
            Path::Mailbox(address) => address,
            Path::Postmaster => Address::new("postmaster", &self.settings.hostname)
                .map_err(|_| Refusal::new(550, "5.1.1", "no postmaster is configured"))?,
        };
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

    fn data(&mut self) -> Result<Action, Refusal> {
        let Some(envelope) = &self.envelope else { return Err(Refusal::new(503, "5.5.1", "send MAIL first")) };
        if envelope.recipients.is_empty() {
            return Err(Refusal::new(554, "5.5.1", "no recipient was accepted"));
        }
        match self.policy.begin(&self.client, envelope) {
            Err(refusal) => {
                self.envelope = None;
                Ok(Action::Reply(refusal.to_wire()))
            }
            Ok(message) => {
                let intake = Intake { message: Ok(message), size: 0, received: 0, limit: self.settings.limits.size };
                self.phase = Phase::Content(Receiving { unstuffer: Unstuffer::new(self.line_end()), intake });
                Ok(Action::Reply(line(354, "", "end it with a dot on a line of its own")))
            }
        }
    }

    fn line_end(&self) -> LineEnd {
        match self.settings.clients {
            Clients::Network => LineEnd::Crlf,
            Clients::Own { .. } => LineEnd::CrlfOrLf,
        }
    }

    fn take_content(&mut self, input: &[u8]) -> Taken {
        let Phase::Content(receiving) = &mut self.phase else { return Taken { used: 0, action: Action::Read } };
        let Receiving { unstuffer, intake } = receiving;
        let fed = unstuffer.feed(input, &mut |piece| intake.write(piece));
        let used = match fed {
            Fed::Open => input.len(),
            Fed::Ended(used) => used,
        };
        let is_endless = intake.count(used);
        if fed == Fed::Open && !is_endless {
            return Taken { used, action: Action::Read };
        }
        self.envelope = None;
        let reply = match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Content(receiving) => receiving.intake.finish(),
            Phase::Commands | Phase::Overlong | Phase::Auth(_) | Phase::Verifying(_) | Phase::Closed => Vec::new(),
        };
        Taken { used, action: if is_endless { self.close(reply) } else { Action::Reply(reply) } }
    }

    /// A refusal for what the client did wrong; too many end the connection.
    fn fault(&mut self, refusal: &Refusal) -> Action {
        self.faults += 1;
        if self.faults < self.settings.limits.faults {
            return Action::Reply(refusal.to_wire());
        }
        self.close(line(421, "4.7.0", "too many errors; closing"))
    }

    fn close(&mut self, farewell: Vec<u8>) -> Action {
        self.phase = Phase::Closed;
        self.envelope = None;
        Action::Close(farewell)
    }
}

impl<M: Message> Intake<M> {
    fn write(&mut self, piece: &[u8]) {
        let Ok(message) = &mut self.message else { return };
        self.size = self.size.saturating_add(piece.len() as u64);
        let refused = if self.size > self.limit { Some(too_big(self.limit)) } else { message.write(piece).err() };
        if let Some(refusal) = refused {
            self.message = Err(refusal);
        }
    }

    /// Counts what came in; whether that is so much that the end is not waited for. What is over twice the limit
    /// was refused when it passed the limit, so that nothing is stored without its end.
    fn count(&mut self, octets: usize) -> bool {
        self.received = self.received.saturating_add(octets as u64);
        let is_endless = self.received > self.limit.saturating_mul(2).max(ALLOWANCE);
        if is_endless && self.message.is_ok() {
            // Dots at the start of lines are not content.
            self.message = Err(too_big(self.limit));
        }
        is_endless
    }

    fn finish(self) -> Vec<u8> {
        match self.message.and_then(M::finish) {
            Ok(text) => line(250, "2.0.0", &text),
            Err(refusal) => refusal.to_wire(),
        }
    }
}

fn too_big(limit: u64) -> Refusal {
    Refusal::new(552, "5.3.4", format!("messages may have at most {limit} bytes"))
}

#[cfg(test)]
mod tests;
