//! An open SMTP connection and its state: the stream, the server's capabilities, and which command may follow; and
//! the transaction to send. `connect` opens it, `transaction` uses it.

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

/// Why no session could be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOpened {
    /// The relay that got furthest (the last of several), as `host[ip]:port`, or as `host:port` if it has no address.
    pub relay: String,
    /// The failure there.
    pub fact: Fact,
    /// The login mechanisms that were tried, in order.
    pub tried: Vec<Mechanism>,
}

impl NotOpened {
    /// The mechanisms that were tried, such as "SCRAM-SHA-256, then PLAIN". `None` if the login was not reached.
    #[must_use]
    pub fn login(&self) -> Option<String> {
        let names: Vec<&str> = self.tried.iter().map(|mechanism| mechanism.name()).collect();
        (!names.is_empty()).then(|| names.join(", then "))
    }
}

/// Information about a session, for logs and tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// The relay as `host[ip]:port`.
    pub relay: String,
    /// The TLS version, such as `TLSv1.3`; `None` without TLS.
    pub tls: Option<String>,
    /// The mechanism of the login.
    pub auth: Option<Mechanism>,
    /// Whether the server sends the reports itself (RFC 3461).
    pub dsn: bool,
}

/// The server of a session among those that the account has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// Its `host:port`.
    pub place: String,
    /// How many others of the same priority there are.
    pub equals: usize,
    /// How many others there are at all.
    pub others: usize,
}

/// A body that can be read from its start several times: again for recipients that did not fit into the first
/// transaction.
pub trait Body {
    /// A reader from the blank line after the header on, or from the end if the message has no body.
    fn open(&self) -> std::io::Result<Box<dyn Read + '_>>;
}

impl Body for &[u8] {
    fn open(&self) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(*self))
    }
}

/// A message for one sender and some recipients, ready to be sent.
pub struct Transaction<'a> {
    /// The address for MAIL FROM, after generic.
    pub sender: &'a ReversePath,
    /// The addresses for RCPT TO, after generic.
    pub recipients: &'a [Address],
    /// RET, ENVID, NOTIFY and ORCPT, for servers with DSN.
    pub wishes: DsnRequest<'a>,
    /// What we call the message, for a server that knows by it what it has stored already (XID).
    pub id: Option<&'a str>,
    /// The header as sent: CRLF line ends, without the blank line, possibly empty.
    pub header: &'a [u8],
    /// Everything after the header, from the blank line on, with CRLF line ends.
    pub body: &'a dyn Body,
    /// Size of header and body in bytes, for SIZE.
    pub size: u64,
}

/// The protocol of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// RFC 5321: the reply to the content is for all recipients.
    Smtp,
    /// RFC 2033: each accepted recipient has its own reply to the content.
    Lmtp,
}

/// Which command may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// MAIL.
    Ready,
    /// RSET, because the last transaction stopped half-way.
    Halfway,
    /// None: the connection is closed, about to be, or out of step.
    Broken,
}

/// Optional parameters that the server offered but rejected, in this session or in the one before.
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
    pub(crate) server: Server,
    pub(crate) stream: Stream,
    pub(crate) capabilities: Capabilities,
    pub(crate) timeouts: Timeouts,
    pub(crate) state: State,
    pub(crate) protocol: Protocol,
    /// Number of MAIL commands so far.
    pub(crate) mails: usize,
    /// Whether a MAIL was refused. Then commands after the next MAIL wait for its reply, because a server may slow
    /// down with every command out of sequence.
    pub(crate) is_cautious: bool,
    pub(crate) left_out: LeftOut,
    /// The recipient of the last transaction in reply to whom the server ended the session, as an index.
    pub(crate) ended_at: Option<usize>,
    pub(crate) provider: Option<Provider>,
    /// Whether the account allows content to be sent before any reply.
    pub(crate) early_data: bool,
}

impl Session {
    /// Information about the session.
    #[must_use]
    pub fn described(&self) -> &SessionInfo {
        &self.described
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The server's capabilities on this connection.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether another transaction may follow on this connection.
    ///
    /// RFC 9422 (MAILMAX): a further MAIL would be refused, so a new session is opened before it is sent.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.state != State::Broken && self.capabilities.limits.mails.is_none_or(|most| self.mails < most)
    }

    /// Whether no transaction has begun on this connection.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.mails == 0
    }

    /// The recipient of the last transaction, as an index, in reply to whom the server ended the session.
    pub(crate) fn ended_at(&self) -> Option<usize> {
        self.ended_at
    }

    /// The parameters that are omitted.
    pub(crate) fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Omits these from now on.
    pub(crate) fn leave_out(&mut self, left_out: LeftOut) {
        self.left_out = left_out;
        // The server cannot send reports that it was not asked for.
        self.described.dsn &= !left_out.rcpt;
    }

    /// Sends QUIT and waits for the reply for a short time only.
    pub fn quit(mut self) {
        if self.state != State::Broken {
            let quit = command::quit();
            if self.stream.send_lines([quit.as_str()].into_iter(), self.timeouts.quit).is_ok() {
                // All mail is already acknowledged, so this reply does not matter.
                let _ = self.stream.reply(self.timeouts.quit, Keep::Text);
            }
            self.stream.close();
        }
    }
}

/// A finding of our own, not of the server.
pub(crate) fn local(phase: Phase, text: String) -> Fact {
    Fact { phase, seen: Seen::Local(text) }
}
