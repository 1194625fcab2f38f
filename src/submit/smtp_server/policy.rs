//! The input of a server's dialogue: settings, limits, and the [`Policy`], which decides who may log in, who may send
//! what to whom, and what happens to a message.

use std::time::Duration;

use super::reply::Refusal;
use crate::config::scram::{ScramHash, StoredKeys};
use crate::config::{Mechanism, Secret};
use crate::mail::address::{Address, ReversePath};
use crate::mail::dsn::Dsn;
use crate::spool::Body;
use crate::tls::Binding;

/// Whether a client must log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginRule {
    /// It must, before MAIL.
    Required(Offered),
    /// It need not, because it is identified in another way. It may log in as another user.
    Possible(Offered),
    /// There is no AUTH.
    Absent,
}

impl LoginRule {
    /// The offered mechanisms.
    pub(super) fn offered(&self) -> Option<&Offered> {
        match self {
            Self::Required(offered) | Self::Possible(offered) => Some(offered),
            Self::Absent => None,
        }
    }
}

/// The offered mechanisms, safest first. Those with -PLUS are offered only if there is channel binding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    /// With TLS.
    pub secured: Vec<Mechanism>,
    /// Without TLS.
    pub in_the_clear: Vec<Mechanism>,
}

impl Offered {
    /// PLAIN and LOGIN, with TLS.
    #[must_use]
    pub fn passwords() -> Self {
        Self { secured: vec![Mechanism::Plain, Mechanism::Login], in_the_clear: Vec::new() }
    }
}

/// The availability of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsRule {
    /// STARTTLS is required before anything that identifies a person.
    Starttls,
    /// STARTTLS is offered and optional.
    Optional,
    /// Not offered: on a pipe, on a local socket, or after implicit TLS.
    Absent,
}

/// What kind of clients these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    /// Programs and devices on a network, which must follow the RFCs exactly.
    Network,
    /// Programs of the same user on a pipe. Their addresses may lack a domain or angle brackets, and their lines may
    /// end with LF, because nobody in between could smuggle a message in.
    Own {
        /// The domain for addresses without one.
        origin: String,
    },
}

/// What an LF or a CR alone is in content. Programs that disagree about it can be made to see a second message in the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// An LF ends a line, and the content behind a dot: programs of the same user on a pipe.
    Any,
    /// In DATA, an LF ends a line but never the content. In BDAT it is refused, and a CR everywhere.
    Normalized,
    /// Both are refused everywhere.
    Strict,
}

/// Bounds on what a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest command line in bytes. RFC 4954 section 4.7 requires 12288 with AUTH.
    pub line: usize,
    /// Recipients per message.
    pub recipients: usize,
    /// Bytes per message.
    pub size: u64,
    /// Malformed or misplaced commands before the connection is closed.
    pub faults: usize,
    /// Rejected logins before the connection is closed.
    pub logins: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 12_288, recipients: 1000, size: 50_000_000, faults: 20, logins: 3 }
    }
}

/// Settings for a whole dialogue.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the greeting and the reply to EHLO.
    pub hostname: String,
    /// The availability of TLS.
    pub tls: TlsRule,
    /// Whether to log in.
    pub login: LoginRule,
    /// What kind of clients these are.
    pub clients: Clients,
    /// How strictly the ends of their lines are taken.
    pub line_ends: LineEnds,
    /// Bounds.
    pub limits: Limits,
}

/// What is known about the client so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its argument to EHLO or HELO.
    pub helo: Option<String>,
    /// The TLS version, such as `TLSv1.3`.
    pub tls: Option<String>,
    /// The channel binding of its TLS connection.
    pub binding: Option<Binding>,
    /// The name and mechanism of its login.
    pub login: Option<(String, Mechanism)>,
}

/// The envelope of the current transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The sender in MAIL FROM.
    pub sender: ReversePath,
    /// The accepted recipients in RCPT TO, in order.
    pub recipients: Vec<Address>,
    /// The BODY parameter.
    pub body: Body,
    /// SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// RET, ENVID, and for each recipient NOTIFY and ORCPT.
    pub dsn: Dsn,
}

/// The owner's decisions, which take no time to speak of.
pub trait Policy {
    /// The stored keys of this user, or made-up ones that stay the same for a user whom nobody knows, and a fresh nonce.
    fn scram(&mut self, _username: &str, _hash: ScramHash) -> Result<(StoredKeys, String), Refusal> {
        Err(Refusal::new(504, "5.5.4", "this mechanism is not supported"))
    }
    /// Decides whether the client may use this sender.
    fn sender(&mut self, client: &Client, sender: &ReversePath) -> Result<(), Refusal>;
    /// Decides whether the client may send to this recipient.
    fn recipient(&mut self, client: &Client, envelope: &Envelope, recipient: &Address) -> Result<(), Refusal>;
}

/// What becomes of a login.
#[derive(Debug)]
pub struct Decision {
    /// Whether it is let in.
    pub verdict: Result<(), Refusal>,
    /// How long it waits for the reply.
    pub pause: Duration,
}

impl Decision {
    /// Without a pause.
    #[must_use]
    pub fn at_once(verdict: Result<(), Refusal>) -> Self {
        Self { verdict, pause: Duration::ZERO }
    }
}

/// What the actions that a dialogue hands out come to. They may take their time; whoever drives the dialogue asks.
pub trait Service: Policy {
    /// What takes the content of a message.
    type Message: Message;
    /// May this login in? The password is not kept.
    fn login(&mut self, client: &Client, attempt: &Attempt) -> Decision;
    /// A message is about to come.
    fn begin(&mut self, client: &Client, envelope: &Envelope) -> Result<Self::Message, Refusal>;
}

/// Receives the content of a message. If it is dropped before `finish`, there is no message.
pub trait Message {
    /// Content in pieces, without dot-stuffing but otherwise unchanged. Line ends are the client's: bare CR or LF is
    /// not corrected here. After a refusal, no more pieces follow.
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal>;
    /// The content is complete: takes responsibility for the message. The returned text is for the client.
    fn finish(self) -> Result<String, Refusal>;
}

/// A client's attempt to log in.
#[derive(Debug)]
pub struct Attempt {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The user name.
    pub username: String,
    /// The proof of identity.
    pub proof: Proof,
}

/// How a client proves its identity.
#[derive(Debug)]
pub enum Proof {
    /// A password, which still has to be verified.
    Password(Secret),
    /// It proved that it knows the password. This text must be sent to it.
    Right(String),
    /// Its proof was wrong.
    Wrong,
}
