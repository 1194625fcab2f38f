//! What a server gives its dialogue: settings and limits, and the [`Policy`] that says who
//! may log in, who may send what to whom, and what becomes of a message.

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
    /// Before MAIL.
    Required(Offered),
    /// Who the client is is known otherwise; it may log in as another all the same.
    Possible(Offered),
    /// There is no AUTH.
    Absent,
}

impl LoginRule {
    /// What is offered.
    pub(super) fn offered(&self) -> Option<&Offered> {
        match self {
            Self::Required(offered) | Self::Possible(offered) => Some(offered),
            Self::Absent => None,
        }
    }
}

/// The mechanisms that are offered, safest first. Those with -PLUS are offered where there is something to bind them to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    /// Under TLS.
    pub secured: Vec<Mechanism>,
    /// Without.
    pub in_the_clear: Vec<Mechanism>,
}

impl Offered {
    /// PLAIN and LOGIN, under TLS.
    #[must_use]
    pub fn passwords() -> Self {
        Self { secured: vec![Mechanism::Plain, Mechanism::Login], in_the_clear: Vec::new() }
    }
}

/// What TLS there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsRule {
    /// By STARTTLS, required before anything that names a person.
    Starttls,
    /// By STARTTLS, if the client wants it.
    Optional,
    /// None is offered: a pipe or a socket of this machine, or a connection that began with TLS.
    Absent,
}

/// Whose clients these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    /// Those of programs and devices on a network: they keep to the letter of the RFCs.
    Network,
    /// Programs of the same user on a pipe. Their addresses may lack the domain or the angle brackets, their
    /// lines may end with LF (nobody stands between to smuggle a message in).
    Own {
        /// Completes addresses without a domain.
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
    /// Octets in a command line; RFC 4954 section 4.7 wants 12288 where there is AUTH.
    pub line: usize,
    /// Recipients of one message.
    pub recipients: usize,
    /// Octets in one message.
    pub size: u64,
    /// Malformed or misplaced commands, then the connection ends.
    pub faults: usize,
    /// Rejected logins, then the connection ends.
    pub logins: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 12_288, recipients: 1000, size: 50_000_000, faults: 20, logins: 3 }
    }
}

/// What does not change during a dialogue.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in greeting and EHLO reply.
    pub hostname: String,
    /// What TLS there is.
    pub tls: TlsRule,
    /// Whether to log in.
    pub login: LoginRule,
    /// How strictly their words are taken.
    pub clients: Clients,
    /// How strictly the ends of their lines are taken.
    pub line_ends: LineEnds,
    /// Bounds.
    pub limits: Limits,
}

/// What is known of the client so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its argument to EHLO or HELO.
    pub helo: Option<String>,
    /// The TLS version, as in `TLSv1.3`.
    pub tls: Option<String>,
    /// What ties a login to its TLS connection.
    pub binding: Option<Binding>,
    /// Name and mechanism of its login.
    pub login: Option<(String, Mechanism)>,
}

/// The envelope of the transaction in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM.
    pub sender: ReversePath,
    /// RCPT TO, in order, as accepted.
    pub recipients: Vec<Address>,
    /// BODY.
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
    /// May this client send as this sender?
    fn sender(&mut self, client: &Client, sender: &ReversePath) -> Result<(), Refusal>;
    /// May it send to this recipient?
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

/// Takes one message's content; dropped before `finish`, the message never was.
pub trait Message {
    /// Content without dot-stuffing, otherwise byte for byte, in pieces. Line ends are the client's:
    /// a bare CR or LF is not mended here. After a refusal no more pieces come.
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal>;
    /// The content is complete: take responsibility for it. The text is told to the client.
    fn finish(self) -> Result<String, Refusal>;
}

/// A client's attempt to log in.
#[derive(Debug)]
pub struct Attempt {
    /// How.
    pub mechanism: Mechanism,
    /// As whom.
    pub username: String,
    /// With what.
    pub proof: Proof,
}

/// What a client shows for its login.
#[derive(Debug)]
pub enum Proof {
    /// The password, which is still to be verified.
    Password(Secret),
    /// It has proved to know the password, and is to be sent this.
    Right(String),
    /// Its proof was wrong.
    Wrong,
}
