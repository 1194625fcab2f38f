//! An open SMTP connection and what it knows: the stream, what the server offers, what
//! may be said next; and the transaction it is given. Opening one is `connect`'s, sending
//! over it `transaction`'s.

use std::io::Read;

use super::capabilities::Capabilities;
use super::command;
use super::dsn_parameters::DsnRequest;
use super::stream::{Keep, Stream};
use super::timeouts::Timeouts;
use crate::config::Mechanism;
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Fact, Phase, Seen};
use crate::rules::classify::Provider;

/// A session that did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOpened {
    /// `host[ip]:port` of the relay that got furthest (the last of these), `host:port` where it has no address.
    pub relay: String,
    /// What was seen there.
    pub fact: Fact,
    /// The login mechanisms that were tried, in order.
    pub tried: Vec<Mechanism>,
}

impl NotOpened {
    /// The mechanisms that were tried, as in "SCRAM-SHA-256, then PLAIN"; none where the login was not reached.
    #[must_use]
    pub fn login(&self) -> Option<String> {
        let names: Vec<&str> = self.tried.iter().map(|mechanism| mechanism.name()).collect();
        (!names.is_empty()).then(|| names.join(", then "))
    }
}

/// What the session runs over, for logs and tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// `host[ip]:port`.
    pub relay: String,
    /// As in `TLSv1.3`; none: in the clear.
    pub tls: Option<String>,
    /// The mechanism that logged in.
    pub auth: Option<Mechanism>,
    /// Whether the server takes over who is told of what (RFC 3461).
    pub dsn: bool,
}

/// Where a body can be read from its beginning, as often as it is needed (again for recipients that the
/// server had no room for).
pub trait Body {
    /// A reader at the blank line behind the header (or at the end, where the message has no body).
    fn open(&self) -> std::io::Result<Box<dyn Read + '_>>;
}

impl Body for &[u8] {
    fn open(&self) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(*self))
    }
}

/// One message for one sender and some recipients, ready for the wire.
pub struct Transaction<'a> {
    /// MAIL FROM, after generic.
    pub sender: &'a ReversePath,
    /// RCPT TO, after generic.
    pub recipients: &'a [Address],
    /// RET, ENVID, NOTIFY and ORCPT, for servers with DSN.
    pub wishes: DsnRequest<'a>,
    /// Header bytes as they go out (CRLF lines, without the blank line; may be empty).
    pub header: &'a [u8],
    /// Everything behind the header, from the blank line on; CRLF lines.
    pub body: &'a dyn Body,
    /// Octets of header and body, for SIZE.
    pub size: u64,
}

/// What may be said next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// MAIL.
    Ready,
    /// RSET first: the last transaction stopped half-way.
    Halfway,
    /// Nothing: closed, about to be, or out of step.
    Broken,
}

/// Optional parameters that the server offers and has refused in this session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// SIZE, BODY, RET and ENVID.
    pub mail: bool,
    /// NOTIFY and ORCPT.
    pub rcpt: bool,
}

/// An open, logged-in connection.
pub struct Session {
    pub(crate) described: SessionInfo,
    pub(crate) stream: Stream,
    pub(crate) capabilities: Capabilities,
    pub(crate) timeouts: Timeouts,
    pub(crate) state: State,
    /// MAIL commands so far.
    pub(crate) mails: usize,
    /// A MAIL was refused: what follows the next one waits for its reply. A server may slow down with each command out
    /// of sequence.
    pub(crate) is_cautious: bool,
    pub(crate) left_out: LeftOut,
    pub(crate) provider: Option<Provider>,
    /// The account allows content before any reply.
    pub(crate) early_data: bool,
}

impl Session {
    /// What it runs over.
    #[must_use]
    pub fn described(&self) -> &SessionInfo {
        &self.described
    }

    /// What the server offers, on this very connection.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether another transaction may follow on this connection.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.state != State::Broken && self.capabilities.limits.mails.is_none_or(|most| self.mails < most)
    }

    /// QUIT, without waiting long for the answer.
    pub fn quit(mut self) {
        if self.state != State::Broken {
            let quit = command::quit();
            if self.stream.send_lines([quit.as_str()].into_iter(), self.timeouts.quit).is_ok() {
                // The mail is safe: whatever is said now changes nothing.
                let _ = self.stream.reply(self.timeouts.quit, Keep::Text);
            }
            self.stream.close();
        }
    }
}

/// What this side found, rather than the server.
pub(crate) fn local(phase: Phase, text: String) -> Fact {
    Fact { phase, seen: Seen::Local(text) }
}
